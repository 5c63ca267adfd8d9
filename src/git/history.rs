//! Reading history: ranges, ancestors, merge bases.
//!
//! In a shallow clone git is asked, which knows every rule of cut-off history; and what the cut hides is
//! an error, never an answer.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::Oid;
use super::error::GitError;
use super::object::{self, Commit};
use super::repo::{Repo, parse_oid};
use super::run::Exit;

/// How far the main line is searched before both histories are walked.
const PROBED: usize = 1000;

/// How many excluded commits are looked at beyond the last that is wanted, as git does.
const SLOP: u32 = 5;

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
        Walk::new(&*self.walker()?, first_parent).range(include, exclude, limit)
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
        let walker = self.walker()?;
        Ok(on_main_line(&walker, ancestor, descendant)?
            || common(&walker, ancestor, descendant)?.contains(&ancestor))
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
        let found = common(&*self.walker()?, one, two)?;
        let mut best = Vec::new();
        for &id in &found {
            let others = found.iter().filter(|&&other| other != id);
            let below: Result<Vec<bool>, _> = others.map(|&other| self.is_ancestor(id, other)).collect();
            if !below?.contains(&true) {
                best.push(id);
            }
        }
        Ok(best)
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

/// A walk from the newest commit down, as git's own: it ends where nothing wanted is left, however long the
/// history below. (gix's walk with hidden tips first paints all that they reach: on git's own history
/// 80,000 commits, to learn of four hundred.)
struct Walk<'a> {
    store: &'a gix::Repository,
    first_parent: bool,
    /// Newest first; of two with one time, the one that was seen first.
    queue: BinaryHeap<(i64, Reverse<usize>, Oid)>,
    /// Commits seen, and whether they are reachable from what is excluded.
    hidden: HashMap<Oid, bool>,
    /// How many of the queue are not hidden.
    wanted: usize,
}

impl<'a> Walk<'a> {
    fn new(store: &'a gix::Repository, first_parent: bool) -> Walk<'a> {
        Walk { store, first_parent, queue: BinaryHeap::new(), hidden: HashMap::new(), wanted: 0 }
    }

    fn range(mut self, include: Oid, exclude: &[Oid], limit: usize) -> Result<Vec<Oid>, GitError> {
        for id in exclude {
            self.see(*id, true)?;
        }
        self.see(include, false)?;
        let mut found = Vec::new();
        let mut oldest = i64::MAX;
        let mut slop = SLOP;
        while let Some((time, _, id)) = self.queue.pop() {
            let hidden = self.hidden.get(&id).copied().unwrap_or_default();
            if !hidden {
                self.wanted -= 1;
                found.push(id);
                oldest = time;
            }
            let parents = self.commit(id)?.1;
            let followed = if hidden || !self.first_parent { parents.len() } else { parents.len().min(1) };
            for parent in parents.into_iter().take(followed) {
                self.see(parent, hidden)?;
            }
            // Nothing is excluded: nothing found can turn out to be so.
            if exclude.is_empty() && found.len() >= limit {
                break;
            }
            if self.wanted > 0 {
                slop = SLOP;
            } else if self.queue.peek().is_none_or(|(newest, ..)| *newest < oldest) {
                // A clock that ran backwards may have put an excluded commit behind what it hides.
                slop -= 1;
                if slop == 0 {
                    break;
                }
            }
        }
        found.retain(|id| self.hidden.get(id) == Some(&false));
        found.truncate(limit);
        Ok(found)
    }

    /// Queues a commit when it is new; hides it, with what was seen below it, when it is to be hidden.
    fn see(&mut self, id: Oid, hide: bool) -> Result<(), GitError> {
        match self.hidden.get(&id).copied() {
            None => {
                let time = self.commit(id)?.0;
                self.queue.push((time, Reverse(self.hidden.len()), id));
                self.hidden.insert(id, hide);
                self.wanted += usize::from(!hide);
            }
            Some(false) if hide => {
                let mut below = vec![id];
                while let Some(id) = below.pop() {
                    if self.hidden.get(&id) != Some(&false) {
                        continue;
                    }
                    self.hidden.insert(id, true);
                    if self.queue.iter().any(|(.., queued)| *queued == id) {
                        self.wanted -= 1;
                    } else {
                        below.extend(self.commit(id)?.1);
                    }
                }
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// When it was committed, and its parents.
    fn commit(&self, id: Oid) -> Result<(i64, Vec<Oid>), GitError> {
        let failed = |error: &dyn std::fmt::Display| GitError::store("walk the history", error);
        let commit = self.store.find_commit(id).map_err(|error| failed(&error))?;
        let time = commit.time().map_err(|error| failed(&error))?.seconds;
        Ok((time, commit.parent_ids().map(gix::Id::detach).collect()))
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

/// The best common ancestors, with some at times that are ancestors of others: where clocks ran backwards, gix
/// 0.90 does not sort out all of those.
fn common(store: &gix::Repository, one: Oid, two: Oid) -> Result<Vec<Oid>, GitError> {
    let bases = store.merge_bases_many(one, &[two]);
    let bases = bases.map_err(|error| GitError::store("find the merge base", error))?;
    Ok(bases.into_iter().map(gix::Id::detach).collect())
}

/// One object name a line.
fn names(listing: &[u8], subcommand: &str) -> Result<Vec<Oid>, GitError> {
    let lines = listing.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| parse_oid(line, subcommand)).collect()
}
