//! `git hotfix ship`: everything in its order, from wherever it is, to the opened backport. Never approves.

use super::open::Request;
use super::{Exit, flow};
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::hotfix::goal::Goal;
use crate::hotfix::snapshot::{BranchContent, RequestState, Snapshot};
use crate::ui::checklist::checklist;
use crate::ui::follow::Answers;

/// Arguments of `ship`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Branch, !<iid>, merge request URL or commit; the current branch when left out
    #[arg(value_name = "HOTFIX")]
    pub hotfix: Option<String>,
    /// How the merge request is opened, where there is none yet.
    #[command(flatten)]
    pub request: Request,
    /// Another hotfix (!<iid> or short commit) that may ship with it
    #[arg(long, value_name = "HOTFIX")]
    pub with: Vec<String>,
    /// Backport to this branch instead of the configured ones
    #[arg(long, value_name = "BRANCH")]
    pub to: Vec<String>,
    /// How long it waits.
    #[command(flatten)]
    pub patience: flow::Patience,
    /// Whether it asks.
    #[command(flatten)]
    pub assent: flow::Assent,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    ctx.clone_here()?;
    let answers = Answers {
        yes: args.assent.yes,
        with: args.with,
        bell: true,
        again: "git hotfix ship".to_owned(),
        ..Answers::default()
    };
    let options = flow::Options {
        answers,
        waits: true,
        timeout: args.patience.timeout,
        to: args.to,
        ..flow::Options::default()
    };
    let typed = args.request.options()?;
    let goal = Goal::Ship(typed.clone());
    let ran = flow::run(ctx, args.hotfix.as_deref(), &goal, options)?;
    super::open::unheeded(ctx, &typed, &ran);
    ran.show_way_back(ctx);
    if let Some(problem) = ran.problem() {
        return Err(problem);
    }
    let s = &ran.outcome.snapshot;
    ctx.ui.data(&checklist(s, &ran.whole_plan(), &ctx.called));
    ctx.hint("what is left of the checklist, any time: git hotfix verify");
    match conflicting(s) {
        true => Ok(Exit::As(Kind::Hands)),
        false => Ok(Exit::Done),
    }
}

/// Whether a lane's open merge request still holds only a placeholder.
fn conflicting(s: &Snapshot) -> bool {
    s.lanes.iter().any(|lane| {
        let open = lane.merge_request.known().is_some_and(|mr| mr.state == RequestState::Opened);
        open && lane.remote.known().is_some_and(|branch| branch.content == BranchContent::Placeholder)
    })
}
