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
                402 => problem(Kind::Config)
                    .hint("pay what is open: https://dashboard.heroku.com/account/billing, then run the same command again"),
                403 => problem(Kind::Config)
                    .hint("give the account of HEROKU_API_KEY the rights to deploy and operate the app, then run the same command again"),
                404 => problem(Kind::Config)
                    .hint("compare the name with `heroku apps`, and with `heroku = …` in .hotfix.toml on the production branch, then run the same command again"),
                409 => problem(Kind::Rejected)
                    .hint("nothing was done by this request; wait for what is on its way there, then run the same command again"),
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
        let refused = |(status, id, message): (u16, &str, &str)| Error::Refused {
            call: "GET /apps/acme".to_owned(),
            status,
            id: id.to_owned(),
            message: message.to_owned(),
        };
        let refusals = [
            (302, "(no id)", "no explanation"),
            (401, "unauthorized", "Invalid credentials provided."),
            (402, "delinquent", "Please pay."),
            (403, "forbidden", "You do not have access to the app acme."),
            (404, "not_found", "Couldn't find that app."),
            (406, "not_acceptable", "Which version?"),
            (409, "conflict", "Release in progress."),
            (422, "verification_needed", "Please verify your account."),
            (429, "rate_limit", "Wait."),
            (500, "internal_server_error", "Sorry."),
            (503, "(no id)", "no explanation"),
        ];
        let odd = |call: &str, wrote| {
            let call = call.to_owned();
            Error::Malformed { call, wrote, why: "not JSON but text/html".to_owned() }
        };
        let lost = http::Error::Ambiguous { call: "PATCH /x".to_owned(), why: "reset".to_owned() };
        let others = [odd("GET /apps/acme", false), odd("POST /apps/acme/dynos", true), lost.into()];
        let mut told = String::new();
        for error in refusals.map(refused).into_iter().chain(others) {
            let problem: Problem = error.into();
            told.push_str(&format!("[{}] {problem}\n", problem.kind.exit_code()));
            problem.hints.iter().for_each(|hint| told.push_str(&format!("    hint: {hint}\n")));
        }
        insta::assert_snapshot!(told, @"
        [4] Heroku answered GET /apps/acme with 302 (no id): no explanation
            hint: something else answers in Heroku's place, and the key is shown to nobody else: check GIT_HOTFIX_HEROKU_URL and the runner's proxy
            hint: nothing was done; then run the same command again
        [4] Heroku answered GET /apps/acme with 401 unauthorized: Invalid credentials provided.
            hint: the key in HEROKU_API_KEY is wrong or was revoked: heroku authorizations:create
            hint: then set it in the project's CI/CD variables, masked and protected, and run the same command again
        [4] Heroku answered GET /apps/acme with 402 delinquent: Please pay.
            hint: pay what is open: https://dashboard.heroku.com/account/billing, then run the same command again
        [4] Heroku answered GET /apps/acme with 403 forbidden: You do not have access to the app acme.
            hint: give the account of HEROKU_API_KEY the rights to deploy and operate the app, then run the same command again
        [4] Heroku answered GET /apps/acme with 404 not_found: Couldn't find that app.
            hint: compare the name with `heroku apps`, and with `heroku = …` in .hotfix.toml on the production branch, then run the same command again
        [7] Heroku answered GET /apps/acme with 406 not_acceptable: Which version?
            hint: nothing was done by this request; mend what Heroku says, then run the same command again
        [7] Heroku answered GET /apps/acme with 409 conflict: Release in progress.
            hint: nothing was done by this request; wait for what is on its way there, then run the same command again
        [7] Heroku answered GET /apps/acme with 422 verification_needed: Please verify your account.
            hint: nothing was done by this request; mend what Heroku says, then run the same command again
        [6] Heroku answered GET /apps/acme with 429 rate_limit: Wait.
            hint: nothing was done; run the same command again in a few minutes
        [6] Heroku answered GET /apps/acme with 500 internal_server_error: Sorry.
            hint: see https://status.heroku.com, then run the same command again
        [6] Heroku answered GET /apps/acme with 503 (no id): no explanation
            hint: see https://status.heroku.com, then run the same command again
        [6] Heroku answered GET /apps/acme with something else: not JSON but text/html
            hint: see https://status.heroku.com, then run the same command again
        [6] Heroku answered POST /apps/acme/dynos with something else: not JSON but text/html
            hint: see https://status.heroku.com, then run the same command again
        [6] the outcome of PATCH /x is unknown: reset
            hint: it may have been done; see what is true, then run the same command again
        ");
    }
}
