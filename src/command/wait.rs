//! `git hotfix wait`: block until the next rung (or the one named) is done; ring when it needs you.

use std::time::Duration;

use super::{Exit, flow, usage_problem};
use crate::context::Context;
use crate::error::Result;
use crate::hotfix::drive::End;
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::Rung;
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
    /// Give up after so long (90s, 15m, 2h): exit 8
    #[arg(long, value_name = "TIME", value_parser = flow::duration)]
    pub timeout: Option<Duration>,
    /// Do not ring the terminal
    #[arg(long)]
    pub no_bell: bool,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let (rung, hotfix) = match (args.rung, args.hotfix) {
        (Some(word), hotfix) if Rung::WAITABLE.contains(&word.as_str()) => (Rung::named(&word), hotfix),
        (Some(word), Some(_)) => {
            return Err(usage_problem(
                format!("there is no rung `{word}` to wait for"),
                format!("one of: {}", Rung::WAITABLE.join(", ")),
            ));
        }
        (word, None) | (None, word) => (None, word),
    };
    let answers = Answers { bell: !args.no_bell, again: "git hotfix wait".to_owned(), ..Answers::default() };
    let options = flow::Options { answers, waits: true, timeout: args.timeout, ..flow::Options::default() };
    let ran = flow::run(ctx, hotfix.as_deref(), &Goal::Wait(rung), options)?;
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
