//! `git hotfix migrate`: play (with consent) and follow the migration job.

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::Result;
use crate::hotfix::goal::Goal;
use crate::ui::follow::Answers;

/// Arguments of `migrate`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// How long it waits.
    #[command(flatten)]
    pub patience: flow::Patience,
    /// Whether it asks.
    #[command(flatten)]
    pub assent: flow::Assent,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let answers =
        Answers { yes: args.assent.yes, again: "git hotfix migrate".to_owned(), ..Answers::default() };
    let options =
        flow::Options { answers, waits: true, timeout: args.patience.timeout, ..flow::Options::default() };
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &Goal::Migrate, options)?;
    if let Some(problem) = ran.problem() {
        return Err(problem);
    }
    match ran.outcome.snapshot.migration.paths.known() {
        Some(paths) => ctx.ui.line(format!("migrations of {} ran", paths.join(", "))),
        None => ctx.ui.line("there are no migrations in it"),
    }
    Ok(Exit::Done)
}
