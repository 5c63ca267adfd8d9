//! Everything the program does with git: one runner, one repository, the backport's pick.
//!
//! Git itself answers discovery, configuration, merges and the network; objects, history and references
//! are read in process. Nothing in here touches the user's work tree, index, HEAD, stash, branches,
//! configuration or FETCH_HEAD, except [`worktree`], whose business that is.

pub mod adopt;
mod attributes;
mod browse;
mod child;
pub mod commit;
pub mod config;
pub mod conflict;
mod credential;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod history;
pub mod incomplete;
pub mod landed;
mod merge_answer;
mod merge_tree;
mod object;
pub mod pick;
pub mod reference;
pub mod remote;
pub mod repo;
pub mod run;
mod trailer;
pub mod version;
pub mod worktree;

pub use child::{forward as forward_signal, wait_for_end};
pub use error::GitError;
pub use object::{Commit, Signature};
pub use repo::{Head, Repo};
pub use run::Git;

/// The name of an object, SHA-1 or SHA-256.
pub type Oid = gix::ObjectId;
