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

/// What merging a hotfix will bring to `main`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coming {
    /// It does not even merge.
    Conflicts(Vec<ConflictPath>),
    /// `main` already holds all of it.
    Nothing,
    /// This, which can be picked as if it had landed. For learning only: its commit is made up.
    Merge(Source),
}

/// Predicts the merge of `head` into `main`. Its [`pick`] onto each target is the forecast of the backport;
/// to learn how that will be once another backport has merged, give the other's tip as the target.
pub fn predict(repo: &Repo, head: Oid, main: Oid) -> Result<Coming, GitError> {
    let row = Row { base: None, ours: main, theirs: head, attributes: main };
    let answer = merge_tree::merge(repo, &[row]).pop();
    match answer.ok_or(GitError::MissingObject(head))??.merged {
        Merged::Conflicts { paths, .. } => Ok(Coming::Conflicts(paths)),
        Merged::Clean(tree) if tree == repo.commit(main)?.tree => Ok(Coming::Nothing),
        Merged::Clean(tree) => {
            let merge = repo.make_up_of_tree(tree, &[main, head])?;
            Ok(Coming::Merge(Source::merge(merge, main)))
        }
    }
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
