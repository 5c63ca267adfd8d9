//! The one test binary: pure tests of the ladder, journeys of the real program, and the house rules.

mod architecture;
mod git_differential;
mod git_lab;
mod ladder;
mod ladder_tables;
