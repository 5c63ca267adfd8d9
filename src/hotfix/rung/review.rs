//! review: approvals are given and nothing else makes the merge request unmergeable.
//!
//! Reads GitLab's `detailed_merge_status`. GitLab names one blocker at a time, and leaves CI to the
//! last: what concerns CI belongs to the pipeline rung and passes here.

use super::{Check, Who};
use crate::error::Kind;
use crate::hotfix::goal::merged;
use crate::hotfix::snapshot::{MergeRequest, RequestState, Snapshot};

pub(super) fn check(s: &Snapshot) -> Check {
    if merged(s) {
        return Check::done("merged");
    }
    let Some(mr) = s.merge_request.known() else {
        return Check::unknown("the merge request was not read");
    };
    if mr.state == RequestState::Locked {
        return Check::done("merging");
    }
    of(s, mr)
}

fn of(s: &Snapshot, mr: &MergeRequest) -> Check {
    let main = format!("{}/{}", s.policy.remote, s.policy.production_branch);
    let iid = mr.iid;
    let at = &mr.web_url;
    let refused = |what: String, hint: String| Check::blocked(Kind::Refused, what, hint);
    match mr.merge_status.as_str() {
        "mergeable" | "ci_must_pass" | "ci_still_running" => Check::done(match mr.approved_by.as_slice() {
            [] => "mergeable".to_owned(),
            people => format!("approved by {}", people.join(", ")),
        }),
        "preparing" | "checking" | "unchecked" | "approvals_syncing" => {
            Check::wait(Who::GitLab, format!("GitLab to check whether !{iid} can be merged"))
        }
        "not_approved" => {
            let left = mr.approvals_left.known().copied().unwrap_or(1);
            let approvals = if left == 1 { "approval" } else { "approvals" };
            Check::wait(Who::People(Vec::new()), format!("{left} {approvals} of !{iid} at {at}"))
        }
        "discussions_not_resolved" => {
            Check::wait(Who::People(Vec::new()), format!("open discussions on !{iid} to be resolved at {at}"))
        }
        "status_checks_must_pass" => Check::wait(Who::GitLab, format!("external status checks of !{iid}")),
        "merge_time" => Check::wait(Who::GitLab, format!("the time !{iid} may be merged from")),
        "draft_status" => refused(
            format!("!{iid} is a draft"),
            format!("mark it ready at {at} , then run the same command again"),
        ),
        "conflict" | "broken_status" => refused(
            format!("!{iid} conflicts with its target"),
            format!("git fetch && git merge {main}, resolve, then: git hotfix open"),
        ),
        "need_rebase" => refused(
            format!("!{iid} must be rebased first: the project merges fast-forward only"),
            format!("git fetch && git rebase {main}, then: git hotfix open"),
        ),
        "commits_status" => refused(
            format!("!{iid} has no commits beyond its target"),
            "commit the fix, then: git hotfix open".to_owned(),
        ),
        "requested_changes" => Check::blocked(
            Kind::Rejected,
            format!("a reviewer of !{iid} asked for changes"),
            format!("see {at} ; push them, then: git hotfix open"),
        ),
        "not_open" => refused(format!("!{iid} is not open"), format!("look at {at}")),
        other => refused(
            format!("GitLab does not let !{iid} be merged: {}", other.replace('_', " ")),
            format!("see what it asks for at {at} , then run the same command again"),
        ),
    }
}
