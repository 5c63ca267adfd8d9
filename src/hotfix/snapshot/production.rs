//! Facts about what landed, what production runs, and the deployment that would change it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fact, Job, Sha};

/// How the change landed on the production branch; decides how it is picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LandedKind {
    /// A merge commit: picked against its first parent.
    Merge,
    /// One commit (squash, or a fast-forwarded single): picked against its parent.
    Single,
    /// A fast-forwarded series, oldest first: each commit in order.
    Series(Vec<Sha>),
}

/// The change as it landed on the production branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    /// The landed commit (the last one of a series).
    pub commit: Sha,
    /// How it landed.
    pub kind: LandedKind,
    /// Its title, for people.
    pub subject: String,
    /// A later commit on the production branch that undid it.
    pub reverted_by: Option<Sha>,
}

/// What production runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Production {
    /// Commit of the last successful deployment.
    pub commit: Sha,
    /// That deployment.
    pub deployment: u64,
    /// When it finished.
    pub at: Option<Timestamp>,
    /// Whether the production branch contains that commit.
    pub on_main: Fact<bool>,
    /// Whether that commit contains the landed commit.
    pub has_fix: Fact<bool>,
    /// Whether an earlier successful deployment contained the landed commit.
    pub had_fix: Fact<bool>,
}

/// Status of a deployment: GitLab's whole list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployStatus {
    /// Created.
    Created,
    /// Every manual deployment job starts so, approvals or not.
    Blocked,
    /// The job runs.
    Running,
    /// Deployed.
    Success,
    /// Failed, or rejected.
    Failed,
    /// Canceled.
    Canceled,
    /// Skipped.
    Skipped,
    /// A status this version does not know: never success.
    Other(String),
}

impl DeployStatus {
    /// Reads GitLab's word.
    pub fn parse(word: &str) -> DeployStatus {
        match word {
            "created" => DeployStatus::Created,
            "blocked" => DeployStatus::Blocked,
            "running" => DeployStatus::Running,
            "success" => DeployStatus::Success,
            "failed" => DeployStatus::Failed,
            "canceled" => DeployStatus::Canceled,
            "skipped" => DeployStatus::Skipped,
            other => DeployStatus::Other(other.to_owned()),
        }
    }
}

/// A production deployment that contains the landed commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: u64,
    /// The commit it ships.
    pub commit: Sha,
    /// Its status.
    pub status: DeployStatus,
    /// The job that carries it out.
    pub job: Job,
    /// Who triggered its pipeline, that is, merged: GitLab lets this person not approve.
    pub triggered_by: String,
    /// Approvals missing over all rules; GitLab's own count.
    pub approvals_left: Fact<u32>,
    /// Its approval rules with their votes.
    pub rules: Fact<Vec<Rule>>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

/// One approval rule of the protected environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What GitLab calls it (`access_level_description`): group, user, or access level.
    pub label: String,
    /// How many approvals it needs.
    pub required: u32,
    /// The votes given under it.
    pub votes: Vec<Vote>,
    /// User names of those who can fill it, where that could be read.
    pub may: Vec<String>,
}

/// A vote on a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// User name.
    pub by: String,
    /// Approved, or rejected.
    pub approved: bool,
    /// When.
    pub at: Option<Timestamp>,
    /// The comment given with it.
    pub comment: Option<String>,
}

/// One entry on the production branch that a deployment ships.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// The commit on the production branch.
    pub commit: Sha,
    /// The merge request it came from, where its message tells.
    pub iid: Option<u64>,
    /// What it is.
    pub title: String,
    /// Whether it is (part of) this hotfix.
    pub own: bool,
}

impl Shipment {
    /// How people name it: `!413`, or the short commit id.
    pub fn name(&self) -> String {
        self.iid.map_or_else(|| self.commit.short().to_owned(), |iid| format!("!{iid}"))
    }
}

/// What is known about migrations in the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Migration {
    /// Changed paths that match the configured globs, also of what ships along.
    pub paths: Fact<Vec<String>>,
    /// The migration job in the pipeline of the deployment.
    pub job: Fact<Job>,
}

/// A person's word that the fix works in production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// User name.
    pub by: String,
    /// When.
    pub at: Option<Timestamp>,
    /// What they saw.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_deployment_status_is_kept_as_such() {
        assert_eq!(DeployStatus::parse("done"), DeployStatus::Other("done".into()));
    }
}
