//! `git hotfix backport --continue` and `--abort`: a conflict is finished by git's own cherry-pick, in a
//! linked work tree beside the clone. Nothing is kept but that work tree.

mod lane;

use std::path::{Path, PathBuf};

pub(super) use lane::resolved_here;
use lane::{lane, same_dir};

use super::Exit;
use super::backport::Args;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::worktree::{PickState, beside, is_whole};
use crate::git::{Oid, Repo};
use crate::hotfix::drive::World;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::DECLINED_LABEL;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{BranchContent, Fact, Landed, Lane, Pick, RequestState, Sha, Snapshot};
use crate::hotfix::step::Acted;

/// Prepares the work tree, or, run again when resolved, replaces the placeholder.
pub(super) fn run(ctx: &Context, args: &Args) -> Result<Exit> {
    let mut it = Resolution::of(ctx, args)?;
    let landed = it.seen.landed.known().cloned().ok_or_else(|| {
        Problem::new(Kind::Refused, "nothing has landed yet, so there is no conflict to finish")
            .hint("see how it will go: git hotfix backport --dry-run")
    })?;
    if it.listed && !is_whole(&it.dir) {
        // Somebody removed the folder, or began to; git still has it on its list.
        it.repo.remove_worktree(&it.dir)?;
        it.listed = false;
    }
    if let Some(already) = it.over()? {
        ctx.ui.line(already);
        return Ok(Exit::Done);
    }
    match it.lane.remote.known().map(|branch| &branch.content) {
        Some(BranchContent::Recomputes | BranchContent::Resolved) => return it.settle(&landed),
        // Resolved here, and pushed by hand.
        Some(BranchContent::Foreign(_)) if it.held(&it.lane)? == Held::WhatIsThere => {
            return it.settle(&landed);
        }
        Some(BranchContent::Foreign(why)) => {
            return Err(Problem::new(
                Kind::Refused,
                format!("{} is a person's own work: {why}", it.lane.branch.clone().unwrap_or_default()),
            )
            .hint("review it in its merge request; nothing of it is overwritten: git hotfix status"));
        }
        Some(BranchContent::Placeholder) | None => {}
    }
    match it.go_on(&landed)? {
        PickState::Committed(commit) => {
            it.push(commit)?;
            it.settle(&landed)
        }
        PickState::Unresolved(paths) => {
            ctx.ui.line(format!("resolve these in {}", it.dir.display()));
            for path in paths {
                ctx.ui.line(format!("  {path}"));
            }
            ctx.hint(&format!(
                "cd {} ; edit, git add <path> (git mergetool works), then there or here: git hotfix backport --continue{}",
                it.dir.display(),
                it.name()
            ));
            Ok(Exit::As(Kind::Hands))
        }
        state => Err(it.not_committed(state)),
    }
}

/// Removes the work tree; the placeholder and its merge request stay as they are.
pub(super) fn abort(ctx: &Context, args: &Args) -> Result<Exit> {
    let it = Resolution::of(ctx, args)?;
    if !it.listed {
        ctx.ui.line("no backport is being resolved here");
        return Ok(Exit::Done);
    }
    it.repo.remove_worktree(&it.dir)?;
    ctx.ui.line(format!("removed {}; the merge request is as it was", it.dir.display()));
    Ok(Exit::Done)
}

/// A conflict on its way to its end.
struct Resolution<'a> {
    ctx: &'a Context,
    repo: &'a Repo,
    site: Site<'a>,
    seen: Snapshot,
    lane: Lane,
    /// Its linked work tree: beside the clone, where people find it.
    dir: PathBuf,
    /// Whether git has that on its list.
    listed: bool,
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

impl<'a> Resolution<'a> {
    fn of(ctx: &'a Context, args: &Args) -> Result<Resolution<'a>> {
        let repo = ctx.clone_here()?;
        let trees = repo.worktrees()?;
        let top = trees.first().map_or(repo.common_dir(), |tree| &tree.dir);
        let (site, seen, lane) = lane(ctx, args, top)?;
        let dir = beside(top, &lane.branch.clone().unwrap_or_default());
        let listed = trees.iter().any(|tree| same_dir(&tree.dir, &dir));
        Ok(Resolution { ctx, repo, site, seen, lane, dir, listed })
    }

    /// The argument that names it.
    fn name(&self) -> String {
        self.lane.merge_request.known().map(|mr| format!(" '!{}'", mr.iid)).unwrap_or_default()
    }

    /// Says where the lane has the change already. Whoever closed its merge request decided that: a resolution
    /// would open another one behind their back.
    fn over(&self) -> Result<Option<String>> {
        let target = &self.lane.target;
        let changes_nothing =
            self.lane.remote.is_absent() && self.lane.pick == Fact::Known(Pick::AlreadyThere);
        if self.lane.contained.known().is_some() || changes_nothing {
            return Ok(Some(format!("{target} holds it already")));
        }
        let Some(request) = self.lane.merge_request.known() else { return Ok(None) };
        match request.state {
            RequestState::Merged if !request.placeholder.yes() => {
                Ok(Some(format!("!{} brought it to {target} already", request.iid)))
            }
            RequestState::Closed => Err(Problem::new(
                Kind::Refused,
                format!("!{} to {target} was closed by a person", request.iid),
            )
            .hint(format!(
                "reopen it at {} , then: git hotfix backport --continue{}",
                request.web_url,
                self.name()
            ))),
            _ => Ok(None),
        }
    }

    /// Takes git's own pick as far as it goes without a person.
    fn go_on(&mut self, landed: &Landed) -> Result<PickState> {
        let tip = oid(self.lane.tip.known(), &self.lane.target)?;
        let source = self.site.source(&self.seen, landed)?;
        if !self.listed {
            self.repo.add_worktree(&self.dir, tip, None)?;
            self.listed = true;
        }
        let tree = Repo::discover(self.ctx.git()?, Some(&self.dir))?;
        let head = tree.resolve("HEAD")?.unwrap_or(tip);
        // The target may have moved since the pick was begun: it goes on where it stands.
        let base = self.site.merge_base(head, tip)?.unwrap_or(tip);
        let mut state = tree.pick_state(base)?;
        if state == PickState::NotStarted {
            state = tree.start_pick(&source)?;
        }
        if state == PickState::Resolved {
            state = tree.continue_pick(base)?;
        }
        Ok(state)
    }

    /// Why there is still no commit.
    fn not_committed(&self, state: PickState) -> Problem {
        match state {
            PickState::MarkersLeft(paths) => {
                let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
                Problem::new(Kind::Hands, format!("conflict markers are left in {}", paths.join(", "))).hint(
                    format!(
                        "edit them in {} and git add them, then: git hotfix backport --continue{}",
                        self.dir.display(),
                        self.name()
                    ),
                )
            }
            PickState::Empty => Problem::new(
                Kind::Hands,
                format!(
                    "resolved like this, {} stays as it is: it would still lack the fix",
                    self.lane.target
                ),
            )
            .because(format!("the work tree is {}", self.dir.display()))
            .hint("start the resolution over: git hotfix backport --abort && git hotfix backport --continue")
            .hint(format!(
                "or decide against it: close{} with the label {DECLINED_LABEL}",
                self.name().replace('\'', "")
            )),
            _ => not_begun(&self.dir),
        }
    }

    /// Pushes the resolved pick over the placeholder; where that is denied, on top of it.
    fn push(&mut self, commit: Oid) -> Result<()> {
        let branch = self.lane.branch.clone().unwrap_or_default();
        let progress = self.ctx.ui.progress(&format!("pushing {branch}"));
        let placeholder = self.lane.remote.known().map(|branch| &branch.tip);
        let pushed = self.site.replace_placeholder(&branch, commit, placeholder)?;
        progress.finish();
        match pushed.or_later()? {
            Acted::Changed(_) => Ok(()),
            Acted::Stale(why) | Acted::Unclear(why) | Acted::Limited(why, _) => {
                Err(Problem::new(Kind::Refused, format!("{branch} changed meanwhile: {why}"))
                    .because("your resolution is kept")
                    .hint(format!(
                        "see what came in between, then: git hotfix backport --continue{}",
                        self.name()
                    )))
            }
        }
    }

    /// Mends labels, draft mark and description, and removes the work tree.
    fn settle(&mut self, landed: &Landed) -> Result<Exit> {
        let (ctx, target) = (self.ctx, self.lane.target.clone());
        let s = self.site.observe(&Goal::Backport, &Floor::default())?;
        let of_lane = |s: &Snapshot| s.lanes.iter().find(|other| other.target == target).cloned();
        let now = of_lane(&s).unwrap_or_else(|| self.lane.clone());
        let (request, opened) = match now.merge_request.known() {
            Some(request) if request.state == RequestState::Opened => (request.clone(), false),
            _ => {
                let mut floor = Floor::default();
                floor.backports.insert(target.clone(), self.site.open_resolved(&s, landed, &now)?);
                let seen = of_lane(&self.site.observe(&Goal::Backport, &floor)?);
                let seen = seen.and_then(|lane| lane.merge_request.known().cloned());
                (seen.ok_or_else(|| not_seen(&target))?, true)
            }
        };
        // Done is what a read after the write shows.
        let policy = &s.policy;
        let marks = policy.conflict_labels.iter().filter(|label| !policy.backport_labels.contains(label));
        let marked = request.draft || marks.into_iter().any(|label| request.labels.contains(label));
        let config = ctx.first()?;
        let mut right = self.site.mark_resolved(&request, policy)?;
        let begun = ctx.clock.elapsed();
        while !right {
            ctx.clock.sleep(config.retry_base.value);
            right = self.site.mark_resolved(&request, policy)?;
            if !right && ctx.clock.elapsed().saturating_sub(begun) > config.settle.value {
                return Err(not_seen(&target));
            }
        }
        ctx.ui.line(match (opened, marked) {
            (true, _) => format!("opened !{} with the resolved backport to {target}", request.iid),
            (false, false) => format!("!{} has no conflict to finish", request.iid),
            (false, true) => format!("!{} is resolved: draft mark and conflicts label are gone", request.iid),
        });
        ctx.ui.line(&request.web_url);
        if self.listed {
            let dir = self.dir.display();
            match self.held(&now)? {
                Held::Nothing | Held::WhatIsThere => self.repo.remove_worktree(&self.dir)?,
                Held::Other => ctx.ui.warn(&format!(
                    "{dir} holds something else, and is kept; when you need it no more: git worktree remove --force {dir}"
                )),
            }
        }
        ctx.hint("have it reviewed and merged; then: git hotfix verify");
        Ok(Exit::Done)
    }

    /// What the work tree holds, beside the lane as it was seen.
    fn held(&self, lane: &Lane) -> Result<Held> {
        if !self.dir.exists() {
            return Ok(Held::Nothing);
        }
        let tree = Repo::discover(self.ctx.git()?, Some(&self.dir))?;
        let Some(head) = tree.resolve("HEAD")? else { return Ok(Held::Other) };
        if tree.is_dirty()? || tree.pick_state(head)? != PickState::NotStarted {
            return Ok(Held::Other);
        }
        let there = oid(lane.remote.known().map(|branch| &branch.tip), &lane.target)?;
        let target = oid(lane.tip.known(), &lane.target)?;
        Ok(match self.repo.is_ancestor(head, target)? {
            true => Held::Nothing,
            false if self.repo.commit(head)?.tree == self.repo.commit(there)?.tree => Held::WhatIsThere,
            false => Held::Other,
        })
    }
}

fn oid(sha: Option<&Sha>, target: &str) -> Result<Oid> {
    sha.and_then(|sha| Oid::from_hex(sha.as_str().as_bytes()).ok()).ok_or_else(|| {
        Problem::new(Kind::Unreachable, format!("the tip of {target} is not known")).hint("git fetch")
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
