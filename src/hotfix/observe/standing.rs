//! Which deployments stand: those that succeeded, but for what the rollback job of their pipeline took away.
//!
//! The job that rolls back names its environment with `action: access`, which makes no deployment. GitLab goes
//! on calling the commit that was taken away the last successful one, so the job itself is what tells.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::Timestamp;

use crate::gitlab::{self, CiStatus, Client, Deployment, DeploymentStatus, Job};
use crate::hotfix::rung::came_after;

/// The hotfix lane's jobs in each pipeline that was looked at.
#[derive(Debug, Clone, Default)]
pub struct LaneJobs(HashMap<u64, Vec<Job>>);

/// What the jobs of the lane are called.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Those that deploy.
    pub deploy: &'a [String],
    /// The one that takes it back.
    pub rollback: &'a str,
    /// The one that migrates.
    pub migration: &'a str,
}

impl Names<'_> {
    fn hold(&self, name: &str) -> bool {
        name == self.rollback || name == self.migration || self.deploy.iter().any(|one| one == name)
    }
}

impl LaneJobs {
    /// The lane's jobs in a pipeline, those among them that were retried too; asked once. A list without the
    /// jobs that are known to be in it is an error: what it lacks besides could be a rollback.
    pub fn of(
        &mut self,
        gitlab: &Client,
        names: Names<'_>,
        pipeline: u64,
        known: impl IntoIterator<Item = u64>,
    ) -> gitlab::Result<&[Job]> {
        let jobs = match self.0.entry(pipeline) {
            Entry::Occupied(asked) => asked.into_mut(),
            Entry::Vacant(place) => place.insert(gitlab.jobs(pipeline, true, |job| names.hold(&job.name))?),
        };
        match known.into_iter().find(|id| !jobs.iter().any(|job| job.id == *id)) {
            Some(id) => Err(gitlab.behind(format!("job {id} in pipeline {pipeline}"))),
            None => Ok(jobs),
        }
    }

    /// Whether what the deployment brought is still what a later look would find, unless a newer one
    /// replaced it. Asks for jobs only where a job of the lane deployed.
    pub fn stands(
        &mut self,
        gitlab: &Client,
        names: Names<'_>,
        deployment: &Deployment,
    ) -> gitlab::Result<bool> {
        if deployment.status != DeploymentStatus::Success {
            return Ok(false);
        }
        // A script may have recorded it through the API: then no job takes it back.
        let Some(job) = &deployment.deployable else { return Ok(true) };
        if job.name == names.rollback {
            // Without `action: access` it is recorded as a deployment of the very commit that it took away.
            return Ok(false);
        }
        let (true, Some(pipeline)) = (names.deploy.contains(&job.name), &job.pipeline) else {
            return Ok(true);
        };
        let ended = job.finished_at.or(deployment.created_at);
        let lane = self.of(gitlab, names, pipeline.id, [job.id])?;
        Ok(!lane.iter().any(|job| job.name == names.rollback && took_back(job, ended)))
    }

    /// What was read may have changed since.
    pub(in crate::hotfix) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Whether a rollback job took back what was deployed at that time. A manual job's deployment is there long before
/// it runs: what counts is when the job ended.
fn took_back(job: &Job, deployed: Option<Timestamp>) -> bool {
    job.status == CiStatus::Success && came_after(job.finished_at, deployed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deployed_after_a_rollback_stands() {
        let job = |status: &str, finished_at: Option<&str>| -> Job {
            serde_json::from_value(serde_json::json!({
                "id": 7, "name": "rollback-prod-hotfix", "status": status, "finished_at": finished_at,
                "web_url": "", "pipeline": {"id": 3},
            }))
            .unwrap()
        };
        let back = job("success", Some("2026-03-01T03:20:00Z"));
        let at = |minute: u8| format!("2026-03-01T03:{minute:02}:00Z").parse().ok();
        assert!(took_back(&back, at(10)) && !took_back(&back, at(30)));
        assert!(took_back(&back, None) && took_back(&job("success", None), at(30)), "in doubt, it is gone");
        for status in ["manual", "running", "failed", "canceled", "a word of tomorrow"] {
            assert!(!took_back(&job(status, Some("2026-03-01T03:20:00Z")), at(10)), "{status}");
        }
    }
}
