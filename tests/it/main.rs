//! The one test binary: pure tests of the ladder, journeys of the real program, and the house rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where it fails, and says what it tested with"
)]

mod architecture;
mod generated;
mod git_differential;
mod git_lab;
mod install;
mod ladder;
mod ladder_tables;
