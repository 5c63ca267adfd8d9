//! The status screen: where a hotfix stands, who must act next, and the exact next command.
//!
//! Lays out facts and plan, and decides nothing. Rungs long done are folded into one line.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::called::Called;
use super::next::{command_line, next, next_command};
use super::{Block, Row, Style, Symbol, Text};
use super::{age, way_back};
use crate::hotfix::plan::{Plan, Standing, State};
use crate::hotfix::rung::{Check, Rung, open_revert, slots};
use crate::hotfix::snapshot::{Fact, Lane, Pick, RequestState, Snapshot};

/// What the view needs besides the facts.
pub struct Moment<'a> {
    /// The server's time, so that ages are right on a laptop whose clock is not.
    pub now: Timestamp,
    /// For times of day.
    pub zone: &'a TimeZone,
    /// For the commands we print.
    pub called: &'a Called,
    /// Nothing but the last fetch was looked at.
    pub offline: bool,
}

/// The whole screen.
pub fn screen(s: &Snapshot, plan: &Plan, moment: &Moment<'_>) -> Block {
    let mut block = Block::new().row(heading(s, moment)).blank();
    for row in rungs(s, plan, moment) {
        block = block.then(row);
    }
    block = block.blank().then(facts(s, plan));
    if let Some(card) = way_back::card(s, moment.called) {
        block = block.then(card);
    }
    block.then(next(s, plan, moment))
}

/// Who and what it is about.
fn heading(s: &Snapshot, moment: &Moment<'_>) -> Row {
    let mut text = Text::new();
    match (&s.branch, s.landed.known()) {
        (Some(branch), _) => text = text.with(Style::Strong, branch),
        (None, Some(landed)) => text = text.with(Style::Strong, landed.commit.short()),
        (None, None) => {}
    }
    if let Some(mr) = s.merge_request.known() {
        text = text.plain(format!("  !{} {}", mr.iid, mr.title));
    } else if let Some(landed) = s.landed.known() {
        text = text.plain(format!("  {}", landed.subject));
    }
    if let Some(project) = &s.project {
        text = text.with(Style::Dim, format!("  {project}"));
    }
    Row::heading(text)
        .note(Text::new().with(Style::Dim, format!("as of {}", age::clock(moment.now, moment.zone))))
}

fn symbol(state: State, check: &Check) -> Symbol {
    match (state, check) {
        (State::Done, _) => Symbol::Done,
        (State::Active | State::Waiting, _) => Symbol::Now,
        (State::Blocked, Check::Blocked(block)) if block.kind == crate::error::Kind::Rejected => {
            Symbol::Failed
        }
        (State::Blocked, _) => Symbol::Attention,
        (State::Todo | State::Unknown, _) => Symbol::Later,
    }
}

/// One row for each rung; the done ones before the last are folded.
fn rungs(s: &Snapshot, plan: &Plan, moment: &Moment<'_>) -> Vec<Block> {
    let shown: Vec<&Standing> = plan.rungs.iter().filter(|standing| shown(s, standing)).collect();
    let first_open = shown.iter().position(|standing| standing.state != State::Done).unwrap_or(shown.len());
    let folded = first_open.saturating_sub(2);
    let mut rows = Vec::new();
    if folded > 0 {
        let names: Vec<&str> = shown.iter().take(folded).map(|standing| standing.rung.name()).collect();
        let range = match names.as_slice() {
            [only] => (*only).to_owned(),
            [first, .., last] => format!("{first} to {last}"),
            [] => String::new(),
        };
        rows.push(Block::new().row(Row::new(Symbol::Done, range, "done")));
    }
    rows.extend(shown.iter().skip(folded).map(|standing| row(s, standing, moment)));
    rows
}

/// Lanes that hold the change need no close row; verify shows only once it is deployed.
fn shown(s: &Snapshot, standing: &Standing) -> bool {
    match standing.rung {
        Rung::Close(index) => {
            standing.state != State::Done
                && standing.state != State::Todo
                && s.lanes.get(index).is_some_and(|lane| lane.merge_request.known().is_some())
                && !matches!(standing.check, Check::Unknown(_))
        }
        Rung::Migrate => standing.state != State::Done || s.migration.paths.known().is_some(),
        Rung::Start => standing.state != State::Done,
        _ => true,
    }
}

fn row(s: &Snapshot, standing: &Standing, moment: &Moment<'_>) -> Block {
    let symbol = symbol(standing.state, &standing.check);
    let name = standing.rung.name();
    let mut row = Row::new(symbol, name, detail(s, standing, moment));
    if let Some(note) = note(s, standing, moment) {
        row = row.note(Text::new().with(Style::Dim, note));
    }
    let mut block = Block::new().row(row);
    if let (Rung::Backport(index) | Rung::Close(index), true) =
        (standing.rung, !matches!(standing.state, State::Todo))
        && let Some(Fact::Known(Pick::Conflicts(paths))) = s.lanes.get(index).map(|lane| &lane.pick)
        && matches!(standing.rung, Rung::Close(_)) == close_shown(s, index)
    {
        for path in paths {
            let touched = path.touched_by.first().map_or_else(Text::new, |commit| {
                let ago = commit.at.map(|at| age::ago(at, moment.now)).unwrap_or_default();
                Text::new().with(Style::Dim, format!("{} {} {ago}", commit.author, commit.id.short()))
            });
            block = block.cells("      ", [Text::from(&path.path), Text::from(&path.kind), touched]);
        }
    }
    block
}

fn close_shown(s: &Snapshot, index: usize) -> bool {
    s.lanes.get(index).is_some_and(|lane| {
        lane.merge_request.known().is_some_and(|request| request.state == RequestState::Opened)
    })
}

fn detail(s: &Snapshot, standing: &Standing, moment: &Moment<'_>) -> Text {
    match (standing.rung, standing.state) {
        (Rung::Approve, State::Waiting) => approvals(s, moment),
        (Rung::Deploy, State::Todo) if !s.policy.apps.is_empty() => Text::from(s.policy.apps.join(", ")),
        (Rung::Migrate, State::Todo) => match s.migration.paths.known() {
            Some(paths) => {
                let files = if paths.len() == 1 { "file" } else { "files" };
                Text::from(format!("{} {files}, after deploy; a rollback will not undo it", paths.len()))
            }
            None => Text::new().with(Style::Dim, "if there are any"),
        },
        (Rung::Backport(index), State::Todo | State::Unknown) => {
            s.lanes.get(index).map_or_else(Text::new, forecast)
        }
        (_, State::Todo) => Text::new(),
        _ => match &standing.check {
            Check::Done(detail) => Text::from(detail),
            Check::Do(step) => Text::from(step.words()),
            Check::Wait(wait) => Text::from(format!("waiting for {}", wait.what)),
            Check::Blocked(block) => Text::from(&block.what),
            Check::Unknown(what) => Text::new().with(Style::Dim, what),
        },
    }
}

/// Each role's slot: who filled it and when, or who may.
fn approvals(s: &Snapshot, moment: &Moment<'_>) -> Text {
    let Some(deployment) = s.deployment.known() else { return Text::from("waiting for approvals") };
    let rules = deployment.rules.known().map(Vec::as_slice).unwrap_or_default();
    let mut text = Text::new();
    for (index, slot) in slots(&s.policy.roles, rules).iter().enumerate() {
        if index > 0 {
            text = text.plain("   ");
        }
        text = text.with(Style::Strong, role_words(&slot.role.name)).plain(" ");
        match slot.filled_by {
            Some(person) => {
                let vote = slot.rule.and_then(|rule| rule.votes.iter().find(|vote| vote.by == person));
                let when = vote.and_then(|vote| vote.at).map(|at| age::when(at, moment.now, moment.zone));
                text = text
                    .symbol(Symbol::Done)
                    .plain(format!(" {person} {}", when.unwrap_or_default()).trim_end());
            }
            None => {
                let may: Vec<&str> =
                    slot.rule.map(|rule| rule.may.iter().map(String::as_str).collect()).unwrap_or_default();
                let may: Vec<&str> =
                    may.into_iter().filter(|person| *person != deployment.triggered_by).collect();
                let who = match may.as_slice() {
                    [] => slot.role.rule.clone(),
                    people => people.join(" or "),
                };
                text = text.symbol(Symbol::Dot).plain(format!(" {who}"));
            }
        }
    }
    text
}

/// A role as people read it: `tech lead` for `tech-lead`, `PM` for `pm`.
pub fn role_words(role: &str) -> String {
    match role.len() {
        0..=2 => role.to_uppercase(),
        _ => role.replace('-', " "),
    }
}

fn forecast(lane: &Lane) -> Text {
    let target = &lane.target;
    match &lane.pick {
        Fact::Known(Pick::Clean { .. }) => Text::from(format!("forecast: clean onto {target}")),
        Fact::Known(Pick::AlreadyThere) => Text::from(format!("forecast: {target} has it already")),
        Fact::Known(Pick::Conflicts(paths)) => {
            let names: Vec<&str> = paths.iter().map(|path| path.path.as_str()).collect();
            let once = lane.clean_once.as_ref().map(|name| format!("; clean once {name} merges"));
            Text::new().with(Style::Warn, format!("forecast: conflicts with {target}")).plain(format!(
                " in {}{}",
                names.join(", "),
                once.unwrap_or_default()
            ))
        }
        Fact::Known(Pick::Failed(_)) | Fact::Absent | Fact::Unknown => Text::from(format!("onto {target}")),
    }
}

fn note(s: &Snapshot, standing: &Standing, moment: &Moment<'_>) -> Option<String> {
    match (standing.rung, standing.state) {
        (Rung::Merge, State::Done) => {
            let at = s.merge_request.known()?.merged_at?;
            Some(age::when(at, moment.now, moment.zone))
        }
        (Rung::Build, State::Done) | (Rung::Pipeline, State::Done) => {
            let pipeline = match standing.rung {
                Rung::Build => s.main_pipeline.known()?,
                _ => s.merge_request.known()?.pipeline.known()?,
            };
            Some(age::elapsed(std::time::Duration::from_secs(pipeline.seconds?)))
        }
        (Rung::Approve, State::Waiting) => {
            let at = s.deployment.known()?.created_at?;
            Some(format!("waiting {}", age::roughly(age::since(at, moment.now))))
        }
        (Rung::Deploy, State::Done) => {
            let at = s.production.known()?.at?;
            Some(format!("since {}", age::when(at, moment.now, moment.zone)))
        }
        (Rung::Close(index), _) => {
            let at = s.lanes.get(index)?.merge_request.known()?.created_at?;
            Some(age::roughly(age::since(at, moment.now)))
        }
        _ => None,
    }
}

/// What is worth knowing below the rungs.
fn facts(s: &Snapshot, plan: &Plan) -> Block {
    let mut block = Block::new();
    let deployed = plan.state(Rung::Deploy) == Some(State::Done);
    let ahead = [Rung::Approve, Rung::Deploy]
        .iter()
        .any(|rung| matches!(plan.state(*rung), Some(State::Waiting | State::Active)));
    if let (Some(production), Some(ships), true) = (s.production.known(), s.ships.known(), ahead) {
        let others: Vec<String> =
            ships.iter().filter(|shipment| !shipment.own).map(|shipment| shipment.name()).collect();
        let own = s.merge_request.known().map_or("this hotfix".to_owned(), |mr| format!("!{}", mr.iid));
        let what = match others.as_slice() {
            [] => format!("production runs {}; this ships {own} and nothing else", production.commit.short()),
            others => format!(
                "production runs {}; this ships {own} and also {}",
                production.commit.short(),
                others.join(", ")
            ),
        };
        block = block.text(what);
    }
    if plan.state(Rung::Approve) == Some(State::Waiting) {
        block = block.text("nothing starts by itself after the last approval");
    }
    if let Some(iid) = open_revert(s) {
        block = block.text(format!("!{iid} is open to take it back on {}", s.policy.production_branch));
    }
    let reverted = s.landed.known().is_some_and(|landed| landed.reverted_by.is_some());
    for request in s.lanes.iter().filter(|_| reverted).filter_map(|lane| lane.merge_request.known()) {
        if request.state == RequestState::Opened {
            block = block.text(format!(
                "!{} still brings what {} no longer holds: close it",
                request.iid, s.policy.production_branch
            ));
        }
    }
    for lane in s.lanes.iter().filter(|_| deployed && !reverted) {
        let lacks = lane.contained.is_absent()
            && !lane.merge_request.known().is_some_and(|request| request.state == RequestState::Merged)
            && !matches!(lane.pick, Fact::Known(Pick::AlreadyThere));
        if lacks {
            block =
                block.text(format!("{} lacks this fix: the next normal release would undo it", lane.target));
        }
    }
    block
}

/// A lane's forecast, as one sentence.
pub fn forecast_line(lane: &Lane) -> Text {
    match &lane.pick {
        Fact::Known(_) => Text::from("backport ").then(forecast(lane)),
        Fact::Absent | Fact::Unknown => Text::from(format!("backport to {}: no forecast", lane.target)),
    }
}

/// For scripts, format v1: `<state> <rung> <target or ->`, then `next <command or ->`.
pub fn porcelain(s: &Snapshot, plan: &Plan, called: &Called) -> Vec<String> {
    let mut lines = Vec::new();
    for standing in &plan.rungs {
        let state = match standing.state {
            State::Done => "done",
            State::Active => "active",
            State::Waiting => "waiting",
            State::Blocked => "blocked",
            State::Todo => "todo",
            State::Unknown => "unknown",
        };
        let target = match standing.rung {
            Rung::Backport(index) | Rung::Close(index) => {
                s.lanes.get(index).map_or("-", |lane| lane.target.as_str())
            }
            _ => "-",
        };
        lines.push(format!("{state} {} {target}", standing.rung.name()));
    }
    let next =
        next_command(plan, "").map_or_else(|| "-".to_owned(), |words| called.put(&command_line(&words)));
    lines.push(format!("next {next}"));
    lines
}
