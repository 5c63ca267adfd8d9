//! `git hotfix ci`: what the pipeline's own jobs run. One file for each of them.

mod backport;

use super::Exit;
use crate::context::Context;
use crate::error::Result;

/// Arguments of `ci`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which job.
    #[command(subcommand)]
    pub body: Body,
}

/// The bodies of jobs.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Body {
    /// The job that backports what landed (`hotfix-backport`)
    Backport(backport::Args),
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    match args.body {
        Body::Backport(args) => backport::run(ctx, args),
    }
}
