//! `ci promote --rollback`: by which receipt, and the way back by it.

use std::path::Path;

use super::ground::{self, Ground};
use super::promote::{secrets, site, who};
use super::watch::Watch;
use crate::ci::Body;
use crate::ci::promote::{self, Outcome, RECEIPT, Receipt, Work};
use crate::command::{Exit, usage_problem};
use crate::config::env;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};

pub(super) const BODY: Body<'_> = Body {
    command: "git hotfix ci promote --rollback promote-receipt.json",
    elsewhere: "git hotfix rollback",
};

/// The receipt that the deploy job of this pipeline left, whatever became of it. Of several attempts the newest
/// counts, with what ran before the first.
pub(super) fn left_here(ctx: &Context, ground: &Ground<'_>) -> Result<Receipt> {
    let none = |why: String| {
        Problem::new(Kind::Refused, why)
            .hint("name one: git hotfix ci promote --rollback promote-receipt.json")
            .hint("or go back by hand: heroku releases -a <app>; heroku rollback -a <app> v<n>")
    };
    let pipeline = ctx.env.get(env::CI_PIPELINE_ID).and_then(|id| id.parse().ok());
    let pipeline = pipeline.ok_or_else(|| none("CI_PIPELINE_ID names no pipeline".to_owned()))?;
    let gitlab = ground::gitlab(ctx)?;
    let names = &ground.config.deploy_jobs.value;
    let mut jobs = gitlab.jobs(pipeline, true, |job| names.contains(&job.name))?;
    jobs.sort_by_key(|job| job.id);
    let newest = jobs.last();
    let newest =
        newest.ok_or_else(|| none(format!("pipeline {pipeline} has no job {}", names.join(" or "))))?;
    let mut whole: Option<Receipt> = None;
    for job in &jobs {
        let Some(bytes) = gitlab.artifact(job.id, RECEIPT)? else { continue };
        let receipt = Receipt::parse(&bytes, &format!("{RECEIPT} of job {}", job.id))?;
        whole = Some(match whole {
            Some(earlier) => following(receipt, &earlier),
            None => receipt,
        });
    }
    whole.ok_or_else(|| none(format!("{} (job {}) left no {RECEIPT}", newest.name, newest.id)))
}

/// A later attempt finds released what an earlier one released: what ran before is what the earlier one saw.
fn following(mut later: Receipt, earlier: &Receipt) -> Receipt {
    for app in &mut later.apps {
        let seen = earlier.apps.iter().find(|other| other.name == app.name);
        let Some(before) = seen.and_then(|other| other.before.clone()) else { continue };
        if app.before.as_ref() != Some(&before) {
            app.after = app.after.take().or(app.before.take());
            app.before = Some(before);
        }
    }
    later
}

/// Takes every app of the receipt back; `only` some of them where it names any.
pub(super) fn run(
    ctx: &Context,
    ground: &Ground<'_>,
    mut receipt: Receipt,
    only: &[String],
    path: &Path,
    outside: Option<&str>,
) -> Result<Exit> {
    let config = &ground.config;
    if receipt.work != Work::Promote {
        return Err(usage_problem(
            "this is the receipt of a rollback",
            "git hotfix ci promote --rollback promote-receipt.json",
        ));
    }
    if let Some(stranger) = only.iter().find(|name| receipt.apps.iter().all(|app| app.name != **name)) {
        let known: Vec<&str> = receipt.apps.iter().map(|app| app.name.as_str()).collect();
        return Err(usage_problem(
            format!("the receipt knows no app called {stranger}"),
            format!("git hotfix ci promote --rollback --app {}", known.first().unwrap_or(&"<app>")),
        )
        .because(format!("it is of {}", known.join(", "))));
    }
    receipt.apps.retain(|app| only.is_empty() || only.contains(&app.name));
    receipt.work = Work::Rollback;
    receipt.outcome = Outcome::Releasing;
    receipt.who = who(ctx, ground);
    receipt.outside_pipeline = outside.map(str::to_owned);
    receipt.job = ctx.env.get(env::CI_JOB_URL).map(str::to_owned);
    receipt.started_at = ctx.clock.now();
    receipt.finished_at = None;
    receipt.problem = None;
    for app in &mut receipt.apps {
        // A receipt is a file: what it names must be what the production branch names.
        let known = config.app_details.iter().find(|known| known.name == app.name);
        if known.and_then(|known| known.heroku.as_deref()) != Some(app.heroku.as_str()) {
            return Err(Problem::new(
                Kind::Refused,
                format!("the receipt takes {} for {}", app.heroku, app.name),
            )
            .because(".hotfix.toml on the production branch does not")
            .hint("take promote-receipt.json from the artifacts of the job that deployed"));
        }
        app.problem = None;
        app.health = None;
        app.seconds.clear();
    }
    let heroku = ground::heroku(ctx, config)?;
    let secrets = secrets(ctx);
    let keep = |receipt: &Receipt| receipt.write(path, &secrets);
    let again = match outside {
        Some(_) => "run the same command again".to_owned(),
        None => "play the job again (git hotfix rollback --again)".to_owned(),
    };
    let site = site(ctx, config, &heroku, &keep, &again);
    ctx.ui.warn("going back takes the config vars back as well; what migrations did to databases stays");
    let health = |name: &str| {
        config.app_details.iter().find(|app| app.name == name).and_then(|app| app.health.clone())
    };
    let mut watch = Watch::new(ctx);
    ctx.ui.in_flight().set("rolling back", again.as_str());
    let done = promote::roll_back(&site, &health, &mut receipt, &mut |event| watch.tell(event));
    ctx.ui.in_flight().clear();
    drop(watch);
    done?;
    for app in &receipt.apps {
        let version = app.after.as_ref().map_or(0, |mark| mark.version);
        ctx.ui.line(format!("{} is back: v{version}", app.name));
    }
    ctx.ui.say(format!("the receipt is {}", path.display()));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_attempt_goes_back_to_before_the_first() {
        let receipt = |rows: &[(&str, u64, Option<u64>)]| -> Receipt {
            let mark = |version: u64| serde_json::json!({"id": format!("r{version}"), "version": version});
            let apps: Vec<serde_json::Value> = rows
                .iter()
                .map(|(name, before, after)| {
                    serde_json::json!({
                        "name": name, "heroku": "h", "image": "i", "digest": "d", "docker_image": "x",
                        "outcome": "live", "before": mark(*before), "after": after.map(mark), "seconds": {},
                    })
                })
                .collect();
            serde_json::from_value(serde_json::json!({
                "version": 1, "work": "promote", "outcome": "live", "commit": "c", "who": "dev",
                "started_at": "2026-03-01T03:00:00Z", "apps": apps,
            }))
            .unwrap()
        };
        let first = receipt(&[("portal", 1, Some(2)), ("admin", 7, None)]);
        let second = receipt(&[("portal", 2, None), ("admin", 7, Some(8)), ("new", 3, Some(4))]);
        let expected = receipt(&[("portal", 1, Some(2)), ("admin", 7, Some(8)), ("new", 3, Some(4))]);
        assert_eq!(following(second, &first), expected);
    }
}
