//! Why there is no answer.
//!
//! Owns the kinds of failure, and finding out which one it was. What a status means to GitLab or to
//! Heroku is not known here.

use super::Origin;
use crate::error::{Kind, Problem};

/// Why there is no answer. All texts are free of secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The token belongs to another origin than the one asked.
    #[error("the token is for {token}, not for {asked}")]
    WrongOrigin {
        /// Where the token may go.
        token: Origin,
        /// Where it would have gone.
        asked: Origin,
    },
    /// A token would travel unencrypted.
    #[error("refusing to send a token over plain http to {origin}")]
    Plain {
        /// Where to.
        origin: Origin,
    },
    /// The address is none that http can reach, or a name in the path is impossible.
    #[error("{what}")]
    Impossible {
        /// What is wrong with it.
        what: String,
    },
    /// The certificate or the TLS handshake was refused; trying again would not help.
    #[error("no secure connection to {origin}: {why}")]
    Tls {
        /// Where to.
        origin: Origin,
        /// The reason.
        why: String,
    },
    /// Nothing was concluded: no connection, or a read without a whole answer.
    #[error("{origin} could not be reached: {why}")]
    Unreachable {
        /// Where to.
        origin: Origin,
        /// The reason.
        why: String,
    },
    /// A write was sent and its outcome is unknown. Never send it again blindly: read back.
    #[error("the outcome of {call} is unknown: {why}")]
    Ambiguous {
        /// The request, as in `POST /projects/7/jobs/9/play`.
        call: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// The answer to a read is longer than the cap.
    #[error("the answer to {call} is longer than {cap} bytes")]
    TooLarge {
        /// The request.
        call: String,
        /// The cap in bytes.
        cap: usize,
    },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let problem = |kind| Problem::new(kind, error.to_string());
        match &error {
            Error::WrongOrigin { .. } | Error::Plain { .. } | Error::Impossible { .. } => {
                problem(Kind::Config).hint("see which address and which token are used: git hotfix doctor")
            }
            Error::Tls { .. } => problem(Kind::Config)
                .hint("certificates are checked against the system's trust store: add your company's there, then run the same command again"),
            Error::Unreachable { .. } | Error::TooLarge { .. } => {
                problem(Kind::Unreachable).hint("nothing was concluded; run the same command again")
            }
            Error::Ambiguous { .. } => problem(Kind::Unreachable)
                .hint("it may have been done; see what is true, then run the same command again"),
        }
    }
}

/// The innermost cause: the outer ones only repeat the URL.
pub(super) fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Looks through the causes, and through what `io::Error` wraps: that is no cause of its own.
pub(super) fn caused_by_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(inner) => caused_by_tls(inner),
        None => error.source().is_some_and(caused_by_tls),
    }
}
