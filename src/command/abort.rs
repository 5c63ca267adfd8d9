//! `git hotfix abort`: close the merge request and remove the branch, only while nothing has landed.

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::{Problem, Result};
use crate::hotfix::goal::Goal;

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
    let question = "Close the merge request and remove the branch on the remote?";
    if !args.assent.yes && !ctx.ui.confirm(question, "git hotfix abort --yes")? {
        return Err(Problem::declined("close the merge request and remove the branch"));
    }
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &Goal::Abort, flow::Options::default())?;
    if let Some(problem) = ran.problem() {
        return Err(problem);
    }
    ctx.ui.line("given up: the merge request is closed and the remote branch is gone");
    if let Some(branch) = ran.outcome.snapshot.local.known().and(ran.outcome.snapshot.branch.as_ref()) {
        ctx.hint(&format!("your local branch is untouched; to remove it: git branch -D {branch}"));
    }
    Ok(Exit::Done)
}
