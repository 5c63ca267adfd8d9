//! Reading history: ranges, ancestors, merge bases.
//!
//! In a shallow clone git is asked, which knows every rule of cut-off history; and what the cut hides is
//! an error, never an answer.

use std::collections::HashSet;

use super::Oid;
use super::error::GitError;
use super::object::{self, Commit};
use super::repo::{Repo, parse_oid};
use super::run::Exit;

/// How far the main line is searched before both histories are walked.
const PROBED: usize = 1000;

/// By how much committers' clocks may disagree there, in seconds.
const SKEW: i64 = 24 * 60 * 60;

impl Repo {
    /// The commits reachable from `include` and from none of `exclude`, newest first, at most `limit`.
    ///
    /// Where committers' clocks ran backwards, one below `exclude` may slip in, as it does in git.
    pub fn range(
        &self,
        include: Oid,
        exclude: &[Oid],
        first_parent: bool,
        limit: usize,
    ) -> Result<Vec<Commit>, GitError> {
        let ids = self.range_ids(include, exclude, first_parent, limit)?;
        let walker = self.walker()?;
        ids.into_iter().map(|id| object::commit(&walker, id)).collect()
    }

    /// As [`range`](Self::range), names only.
    pub fn range_ids(
        &self,
        include: Oid,
        exclude: &[Oid],
        first_parent: bool,
        limit: usize,
    ) -> Result<Vec<Oid>, GitError> {
        if self.is_shallow() {
            let mut call = self.call("rev-list");
            // Git reads it as a C int.
            if let Ok(limit) = i32::try_from(limit) {
                call = call.arg(format!("--max-count={limit}"));
            }
            if first_parent {
                call = call.arg("--first-parent");
            }
            let listing = call
                .arg("--end-of-options")
                .arg(include.to_string())
                .args(exclude.iter().map(|id| format!("^{id}")))
                .ok()?;
            let ids = names(&listing, "rev-list")?;
            // What a cut hides would come after it; behind the last one that was asked for, nothing is missed.
            let whole = if ids.len() == limit { limit.saturating_sub(1) } else { ids.len() };
            self.without_cut(ids.get(..whole).unwrap_or_default())?;
            return Ok(ids);
        }
        use gix::revision::walk::Sorting;
        use gix::traverse::commit::simple::CommitTimeOrder;
        let failed = |error: gix::Error| GitError::store("walk the history", error);
        let walker = self.walker()?;
        let mut walk = walker
            .rev_walk([include])
            .sorting(Sorting::ByCommitTime(CommitTimeOrder::NewestFirst))
            .with_hidden(exclude.iter().copied());
        if first_parent {
            walk = walk.first_parent_only();
        }
        let walk = walk.all().map_err(failed)?;
        walk.take(limit)
            .map(|info| info.map(|info| info.id).map_err(|error| GitError::store("walk the history", error)))
            .collect()
    }

    /// Whether `ancestor` is `descendant` or reachable from it.
    pub fn is_ancestor(&self, ancestor: Oid, descendant: Oid) -> Result<bool, GitError> {
        if ancestor == descendant {
            return Ok(true);
        }
        if self.is_shallow() {
            if !self.has_commit(ancestor)? {
                return self.without_cut(&self.walk(&[descendant.to_string()])?).map(|()| false);
            }
            let output = self
                .call("merge-base")
                .args(["--is-ancestor", &ancestor.to_string(), &descendant.to_string()])
                .output()?;
            return match output.exit {
                Exit::Code(0) => Ok(true),
                // A cut below the descendant hides nothing of the ancestor where the ancestor is above it.
                Exit::Code(1) => {
                    let open = self.walk(&[descendant.to_string(), format!("^{ancestor}")])?;
                    self.without_cut(&open).map(|()| false)
                }
                _ => Err(output.into_error("merge-base")),
            };
        }
        let near = on_main_line(&*self.walker()?, ancestor, descendant)?;
        Ok(near || self.merge_bases(ancestor, descendant)? == [ancestor])
    }

    /// The best common ancestor.
    pub fn merge_base(&self, one: Oid, two: Oid) -> Result<Option<Oid>, GitError> {
        Ok(self.merge_bases(one, two)?.first().copied())
    }

    /// All best common ancestors; more than one where histories cross.
    pub fn merge_bases(&self, one: Oid, two: Oid) -> Result<Vec<Oid>, GitError> {
        if self.is_shallow() {
            let output =
                self.call("merge-base").args(["--all", &one.to_string(), &two.to_string()]).output()?;
            let bases = match output.exit {
                Exit::Code(0) => names(&output.stdout, "merge-base")?,
                Exit::Code(1) => Vec::new(),
                _ => return Err(output.into_error("merge-base")),
            };
            // A better base can only hide below a cut that one side alone reaches.
            self.without_cut(&self.walk(&[format!("{one}...{two}")])?)?;
            return Ok(bases);
        }
        let walker = self.walker()?;
        let bases = walker.merge_bases_many(one, &[two]);
        Ok(bases
            .map_err(|error| GitError::store("find the merge base", error))?
            .into_iter()
            .map(gix::Id::detach)
            .collect())
    }

    fn walk(&self, revisions: &[String]) -> Result<Vec<Oid>, GitError> {
        names(&self.call("rev-list").arg("--end-of-options").args(revisions).ok()?, "rev-list")
    }

    /// An error if history is cut off below one of `ids`.
    fn without_cut(&self, ids: &[Oid]) -> Result<(), GitError> {
        let file = self.common_dir().join("shallow");
        let cuts = std::fs::read(&file)
            .map_err(|error| GitError::io(format!("could not read {}", file.display()), error))?;
        let cuts: HashSet<Oid> = names(&cuts, "shallow")?.into_iter().collect();
        match ids.iter().any(|id| cuts.contains(id)) {
            true => Err(GitError::Shallow),
            false => Ok(()),
        }
    }
}

/// Whether `ancestor` is one of the latest first parents of `descendant`, where what landed nearly always is.
fn on_main_line(store: &gix::Repository, ancestor: Oid, descendant: Oid) -> Result<bool, GitError> {
    let Ok(wanted) = object::commit(store, ancestor) else { return Ok(false) };
    let mut next = descendant;
    for _ in 0..PROBED {
        let commit = object::commit(store, next)?;
        match commit.parents.first() {
            Some(&parent) if parent == ancestor => return Ok(true),
            Some(&parent) if commit.committer.seconds + SKEW >= wanted.committer.seconds => next = parent,
            _ => break,
        }
    }
    Ok(false)
}

/// One object name a line.
fn names(listing: &[u8], subcommand: &str) -> Result<Vec<Oid>, GitError> {
    let lines = listing.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| parse_oid(line, subcommand)).collect()
}
