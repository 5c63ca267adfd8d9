//! What landed on `main`: a merge, a squash or single commit, or a series; and where else it is already.

use bstr::ByteSlice;

use super::Oid;
use super::error::GitError;
use super::object::Commit;
use super::repo::Repo;
use crate::error::{Kind, Problem};

/// What is to be picked, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The commits; never empty.
    pub picks: Vec<Pick>,
}

/// One commit to pick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// The commit.
    pub commit: Oid,
    /// The parent that it is compared with.
    pub base: Oid,
    /// That parent's number, counted from 1, where the commit is a merge (`cherry-pick -m`).
    pub mainline: Option<u32>,
}

/// Why something cannot be picked.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A commit without a parent.
    #[error("{0} is a root commit: there is nothing to compare it with")]
    Root(Oid),
    /// A merge of more than two.
    #[error("{commit} is an octopus merge of {parents} parents")]
    Octopus {
        /// The merge.
        commit: Oid,
        /// How many parents it has.
        parents: usize,
    },
    /// Not part of what was to hold it.
    #[error("{commit} is not on {main}")]
    NotOn {
        /// The commit.
        commit: Oid,
        /// The tip that does not contain it.
        main: Oid,
    },
    /// A series that is not a line of single commits.
    #[error("{0} is a merge inside the series")]
    MergeInSeries(Oid),
    /// A series whose beginning does not lie below its end.
    #[error("{base} is not below {commit}")]
    NotBelow {
        /// The last commit of the series.
        commit: Oid,
        /// What was to be its beginning.
        base: Oid,
    },
    /// The parent is cut off from this clone.
    #[error("{commit} stands at the edge of this shallow clone: its parent {parent} is not here")]
    CutOff {
        /// The commit.
        commit: Oid,
        /// The missing parent.
        parent: Oid,
    },
    /// The repository could not be read.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Problem {
        let message = error.to_string();
        let hint = match error {
            SourceError::Git(error) => return error.into(),
            SourceError::Root(commit) => format!("take it over by hand: git cherry-pick -x {commit}"),
            SourceError::Octopus { commit, .. } => {
                format!("say which parent is the main line, by hand: git cherry-pick -x -m 1 {commit}")
            }
            SourceError::NotOn { .. } => {
                "name the commit that landed: git hotfix backport --landed <sha>".to_owned()
            }
            SourceError::MergeInSeries(_) | SourceError::NotBelow { .. } => {
                "pick one by one: git hotfix backport --landed <sha>".to_owned()
            }
            SourceError::CutOff { .. } => "git fetch --deepen=1".to_owned(),
        };
        Problem::new(Kind::Refused, message).hint(hint)
    }
}

impl Source {
    /// What landed as `commit` on the branch whose tip is `main`; after `series_base`, where a line of
    /// commits was fast-forwarded.
    pub fn landed(
        repo: &Repo,
        commit: Oid,
        main: Oid,
        series_base: Option<Oid>,
    ) -> Result<Source, SourceError> {
        if !repo.is_ancestor(commit, main)? {
            return Err(SourceError::NotOn { commit, main });
        }
        let Some(base) = series_base else {
            let pick = Pick::of(repo, &repo.commit(commit)?)?;
            return Ok(Source { picks: vec![pick] });
        };
        let mut picks = Vec::new();
        let mut next = commit;
        while next != base {
            let commit_here = repo.commit(next)?;
            let pick = match Pick::of(repo, &commit_here) {
                Err(SourceError::Root(_)) => return Err(SourceError::NotBelow { commit, base }),
                pick => pick?,
            };
            if pick.mainline.is_some() {
                return Err(SourceError::MergeInSeries(next));
            }
            picks.push(pick);
            next = pick.base;
        }
        picks.reverse();
        match picks.is_empty() {
            true => Err(SourceError::NotBelow { commit, base }),
            false => Ok(Source { picks }),
        }
    }

    /// What takes `self` back: from each commit to its base, the last commit first.
    pub fn reversed(&self) -> Source {
        let back = |pick: &Pick| Pick { commit: pick.base, base: pick.commit, mainline: None };
        Source { picks: self.picks.iter().rev().map(back).collect() }
    }

    /// A merge commit whose main line is `base`.
    pub(super) fn merge(commit: Oid, base: Oid) -> Source {
        Source { picks: vec![Pick { commit, base, mainline: Some(1) }] }
    }

    /// The commit by which people know it: the last one.
    pub fn tip(&self) -> Option<Oid> {
        self.picks.last().map(|pick| pick.commit)
    }

    /// The parent of the first commit.
    pub fn base(&self) -> Option<Oid> {
        self.picks.first().map(|pick| pick.base)
    }
}

impl Pick {
    fn of(repo: &Repo, commit: &Commit) -> Result<Pick, SourceError> {
        let mainline = match commit.parents.len() {
            0 => return Err(SourceError::Root(commit.id)),
            1 => None,
            2 => Some(1),
            parents => return Err(SourceError::Octopus { commit: commit.id, parents }),
        };
        // A cut-off clone names parents that it does not have: that is no root commit.
        let Some(&base) = commit.parents.first() else { return Err(SourceError::Root(commit.id)) };
        if !repo.has_commit(base)? {
            return Err(SourceError::CutOff { commit: commit.id, parent: base });
        }
        Ok(Pick { commit: commit.id, base, mainline })
    }
}

/// Why a target needs no pick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contained {
    /// The landed commit is in its history.
    Ancestor,
    /// This commit says that it was cherry-picked from it.
    CherryPickedLine(Oid),
}

/// Whether the history of `target` says that it holds all of `source`. For what the content says, pick.
pub fn contained(repo: &Repo, target: Oid, source: &Source) -> Result<Option<Contained>, GitError> {
    let (Some(tip), Some(base)) = (source.tip(), source.base()) else { return Ok(None) };
    // A shallow clone may know this much, and not the range.
    if tip == target || (repo.is_shallow() && repo.is_ancestor(tip, target)?) {
        return Ok(Some(Contained::Ancestor));
    }
    let since = repo.range(target, &[base], false, usize::MAX)?;
    // No commit is below its own parent: where the target has it, it stands in this range.
    if since.iter().any(|commit| commit.id == tip) {
        return Ok(Some(Contained::Ancestor));
    }
    let mut wanted: Vec<Oid> = source.picks.iter().map(|pick| pick.commit).collect();
    let mut undone: Vec<String> = Vec::new();
    let mut found = None;
    for commit in since {
        undone.extend(undoes(repo, &commit)?);
        if undone.contains(&commit.id.to_string()) {
            continue;
        }
        let before = wanted.len();
        wanted.retain(|id| !picked_from(&commit, *id));
        if wanted.len() < before {
            found.get_or_insert(commit.id);
        }
        if wanted.is_empty() {
            return Ok(found.map(Contained::CherryPickedLine));
        }
    }
    Ok(None)
}

/// The commit on `main` that reverted one of `source`, where there is one.
pub fn reverted_by(repo: &Repo, main: Oid, source: &Source) -> Result<Option<Commit>, GitError> {
    let Some(tip) = source.tip() else { return Ok(None) };
    let ours: Vec<String> = source.picks.iter().map(|pick| pick.commit.to_string()).collect();
    let mut undone: Vec<String> = Vec::new();
    for commit in repo.range(main, &[tip], false, usize::MAX)? {
        // A revert that was itself reverted later undoes nothing.
        if undone.contains(&commit.id.to_string()) {
            continue;
        }
        let reverted = undoes(repo, &commit)?;
        if reverted.iter().any(|id| ours.contains(id)) {
            return Ok(Some(commit));
        }
        undone.extend(reverted);
    }
    Ok(None)
}

/// Whether the commit says that it was cherry-picked from `id`.
fn picked_from(commit: &Commit, id: Oid) -> bool {
    let line = format!("(cherry picked from commit {id})");
    commit.message.lines().any(|found| found.trim() == line.as_bytes())
}

/// The commits that this one undoes: those it says it reverts, and of a merge all that it brought.
fn undoes(repo: &Repo, commit: &Commit) -> Result<Vec<String>, GitError> {
    let mut all = reverts(commit);
    for id in all.clone() {
        let Ok(id) = Oid::from_hex(id.as_bytes()) else { continue };
        if !repo.has_commit(id)? {
            continue;
        }
        if let [main_line, _, ..] = repo.commit(id)?.parents[..] {
            let brought = repo.range(id, &[main_line], false, usize::MAX)?;
            all.extend(brought.iter().map(|commit| commit.id.to_string()));
        }
    }
    Ok(all)
}

/// The commits that this one says it reverts.
fn reverts(commit: &Commit) -> Vec<String> {
    const WORDS: &[u8] = b"This reverts commit ";
    let hex_length = commit.id.to_string().len();
    commit
        .message
        .find_iter(WORDS)
        .filter_map(|at| commit.message.get(at + WORDS.len()..at + WORDS.len() + hex_length))
        .filter(|id| id.iter().all(u8::is_ascii_hexdigit))
        .map(|id| id.to_str_lossy().into_owned())
        .collect()
}
