//! `git hotfix ci backport`: the body of `hotfix-backport`.

use crate::ci::{self, Body, Checkout, Job};
use crate::command::{Exit, backport, flow};
use crate::config::env;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::commit::names_committer;
use crate::hotfix::goal::Goal;
use crate::ui::follow::Answers;

/// Arguments of `ci backport`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Does for CI_COMMIT_SHA what `git hotfix backport <commit>` does on a laptop; whoever is first, there is one
branch and one merge request. Needs a project access token (role Developer, scopes api and write_repository)
in the masked and protected variable GIT_HOTFIX_TOKEN; the job's own token can open no merge request.

Conflicts end with exit 3, after the draft merge request was opened. The whole job:

  hotfix-backport:
    stage: .post
    rules:
      - if: $CI_COMMIT_BRANCH == \"main\"
    script: git hotfix ci backport
    allow_failure: { exit_codes: [3] }   # conflicts: yellow, not red; leave it out for red")]
pub struct Args {
    /// The target branch; repeatable, `release/*` allowed (default: as configured, develop)
    #[arg(long, value_name = "BRANCH")]
    pub to: Vec<String>,
    /// Run outside a pipeline of the production branch; the reason goes into the log
    #[arg(long, value_name = "REASON")]
    pub outside_pipeline: Option<String>,
}

/// Runs it.
pub(super) fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let production = &ctx.first()?.production.value;
    let body = Body { command: "git hotfix ci backport", elsewhere: "git hotfix backport <commit>" };
    let job = Job::around(&ctx.env, production, args.outside_pipeline.as_deref(), body)?;
    if let Some(token) = ctx.env.get(env::CI_JOB_TOKEN) {
        ctx.ui.hide(token);
    }
    if let Some(reason) = &args.outside_pipeline {
        ctx.ui.warn(&format!("run outside a pipeline of {production}: {reason}"));
    }
    if let Some(address) = job.address {
        ctx.stand_at(address);
    }
    let repo = ctx.clone_here()?;
    let commit = match job.commit {
        Some(commit) => commit,
        None => head(repo)?,
    };
    let credential = ci::token(&ctx.env, &ctx.address()?)?;
    ctx.ui.hide(&credential.secret);
    let gitlab = ctx.gitlab_required()?;
    let committer = match names_committer(repo)? {
        true => None,
        // Who pushes must often be who commits, and the token's user is who pushes.
        false => Some(gitlab.committer()?),
    };
    let throwaway = job.checkout == Checkout::Runner;
    let options = flow::Options {
        answers: Answers { again: "the job again".to_owned(), ..Answers::default() },
        to: args.to,
        runner: Some(flow::Runner { credential, committer, throwaway }),
        ..flow::Options::default()
    };
    let short: String = commit.chars().take(8).collect();
    let now = || ctx.clock.now().as_second();
    ctx.ui.open_section(SECTION, &format!("Backport of {short}"), now());
    let ran = flow::run(ctx, Some(&commit), &Goal::Backport, options);
    ctx.ui.close_section(SECTION, now());
    backport::told(ctx, ran?, false)
}

const SECTION: &str = "git_hotfix_backport";

fn head(repo: &crate::git::Repo) -> Result<String> {
    let head = repo.resolve("HEAD")?;
    head.map(|id| id.to_string()).ok_or_else(|| {
        Problem::new(Kind::Refused, "HEAD is no commit yet")
            .hint("check out the commit that landed: git checkout <sha>, then run the same command again")
    })
}
