//! The pipeline's side: what a job knows about itself, whether it is the right one, and the file it
//! stands in.
//!
//! Owns the reading of GitLab's `CI_*` variables and the refusal to do a job's work anywhere else. Must not
//! write to git or GitLab: what a job does is a goal of `hotfix`, as everywhere.

pub mod heroku;
mod job;
pub mod migrate;
pub mod promote;
pub mod registry;
mod shell;
mod template;
mod token;

pub use job::{Body, Checkout, Job, in_environment};
pub use shell::{shell_line, shell_word};
pub use template::{Wishes, template};
pub use token::token;
