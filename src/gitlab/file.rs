//! Files at a commit, and the check of a pipeline file.

use serde::Deserialize;
use serde_json::json;

use super::{Client, Result};
use crate::http::Method;

/// What GitLab says about a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lint {
    /// Whether it can be used.
    pub valid: bool,
    /// Why not.
    #[serde(default, deserialize_with = "super::or_default")]
    pub errors: Vec<String>,
    /// What is doubtful.
    #[serde(default, deserialize_with = "super::or_default")]
    pub warnings: Vec<String>,
    /// With all includes and anchors resolved.
    pub merged_yaml: Option<String>,
}

impl Client {
    /// The bytes of a file at a commit, at most 8 MiB; `None` when it is not there.
    pub fn file(&self, path: &str, revision: &str) -> Result<Option<Vec<u8>>> {
        let request = self
            .in_project(Method::Get, &["repository", "files", path, "raw"])
            .query("ref", revision)
            .accept("*/*");
        match self.answer(&request) {
            // Files come as text/plain or as bytes, whatever is in them.
            Ok(response) if response.says_html() => Err(self.malformed(&request, "an HTML page")),
            Ok(response) => Ok(Some(response.body)),
            Err(error) if error.says_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What GitLab makes of the pipeline file as it stands on `branch`, wherever the project keeps it.
    pub fn lint_at(&self, branch: &str) -> Result<Lint> {
        self.get(&self.in_project(Method::Get, &["ci", "lint"]).query("content_ref", branch))
    }

    /// Checks a pipeline file as if it stood at `branch` of this project.
    pub fn lint(&self, content: &str, branch: &str) -> Result<Lint> {
        let body = json!({ "content": content, "ref": branch });
        self.write(&self.in_project(Method::Post, &["ci", "lint"]).json(&body))
    }
}
