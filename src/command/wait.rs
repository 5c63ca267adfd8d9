//! `git hotfix wait`: block until the next rung (or the one named) is done; ring when it needs you.

use super::{Exit, flow, usage_problem};
use crate::context::Context;
use crate::error::{Problem, Result};
use crate::hotfix::drive::End;
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::{Rung, missing};
use crate::ui::follow::Answers;

/// Arguments of `wait`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A rung (push, open, pipeline, review, merge, build, approve, deploy, migrate, backport, close), or the hotfix
    #[arg(value_name = "RUNG")]
    pub rung: Option<String>,
    /// Branch, !<iid>, merge request URL or commit; the current branch when left out
    #[arg(value_name = "HOTFIX")]
    pub hotfix: Option<String>,
    /// How long it waits.
    #[command(flatten)]
    pub patience: flow::Patience,
    /// Do not ring the terminal
    #[arg(long)]
    pub no_bell: bool,
}

impl Args {
    /// The rung that is waited for, where the first word is one; else it is the hotfix.
    fn rung(&self) -> Option<&str> {
        self.rung.as_deref().filter(|word| Rung::WAITABLE.contains(word))
    }

    /// The hotfix that was named.
    pub fn hotfix(&self) -> Option<&str> {
        self.hotfix.as_deref().or_else(|| self.rung.as_deref().filter(|_| self.rung().is_none()))
    }
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    if let (Some(word), None, Some(_)) = (&args.rung, args.rung(), &args.hotfix) {
        return Err(no_rung(word));
    }
    let rung = args.rung().and_then(Rung::named);
    let hotfix = args.hotfix();
    let answers = Answers { bell: !args.no_bell, again: "git hotfix wait".to_owned(), ..Answers::default() };
    let options =
        flow::Options { answers, waits: true, timeout: args.patience.timeout, ..flow::Options::default() };
    let ran = flow::run(ctx, hotfix, &Goal::Wait(rung), options)?;
    let s = &ran.outcome.snapshot;
    if let (Some(word), Some(nowhere)) = (args.rung.as_deref().filter(|_| rung.is_none()), missing(s)) {
        // It may have been meant for either.
        let mut problem = no_rung(word);
        problem.hints.extend(nowhere.hints);
        return Err(problem);
    }
    flow::exists(s)?;
    ran.show(ctx);
    if !args.no_bell {
        ctx.ui.bell();
    }
    match &ran.outcome.end {
        // Waiting is over when it is this user's turn: that is what one waits for.
        End::Yours(_) if rung.is_none() => Ok(Exit::Done),
        _ => ran.problem().map_or(Ok(Exit::Done), Err),
    }
}

fn no_rung(word: &str) -> Problem {
    usage_problem(
        format!("there is no rung `{word}` to wait for"),
        format!("git hotfix wait <rung>   (one of: {})", Rung::WAITABLE.join(", ")),
    )
}
