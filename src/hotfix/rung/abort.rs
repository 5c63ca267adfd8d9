//! abort: the merge request is closed and the branch is gone from the remote, only while nothing has
//! landed.

use super::Check;
use crate::error::Kind;
use crate::hotfix::goal::merged;
use crate::hotfix::snapshot::{Fact, RequestState, Snapshot};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot) -> Check {
    if merged(s) {
        return Check::blocked(
            Kind::Refused,
            "the change has landed: there is nothing left to give up",
            "take it back: git hotfix revert   (what production runs: git hotfix rollback)",
        );
    }
    match &s.merge_request {
        Fact::Unknown => return Check::unknown("merge requests were not read"),
        Fact::Known(mr) if mr.state == RequestState::Opened => {
            return Check::step(Step::Close { iid: mr.iid });
        }
        Fact::Known(mr) if mr.state == RequestState::Locked => {
            return Check::blocked(
                Kind::Refused,
                format!("!{} is being merged right now", mr.iid),
                "git hotfix status",
            );
        }
        Fact::Known(_) | Fact::Absent => {}
    }
    match (&s.branch, &s.remote) {
        (Some(branch), Fact::Known(at)) => {
            Check::step(Step::DeleteRemoteBranch { branch: branch.clone(), at: at.clone() })
        }
        (_, Fact::Unknown) => Check::unknown("the remote branch was not read"),
        _ => Check::done(match s.merge_request.known() {
            Some(mr) => format!("given up: !{} is closed, and its branch is gone from the remote", mr.iid),
            None => "given up: nothing of it is on the remote".to_owned(),
        }),
    }
}
