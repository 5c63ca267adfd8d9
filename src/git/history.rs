//! Reading history: ranges, ancestors, merge bases.
//!
//! In a shallow clone git is asked, which knows every rule of cut-off history; and what the cut hides is
//! an error, never an answer.

use super::Oid;
use super::error::GitError;
use super::object::{self, Commit};
use super::repo::{Repo, parse_oid};
use super::run::Exit;

/// Enough for the commits of a walk over a large history to be decoded once.
const CACHE: usize = 16 << 20;

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
        let store = self.store()?;
        self.range_ids(include, exclude, first_parent, limit)?
            .into_iter()
            .map(|id| object::commit(&store, id))
            .collect()
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
            return listing
                .split(|&byte| byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| parse_oid(line, "rev-list"))
                .collect();
        }
        use gix::revision::walk::Sorting;
        use gix::traverse::commit::simple::CommitTimeOrder;
        let failed = |error: gix::Error| GitError::store("walk the history", error);
        let mut store = self.store()?;
        store.object_cache_size_if_unset(CACHE);
        let mut walk = store
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
            let output = self
                .call("merge-base")
                .args(["--is-ancestor", &ancestor.to_string(), &descendant.to_string()])
                .output()?;
            return match output.exit {
                Exit::Code(0) => Ok(true),
                Exit::Code(1) => self.whole_below(&[descendant]).map(|()| false),
                _ => Err(output.into_error("merge-base")),
            };
        }
        Ok(self.merge_bases(ancestor, descendant)? == [ancestor])
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
                Exit::Code(0) => output
                    .stdout
                    .split(|&byte| byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .map(|line| parse_oid(line, "merge-base"))
                    .collect::<Result<Vec<_>, _>>()?,
                Exit::Code(1) => Vec::new(),
                _ => return Err(output.into_error("merge-base")),
            };
            if bases.is_empty() {
                self.whole_below(&[one, two])?;
            }
            return Ok(bases);
        }
        let mut store = self.store()?;
        store.object_cache_size_if_unset(CACHE);
        let bases = store.merge_bases_many(one, &[two]);
        Ok(bases
            .map_err(|error| GitError::store("find the merge base", error))?
            .into_iter()
            .map(gix::Id::detach)
            .collect())
    }

    /// An error if a cut hides part of the history of `tips`.
    fn whole_below(&self, tips: &[Oid]) -> Result<(), GitError> {
        let file = self.common_dir().join("shallow");
        let cuts = std::fs::read(&file)
            .map_err(|error| GitError::io(format!("could not read {}", file.display()), error))?;
        let cuts: Vec<Oid> = cuts
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| parse_oid(line, "shallow"))
            .collect::<Result<_, _>>()?;
        for &tip in tips {
            if self.range_ids(tip, &[], false, usize::MAX)?.iter().any(|id| cuts.contains(id)) {
                return Err(GitError::Shallow);
            }
        }
        Ok(())
    }
}
