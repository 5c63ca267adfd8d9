//! Jobs that really run: a runner beside the world takes them and reports how they ended.
//!
//! Without one the world ends every job itself. What such a job does to production is its own affair; the world
//! only records its end and what it leaves, as GitLab does.

use std::collections::BTreeMap;

use super::lifecycle::Ended;
use super::setup::Body;
use super::world::{Status, World};

/// A job that a runner has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its pipeline.
    pub pipeline: u64,
    /// The commit it runs for.
    pub sha: String,
    /// The branch it runs for.
    pub reference: String,
}

/// How a job ended that a runner has worked.
#[derive(Debug, Clone)]
pub struct Worked {
    /// Whether its script ended with 0.
    pub success: bool,
    /// What it printed.
    pub log: String,
    /// The files it leaves, by their path.
    pub artifacts: BTreeMap<String, Vec<u8>>,
}

impl World {
    /// From now on jobs of these names wait for a runner.
    pub fn leave_to_runners(&mut self, names: &[&str]) {
        self.runners_work.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// Hands out a job that runs and that no runner has yet.
    pub fn take_job(&mut self) -> Option<Taken> {
        let waits = |job: &&super::world::Job| {
            job.status == Status::Running
                && self.runners_work.contains(&job.spec.name)
                && !self.runners_have.contains(&job.id)
        };
        let job = self.jobs.iter().find(waits)?;
        let pipeline = self.pipeline(job.pipeline)?;
        let taken = Taken {
            id: job.id,
            name: job.spec.name.clone(),
            pipeline: pipeline.id,
            sha: pipeline.sha.clone(),
            reference: pipeline.reference.clone(),
        };
        self.runners_have.insert(taken.id);
        Some(taken)
    }

    /// The runner says how a job ended.
    pub fn report(&mut self, id: u64, worked: Worked) {
        let Some(job) = self.job_mut(id).filter(|job| job.status == Status::Running) else { return };
        job.artifacts = worked.artifacts;
        let (pipeline, took_back) = (job.pipeline, worked.success && job.spec.body == Body::Rollback);
        if took_back {
            self.take_back(pipeline);
        }
        self.conclude(id, Ended { failed: !worked.success, log: worked.log });
        self.settle();
    }
}
