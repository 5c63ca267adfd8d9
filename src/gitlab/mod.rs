//! GitLab's REST API, as far as the flow needs it: one file per resource, types beside the calls.
//!
//! It owns what GitLab says and how it says it (paging, error bodies, words with unknown values). It
//! decides nothing: which job, which merge request and what it means is the business of `hotfix`.
//!
//! - [`Client`] is bound to one instance and one project, is `Sync`, and does nothing until asked.
//! - Types are tolerant: what may be hidden from some users is an `Option`, unknown words become
//!   `Other`, unknown fields are ignored.
//! - Reads are retried below, in `http`. A write whose outcome is unknown is [`Error::Ambiguous`].
//!
//! Facts about GitLab were read from its 18.9 sources and documentation.

/// Makes an enum of GitLab's words that keeps those it does not know.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
            /// A word that this program does not know. Never a reason to conclude anything.
            Other(String),
        }

        impl $name {
            /// The word as GitLab writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $word,)*
                    $name::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => $name::$variant,)*
                    _ => $name::Other(word),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
                String::deserialize(from).map($name::from)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

mod address;
mod branch;
mod client;
mod commit;
mod deployment;
mod error;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod label;
mod merge_request;
mod note;
mod pipeline;
mod project;
#[cfg(test)]
mod tests;
mod user;

pub use address::{Address, NotAnAddress};
pub use branch::{AccessLevel, Branch, ProtectedBranch};
pub use client::Client;
pub use commit::Commit;
pub use deployment::{
    Approval, ApprovalRule, ApprovalSummary, Deployable, Deployment, DeploymentStatus, Environment,
    NewApproval, ProtectedEnvironment, Verdict,
};
pub use error::{Error, get_a_token};
pub use file::Lint;
pub use label::Label;
pub use merge_request::{
    Approvals, ApprovedBy, DetailedStatus, DiffRefs, MergeRequest, MergeRequestChange, MergeRequestFilter,
    MergeRequestState, NewMergeRequest, References, Rights, StateEvent,
};
pub use note::Note;
pub use pipeline::{Bridge, CiStatus, Job, JobPipeline, Pipeline, Tail};
pub use project::{Member, MergeMethod, Permissions, Project, SquashOption};
pub use user::{TokenInfo, User, Version};

/// What calls return.
pub type Result<T> = std::result::Result<T, Error>;

/// Reads `null` as the default value: GitLab leaves lists out, or empty, or null.
fn or_default<'de, D, T>(from: D) -> std::result::Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    serde::Deserialize::deserialize(from).map(|value: Option<T>| value.unwrap_or_default())
}
