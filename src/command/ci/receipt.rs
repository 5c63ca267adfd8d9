//! `git hotfix ci receipt`: the receipt that a pipeline's deployment left among its artifacts.
//!
//! A job cannot be given it by `needs`: GitLab skips a manual job whose need failed, and a rollback is wanted just
//! then.

use serde_json::Value;

use crate::command::{Exit, usage_problem};
use crate::config::env;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::hotfix::snapshot::{RECEIPT, Receipt};

/// Arguments of `ci receipt`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The pipeline (default: the one of this job)
    #[arg(long, value_name = "ID")]
    pub pipeline: Option<u64>,
}

/// Runs it. Of several attempts the newest counts, with what ran before the first.
pub(super) fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let here = ctx.env.get(env::CI_PIPELINE_ID).and_then(|id| id.parse().ok());
    let Some(pipeline) = args.pipeline.or(here) else {
        return Err(usage_problem(
            "this is no GitLab job, so say which pipeline is meant",
            "git hotfix ci receipt --pipeline <id>",
        ));
    };
    let (file, label) = ctx.file_on_production()?;
    let config = ctx.with_file(file.as_deref(), &label)?;
    let names = &config.deploy_jobs.value;
    let gitlab = ctx.gitlab_required()?;
    let mut jobs = gitlab.jobs(pipeline, true, |job| names.contains(&job.name))?;
    jobs.sort_by_key(|job| job.id);
    let mut whole: Option<Value> = None;
    for job in &jobs {
        let Some(bytes) = gitlab.artifact(job.id, RECEIPT)? else { continue };
        let document = Receipt::parse(&bytes).and_then(|_| serde_json::from_slice(&bytes).ok());
        let Some(document) = document else {
            let page = job.web_url.as_deref().unwrap_or("the artifacts of that job");
            let message = format!("job {} left a {RECEIPT} that cannot be read", job.id);
            return Err(Problem::new(Kind::Refused, message).hint(format!("look at it: {page}")));
        };
        whole = Some(match whole {
            Some(earlier) => joined(&earlier, document),
            None => document,
        });
    }
    let Some(receipt) = whole else {
        let message = format!("pipeline {pipeline} has no deployment that left a receipt");
        return Err(Problem::new(Kind::Refused, message)
            .because(format!("looked for {RECEIPT} in {} job(s) called {}", jobs.len(), names.join(" or ")))
            .hint("nothing was released there, or the artifacts have expired: take it back on Heroku (heroku rollback)"));
    };
    ctx.ui.json(&receipt);
    Ok(Exit::Done)
}

/// A later attempt finds released what an earlier one released: what ran before is what the earlier one saw.
fn joined(earlier: &Value, mut later: Value) -> Value {
    let seen = |name: &Value| -> Option<&Value> {
        let mut apps = earlier["apps"].as_array()?.iter();
        apps.find(|app| app["name"] == *name).map(|app| &app["before"]).filter(|before| !before.is_null())
    };
    for app in later["apps"].as_array_mut().into_iter().flatten() {
        let Some(before) = seen(&app["name"]).cloned() else { continue };
        if app["before"] != before {
            if app["after"].is_null() {
                app["after"] = app["before"].clone();
            }
            app["before"] = before;
        }
    }
    later
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_second_attempt_goes_back_to_before_the_first() {
        let mark = |version: u64| json!({"id": format!("r{version}"), "version": version});
        let app =
            |name: &str, before: Value, after: Value| json!({"name": name, "before": before, "after": after});
        let first = json!({"apps": [app("portal", mark(1), mark(2)), app("admin", mark(7), Value::Null)]});
        let second = json!({"apps": [
            app("portal", mark(2), Value::Null), app("admin", mark(7), mark(8)), app("new", mark(3), mark(4)),
        ]});
        let expected = json!({"apps": [
            app("portal", mark(1), mark(2)), app("admin", mark(7), mark(8)), app("new", mark(3), mark(4)),
        ]});
        assert_eq!(joined(&first, second), expected);
    }
}
