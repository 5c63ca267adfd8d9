//! Writing references: through git, so that locks, reflog and storage are as the user's git has them. No hook
//! of the repository runs. Reading them is `repo`'s.

#![warn(clippy::indexing_slicing)]

use std::ffi::OsString;

use super::Oid;
use super::error::GitError;
use super::repo::Repo;
use super::run::{Exit, NO_HOOKS, Started};

/// The git that will write the next reference, once it is told. Dropped untold it writes nothing.
#[derive(Debug, Default)]
pub(super) enum Writer {
    #[default]
    Unexpected,
    /// Will be wanted, with this in the reflog.
    Expected(String),
    /// Waits.
    Ready(String, Started),
}

impl Repo {
    /// Tells that a reference will be written after the next merge, with `message` in the reflog: git is then
    /// started for it while git merges.
    pub fn expect_ref(&self, message: &str) {
        *self.writer() = Writer::Expected(message.to_owned());
    }

    /// Starts git for the reference that is expected, if any.
    pub(super) fn ready_writer(&self) {
        let mut writer = self.writer();
        if let Writer::Expected(message) = &*writer
            && let Ok(git) = self.start_writer(message)
        {
            *writer = Writer::Ready(message.clone(), git);
        }
    }

    fn start_writer(&self, message: &str) -> Result<Started, GitError> {
        let call = self.call_with(NO_HOOKS.map(OsString::from).to_vec(), "update-ref").with_committer();
        call.args(["-m", message, "--stdin", "-z"]).ready()
    }

    /// Moves the reference `full_name` from `expected` (`None`: it must not exist) to `new`, with a reflog line.
    pub fn set_ref(
        &self,
        full_name: &str,
        new: Oid,
        expected: Option<Oid>,
        message: &str,
    ) -> Result<(), GitError> {
        let old = expected.unwrap_or(new.kind().null());
        self.change(full_name, expected, format!("update {full_name}\0{new}\0{old}\0"), message)
    }

    /// Deletes the reference `full_name` if it still is at `expected`.
    pub fn delete_ref(&self, full_name: &str, expected: Oid) -> Result<(), GitError> {
        let command = format!("delete {full_name}\0{expected}\0");
        self.change(full_name, Some(expected), command, "git hotfix: delete")
    }

    fn change(
        &self,
        full_name: &str,
        expected: Option<Oid>,
        command: String,
        message: &str,
    ) -> Result<(), GitError> {
        check_name(full_name)?;
        let waiting = std::mem::take(&mut *self.writer());
        let git = match waiting {
            Writer::Ready(for_message, git) if for_message == message => git,
            _ => self.start_writer(message)?,
        };
        let output = git.output(Some(command.into()))?;
        match output.exit {
            Exit::Code(0) => Ok(()),
            // Told apart by looking, not by git's words.
            Exit::Code(_) if self.ref_tip(full_name)? != expected => {
                Err(GitError::RefMoved { name: full_name.to_owned() })
            }
            _ => Err(output.into_error("update-ref")),
        }
    }
}

/// Whether a branch can be called so, by git's rules and a file system's.
pub fn is_branch_name(name: &str) -> bool {
    name.len() <= 1000 && check_name(&format!("refs/heads/{name}")).is_ok()
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
