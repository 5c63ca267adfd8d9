//! close, per lane: the backport's merge request is merged. A merged placeholder is missing, not done.

use super::{Check, Who, typed};
use crate::error::Kind;
use crate::hotfix::snapshot::{BranchContent, Fact, Pick, RequestState, Snapshot};

pub(super) fn check(s: &Snapshot, index: usize) -> Check {
    let Some(lane) = s.lanes.get(index) else {
        return Check::unknown("the backport lane was not read");
    };
    if lane.contained.known().is_some() {
        return Check::done(format!("{} holds it", lane.target));
    }
    if s.landed.known().is_some_and(|landed| landed.reverted_by.is_some()) {
        return Check::done("not needed");
    }
    match &lane.merge_request {
        Fact::Known(request) => match &request.state {
            RequestState::Merged => Check::done(format!("!{} merged", request.iid)),
            RequestState::Closed => Check::done(format!("!{} declined", request.iid)),
            _ if lane.remote.known().is_some_and(|branch| branch.content == BranchContent::Placeholder) => {
                Check::blocked(
                    Kind::Hands,
                    format!("!{} has conflicts that somebody must resolve", request.iid),
                    format!("git hotfix backport --continue {}", typed(&format!("!{}", request.iid))),
                )
            }
            _ => {
                let by = match request.assignees.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", request.assignees.join(" or ")),
                };
                Check::wait(
                    Who::People(request.assignees.clone()),
                    format!("!{}{by} to be reviewed and merged at {}", request.iid, request.web_url),
                )
            }
        },
        Fact::Absent if matches!(lane.pick, Fact::Known(Pick::AlreadyThere)) => {
            Check::done(format!("{} holds it", lane.target))
        }
        Fact::Absent => Check::unknown("there is no backport merge request yet"),
        Fact::Unknown => Check::unknown("backport merge requests were not read"),
    }
}
