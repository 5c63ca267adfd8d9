//! revert: a merge request takes the landed change back on the production branch.
//!
//! Idempotent as a backport is: what was opened is adopted, what a person closed is theirs to decide, and a
//! branch that does not recompute is a person's work.

use super::{Check, typed};
use crate::error::Kind;
use crate::hotfix::snapshot::{BranchContent, Fact, Landed, LandedKind, Lane, Pick, RequestState, Snapshot};
use crate::hotfix::step::Step;

/// The merge request that takes the landed change back, where one is open.
pub fn open_revert(s: &Snapshot) -> Option<u64> {
    let request = s.revert.as_ref()?.merge_request.known()?;
    matches!(request.state, RequestState::Opened | RequestState::Locked).then_some(request.iid)
}

pub(super) fn check(s: &Snapshot) -> Check {
    let main = &s.policy.production_branch;
    let landed = match &s.landed {
        Fact::Known(landed) => landed,
        Fact::Unknown => return Check::unknown("the landed commit was not read"),
        Fact::Absent => {
            return Check::blocked(
                Kind::Refused,
                format!("nothing has landed on {main}: there is nothing to revert"),
                "to give the hotfix up: git hotfix abort",
            );
        }
    };
    if let Some(by) = &landed.reverted_by {
        return Check::done(format!("reverted on {main} by {}", by.short()));
    }
    let Some(lane) = &s.revert else {
        return Check::unknown("the revert could not be tried without a clone");
    };
    match &lane.merge_request {
        Fact::Unknown => return Check::unknown("merge requests were not read"),
        Fact::Known(request) => match &request.state {
            RequestState::Opened | RequestState::Locked => {
                return Check::done(format!("!{} open to {main}", request.iid));
            }
            RequestState::Closed => {
                return Check::blocked(
                    Kind::Refused,
                    format!("!{}, the revert, was closed by a person", request.iid),
                    format!("reopen it at {} , then: git hotfix revert", request.web_url),
                );
            }
            RequestState::Other(word) => {
                return Check::unknown(format!("!{} has the unknown state `{word}`", request.iid));
            }
            // One that was merged and taken back itself: the change is there again.
            RequestState::Merged => {}
        },
        Fact::Absent => {}
    }
    let Some(branch) = &lane.branch else { return Check::unknown("the revert's branch has no name") };
    match &lane.remote {
        Fact::Unknown => Check::unknown(format!("{branch} was not read")),
        Fact::Known(found) if found.content == BranchContent::Recomputes => Check::step(Step::OpenRevert {
            branch: branch.clone(),
            head: found.tip.clone(),
            target: main.clone(),
            landed: landed.clone(),
            hotfix: s.merge_request.known().map(|mr| mr.iid),
        }),
        Fact::Known(_) => Check::blocked(
            Kind::Refused,
            format!("{branch} on the remote is not what the revert gives"),
            format!(
                "it is a person's work: open its merge request to {main} yourself, or remove the branch and run: git hotfix revert"
            ),
        ),
        Fact::Absent => from_pick(s, lane, landed, branch),
    }
}

fn from_pick(s: &Snapshot, lane: &Lane, landed: &Landed, branch: &str) -> Check {
    let main = &s.policy.production_branch;
    match (&lane.pick, &lane.tip) {
        (Fact::Known(Pick::Clean { trees }), Fact::Known(onto)) => Check::step(Step::PushRevert {
            branch: branch.to_owned(),
            onto: onto.clone(),
            landed: landed.clone(),
            trees: trees.clone(),
        }),
        (Fact::Known(Pick::AlreadyThere), _) => {
            Check::done(format!("{main} no longer holds it: a revert changes nothing"))
        }
        (Fact::Known(Pick::Conflicts(paths)), _) => {
            let names: Vec<String> =
                paths.iter().map(|path| format!("{} ({})", path.path, path.kind)).collect();
            let mut block = super::Block {
                kind: Kind::Hands,
                what: format!(
                    "{main} changed since: reverting {} conflicts in {}",
                    landed.commit.short(),
                    names.join(", ")
                ),
                hints: vec![by_hand(main, branch, landed)],
            };
            block.hints.push(format!(
                "then, on that branch: git hotfix open   (production meanwhile: {})",
                rollback(s)
            ));
            Check::Blocked(block)
        }
        (Fact::Known(Pick::Failed(why)), _) => Check::blocked(
            Kind::Failed,
            format!("git could not revert {}: {why}", landed.commit.short()),
            by_hand(main, branch, landed),
        ),
        _ => Check::unknown("the revert was not tried"),
    }
}

fn by_hand(main: &str, branch: &str, landed: &Landed) -> String {
    let what = match &landed.kind {
        LandedKind::Merge => format!("-m 1 {}", landed.commit.short()),
        LandedKind::Single => landed.commit.short().to_owned(),
        LandedKind::Series(series) => {
            let newest_first: Vec<&str> = series.iter().rev().map(|commit| commit.short()).collect();
            newest_first.join(" ")
        }
    };
    format!(
        "by hand: git fetch && git switch -c {branch} origin/{main} && git revert {what}   (resolve, git add, git revert --continue)"
    )
}

fn rollback(s: &Snapshot) -> String {
    match s.merge_request.known() {
        Some(mr) => format!("git hotfix rollback {}", typed(&format!("!{}", mr.iid))),
        None => "git hotfix rollback".to_owned(),
    }
}
