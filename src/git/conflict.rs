//! Conflicts: which paths, of which kind, and who on the target touched them.

use bstr::{BStr, BString};
use std::fmt;

use super::Oid;
use super::error::GitError;
use super::object::{self, Commit};
use super::repo::Repo;

/// A path that a pick could not settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictPath {
    /// The path; bytes, as git keeps them.
    pub path: BString,
    /// In what way.
    pub kind: ConflictKind,
}

/// In what way a path conflicts. "Ours" is the target, "theirs" the picked change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConflictKind {
    /// Both changed the same lines, or a driver or attribute gave up.
    Content,
    /// Both added the path, differently.
    AddAdd,
    /// Both changed a file that cannot be merged by lines.
    Binary,
    /// The change edits what the target deleted.
    DeletedOnTarget,
    /// The change deletes what the target edited.
    DeletedByChange,
    /// One renamed what the other deleted.
    RenameDelete,
    /// Both renamed, to different names or onto one another.
    RenameRename,
    /// A file stands in a directory that the other side renamed.
    DirectoryRename,
    /// A file on one side, a directory on the other.
    FileDirectory,
    /// A file, a symbolic link or a submodule on one side and another of them on the other.
    Type,
    /// A submodule moved on both sides.
    Submodule,
    /// A kind that this version does not know.
    Other,
}

impl ConflictKind {
    const ALL: [ConflictKind; 11] = [
        ConflictKind::Content,
        ConflictKind::AddAdd,
        ConflictKind::Binary,
        ConflictKind::DeletedOnTarget,
        ConflictKind::DeletedByChange,
        ConflictKind::RenameDelete,
        ConflictKind::RenameRename,
        ConflictKind::DirectoryRename,
        ConflictKind::FileDirectory,
        ConflictKind::Type,
        ConflictKind::Submodule,
    ];

    /// The kind of this [`name`](Self::name).
    pub fn named(name: &str) -> ConflictKind {
        ConflictKind::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(ConflictKind::Other)
    }

    /// A stable name for scripts.
    pub fn name(self) -> &'static str {
        match self {
            ConflictKind::Content => "content",
            ConflictKind::AddAdd => "add-add",
            ConflictKind::Binary => "binary",
            ConflictKind::DeletedOnTarget => "deleted-on-target",
            ConflictKind::DeletedByChange => "deleted-by-change",
            ConflictKind::RenameDelete => "rename-delete",
            ConflictKind::RenameRename => "rename-rename",
            ConflictKind::DirectoryRename => "directory-rename",
            ConflictKind::FileDirectory => "file-directory",
            ConflictKind::Type => "type",
            ConflictKind::Submodule => "submodule",
            ConflictKind::Other => "other",
        }
    }

    /// What git's type of a message and the stages of the path say together.
    pub(super) fn of(message_type: &str, stages: Stages) -> ConflictKind {
        match message_type {
            "CONFLICT (contents)" if !stages.base => ConflictKind::AddAdd,
            "CONFLICT (contents)" => ConflictKind::Content,
            "CONFLICT (binary)" => ConflictKind::Binary,
            "CONFLICT (modify/delete)" if stages.ours => ConflictKind::DeletedByChange,
            "CONFLICT (modify/delete)" => ConflictKind::DeletedOnTarget,
            "CONFLICT (rename/delete)" => ConflictKind::RenameDelete,
            "CONFLICT (rename/rename)" | "CONFLICT (rename involved in collision)" => {
                ConflictKind::RenameRename
            }
            "CONFLICT (file/directory)" => ConflictKind::FileDirectory,
            "CONFLICT (distinct modes)" => ConflictKind::Type,
            other if other.contains("submodule") => ConflictKind::Submodule,
            other if other.contains("directory rename") => ConflictKind::DirectoryRename,
            _ => ConflictKind::Other,
        }
    }
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConflictKind::Content => "changed on both sides",
            ConflictKind::AddAdd => "added on both sides",
            ConflictKind::Binary => "binary, changed on both sides",
            ConflictKind::DeletedOnTarget => "deleted on the target",
            ConflictKind::DeletedByChange => "deleted by the fix, changed on the target",
            ConflictKind::RenameDelete => "renamed on one side, deleted on the other",
            ConflictKind::RenameRename => "renamed on both sides",
            ConflictKind::DirectoryRename => "its directory was renamed",
            ConflictKind::FileDirectory => "a file on one side, a directory on the other",
            ConflictKind::Type => "file, link or submodule: differs",
            ConflictKind::Submodule => "submodule moved on both sides",
            ConflictKind::Other => "conflict",
        })
    }
}

/// Which stages of the index a conflicted path holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stages {
    pub(super) base: bool,
    pub(super) ours: bool,
    pub(super) theirs: bool,
}

/// For each path the commits on `target`, but not below `base`, that changed it; newest first, at most
/// `limit` each.
///
/// As `git log <base>..<target> -- <path>` would name them: a merge that took one parent's file unchanged is
/// not a change.
pub fn touched_by(
    repo: &Repo,
    base: Oid,
    target: Oid,
    paths: &[BString],
    limit: usize,
) -> Result<Vec<Vec<Commit>>, GitError> {
    let store = repo.store()?;
    let mut found: Vec<Vec<Commit>> = paths.iter().map(|_| Vec::new()).collect();
    for id in repo.range_ids(target, &[base], false, usize::MAX)? {
        if found.iter().all(|commits| commits.len() >= limit) {
            break;
        }
        let commit = object::commit(&store, id)?;
        for (path, commits) in paths.iter().zip(&mut found).filter(|(_, commits)| commits.len() < limit) {
            if changed_at(&store, &commit, path.as_ref())? {
                commits.push(commit.clone());
            }
        }
    }
    Ok(found)
}

fn changed_at(store: &gix::Repository, commit: &Commit, path: &BStr) -> Result<bool, GitError> {
    let here = object::entry_at(store, commit.tree, path)?.map(|entry| (entry.mode, entry.oid));
    if commit.parents.is_empty() {
        return Ok(here.is_some());
    }
    for &parent in &commit.parents {
        let parent = match object::commit(store, parent) {
            Ok(parent) => parent,
            // Cut off by a shallow clone: nothing to compare with.
            Err(GitError::MissingObject(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if object::entry_at(store, parent.tree, path)?.map(|entry| (entry.mode, entry.oid)) == here {
            return Ok(false);
        }
    }
    Ok(true)
}
