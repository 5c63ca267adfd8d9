//! Who asks: tokens, their scopes, and the roles of their users.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::respond::Answer;
use super::world::{Status, Token, User, World};

/// What a header set may say about who asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    pub(super) authorization: Option<String>,
    pub(super) private_token: Option<String>,
    pub(super) job_token: Option<String>,
}

impl Credentials {
    fn bearer(&self) -> Option<&str> {
        self.authorization.as_deref()?.strip_prefix("Bearer ").map(str::trim)
    }

    /// Whether they are Basic credentials of exactly this user and password.
    pub(super) fn are(&self, user: &str, password: &str) -> bool {
        let wanted = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        self.authorization.as_deref() == Some(wanted.as_str())
    }

    /// The password of Basic credentials; GitLab takes a token there beside any username.
    fn password(&self) -> Option<String> {
        let encoded = self.authorization.as_deref()?.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        text.split_once(':').map(|(_, password)| password.to_owned())
    }
}

impl World {
    /// Gives somebody another token and returns its secret.
    pub fn add_token(&mut self, username: &str, scopes: &[&str], expires_at: Option<&str>) -> Option<String> {
        let user = self.user_named(username)?.id;
        let id = self.fresh_id();
        // Not `glpat-`: what looks like a real token is masked wherever it is shown, and these are to be
        // handed to people.
        let secret = format!("rehearsal-{username}-{id:012}");
        self.tokens.push(Token {
            id,
            secret: secret.clone(),
            user,
            job: None,
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            expires_at: expires_at.map(str::to_owned),
            revoked: false,
        });
        Some(secret)
    }

    /// Every token of the world, to change it.
    pub fn tokens_mut(&mut self) -> &mut [Token] {
        &mut self.tokens
    }

    /// Somebody's first token.
    pub(super) fn first_token(&self, username: &str) -> Option<&Token> {
        let user = self.user_named(username)?.id;
        self.tokens.iter().find(|token| token.user == user)
    }

    /// The token of a job (`CI_JOB_TOKEN`), which acts for whoever started the job.
    pub fn job_token(&mut self, job: u64) -> Option<String> {
        let user = self.job(job)?.user;
        let id = self.fresh_id();
        let secret = format!("rehearsal-job-{job}-{id:012}");
        let (scopes, expires_at) = (Vec::new(), None);
        let token =
            Token { id, secret: secret.clone(), user, job: Some(job), scopes, expires_at, revoked: false };
        self.tokens.push(token);
        Some(secret)
    }

    /// Whether a token is a job's that still runs.
    pub(super) fn is_of_running_job(&self, token: &Token) -> bool {
        token.job.and_then(|id| self.job(id)).is_some_and(|job| job.status == Status::Running)
    }

    pub(super) fn is_expired(&self, token: &Token) -> bool {
        let today = self.now().strftime("%F").to_string();
        token.expires_at.as_ref().is_some_and(|day| *day <= today)
    }

    /// The token of an API request; `None` where none is shown. Tokens that GitLab does not take
    /// (unknown, expired, revoked) are 401, each in its own words.
    pub(super) fn api_token(&self, credentials: &Credentials) -> Result<Option<&Token>, Answer> {
        if let Some(secret) = &credentials.job_token {
            let own = self.tokens.iter().find(|token| token.job.is_some() && token.secret == *secret);
            return own
                .filter(|token| self.is_of_running_job(token))
                .map(Some)
                .ok_or_else(Answer::unauthorized);
        }
        let Some(secret) = credentials.private_token.as_deref().or_else(|| credentials.bearer()) else {
            return Ok(None);
        };
        let Some(token) = self.tokens.iter().find(|token| token.secret == secret && token.job.is_none())
        else {
            return Err(Answer::unauthorized());
        };
        let invalid = |why: &str| {
            Answer::json(401, &json!({"error": "invalid_token", "error_description": why}))
                .with("www-authenticate", format!("Bearer realm=\"Protected by OAuth 2.0\", error=\"invalid_token\", error_description=\"{why}\""))
        };
        match () {
            () if token.revoked => Err(invalid("Token was revoked. You have to re-authorize from the user.")),
            () if self.is_expired(token) => {
                Err(invalid("Token is expired. You can either do re-authorization or token refresh."))
            }
            () => Ok(Some(token)),
        }
    }

    /// Refuses a token without the scope that the request needs.
    pub(super) fn check_scope(token: &Token, read: bool) -> Result<(), Answer> {
        let has = |scope: &str| token.scopes.iter().any(|own| own == scope);
        match has("api") || (read && has("read_api")) {
            true => Ok(()),
            false => Err(Answer::json(
                403,
                &json!({
                    "error": "insufficient_scope",
                    "error_description":
                        "The request requires higher privileges than provided by the access token.",
                    "scope": if read { "api read_api" } else { "api" },
                }),
            )),
        }
    }

    /// The token of a git request: Basic with any username, or Bearer. `None` is 401.
    pub(super) fn git_token(&self, credentials: &Credentials) -> Option<&Token> {
        let secret = credentials.password().or_else(|| credentials.bearer().map(str::to_owned))?;
        self.tokens
            .iter()
            .find(|token| token.secret == secret)
            .filter(|token| !token.revoked && !self.is_expired(token))
            .filter(|token| token.job.is_none() || self.is_of_running_job(token))
    }

    /// The asking user as a member with at least this level: 401 without a token, 403 below it.
    pub(super) fn at_least(&self, user: Option<u64>, level: u8) -> Result<&User, Answer> {
        let user = user.and_then(|id| self.user(id)).ok_or_else(Answer::unauthorized)?;
        if user.has(level) { Ok(user) } else { Err(Answer::forbidden()) }
    }
}
