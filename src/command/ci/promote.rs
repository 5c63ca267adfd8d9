//! `git hotfix ci promote`: the body of `deploy-prod-hotfix`, and with `--rollback` of `rollback-prod-hotfix`.

use std::path::{Path, PathBuf};

use super::ground::{self, Ground, Strictness, stand};
use super::watch::Watch;
use crate::ci::promote::{
    self, Images, Limits, RECEIPT, ROLLBACK_RECEIPT, Ready, Receipt, Site, Target, Work, preflight, short,
};
use crate::ci::registry::{self, Login, Registries};
use crate::ci::{Body, in_environment};
use crate::command::{Exit, usage_problem};
use crate::config::{Config, env};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::http::{Retry, Secret};

/// Arguments of `ci promote`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Brings the images of CI_COMMIT_SHA from the project's registry to Heroku, for all apps of [deploy] apps, and
releases them one after the other. No docker daemon is needed. Every app is looked at before one is touched;
the first that fails stops the rest, and what each app runs then is said. Run again, it goes on: an app that
runs the image already is only verified.

Reads CI_REGISTRY_IMAGE, CI_REGISTRY_USER and CI_REGISTRY_PASSWORD (or CI_JOB_TOKEN), which GitLab sets, and
HEROKU_API_KEY. The apps stand in .hotfix.toml on the production branch:

  [apps.portal]
  heroku = \"acme-portal-prod\"
  image = \"portal\"              # below the project's registry; default: the app's name
  tag = \"{sha}\"                 # or {short_sha}; default {sha}
  processes = [\"web\"]           # default web; release is one, too
  health = { url = \"https://portal.example/health\", identity = \"x-revision\" }
                                # or field = \"build.commit\"; status = 200

The receipt is promote-receipt.json with promote-receipt.md beside it, also after a failure; that of a rollback
by a named one is rollback-receipt.json. The whole job:

  deploy-prod-hotfix:
    environment: production
    resource_group: production
    when: manual
    allow_failure: false
    script: git hotfix ci promote
    artifacts: { when: always, paths: [promote-receipt.*] }")]
pub struct Args {
    /// Only this app; repeatable (default: every app of the configuration)
    #[arg(long, value_name = "APP", conflicts_with = "rollback")]
    pub app: Vec<String>,
    /// Look at everything, print the plan, touch nothing; runs anywhere
    #[arg(long)]
    pub dry_run: bool,
    /// Take the apps of this receipt back to what they ran before (default: the one that this pipeline's
    /// deploy job left)
    #[arg(long, value_name = "RECEIPT", conflicts_with = "dry_run", num_args = 0..=1)]
    pub rollback: Option<Option<PathBuf>>,
    /// Where to write the receipt
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Run outside the production job's pipeline; the reason goes into the receipt
    #[arg(long, value_name = "REASON")]
    pub outside_pipeline: Option<String>,
}

const BODY: Body<'_> =
    Body { command: "git hotfix ci promote", elsewhere: "git hotfix ci promote --dry-run" };

/// Runs it.
pub(super) fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let outside = args.outside_pipeline.as_deref();
    let strictness = match args.dry_run {
        true => Strictness::Anywhere,
        false => Strictness::Production(outside),
    };
    let ground = stand(ctx, strictness, BODY)?;
    let environment = &ground.config.environment.value;
    if !args.dry_run {
        in_environment(&ctx.env, environment, outside, BODY)?;
        // A rollback is no deployment to GitLab: recorded as one, it would be one of the commit it takes away.
        if args.rollback.is_none() {
            known_to_gitlab(ctx, environment, outside)?;
        }
    }
    let path = |name: &str| args.receipt.clone().unwrap_or_else(|| name.into());
    match &args.rollback {
        // Not over the receipt that it goes by.
        Some(Some(from)) => roll_back(ctx, &ground, Receipt::read(from)?, &path(ROLLBACK_RECEIPT), outside),
        Some(None) => roll_back(ctx, &ground, left_here(ctx, &ground)?, &path(RECEIPT), outside),
        None => forward(ctx, &ground, &args, &path(RECEIPT)),
    }
}

/// The receipt that the deploy job of this pipeline left, whatever became of it. Of several attempts the newest
/// counts, with what ran before the first.
fn left_here(ctx: &Context, ground: &Ground<'_>) -> Result<Receipt> {
    let none = |why: String| {
        Problem::new(Kind::Refused, why)
            .hint("name one: git hotfix ci promote --rollback promote-receipt.json")
            .hint("or go back by hand: heroku releases -a <app>; heroku rollback -a <app> v<n>")
    };
    let pipeline = ctx.env.get(env::CI_PIPELINE_ID).and_then(|id| id.parse().ok());
    let pipeline = pipeline.ok_or_else(|| none("CI_PIPELINE_ID names no pipeline".to_owned()))?;
    let gitlab = ctx.gitlab_required()?;
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

fn forward(ctx: &Context, ground: &Ground<'_>, args: &Args, path: &Path) -> Result<Exit> {
    let config = &ground.config;
    let images = Images::of(&ctx.env)?;
    let targets = promote::targets(config, &args.app, &images, &ground.commit)?;
    let heroku = ground::heroku(ctx, config)?;
    let registries = registries(ctx, config, &images, &targets)?;
    let secrets = secrets(ctx);
    let keep = |receipt: &Receipt| receipt.write(path, &secrets);
    let site = site(ctx, config, &heroku, &registries, &keep);
    let mut watch = Watch::new(ctx);
    ctx.ui.say(format!("{} to {}", short(&ground.commit), names(&targets)));
    let ready = {
        watch.begin("", "preflight");
        let found = preflight(&site, targets, &ground.commit, &mut |event| watch.tell(event));
        watch.end();
        found?
    };
    if args.dry_run {
        return plan(ctx, &ready);
    }
    let mut receipt = Receipt::begin(&ground.commit, &who(ctx, ground), ctx.clock.now(), &ready);
    receipt.outside_pipeline = args.outside_pipeline.clone();
    receipt.job = ctx.env.get(env::CI_JOB_URL).map(str::to_owned);
    keep(&receipt)?;
    let again = format!("{} (or the job again); the receipt so far is {}", BODY.command, path.display());
    ctx.ui.in_flight().set("promoting", again);
    let done = promote::promote(&site, &ready, &mut receipt, &mut |event| watch.tell(event));
    ctx.ui.in_flight().clear();
    drop(watch);
    done.inspect_err(|_| ctx.ui.say(format!("the receipt is {}", path.display())))?;
    ctx.ui.line(format!("{} is live on {}", short(&ground.commit), list(&ready)));
    ctx.ui.say(format!("the receipt is {}", path.display()));
    Ok(Exit::Done)
}

fn roll_back(
    ctx: &Context,
    ground: &Ground<'_>,
    mut receipt: Receipt,
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
    receipt.work = Work::Rollback;
    receipt.outcome = promote::Outcome::Releasing;
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
    let registries = Registries::new(registry::Options::default(), ctx.clock.clone());
    let secrets = secrets(ctx);
    let keep = |receipt: &Receipt| receipt.write(path, &secrets);
    let site = site(ctx, config, &heroku, &registries, &keep);
    ctx.ui.warn("going back takes the config vars back as well; what migrations did to databases stays");
    let health = |name: &str| {
        config.app_details.iter().find(|app| app.name == name).and_then(|app| app.health.clone())
    };
    let mut watch = Watch::new(ctx);
    let again = format!("{} --rollback (or the job again)", BODY.command);
    ctx.ui.in_flight().set("rolling back", again);
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

/// Asks GitLab, where a token allows it, whether this job is a deployment to the environment: variables can be
/// set by hand, deployments cannot.
fn known_to_gitlab(ctx: &Context, environment: &str, outside: Option<&str>) -> Result<()> {
    let job = ctx.env.get(env::CI_JOB_ID).and_then(|id| id.parse::<u64>().ok());
    let (Some(job), None, Some(_)) = (job, outside, ctx.env.get(env::TOKEN)) else { return Ok(()) };
    let Some(gitlab) = ctx.gitlab()? else { return Ok(()) };
    let known = match gitlab.deployments(environment, None, 50) {
        Ok(rows) => rows.iter().any(|row| row.deployable.as_ref().is_some_and(|own| own.id == job)),
        // The rights of the token are not the question here.
        Err(crate::gitlab::Error::Forbidden { .. } | crate::gitlab::Error::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match known {
        true => Ok(()),
        false => Err(Problem::new(
            Kind::Refused,
            format!("GitLab knows no deployment of job {job} to {environment}"),
        )
        .because("only a job with `environment:` waits for the approvals")
        .hint("play the deploy job of the production branch's pipeline: git hotfix deploy")),
    }
}

fn registries(ctx: &Context, config: &Config, images: &Images<'_>, targets: &[Target]) -> Result<Registries> {
    let defaults = registry::Options::default();
    let retry =
        Retry { base: config.retry_base.value, budget: config.retry_budget.value, ..defaults.retry.clone() };
    let mut registries = Registries::new(registry::Options { retry, ..defaults }, ctx.clock.clone());
    if let Some(first) = targets.first() {
        images.log_in(&mut registries, first.source.origin())?;
    }
    registries.login(Login::new(&config.promote.heroku_registry.value, "_", ground::key(ctx)?)?);
    Ok(registries)
}

fn site<'a>(
    ctx: &Context,
    config: &'a Config,
    heroku: &'a crate::ci::heroku::Heroku,
    registries: &'a Registries,
    keep: &'a dyn Fn(&Receipt) -> Result<()>,
) -> Site<'a> {
    let times = &config.promote;
    Site {
        heroku,
        registries,
        registry: &times.heroku_registry.value,
        limits: Limits {
            poll_min: config.poll_min.value,
            poll_max: config.poll_max.value,
            settle: config.settle.value,
            release: times.release_deadline.value,
            boot: times.boot_deadline.value,
            health: times.health_deadline.value,
            answer: times.health_timeout.value,
            check_min: times.health_min.value,
            check_max: times.health_max.value,
            streak: times.health_streak.value,
        },
        clock: ctx.clock.clone(),
        keep,
    }
}

fn plan(ctx: &Context, ready: &[Ready]) -> Result<Exit> {
    for app in ready {
        let target = &app.target;
        let runs = app.runs.as_ref().map_or("nothing".to_owned(), |release| format!("v{}", release.version));
        let line = format!(
            "{}: {} ({:.1} MB) to {} as {}, now {runs}",
            target.name,
            app.image.source,
            app.image.size() as f64 / 1e6,
            target.heroku,
            target.processes.join(", "),
        );
        ctx.ui.line(line);
        ctx.ui.line(format!("  image {}", app.image.config_digest));
        match &target.health {
            Some(health) => ctx.ui.line(format!("  health {}", health.url)),
            None => ctx.ui.line("  no health check"),
        }
    }
    ctx.ui.say("nothing was touched");
    Ok(Exit::Done)
}

/// Who started it, as far as is known.
fn who(ctx: &Context, ground: &Ground<'_>) -> String {
    if let Some(login) = ctx.env.get(env::GITLAB_USER_LOGIN) {
        return login.to_owned();
    }
    let config = ground.repo.config().ok();
    let name = config.and_then(|config| config.get("user.email").or_else(|| config.get("user.name")));
    name.unwrap_or_else(|| "unknown".to_owned())
}

/// What must not stand in a receipt.
fn secrets(ctx: &Context) -> Vec<Secret> {
    let names = [env::HEROKU_API_KEY, env::CI_REGISTRY_PASSWORD, env::CI_JOB_TOKEN, env::TOKEN];
    names.iter().filter_map(|name| Secret::new(ctx.env.get(name)?)).collect()
}

fn names(targets: &[Target]) -> String {
    targets.iter().map(|target| target.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn list(ready: &[Ready]) -> String {
    ready.iter().map(|app| app.target.name.as_str()).collect::<Vec<_>>().join(", ")
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
