//! `git hotfix backport --continue` and `--abort`: a conflict is finished by git's own cherry-pick, in a
//! linked work tree beside the clone. Nothing is kept but that work tree.

use std::path::{Path, PathBuf};

use super::backport::Args;
use super::{Exit, flow, usage_problem};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::worktree::{PickState, is_whole};
use crate::git::{Oid, Repo};
use crate::hotfix::drive::{Floor, World};
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::DECLINED_LABEL;
use crate::hotfix::site::{Selector, Site};
use crate::hotfix::snapshot::{BranchContent, Landed, Lane, RequestState, Sha, Snapshot};
use crate::hotfix::step::Acted;

/// Prepares the work tree, or, run again when resolved, replaces the placeholder.
pub(super) fn run(ctx: &Context, args: &Args) -> Result<Exit> {
    let repo = ctx.clone_here()?;
    let (mut site, s, lane) = lane(ctx, args)?;
    let landed = s.landed.known().ok_or_else(|| {
        Problem::new(Kind::Refused, "nothing has landed yet, so there is no conflict to finish")
            .hint("see how it will go: git hotfix backport --dry-run")
    })?;
    let dir = work_tree_dir(repo, &lane)?;
    let mut existing = repo.worktrees()?.into_iter().any(|tree| same_dir(&tree.dir, &dir));
    if existing && !is_whole(&dir) {
        // Somebody removed the folder, or began to; git still has it on its list.
        repo.remove_worktree(&dir)?;
        existing = false;
    }
    if lane.contained.known().is_some() {
        ctx.ui.line(format!("{} holds it already", lane.target));
        return Ok(Exit::Done);
    }
    if let Some(request) = lane.merge_request.known() {
        match request.state {
            RequestState::Merged if !request.placeholder.yes() => {
                ctx.ui.line(format!("!{} brought it to {} already", request.iid, lane.target));
                return Ok(Exit::Done);
            }
            // Whoever closed it decided that: a resolution would open another one behind their back.
            RequestState::Closed => {
                return Err(Problem::new(
                    Kind::Refused,
                    format!("!{} to {} was closed by a person", request.iid, lane.target),
                )
                .hint(format!(
                    "reopen it at {} , then: git hotfix backport --continue{}",
                    request.web_url,
                    name(&lane)
                )));
            }
            _ => {}
        }
    }
    match lane.remote.known().map(|branch| &branch.content) {
        Some(BranchContent::Recomputes | BranchContent::Resolved) => {
            return settled(ctx, &mut site, repo, landed, &lane, &dir);
        }
        // Resolved here, and pushed by hand.
        Some(BranchContent::Foreign(_)) if held(ctx, repo, &lane, &dir)? == Held::WhatIsThere => {
            return settled(ctx, &mut site, repo, landed, &lane, &dir);
        }
        Some(BranchContent::Foreign(why)) => {
            return Err(Problem::new(
                Kind::Refused,
                format!("{} is a person's own work: {why}", lane.branch.clone().unwrap_or_default()),
            )
            .hint("review it in its merge request; nothing of it is overwritten: git hotfix status"));
        }
        Some(BranchContent::Placeholder) | None => {}
    }
    let tip = oid(lane.tip.known(), &lane.target)?;
    let source = site.source(&s, landed)?;
    if !existing {
        repo.add_worktree(&dir, tip, None)?;
    }
    let tree = Repo::discover(ctx.git()?, Some(&dir))?;
    let head = tree.resolve("HEAD")?.unwrap_or(tip);
    // The target may have moved since the pick was begun: it goes on where it stands.
    let base = site.merge_base(head, tip)?.unwrap_or(tip);
    let mut state = tree.pick_state(base)?;
    if state == PickState::NotStarted {
        state = tree.start_pick(&source)?;
    }
    if state == PickState::Resolved {
        state = tree.continue_pick(base)?;
    }
    match state {
        PickState::Committed(commit) => finish(ctx, &mut site, repo, landed, &lane, &dir, commit),
        PickState::Unresolved(paths) => {
            ctx.ui.line(format!("resolve these in {}", dir.display()));
            for path in paths {
                ctx.ui.line(format!("  {path}"));
            }
            ctx.hint(&format!(
                "cd {} ; edit, git add <path> (git mergetool works), then there or here: git hotfix backport --continue{}",
                dir.display(),
                name(&lane)
            ));
            Ok(Exit::As(Kind::Hands))
        }
        PickState::MarkersLeft(paths) => {
            let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
            Err(Problem::new(Kind::Hands, format!("conflict markers are left in {}", paths.join(", "))).hint(
                format!(
                    "edit them in {} and git add them, then: git hotfix backport --continue{}",
                    dir.display(),
                    name(&lane)
                ),
            ))
        }
        PickState::Empty => {
            let said =
                format!("resolved like this, {} stays as it is: it would still lack the fix", lane.target);
            Err(Problem::new(Kind::Hands, said)
                .because(format!("the work tree is {}", dir.display()))
                .hint("start the resolution over: git hotfix backport --abort && git hotfix backport --continue")
                .hint(format!(
                    "or decide against it: close{} with the label {DECLINED_LABEL}",
                    name(&lane).replace('\'', "")
                )))
        }
        PickState::NotStarted | PickState::Resolved => Err(not_begun(&dir)),
    }
}

/// Removes the work tree; the placeholder and its merge request stay as they are.
pub(super) fn abort(ctx: &Context, args: &Args) -> Result<Exit> {
    let repo = ctx.clone_here()?;
    let (_, _, lane) = lane(ctx, args)?;
    let dir = work_tree_dir(repo, &lane)?;
    if !repo.worktrees()?.into_iter().any(|tree| same_dir(&tree.dir, &dir)) {
        ctx.ui.line("no backport is being resolved here");
        return Ok(Exit::Done);
    }
    repo.remove_worktree(&dir)?;
    ctx.ui.line(format!("removed {}; the merge request is as it was", dir.display()));
    Ok(Exit::Done)
}

fn name(lane: &Lane) -> String {
    lane.merge_request.known().map(|mr| format!(" '!{}'", mr.iid)).unwrap_or_default()
}

/// The one lane that is meant: by the backport's own merge request, by `--to`, or the only conflicting one.
fn lane<'a>(ctx: &'a Context, args: &Args) -> Result<(Site<'a>, Snapshot, Lane)> {
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
    let mut site = match branch {
        Some((branch, target)) => {
            options.to = vec![target];
            let short = branch.rsplit('-').next().unwrap_or_default();
            let commit = repo.resolve(short)?.ok_or_else(|| {
                usage_problem(
                    format!("{branch} names no commit that this clone has"),
                    "git fetch, then run the same command again (or name the commit: --landed <sha>)",
                )
            })?;
            flow::site_for(ctx, Selector::Commit(Sha::of_bytes(commit.as_bytes())), &options)?
        }
        None => flow::site(ctx, named, &options)?,
    };
    let s = site.observe(&Goal::Backport, &Floor::default())?;
    let open = |lane: &&Lane| lane.contained.known().is_none();
    let placeholder =
        |lane: &&Lane| lane.remote.known().is_some_and(|branch| branch.content == BranchContent::Placeholder);
    let mut lanes: Vec<&Lane> = s.lanes.iter().filter(placeholder).collect();
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

/// Beside the clone, where people find it.
fn work_tree_dir(repo: &Repo, lane: &Lane) -> Result<PathBuf> {
    let top = repo.worktrees()?.into_iter().next().map(|tree| tree.dir);
    let top = top.unwrap_or_else(|| repo.common_dir().to_owned());
    let branch = lane.branch.clone().unwrap_or_default().replace('/', "-");
    let own = top.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // A clone at the very top has no place beside it but itself.
    Ok(top.parent().unwrap_or(&top).join(format!("{own}-{branch}")))
}

fn same_dir(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}

fn oid(sha: Option<&Sha>, target: &str) -> Result<Oid> {
    sha.and_then(|sha| Oid::from_hex(sha.as_str().as_bytes()).ok()).ok_or_else(|| {
        Problem::new(Kind::Unreachable, format!("the tip of {target} is not known")).hint("git fetch")
    })
}

/// Pushes the resolved pick over the placeholder; where that is denied, on top of it.
fn finish(
    ctx: &Context,
    site: &mut Site<'_>,
    repo: &Repo,
    landed: &Landed,
    lane: &Lane,
    dir: &Path,
    commit: Oid,
) -> Result<Exit> {
    let branch = lane.branch.clone().unwrap_or_default();
    let progress = ctx.ui.progress(&format!("pushing {branch}"));
    let placeholder = lane.remote.known().map(|branch| &branch.tip);
    let pushed = site.replace_placeholder(&branch, commit, placeholder)?;
    progress.finish();
    match pushed.or_later()? {
        Acted::Changed(_) => {}
        Acted::Stale(why) | Acted::Unclear(why) | Acted::Limited(why, _) => {
            return Err(Problem::new(Kind::Refused, format!("{branch} changed meanwhile: {why}"))
                .because("your resolution is kept")
                .hint(format!(
                    "see what came in between, then: git hotfix backport --continue{}",
                    name(lane)
                )));
        }
    }
    settled(ctx, site, repo, landed, lane, dir)
}

/// What the work tree of a resolution holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Nothing of its own.
    Nothing,
    /// The content of the backport's branch on the remote.
    WhatIsThere,
    /// Something else: somebody may have resolved it elsewhere in the meantime.
    Other,
}

fn held(ctx: &Context, repo: &Repo, lane: &Lane, dir: &Path) -> Result<Held> {
    if !dir.exists() {
        return Ok(Held::Nothing);
    }
    let tree = Repo::discover(ctx.git()?, Some(dir))?;
    let Some(head) = tree.resolve("HEAD")? else { return Ok(Held::Other) };
    if tree.is_dirty()? || tree.pick_state(head)? != PickState::NotStarted {
        return Ok(Held::Other);
    }
    let there = oid(lane.remote.known().map(|branch| &branch.tip), &lane.target)?;
    let target = oid(lane.tip.known(), &lane.target)?;
    Ok(match repo.is_ancestor(head, target)? {
        true => Held::Nothing,
        false if repo.commit(head)?.tree == repo.commit(there)?.tree => Held::WhatIsThere,
        false => Held::Other,
    })
}

/// Neither git's own pick nor a commit stands there: a hook of the user's may have taken it away.
fn not_begun(dir: &Path) -> Problem {
    Problem::new(Kind::Failed, format!("the pick in {} did not begin", dir.display())).hint(
        "remove that work tree, and try again: git hotfix backport --abort && git hotfix backport --continue",
    )
}

fn not_seen(target: &str) -> Problem {
    Problem::new(
        Kind::Unreachable,
        format!("the merge request to {target} does not show yet that it is resolved"),
    )
    .hint("run the same command again")
}

/// Mends labels, draft mark and description, and removes the work tree.
fn settled(
    ctx: &Context,
    site: &mut Site<'_>,
    repo: &Repo,
    landed: &Landed,
    lane: &Lane,
    dir: &Path,
) -> Result<Exit> {
    let s = site.observe(&Goal::Backport, &Floor::default())?;
    let of_lane = |s: &Snapshot| s.lanes.iter().find(|other| other.target == lane.target).cloned();
    let now = of_lane(&s).unwrap_or_else(|| lane.clone());
    let (request, opened) = match now.merge_request.known() {
        Some(request) if request.state == RequestState::Opened => (request.clone(), false),
        _ => {
            let mut floor = Floor::default();
            floor.backports.insert(lane.target.clone(), site.open_resolved(&s, landed, &now)?);
            let seen = of_lane(&site.observe(&Goal::Backport, &floor)?);
            let seen = seen.and_then(|lane| lane.merge_request.known().cloned());
            (seen.ok_or_else(|| not_seen(&lane.target))?, true)
        }
    };
    // Done is what a read after the write shows.
    let marks = s.policy.conflict_labels.iter().filter(|label| !s.policy.backport_labels.contains(label));
    let marked = request.draft || marks.into_iter().any(|label| request.labels.contains(label));
    let config = ctx.first()?;
    let mut right = site.mark_resolved(&request, &s.policy)?;
    let begun = ctx.clock.elapsed();
    while !right {
        ctx.clock.sleep(config.retry_base.value);
        right = site.mark_resolved(&request, &s.policy)?;
        if !right && ctx.clock.elapsed().saturating_sub(begun) > config.settle.value {
            return Err(not_seen(&lane.target));
        }
    }
    ctx.ui.line(match (opened, marked) {
        (true, _) => format!("opened !{} with the resolved backport to {}", request.iid, lane.target),
        (false, false) => format!("!{} has no conflict to finish", request.iid),
        (false, true) => format!("!{} is resolved: draft mark and conflicts label are gone", request.iid),
    });
    ctx.ui.line(&request.web_url);
    if repo.worktrees()?.into_iter().any(|tree| same_dir(&tree.dir, dir)) {
        match held(ctx, repo, &now, dir)? {
            Held::Nothing | Held::WhatIsThere => repo.remove_worktree(dir)?,
            Held::Other => ctx.ui.warn(&format!(
                "{} holds something else, and is kept; when you need it no more: git worktree remove --force {}",
                dir.display(),
                dir.display()
            )),
        }
    }
    ctx.hint("have it reviewed and merged; then: git hotfix verify");
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_come_about_is_said_whole() {
        insta::assert_snapshot!(not_seen("develop").whole() + &not_begun(Path::new("/w")).whole(), @"
        the merge request to develop does not show yet that it is resolved (6)
          hint: run the same command again
        the pick in /w did not begin (1)
          hint: remove that work tree, and try again: git hotfix backport --abort && git hotfix backport --continue
        ");
    }
}
