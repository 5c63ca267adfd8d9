//! `git hotfix abort`: close the merge request and remove the branch, only while nothing has landed.

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::Result;
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::{Check, Rung};
use crate::ui::follow::Answers;

/// Arguments of `abort`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// Whether it asks.
    #[command(flatten)]
    pub assent: flow::Assent,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let answers =
        Answers { yes: args.assent.yes, again: "git hotfix abort".to_owned(), ..Answers::default() };
    let options = flow::Options { answers, ..flow::Options::default() };
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &Goal::Abort, options)?;
    if let Some(problem) = ran.problem() {
        return Err(problem);
    }
    let s = &ran.outcome.snapshot;
    if let Check::Done(detail) = Rung::Abort.check(s, &Goal::Abort) {
        ctx.ui.line(detail);
    }
    if let Some(branch) = s.local.known().and(s.branch.as_ref()) {
        ctx.hint(&format!("your local branch is untouched; to remove it: git branch -D {branch}"));
    }
    Ok(Exit::Done)
}
