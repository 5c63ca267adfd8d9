//! `git hotfix ask`: what approvers are asked for, in words for people who never use git.

mod request;
#[cfg(test)]
mod tests;

use request::{Asked, Request};

use super::{Exit, flow};
use crate::cli::Named;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::gitlab::{Client, Error};
use crate::hotfix::goal::Goal;
use crate::hotfix::snapshot::Snapshot;

/// Arguments of `ask`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// Put it on the merge request, mentioning those who can fill the open slots
    #[arg(long)]
    pub post: bool,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let named = args.named.hotfix.as_deref();
    let ran = flow::run(ctx, named, &Goal::Look, flow::Options::default())?;
    let s = &ran.outcome.snapshot;
    flow::exists(s)?;
    let gitlab = ctx.gitlab_required()?;
    let own = gitlab.project()?.allow_pipeline_trigger_approve_deployment == Some(true);
    let request = match Request::of(s, own)? {
        Asked::Open(request) => request,
        Asked::Nobody(why, next) => {
            ctx.ui.line(why);
            ctx.hint(next);
            return Ok(Exit::Done);
        }
    };
    ctx.ui.data(&request.block());
    if args.post {
        post(ctx, gitlab, s, &request.note())?;
    } else if s.merge_request.known().is_some() {
        ctx.hint("put it on the merge request, with mentions: git hotfix ask --post");
    }
    Ok(Exit::Done)
}

/// Posts a note once: one with the same words that is there already is enough.
fn post(ctx: &Context, gitlab: &Client, s: &Snapshot, note: &str) -> Result<()> {
    let Some(mr) = s.merge_request.known() else {
        return Err(Problem::new(Kind::Refused, "this hotfix has no merge request to post on").hint(
            "send them the text above yourself, or name one that has: git hotfix ask '!<iid>' --post",
        ));
    };
    let is_there = || -> std::result::Result<bool, Error> {
        Ok(!gitlab.notes(mr.iid, |other| other.body.trim() == note.trim())?.is_empty())
    };
    if is_there()? {
        ctx.ui.line(format!("!{} holds these very words already; not posted again", mr.iid));
        return Ok(());
    }
    match gitlab.create_note(mr.iid, note) {
        Ok(_) => {}
        // No clear answer came: look, never post twice.
        Err(error) if error.may_have_changed() && is_there()? => {}
        Err(error) => return Err(error.into()),
    }
    ctx.ui.line(format!("posted on !{}: {}", mr.iid, mr.web_url));
    Ok(())
}
