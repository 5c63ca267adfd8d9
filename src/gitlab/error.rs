//! What can go wrong with a call, from GitLab's many error bodies to one enum.
//!
//! Owns the reading of error bodies and the hints that people get. Texts from the server are kept as
//! they are but for secrets and length; the `ui` room makes them safe to show.

use std::time::Duration;

use serde_json::Value;

use crate::error::{Kind, Problem};
use crate::http;

/// The longest text of a server that is kept.
const LONGEST_TEXT: usize = 1000;

/// Why a call did not give what it was asked for. `call` names it, as in `GET /projects/7/jobs`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was concluded; a write was not sent.
    #[error("{host} could not be reached: {why}")]
    Unreachable {
        /// The instance.
        host: String,
        /// The reason.
        why: String,
    },
    /// The address, the certificate or the token's binding is wrong; trying again will not help.
    #[error("{why}")]
    Connection {
        /// The instance.
        host: String,
        /// The reason.
        why: String,
    },
    /// A write was sent and its outcome is unknown: read back by natural key, never send it again.
    #[error("the outcome of {call} is unknown: {why}")]
    Ambiguous {
        /// The call.
        call: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// 401: the token is missing, wrong, expired or revoked.
    #[error("{instance} does not accept the token: {text}")]
    Unauthorized {
        /// The instance, with its path where it is below one.
        instance: String,
        /// Whether a token was sent at all.
        had_token: bool,
        /// What GitLab says.
        text: String,
    },
    /// 403: the token's scope or the user's rights do not suffice.
    #[error("{call} is forbidden: {text}")]
    Forbidden {
        /// The call.
        call: String,
        /// What GitLab says.
        text: String,
    },
    /// 404: it does not exist, or may not be seen by this token.
    #[error("{call}: {text}")]
    NotFound {
        /// The call.
        call: String,
        /// Whether a token was sent at all.
        had_token: bool,
        /// Whether GitLab itself says so of a thing inside the project: see [`Error::says_absent`].
        absent: bool,
        /// What GitLab says.
        text: String,
    },
    /// 400, 405, 406, 409, 422 and other 4xx: definitely not done.
    #[error("{call} was refused ({status}): {text}")]
    Refused {
        /// The call.
        call: String,
        /// The status code.
        status: u16,
        /// What GitLab says.
        text: String,
    },
    /// 429: definitely not done.
    #[error("{host} asks to slow down")]
    RateLimited {
        /// The instance.
        host: String,
        /// How long to stay away, where it says so.
        retry_after: Option<Duration>,
    },
    /// What GitLab itself told of is not in this answer: a replica that lags behind, or no word of GitLab's.
    #[error("{host} does not show {what} yet, which it told of before")]
    Behind {
        /// The instance.
        host: String,
        /// What is missing.
        what: String,
    },
    /// 5xx on a read, after all attempts.
    #[error("{host} answered {status}: {text}")]
    Server {
        /// The instance.
        host: String,
        /// The status code.
        status: u16,
        /// What it says.
        text: String,
    },
    /// A read was answered with something else than what GitLab sends. Never taken for a success.
    #[error("the answer to {call} is {what}")]
    Malformed {
        /// The call.
        call: String,
        /// What is wrong with it.
        what: String,
    },
    /// 301: the project was renamed or moved.
    #[error("the project has moved to {to}")]
    Moved {
        /// Its new path or id, or the whole location.
        to: String,
    },
    /// Any other redirect; it was not followed.
    #[error("{call} was redirected to {to}")]
    Redirected {
        /// The call.
        call: String,
        /// Where to.
        to: String,
    },
    /// An answer, or a list, is longer than what is read.
    #[error("the answer to {call} is too long ({limit})")]
    TooLarge {
        /// The call.
        call: String,
        /// The limit that was hit.
        limit: String,
    },
}

impl Error {
    /// Whether the thing asked for is missing although its project is there. Only this may be read as
    /// "absent": neither a 404 for the project itself, nor one of an unknown route or of a proxy that
    /// decodes `%2F`, says anything about what is in it.
    pub fn says_absent(&self) -> bool {
        matches!(self, Error::NotFound { absent: true, .. })
    }

    /// Whether the call may have changed something although it failed.
    pub fn may_have_changed(&self) -> bool {
        matches!(self, Error::Ambiguous { .. })
    }

    pub(super) fn from_http(error: http::Error) -> Error {
        match error {
            http::Error::Unreachable { origin, why } => Error::Unreachable { host: origin.host(), why },
            http::Error::Ambiguous { call, why } => Error::Ambiguous { call, why },
            http::Error::TooLarge { call, cap } => {
                Error::TooLarge { call, limit: format!("more than {} MiB", cap >> 20) }
            }
            http::Error::WrongOrigin { ref asked, .. } => {
                Error::Connection { host: asked.host(), why: error.to_string() }
            }
            http::Error::Plain { ref origin } | http::Error::Tls { ref origin, .. } => {
                Error::Connection { host: origin.host(), why: error.to_string() }
            }
            http::Error::Impossible { what } => Error::Connection { host: String::new(), why: what },
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        const DOCTOR: &str = "git hotfix doctor";
        let message = error.to_string();
        let problem = |kind| Problem::new(kind, message.clone());
        match error {
            Error::Unreachable { .. } | Error::Server { .. } | Error::Behind { .. } => {
                problem(Kind::Unreachable).hint("nothing was concluded; run the same command again")
            }
            Error::Connection { .. } => problem(Kind::Config)
                .hint("certificates come from the system's trust store; check the address with: git config hotfix.url"),
            Error::Ambiguous { .. } => problem(Kind::Unreachable)
                .hint("it may have been done; see what is true with: git hotfix status"),
            Error::Unauthorized { instance, had_token: false, .. } => get_a_token(
                Problem::new(Kind::Config, format!("{instance} asks for a token, and none was found")),
                &instance,
            )
            .hint(format!("where it was looked for: {DOCTOR}")),
            Error::Unauthorized { instance, .. } => get_a_token(
                problem(Kind::Config)
                    .hint(format!("which token was used and what is wrong with it: {DOCTOR}")),
                &instance,
            ),
            Error::Forbidden { text, .. } if text.contains("insufficient") => {
                problem(Kind::Config).hint(format!("the token lacks a scope; writes need `api`: {DOCTOR}"))
            }
            Error::Forbidden { .. } => {
                problem(Kind::Config).hint(format!("your rights in the project do not suffice: {DOCTOR}"))
            }
            Error::NotFound { had_token: true, .. } => problem(Kind::Config)
                .hint("GitLab also answers 404 for what the token's user may not see")
                .hint(format!("which project and which user that is: {DOCTOR}")),
            Error::NotFound { .. } => problem(Kind::Config)
                .hint("GitLab also answers 404 for a private project when no token is given")
                .hint(format!("where a token was looked for: {DOCTOR}")),
            Error::Refused { .. } => problem(Kind::Refused).hint("see what is true now with: git hotfix status"),
            Error::RateLimited { retry_after, .. } => problem(Kind::Unreachable).hint(match retry_after {
                Some(time) => format!("run the same command again in {} s", time.as_secs()),
                None => "run the same command again in a minute".to_owned(),
            }),
            Error::Malformed { .. } | Error::TooLarge { .. } => problem(Kind::Unreachable).hint(format!(
                "nothing was concluded; check that GitLab itself answers, with no sign-in page or proxy in between: {DOCTOR}"
            )),
            Error::Moved { .. } => problem(Kind::Config)
                .hint("tell git the new address: git remote set-url origin <url>"),
            Error::Redirected { .. } => problem(Kind::Config)
                .hint("redirects are not followed; set the final address: git config hotfix.url <url>"),
        }
    }
}

/// Says how a token for the instance is made and given.
pub fn get_a_token(problem: Problem, instance: &str) -> Problem {
    problem
        .hint(format!(
            "create one with the scopes api and write_repository at {instance}/-/user_settings/personal_access_tokens"
        ))
        .hint(format!("then: export GIT_HOTFIX_URL={instance} GIT_HOTFIX_TOKEN=<token>"))
}

/// Whether a 404 is about a thing in the project. GitLab says so under `message`, as in `404 Branch Not
/// Found`; an unknown route is reported under `error`.
pub(super) fn is_about_a_thing(response: &http::Response) -> bool {
    let body: Option<Value> = response.json().ok();
    let message = body.as_ref().and_then(|body| body.get("message")?.as_str()).unwrap_or_default();
    message.starts_with("404") && !message.to_lowercase().contains("project not found")
}

/// What an error body says, whichever of GitLab's shapes it has.
pub(super) fn text_of(response: &http::Response) -> String {
    let parsed = if response.says_json() { serde_json::from_slice(&response.body).ok() } else { None };
    let text = match parsed {
        Some(Value::Object(body)) => {
            let parts = ["message", "error", "error_description", "error_code", "scope"];
            let texts: Vec<String> = parts
                .iter()
                .filter_map(|name| Some((name, body.get(*name).filter(|value| !value.is_null())?)))
                .map(|(name, value)| match *name {
                    "error_code" | "scope" => format!("{name} {}", words(value)),
                    _ => words(value),
                })
                .filter(|text| !text.is_empty())
                .collect();
            texts.join(": ")
        }
        Some(other) => words(&other),
        None => {
            let text = String::from_utf8_lossy(&response.body);
            let text = text.trim();
            if text.starts_with('<') { "an HTML page".to_owned() } else { text.to_owned() }
        }
    };
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None if text.is_empty() => format!("no explanation (status {})", response.status),
        None => text,
    }
}

/// Strings, lists of strings and objects of lists, in one line.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match name.as_str() {
                "error" | "base" => words(value),
                name => format!("{name} {}", words(value)),
            };
            fields.iter().map(field).collect::<Vec<_>>().join("; ")
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
