//! Which backport is to be finished, and where its work tree stands.

use std::path::Path;

use super::super::backport::Args;
use super::super::{flow, usage_problem};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::worktree::beside;
use crate::git::{Oid, Repo};
use crate::hotfix::drive::World;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Goal;
use crate::hotfix::site::{Selector, Site};
use crate::hotfix::snapshot::{BranchContent, Lane, Sha, Snapshot};

/// The commit that the work tree is about in which a conflict is resolved, if we stand in one.
pub(in crate::command) fn resolved_here(repo: &Repo) -> Result<Option<Sha>> {
    let trees = repo.worktrees()?;
    let Some(main) = trees.first() else { return Ok(None) };
    Ok(standing_in(repo, &main.dir)?.map(|(_, commit)| Sha::of_bytes(commit.as_bytes())))
}

/// The same, with its folder.
fn standing_in<'a>(repo: &'a Repo, top: &Path) -> Result<Option<(&'a Path, Oid)>> {
    let Some(here) = repo.work_tree() else { return Ok(None) };
    let (name, any) = (here.file_name(), beside(top, "backport/"));
    let rest = name.zip(any.file_name()).and_then(|(name, any)| name.to_str()?.strip_prefix(any.to_str()?));
    let short = rest.and_then(|rest| rest.rsplit('-').next());
    // A hotfix of one's own may be called so, too: then the last word is no commit.
    let id = |short: &&str| short.len() >= 7 && short.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some(short) = short.filter(id) else { return Ok(None) };
    Ok(repo.resolve(short)?.map(|commit| (here, commit)))
}

/// The one lane that is meant: by the backport's own merge request, by `--to`, by where we stand, or the only
/// conflicting one.
pub(super) fn lane<'a>(ctx: &'a Context, args: &Args, top: &Path) -> Result<(Site<'a>, Snapshot, Lane)> {
    let repo = ctx.clone_here()?;
    let mut options =
        flow::Options { to: args.to.clone(), landed: args.landed.clone(), ..flow::Options::default() };
    let named = args.named.hotfix.as_deref();
    let branch = match named.and_then(|text| text.strip_prefix('!')).and_then(|iid| iid.parse().ok()) {
        Some(iid) => {
            let mr = ctx.gitlab_required()?.merge_request(iid)?;
            mr.source_branch.starts_with("backport/").then_some((mr.source_branch, mr.target_branch))
        }
        None => None,
    };
    let here = match (named, &args.landed) {
        (None, None) => standing_in(repo, top)?,
        _ => None,
    };
    let commit = match branch {
        Some((branch, target)) => {
            options.to = vec![target];
            let short = branch.rsplit('-').next().unwrap_or_default();
            let unknown = || {
                usage_problem(
                    format!("{branch} names no commit that this clone has"),
                    "git fetch, then run the same command again (or name the commit: --landed <sha>)",
                )
            };
            Some(repo.resolve(short)?.ok_or_else(unknown)?)
        }
        None => here.map(|(_, commit)| commit),
    };
    let mut site = match commit {
        Some(commit) => flow::site_for(ctx, Selector::Commit(Sha::of_bytes(commit.as_bytes())), &options)?,
        None => flow::site(ctx, named, &options)?,
    };
    let s = site.observe(&Goal::Backport, &Floor::default())?;
    flow::exists(&s)?;
    let open = |lane: &&Lane| lane.contained.known().is_none();
    let placeholder =
        |lane: &&Lane| lane.remote.known().is_some_and(|branch| branch.content == BranchContent::Placeholder);
    let mut lanes: Vec<&Lane> = s.lanes.iter().filter(placeholder).collect();
    if let Some((here, _)) = here.filter(|_| lanes.len() > 1) {
        lanes.retain(|lane| lane.branch.as_ref().is_some_and(|branch| same_dir(&beside(top, branch), here)));
    }
    if lanes.is_empty() {
        lanes = s.lanes.iter().filter(open).collect();
    }
    if let ([], [only]) = (lanes.as_slice(), s.lanes.as_slice()) {
        lanes = vec![only];
    }
    match lanes.as_slice() {
        [only] => {
            let only = (*only).clone();
            Ok((site, s, only))
        }
        [] => Err(Problem::new(Kind::Refused, "no backport of this hotfix is left to resolve")
            .hint("git hotfix verify")),
        several => {
            let names: Vec<&str> = several.iter().map(|lane| lane.target.as_str()).collect();
            Err(usage_problem(
                format!("several backports are open: {}", names.join(", ")),
                format!("say which: git hotfix backport --continue --to {}", names[0]),
            ))
        }
    }
}

pub(super) fn same_dir(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}
