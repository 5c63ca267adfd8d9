//! `git hotfix verify`: the checklist, item by item, with evidence. Exit 0 only when all is done.

use serde_json::json;

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::hotfix::drive::End;
use crate::hotfix::goal::Goal;
use crate::ui::checklist::{checklist, items};

/// Arguments of `verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// Record that you saw the fix in production, and what you saw
    #[arg(long, value_name = "TEXT")]
    pub confirm: Option<String>,
    /// For scripts: one JSON document, version 1
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    if args.confirm.as_deref().is_some_and(|text| text.trim().is_empty()) {
        return Err(super::usage_problem(
            "say what you saw in production",
            "git hotfix verify --confirm \"login works, checked with two accounts\"",
        ));
    }
    let goal = Goal::Verify { confirm: args.confirm.clone() };
    let ran = flow::run(ctx, args.named.hotfix.as_deref(), &goal, flow::Options::default())?;
    let (s, plan) = (&ran.outcome.snapshot, &ran.outcome.plan);
    flow::exists(s)?;
    // Where the one thing that was asked for did not happen: say why, not how the list stands.
    if let Some(problem) = ran.problem().filter(|_| args.confirm.is_some() && s.confirmed.known().is_none()) {
        return Err(problem);
    }
    match args.json {
        true => ctx.ui.json(&json!({
            "version": 1,
            "done": ran.outcome.end == End::Done,
            "items": items(s, plan).iter().map(|item| json!({
                "item": item.what, "done": item.done, "evidence": item.evidence,
                "next": item.next.as_ref().map(|next| ctx.called.put(next)),
            })).collect::<Vec<_>>(),
        })),
        false => ctx.ui.data(&checklist(s, plan, &ctx.called)),
    }
    let problem = ran.problem();
    for hint in problem.iter().flat_map(|problem| &problem.hints) {
        ctx.hint(hint);
    }
    Ok(match &ran.outcome.end {
        End::Done => Exit::Done,
        _ if plan.hands().next().is_some() => Exit::As(Kind::Hands),
        _ => Exit::As(problem.map_or(Kind::Pending, |problem| problem.kind)),
    })
}
