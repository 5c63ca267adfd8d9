//! Who we are: the token, its user, and the version of the instance.

use serde::Deserialize;

use super::{Client, Error, Result};
use crate::http::{Method, Request};

/// A person, as GitLab shows one inside other things.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The number that never changes.
    pub id: u64,
    /// The name that follows an `@`.
    pub username: String,
    /// The full name.
    pub name: Option<String>,
    /// `active`, `blocked` and others.
    pub state: Option<String>,
}

/// What a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokenInfo {
    /// The name its owner gave it.
    pub name: Option<String>,
    /// `api`, `read_api`, `write_repository` and others.
    #[serde(default, deserialize_with = "super::or_default")]
    pub scopes: Vec<String>,
    /// The last day it works, as `2026-12-31`.
    pub expires_at: Option<jiff::civil::Date>,
    /// Whether it works now.
    pub active: Option<bool>,
    /// Whether it was revoked.
    pub revoked: Option<bool>,
    /// Whose it is; bots have users of their own.
    pub user_id: Option<u64>,
}

/// Which GitLab this is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
    /// As in `18.9.0-ee` or `18.9.0-pre`.
    pub version: String,
    /// Whether approval rules can exist at all; needs a licence besides.
    pub enterprise: Option<bool>,
}

impl Client {
    /// The user of the token.
    pub fn current_user(&self) -> Result<User> {
        self.get(&Request::new(Method::Get, ["user"]))
    }

    /// The name and the mail address that GitLab itself would commit with for the token's user.
    pub fn committer(&self) -> Result<(String, String)> {
        #[derive(Deserialize)]
        struct Committer {
            username: String,
            name: Option<String>,
            commit_email: Option<String>,
            email: Option<String>,
        }
        let me: Committer = self.get(&Request::new(Method::Get, ["user"]))?;
        let email = me.commit_email.or(me.email).filter(|email| !email.is_empty());
        let email = email.unwrap_or_else(|| format!("{}@noreply.{}", me.username, self.host()));
        Ok((me.name.unwrap_or(me.username), email))
    }

    /// The token itself. 401 for a job token and for OAuth tokens too.
    pub fn token_info(&self) -> Result<TokenInfo> {
        self.get(&Request::new(Method::Get, ["personal_access_tokens", "self"]))
    }

    /// The instance's version.
    pub fn version(&self) -> Result<Version> {
        match self.get(&Request::new(Method::Get, ["metadata"])) {
            // Before 15.2 there is only this one.
            Err(Error::NotFound { .. }) => self.get(&Request::new(Method::Get, ["version"])),
            outcome => outcome,
        }
    }
}
