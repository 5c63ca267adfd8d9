//! migrate: the migration job succeeded, where the change holds migrations. Its failure stops nothing
//! else.

use super::{Check, Who};
use crate::error::Kind;
use crate::hotfix::snapshot::{Fact, RunStatus, Snapshot};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot) -> Check {
    let paths = match &s.migration.paths {
        Fact::Unknown => return Check::unknown("whether the change holds migrations could not be told"),
        Fact::Absent => return Check::done("no migrations in it"),
        Fact::Known(paths) if paths.is_empty() => return Check::done("no migrations in it"),
        Fact::Known(paths) => paths,
    };
    let name = &s.policy.migration_job;
    let job = match &s.migration.job {
        Fact::Known(job) => job,
        Fact::Unknown => return Check::unknown(format!("{name} was not read")),
        Fact::Absent => {
            return Check::blocked(
                Kind::Rejected,
                format!(
                    "the change holds {}, but the pipeline has no job {name} to run it",
                    paths.join(", ")
                ),
                "run the migrations as your team does, then record what you saw: git hotfix verify --confirm <text>",
            );
        }
    };
    let shipped = s.deployment.known().map(|deployment| &deployment.commit);
    let Some(commit) = shipped.or_else(|| s.landed.known().map(|landed| &landed.commit)).cloned() else {
        return Check::unknown("the landed commit was not read");
    };
    match &job.status {
        RunStatus::Success => Check::done(name.clone()),
        RunStatus::Manual => Check::step(Step::Play {
            job: job.id,
            name: job.name.clone(),
            deployment: None,
            commit,
            ships: Vec::new(),
            migrations: paths.clone(),
        }),
        RunStatus::Failed | RunStatus::Canceled | RunStatus::Skipped => Check::blocked(
            Kind::Rejected,
            format!("{name} {}; production runs the new code without its migrations", job.status.words()),
            format!("see {} , mend it and retry the job there, then: git hotfix migrate", job.web_url),
        ),
        status => Check::wait(Who::GitLab, format!("{name} (job {}): {}", job.id, status.words())),
    }
}
