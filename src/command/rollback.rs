//! `git hotfix rollback`: play the rollback job, once, and follow it until production runs what it ran before.

use super::{Exit, deploy, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::{Check, Rung, migrated};
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
    /// How the job is followed.
    #[command(flatten)]
    pub job: flow::Followed,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let answers = Answers {
        yes: args.job.assent.yes,
        despite_migrations: args.despite_migrations,
        again: "git hotfix rollback".to_owned(),
        ..Answers::default()
    };
    let options = flow::Options {
        answers,
        waits: true,
        timeout: args.job.patience.timeout,
        ..flow::Options::default()
    };
    let goal = Goal::Rollback { again: args.again };
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &goal, options)?;
    let s = &ran.outcome.snapshot;
    let problem = ran.problem();
    let failed = problem.as_ref().is_some_and(|problem| problem.kind == Kind::Rejected);
    if let (true, Some(job)) = (args.job.log || failed, s.way_back.job.known()) {
        deploy::log(ctx, job.id, &job.web_url)?;
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    if let Check::Done(detail) = Rung::Rollback.check(s, &goal) {
        ctx.ui.line(detail);
    }
    if let Some(paths) = migrated(s).known() {
        ctx.ui.warn(&format!("what its migrations did stays: {}", paths.join(", ")));
    }
    let main = &s.policy.production_branch;
    ctx.hint(&format!("{main} still holds it, and the next deployment brings it again; take it back there: git hotfix revert"));
    Ok(Exit::Done)
}
