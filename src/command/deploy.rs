//! `git hotfix deploy`: wait for the approvals, show what ships, play the job once, follow it.

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::hotfix::goal::Goal;
use crate::ui::follow::Answers;

/// How much of a job's log is shown.
const TAIL: usize = 16 << 10;

/// Arguments of `deploy`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// After a failure or a rejection: a new job, approvals start over
    #[arg(long)]
    pub again: bool,
    /// Another hotfix (!<iid> or short commit) that may ship with it
    #[arg(long, value_name = "HOTFIX")]
    pub with: Vec<String>,
    /// How the job is followed.
    #[command(flatten)]
    pub job: flow::Followed,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let answers = Answers {
        yes: args.job.assent.yes,
        with: args.with,
        bell: true,
        again: "git hotfix deploy".to_owned(),
        ..Answers::default()
    };
    let options = flow::Options {
        answers,
        waits: true,
        timeout: args.job.patience.timeout,
        ..flow::Options::default()
    };
    let goal = Goal::Deploy { again: args.again };
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &goal, options)?;
    let problem = ran.problem();
    let job = ran.outcome.snapshot.deployment.known().map(|deployment| deployment.job.clone());
    // A rejected deployment never ran: its log tells nothing.
    let failed = problem.as_ref().is_some_and(|problem| problem.kind == Kind::Rejected)
        && job.as_ref().is_some_and(|job| job.failure_reason.as_deref() != Some("deployment_rejected"));
    if let (true, Some(job)) = (args.job.log || failed, job) {
        log(ctx, job.id, &job.web_url)?;
    }
    ran.show_way_back(ctx);
    match problem {
        Some(problem) => Err(problem),
        None => {
            let s = &ran.outcome.snapshot;
            if let (Some(landed), Some(production)) = (s.landed.known(), s.production.known()) {
                ctx.ui.line(format!(
                    "{} is live on {} (production runs {})",
                    landed.commit.short(),
                    s.policy.apps.join(", "),
                    production.commit.short()
                ));
            }
            ctx.hint("look at it in production, then: git hotfix verify --confirm <what you saw>");
            ctx.hint("and bring it back: git hotfix backport");
            Ok(Exit::Done)
        }
    }
}

/// The end of a job's log; GitLab sends it whole each time, so only so much is kept.
pub(super) fn log(ctx: &Context, job: u64, web_url: &str) -> Result<()> {
    let tail = ctx.gitlab_required()?.log(job, 0, TAIL)?;
    if tail.skipped > 0 {
        ctx.ui.say(format!("(the first {} are left out: {web_url})", crate::ui::age::size(tail.skipped)));
    }
    ctx.ui.relay(&crate::ui::clean::clean_log(&tail.bytes));
    Ok(())
}
