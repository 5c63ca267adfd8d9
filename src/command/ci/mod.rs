//! `git hotfix ci`: what the pipeline's own jobs run, and the file they stand in. One file for each.

mod backport;
mod check;
mod ground;
mod migrate;
mod promote;
mod take_back;
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
    /// Say how a CI file differs from what the hotfix lane needs
    Check(check::Args),
    /// Print a CI file with the jobs of a hotfix, to be included
    Template(template::Args),
}

impl Args {
    /// Whether what is asked for is one JSON document.
    pub(super) fn json(&self) -> bool {
        matches!(&self.body, Body::Check(args) if args.json)
    }
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    match args.body {
        Body::Promote(args) => promote::run(ctx, args),
        Body::Migrate(args) => migrate::run(ctx, args),
        Body::Backport(args) => backport::run(ctx, args),
        Body::Check(args) => check::run(ctx, args),
        Body::Template(args) => template::run(ctx, args),
    }
}
