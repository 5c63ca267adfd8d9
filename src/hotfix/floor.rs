//! What this run wrote, handed to the next look: read back by id, so that a list that lags behind neither makes a
//! second one nor shows the state before as the state now.

use std::collections::BTreeMap;

use crate::hotfix::snapshot::Sha;
use crate::hotfix::step::{Step, Written};

/// What this run wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Floor {
    /// The hotfix's merge request.
    pub merge_request: Option<u64>,
    /// Backport merge requests by target.
    pub backports: BTreeMap<String, u64>,
    /// Branches pushed.
    pub branches: BTreeMap<String, Sha>,
    /// The job that deploys, as it was started or made anew: it has a deployment.
    pub deploy_job: Option<u64>,
    /// The job that migrates or rolls back, as it was started or made anew.
    pub lane_job: Option<u64>,
}

impl Floor {
    pub(super) fn raise(&mut self, step: &Step, written: &Written) {
        match written {
            Written::MergeRequest(iid) => self.merge_request = Some(*iid),
            Written::Backport { target, iid } => {
                self.backports.insert(target.clone(), *iid);
            }
            Written::Branch { name, tip } => {
                self.branches.insert(name.clone(), tip.clone());
            }
            Written::Job(id) => match step {
                Step::Play { deployment: Some(_), .. } | Step::Retry { .. } => self.deploy_job = Some(*id),
                _ => self.lane_job = Some(*id),
            },
            Written::Plain => {}
        }
    }
}
