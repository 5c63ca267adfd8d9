//! `git hotfix ci`: what the pipeline's own jobs run, and the file they stand in. One file for each.

mod backport;
mod ground;
mod migrate;
mod promote;
mod template;
mod watch;

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
    /// The job that brings the images to Heroku and releases them (`deploy-prod-hotfix`)
    Promote(promote::Args),
    /// The job that runs the migrations (`run-migrations-prod`)
    Migrate(migrate::Args),
    /// The job that backports what landed (`hotfix-backport`)
    Backport(backport::Args),
    /// Print a CI file with the jobs of a hotfix, to be included
    Template(template::Args),
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    match args.body {
        Body::Promote(args) => promote::run(ctx, args),
        Body::Migrate(args) => migrate::run(ctx, args),
        Body::Backport(args) => backport::run(ctx, args),
        Body::Template(args) => template::run(ctx, args),
    }
}
