//! The ladder: one file per rung, each a pure function from the snapshot to what the rung calls for.
//!
//! A rung looks at facts only and never at other rungs; what it needs is declared in [`Rung::needs`].
//! Evidence is monotone: a merged merge request proves every rung up to the merge, whatever became of
//! the branch.

mod abort;
mod approve;
mod backport;
mod build;
mod close;
mod deploy;
mod merge;
mod migrate;
mod open;
mod pipeline;
mod push;
mod revert;
mod review;
mod rollback;
mod start;
mod verify;

pub use approve::{Slot, slots};
pub use backport::{backport_command, declined};
pub use revert::open_revert;
pub use rollback::{came_after, migrated, taken_back};
use serde::Serialize;
pub use start::missing;

use crate::error::Kind;
use crate::hotfix::goal::Goal;
use crate::hotfix::snapshot::{Sha, Snapshot};
use crate::hotfix::step::Step;

/// Label that says a person decided against a backport.
pub const DECLINED_LABEL: &str = "backport-declined";

/// The backport branch of a landed commit: `backport/<target>-<SHORT_SHA>`.
pub fn backport_branch(target: &str, landed: &Sha) -> String {
    format!("backport/{target}-{}", landed.short())
}

/// The branch of a landed commit's revert: `revert/<slug>-<SHORT_SHA>`, or `revert/<SHORT_SHA>` where no branch
/// is known.
pub fn revert_branch(hotfix: Option<&str>, landed: &Sha) -> String {
    match hotfix.map(|branch| branch.rsplit_once('/').map_or(branch, |(_, slug)| slug)) {
        Some(slug) => format!("revert/{slug}-{}", landed.short()),
        None => format!("revert/{}", landed.short()),
    }
}

/// A word of a command as people type it: an interactive shell takes a bare `!412` for its history.
pub fn typed(word: &str) -> String {
    match word.starts_with('!') {
        true => format!("'{word}'"),
        false => word.to_owned(),
    }
}

/// One rung of the ladder. Lane rungs carry the index of their lane in the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rung {
    /// The hotfix exists.
    Start,
    /// The remote branch has the local tip.
    Push,
    /// There is a merge request.
    Open,
    /// Its own pipeline is good.
    Pipeline,
    /// Nothing else makes it unmergeable.
    Review,
    /// The change is on the production branch.
    Merge,
    /// The production pipeline has reached the deploy job.
    Build,
    /// Every role has approved the deployment.
    Approve,
    /// Production contains the change.
    Deploy,
    /// The migrations ran.
    Migrate,
    /// The lane's target holds the change, or a merge request brings it.
    Backport(usize),
    /// The lane's merge request is merged.
    Close(usize),
    /// A person confirmed the fix.
    Verify,
    /// The hotfix is given up; not part of the ladder.
    Abort,
    /// Production runs what it ran before; not part of the ladder.
    Rollback,
    /// A merge request takes the change back; not part of the ladder.
    Revert,
}

impl Rung {
    /// The name users type and read.
    pub fn name(self) -> &'static str {
        match self {
            Rung::Start => "start",
            Rung::Push => "push",
            Rung::Open => "open",
            Rung::Pipeline => "pipeline",
            Rung::Review => "review",
            Rung::Merge => "merge",
            Rung::Build => "build",
            Rung::Approve => "approve",
            Rung::Deploy => "deploy",
            Rung::Migrate => "migrate",
            Rung::Backport(_) => "backport",
            Rung::Close(_) => "close",
            Rung::Verify => "verify",
            Rung::Abort => "abort",
            Rung::Rollback => "rollback",
            Rung::Revert => "revert",
        }
    }

    /// The names a user may wait for.
    pub const WAITABLE: [&'static str; 11] = [
        "push", "open", "pipeline", "review", "merge", "build", "approve", "deploy", "migrate", "backport",
        "close",
    ];

    /// The rung of that name; lane rungs mean the first lane.
    pub fn named(name: &str) -> Option<Rung> {
        [
            Rung::Start,
            Rung::Push,
            Rung::Open,
            Rung::Pipeline,
            Rung::Review,
            Rung::Merge,
            Rung::Build,
            Rung::Approve,
            Rung::Deploy,
            Rung::Migrate,
            Rung::Backport(0),
            Rung::Close(0),
            Rung::Verify,
        ]
        .into_iter()
        .find(|rung| rung.name() == name)
    }

    /// The rungs that must be done first.
    pub fn needs(self, goal: &Goal) -> Vec<Rung> {
        match self {
            Rung::Start | Rung::Abort | Rung::Rollback | Rung::Revert => vec![],
            Rung::Push => vec![Rung::Start],
            Rung::Open => vec![Rung::Push],
            Rung::Pipeline | Rung::Review => vec![Rung::Open],
            // GitLab itself waits for pipeline and approvals once auto-merge is set.
            Rung::Merge if matches!(goal, Goal::Merge { auto: true }) => vec![Rung::Open],
            Rung::Merge => vec![Rung::Pipeline, Rung::Review],
            Rung::Build => vec![Rung::Merge],
            Rung::Approve => vec![Rung::Build],
            Rung::Deploy => vec![Rung::Approve],
            Rung::Migrate | Rung::Verify => vec![Rung::Deploy],
            // A backport asked for by itself brings its own source: a landed commit is all it needs.
            Rung::Backport(_) if goal.in_order() => vec![Rung::Merge, Rung::Deploy],
            Rung::Backport(_) => vec![],
            Rung::Close(lane) => vec![Rung::Backport(lane)],
        }
    }

    /// What this rung calls for.
    pub fn check(self, snapshot: &Snapshot, goal: &Goal) -> Check {
        // Whatever begins with this rung begins with a hotfix that is somewhere.
        if let Some(block) = missing(snapshot).filter(|_| self.needs(goal).is_empty()) {
            return Check::Blocked(block);
        }
        match self {
            Rung::Start => start::check(snapshot),
            Rung::Push => push::check(snapshot),
            Rung::Open => open::check(snapshot, goal),
            Rung::Pipeline => pipeline::check(snapshot),
            Rung::Review => review::check(snapshot),
            Rung::Merge => merge::check(snapshot, goal),
            Rung::Build => build::check(snapshot),
            Rung::Approve => approve::check(snapshot, goal),
            Rung::Deploy => deploy::check(snapshot, goal),
            Rung::Migrate => migrate::check(snapshot),
            Rung::Backport(lane) => backport::check(snapshot, lane),
            Rung::Close(lane) => close::check(snapshot, lane),
            Rung::Verify => verify::check(snapshot, goal),
            Rung::Abort => abort::check(snapshot),
            Rung::Rollback => rollback::check(snapshot, goal),
            Rung::Revert => revert::check(snapshot),
        }
    }
}

/// What a rung calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// It is done; what shows it.
    Done(String),
    /// This would bring it on.
    Do(Box<Step>),
    /// Somebody or something else must move first.
    Wait(Wait),
    /// It cannot go on as things are.
    Blocked(Block),
    /// The facts it needs were not read.
    Unknown(String),
}

impl Check {
    fn done(detail: impl Into<String>) -> Check {
        Check::Done(detail.into())
    }

    fn step(step: Step) -> Check {
        Check::Do(Box::new(step))
    }

    fn wait(who: Who, what: impl Into<String>) -> Check {
        Check::Wait(Wait { who, what: what.into(), bounded: false })
    }

    /// A wait for something that may never come; `drive` gives up on it after the grace period.
    fn bounded_wait(what: impl Into<String>) -> Check {
        Check::Wait(Wait { who: Who::GitLab, what: what.into(), bounded: true })
    }

    fn blocked(kind: Kind, what: impl Into<String>, hint: impl Into<String>) -> Check {
        Check::Blocked(Block { kind, what: what.into(), hints: vec![hint.into()] })
    }

    fn unknown(what: impl Into<String>) -> Check {
        Check::Unknown(what.into())
    }
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// Who must move.
    pub who: Who,
    /// What must happen.
    pub what: String,
    /// It may never come: waited for only as long as the grace period.
    pub bounded: bool,
}

/// Who must act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// GitLab or a runner: nobody has to do anything.
    GitLab,
    /// These people, by user name; empty: somebody with the rights.
    People(Vec<String>),
}

/// Why it cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Decides the exit code.
    #[serde(serialize_with = "kind_name")]
    pub kind: Kind,
    /// What is in the way.
    pub what: String,
    /// How to mend it; the last word is a command.
    pub hints: Vec<String>,
}

fn kind_name<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}
