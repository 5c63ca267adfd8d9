//! Jobs that really run: a runner beside the world takes them and reports how they ended.
//!
//! Without one the world ends every job itself. What such a job does to production is its own affair; the world
//! only records its end, as GitLab does.

use super::lifecycle::Ended;
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

    /// The runner says how a job ended, and what it printed.
    pub fn report(&mut self, id: u64, success: bool, log: &str) {
        let failed = !success;
        if self.job(id).is_some_and(|job| job.status == Status::Running) {
            self.conclude(id, Ended { failed, log: log.to_owned() });
            self.settle();
        }
    }
}
