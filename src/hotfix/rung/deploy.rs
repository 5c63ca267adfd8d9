//! deploy: a successful production deployment contains the landed commit, and no later one lacks it.
//!
//! Played once, and only while the job just read is `manual`: playing a finished manual job is a second
//! production deployment. What is unknown is never success.

use super::{Block, Check, Who, open_revert, taken_back, typed};
use crate::error::Kind;
use crate::hotfix::goal::Goal;
use crate::hotfix::snapshot::{DeployStatus, Deployment, Fact, Production, RunStatus, Snapshot};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot, goal: &Goal) -> Check {
    let production = match &s.production {
        Fact::Unknown => return Check::unknown("what production runs could not be read"),
        Fact::Absent => None,
        Fact::Known(production) => Some(production),
    };
    if production.is_some_and(|production| production.has_fix.yes()) {
        return Check::done(live(s));
    }
    if let Some(how) = was_there(s, production) {
        return Check::blocked(Kind::Refused, how, after_a_rollback(s));
    }
    if let Some(production) = production {
        if production.on_main.no() {
            return Check::Blocked(main_lacks_production(s, production));
        }
        if production.has_fix.is_unknown() || production.on_main.is_unknown() {
            return Check::unknown("whether production holds the change could not be told");
        }
    }
    match &s.deployment {
        Fact::Known(deployment) => pending(s, deployment, goal),
        Fact::Absent => Check::wait(Who::GitLab, "the deployment"),
        Fact::Unknown => Check::unknown("the deployment was not read"),
    }
}

/// How it went out of production again, where it was in it.
fn was_there(s: &Snapshot, production: Option<&Production>) -> Option<String> {
    let had = production.is_some_and(|production| production.had_fix.yes());
    let succeeded = s.deployment.known().is_some_and(|own| own.job.status == RunStatus::Success);
    let job = taken_back(s).filter(|_| succeeded);
    let by = match job {
        Some(job) => format!(" ({}, job {})", job.name, job.id),
        None if had => String::new(),
        None => return None,
    };
    let now = production.map_or("nothing", |production| production.commit.short());
    Some(format!("it was in production and was rolled back{by}: {now} runs now, without it"))
}

/// What comes next where production no longer runs it.
fn after_a_rollback(s: &Snapshot) -> String {
    let main = &s.policy.production_branch;
    match (s.landed.known().and_then(|landed| landed.reverted_by.as_ref()), open_revert(s)) {
        (Some(by), _) => {
            format!("{} took it back on {main} too; a new fix begins with: git hotfix start <slug>", by.short())
        }
        (None, Some(iid)) => {
            format!("git hotfix ship {}   (takes it back on {main} too)", typed(&format!("!{iid}")))
        }
        (None, None) => {
            "find out why first, then: git hotfix revert   (or, as a new decision: a deployment of the current main)"
                .to_owned()
        }
    }
}

fn live(s: &Snapshot) -> String {
    match s.policy.apps.as_slice() {
        [] => "live".to_owned(),
        [app] => format!("live on {app}"),
        apps => format!("live on all {} apps", apps.len()),
    }
}

/// What the production branch took back is not deployed any more: its own deployment would bring it again.
pub(super) fn reverted(s: &Snapshot) -> Option<Block> {
    let by = s.landed.known()?.reverted_by.as_ref()?;
    let main = &s.policy.production_branch;
    Some(Block {
        kind: Kind::Refused,
        what: format!(
            "{} took it back on {main}: deployed now, it would be in production and not there",
            by.short()
        ),
        hints: vec![
            "a new fix begins with: git hotfix start <slug>   (what is in flight: git hotfix list)"
                .to_owned(),
        ],
    })
}

fn pending(s: &Snapshot, deployment: &Deployment, goal: &Goal) -> Check {
    let job = &deployment.job;
    let played = matches!(job.status, RunStatus::Manual | RunStatus::Failed | RunStatus::Canceled);
    if let Some(block) = reverted(s).filter(|_| played) {
        return Check::Blocked(block);
    }
    match &job.status {
        RunStatus::Manual => {
            let Fact::Known(ships) = &s.ships else {
                return Check::unknown("what this deployment ships could not be told");
            };
            if s.migration.paths.is_unknown() {
                return Check::unknown("whether the change holds migrations could not be told");
            }
            Check::step(Step::Play {
                job: job.id,
                name: job.name.clone(),
                deployment: Some(deployment.id),
                commit: deployment.commit.clone(),
                ships: ships.clone(),
                migrations: s.migration.paths.known().cloned().unwrap_or_default(),
            })
        }
        RunStatus::Failed | RunStatus::Canceled | RunStatus::Skipped => ended(deployment, goal),
        RunStatus::Success => match deployment.status {
            // The deployment follows its job by a moment.
            DeployStatus::Success | DeployStatus::Running | DeployStatus::Blocked | DeployStatus::Created => {
                Check::wait(Who::GitLab, format!("deployment {} to be recorded as successful", deployment.id))
            }
            _ => ended(deployment, goal),
        },
        status => Check::wait(Who::GitLab, format!("{} (job {}): {}", job.name, job.id, status.words())),
    }
}

fn ended(deployment: &Deployment, goal: &Goal) -> Check {
    let job = &deployment.job;
    if let Goal::Deploy { again: true } = goal {
        return Check::step(Step::Retry {
            job: job.id,
            name: job.name.clone(),
            commit: deployment.commit.clone(),
        });
    }
    let reason = match job.failure_reason.as_deref() {
        Some("failed_outdated_deployment_job") => {
            " (a newer deployment went first; this one would have taken production back)".to_owned()
        }
        Some(reason) => format!(" ({})", reason.replace('_', " ")),
        None => String::new(),
    };
    Check::blocked(
        Kind::Rejected,
        format!("{} {}{reason}", job.name, job.status.words()),
        format!("see {} ; then, as a new job with new approvals: git hotfix deploy --again", job.web_url),
    )
}

/// Deploying a main that lacks what production runs would take production back.
pub(super) fn main_lacks_production(s: &Snapshot, production: &Production) -> Block {
    let main = &s.policy.production_branch;
    Block {
        kind: Kind::Refused,
        what: format!(
            "production runs {}, which {main} does not contain: deploying {main} would take it back",
            production.commit.short()
        ),
        hints: vec![format!(
            "bring {} to {main} first (a merge request, or your sync job), then run the same command again",
            production.commit.short()
        )],
    }
}
