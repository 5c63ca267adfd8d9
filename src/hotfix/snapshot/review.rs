//! Facts about merge requests, pipelines and jobs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fact, Sha};

/// State of a merge request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestState {
    /// Open.
    Opened,
    /// Closed by a person, not merged.
    Closed,
    /// A merge is under way.
    Locked,
    /// Merged.
    Merged,
    /// A state this version does not know.
    Other(String),
}

/// The merge request to the production branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRequest {
    /// Its number in the project.
    pub iid: u64,
    /// Title.
    pub title: String,
    /// State.
    pub state: RequestState,
    /// Head of the source branch as GitLab knows it.
    pub head: Sha,
    /// Author's user name.
    pub author: String,
    /// Author's user id.
    pub author_id: u64,
    /// Where people look at it.
    pub web_url: String,
    /// GitLab's `detailed_merge_status`, one blocker at a time.
    pub merge_status: String,
    /// GitLab's `merge_error`, when the last merge failed.
    pub merge_error: Option<String>,
    /// Auto-merge is set.
    pub auto_merge: bool,
    /// Its own pipeline: the one of the head commit, never an older one.
    pub pipeline: Fact<Pipeline>,
    /// Approvals still missing (merge request approvals, not the deployment's).
    pub approvals_left: Fact<u32>,
    /// Who approved the merge request.
    pub approved_by: Vec<String>,
    /// Who merged it.
    pub merged_by: Option<String>,
    /// When it was merged.
    pub merged_at: Option<Timestamp>,
}

/// Status of a pipeline or a job: GitLab's whole list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Not started; earlier stages or needs are open.
    Created,
    /// Another job holds its resource group.
    WaitingForResource,
    /// Being prepared.
    Preparing,
    /// An external answer is awaited.
    WaitingForCallback,
    /// No runner took it yet.
    Pending,
    /// Running.
    Running,
    /// Finished well.
    Success,
    /// Finished badly.
    Failed,
    /// Being canceled; not final.
    Canceling,
    /// Canceled.
    Canceled,
    /// Skipped.
    Skipped,
    /// A person must start it.
    Manual,
    /// It starts later by itself.
    Scheduled,
    /// A status this version does not know: never success, never failure.
    Other(String),
}

impl RunStatus {
    /// Reads GitLab's word.
    pub fn parse(word: &str) -> RunStatus {
        match word {
            "created" => RunStatus::Created,
            "waiting_for_resource" => RunStatus::WaitingForResource,
            "preparing" => RunStatus::Preparing,
            "waiting_for_callback" => RunStatus::WaitingForCallback,
            "pending" => RunStatus::Pending,
            "running" => RunStatus::Running,
            "success" => RunStatus::Success,
            "failed" => RunStatus::Failed,
            "canceling" => RunStatus::Canceling,
            "canceled" => RunStatus::Canceled,
            "skipped" => RunStatus::Skipped,
            "manual" => RunStatus::Manual,
            "scheduled" => RunStatus::Scheduled,
            other => RunStatus::Other(other.to_owned()),
        }
    }

    /// GitLab's word for it, spaced for reading.
    pub fn words(&self) -> String {
        match self {
            RunStatus::Created => "created".into(),
            RunStatus::WaitingForResource => "waiting for resource".into(),
            RunStatus::Preparing => "preparing".into(),
            RunStatus::WaitingForCallback => "waiting for callback".into(),
            RunStatus::Pending => "pending".into(),
            RunStatus::Running => "running".into(),
            RunStatus::Success => "success".into(),
            RunStatus::Failed => "failed".into(),
            RunStatus::Canceling => "canceling".into(),
            RunStatus::Canceled => "canceled".into(),
            RunStatus::Skipped => "skipped".into(),
            RunStatus::Manual => "manual".into(),
            RunStatus::Scheduled => "scheduled".into(),
            RunStatus::Other(word) => format!("unknown status `{word}`"),
        }
    }
}

/// A pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Its id.
    pub id: u64,
    /// Its status.
    pub status: RunStatus,
    /// Where people look at it.
    pub web_url: String,
    /// Jobs that failed and may not.
    pub failed_jobs: Vec<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// Seconds it ran, once finished.
    pub seconds: Option<u64>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id; a retry has a new one.
    pub id: u64,
    /// Its name in the CI file.
    pub name: String,
    /// Its status.
    pub status: RunStatus,
    /// GitLab's reason, only when failed.
    pub failure_reason: Option<String>,
    /// Where people look at it.
    pub web_url: String,
    /// When it finished.
    pub finished_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_keeps_its_word() {
        for word in ["created", "running", "success", "canceling", "manual", "scheduled"] {
            assert_eq!(RunStatus::parse(word).words(), word);
        }
        assert_eq!(RunStatus::parse("odd"), RunStatus::Other("odd".into()));
    }
}
