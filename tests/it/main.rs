//! The one test binary: pure tests of the ladder, journeys of the real program, and the house rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where it fails, and says what it tested with"
)]

mod architecture;
mod ask;
mod ci_backport;
mod ci_check;
mod ci_migrate;
mod ci_promote;
mod ci_promote_faults;
mod ci_template;
mod ci_yard;
mod cli_lab;
mod cut_history;
mod demo_here;
mod doctor;
mod drive;
mod founded;
mod generated;
mod git_commit;
mod git_differential;
mod git_lab;
mod git_pick;
mod git_remote;
mod git_repo;
mod git_worktree;
mod hostile;
mod init;
mod install;
mod journey;
mod lab;
mod ladder;
mod ladder_tables;
mod manifest;
mod pictures;
mod processes;
mod room;
mod scrubbed;
mod sim_faults;
mod sim_heroku;
mod sim_journey;
mod sim_lab;
mod sim_page;
mod sim_scenarios;
mod sim_schemas;
mod sim_truth;
mod sim_truth_limits;
mod sim_truth_own;
mod sim_truth_production;
mod sim_truth_push;
mod sim_truth_status;
mod under_git;
mod way_back_tables;
mod words;
