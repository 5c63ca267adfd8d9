//! backport, per lane: the target holds the change, or an open merge request with the right labels
//! brings it.
//!
//! What was merged is never recreated, what a person closed is theirs to decide, and a branch that does
//! not recompute is a person's work: read, never overwritten.

use super::{Check, DECLINED_LABEL, typed};
use crate::error::Kind;
use crate::hotfix::snapshot::{
    BackportBranch, BackportRequest, BranchContent, Containment, Fact, Landed, Lane, Pick, RequestState,
    Snapshot,
};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot, index: usize) -> Check {
    let Some(lane) = s.lanes.get(index) else {
        return Check::unknown("the backport lane was not read");
    };
    if let Some(by) = s.landed.known().and_then(|landed| landed.reverted_by.as_ref()) {
        return Check::done(format!(
            "not needed: reverted on {} by {}",
            s.policy.production_branch,
            by.short()
        ));
    }
    match &lane.contained {
        Fact::Known(Containment::Ancestor) => return Check::done(format!("{} contains it", lane.target)),
        Fact::Known(Containment::PickedAs(commit)) => {
            return Check::done(format!("{} has it as {}", lane.target, commit.short()));
        }
        Fact::Unknown => return Check::unknown(format!("{} was not read", lane.target)),
        Fact::Absent => {}
    }
    let Some(landed) = s.landed.known() else {
        return match (&s.landed, s.merge_request.known()) {
            (Fact::Absent, Some(mr)) => Check::blocked(
                Kind::Refused,
                format!("!{} has not landed on {} yet", mr.iid, s.policy.production_branch),
                "git hotfix ship   (or see how the backport will go: git hotfix backport --dry-run)",
            ),
            (Fact::Absent, None) => Check::blocked(
                Kind::Refused,
                "nothing has landed yet",
                "git hotfix ship   (or name what landed: git hotfix backport <commit>)",
            ),
            _ => Check::unknown("the landed commit was not read"),
        };
    };
    match &lane.merge_request {
        Fact::Known(request) => with_request(s, lane, request),
        Fact::Unknown => Check::unknown("backport merge requests were not read"),
        Fact::Absent => without_request(s, lane, landed),
    }
}

/// Whether a person decided against this lane.
pub fn declined(request: &BackportRequest) -> bool {
    request.state == RequestState::Closed && request.labels.iter().any(|label| label == DECLINED_LABEL)
}

/// The command that makes this lane's backport.
pub fn backport_command(s: &Snapshot, lane: &Lane) -> String {
    let to = if s.lanes.len() > 1 { format!(" --to {}", lane.target) } else { String::new() };
    match s.merge_request.known() {
        Some(mr) => format!("git hotfix backport{to} {}", typed(&format!("!{}", mr.iid))),
        None => format!("git hotfix backport{to}"),
    }
}

fn with_request(s: &Snapshot, lane: &Lane, request: &BackportRequest) -> Check {
    let name = format!("!{}", request.iid);
    match &request.state {
        RequestState::Merged if request.placeholder.yes() => Check::blocked(
            Kind::Hands,
            format!("{name} was merged with its conflicts unresolved: {} still lacks the fix", lane.target),
            format!("pick it by hand: git hotfix backport --continue {}", typed(&name)),
        ),
        RequestState::Merged if request.placeholder.is_unknown() => {
            Check::unknown(format!("what {name} put on {} could not be told", lane.target))
        }
        RequestState::Merged => Check::done(format!("{name} merged into {}", lane.target)),
        RequestState::Closed if declined(request) => Check::done(format!("{name} declined by a person")),
        RequestState::Closed => Check::blocked(
            Kind::Hands,
            format!("{name} to {} was closed by a person, and {} lacks the fix", lane.target, lane.target),
            format!(
                "reopen it at {} , or label it {DECLINED_LABEL}; then: git hotfix status",
                request.web_url
            ),
        ),
        RequestState::Opened | RequestState::Locked => match mend(s, lane, request) {
            Some(step) => Check::step(step),
            None => Check::done(format!("{name} open to {}", lane.target)),
        },
        RequestState::Other(word) => Check::unknown(format!("{name} has the unknown state `{word}`")),
    }
}

/// Labels and draft mark follow what is on the branch.
fn mend(s: &Snapshot, lane: &Lane, request: &BackportRequest) -> Option<Step> {
    let (conflicting, wanted) = match lane.remote.known().map(|branch| &branch.content) {
        Some(BranchContent::Placeholder) => (true, &s.policy.conflict_labels),
        Some(BranchContent::Recomputes | BranchContent::Resolved) => (false, &s.policy.backport_labels),
        // A person's own work: its labels are theirs.
        Some(BranchContent::Foreign(_)) | None => return None,
    };
    let has = |label: &String| request.labels.contains(label);
    let add: Vec<String> = wanted.iter().filter(|label| !has(label)).cloned().collect();
    let other = if conflicting { &s.policy.backport_labels } else { &s.policy.conflict_labels };
    let remove: Vec<String> =
        other.iter().filter(|label| has(label) && !wanted.contains(label)).cloned().collect();
    let bare = request.title.strip_prefix("Draft:").map_or(request.title.as_str(), str::trim_start);
    // A conflicting one must be a draft; the draft mark of a clean one is ours to drop only with the label.
    let title = match (conflicting, request.draft) {
        (true, false) => Some(format!("Draft: {bare}")),
        (false, true) if !remove.is_empty() => Some(bare.to_owned()),
        _ => None,
    };
    if add.is_empty() && remove.is_empty() && title.is_none() {
        return None;
    }
    Some(Step::MendBackport {
        target: lane.target.clone(),
        iid: request.iid,
        head: request.head.clone(),
        title,
        add,
        remove,
        resolved: !conflicting,
    })
}

fn without_request(s: &Snapshot, lane: &Lane, landed: &Landed) -> Check {
    let Some(branch) = &lane.branch else {
        return Check::unknown("the backport branch has no name before the change landed");
    };
    match &lane.remote {
        Fact::Unknown => Check::unknown(format!("{branch} was not read")),
        Fact::Known(found) => match &found.content {
            BranchContent::Foreign(why) => Check::blocked(
                Kind::Refused,
                format!("{branch} on the remote is not what this pick gives: {why}"),
                format!(
                    "it is a person's work: open its merge request to {} yourself, or remove the branch and run: {}",
                    lane.target,
                    backport_command(s, lane)
                ),
            ),
            _ => Check::step(open_request(s, lane, branch, found, landed)),
        },
        Fact::Absent => match &lane.pick {
            Fact::Known(Pick::AlreadyThere) => {
                Check::done(format!("{} has it already (picking changes nothing)", lane.target))
            }
            Fact::Known(Pick::Failed(why)) => Check::blocked(
                Kind::Failed,
                format!("git could not pick {} onto {}: {why}", landed.commit.short(), lane.target),
                format!(
                    "try it by hand: git switch -c {branch} {}/{} && git cherry-pick -x {}{}",
                    s.policy.remote,
                    lane.target,
                    if landed.kind == crate::hotfix::snapshot::LandedKind::Merge { "-m 1 " } else { "" },
                    landed.commit.short()
                ),
            ),
            Fact::Known(pick) => match lane.tip.known() {
                Some(onto) => Check::step(Step::PushBackport {
                    target: lane.target.clone(),
                    onto: onto.clone(),
                    branch: branch.clone(),
                    landed: landed.clone(),
                    pick: pick.clone(),
                }),
                None => Check::unknown(format!("the tip of {} was not read", lane.target)),
            },
            Fact::Absent | Fact::Unknown => match lane.tip {
                Fact::Absent => Check::blocked(
                    Kind::Config,
                    format!("the remote has no branch {}", lane.target),
                    "name the targets that exist in .hotfix.toml ([branches] targets), or with --to <branch>",
                ),
                _ => Check::unknown(format!("the pick onto {} was not tried", lane.target)),
            },
        },
    }
}

fn open_request(s: &Snapshot, lane: &Lane, branch: &str, found: &BackportBranch, landed: &Landed) -> Step {
    let conflicting = found.content == BranchContent::Placeholder;
    let conflicts = match lane.pick.known() {
        Some(Pick::Conflicts(paths)) if conflicting => paths.clone(),
        _ => Vec::new(),
    };
    let labels = if conflicting { &s.policy.conflict_labels } else { &s.policy.backport_labels };
    let hotfix = s.merge_request.known();
    Step::OpenBackport {
        target: lane.target.clone(),
        branch: branch.to_owned(),
        found: found.clone(),
        landed: landed.clone(),
        conflicts,
        labels: labels.clone(),
        hotfix: hotfix.map(|mr| mr.iid),
        assignee: hotfix.map(|mr| mr.author_id).filter(|_| conflicting),
    }
}
