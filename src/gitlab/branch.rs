//! Branches and their protection.

use serde::Deserialize;

use super::{Client, Commit, Result};
use crate::http::Method;

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// Its name, without `refs/heads/`.
    pub name: String,
    /// Its tip.
    pub commit: Commit,
    /// Whether a rule protects it.
    pub protected: Option<bool>,
    /// Whether the token's user may push to it.
    pub can_push: Option<bool>,
}

/// A protection rule of branches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProtectedBranch {
    /// A name or a pattern with `*`.
    pub name: String,
    /// Who may push.
    #[serde(default, deserialize_with = "super::or_default")]
    pub push_access_levels: Vec<AccessLevel>,
    /// Who may merge.
    #[serde(default, deserialize_with = "super::or_default")]
    pub merge_access_levels: Vec<AccessLevel>,
    /// Whether those who may push may also force.
    pub allow_force_push: Option<bool>,
}

/// Somebody who may do something: everyone of a level, a user, or a group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccessLevel {
    /// 0 nobody, 30 developers, 40 maintainers, 60 administrators; null for a user or group.
    pub access_level: Option<u64>,
    /// How GitLab shows it: a level, a user's name, a group's name.
    pub access_level_description: Option<String>,
    /// The user.
    pub user_id: Option<u64>,
    /// The group.
    pub group_id: Option<u64>,
}

impl Client {
    /// One branch; `None` when the project has none of this name.
    pub fn branch(&self, name: &str) -> Result<Option<Branch>> {
        self.find(&self.in_project(Method::Get, &["repository", "branches", name]))
    }

    /// The branches whose names begin with `prefix`, at most `limit`.
    pub fn branches(&self, prefix: &str, limit: usize) -> Result<Vec<Branch>> {
        let request =
            self.in_project(Method::Get, &["repository", "branches"]).query("search", format!("^{prefix}"));
        self.first(&request, limit)
    }

    /// Removes a branch.
    pub fn delete_branch(&self, name: &str) -> Result<()> {
        self.write_only(&self.in_project(Method::Delete, &["repository", "branches", name]))
    }

    /// The rule of exactly this name; `None` when there is none. A pattern may protect the branch all
    /// the same: see [`Client::protected_branches`].
    pub fn protected_branch(&self, name: &str) -> Result<Option<ProtectedBranch>> {
        self.find(&self.in_project(Method::Get, &["protected_branches", name]))
    }

    /// All rules.
    pub fn protected_branches(&self) -> Result<Vec<ProtectedBranch>> {
        self.list(&self.in_project(Method::Get, &["protected_branches"]))
    }
}
