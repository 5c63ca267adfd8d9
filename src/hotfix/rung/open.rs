//! open: there is a merge request to the production branch. What a person closed is not reopened.

use super::Check;
use crate::error::Kind;
use crate::hotfix::goal::{Goal, OpenOptions, merged};
use crate::hotfix::snapshot::{Fact, RequestState, Snapshot};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot, goal: &Goal) -> Check {
    if merged(s) {
        return Check::done("merged");
    }
    match &s.merge_request {
        Fact::Known(mr) => match &mr.state {
            RequestState::Opened | RequestState::Locked | RequestState::Merged => {
                Check::done(format!("!{}", mr.iid))
            }
            RequestState::Closed => Check::blocked(
                Kind::Refused,
                format!("!{} was closed by a person", mr.iid),
                format!("reopen it at {} if it is still wanted, then: git hotfix status", mr.web_url),
            ),
            RequestState::Other(word) => {
                Check::unknown(format!("!{} has the unknown state `{word}`", mr.iid))
            }
        },
        Fact::Unknown => Check::unknown("merge requests were not read"),
        Fact::Absent => match (&s.branch, s.local.known()) {
            (Some(branch), Some(_)) => Check::step(new_request(s, branch, goal)),
            (Some(branch), None) => Check::blocked(
                Kind::Refused,
                format!("{branch} has no merge request, and the branch is not in this clone"),
                format!("git switch {branch} && git hotfix open"),
            ),
            (None, _) => Check::blocked(
                Kind::Refused,
                "there is no merge request, and no branch to open one from",
                "git hotfix start <slug>",
            ),
        },
    }
}

fn new_request(s: &Snapshot, branch: &str, goal: &Goal) -> Step {
    let default = OpenOptions::default();
    let options = match goal {
        Goal::Open(options) | Goal::Ship(options) => options.as_ref(),
        _ => &default,
    };
    let first = s.local.known().and_then(|local| local.commits.last());
    let title = options
        .title
        .clone()
        .or_else(|| first.map(|commit| commit.subject.clone()))
        .unwrap_or_else(|| branch.to_owned());
    let title = match options.draft && !title.starts_with("Draft:") {
        true => format!("Draft: {title}"),
        false => title,
    };
    Step::Open {
        branch: branch.to_owned(),
        target: s.policy.production_branch.clone(),
        title,
        description: options.description.clone().unwrap_or_else(|| description(s)),
        labels: options.labels.clone(),
        assignees: options.assignees.clone(),
        reviewers: options.reviewers.clone(),
    }
}

/// The template where there is one, after what the commits say.
fn description(s: &Snapshot) -> String {
    let Some(local) = s.local.known() else { return String::new() };
    let mut parts: Vec<String> = Vec::new();
    match local.commits.as_slice() {
        [only] => parts.push(only.body.trim().to_owned()),
        several => {
            let lines: Vec<String> =
                several.iter().rev().map(|c| format!("- {} ({})", c.subject, c.id.short())).collect();
            parts.push(lines.join("\n"));
        }
    }
    parts.extend(local.template.clone());
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}
