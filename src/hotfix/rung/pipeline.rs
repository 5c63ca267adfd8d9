//! pipeline: the merge request's own pipeline is good for the pushed commit.
//!
//! "No pipeline seen yet" is never "nothing to wait for". Jobs with `allow_failure` never block: GitLab
//! leaves them out of the pipeline's status.

use super::{Check, Who};
use crate::error::Kind;
use crate::hotfix::goal::merged;
use crate::hotfix::snapshot::{Fact, Pipeline, RunStatus, Snapshot};

pub(super) fn check(s: &Snapshot) -> Check {
    if merged(s) {
        return Check::done("merged");
    }
    let Some(mr) = s.merge_request.known() else {
        return Check::unknown("the merge request was not read");
    };
    if s.remote.known().is_some_and(|tip| *tip != mr.head) {
        return Check::wait(Who::GitLab, "GitLab to see the pushed commit");
    }
    match &mr.pipeline {
        Fact::Unknown => Check::unknown("pipelines may not be read with this token"),
        Fact::Absent => Check::bounded_wait(format!("a pipeline for {}", mr.head.short())),
        Fact::Known(pipeline) => of(pipeline),
    }
}

fn of(pipeline: &Pipeline) -> Check {
    let id = pipeline.id;
    match &pipeline.status {
        RunStatus::Success => Check::done(format!("pipeline {id} passed")),
        RunStatus::Failed => {
            let jobs = match pipeline.failed_jobs.as_slice() {
                [] => String::new(),
                jobs => format!(" in {}", jobs.join(", ")),
            };
            Check::blocked(
                Kind::Rejected,
                format!("pipeline {id} failed{jobs}"),
                format!(
                    "see {} ; push a fix or retry the job there, then run the same command again",
                    pipeline.web_url
                ),
            )
        }
        RunStatus::Canceled | RunStatus::Skipped => Check::blocked(
            Kind::Rejected,
            format!("pipeline {id} is {}", pipeline.status.words()),
            format!("run it again at {} , then run the same command again", pipeline.web_url),
        ),
        RunStatus::Manual => Check::blocked(
            Kind::Rejected,
            format!("pipeline {id} stopped at a manual job"),
            format!("somebody must play or unblock it at {}", pipeline.web_url),
        ),
        other => Check::wait(Who::GitLab, format!("pipeline {id}: {}", other.words())),
    }
}
