//! What can be done: one [`Step`] is one write, carrying every id it was planned on.
//!
//! Pure data. A step never says "do it again": if the world moved since it was planned, carrying it
//! out is refused as stale. Dangerous steps need a [`Consent`], which only a confirmed [`Question`]
//! makes, and which covers exactly what was shown.

use std::time::Duration;

use serde::Serialize;

use crate::error::{Kind, Problem, Result};
use crate::hotfix::snapshot::{AppRelease, BackportBranch, Fact, Landed, PathConflict, Pick, Sha, Shipment};

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Push the hotfix's branch.
    Push {
        /// Branch name.
        branch: String,
        /// What to push.
        tip: Sha,
        /// What the remote branch must be now; `None`: it must not exist.
        expect: Option<Sha>,
    },
    /// Open the merge request to the production branch.
    Open {
        /// Source branch.
        branch: String,
        /// Production branch.
        target: String,
        /// Title, with `Draft: ` where wanted.
        title: String,
        /// Description.
        description: String,
        /// Labels.
        labels: Vec<String>,
        /// User names; empty: whoever opens it.
        assignees: Vec<String>,
        /// User names.
        reviewers: Vec<String>,
    },
    /// Merge it.
    Merge {
        /// Merge request.
        iid: u64,
        /// Its head; GitLab refuses when it moved.
        head: Sha,
        /// Set auto-merge only.
        auto: bool,
    },
    /// Vote on the deployment.
    Vote {
        /// Deployment.
        deployment: u64,
        /// The commit it ships.
        commit: Sha,
        /// The role as configured.
        role: String,
        /// The rule's label, as GitLab shows it.
        rule: String,
        /// Approve, or reject.
        approve: bool,
        /// Given with the vote.
        comment: Option<String>,
        /// Everything it ships.
        ships: Vec<Shipment>,
    },
    /// Play the manual production job, once.
    Play {
        /// The job, read as `manual`.
        job: u64,
        /// Its name.
        name: String,
        /// Its deployment; none for a migration.
        deployment: Option<u64>,
        /// The commit.
        commit: Sha,
        /// Everything it ships.
        ships: Vec<Shipment>,
        /// Changed migration paths it brings.
        migrations: Vec<String>,
    },
    /// Make a new job of a failed or rejected one: a new deployment, approvals start over.
    Retry {
        /// The finished job.
        job: u64,
        /// Its name.
        name: String,
        /// The commit.
        commit: Sha,
    },
    /// Pick the landed change onto the target's tip and push the backport branch (create only).
    PushBackport {
        /// Target branch.
        target: String,
        /// Its tip.
        onto: Sha,
        /// The backport branch.
        branch: String,
        /// What is picked.
        landed: Landed,
        /// What the pick gave: clean or conflicts.
        pick: Pick,
    },
    /// Open the backport merge request.
    OpenBackport {
        /// Target branch.
        target: String,
        /// The backport branch as it is on the remote.
        branch: String,
        /// What is on it.
        found: BackportBranch,
        /// What is picked.
        landed: Landed,
        /// Conflicted paths; empty for a clean pick.
        conflicts: Vec<PathConflict>,
        /// Labels it must have.
        labels: Vec<String>,
        /// The hotfix's merge request, where there is one.
        hotfix: Option<u64>,
        /// The hotfix's author, by id.
        assignee: Option<u64>,
    },
    /// Give an open backport merge request the labels and draft state its branch calls for.
    MendBackport {
        /// Target branch.
        target: String,
        /// Merge request.
        iid: u64,
        /// Its head when this was planned.
        head: Sha,
        /// New title, where the draft mark must change.
        title: Option<String>,
        /// Labels to add.
        add: Vec<String>,
        /// Labels to remove.
        remove: Vec<String>,
        /// Whether no conflict is left on its branch: the warning leaves the description.
        resolved: bool,
    },
    /// Play the rollback job, once.
    Rollback {
        /// The job: read as `manual`, or with `again` as finished.
        job: u64,
        /// Its name.
        name: String,
        /// Make a new job of a finished one.
        again: bool,
        /// The commit whose deployment is taken back.
        commit: Sha,
        /// The commit that production goes back to, where it is known.
        to: Option<Sha>,
        /// Everything that is undone in production.
        undoes: Fact<Vec<Shipment>>,
        /// What each app runs and ran before, where the deployment left a receipt.
        apps: Vec<AppRelease>,
        /// Changed migration paths, which stay as they are.
        migrations: Fact<Vec<String>>,
    },
    /// Write the revert of the landed change onto the production branch's tip and push its branch (create
    /// only).
    PushRevert {
        /// The revert's branch.
        branch: String,
        /// The tip of the production branch.
        onto: Sha,
        /// What is reverted.
        landed: Landed,
        /// The tree after each reverted commit, the last one first.
        trees: Vec<Sha>,
    },
    /// Open the merge request that reverts it.
    OpenRevert {
        /// The revert's branch.
        branch: String,
        /// What is on it.
        head: Sha,
        /// The production branch.
        target: String,
        /// What is reverted.
        landed: Landed,
        /// The hotfix's merge request, where there is one.
        hotfix: Option<u64>,
    },
    /// Record that a person saw the fix in production.
    Confirm {
        /// The hotfix's merge request.
        iid: u64,
        /// The landed commit.
        commit: Sha,
        /// What they saw.
        text: String,
    },
    /// Close the merge request (abort).
    Close {
        /// Merge request.
        iid: u64,
    },
    /// Remove the branch on the remote (abort).
    DeleteRemoteBranch {
        /// Branch name.
        branch: String,
        /// Where it must be now.
        at: Sha,
    },
}

impl Step {
    /// Whether it moves a branch on the remote.
    pub(super) fn moves_branches(&self) -> bool {
        matches!(
            self,
            Step::Push { .. }
                | Step::Merge { .. }
                | Step::PushBackport { .. }
                | Step::PushRevert { .. }
                | Step::DeleteRemoteBranch { .. }
        )
    }

    /// Whether it needs a [`Consent`].
    pub fn dangerous(&self) -> bool {
        matches!(
            self,
            Step::Merge { .. }
                | Step::Vote { .. }
                | Step::Play { .. }
                | Step::Retry { .. }
                | Step::Rollback { .. }
                | Step::Close { .. }
                | Step::DeleteRemoteBranch { .. }
        )
    }

    /// Whether it is the same write on the same object as `other`, whatever else was read with it.
    pub fn same_write(&self, other: &Step) -> bool {
        self.key() == other.key()
    }

    fn key(&self) -> (&'static str, String) {
        match self {
            Step::Push { branch, tip, .. } => ("push", format!("{branch} {tip}")),
            Step::Open { branch, target, .. } => ("open", format!("{branch} {target}")),
            Step::Merge { iid, head, auto } => ("merge", format!("{iid} {head} {auto}")),
            Step::Vote { deployment, role, .. } => ("vote", format!("{deployment} {role}")),
            Step::Play { job, .. } => ("play", job.to_string()),
            Step::Retry { job, .. } => ("retry", job.to_string()),
            Step::PushBackport { branch, .. } => ("push-backport", branch.clone()),
            Step::OpenBackport { branch, target, .. } => ("open-backport", format!("{branch} {target}")),
            Step::MendBackport { iid, .. } => ("mend-backport", iid.to_string()),
            Step::Rollback { job, .. } => ("rollback", job.to_string()),
            Step::PushRevert { branch, .. } => ("push-revert", branch.clone()),
            Step::OpenRevert { branch, target, .. } => ("open-revert", format!("{branch} {target}")),
            Step::Confirm { iid, commit, .. } => ("confirm", format!("{iid} {commit}")),
            Step::Close { iid } => ("close", iid.to_string()),
            Step::DeleteRemoteBranch { branch, .. } => ("delete-branch", branch.clone()),
        }
    }

    /// What it does, in the words of progress lines and of "what was in flight".
    pub fn words(&self) -> String {
        match self {
            Step::Push { branch, tip, .. } => format!("push {branch} at {}", tip.short()),
            Step::Open { branch, target, .. } => format!("open the merge request {branch} -> {target}"),
            Step::Merge { iid, auto: false, .. } => format!("merge !{iid}"),
            Step::Merge { iid, auto: true, .. } => format!("set !{iid} to merge when it can"),
            Step::Vote { role, approve: true, deployment, .. } => {
                format!("approve deployment {deployment} as {role}")
            }
            Step::Vote { role, approve: false, deployment, .. } => {
                format!("reject deployment {deployment} as {role}")
            }
            Step::Play { name, job, .. } => format!("play {name} (job {job})"),
            Step::Retry { name, job, .. } => format!("make a new {name} of job {job}"),
            Step::PushBackport { branch, .. } => format!("push {branch}"),
            Step::OpenBackport { branch, target, .. } => {
                format!("open the merge request {branch} -> {target}")
            }
            Step::Rollback { name, job, again: false, .. } => format!("play {name} (job {job})"),
            Step::Rollback { name, job, again: true, .. } => format!("make a new {name} of job {job}"),
            Step::PushRevert { branch, .. } => format!("push {branch}"),
            Step::OpenRevert { branch, target, .. } => {
                format!("open the merge request {branch} -> {target}")
            }
            Step::MendBackport { iid, .. } => format!("mend labels and draft mark of !{iid}"),
            Step::Confirm { iid, .. } => format!("record the confirmation on !{iid}"),
            Step::Close { iid } => format!("close !{iid}"),
            Step::DeleteRemoteBranch { branch, .. } => format!("remove {branch} on the remote"),
        }
    }
}

/// What must be confirmed before a dangerous step, and everything that must be shown with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The step.
    pub step: Step,
    /// The title of the merge request that it is about, where its number alone says too little.
    pub title: Option<String>,
    /// Things to know before saying yes, most important first.
    pub warnings: Vec<String>,
}

impl Question {
    /// Other people's changes that go along; each needs consent of its own.
    pub fn others(&self) -> Vec<&Shipment> {
        match &self.step {
            Step::Play { ships, .. } | Step::Vote { ships, approve: true, .. } => {
                ships.iter().filter(|shipment| !shipment.own).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Makes the consent; to be called only once a person (or a flag they typed) said yes to it.
    pub fn confirmed(self) -> Consent {
        Consent { step: self.step }
    }
}

/// Proof that a dangerous step was confirmed, bound to the very step that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    step: Step,
}

impl Consent {
    /// Whether it covers `step`: same ids, same commit, same list of what ships.
    pub fn covers(&self, step: &Step) -> bool {
        self.step == *step
    }
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// Done; what was written.
    Changed(Written),
    /// The world moved since the step was planned; nothing was written.
    Stale(String),
    /// The server has had enough for this long; nothing was written.
    Limited(String, Duration),
    /// The request was sent and no clear answer came: it may or may not have been carried out.
    Unclear(String),
}

/// A dangerous step that nobody said yes to.
pub fn declined(step: &Step) -> Problem {
    Problem::declined(step.words())
}

impl Acted {
    /// What is said where nobody waits for the server to have enough patience again.
    pub fn or_later(self) -> Result<Acted> {
        match self {
            Acted::Limited(why, wait) => Err(Problem::new(Kind::Unreachable, why)
                .hint(format!("run the same command again in {} s", wait.as_secs()))),
            acted => Ok(acted),
        }
    }
}

/// What a step wrote, so that a lagging list never makes a second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Nothing with an id of its own.
    Plain,
    /// The hotfix's merge request.
    MergeRequest(u64),
    /// A lane's merge request.
    Backport {
        /// Target branch.
        target: String,
        /// Its merge request.
        iid: u64,
    },
    /// A branch on the remote.
    Branch {
        /// Its name.
        name: String,
        /// Its tip.
        tip: Sha,
    },
    /// The job that runs now.
    Job(u64),
}

impl Step {
    /// What was done, with what it made.
    pub fn done_words(&self, written: &Written) -> String {
        let words = self.words();
        let (verb, rest) = words.split_once(' ').unwrap_or((words.as_str(), ""));
        let past = match verb {
            "push" => "pushed",
            "open" => "opened",
            "merge" => "merged",
            "approve" => "approved",
            "reject" => "rejected",
            "play" => "played",
            "make" => "made",
            "mend" => "mended",
            "record" => "recorded",
            "close" => "closed",
            "remove" => "removed",
            other => other,
        };
        match written {
            Written::MergeRequest(iid) | Written::Backport { iid, .. } => format!("{past} {rest}: !{iid}"),
            Written::Branch { tip, .. } if !rest.contains(tip.short()) => {
                format!("{past} {rest} at {}", tip.short())
            }
            Written::Branch { .. } | Written::Job(_) | Written::Plain => format!("{past} {rest}"),
        }
    }
}
