//! The checklist after a hotfix: item by item, with the evidence for each.
//!
//! An item is done only on evidence that was read; a healthy answer from a server is none.

use super::called::Called;
use super::{Block, Row, Style, Symbol, Text};
use crate::hotfix::plan::{Plan, State};
use crate::hotfix::rung::{Check, Rung};
use crate::hotfix::snapshot::{BranchContent, Fact, RequestState, Snapshot};

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What must be so.
    pub what: String,
    /// Whether it is; `None` where it could not be told.
    pub done: Option<bool>,
    /// What shows it.
    pub evidence: String,
    /// What brings it on.
    pub next: Option<String>,
}

/// The items, in the order of the flow.
pub fn items(s: &Snapshot, plan: &Plan) -> Vec<Item> {
    let mut items = vec![
        of(plan, Rung::Deploy, "deployed to production", "git hotfix deploy"),
        of(plan, Rung::Verify, "fix verified in production", "git hotfix verify --confirm <what you saw>"),
    ];
    if s.migration.paths.known().is_some() {
        items.push(of(plan, Rung::Migrate, "migrations completed", "git hotfix migrate"));
    }
    for (index, lane) in s.lanes.iter().enumerate() {
        let request = lane.merge_request.known();
        let name = request.map_or(String::new(), |mr| format!(" (!{})", mr.iid));
        let open = request.is_some_and(|mr| mr.state == RequestState::Opened);
        let content = lane.remote.known().map(|branch| &branch.content);
        let conflicting = open && content == Some(&BranchContent::Placeholder);
        if open || request.is_some_and(|mr| mr.labels.iter().any(|label| label == "conflicts")) {
            if conflicting {
                items.push(Item {
                    what: format!("conflicts with {} resolved{name}", lane.target),
                    done: Some(false),
                    evidence: "the branch holds only the placeholder".to_owned(),
                    next: Some(format!("git hotfix backport --continue{}", bang(request.map(|mr| mr.iid)))),
                });
            } else if content == Some(&BranchContent::Resolved) {
                items.push(Item {
                    what: format!("conflicts with {} resolved{name}", lane.target),
                    done: Some(true),
                    evidence: "commits stand on top of the placeholder".to_owned(),
                    next: None,
                });
            }
        }
        let mut item = of(
            plan,
            Rung::Close(index),
            &format!("backport to {} reviewed and merged{name}", lane.target),
            "git hotfix backport",
        );
        if let Some(Check::Blocked(block)) = blocked(plan, Rung::Backport(index)) {
            item.evidence = block.what.clone();
            item.next = block.hints.first().cloned();
        } else if conflicting {
            // What is to be done stands one line above; merged as it is, it would bring nothing.
            "its turn has not come".clone_into(&mut item.evidence);
            item.next = None;
        } else if let (Some(mr), Some(false)) = (request, item.done) {
            item.next = Some(format!("review and merge it: {}", mr.web_url));
        }
        items.push(item);
    }
    items
}

fn bang(iid: Option<u64>) -> String {
    iid.map(|iid| format!(" '!{iid}'")).unwrap_or_default()
}

fn blocked(plan: &Plan, rung: Rung) -> Option<&Check> {
    let standing = plan.rungs.iter().find(|standing| standing.rung == rung)?;
    (standing.state == State::Blocked).then_some(&standing.check)
}

fn of(plan: &Plan, rung: Rung, what: &str, next: &str) -> Item {
    let standing = plan.rungs.iter().find(|standing| standing.rung == rung);
    let (done, evidence) = match standing.map(|standing| (standing.state, &standing.check)) {
        Some((State::Done, Check::Done(detail))) => (Some(true), detail.clone()),
        Some((State::Unknown, Check::Unknown(what))) => (None, what.clone()),
        Some((State::Todo, _)) => (Some(false), "its turn has not come".to_owned()),
        Some((_, Check::Wait(wait))) => (Some(false), format!("waiting for {}", wait.what)),
        Some((_, Check::Blocked(block))) => (Some(false), block.what.clone()),
        Some((_, Check::Do(step))) => (Some(false), format!("next: {}", step.words())),
        Some((_, Check::Done(detail) | Check::Unknown(detail))) => (Some(false), detail.clone()),
        None => (None, "not looked at".to_owned()),
    };
    // Before its turn its command would only be refused.
    let turn = standing.is_some_and(|standing| standing.state != State::Todo);
    let next = match standing.map(|standing| (standing.state, &standing.check)) {
        Some((State::Blocked, Check::Blocked(block))) => block.hints.first().cloned(),
        _ => (done != Some(true) && turn).then(|| next.to_owned()),
    };
    Item { what: what.to_owned(), done, evidence, next }
}

/// The checklist as a view.
pub fn checklist(s: &Snapshot, plan: &Plan, called: &Called) -> Block {
    let mut block = Block::new();
    let title = match (&s.merge_request, s.landed.known()) {
        (Fact::Known(mr), _) => format!("checklist of !{} {}", mr.iid, mr.title),
        (_, Some(landed)) => format!("checklist of {} {}", landed.commit.short(), landed.subject),
        _ => "checklist".to_owned(),
    };
    block = block.text(Text::new().with(Style::Strong, title));
    for item in items(s, plan) {
        let symbol = match item.done {
            Some(true) => Symbol::Done,
            Some(false) => Symbol::Later,
            None => Symbol::Attention,
        };
        block = block.row(Row::new(symbol, &item.what, &item.evidence));
        if let Some(next) = item.next.map(|next| called.put(&next)) {
            block = block.hanging(Text::new().plain("      ").with(Style::Command, next), 6);
        }
    }
    block
}
