//! The one test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where it fails, and says what it tested with"
)]

mod git_commit;
mod git_differential;
mod git_lab;
mod git_pick;
mod git_remote;
mod git_repo;
mod git_worktree;
