//! Reading objects: commits as they are, bytes kept; trees and the files in them.

use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};
use gix::prelude::*;

use super::Oid;
use super::error::GitError;
use super::repo::Repo;

/// A commit; names, mail addresses and message are bytes in the commit's own encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: Oid,
    /// Its tree.
    pub tree: Oid,
    /// Its parents.
    pub parents: Vec<Oid>,
    /// Who wrote it.
    pub author: Signature,
    /// Who committed it.
    pub committer: Signature,
    /// The encoding it names; UTF-8 if it names none.
    pub encoding: Option<BString>,
    /// The message, every byte of it.
    pub message: BString,
}

/// Who, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: BString,
    /// The mail address.
    pub email: BString,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Seconds east of Greenwich.
    pub offset: i32,
    /// The header's value as it stands in the object, which is what a copy must carry on.
    pub raw: BString,
}

impl Commit {
    /// The title: the first paragraph on one line, decoded for people. Untrusted text.
    pub fn subject(&self) -> String {
        let title: Vec<&[u8]> = self
            .message
            .lines()
            .skip_while(|line| line.trim().is_empty())
            .take_while(|line| !line.trim().is_empty())
            .map(|line| line.trim())
            .collect();
        self.decode(&title.join(&b' '))
    }

    /// The author's name, decoded for people. Untrusted text.
    pub fn author_name(&self) -> String {
        self.decode(&self.author.name)
    }

    fn decode(&self, bytes: &[u8]) -> String {
        let latin1 = self.encoding.as_ref().is_some_and(|name| {
            let name = name.to_ascii_lowercase();
            name == b"iso-8859-1" || name == b"iso8859-1" || name == b"latin1" || name == b"latin-1"
        });
        match bytes.to_str() {
            Ok(text) => text.to_owned(),
            Err(_) if latin1 => bytes.iter().map(|&byte| char::from(byte)).collect(),
            Err(_) => bytes.to_str_lossy().into_owned(),
        }
    }
}

impl Signature {
    pub(super) fn parse(raw: &BStr) -> Option<Signature> {
        let parsed = gix::actor::SignatureRef::from_bytes(raw).ok()?;
        // A date that nobody can read is no reason to refuse a commit that git takes.
        let time = parsed.time().unwrap_or_default();
        Some(Signature {
            name: parsed.name.to_owned(),
            email: parsed.email.to_owned(),
            seconds: time.seconds,
            offset: time.offset,
            raw: raw.to_owned(),
        })
    }
}

impl Repo {
    /// Whether the commit, and not merely its name, is here.
    pub fn has_commit(&self, id: Oid) -> Result<bool, GitError> {
        let header = self.store()?.try_find_header(id).map_err(|error| read(id, error))?;
        Ok(header.is_some_and(|header| header.kind() == gix::objs::Kind::Commit))
    }

    /// The commit `id`.
    pub fn commit(&self, id: Oid) -> Result<Commit, GitError> {
        commit(&self.store()?, id)
    }

    /// The paths that differ between the trees of two commits, sorted; a rename counts as both its paths.
    pub fn changed_paths(&self, from: Oid, to: Oid) -> Result<Vec<BString>, GitError> {
        let store = self.store()?;
        let (from, to) = (commit(&store, from)?.tree, commit(&store, to)?.tree);
        Ok(changes(&store, from, to)?.into_iter().map(|change| change.path).collect())
    }

    /// The paths of all files in a commit.
    pub fn paths_at(&self, id: Oid) -> Result<Vec<BString>, GitError> {
        let store = self.store()?;
        let tree = commit(&store, id)?.tree;
        let failed = |error: gix::Error| GitError::store("list the files of a commit", error);
        let tree = store.find_tree(tree).map_err(|error| read(id, error))?;
        let mut files = tree.traverse().breadthfirst.files().map_err(failed)?;
        files.retain(|file| !file.mode.is_tree());
        Ok(files.into_iter().map(|file| file.filepath).collect())
    }

    /// The bytes of the file at `path` in `commit`; `None` where there is no file (a directory, a submodule).
    pub fn file_at(&self, commit_id: Oid, path: &BStr) -> Result<Option<Vec<u8>>, GitError> {
        let store = self.store()?;
        let tree = commit(&store, commit_id)?.tree;
        let Some(entry) = entry_at(&store, tree, path)?.filter(|entry| entry.mode.is_blob()) else {
            return Ok(None);
        };
        let blob = store.try_find_object(entry.oid).map_err(|error| read(entry.oid, error))?;
        let mut blob = blob.ok_or(GitError::MissingObject(entry.oid))?;
        Ok(Some(std::mem::take(&mut blob.data)))
    }

    /// A commit that nobody will see: the tree of `like` on `parents`, the same name each time.
    pub(super) fn make_up(&self, like: Oid, parents: &[Oid]) -> Result<Oid, GitError> {
        let tree = commit(&self.store()?, like)?.tree;
        self.make_up_of_tree(tree, parents)
    }

    /// As [`make_up`](Self::make_up), of a tree.
    pub(super) fn make_up_of_tree(&self, tree: Oid, parents: &[Oid]) -> Result<Oid, GitError> {
        let mut body = format!("tree {tree}\n");
        for parent in parents {
            body.push_str(&format!("parent {parent}\n"));
        }
        body.push_str("author git-hotfix <> 0 +0000\ncommitter git-hotfix <> 0 +0000\n\nmerge\n");
        self.write_commit(body.as_bytes())
    }

    /// Writes the commit whose object is exactly `body`.
    pub(super) fn write_commit(&self, body: &[u8]) -> Result<Oid, GitError> {
        let store = self.store()?;
        store
            .objects
            .write_buf(gix::objs::Kind::Commit, body)
            .map_err(|error| GitError::store("write a commit", error))
    }
}

pub(super) fn read(id: Oid, error: impl std::fmt::Display) -> GitError {
    GitError::store(format!("read object {id}"), error)
}

pub(super) fn commit(store: &gix::Repository, id: Oid) -> Result<Commit, GitError> {
    let object = store.try_find_object(id).map_err(|error| read(id, error))?;
    let object = object.ok_or(GitError::MissingObject(id))?;
    if object.kind != gix::objs::Kind::Commit {
        return Err(read(id, format!("it is a {}, not a commit", object.kind)));
    }
    let parsed = gix::objs::CommitRef::from_bytes(&object.data, store.object_hash())
        .map_err(|error| read(id, error))?;
    let signature =
        |raw: &BStr| Signature::parse(raw).ok_or_else(|| read(id, format!("`{raw}` is not a signature")));
    Ok(Commit {
        id,
        tree: parsed.tree(),
        parents: parsed.parents().collect(),
        author: signature(parsed.author)?,
        committer: signature(parsed.committer)?,
        encoding: parsed.encoding.map(ToOwned::to_owned),
        message: parsed.message.to_owned(),
    })
}

/// A path at which two trees differ, and the entries there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    pub(super) path: BString,
    pub(super) old: Option<Oid>,
    pub(super) new: Option<Oid>,
}

/// What differs between two trees, file by file, without looking for renames.
pub(super) fn changes(store: &gix::Repository, from: Oid, to: Oid) -> Result<Vec<Change>, GitError> {
    use gix::diff::tree::{Recorder, State, recorder::Change as Recorded};
    if from == to {
        return Ok(Vec::new());
    }
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let mut recorder = Recorder::default();
    let old = store.objects.find_tree_iter(&from, &mut old).map_err(|_| GitError::MissingObject(from))?;
    let new = store.objects.find_tree_iter(&to, &mut new).map_err(|_| GitError::MissingObject(to))?;
    gix::diff::tree(old, new, State::default(), &store.objects, &mut recorder)
        .map_err(|error| GitError::store("compare two trees", error))?;
    let mut files = BTreeSet::new();
    for record in recorder.records {
        let (path, old, new) = match record {
            Recorded::Addition { entry_mode, oid, path, .. } if !entry_mode.is_tree() => {
                (path, None, Some(oid))
            }
            Recorded::Deletion { entry_mode, oid, path, .. } if !entry_mode.is_tree() => {
                (path, Some(oid), None)
            }
            Recorded::Modification { previous_entry_mode, previous_oid, entry_mode, oid, path } => {
                let old = (!previous_entry_mode.is_tree()).then_some(previous_oid);
                let new = (!entry_mode.is_tree()).then_some(oid);
                if old.is_none() && new.is_none() {
                    continue;
                }
                (path, old, new)
            }
            _ => continue,
        };
        files.insert(Change { path, old, new });
    }
    Ok(files.into_iter().collect())
}

/// The entry at `path` in `tree`.
pub(super) fn entry_at(
    store: &gix::Repository,
    tree: Oid,
    path: &BStr,
) -> Result<Option<gix::objs::tree::Entry>, GitError> {
    let mut id = tree;
    let mut buffer = Vec::new();
    let mut parts = path.split(|&byte| byte == b'/').peekable();
    while let Some(part) = parts.next() {
        let entries = store.objects.find_tree(&id, &mut buffer).map_err(|_| GitError::MissingObject(id))?;
        let Some(entry) = entries.entries.iter().find(|entry| entry.filename == part) else {
            return Ok(None);
        };
        if parts.peek().is_none() {
            return Ok(Some((*entry).into()));
        }
        if !entry.mode.is_tree() {
            return Ok(None);
        }
        id = entry.oid.to_owned();
    }
    Ok(None)
}
