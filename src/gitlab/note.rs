//! Notes on merge requests: receipts and marks that people and programs leave.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Client, Result, User};
use crate::http::Method;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Note {
    /// Its number.
    pub id: u64,
    /// Markdown.
    #[serde(default, deserialize_with = "super::or_default")]
    pub body: String,
    /// Who wrote it.
    pub author: Option<User>,
    /// When.
    pub created_at: Option<Timestamp>,
    /// Written by GitLab itself.
    #[serde(default, deserialize_with = "super::or_default")]
    pub system: bool,
}

impl Client {
    /// The notes that people and programs wrote on a merge request and `keep` wants, oldest first.
    pub fn notes(&self, iid: u64, mut keep: impl FnMut(&Note) -> bool) -> Result<Vec<Note>> {
        let request = self
            .merge_request_at(Method::Get, iid, &["notes"])
            .query("order_by", "created_at")
            .query("sort", "asc")
            .query("activity_filter", "only_comments");
        let mut notes = Vec::new();
        self.visit(&request, 100, |note: Note| {
            if !note.system && keep(&note) {
                notes.push(note);
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(notes)
    }

    /// Writes a note on a merge request. At most 60 a minute on GitLab.com.
    pub fn create_note(&self, iid: u64, body: &str) -> Result<Note> {
        self.write(&self.merge_request_at(Method::Post, iid, &["notes"]).json(&json!({ "body": body })))
    }
}
