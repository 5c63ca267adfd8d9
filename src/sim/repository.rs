//! The bare repository behind the project, and every git child of the simulator.
//!
//! Merges, picks and pushes are real git. Children get a scrubbed environment: the user's own git
//! configuration must not change what the simulator does. Nothing here knows of merge requests.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Kind, Problem, Result};

/// Inherited variables that would turn a git child away from our repository or identity.
const SCRUBBED: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_SYSTEM",
    "GIT_DEFAULT_HASH",
    "GIT_TEMPLATE_DIR",
    "GIT_ATTR_SOURCE",
    "GIT_PROTOCOL",
    "GIT_TRACE",
    "GIT_TRACE_CURL",
    "GIT_TRACE_PACKET",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_CEILING_DIRECTORIES",
    "XDG_CONFIG_HOME",
];

/// What `git log` prints per commit; a unit separator cannot occur in a name or a date.
const FORMAT: &str = "%H%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B";

const CONFIG: &str = "[http]\n\treceivepack = true\n[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n\
    [receive]\n\tautogc = false\n[gc]\n\tauto = 0\n";

/// Who made a commit.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) email: String,
    /// As git reads dates: `@<seconds> +0000` or ISO 8601.
    pub(super) date: String,
}

/// A commit, as the API shows it.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) parents: Vec<String>,
    pub(super) author: Signature,
    pub(super) committer: Signature,
    pub(super) message: String,
}

impl Commit {
    pub(super) fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// How merging two trees went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Merged {
    /// The merged tree.
    Clean(String),
    /// The paths in conflict.
    Conflicts(Vec<String>),
}

/// One bare repository on disk. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    git_dir: PathBuf,
    home: PathBuf,
    commits: Arc<Mutex<HashMap<String, Arc<Commit>>>>,
}

impl Repository {
    /// Makes an empty one, or a copy of `source`, at `<dir>/<path>.git`.
    pub(super) fn create(
        dir: &Path,
        path: &str,
        default_branch: &str,
        source: Option<&Path>,
    ) -> Result<Self> {
        let git_dir = dir.join("repositories").join(format!("{path}.git"));
        let home = dir.join("home");
        let broken = |error: std::io::Error| {
            Problem::new(Kind::Failed, "could not set up the embedded GitLab's repository")
                .because(format!("{}: {error}", dir.display()))
                .hint("give it a directory that can be written to")
        };
        std::fs::create_dir_all(&git_dir).map_err(broken)?;
        std::fs::create_dir_all(&home).map_err(broken)?;
        std::fs::write(home.join("gitconfig"), "").map_err(broken)?;
        let repository = Repository { git_dir, home, commits: Arc::default() };
        let target = repository.git_dir.clone();
        match source {
            None => {
                let branch = format!("--initial-branch={default_branch}");
                repository
                    .output(repository.bare(&["init", "--quiet", "--bare", &branch]).arg(&target), b"")?;
            }
            Some(source) => {
                let mut clone = repository.bare(&["clone", "--quiet", "--bare", "--no-hardlinks"]);
                repository.output(clone.arg(source).arg(&target), b"")?;
                repository.line(&["symbolic-ref", "HEAD", &format!("refs/heads/{default_branch}")])?;
            }
        }
        // Written in one go: a child for each would cost more than the rest of a small world.
        let mut config = std::fs::read_to_string(target.join("config")).map_err(broken)?;
        config.push_str(CONFIG);
        std::fs::write(target.join("config"), config).map_err(broken)?;
        repository.install_hook().map_err(broken)?;
        Ok(repository)
    }

    fn install_hook(&self) -> std::io::Result<()> {
        let hooks = self.git_dir.join("hooks");
        std::fs::create_dir_all(&hooks)?;
        let hook = hooks.join("pre-receive");
        std::fs::write(&hook, super::git_http::PRE_RECEIVE)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// The directory above all repositories, for `GIT_PROJECT_ROOT`.
    pub(super) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    #[expect(clippy::disallowed_methods, reason = "the simulator's one git runner, scrubbed as git::run is")]
    fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(["-c", "safe.directory=*"]).args(args);
        for name in SCRUBBED {
            command.env_remove(name);
        }
        command
            .env("HOME", &self.home)
            .env("GIT_CONFIG_GLOBAL", self.home.join("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir(&self.home);
        command
    }

    /// A git child on this repository.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        command.env("GIT_DIR", &self.git_dir);
        command
    }

    /// Runs a child with this input and collects what it says, whatever its exit.
    pub(super) fn outcome(&self, command: &mut Command, input: &[u8]) -> Result<Output> {
        let broken = |error: std::io::Error| {
            Problem::new(Kind::Failed, "could not run git for the embedded GitLab")
                .because(error)
                .hint("git must be on PATH: git --version")
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(broken)?;
        let stdin = child.stdin.take();
        // A child may answer before it has read everything: write beside reading.
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if let Some(mut stdin) = stdin {
                    // A child that stops reading early says why by its exit.
                    let _ = stdin.write_all(input);
                }
            });
            child.wait_with_output().map_err(broken)
        })
    }

    fn output(&self, command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
        let output = self.outcome(command, input)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        Err(Problem::new(Kind::Failed, format!("git {} failed in the embedded GitLab", args.join(" ")))
            .because(String::from_utf8_lossy(&output.stderr).trim())
            .hint("run the same command again with a fresh directory"))
    }

    /// What a child prints, without the last newline; its failure is a problem.
    pub(super) fn line(&self, args: &[&str]) -> Result<String> {
        let out = self.output(&mut self.command(args), b"")?;
        Ok(String::from_utf8_lossy(&out).trim_end().to_owned())
    }

    /// Whether a child exits with 0.
    fn holds(&self, args: &[&str]) -> bool {
        self.outcome(&mut self.command(args), b"").is_ok_and(|output| output.status.success())
    }

    /// Every branch with its commit.
    pub(super) fn branches(&self) -> Result<BTreeMap<String, String>> {
        let out = self.line(&["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"])?;
        Ok(out
            .lines()
            .filter_map(|line| line.split_once(' ').map(|(id, name)| (name.to_owned(), id.to_owned())))
            .collect())
    }

    /// The full id of a commit that `spec` names.
    pub(super) fn resolve(&self, spec: &str) -> Option<String> {
        let spec = format!("{spec}^{{commit}}");
        self.line(&["rev-parse", "--verify", "--quiet", "--end-of-options", &spec]).ok()
    }

    /// Sets a ref, whatever it was.
    pub(super) fn set_ref(&self, name: &str, id: &str) -> Result<()> {
        self.line(&["update-ref", name, id]).map(drop)
    }

    /// Removes a ref.
    pub(super) fn delete_ref(&self, name: &str) -> Result<()> {
        self.line(&["update-ref", "-d", name]).map(drop)
    }

    pub(super) fn is_ancestor(&self, old: &str, new: &str) -> bool {
        self.holds(&["merge-base", "--is-ancestor", old, new])
    }

    pub(super) fn merge_base(&self, one: &str, other: &str) -> Option<String> {
        self.line(&["merge-base", one, other]).ok()
    }

    pub(super) fn tree(&self, commit: &str) -> Result<String> {
        self.line(&["rev-parse", "--verify", &format!("{commit}^{{tree}}")])
    }

    /// The commits of a range, newest first, at most `limit`.
    pub(super) fn log(
        &self,
        options: &[&str],
        range: &str,
        paths: &[&str],
        limit: usize,
    ) -> Result<Vec<Arc<Commit>>> {
        let (limit, format) = (format!("--max-count={limit}"), format!("--format={FORMAT}"));
        let mut args = vec!["log", "-z", &limit, &format];
        args.extend(options);
        args.extend(["--end-of-options", range, "--"]);
        args.extend(paths);
        let out = self.output(&mut self.command(&args), b"")?;
        let commits = out
            .split(|byte| *byte == 0)
            .filter_map(|record| parse_commit(&String::from_utf8_lossy(record)))
            .map(Arc::new)
            .collect::<Vec<_>>();
        let mut known = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        for commit in &commits {
            known.insert(commit.id.clone(), Arc::clone(commit));
        }
        Ok(commits)
    }

    /// One commit by its full id.
    pub(super) fn commit(&self, id: &str) -> Option<Arc<Commit>> {
        if let Some(known) = self.commits.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Some(Arc::clone(known));
        }
        self.log(&[], id, &[], 1).ok()?.pop()
    }

    /// Writes a commit object.
    pub(super) fn commit_tree(
        &self,
        tree: &str,
        parents: &[&str],
        message: &str,
        author: &Signature,
        committer: &Signature,
    ) -> Result<String> {
        let mut args = vec!["commit-tree", tree];
        for parent in parents {
            args.extend(["-p", parent]);
        }
        let mut command = self.command(&args);
        command
            .env("GIT_AUTHOR_NAME", &author.name)
            .env("GIT_AUTHOR_EMAIL", &author.email)
            .env("GIT_AUTHOR_DATE", &author.date)
            .env("GIT_COMMITTER_NAME", &committer.name)
            .env("GIT_COMMITTER_EMAIL", &committer.email)
            .env("GIT_COMMITTER_DATE", &committer.date);
        let id = self.output(&mut command, message.as_bytes())?;
        Ok(String::from_utf8_lossy(&id).trim_end().to_owned())
    }

    /// Reads a stream of commits, in the language of `git fast-import`.
    pub(super) fn import(&self, stream: &[u8]) -> Result<()> {
        self.output(&mut self.command(&["fast-import", "--quiet"]), stream).map(drop)
    }

    /// Merges two commits as `git merge` would.
    pub(super) fn merge_trees(&self, ours: &str, theirs: &str) -> Result<Merged> {
        let args = ["merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", ours, theirs];
        let output = self.outcome(&mut self.command(&args), b"")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut fields = text.split('\0').filter(|field| !field.is_empty());
        let tree = fields.next().unwrap_or_default().to_owned();
        match output.status.code() {
            Some(0) => Ok(Merged::Clean(tree)),
            Some(1) => Ok(Merged::Conflicts(fields.map(str::to_owned).collect())),
            _ => Err(Problem::new(Kind::Failed, "git merge-tree failed in the embedded GitLab")
                .because(String::from_utf8_lossy(&output.stderr).trim())
                .hint("it needs git 2.38 or newer: git --version")),
        }
    }

    /// Applies what `from..to` changed onto `onto`. Throw-away commits make `from` the merge base,
    /// which works in every git that has `merge-tree --write-tree`.
    pub(super) fn apply(&self, from: &str, to: &str, onto: &str) -> Result<Merged> {
        let nobody = Signature { name: "sim".into(), email: "sim@localhost".into(), date: "@0 +0000".into() };
        let ours = self.commit_tree(&self.tree(onto)?, &[from], "ours", &nobody, &nobody)?;
        let theirs = self.commit_tree(&self.tree(to)?, &[from], "theirs", &nobody, &nobody)?;
        self.merge_trees(&ours, &theirs)
    }

    /// The tree of `base` with these files written (or removed, where the content is `None`).
    pub(super) fn tree_with(&self, base: Option<&str>, files: &[(String, Option<String>)]) -> Result<String> {
        let index = tempfile::Builder::new().prefix("index-").tempdir_in(&self.home).map_err(|error| {
            Problem::new(Kind::Failed, "could not write to the embedded GitLab's directory").because(error)
        })?;
        let with_index = |args: &[&str]| {
            let mut command = self.command(args);
            command.env("GIT_INDEX_FILE", index.path().join("index"));
            command
        };
        if let Some(base) = base {
            self.output(&mut with_index(&["read-tree", base]), b"")?;
        }
        let mut lines = String::new();
        for (path, content) in files {
            let line = match content {
                Some(content) => {
                    let mut hash = self.command(&["hash-object", "-w", "--stdin"]);
                    let id = self.output(&mut hash, content.as_bytes())?;
                    format!("100644 {}\t{path}\n", String::from_utf8_lossy(&id).trim_end())
                }
                None => format!("0 {}\t{path}\n", "0".repeat(40)),
            };
            lines.push_str(&line);
        }
        self.output(&mut with_index(&["update-index", "--index-info"]), lines.as_bytes())?;
        let tree = self.output(&mut with_index(&["write-tree"]), b"")?;
        Ok(String::from_utf8_lossy(&tree).trim_end().to_owned())
    }

    /// A file's bytes at a commit.
    pub(super) fn file(&self, commit: &str, path: &str) -> Option<Vec<u8>> {
        self.output(&mut self.command(&["cat-file", "blob", &format!("{commit}:{path}")]), b"").ok()
    }
}

fn parse_commit(record: &str) -> Option<Commit> {
    let mut fields = record.trim_start_matches('\n').splitn(9, '\u{1f}');
    let mut next = || fields.next().map(str::to_owned);
    let (id, parents) = (next()?, next()?);
    let author = Signature { name: next()?, email: next()?, date: next()? };
    let committer = Signature { name: next()?, email: next()?, date: next()? };
    let message = next()?;
    let parents = parents.split_whitespace().map(str::to_owned).collect();
    Some(Commit { id, parents, author, committer, message })
}
