//! Commits as GitLab sees them.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Client, MergeRequest, Result};
use crate::http::Method;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Commit {
    /// The whole id.
    pub id: String,
    /// The first line of its message.
    #[serde(default, deserialize_with = "super::or_default")]
    pub title: String,
    /// The whole message.
    pub message: Option<String>,
    /// Its parents; branch lists leave them empty.
    #[serde(default, deserialize_with = "super::or_default")]
    pub parent_ids: Vec<String>,
    /// Who wrote it.
    pub author_name: Option<String>,
    /// With this address.
    pub author_email: Option<String>,
    /// When it was committed.
    pub committed_date: Option<Timestamp>,
    /// Its page.
    pub web_url: Option<String>,
}

/// What lies between two commits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comparison {
    /// The commits, oldest first.
    #[serde(default)]
    pub commits: Vec<Commit>,
    /// The changed files.
    #[serde(default)]
    pub diffs: Vec<ChangedFile>,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChangedFile {
    /// Its path after the change.
    pub new_path: String,
    /// Its path before.
    pub old_path: Option<String>,
}

impl ChangedFile {
    /// Both of its paths where it was moved, as git names them.
    pub fn paths(self) -> impl Iterator<Item = String> {
        let left = self.old_path.filter(|old| *old != self.new_path);
        left.into_iter().chain([self.new_path])
    }
}

impl Client {
    /// What `to` has since its merge base with `from`.
    pub fn compare(&self, from: &str, to: &str) -> Result<Comparison> {
        let request = self.in_project(Method::Get, &["repository", "compare"]);
        self.get(&request.query("from", from).query("to", to))
    }

    /// The best common ancestor of two commits; `None` when there is none.
    pub fn merge_base(&self, one: &str, other: &str) -> Result<Option<Commit>> {
        let request = self.in_project(Method::Get, &["repository", "merge_base"]);
        self.find(&request.query("refs[]", one).query("refs[]", other))
    }

    /// One commit, by id or by the name of a branch or tag; `None` when the project lacks it.
    pub fn commit(&self, revision: &str) -> Result<Option<Commit>> {
        self.find(&self.in_project(Method::Get, &["repository", "commits", revision]))
    }

    /// Whether a commit changes any file; `None` when the project lacks it.
    pub fn commit_changes(&self, sha: &str) -> Result<Option<bool>> {
        let request = self.in_project(Method::Get, &["repository", "commits", sha, "diff"]);
        let rows: Option<Vec<ChangedFile>> = self.find(&request.query("per_page", 1))?;
        Ok(rows.map(|rows| !rows.is_empty()))
    }

    /// The merge requests that brought a commit, or hold it.
    pub fn commit_merge_requests(&self, sha: &str) -> Result<Vec<MergeRequest>> {
        self.list(&self.in_project(Method::Get, &["repository", "commits", sha, "merge_requests"]))
    }
}
