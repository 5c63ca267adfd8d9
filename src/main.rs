//! The binary: turns the outcome of a command into an exit code, and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(git_hotfix::command::run(std::env::args_os()))
}
