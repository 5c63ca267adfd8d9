//! The two places where a command does touch work trees, because that is its business: `start` switches to
//! a new branch, and a conflict is finished in a linked work tree, where git's own cherry-pick stands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::Oid;
use super::error::GitError;
use super::landed::Source;
use super::reference::check_name;
use super::repo::{Repo, parse_oid};
use super::run::{Call, Exit};

/// A work tree of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkTree {
    /// Its top.
    pub dir: PathBuf,
    /// The commit that is checked out.
    pub head: Option<Oid>,
    /// The branch that is checked out, without `refs/heads/`.
    pub branch: Option<String>,
}

/// Where a pick by hand stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PickState {
    /// No pick is under way and nothing was committed on top of the target.
    NotStarted,
    /// Paths still to be resolved.
    Unresolved(Vec<BString>),
    /// All paths are marked resolved, but these files still hold conflict markers.
    MarkersLeft(Vec<BString>),
    /// All is resolved; `git cherry-pick --continue` would go on.
    Resolved,
    /// All is resolved or committed, and it comes to what the target holds already.
    Empty,
    /// Committed, by whichever command; this is the tip.
    Committed(Oid),
}

/// Whether a work tree is there and nobody began to remove it.
pub fn is_whole(dir: &Path) -> bool {
    dir.join(".git").exists()
}

/// Where a linked work tree of this name goes: beside the clone. One at the very top has no place beside it but
/// itself.
pub fn beside(top: &Path, name: &str) -> PathBuf {
    let own = top.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    top.parent().unwrap_or(top).join(format!("{own}-{}", name.replace('/', "-")))
}

/// What git never says, where it does what it was asked for.
fn strange(subcommand: &str, said: &[u8]) -> GitError {
    GitError::Answer { subcommand: subcommand.into(), what: String::from_utf8_lossy(said).into_owned() }
}

impl Repo {
    /// Whether tracked files differ from HEAD.
    pub fn is_dirty(&self) -> Result<bool, GitError> {
        // Only asked, so nothing of the repository's is to run for it.
        let call = self.in_work_tree_with(vec!["-c".into(), "core.fsmonitor=false".into()], "status")?;
        let call = call.args(["--porcelain", "-z", "--untracked-files=no"]);
        Ok(!call.ok()?.is_empty())
    }

    /// Creates `branch` at `at` and switches to it, carrying changes over where git would; its refusal
    /// otherwise.
    pub fn create_and_switch(&self, branch: &str, at: Oid) -> Result<(), GitError> {
        check_name(&format!("refs/heads/{branch}"))?;
        let call = self.in_work_tree("switch")?.with_committer().with_tokens();
        call.args(["--quiet", "--no-track", "-c", branch, &at.to_string()]).ok().map(drop)
    }

    /// Makes a linked work tree in `dir` with `at` checked out, on a new `branch` or on none.
    pub fn add_worktree(&self, dir: &Path, at: Oid, branch: Option<&str>) -> Result<(), GitError> {
        let mut call = self.call("worktree").with_committer().with_tokens().args(["add", "--quiet"]);
        call = match branch {
            Some(branch) => {
                check_name(&format!("refs/heads/{branch}"))?;
                call.args(["--no-track", "-b", branch])
            }
            None => call.arg("--detach"),
        };
        let dir = std::path::absolute(dir)
            .map_err(|error| GitError::io(format!("could not use {}", dir.display()), error))?;
        call.arg("--").arg(dir).arg(at.to_string()).ok().map(drop)
    }

    /// All work trees, the main one first.
    pub fn worktrees(&self) -> Result<Vec<WorkTree>, GitError> {
        let listing = self.call("worktree").args(["list", "--porcelain", "-z"]).ok()?;
        let mut trees: Vec<WorkTree> = Vec::new();
        for field in listing.split(|&byte| byte == 0) {
            let (name, value) = field.split_once_str(" ").unwrap_or((field, b""));
            match (name, trees.last_mut()) {
                (b"worktree", _) => {
                    let dir = gix::path::from_byte_slice(value)
                        .map_err(|error| GitError::store("read a work tree's path", error))?;
                    trees.push(WorkTree { dir: dir.to_owned(), head: None, branch: None });
                }
                (b"HEAD", Some(tree)) => {
                    tree.head = Some(parse_oid(value, "worktree")?).filter(|id| !id.is_null());
                }
                (b"branch", Some(tree)) => {
                    let name = value.to_str_lossy();
                    tree.branch = Some(name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned());
                }
                _ => {}
            }
        }
        match trees.is_empty() {
            // The main one is always there.
            true => Err(strange("worktree", &listing)),
            false => Ok(trees),
        }
    }

    /// Removes a linked work tree and all that is in it; also one whose removal was interrupted.
    pub fn remove_worktree(&self, dir: &Path) -> Result<(), GitError> {
        if dir.exists() && !is_whole(dir) {
            // Git does not know it any more for a work tree, and would refuse.
            self.call("worktree").arg("repair").ok()?;
        }
        self.call("worktree").args(["remove", "--force", "--"]).arg(dir).ok().map(drop)
    }

    /// Starts git's own pick of `source` in this work tree, whose HEAD is the target. Says how far it got.
    pub fn start_pick(&self, source: &Source) -> Result<PickState, GitError> {
        let target = self.head_commit()?;
        let mut call = self.cherry_pick()?.args(["-x", "--keep-redundant-commits"]);
        if source.picks.iter().any(|pick| pick.mainline.is_some()) {
            call = call.args(["-m", "1"]);
        }
        let output = call.args(source.picks.iter().map(|pick| pick.commit.to_string())).output()?;
        match (output.exit, self.pick_state(target)?) {
            // Exit code 1 is a conflict, or a refusal that left nothing behind.
            (Exit::Code(0 | 1), state) if state != PickState::NotStarted => Ok(state),
            _ => Err(output.into_error("cherry-pick")),
        }
    }

    /// Goes on with a pick that is resolved, as `git cherry-pick --continue` without its editor.
    pub fn continue_pick(&self, target: Oid) -> Result<PickState, GitError> {
        let output = self.cherry_pick()?.env("GIT_EDITOR", ":").arg("--continue").output()?;
        match (output.exit, self.pick_state(target)?) {
            (Exit::Code(0), state) => Ok(state),
            // The next commit of a series conflicts.
            (Exit::Code(1), state @ PickState::Unresolved(_)) => Ok(state),
            _ => Err(output.into_error("cherry-pick")),
        }
    }

    /// Where the pick onto `target` stands in this work tree, however it was driven.
    pub fn pick_state(&self, target: Oid) -> Result<PickState, GitError> {
        let listing = self.in_work_tree("ls-files")?.args(["--unmerged", "-z"]).ok()?;
        let entries = listing.split(|&byte| byte == 0).filter(|entry| !entry.is_empty());
        let path = |entry: &[u8]| match entry.split_once_str("\t") {
            Some((_, path)) => Ok(path.into()),
            None => Err(strange("ls-files", entry)),
        };
        let mut unmerged = entries.map(path).collect::<Result<Vec<BString>, GitError>>()?;
        unmerged.dedup();
        if !unmerged.is_empty() {
            return Ok(PickState::Unresolved(unmerged));
        }
        let under_way =
            ["CHERRY_PICK_HEAD", "sequencer/todo"].iter().any(|file| self.git_dir().join(file).exists());
        let head = self.head_commit()?;
        if !under_way && head == target {
            return Ok(PickState::NotStarted);
        }
        let markers = self.markers_since(target)?;
        if !markers.is_empty() {
            return Ok(PickState::MarkersLeft(markers));
        }
        let more_to_come = self.git_dir().join("sequencer/todo").exists();
        if !more_to_come && !self.index_differs(target)? {
            return Ok(PickState::Empty);
        }
        Ok(if under_way { PickState::Resolved } else { PickState::Committed(head) })
    }

    /// Files in the index that hold conflict markers which `target` does not.
    fn markers_since(&self, target: Oid) -> Result<Vec<BString>, GitError> {
        const LEFT: &[u8] = b": leftover conflict marker";
        let call = self.in_work_tree("diff")?.args(["--cached", "--check", "--no-color", "--no-ext-diff"]);
        let output = call.arg(target.to_string()).output()?;
        match output.exit {
            Exit::Code(0 | 2) => {}
            _ => return Err(output.into_error("diff")),
        }
        let mut files: Vec<BString> = output
            .stdout
            .lines()
            .filter_map(|line| line.strip_suffix(LEFT)?.rsplit_once_str(":"))
            .map(|(path, _)| path.into())
            .collect();
        files.dedup();
        Ok(files)
    }

    fn index_differs(&self, target: Oid) -> Result<bool, GitError> {
        let call = self.in_work_tree("diff")?.args(["--cached", "--quiet", "--no-ext-diff"]);
        let output = call.arg(target.to_string()).output()?;
        match output.exit {
            Exit::Code(code @ (0 | 1)) if output.stdout.is_empty() => Ok(code == 1),
            Exit::Code(0 | 1) => Err(strange("diff", &output.stdout)),
            _ => Err(output.into_error("diff")),
        }
    }

    fn head_commit(&self) -> Result<Oid, GitError> {
        self.resolve("HEAD")?
            .ok_or(GitError::Answer { subcommand: "rev-parse".into(), what: "HEAD has no commit".into() })
    }

    fn cherry_pick(&self) -> Result<Call, GitError> {
        Ok(self.in_work_tree("cherry-pick")?.with_committer().with_tokens())
    }

    /// A call that works on the work tree we stand in.
    fn in_work_tree(&self, subcommand: &str) -> Result<Call, GitError> {
        self.in_work_tree_with(Vec::new(), subcommand)
    }

    fn in_work_tree_with(&self, mut options: Vec<OsString>, subcommand: &str) -> Result<Call, GitError> {
        let Some(top) = self.work_tree() else {
            return Err(GitError::NotARepository {
                stderr: "this needs a work tree, and there is none here".to_owned(),
            });
        };
        let mut work_tree = OsString::from("--work-tree=");
        work_tree.push(top);
        options.extend(["-c".into(), "core.quotePath=false".into(), work_tree]);
        Ok(self.call_with(options, subcommand))
    }
}
