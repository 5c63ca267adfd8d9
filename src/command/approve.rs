//! `git hotfix approve`: this user's vote on the pending production deployment.

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::hotfix::goal::{Ballot, Goal};
use crate::hotfix::rung::slots;
use crate::hotfix::snapshot::RunStatus;
use crate::ui::follow::Answers;

/// Arguments of `approve`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// The role you fill (tech-lead, pm); found out when you can fill only one
    #[arg(long = "as", value_name = "ROLE")]
    pub role: Option<String>,
    /// Reject instead: this ends the deployment
    #[arg(long)]
    pub reject: bool,
    /// A comment, at most 255 characters
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Play the job too, when yours was the last approval and you may
    #[arg(long, conflicts_with = "reject")]
    pub deploy: bool,
    /// Another hotfix (!<iid> or short commit) that may ship with it
    #[arg(long, value_name = "HOTFIX")]
    pub with: Vec<String>,
    /// Whether it asks.
    #[command(flatten)]
    pub assent: flow::Assent,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    if args.comment.as_ref().is_some_and(|text| text.chars().count() > 255) {
        return Err(super::usage_problem(
            "the comment is longer than the 255 characters GitLab takes",
            "shorten it, and put the rest on the merge request",
        ));
    }
    let named = args.named.hotfix.as_deref();
    let ballot = Ballot { role: args.role.clone(), approve: !args.reject, comment: args.comment.clone() };
    let answers = Answers {
        yes: args.assent.yes,
        with: args.with.clone(),
        again: "git hotfix approve".to_owned(),
        ..Answers::default()
    };
    let options = flow::Options { answers: answers.clone(), ..flow::Options::default() };
    let ran = flow::run(ctx, named, &Goal::Approve(ballot), options)?;
    if let Some(problem) = ran.problem() {
        return Err(match problem.kind {
            Kind::Pending => Problem::new(Kind::Refused, "no deployment waits for approval yet")
                .because(problem.message)
                .hint("git hotfix wait build   (then approve)"),
            _ => problem,
        });
    }
    let s = &ran.outcome.snapshot;
    let Some(deployment) = s.deployment.known() else { return Ok(Exit::Done) };
    if args.reject {
        ctx.ui.line(format!("deployment {} of {} is rejected", deployment.id, deployment.commit.short()));
        ctx.hint("to start over once it is settled: git hotfix deploy --again");
        return Ok(Exit::Done);
    }
    let rules = deployment.rules.known().map(Vec::as_slice).unwrap_or_default();
    let open: Vec<String> = slots(&s.policy.roles, rules)
        .iter()
        .filter(|slot| slot.filled_by.is_none())
        .map(|slot| slot.role.name.clone())
        .collect();
    if !open.is_empty() {
        ctx.ui.line(format!("approved; still open: {}", open.join(", ")));
        return Ok(Exit::Done);
    }
    let job = &deployment.job;
    if job.status != RunStatus::Manual {
        ctx.ui.line(format!(
            "deployment {} is approved by all; {} {}",
            deployment.id,
            job.name,
            job.status.words()
        ));
        return Ok(Exit::Done);
    }
    ctx.ui.line(format!("deployment {} is approved by all, and NOT running", deployment.id));
    if args.deploy {
        let options = flow::Options { answers, waits: true, ..flow::Options::default() };
        match flow::run(ctx, named, &Goal::Deploy { again: false }, options) {
            Ok(ran) => return ran.problem().map_or(Ok(Exit::Done), Err),
            // The vote is given; who may play the job is another question.
            Err(problem) if problem.kind == Kind::Config => ctx.ui.warn(&problem.to_string()),
            Err(problem) => return Err(problem),
        }
    }
    ctx.hint(&format!(
        "whoever may deploy starts it: git hotfix deploy   (or the play button of {})",
        deployment.job.web_url
    ));
    Ok(Exit::Done)
}
