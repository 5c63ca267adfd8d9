//! `git hotfix revert`: open the merge request that takes what landed back on the production branch.

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::Result;
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::{Check, Rung, open_revert, typed};
use crate::ui::follow::Answers;

/// Arguments of `revert`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The revert is git's own, made without touching your work tree, on a branch `revert/<slug>-<short sha>` of its
own. Its merge request is a hotfix like any other: it is deployed with `git hotfix ship '!<iid>'`. Production
itself goes back with `git hotfix rollback`, at once and without a merge. Once the revert has landed, what it
reverts needs no backport; when the revert is itself reverted, it does again.

Where taking it back conflicts, nothing is made: exit 3, with the commands to do it by hand.")]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    ctx.clone_here()?;
    let answers = Answers { again: "git hotfix revert".to_owned(), ..Answers::default() };
    let options = flow::Options { answers, ..flow::Options::default() };
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &Goal::Revert, options)?;
    if let Some(problem) = ran.problem() {
        return Err(problem);
    }
    let s = &ran.outcome.snapshot;
    if let Check::Done(detail) = Rung::Revert.check(s, &Goal::Revert) {
        ctx.ui.line(detail);
    }
    if let Some(iid) = open_revert(s) {
        ctx.hint(&format!("it is a hotfix of its own: git hotfix ship {}", typed(&format!("!{iid}"))));
        if s.production.known().is_some_and(|production| production.has_fix.yes()) {
            ctx.hint("production runs on meanwhile; to take it back at once: git hotfix rollback");
        }
    }
    Ok(Exit::Done)
}
