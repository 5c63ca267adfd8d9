//! The command line: what can be typed. No I/O, no decisions.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::command;

/// Takes an urgent production fix from your laptop through GitLab to production and back to develop
#[derive(Debug, Parser)]
#[command(
    name = "git-hotfix",
    bin_name = "git hotfix",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Without a command: the status of the current hotfix.\n\
                  Every command about a hotfix takes a branch, !<iid>, a URL or a commit; without one, the current branch.\n\
                  Exit codes: 0 done, 1 failed, 2 usage, 3 needs hands, 4 rights or config, 5 refused,\n\
                  6 unreachable, 7 rejected, 8 still pending, 130 interrupted."
)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Globals {
    /// Run as if started in <DIR>
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// Another project, without a clone (group/project, host/group/project, or its URL)
    #[arg(short = 'R', long, value_name = "PROJECT", global = true)]
    pub repo: Option<String>,
    /// The GitLab instance, for -R
    #[arg(long, value_name = "HOST", global = true, requires = "repo")]
    pub host: Option<String>,
    /// Say nothing beside results, questions and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say how things are done
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", global = true, value_parser = ["auto", "always", "never"])]
    pub color: Option<String>,
    /// Plain ASCII symbols
    #[arg(long, global = true)]
    pub ascii: bool,
}

/// The commands, in the order of the flow.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Cut a hotfix branch from the fresh tip of the production branch
    Start(command::start::Args),
    /// Push and open the merge request to the production branch
    Open(command::open::Args),
    /// Show where a hotfix stands, who must act next, and the next command
    Status(command::status::Args),
    /// Wait until the next rung (or the one named) is done
    Wait(command::wait::Args),
    /// Merge when the pipeline and the approvals allow it
    Merge(command::merge::Args),
    /// Approve (or reject) the pending production deployment
    Approve(command::approve::Args),
    /// Wait for the approvals, play the production job once, follow it
    Deploy(command::deploy::Args),
    /// Play and follow the migration job
    Migrate(command::migrate::Args),
    /// Bring what landed back to develop
    Backport(command::backport::Args),
    /// Everything in its order, from wherever it is, to the opened backport
    Ship(command::ship::Args),
    /// The checklist after a hotfix, item by item, with evidence
    Verify(command::verify::Args),
    /// Hotfixes in flight, and those whose backport is missing
    List(command::list::Args),
    /// Give a hotfix up, while nothing has landed
    Abort(command::abort::Args),
    /// Take a deployment back: play the rollback job, once, and follow it
    Rollback(command::rollback::Args),
    /// Open the merge request that takes what landed back on the production branch
    Revert(command::revert::Args),
    /// Ask those who must approve, in plain words with the link
    Ask(command::ask::Args),
    /// Find out how this project works, and write .hotfix.toml
    Init(command::init::Args),
    /// Check everything the flow needs; each finding with its mend
    Doctor(command::doctor::Args),
    /// The pipeline's side: what its jobs run
    Ci(command::ci::Args),
    /// The whole flow on an embedded GitLab, nothing to set up
    Demo(command::demo::Args),
    /// Put the manual, the completions and the program where git and the shells find them
    Install(command::install::Args),
    /// Print the completion script of a shell
    Completion(command::completion::Args),
    /// Show what a command takes
    Help(command::help::Args),
    /// What fits at the cursor, for the completion scripts
    #[command(hide = true)]
    Complete(command::complete::Args),
}

impl Command {
    /// The hotfix that was named.
    pub fn hotfix(&self) -> Option<&str> {
        match self {
            Command::Open(args) => args.hotfix.as_deref(),
            Command::Ship(args) => args.hotfix.as_deref(),
            Command::Wait(args) => args.hotfix(),
            Command::Status(command::status::Args { named, .. })
            | Command::Merge(command::merge::Args { named, .. })
            | Command::Approve(command::approve::Args { named, .. })
            | Command::Deploy(command::deploy::Args { named, .. })
            | Command::Migrate(command::migrate::Args { named, .. })
            | Command::Backport(command::backport::Args { named, .. })
            | Command::Verify(command::verify::Args { named, .. })
            | Command::Abort(command::abort::Args { named, .. })
            | Command::Rollback(command::rollback::Args { named, .. })
            | Command::Revert(command::revert::Args { named, .. })
            | Command::Ask(command::ask::Args { named, .. }) => named.hotfix.as_deref(),
            _ => None,
        }
    }
}

/// Which hotfix.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Named {
    /// Branch, !<iid>, merge request URL or commit; the current branch when left out
    #[arg(value_name = "HOTFIX")]
    pub hotfix: Option<String>,
}
