//! One repository: where it is, and its references. Objects are read in `object`, history in `history`.
//!
//! Git answers where the repository is; afterwards nothing inherited from the environment counts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::Oid;
use super::config::{Config, LISTING};
use super::error::GitError;
use super::reference::Writer;
use super::run::{Call, Exit, Git};

/// Enough for the commits of a walk over a large history to be inflated once, however many walks follow.
const WALKED: usize = 16 << 20;

/// A repository.
#[derive(Debug)]
pub struct Repo {
    git: Git,
    git_dir: PathBuf,
    common_dir: PathBuf,
    work_tree: Option<PathBuf>,
    bare: bool,
    reftable: bool,
    config: OnceLock<Config>,
    reading: Mutex<()>,
    store: OnceLock<gix::ThreadSafeRepository>,
    walker: OnceLock<Mutex<gix::Repository>>,
    writer: Mutex<Writer>,
}

/// What HEAD points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch, by its short name; without a tip while it has no commit.
    Branch {
        /// The name below `refs/heads/`.
        name: String,
        /// Its commit.
        tip: Option<Oid>,
    },
    /// A commit.
    Detached(Oid),
}

impl Repo {
    /// The repository around `start` (the current directory if `None`), as `GIT_DIR` and its kin say.
    pub fn discover(git: Git, start: Option<&Path>) -> Result<Repo, GitError> {
        let mut call = git.inherited("rev-parse").args([
            "--is-bare-repository",
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
            // Last, because it alone fails where there is no work tree.
            "--show-toplevel",
        ]);
        if let Some(start) = start {
            call = call.cwd(start);
        }
        // Meanwhile the likeliest place is opened; it counts only if it is the one that git names.
        let guess = start.unwrap_or(Path::new(".")).join(".git");
        let mut opened = None;
        let output = call.beside(|| {
            opened = guess.canonicalize().ok().filter(|place| place.is_dir()).and_then(|place| {
                let store = open(&place).ok()?;
                Some((place, store))
            });
        })?;
        let lines: Vec<&[u8]> = output
            .stdout
            .strip_suffix(b"\n")
            .unwrap_or(&output.stdout)
            .split(|&byte| byte == b'\n')
            .collect();
        let (bare, git_dir, common_dir, work_tree) = match (&lines[..], output.exit) {
            ([bare, git_dir, common], Exit::Code(128)) => (bare, git_dir, common, None),
            ([bare, git_dir, common, top], Exit::Code(0)) => (bare, git_dir, common, Some(top)),
            (_, Exit::Code(0)) => {
                // Git before 2.31 repeats what it does not know.
                git.version()?;
                let what = "a path with a line break in it".to_owned();
                return Err(GitError::Answer { subcommand: "rev-parse".into(), what });
            }
            (_, Exit::Code(128)) => return Err(GitError::NotARepository { stderr: output.stderr }),
            _ => return Err(output.into_error("rev-parse")),
        };
        let path = |bytes: &[u8]| -> Result<PathBuf, GitError> {
            gix::path::from_byte_slice(bytes)
                .map(Path::to_owned)
                .map_err(|error| GitError::store("read the repository's path", error))
        };
        let (git_dir, common_dir) = (path(git_dir)?, path(common_dir)?);
        let store = OnceLock::new();
        if let Some((_, opened)) = opened.filter(|(place, _)| *place == git_dir) {
            let _ = store.set(opened);
        }
        Ok(Repo {
            git,
            git_dir,
            reftable: common_dir.join("reftable").is_dir(),
            common_dir,
            work_tree: work_tree.map(|top| path(top)).transpose()?,
            bare: *bare == b"true",
            config: OnceLock::new(),
            reading: Mutex::default(),
            store,
            walker: OnceLock::new(),
            writer: Mutex::default(),
        })
    }

    /// The git that answers for this repository.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// The private directory of this work tree: `.git`, or `.git/worktrees/<name>` in a linked one.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The directory that all linked work trees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The top of the work tree we stand in, if any.
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// Whether the repository is bare.
    pub fn is_bare(&self) -> bool {
        self.bare
    }

    /// Whether its history is cut off somewhere. Looked up each time: a fetch can change it.
    pub fn is_shallow(&self) -> bool {
        self.common_dir.join("shallow").metadata().is_ok_and(|file| file.len() > 0)
    }

    /// Whether objects may be missing that a promisor remote has (`git clone --filter=…`).
    pub fn is_partial(&self) -> Result<bool, GitError> {
        Ok(self.promisor()?.is_some())
    }

    /// The remote that promised the objects missing here.
    pub(super) fn promisor(&self) -> Result<Option<String>, GitError> {
        let store = self.store()?;
        let config = store.config_snapshot();
        if let Some(name) = config.string("extensions.partialClone") {
            return Ok(Some(name.to_string()));
        }
        let names = store.remote_names();
        Ok(names
            .iter()
            .find(|name| config.boolean(format!("remote.{name}.promisor").as_str()) == Some(true))
            .map(ToString::to_string))
    }

    /// Git's configuration, read on first use.
    pub fn config(&self) -> Result<&Config, GitError> {
        // One listing, however many threads ask.
        let _turn = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let listing = self.call("config").args(LISTING).ok()?;
        let config = Config::parse(&listing)?;
        Ok(self.config.get_or_init(|| config))
    }

    /// A call of git in this repository that needs no work tree.
    pub(super) fn call(&self, subcommand: &str) -> Call {
        self.call_with(Vec::new(), subcommand)
    }

    /// As [`call`](Self::call), with `options` for git itself.
    pub(super) fn call_with(&self, mut options: Vec<OsString>, subcommand: &str) -> Call {
        let mut git_dir = OsString::from("--git-dir=");
        git_dir.push(&self.git_dir);
        options.push(git_dir);
        // Where a relative path in a remote's URL counts from.
        self.git.call_with(&options, subcommand).cwd(self.work_tree.as_ref().unwrap_or(&self.git_dir))
    }

    /// The object database and references, opened on first use. A handle of one's own for each caller.
    pub(super) fn store(&self) -> Result<gix::Repository, GitError> {
        let store = match self.store.get() {
            Some(store) => store,
            None => {
                let store = open(&self.git_dir)?;
                self.store.get_or_init(|| store)
            }
        };
        Ok(store.to_thread_local())
    }

    /// The one handle that history is walked with: without a commit-graph, walks cost what they inflate.
    pub(super) fn walker(&self) -> Result<MutexGuard<'_, gix::Repository>, GitError> {
        let walker = match self.walker.get() {
            Some(walker) => walker,
            None => {
                let mut store = self.store()?;
                store.object_cache_size_if_unset(WALKED);
                self.walker.get_or_init(|| Mutex::new(store))
            }
        };
        Ok(walker.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who writes the next reference.
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The branch that a rebase in this work tree is about, while HEAD is detached for it.
    pub fn rebased_branch(&self) -> Option<String> {
        ["rebase-merge/head-name", "rebase-apply/head-name"].iter().find_map(|name| {
            let full = std::fs::read_to_string(self.git_dir.join(name)).ok()?;
            full.trim_end().strip_prefix("refs/heads/").map(str::to_owned)
        })
    }

    /// What HEAD points to.
    pub fn head(&self) -> Result<Head, GitError> {
        if self.reftable {
            let name = self.call("symbolic-ref").args(["-q", "HEAD"]).output()?;
            return match name.exit {
                Exit::Code(0) => {
                    let full = String::from_utf8_lossy(&name.stdout).trim().to_owned();
                    let tip = self.ref_tip(&full)?;
                    Ok(Head::Branch { name: short(&full), tip })
                }
                Exit::Code(1) => self.resolve("HEAD")?.map(Head::Detached).ok_or(GitError::Answer {
                    subcommand: "symbolic-ref".into(),
                    what: "a HEAD that is nothing".into(),
                }),
                _ => Err(name.into_error("symbolic-ref")),
            };
        }
        let store = self.store()?;
        let failed = |error: gix::Error| GitError::store("read HEAD", error);
        let head = store.head().map_err(failed)?;
        let id = head.id().map(gix::Id::detach);
        match (head.referent_name(), id) {
            (Some(full), tip) => Ok(Head::Branch { name: short(&full.as_bstr().to_string()), tip }),
            (None, Some(id)) => Ok(Head::Detached(id)),
            (None, None) => Err(GitError::store("read HEAD", "it points to nothing")),
        }
    }

    /// The commit that `rev` names, as `git rev-parse` reads it; `None` if it names none.
    pub fn resolve(&self, rev: &str) -> Result<Option<Oid>, GitError> {
        if rev.starts_with('-') || rev.contains('\0') {
            return Ok(None);
        }
        // A whole id of a commit that is here names itself; git takes no reference of that name before it.
        if let Ok(id) = Oid::from_hex(rev.as_bytes())
            && id.kind() == self.store()?.object_hash()
            && self.has_commit(id)?
        {
            return Ok(Some(id));
        }
        // Else git, because it alone knows every spelling (`@{u}`, `:/text`, describe names, ambiguity).
        let output = self
            .call("rev-parse")
            .args(["--verify", "--quiet", "--end-of-options"])
            .arg(format!("{rev}^{{commit}}"))
            .output()?;
        match output.exit {
            Exit::Code(0) => parse_oid(&output.stdout, "rev-parse").map(Some),
            Exit::Code(1) => Ok(None),
            // What lies beyond the reflog; whatever else ends git says why.
            Exit::Code(128) if output.stderr.is_empty() => Ok(None),
            _ => Err(output.into_error("rev-parse")),
        }
    }

    /// The commit at the reference of this full name.
    pub fn ref_tip(&self, full_name: &str) -> Result<Option<Oid>, GitError> {
        if self.reftable {
            let found = self.refs(full_name)?;
            return Ok(found.into_iter().find(|(name, _)| name == full_name).map(|(_, tip)| tip));
        }
        let store = self.store()?;
        let failed = |error: gix::Error| GitError::store(format!("read {full_name}"), error);
        let Some(mut found) = store.try_find_reference(full_name).map_err(failed)? else { return Ok(None) };
        if found.name().as_bstr() != full_name {
            // A short name was completed; we mean exactly this one.
            return Ok(None);
        }
        found.peel_to_id().map(|id| Some(id.detach())).map_err(failed)
    }

    /// The references at or below `prefix` (`refs/heads/release/`), with their commits, by name.
    pub fn refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
        if self.reftable {
            let format =
                "--format=%(refname)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)";
            let listing = self.call("for-each-ref").args([format, "--", prefix]).ok()?;
            return listing
                .split(|&byte| byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| {
                    let mut fields = line.splitn(2, |&byte| byte == 0);
                    let name = String::from_utf8_lossy(fields.next().unwrap_or_default()).into_owned();
                    parse_oid(fields.next().unwrap_or_default(), "for-each-ref").map(|tip| (name, tip))
                })
                .collect();
        }
        let store = self.store()?;
        let failed = |error: gix::Error| GitError::store(format!("read {prefix}"), error);
        let platform = store.references().map_err(failed)?;
        let mut found = Vec::new();
        for reference in platform.prefixed(prefix).map_err(failed)? {
            let mut reference =
                reference.map_err(|error| GitError::store(format!("read {prefix}"), error))?;
            let name = reference.name().as_bstr().to_string();
            // One broken reference (a remote's dangling HEAD) must not hide the others.
            if let Ok(tip) = reference.peel_to_id() {
                found.push((name, tip.detach()));
            }
        }
        Ok(found)
    }

    /// The names of the references at or below `prefix`, whatever they point to: no object is read.
    pub fn ref_names(&self, prefix: &str) -> Result<Vec<String>, GitError> {
        if self.reftable {
            return Ok(self.refs(prefix)?.into_iter().map(|(name, _)| name).collect());
        }
        let store = self.store()?;
        let platform =
            store.references().map_err(|error| GitError::store(format!("read {prefix}"), error))?;
        let found =
            platform.prefixed(prefix).map_err(|error| GitError::store(format!("read {prefix}"), error))?;
        // A broken reference has no name to tell.
        Ok(found.flatten().map(|reference| reference.name().as_bstr().to_string()).collect())
    }
}

/// Opens objects and references. Git judges whether to trust the place, and answers for configuration.
fn open(git_dir: &Path) -> Result<gix::ThreadSafeRepository, GitError> {
    let options = gix::open::Options::isolated().with(gix::sec::Trust::Full).open_path_as_is(true);
    let store = options.open(git_dir).map_err(|error| GitError::store("open the repository", error))?;
    // The first object that is looked up brings in the packs' indexes.
    let _ = store.to_thread_local().head_commit();
    Ok(store)
}

/// The object name that is all of `answer`, but for surrounding white space.
pub(super) fn parse_oid(answer: &[u8], subcommand: &str) -> Result<Oid, GitError> {
    Oid::from_hex(answer.trim_ascii()).map_err(|_| GitError::Answer {
        subcommand: subcommand.to_owned(),
        what: String::from_utf8_lossy(answer).into_owned(),
    })
}

fn short(full: &str) -> String {
    full.strip_prefix("refs/heads/").unwrap_or(full).to_owned()
}
