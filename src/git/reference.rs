//! Writing references: through git, so that locks, reflog and storage are as the user's git has them. No hook
//! of the repository runs. Reading them is `repo`'s.

#![warn(clippy::indexing_slicing)]

use std::ffi::OsString;

use super::Oid;
use super::error::GitError;
use super::repo::Repo;
use super::run::{Exit, NO_HOOKS, Started};

/// A git that waits to be told what to write. Dropped unused it writes nothing.
#[derive(Debug)]
pub struct RefWriter<'a> {
    repo: &'a Repo,
    git: Started,
}

impl RefWriter<'_> {
    /// Moves the reference `full_name` from `expected` (`None`: it must not exist) to `new`, with a reflog line.
    pub fn set(self, full_name: &str, new: Oid, expected: Option<Oid>) -> Result<(), GitError> {
        let old = expected.unwrap_or(new.kind().null());
        self.change(full_name, expected, format!("update {full_name}\0{new}\0{old}\0"))
    }

    fn change(self, full_name: &str, expected: Option<Oid>, command: String) -> Result<(), GitError> {
        check_name(full_name)?;
        let output = self.git.output(Some(command.into()))?;
        match output.exit {
            Exit::Code(0) => Ok(()),
            // Told apart by looking, not by git's words.
            Exit::Code(_) if self.repo.ref_tip(full_name)? != expected => {
                Err(GitError::RefMoved { name: full_name.to_owned() })
            }
            _ => Err(output.into_error("update-ref")),
        }
    }
}

impl Repo {
    /// Starts git to write one reference later, with `message` in the reflog: its start costs nothing while
    /// something else is waited for.
    pub fn ref_writer(&self, message: &str) -> Result<RefWriter<'_>, GitError> {
        let call = self.call_with(NO_HOOKS.map(OsString::from).to_vec(), "update-ref").with_committer();
        Ok(RefWriter { repo: self, git: call.args(["-m", message, "--stdin", "-z"]).ready()? })
    }

    /// As [`RefWriter::set`], at once.
    pub fn set_ref(
        &self,
        full_name: &str,
        new: Oid,
        expected: Option<Oid>,
        message: &str,
    ) -> Result<(), GitError> {
        self.ref_writer(message)?.set(full_name, new, expected)
    }

    /// Deletes the reference `full_name` if it still is at `expected`.
    pub fn delete_ref(&self, full_name: &str, expected: Oid) -> Result<(), GitError> {
        let command = format!("delete {full_name}\0{expected}\0");
        self.ref_writer("git hotfix: delete")?.change(full_name, Some(expected), command)
    }
}

/// Refuses what git would refuse as a full reference name, and what could pass for an option.
pub(super) fn check_name(full_name: &str) -> Result<(), GitError> {
    let bad = || GitError::BadName { name: full_name.to_owned(), role: "a reference" };
    let name: &gix::bstr::BStr = full_name.into();
    gix::validate::reference::name(name).map_err(|_| bad())?;
    if !full_name.starts_with("refs/") || full_name.split('/').any(|part| part.starts_with('-')) {
        return Err(bad());
    }
    Ok(())
}
