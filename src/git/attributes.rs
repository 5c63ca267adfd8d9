//! A commit's `.gitattributes`, all of them, wherever they are nested.
//!
//! A merge reads attributes from the work tree. Ours runs where there is none, so the commit's own files
//! stand in for it: a `-merge` file must conflict here as it would in a checkout.

use std::path::Path;

use bstr::{BString, ByteSlice};
use gix::prelude::*;

use super::Oid;
use super::error::GitError;
use super::object::{self, read};
use super::repo::Repo;

const NAME: &[u8] = b".gitattributes";

/// The attribute files of one commit: where, and their content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    files: Vec<(BString, Oid)>,
}

impl Attributes {
    /// Finds them by a walk over the commit's trees.
    pub(super) fn of(repo: &Repo, commit: Oid) -> Result<Attributes, GitError> {
        let store = repo.store()?;
        let mut files = Vec::new();
        let mut pending = vec![(BString::default(), object::commit(&store, commit)?.tree)];
        let mut buffer = Vec::new();
        while let Some((dir, id)) = pending.pop() {
            let tree = store.objects.find_tree(&id, &mut buffer).map_err(|error| read(id, error))?;
            for entry in tree.entries {
                // A symbolic link of that name is ignored, as git does.
                let is_file = entry.mode.is_blob() && entry.filename == NAME;
                if !is_file && !entry.mode.is_tree() {
                    continue;
                }
                let mut path = dir.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(entry.filename);
                if is_file {
                    files.push((path, entry.oid.to_owned()));
                } else {
                    pending.push((path, entry.oid.to_owned()));
                }
            }
        }
        files.sort();
        Ok(Attributes { files })
    }

    /// Writes them below `dir`.
    pub(super) fn write(&self, repo: &Repo, dir: &Path) -> Result<(), GitError> {
        let store = repo.store()?;
        for (path, id) in &self.files {
            let blob = store.try_find_object(*id).map_err(|error| read(*id, error))?;
            let blob = blob.ok_or(GitError::MissingObject(*id))?;
            let file = dir.join(path.to_path().map_err(|error| GitError::store("write attributes", error))?);
            let failed = |error| GitError::io(format!("could not write {}", file.display()), error);
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            std::fs::write(&file, &blob.data).map_err(failed)?;
        }
        Ok(())
    }
}
