//! build: the production branch's pipeline has reached the deploy job.
//!
//! GitLab makes the deployment only when the job is reached, so a deployment that contains the change
//! is the proof.

use super::{Check, Who};
use crate::error::Kind;
use crate::hotfix::snapshot::{Fact, RunStatus, Snapshot};

pub(super) fn check(s: &Snapshot) -> Check {
    if s.production.known().is_some_and(|p| p.has_fix.yes() || p.had_fix.yes()) {
        return Check::done("deployed");
    }
    if let Some(deployment) = s.deployment.known() {
        return Check::done(match s.main_pipeline.known() {
            Some(pipeline) => format!("pipeline {} reached {}", pipeline.id, deployment.job.name),
            None => format!("{} reached", deployment.job.name),
        });
    }
    let jobs = s.policy.deploy_jobs.join(" or ");
    let main = &s.policy.production_branch;
    match &s.main_pipeline {
        Fact::Unknown => Check::unknown("the production pipeline was not read"),
        Fact::Absent => Check::bounded_wait(format!("a pipeline on {main}")),
        Fact::Known(pipeline) => match &pipeline.status {
            RunStatus::Failed | RunStatus::Canceled => Check::blocked(
                Kind::Rejected,
                match pipeline.failed_jobs.as_slice() {
                    [] => format!("pipeline {} on {main} {}", pipeline.id, pipeline.status.words()),
                    failed => format!(
                        "pipeline {} on {main} {} in {}",
                        pipeline.id,
                        pipeline.status.words(),
                        failed.join(", ")
                    ),
                },
                format!("retry the job at {} , then run the same command again", pipeline.web_url),
            ),
            RunStatus::Success | RunStatus::Skipped => Check::bounded_wait(format!(
                "pipeline {} on {main} ended without a deployment by {jobs}",
                pipeline.id
            )),
            RunStatus::Manual => Check::bounded_wait(format!("the deployment of {jobs}")),
            other => Check::wait(Who::GitLab, format!("pipeline {}: {}", pipeline.id, other.words())),
        },
    }
}
