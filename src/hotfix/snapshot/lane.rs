//! Facts about one backport target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CommitLine, Fact, RequestState, Sha};

/// One backport target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The target branch.
    pub target: String,
    /// Tip of the target on the remote.
    pub tip: Fact<Sha>,
    /// `backport/<target>-<SHORT_SHA>`; unknown before the change landed.
    pub branch: Option<String>,
    /// That branch on the remote.
    pub remote: Fact<BackportBranch>,
    /// Evidence that the target holds the change already.
    pub contained: Fact<Containment>,
    /// The pick of the landed change (or the predicted merge) onto the target's tip.
    pub pick: Fact<Pick>,
    /// Git broke on the renames of that pick, which then ignored directory renames.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory_renames_off: bool,
    /// Where it conflicts: the open backport (`!415`, or its branch) after whose merge it will be clean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean_once: Option<String>,
    /// Its merge request.
    pub merge_request: Fact<BackportRequest>,
}

/// How a target is known to hold the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Containment {
    /// The landed commit is an ancestor of the target.
    Ancestor,
    /// A commit on the target says `cherry picked from` it.
    PickedAs(Sha),
}

/// What a pick gives; three-way, by git itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// It applies.
    Clean {
        /// The tree after each pick, the last one being the result.
        trees: Vec<Sha>,
    },
    /// Picking changes nothing: the target holds it.
    AlreadyThere,
    /// It conflicts.
    Conflicts(Vec<PathConflict>),
    /// git could not tell; never taken for clean or conflict.
    Failed(String),
}

/// A conflicted path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathConflict {
    /// The path; bytes that are not UTF-8 are percent-encoded.
    pub path: String,
    /// Whether `path` is percent-encoded bytes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encoded: bool,
    /// `content`, `modify/delete`, `rename`, `add/add`, `submodule`, `binary`, …
    pub kind: String,
    /// Commits on the target that touched the path since the base, newest first.
    pub touched_by: Vec<CommitLine>,
}

/// A backport branch found on the remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackportBranch {
    /// Its tip.
    pub tip: Sha,
    /// What is on it.
    pub content: BranchContent,
}

/// What is on a backport branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BranchContent {
    /// Every commit recomputes: what we would have made.
    Recomputes,
    /// The empty commit that stands for a conflict.
    Placeholder,
    /// A person's commits on top of the placeholder.
    Resolved,
    /// Something else: a person's work, only to be read.
    Foreign(String),
}

/// The merge request of a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackportRequest {
    /// Its number.
    pub iid: u64,
    /// State.
    pub state: RequestState,
    /// Draft.
    pub draft: bool,
    /// Title.
    pub title: String,
    /// Labels.
    pub labels: Vec<String>,
    /// Its head.
    pub head: Sha,
    /// Whether that head is a placeholder; a merged one put nothing on the target.
    pub placeholder: Fact<bool>,
    /// User names.
    pub assignees: Vec<String>,
    /// Where people look at it.
    pub web_url: String,
    /// When it was opened.
    pub created_at: Option<Timestamp>,
}
