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

impl Client {
    /// One commit, by id or by the name of a branch or tag; `None` when the project lacks it.
    pub fn commit(&self, revision: &str) -> Result<Option<Commit>> {
        self.find(&self.in_project(Method::Get, &["repository", "commits", revision])?)
    }

    /// The merge requests that brought a commit, or hold it.
    pub fn commit_merge_requests(&self, sha: &str) -> Result<Vec<MergeRequest>> {
        self.list(&self.in_project(Method::Get, &["repository", "commits", sha, "merge_requests"])?)
    }
}
