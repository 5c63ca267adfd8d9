//! Labels of the project.

use serde::Deserialize;
use serde_json::json;

use super::{Client, Result};
use crate::http::Method;

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// Its name, which is how merge requests hold it.
    pub name: String,
    /// As in `#d9534f`.
    pub color: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

impl Client {
    /// All labels of the project and its groups.
    pub fn labels(&self) -> Result<Vec<Label>> {
        self.list(&self.in_project(Method::Get, &["labels"]))
    }

    /// Makes a label. 409 when it exists.
    pub fn create_label(&self, name: &str, color: &str, description: &str) -> Result<Label> {
        let body = json!({ "name": name, "color": color, "description": description });
        self.write(&self.in_project(Method::Post, &["labels"]).json(&body))
    }
}
