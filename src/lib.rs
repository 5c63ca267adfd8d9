//! git-hotfix: an urgent production fix from the laptop through GitLab to production and back to
//! `develop`.
//!
//! The map of the house. Imports go one way only, and `tests/it/architecture.rs` checks it:
//!
//! - `command` may use `context`, `hotfix`, `ci`, `doctor`, `ui`, `config`, `error`
//!   (and `sim` for demo, `git` and `gitlab` for init and doctor);
//! - `hotfix::{observe, act}` may use `git` and `gitlab`; the other files of `hotfix` use only
//!   `error` and each other;
//! - `doctor` may use `git`, `gitlab`, `config`, `error`; its checks are pure, its reading is one file;
//! - `ui` may use `hotfix::{snapshot, step, plan}`; nobody below `command` uses `ui`;
//! - `sim` never uses the types of `gitlab`: one wrong struct would agree with itself.

pub mod ci;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod context;
pub mod doctor;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod git;
pub mod gitlab;
pub mod hotfix;
pub mod http;
pub mod manual;
pub mod sim;
pub mod trace;
pub mod ui;
