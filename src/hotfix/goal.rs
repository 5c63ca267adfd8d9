//! What a command wants: which rungs must be done, and how much of the world must be read for it.
//!
//! Pure data. The ladder itself is in `rung`.

use crate::hotfix::rung::Rung;
use crate::hotfix::snapshot::{RequestState, Snapshot};
use crate::hotfix::step::Step;

/// What a command wants of a hotfix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// Nothing is written: show where it stands.
    Look,
    /// Nothing is written: wait until this rung is done (`None`: the next open one).
    Wait(Option<Rung>),
    /// The merge request to the production branch is open.
    Open(Box<OpenOptions>),
    /// The change is on the production branch.
    Merge {
        /// Set GitLab's auto-merge instead of waiting here.
        auto: bool,
    },
    /// This user's vote on the deployment is given.
    Approve(Ballot),
    /// The change runs in production.
    Deploy {
        /// After a failure or a rejection: a new job.
        again: bool,
    },
    /// The migrations ran.
    Migrate,
    /// Every lane has its merge request.
    Backport,
    /// Everything in order, to the opened backport.
    Ship(Box<OpenOptions>),
    /// Everything is done and confirmed.
    Verify {
        /// What a person saw in production, to be recorded.
        confirm: Option<String>,
    },
    /// The merge request is closed and the branch removed; nothing landed.
    Abort,
    /// Production runs again what it ran before the deployment.
    Rollback {
        /// After a rollback that failed: a new job.
        again: bool,
    },
    /// A merge request takes the landed change back on the production branch.
    Revert,
}

/// How a merge request is opened, as the user said it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// Title; the first commit's subject when not given.
    pub title: Option<String>,
    /// Description; the commits and the template when not given.
    pub description: Option<String>,
    /// Open as a draft.
    pub draft: bool,
    /// Labels.
    pub labels: Vec<String>,
    /// User names.
    pub reviewers: Vec<String>,
    /// User names; the author when empty.
    pub assignees: Vec<String>,
}

/// A vote to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// The role to fill; found out when this user can fill only one.
    pub role: Option<String>,
    /// Approve, or reject.
    pub approve: bool,
    /// Given with the vote; at most 255 characters.
    pub comment: Option<String>,
}

impl Goal {
    /// The rungs that must be done, in order; `plan` adds what they need.
    pub fn rungs(&self, snapshot: &Snapshot) -> Vec<Rung> {
        let lanes = 0..snapshot.lanes.len();
        match self {
            Goal::Open(_) => vec![Rung::Open],
            Goal::Merge { .. } => vec![Rung::Merge],
            Goal::Approve(_) => vec![Rung::Approve],
            Goal::Deploy { .. } => vec![Rung::Deploy],
            Goal::Migrate => vec![Rung::Migrate],
            Goal::Backport => lanes.map(Rung::Backport).collect(),
            Goal::Ship(_) => {
                let mut rungs = vec![Rung::Deploy, Rung::Migrate];
                rungs.extend(lanes.map(Rung::Backport));
                rungs
            }
            Goal::Look | Goal::Verify { .. } => {
                let mut rungs = vec![Rung::Deploy, Rung::Migrate];
                rungs.extend(lanes.clone().map(Rung::Backport));
                rungs.extend(lanes.map(Rung::Close));
                rungs.push(Rung::Verify);
                rungs
            }
            Goal::Wait(Some(Rung::Backport(_))) if !snapshot.lanes.is_empty() => {
                lanes.map(Rung::Backport).collect()
            }
            Goal::Wait(Some(Rung::Close(_))) if !snapshot.lanes.is_empty() => {
                lanes.map(Rung::Close).collect()
            }
            Goal::Wait(Some(rung)) => vec![*rung],
            Goal::Wait(None) => Goal::Look.rungs(snapshot),
            Goal::Abort => vec![Rung::Abort],
            Goal::Rollback { .. } => vec![Rung::Rollback],
            Goal::Revert => vec![Rung::Revert],
        }
    }

    /// Whether the backport waits for the deployment: only where everything is done in order.
    pub fn in_order(&self) -> bool {
        matches!(self, Goal::Ship(_) | Goal::Look | Goal::Wait(_) | Goal::Verify { .. })
    }

    /// Whether this goal may carry the step out: a command writes what its name says, `ship` writes
    /// everything but approvals.
    pub fn allows(&self, step: &Step) -> bool {
        match self {
            // These never act: their plan names the step for people.
            Goal::Look | Goal::Wait(_) => true,
            Goal::Open(_) => matches!(step, Step::Push { .. } | Step::Open { .. }),
            Goal::Merge { .. } => matches!(step, Step::Merge { .. }),
            Goal::Approve(_) => matches!(step, Step::Vote { .. }),
            Goal::Deploy { .. } => {
                matches!(step, Step::Play { deployment: Some(_), .. } | Step::Retry { .. })
            }
            Goal::Migrate => matches!(step, Step::Play { deployment: None, .. }),
            Goal::Backport => matches!(
                step,
                Step::PushBackport { .. } | Step::OpenBackport { .. } | Step::MendBackport { .. }
            ),
            Goal::Ship(_) => {
                !matches!(step, Step::Vote { .. } | Step::Confirm { .. } | Step::Rollback { .. })
            }
            Goal::Rollback { .. } => matches!(step, Step::Rollback { .. }),
            Goal::Revert => matches!(step, Step::PushRevert { .. } | Step::OpenRevert { .. }),
            Goal::Verify { .. } => matches!(step, Step::Confirm { .. }),
            Goal::Abort => matches!(step, Step::Close { .. } | Step::DeleteRemoteBranch { .. }),
        }
    }

    /// Whether this goal may write at all.
    pub fn writes(&self) -> bool {
        !matches!(self, Goal::Look | Goal::Wait(_) | Goal::Verify { confirm: None })
    }

    /// How much of the world this goal needs to see.
    pub fn scope(&self) -> Scope {
        match self {
            Goal::Open(_) | Goal::Merge { .. } | Goal::Abort => Scope::Review,
            Goal::Approve(_) | Goal::Deploy { .. } | Goal::Migrate | Goal::Rollback { .. } => Scope::Deploy,
            Goal::Backport | Goal::Revert => Scope::Backport,
            Goal::Look | Goal::Wait(_) | Goal::Ship(_) | Goal::Verify { .. } => Scope::Everything,
        }
    }
}

/// How much is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// git only, as of the last fetch.
    Offline,
    /// Up to the merge: branch, merge request, production's commit, forecast.
    Review,
    /// Up to the deployment.
    Deploy,
    /// The merge request and the lanes.
    Backport,
    /// Everything.
    Everything,
}

impl Scope {
    /// Whether GitLab is asked at all.
    pub fn online(self) -> bool {
        self != Scope::Offline
    }

    /// Whether what production runs is read. A backport goes from what landed, deployed or not.
    pub fn production(self) -> bool {
        self.online() && self != Scope::Backport
    }

    /// Whether pipeline and deployment of the production branch are read.
    pub fn deployment(self) -> bool {
        matches!(self, Scope::Deploy | Scope::Everything)
    }

    /// Whether the lanes' branches and merge requests are read.
    pub fn lanes(self) -> bool {
        matches!(self, Scope::Backport | Scope::Everything)
    }
}

/// Whether the merge request has been merged, which proves every rung up to the merge.
pub fn merged(snapshot: &Snapshot) -> bool {
    snapshot.landed.known().is_some()
        || snapshot.merge_request.known().is_some_and(|mr| mr.state == RequestState::Merged)
}
