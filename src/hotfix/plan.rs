//! The decision: from a snapshot and a goal to what happens next. Pure.
//!
//! A rung is *live* when everything it needs is done. Among the live rungs that can still lead to a
//! rung the goal asks for, the first `Do` is carried out; else all open waits are waited for together;
//! else what blocks is said. A blocked lane or migration therefore never stops another lane, and a
//! failed pipeline is not waited out.

use serde::Serialize;

use crate::error::Kind;
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::{Block, Check, Rung, Wait};
use crate::hotfix::snapshot::{Fact, Lane, Pick, Rule, Snapshot};
use crate::hotfix::step::{Question, Step};

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Carry this out.
    Do(Box<Step>),
    /// All of these are open, and nothing can be done meanwhile.
    Wait(Vec<(Rung, Wait)>),
    /// It cannot go on; the first is the one to report.
    Blocked(Vec<(Rung, Block)>),
    /// The goal is reached.
    Done,
}

/// How a rung stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Done.
    Done,
    /// It can be carried out now.
    Active,
    /// It waits for somebody or something.
    Waiting,
    /// It cannot go on.
    Blocked,
    /// Its turn has not come.
    Todo,
    /// Not known.
    Unknown,
}

/// One rung of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The rung.
    pub rung: Rung,
    /// Whether its needs are done, and how it stands.
    pub state: State,
    /// What it calls for.
    pub check: Check,
}

/// The whole plan: every rung in the ladder's order, and what happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The rungs the goal needs, lowest first.
    pub rungs: Vec<Standing>,
    /// What happens next.
    pub next: Next,
}

impl Plan {
    /// What somebody's hands are needed for, whatever else is waited for.
    pub fn hands(&self) -> impl Iterator<Item = &Block> {
        let blocked = self.rungs.iter().filter(|standing| standing.state == State::Blocked);
        blocked.filter_map(|standing| match &standing.check {
            Check::Blocked(block) if block.kind == Kind::Hands => Some(block),
            _ => None,
        })
    }

    /// How a rung stands, where the goal needs it.
    pub fn state(&self, rung: Rung) -> Option<State> {
        self.rungs.iter().find(|standing| standing.rung == rung).map(|standing| standing.state)
    }
}

/// Decides.
pub fn plan(snapshot: &Snapshot, goal: &Goal) -> Plan {
    let leaves = goal.rungs(snapshot);
    let rungs = stand(snapshot, goal, &ladder(goal, &leaves));
    let next = next(goal, &leaves, &rungs);
    Plan { rungs, next }
}

/// The asked rungs with all they need, needs first.
fn ladder(goal: &Goal, leaves: &[Rung]) -> Vec<Rung> {
    fn add(rung: Rung, goal: &Goal, into: &mut Vec<Rung>) {
        if into.contains(&rung) {
            return;
        }
        for need in rung.needs(goal) {
            add(need, goal, into);
        }
        into.push(rung);
    }
    let mut all = Vec::new();
    for leaf in leaves {
        add(*leaf, goal, &mut all);
    }
    all
}

fn stand(snapshot: &Snapshot, goal: &Goal, ladder: &[Rung]) -> Vec<Standing> {
    let mut standings: Vec<Standing> = Vec::with_capacity(ladder.len());
    for rung in ladder {
        let check = rung.check(snapshot, goal);
        let live = rung.needs(goal).iter().all(|need| done(&standings, *need));
        let state = match (&check, live) {
            // Evidence is monotone: a rung that shows itself done is done, needs or not.
            (Check::Done(_), true) => State::Done,
            (_, false) => State::Todo,
            (Check::Do(_), true) => State::Active,
            (Check::Wait(_), true) => State::Waiting,
            (Check::Blocked(_), true) => State::Blocked,
            (Check::Unknown(_), true) => State::Unknown,
        };
        standings.push(Standing { rung: *rung, state, check });
    }
    standings
}

fn done(standings: &[Standing], rung: Rung) -> bool {
    standings.iter().any(|standing| standing.rung == rung && standing.state == State::Done)
}

fn next(goal: &Goal, leaves: &[Rung], rungs: &[Standing]) -> Next {
    if leaves.iter().all(|leaf| done(rungs, *leaf)) {
        return Next::Done;
    }
    // Rungs that still lead somewhere: those below a leaf that nothing blocks.
    let stuck = |rung: &Rung| {
        rungs.iter().any(|s| s.rung == *rung && matches!(s.state, State::Blocked | State::Unknown))
    };
    let open: Vec<Rung> = leaves
        .iter()
        .filter(|leaf| !done(rungs, **leaf))
        .map(|leaf| ladder(goal, &[*leaf]))
        .filter(|below| !below.iter().any(stuck))
        .flatten()
        .collect();
    let live = |state: State| rungs.iter().filter(move |s| s.state == state);

    let mut refused = None;
    for standing in live(State::Active).filter(|s| open.contains(&s.rung)) {
        if let Check::Do(step) = &standing.check {
            match goal.allows(step) {
                true => return Next::Do(step.clone()),
                false => refused = refused.or(Some((standing.rung, not_mine(step)))),
            }
        }
    }
    if let Some(block) = refused {
        return Next::Blocked(vec![block]);
    }
    let waits: Vec<(Rung, Wait)> = live(State::Waiting)
        .filter(|s| open.contains(&s.rung))
        .filter_map(|s| match &s.check {
            Check::Wait(wait) => Some((s.rung, wait.clone())),
            _ => None,
        })
        .collect();
    if !waits.is_empty() {
        return Next::Wait(waits);
    }
    Next::Blocked(rungs.iter().filter_map(|s| block_of(s).map(|block| (s.rung, block))).collect())
}

fn block_of(standing: &Standing) -> Option<Block> {
    match (&standing.check, standing.state) {
        (Check::Blocked(block), State::Blocked) => Some(block.clone()),
        (Check::Unknown(what), State::Unknown) => Some(Block {
            kind: Kind::Unreachable,
            what: format!("{}: {what}", standing.rung.name()),
            hints: vec!["nothing was concluded; run the same command again".to_owned()],
        }),
        _ => None,
    }
}

/// A command writes what its name says; what comes before belongs to another command.
fn not_mine(step: &Step) -> Block {
    let (what, command) = match step {
        Step::Push { tip, .. } => (format!("{} is not pushed yet", tip.short()), "git hotfix open"),
        Step::Open { .. } => ("there is no merge request yet".to_owned(), "git hotfix open"),
        Step::Merge { iid, .. } => (format!("!{iid} is not merged yet"), "git hotfix merge"),
        Step::Play { deployment: None, .. } => {
            ("the migrations have not run yet".to_owned(), "git hotfix migrate")
        }
        Step::Play { .. } | Step::Retry { .. } => ("it is not deployed yet".to_owned(), "git hotfix deploy"),
        Step::Vote { .. } => ("the deployment is not approved yet".to_owned(), "git hotfix approve"),
        Step::PushBackport { target, .. }
        | Step::OpenBackport { target, .. }
        | Step::MendBackport { target, .. } => {
            (format!("the backport to {target} is not there yet"), "git hotfix backport")
        }
        Step::Rollback { .. } => ("it is not rolled back".to_owned(), "git hotfix rollback"),
        Step::PushRevert { .. } | Step::OpenRevert { .. } => {
            ("there is no revert yet".to_owned(), "git hotfix revert")
        }
        Step::Confirm { .. } => ("nobody confirmed it yet".to_owned(), "git hotfix verify --confirm <text>"),
        Step::Close { .. } | Step::DeleteRemoteBranch { .. } => {
            ("it is not given up".to_owned(), "git hotfix abort")
        }
    };
    Block {
        kind: Kind::Refused,
        what,
        hints: vec![format!("{command}   (or all in order: git hotfix ship)")],
    }
}

/// The command that carries a step out, as a user types it after `git hotfix`.
pub fn command_for(step: &Step) -> Vec<String> {
    let words: Vec<&str> = match step {
        Step::Push { .. } | Step::Open { .. } => vec!["open"],
        Step::Merge { .. } => vec!["merge"],
        Step::Vote { .. } => vec!["approve"],
        Step::Play { deployment: None, .. } => vec!["migrate"],
        Step::Play { .. } => vec!["deploy"],
        Step::Retry { .. } => vec!["deploy", "--again"],
        Step::PushBackport { .. } | Step::OpenBackport { .. } | Step::MendBackport { .. } => vec!["backport"],
        Step::Rollback { again: false, .. } => vec!["rollback"],
        Step::Rollback { again: true, .. } => vec!["rollback", "--again"],
        Step::PushRevert { .. } | Step::OpenRevert { .. } => vec!["revert"],
        Step::Confirm { .. } => vec!["verify", "--confirm"],
        Step::Close { .. } | Step::DeleteRemoteBranch { .. } => vec!["abort"],
    };
    words.into_iter().map(str::to_owned).collect()
}

/// What must be confirmed before a dangerous step, with what the user should know first.
pub fn question(snapshot: &Snapshot, step: &Step) -> Question {
    let mut warnings = Vec::new();
    match step {
        Step::Merge { .. } => {
            warnings.extend(merger_cannot_approve(snapshot));
            warnings.extend(snapshot.lanes.iter().filter_map(will_conflict));
        }
        Step::Play { deployment: Some(_), migrations, .. } if !migrations.is_empty() => {
            warnings.push(format!(
                "it holds {} migration file(s): a rollback will not undo them",
                migrations.len()
            ));
        }
        Step::Rollback { undoes, migrations, .. } => {
            match undoes.known() {
                Some(undoes) => match undoes.iter().filter(|shipment| !shipment.own).count() {
                    0 => {}
                    others => {
                        warnings.push(format!("{others} of these are not this hotfix: they go back as well"));
                    }
                },
                None => warnings.push("what else goes back with it could not be told".to_owned()),
            }
            match migrations {
                Fact::Known(paths) => warnings.push(format!(
                    "the migrations in it stay ({}): what ran before must work with them",
                    paths.join(", ")
                )),
                Fact::Unknown => warnings.push(
                    "whether it holds migrations could not be told: what they did would stay".to_owned(),
                ),
                Fact::Absent => {}
            }
        }
        Step::DeleteRemoteBranch { at, .. } if !snapshot.local_contains_remote.yes() => {
            warnings.push(format!("your clone has no such branch with {} on it: it may be lost", at.short()));
        }
        _ => {}
    }
    let about =
        |iid: u64| snapshot.merge_request.known().filter(|mr| mr.iid == iid).map(|mr| mr.title.clone());
    let title = match step {
        Step::Merge { iid, .. } | Step::Close { iid } => about(*iid),
        _ => None,
    };
    Question { step: step.clone(), title, warnings }
}

/// Known before the merge, and no reason against it at 3 a.m.
fn will_conflict(lane: &Lane) -> Option<String> {
    let Fact::Known(Pick::Conflicts(paths)) = &lane.pick else { return None };
    let paths: Vec<&str> = paths.iter().map(|conflict| conflict.path.as_str()).collect();
    Some(format!("the backport to {} will conflict in {}", lane.target, paths.join(", ")))
}

/// GitLab takes whoever merges for the deployer, and the deployer may not approve.
fn merger_cannot_approve(snapshot: &Snapshot) -> Option<String> {
    let me = snapshot.me.known()?;
    let rules = snapshot.gate.known()?;
    if snapshot.self_approval.yes() {
        return None;
    }
    let mine = |rule: &&Rule| rule.may.contains(&me.username);
    let (role, rule) = snapshot.policy.roles.iter().find_map(|role| {
        let rule = rules.iter().find(|rule| rule.label.eq_ignore_ascii_case(&role.rule)).filter(mine)?;
        Some((role, rule))
    })?;
    let others: Vec<&str> =
        rule.may.iter().map(String::as_str).filter(|person| *person != me.username).collect();
    let who = match others.as_slice() {
        [] => "nobody else can".to_owned(),
        people => format!("{} can", people.join(" or ")),
    };
    Some(format!(
        "if {} merges, GitLab does not let {} approve the deployment as {}; {who}",
        me.username, me.username, role.name
    ))
}
