//! Questions that stories ask of the world.

use super::world::{State, Status, World};

impl World {
    /// Failed jobs that nobody has run again, oldest first.
    pub fn failed_jobs(&self) -> Vec<u64> {
        let failed = self.jobs.iter().filter(|job| job.status == Status::Failed && !job.retried);
        failed.map(|job| job.id).collect()
    }

    /// The newest merge request to the production branch.
    pub fn newest_to_production(&self) -> Option<u64> {
        let mut to = self.merge_requests.iter().filter(|found| found.target == self.setup.production);
        to.next_back().map(|found| found.iid)
    }

    /// Open merge requests to branches other than the production branch.
    pub fn open_backports(&self) -> Vec<u64> {
        let open = self.merge_requests.iter().filter(|found| found.state == State::Opened);
        open.filter(|found| found.target != self.setup.production).map(|found| found.iid).collect()
    }

    /// Open backports that are drafts: those that conflicted.
    pub fn conflicted_backports(&self) -> Vec<u64> {
        let open = self.open_backports().into_iter();
        open.filter(|&iid| self.merge_request(iid).is_some_and(|found| found.draft())).collect()
    }
}
