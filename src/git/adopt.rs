//! What an existing backport branch holds. Commits of two runners differ in their committer, so nothing is
//! told by ids: the pick is made again, below the branch's own commits, and trees are compared.

use super::Oid;
use super::commit::{is_empty, placeholder_of};
use super::error::GitError;
use super::landed::Source;
use super::pick::{self, Outcome};
use super::repo::Repo;

/// What a backport branch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adoption {
    /// Exactly the pick: every tree is what we get.
    Recomputes,
    /// The placeholder stands at the tip: nobody has resolved anything yet.
    Placeholder,
    /// Somebody's commits stand on top of the placeholder. Never to be forced over.
    PlaceholderWithWorkOnTop,
    /// Somebody's own work: to be read, never overwritten, merged or approved by us.
    Foreign {
        /// In what it differs from the pick.
        why: String,
    },
}

/// More commits than any backport has; beyond it a branch is somebody's own.
const MOST: usize = 1000;

/// The commit that the branch at `tip` was cut from.
pub(super) fn base(repo: &Repo, tip: Oid, target: Oid) -> Result<Option<Oid>, GitError> {
    let commits = repo.range(tip, &[target], false, MOST)?;
    Ok(commits.last().and_then(|first| first.parents.first().copied()))
}

/// Looks at the branch at `tip`, which is to bring `source` to the branch at `target`.
pub fn inspect(repo: &Repo, tip: Oid, target: Oid, source: &Source) -> Result<Adoption, GitError> {
    let foreign = |why: &str| Ok(Adoption::Foreign { why: why.to_owned() });
    let commits = repo.range(tip, &[target], false, MOST)?;
    let Some(first) = commits.last() else {
        return foreign("it holds nothing that the target lacks");
    };
    if commits.len() == MOST {
        return foreign("it holds too many commits for a backport");
    }
    let named =
        commits.iter().position(|commit| placeholder_of(commit).is_some_and(|id| Some(id) == source.tip()));
    // Tools that wrote no trailer put an empty commit straight onto the target.
    let unnamed =
        || -> Result<Option<usize>, GitError> { Ok(is_empty(repo, first)?.then_some(commits.len() - 1)) };
    match named.map_or_else(unnamed, |at| Ok(Some(at)))? {
        Some(0) if commits.len() == 1 => return Ok(Adoption::Placeholder),
        Some(0) => return foreign("commits stand below the placeholder"),
        Some(_) => return Ok(Adoption::PlaceholderWithWorkOnTop),
        None => {}
    }
    if commits.iter().any(|commit| commit.parents.len() != 1) {
        return foreign("it holds a merge");
    }
    let Some(&base) = first.parents.first() else { return foreign("it has a history of its own") };
    let base_tree = repo.commit(base)?.tree;
    let mut trees = match pick::pick(repo, source, &[base]).pop() {
        Some(picked) => match picked?.outcome {
            Outcome::Clean { trees, .. } => trees,
            Outcome::AlreadyThere => return foreign("the pick changes nothing below it"),
            Outcome::Conflicts { .. } => return foreign("the pick conflicts below it: resolved by hand"),
        },
        None => Vec::new(),
    };
    // A commit of the series that changes nothing is left out when it is written.
    trees.insert(0, base_tree);
    trees.dedup();
    let written = commits.iter().rev().map(|commit| commit.tree);
    match std::iter::once(base_tree).chain(written).eq(trees) {
        true => Ok(Adoption::Recomputes),
        false => foreign("its content is not what the pick gives"),
    }
}
