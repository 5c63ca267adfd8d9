//! The way back of the deployment: its rollback job, what ran before it, and the receipt that its job left.

use super::history::History;
use super::{production, review};
use crate::error::Result;
use crate::gitlab;
use crate::hotfix::goal::Goal;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{Deployment, Fact, RECEIPT, Receipt, RunStatus, Snapshot};

/// Reads what the goal needs of it. Asks nothing while the deployment has not ended.
pub(super) fn read(site: &mut Site<'_>, s: &mut Snapshot, goal: &Goal) -> Result<()> {
    let (Some(gitlab), Some(deployment)) = (site.gitlab, s.deployment.known().cloned()) else {
        return Ok(());
    };
    if !ran(&deployment) {
        return Ok(());
    }
    let taking_back = matches!(goal, Goal::Rollback { .. });
    if deployment.job.status != RunStatus::Success || taking_back {
        s.way_back.receipt = match gitlab.artifact(deployment.job.id, RECEIPT) {
            Ok(Some(bytes)) => Receipt::parse(&bytes).map_or(Fact::Unknown, Fact::Known),
            Ok(None) => Fact::Absent,
            // Nobody needs it to decide.
            Err(gitlab::Error::Forbidden { .. } | gitlab::Error::Malformed { .. }) => Fact::Unknown,
            Err(error) => return Err(error.into()),
        };
    }
    if taking_back {
        undone(site, s, &deployment)?;
    }
    Ok(())
}

/// Whether the deployment's job has ended, well or not.
pub(super) fn ended(deployment: &Deployment) -> bool {
    matches!(deployment.job.status, RunStatus::Success | RunStatus::Failed | RunStatus::Canceled)
}

/// Whether it ran at all.
fn ran(deployment: &Deployment) -> bool {
    let rejected = deployment.job.failure_reason.as_deref() == Some("deployment_rejected");
    ended(deployment) && !rejected
}

/// What goes back with it: everything since what ran before.
fn undone(site: &Site<'_>, s: &mut Snapshot, deployment: &Deployment) -> Result<()> {
    // After one that failed, production is still what ran before: that is what was read.
    if deployment.job.status != RunStatus::Success {
        return Ok(());
    }
    s.ships = match (s.way_back.before.known(), s.landed.known(), History::of(site)) {
        (Some(before), Some(landed), Some(history)) => {
            let mut ships = history.shipments(site, before, &deployment.commit)?;
            if let Fact::Known(rows) = &mut ships {
                production::mark_own(rows, landed);
            }
            ships
        }
        _ => Fact::Unknown,
    };
    Ok(())
}

/// What the jobs of the deployment's pipeline tell: the newest rollback job, and why the deployment's own failed.
pub(super) fn jobs(s: &mut Snapshot, jobs: &[gitlab::Job]) {
    let named = jobs.iter().filter(|job| job.name == s.policy.rollback_job);
    s.way_back.job = Fact::read(named.max_by_key(|job| job.id).map(review::job));
    if let Fact::Known(deployment) = &mut s.deployment
        && let Some(job) = jobs.iter().find(|job| job.id == deployment.job.id)
    {
        // A deployment names its job, and not why that failed.
        deployment.job = review::job(job);
    }
}
