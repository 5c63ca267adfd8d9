//! `git hotfix merge`: merge when the pipeline and the approvals allow it.

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::Result;
use crate::hotfix::goal::Goal;
use crate::ui::follow::Answers;

/// Arguments of `merge`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// Let GitLab merge it as soon as it can, and do not wait
    #[arg(long)]
    pub auto: bool,
    /// Whether it asks.
    #[command(flatten)]
    pub assent: flow::Assent,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let answers =
        Answers { yes: args.assent.yes, again: "git hotfix merge".to_owned(), ..Answers::default() };
    let options = flow::Options { answers, waits: !args.auto, ..flow::Options::default() };
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &Goal::Merge { auto: args.auto }, options)?;
    let auto_set = args.auto && ran.outcome.snapshot.merge_request.known().is_some_and(|mr| mr.auto_merge);
    match ran.problem() {
        Some(_) if auto_set => {
            ctx.ui.say("GitLab merges it when it can");
            ctx.hint("follow it: git hotfix wait merge");
            Ok(Exit::Done)
        }
        Some(problem) => Err(problem),
        None => {
            let s = &ran.outcome.snapshot;
            if let (Some(mr), Some(landed)) = (s.merge_request.known(), s.landed.known()) {
                let main = &s.policy.production_branch;
                ctx.ui.line(format!("!{} is on {main} as {}", mr.iid, landed.commit.short()));
            }
            ctx.hint("it is not in production yet; next: git hotfix deploy   (or all that is left: git hotfix ship)");
            Ok(Exit::Done)
        }
    }
}
