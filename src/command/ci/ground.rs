//! What the bodies that touch Heroku stand on: the job, the commit, and the configuration of the fetched
//! production branch.

use crate::ci::heroku::Heroku;
use crate::ci::promote::short;
use crate::ci::{self, Body, Checkout, Job};
use crate::config::{Config, FILE_NAME, env};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::incomplete::Completed;
use crate::git::remote::{Deepen, Fetch};
use crate::git::{Oid, Repo};
use crate::gitlab::Client;
use crate::http::Secret;

/// How much history of the production branch a shallow checkout gets at first.
const FIRST_DEPTH: u32 = 50;

/// Where a body stands.
pub(super) struct Ground<'a> {
    pub(super) repo: &'a Repo,
    pub(super) config: Config,
    /// What is deployed: the job's commit, outside a job the tip of the production branch.
    pub(super) commit: String,
    /// The fetched tip of the production branch.
    pub(super) production: Oid,
}

/// How strict the place is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness<'a> {
    /// A job of the production branch, or a reason.
    Production(Option<&'a str>),
    /// Nothing is touched, so anywhere will do.
    Anywhere,
}

/// Finds out where the body stands, and refuses the wrong place.
pub(super) fn stand<'a>(ctx: &'a Context, strictness: Strictness<'_>, body: Body<'_>) -> Result<Ground<'a>> {
    for name in [env::HEROKU_API_KEY, env::CI_REGISTRY_PASSWORD, env::CI_JOB_TOKEN] {
        if let Some(secret) = ctx.env.get(name) {
            ctx.ui.hide(secret);
        }
    }
    let outside = match strictness {
        Strictness::Production(outside) => outside,
        Strictness::Anywhere => Some("a dry run"),
    };
    let first = ctx.first()?;
    let (remote, branch) = (&first.remote.value, &first.production.value);
    let job = Job::around(&ctx.env, branch, outside, body)?;
    if let Strictness::Production(Some(reason)) = strictness {
        ctx.ui.warn(&format!("run outside a pipeline of {branch}: {reason}"));
    }
    if let Some(address) = job.address {
        ctx.stand_at(address);
    }
    let repo = ctx.clone_here()?;
    let tracking = format!("refs/remotes/{remote}/{branch}");
    let spec = [format!("+refs/heads/{branch}:{tracking}")];
    let shallow = job.checkout == Checkout::Runner && repo.is_shallow();
    let deepen = Some(Deepen::Cut(FIRST_DEPTH)).filter(|_| shallow);
    repo.fetch(&Fetch { remote, refspecs: &spec, deepen, credential: None })?;
    let production = repo.ref_tip(&tracking)?.ok_or_else(|| {
        Problem::new(Kind::Config, format!("{remote} has no branch {branch}"))
            .hint("name the production branch: git config hotfix.productionBranch <name>")
    })?;
    let bytes = repo.file_at(production, FILE_NAME.into())?;
    let config = ctx.with_file(bytes.as_deref(), &format!("{remote}/{branch}:{FILE_NAME}"))?;
    let commit = job.commit.unwrap_or_else(|| production.to_string());
    if strictness != Strictness::Anywhere {
        on_production(repo, remote, branch, &commit, production)?;
    }
    Ok(Ground { repo, config, commit, production })
}

/// What a job says it runs for must be on the production branch: its variables can be set by hand.
fn on_production(repo: &Repo, remote: &str, branch: &str, commit: &str, tip: Oid) -> Result<()> {
    let off = || {
        Problem::new(Kind::Refused, format!("{} is not on {branch}", short(commit)))
            .because("only what landed there goes to production")
            .hint("start a pipeline for the production branch, without variables of your own")
    };
    let id = Oid::from_hex(commit.as_bytes()).map_err(|_| off())?;
    let completed = Completed { repo, remote, credential: None };
    // A whole history that lacks the commit has answered; one that is cut off may not have.
    let landed = |repo: &Repo| match repo.is_shallow() || repo.has_commit(id)? {
        true => repo.is_ancestor(id, tip),
        false => Ok(false),
    };
    match completed.decide(&[tip], landed)? {
        true => Ok(()),
        false => Err(off()),
    }
}

/// GitLab; in a job without a token, how its project gives it one.
pub(super) fn gitlab(ctx: &Context) -> Result<&Client> {
    if ctx.env.get(env::GITLAB_CI).is_some() && ctx.gitlab()?.is_none() {
        ci::token(&ctx.env, &ctx.address()?)?;
    }
    ctx.gitlab_required()
}

/// The key of Heroku's API.
pub(super) fn key(ctx: &Context) -> Result<Secret> {
    let given = ctx.env.get(env::HEROKU_API_KEY);
    given.and_then(Secret::new).ok_or_else(|| {
        let (what, why) = match given {
            None => (
                "HEROKU_API_KEY is not set",
                "in a job it may be there for protected branches or for one environment only",
            ),
            Some(_) => {
                ("HEROKU_API_KEY is no key", "it holds a space, a line break or a character beyond ASCII")
            }
        };
        Problem::new(Kind::Config, what)
            .because(why)
            .hint("make one: heroku authorizations:create -d git-hotfix")
            .hint("then add it to the project's CI/CD variables as HEROKU_API_KEY, masked and protected")
    })
}

/// Heroku's API.
pub(super) fn heroku(ctx: &Context, config: &Config) -> Result<Heroku> {
    let base = &config.promote.heroku_url.value;
    Ok(Heroku::new(base, key(ctx)?, config.http_options(), ctx.clock.clone())?)
}
