//! A secret together with the one origin it may be sent to.

use base64::Engine as _;
use reqwest::header::HeaderValue;

use super::{Origin, Secret};

/// A secret and the one origin it may be sent to.
#[derive(Clone)]
pub struct Token {
    pub(super) origin: Origin,
    user: Option<String>,
    pub(super) secret: Secret,
}

impl Token {
    /// Sent as `Authorization: Bearer`.
    pub fn bearer(origin: Origin, secret: Secret) -> Token {
        Token { origin, user: None, secret }
    }

    /// Sent as `Authorization: Basic`, which registries ask for.
    pub fn basic(origin: Origin, user: &str, secret: Secret) -> Token {
        Token { origin, user: Some(user.to_owned()), secret }
    }

    /// The value of `Authorization`, marked so that nothing below prints it.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let text = match &self.user {
            None => format!("Bearer {}", self.secret.expose()),
            Some(user) => {
                let pair = format!("{user}:{}", self.secret.expose());
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
