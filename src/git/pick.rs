//! The backport engine: what landed, carried over to other branches, as `git cherry-pick` would.
//!
//! Works on objects alone. The answer is git's own (`merge-tree`); it writes trees and throw-away commits,
//! never a reference, an index or a file in the work tree.

use super::Oid;
use super::conflict::ConflictPath;
use super::error::GitError;
use super::landed::Source;
use super::merge_tree::{self, Answer, Merged, Row};
use super::repo::Repo;

/// How the pick onto one target came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It applies.
    Clean {
        /// The tree after the last commit.
        tree: Oid,
        /// The tree after each commit; one that changes nothing repeats the one before.
        trees: Vec<Oid>,
    },
    /// The target holds all of it already: the pick changes nothing.
    AlreadyThere,
    /// It conflicts.
    Conflicts {
        /// The commit that conflicts, the first of the series to do so.
        at: Oid,
        /// Git's attempt, with markers. For showing, never for committing.
        tree: Oid,
        /// The paths, sorted.
        paths: Vec<ConflictPath>,
    },
}

/// An outcome, and what people should know about how it was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    /// How it came out.
    pub outcome: Outcome,
    /// Git broke on this merge's renames and only got through with `merge.directoryRenames=false`.
    pub directory_renames_off: bool,
}

/// Picks `source` onto each target; one git process for all of them. Targets fail alone.
pub fn pick(repo: &Repo, source: &Source, targets: &[Oid]) -> Vec<Result<Picked, GitError>> {
    let mut lanes: Vec<Lane> = targets.iter().map(|&target| Lane::new(repo, target)).collect();
    for (index, pick) in source.picks.iter().enumerate() {
        let row = |lane: &Lane| Row {
            base: Some(pick.base),
            ours: lane.ours,
            theirs: pick.commit,
            attributes: lane.ours,
        };
        let (members, rows): (Vec<usize>, Vec<Row>) = lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.end.is_none())
            .map(|(index, lane)| (index, row(lane)))
            .unzip();
        let last = index + 1 == source.picks.len();
        for (member, answer) in members.into_iter().zip(merge_tree::merge(repo, &rows)) {
            if let Some(lane) = lanes.get_mut(member) {
                lane.take(repo, pick.commit, answer, last);
            }
        }
    }
    lanes.into_iter().map(Lane::finish).collect()
}

/// The forecast: what picking the merge of `head` into `main` onto each target would come to.
#[derive(Debug)]
pub enum Forecast {
    /// `head` does not even merge into `main`.
    MergeConflicts(Vec<ConflictPath>),
    /// `main` already holds all that `head` brings.
    NothingToMerge,
    /// The pick of the predicted merge, by target. To learn how it will be once another backport has
    /// merged, give that backport's tip as a target.
    Picks(Vec<Result<Picked, GitError>>),
}

/// Forecasts the backport of `head`, which has yet to merge into `main`.
pub fn predict(repo: &Repo, head: Oid, main: Oid, targets: &[Oid]) -> Result<Forecast, GitError> {
    let row = Row { base: None, ours: main, theirs: head, attributes: main };
    let merged = merge_tree::merge(repo, &[row]).pop();
    let merged = merged.ok_or(GitError::MissingObject(head))??.merged;
    let tree = match merged {
        Merged::Conflicts { paths, .. } => return Ok(Forecast::MergeConflicts(paths)),
        Merged::Clean(tree) if tree == repo.commit(main)?.tree => return Ok(Forecast::NothingToMerge),
        Merged::Clean(tree) => tree,
    };
    let merge = repo.make_up_of_tree(tree, &[main, head])?;
    Ok(Forecast::Picks(pick(repo, &Source::merge(merge, main), targets)))
}

/// One target on its way through the commits of a source.
struct Lane {
    target_tree: Oid,
    ours: Oid,
    trees: Vec<Oid>,
    directory_renames_off: bool,
    end: Option<Result<Outcome, GitError>>,
}

impl Lane {
    fn new(repo: &Repo, target: Oid) -> Lane {
        let (target_tree, end) = match repo.commit(target) {
            Ok(commit) => (commit.tree, None),
            Err(error) => (target, Some(Err(error))),
        };
        Lane { target_tree, ours: target, trees: Vec::new(), directory_renames_off: false, end }
    }

    fn take(&mut self, repo: &Repo, commit: Oid, answer: Result<Answer, GitError>, last: bool) {
        let merged = answer.map(|answer| {
            self.directory_renames_off |= answer.directory_renames_off;
            answer.merged
        });
        match merged {
            Ok(Merged::Clean(tree)) => {
                self.trees.push(tree);
                if !last {
                    // What the next commit lands on must be a commit for git before 2.45.
                    match repo.make_up_of_tree(tree, &[self.ours]) {
                        Ok(next) => self.ours = next,
                        Err(error) => self.end = Some(Err(error)),
                    }
                }
            }
            Ok(Merged::Conflicts { tree, paths }) => {
                self.end = Some(Ok(Outcome::Conflicts { at: commit, tree, paths }));
            }
            Err(error) => self.end = Some(Err(error)),
        }
    }

    fn finish(self) -> Result<Picked, GitError> {
        let target_tree = self.target_tree;
        let outcome = self.end.unwrap_or_else(|| {
            Ok(match self.trees.last() {
                Some(&tree) if self.trees.iter().any(|&tree| tree != target_tree) => {
                    Outcome::Clean { tree, trees: self.trees }
                }
                _ => Outcome::AlreadyThere,
            })
        })?;
        Ok(Picked { outcome, directory_renames_off: self.directory_renames_off })
    }
}
