//! The one test binary: pure tests of the ladder, journeys of the real program, and the house rules.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails says where")]

mod architecture;
mod ladder;
mod ladder_tables;
mod sim_faults;
mod sim_journey;
mod sim_lab;
mod sim_scenarios;
mod sim_schemas;
mod sim_truth;
mod sim_truth_production;
