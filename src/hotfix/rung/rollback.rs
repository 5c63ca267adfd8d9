//! rollback: production runs again what it ran before this hotfix's deployment.
//!
//! Only a deployment that began can be taken back, only while nothing was deployed after it, and once: a
//! rollback that succeeded is never played again.

use jiff::Timestamp;

use super::{Check, Who};
use crate::error::Kind;
use crate::hotfix::goal::Goal;
use crate::hotfix::snapshot::{Deployment, Fact, Job, RunStatus, Snapshot};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot, goal: &Goal) -> Check {
    let deployment = match (&s.deployment, &s.landed) {
        (Fact::Known(deployment), _) => deployment,
        (_, Fact::Absent) => {
            return Check::blocked(
                Kind::Refused,
                "nothing has landed: there is nothing in production to take back",
                "git hotfix status   (or give the hotfix up: git hotfix abort)",
            );
        }
        (Fact::Absent, _) => {
            return Check::blocked(
                Kind::Refused,
                "it was never deployed: there is nothing in production to take back",
                "git hotfix status   (to take it back on the production branch: git hotfix revert)",
            );
        }
        (Fact::Unknown, _) => return Check::unknown("the deployment was not read"),
    };
    if let Some(back) = went_back(s) {
        return Check::done(back);
    }
    if let Some(check) =
        hidden(s, deployment).or_else(|| not_yet(deployment)).or_else(|| moved_on(s, deployment))
    {
        return check;
    }
    let name = &s.policy.rollback_job;
    let job = match &s.way_back.job {
        Fact::Known(job) => job,
        Fact::Unknown => return Check::unknown(format!("{name} was not read")),
        Fact::Absent => {
            return Check::blocked(
                Kind::Config,
                format!("the pipeline of the deployment has no job {name}"),
                "name yours: [deploy] rollback_job in .hotfix.toml   (none yet: git hotfix ci template)",
            );
        }
    };
    let step = |again| Check::step(step(s, deployment, job, again));
    match &job.status {
        RunStatus::Manual => step(false),
        // It took an earlier deployment back; this one came after it.
        RunStatus::Success => step(true),
        RunStatus::Failed | RunStatus::Canceled if *goal == (Goal::Rollback { again: true }) => step(true),
        RunStatus::Failed | RunStatus::Canceled => Check::blocked(
            Kind::Rejected,
            format!("{name} {}: what each app runs is in its log", job.status.words()),
            format!("see {} ; then, as a new job: git hotfix rollback --again", job.web_url),
        ),
        RunStatus::Skipped => Check::blocked(
            Kind::Refused,
            format!("GitLab skipped {name}: a job before it in the pipeline failed, and it needs that one"),
            "give the job `needs: []` as `git hotfix ci template` does; now, by hand: git hotfix ci promote --rollback <receipt> --outside-pipeline <reason>",
        ),
        RunStatus::Created => Check::blocked(
            Kind::Refused,
            format!("{name} waits for other jobs of its pipeline"),
            format!("see {} ; then: git hotfix rollback", job.web_url),
        ),
        status => Check::wait(Who::GitLab, format!("{name} (job {}): {}", job.id, status.words())),
    }
}

/// The rollback job that took this deployment back: it ended well, and after the deployment.
pub fn taken_back(s: &Snapshot) -> Option<&Job> {
    let job = s.way_back.job.known().filter(|job| job.status == RunStatus::Success)?;
    let deployment = s.deployment.known()?;
    // A manual job's deployment is there long before it runs.
    let deployed = deployment.job.finished_at.or(deployment.created_at);
    came_after(job.finished_at, deployed).then_some(job)
}

/// Whether a rollback that ended then came after what was deployed then. In doubt it did: what was taken back is
/// not taken for live.
pub fn came_after(ended: Option<Timestamp>, deployed: Option<Timestamp>) -> bool {
    ended.zip(deployed).is_none_or(|(ended, deployed)| ended >= deployed)
}

fn went_back(s: &Snapshot) -> Option<String> {
    let production = s.production.known();
    if let Some(production) = production.filter(|p| p.has_fix.no() && p.had_fix.yes()) {
        return Some(format!("production runs {} again, without it", production.commit.short()));
    }
    taken_back(s).map(|job| format!("{} (job {}) took it back", job.name, job.id))
}

/// The rollback job takes the receipt of the newest job, and that has none yet.
fn hidden(s: &Snapshot, deployment: &Deployment) -> Option<Check> {
    let ended = s.way_back.hidden?;
    let Job { name, id, .. } = &deployment.job;
    Some(Check::blocked(
        Kind::Refused,
        format!(
            "job {ended} ended, and a new {name} (job {id}) waits: {} would see only that one",
            s.policy.rollback_job
        ),
        format!(
            "if job {ended} released anything, take it back from its receipt: git hotfix ci promote --rollback <receipt> --outside-pipeline <reason>"
        ),
    ))
}

/// What has not ended, or never began, is not taken back.
fn not_yet(deployment: &Deployment) -> Option<Check> {
    let job = &deployment.job;
    let nothing = |what: String| {
        Some(Check::blocked(
            Kind::Refused,
            what,
            "git hotfix status   (there is nothing in production to take back)",
        ))
    };
    match &job.status {
        RunStatus::Success | RunStatus::Canceled => None,
        RunStatus::Failed if job.failure_reason.as_deref() == Some("deployment_rejected") => {
            nothing(format!("{} was rejected and never ran", job.name))
        }
        RunStatus::Failed => None,
        RunStatus::Manual | RunStatus::Created | RunStatus::Skipped | RunStatus::Scheduled => {
            nothing(match job.status {
                RunStatus::Manual => format!("{} has not run: nobody has played it", job.name),
                _ => format!("{} has not run: it is {}", job.name, job.status.words()),
            })
        }
        status => Some(Check::wait(
            Who::GitLab,
            format!("{} (job {}) to end: {}", job.name, job.id, status.words()),
        )),
    }
}

/// The job goes back to before its own deployment: what was deployed after that would go along.
fn moved_on(s: &Snapshot, deployment: &Deployment) -> Option<Check> {
    let production = match &s.production {
        Fact::Unknown => return Some(Check::unknown("what production runs could not be read")),
        Fact::Absent => return None,
        Fact::Known(production) => production,
    };
    if production.has_fix.is_unknown() {
        return Some(Check::unknown("whether production holds the change could not be told"));
    }
    (production.deployment > deployment.id).then(|| {
        Check::blocked(
            Kind::Refused,
            format!("production runs {} by now, deployed after this: that would go along", production.commit.short()),
            "take back what was deployed last, first: git hotfix rollback <that hotfix>   (or land a revert: git hotfix revert)",
        )
    })
}

fn step(s: &Snapshot, deployment: &Deployment, job: &Job, again: bool) -> Step {
    let failed = deployment.job.status != RunStatus::Success;
    // After a deployment that failed, what GitLab calls production is what ran before.
    let to = match failed {
        true => s.production.known().map(|production| production.commit.clone()),
        false => s.way_back.before.known().cloned(),
    };
    Step::Rollback {
        job: job.id,
        name: job.name.clone(),
        again,
        commit: deployment.commit.clone(),
        to,
        undoes: s.ships.clone(),
        apps: s.way_back.receipt.known().map(|receipt| receipt.apps.clone()).unwrap_or_default(),
        migrations: migrated(s),
    }
}

/// The changed migrations, unless their job is known not to have run.
pub fn migrated(s: &Snapshot) -> Fact<Vec<String>> {
    let idle = |job: &Job| {
        matches!(
            job.status,
            RunStatus::Manual | RunStatus::Created | RunStatus::Skipped | RunStatus::Scheduled
        )
    };
    match (&s.migration.paths, &s.migration.job) {
        (Fact::Known(_), Fact::Known(job)) if idle(job) => Fact::Absent,
        (paths, _) => paths.clone(),
    }
}
