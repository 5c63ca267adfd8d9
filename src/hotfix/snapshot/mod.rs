//! The facts about one hotfix, as plain data: what `observe` read, what `plan` decides on.
//!
//! No clocks, no I/O, no decisions. Every fact is three-valued: not knowing is never the same as
//! knowing that something is not there.

mod lane;
mod production;
mod review;
mod way_back;

use jiff::Timestamp;
pub use lane::{BackportBranch, BackportRequest, BranchContent, Containment, Lane, PathConflict, Pick};
pub use production::{
    Confirmation, DeployStatus, Deployment, Landed, LandedKind, Migration, Production, Rule, Shipment, Vote,
};
pub use review::{Job, MergeRequest, Pipeline, RequestState, RunStatus};
use serde::{Deserialize, Serialize};
pub use way_back::{AppRelease, RECEIPT, Receipt, WayBack};

/// What is known of something. `Unknown` (not read, or not readable) is not `Absent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Fact<T> {
    /// Not read, or the answer could not be had.
    #[default]
    Unknown,
    /// Read, and it is not there.
    Absent,
    /// Read, and this is it.
    Known(T),
}

impl<T> Fact<T> {
    /// The value, where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Fact::Known(value) => Some(value),
            Fact::Unknown | Fact::Absent => None,
        }
    }

    /// Whether it is known not to be there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Fact::Absent)
    }

    /// Whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Fact::Unknown)
    }

    /// An answer that was read: there, or not there.
    pub fn read(answer: Option<T>) -> Self {
        answer.map_or(Fact::Absent, Fact::Known)
    }
}

impl Fact<bool> {
    /// Known to be true.
    pub fn yes(&self) -> bool {
        matches!(self, Fact::Known(true))
    }

    /// Known to be false.
    pub fn no(&self) -> bool {
        matches!(self, Fact::Known(false))
    }
}

/// A whole commit id, 40 or 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha(String);

impl Sha {
    /// Takes a whole id; `None` for anything else, abbreviations included.
    pub fn parse(text: &str) -> Option<Sha> {
        let whole = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        whole.then(|| Sha(text.to_ascii_lowercase()))
    }

    /// From the bytes of an object id, of which git has 20 or 32.
    pub fn of_bytes(bytes: &[u8]) -> Sha {
        Sha(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// All digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 8 digits, as GitLab's `CI_COMMIT_SHORT_SHA`: always 8, whatever `core.abbrev` says.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl std::fmt::Display for Sha {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything one observation read about one hotfix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The names and rules in force (configuration).
    pub policy: Policy,
    /// The project's full path, where known.
    pub project: Option<String>,
    /// The hotfix's branch name, where it has or had one.
    pub branch: Option<String>,
    /// The local branch.
    pub local: Fact<LocalBranch>,
    /// Tip of the branch on the remote.
    pub remote: Fact<Sha>,
    /// Whether the local branch contains the remote one: then a push loses nothing.
    pub local_contains_remote: Fact<bool>,
    /// Tip of the production branch on the remote.
    pub main: Fact<Sha>,
    /// The merge request to the production branch.
    pub merge_request: Fact<MergeRequest>,
    /// The change on the production branch, verified in the fetched history.
    pub landed: Fact<Landed>,
    /// What production runs.
    pub production: Fact<Production>,
    /// The pipeline of the production branch for the landed commit.
    pub main_pipeline: Fact<Pipeline>,
    /// The production deployment that would ship, or shipped, the landed commit.
    pub deployment: Fact<Deployment>,
    /// The environment's approval rules, from this deployment or, before there is one, the last one.
    pub gate: Fact<Vec<Rule>>,
    /// Everything that the deployment ships, newest first.
    pub ships: Fact<Vec<Shipment>>,
    /// Migrations.
    pub migration: Migration,
    /// One lane for each backport target.
    pub lanes: Vec<Lane>,
    /// The way back of the deployment.
    #[serde(default)]
    pub way_back: WayBack,
    /// The revert of the landed change: a lane to the production branch, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert: Option<Lane>,
    /// Whether a person confirmed the fix in production.
    pub confirmed: Fact<Confirmation>,
    /// Whose token this is.
    pub me: Fact<Person>,
    /// Whether the project lets whoever triggered the pipeline approve its deployment.
    pub self_approval: Fact<bool>,
}

/// Names and rules from the configuration that decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What git calls the project's repository, for the commands in hints.
    pub remote: String,
    /// Where hotfixes are cut and land.
    pub production_branch: String,
    /// The protected environment.
    pub environment: String,
    /// Names of the production job.
    pub deploy_jobs: Vec<String>,
    /// The production apps, for people.
    pub apps: Vec<String>,
    /// Who must approve: every one of them.
    pub roles: Vec<Role>,
    /// Name of the job that rolls back.
    pub rollback_job: String,
    /// Name of the migration job.
    pub migration_job: String,
    /// Labels of a clean backport.
    pub backport_labels: Vec<String>,
    /// Labels of a conflicting backport.
    pub conflict_labels: Vec<String>,
}

/// A role that must approve, and the approval rule that stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// As configured: `tech-lead`, `pm`.
    pub name: String,
    /// The rule's label as GitLab shows it: user, group or access level.
    pub rule: String,
}

/// The hotfix's branch in this clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalBranch {
    /// Its tip.
    pub tip: Sha,
    /// Its commits beyond the production branch, newest first.
    pub commits: Vec<CommitLine>,
    /// Text of `.gitlab/merge_request_templates/Hotfix.md` at the tip.
    pub template: Option<String>,
}

/// A commit, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitLine {
    /// Its id.
    pub id: Sha,
    /// First line of its message.
    pub subject: String,
    /// The rest of its message.
    pub body: String,
    /// Author's name.
    pub author: String,
    /// Author's date.
    pub at: Option<Timestamp>,
}

/// A GitLab user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// User id.
    pub id: u64,
    /// User name.
    pub username: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ids_are_ids() {
        assert!(Sha::parse("9f3c1a7e").is_none());
        assert!(Sha::parse(&"g".repeat(40)).is_none());
        assert_eq!(Sha::parse(&"A".repeat(40)).unwrap().short(), "aaaaaaaa");
        assert!(Sha::parse(&"0".repeat(64)).is_some());
    }
}
