//! Why Heroku did not do it, and what that means for people.

use serde::Deserialize;

use crate::error::{Kind, Problem};
use crate::http::{self, Request, Response};

/// Why there is no answer, or which refusal it was. Heroku's own words are untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No whole answer.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// An answer that is not what the API promises.
    #[error("Heroku answered {call} with something else: {why}")]
    Malformed {
        /// The request.
        call: String,
        /// Whether it wrote: then it may have been done.
        wrote: bool,
        /// What is wrong.
        why: String,
    },
    /// It was refused, and nothing was done.
    #[error("Heroku answered {call} with {status} {id}: {message}")]
    Refused {
        /// The request.
        call: String,
        /// The status.
        status: u16,
        /// Heroku's name for the reason, as in `not_found`.
        id: String,
        /// Its words.
        message: String,
    },
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    id: String,
    message: String,
}

impl Error {
    pub(super) fn of(request: &Request, response: &Response) -> Error {
        let said: Said = response.json().unwrap_or_default();
        Error::Refused {
            call: request.call(),
            status: response.status,
            id: if said.id.is_empty() { "(no id)".to_owned() } else { said.id },
            message: if said.message.is_empty() { "no explanation".to_owned() } else { said.message },
        }
    }

    /// Whether a write may have been done.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Error::Http(http::Error::Ambiguous { .. }) | Error::Malformed { wrote: true, .. })
    }

    /// Whether it was refused with this status.
    pub fn is_refusal(&self, wanted: u16) -> bool {
        matches!(self, Error::Refused { status, .. } if *status == wanted)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let problem = |kind| Problem::new(kind, error.to_string());
        match &error {
            Error::Http(inner) => inner.clone().into(),
            Error::Malformed { .. } => problem(Kind::Unreachable).hint("see https://status.heroku.com, then run the same command again"),
            Error::Refused { status, .. } => match status {
                401 => problem(Kind::Config)
                    .hint("the key in HEROKU_API_KEY is wrong or was revoked: heroku authorizations:create")
                    .hint("then set it in the project's CI/CD variables, masked and protected, and run the same command again"),
                402 | 403 => problem(Kind::Config)
                    .hint("give the account of HEROKU_API_KEY the rights to deploy and operate the app, then run the same command again"),
                404 => problem(Kind::Config)
                    .hint("compare the name with `heroku apps`, and with `heroku = …` in .hotfix.toml on the production branch, then run the same command again"),
                429 => problem(Kind::Unreachable).hint("nothing was done; run the same command again in a few minutes"),
                300..=399 => problem(Kind::Config)
                    .hint("something else answers in Heroku's place, and the key is shown to nobody else: check GIT_HOTFIX_HEROKU_URL and the runner's proxy")
                    .hint("nothing was done; then run the same command again"),
                500.. => problem(Kind::Unreachable).hint("see https://status.heroku.com, then run the same command again"),
                _ => problem(Kind::Rejected).hint("nothing was done by this request; mend what Heroku says, then run the same command again"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_mends_it() {
        let told = |status, id: &str, message: &str| {
            let problem: Problem = Error::Refused {
                call: "GET /apps/acme".to_owned(),
                status,
                id: id.to_owned(),
                message: message.to_owned(),
            }
            .into();
            format!("{} {}: {}", problem.kind.exit_code(), problem, problem.hints.join("; "))
        };
        for (status, id, message, text) in [
            (
                401,
                "unauthorized",
                "Invalid credentials provided.",
                "4 Heroku answered GET /apps/acme with 401 unauthorized: Invalid credentials provided.: the key in \
                 HEROKU_API_KEY is wrong or was revoked: heroku authorizations:create; then set it in the \
                 project's CI/CD variables, masked and protected, and run the same command again",
            ),
            (
                404,
                "not_found",
                "Couldn't find that app.",
                "4 Heroku answered GET /apps/acme with 404 not_found: Couldn't find that app.: compare the name \
                 with `heroku apps`, and with `heroku = …` in .hotfix.toml on the production branch, then \
                 run the same command again",
            ),
            (
                429,
                "rate_limit",
                "Wait.",
                "6 Heroku answered GET /apps/acme with 429 rate_limit: Wait.: nothing was done; run the same \
                 command again in a few minutes",
            ),
        ] {
            assert_eq!(told(status, id, message), text);
        }
        for (status, code) in [(402, 4), (403, 4), (406, 7), (409, 7), (422, 7), (500, 6), (503, 6)] {
            assert!(told(status, "x", "y").starts_with(&format!("{code} ")), "{status}");
        }
    }
}
