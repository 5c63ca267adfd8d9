//! `git hotfix rollback`: play the rollback job, once, and follow it until production runs what it ran before.

use std::time::Duration;

use super::{Exit, deploy, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::{Check, Rung};
use crate::ui::follow::Answers;

/// Arguments of `rollback`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Only a deployment that began can be taken back, only while nothing was deployed after it, and once. What the
job goes back to stands in the receipt of the deployment. Migrations are not undone, and the production branch
still holds the change: git hotfix revert takes it back there.")]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// After a rollback that failed: a new job
    #[arg(long)]
    pub again: bool,
    /// Go back although what its migrations did stays
    #[arg(long)]
    pub despite_migrations: bool,
    /// Show the end of the job's log
    #[arg(long)]
    pub log: bool,
    /// Give up waiting after so long (90s, 15m, 2h): exit 8
    #[arg(long, value_name = "TIME", value_parser = flow::duration)]
    pub timeout: Option<Duration>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let answers = Answers {
        yes: args.yes,
        despite_migrations: args.despite_migrations,
        again: "git hotfix rollback".to_owned(),
        ..Answers::default()
    };
    let options = flow::Options { answers, waits: true, timeout: args.timeout, ..flow::Options::default() };
    let goal = Goal::Rollback { again: args.again };
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &goal, options)?;
    let s = &ran.outcome.snapshot;
    let problem = ran.problem();
    let failed = problem.as_ref().is_some_and(|problem| problem.kind == Kind::Rejected);
    if let (true, Some(job)) = (args.log || failed, s.way_back.job.known()) {
        deploy::log(ctx, job.id, &job.web_url)?;
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    if let Check::Done(detail) = Rung::Rollback.check(s, &goal) {
        ctx.ui.line(detail);
    }
    if let Some(paths) = s.migration.paths.known() {
        ctx.ui.warn(&format!("what its migrations did stays: {}", paths.join(", ")));
    }
    let main = &s.policy.production_branch;
    ctx.hint(&format!("{main} still holds it, and the next deployment brings it again; take it back there: git hotfix revert"));
    Ok(Exit::Done)
}
