//! The bare repository behind the project, and every git child of the simulator.
//!
//! Merges, picks and pushes are real git. Children get a scrubbed environment: the user's own git
//! configuration must not change what the simulator does. Nothing here knows of merge requests.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// A rehearsal's repository outlives no crash of the machine, so nothing waits for the disk.
const CONFIG: &str = "[core]\n\tfsync = none\n[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n\
    [receive]\n\tautogc = false\n\tadvertisePushOptions = true\n[gc]\n\tauto = 0\n";

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

/// One bare repository on disk. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    git_dir: PathBuf,
    pub(super) home: PathBuf,
    commits: Arc<Mutex<HashMap<String, Arc<Commit>>>>,
    /// What git said of objects, which never change, by the question. `None` is its "no".
    answers: Arc<Mutex<HashMap<String, Option<String>>>>,
    /// What `git upload-pack` offers to clients of protocol version 2: the same until the configuration changes.
    offer: Arc<Mutex<Option<Vec<u8>>>>,
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
        let repository = Repository {
            git_dir,
            home,
            commits: Arc::default(),
            answers: Arc::default(),
            offer: Arc::default(),
        };
        let target = repository.git_dir.clone();
        match source {
            None => {
                let branch = format!("--initial-branch={default_branch}");
                repository.output(
                    repository.bare(&["init", "--quiet", "--bare", "--template=", &branch]).arg(&target),
                    b"",
                )?;
            }
            Some(source) => {
                let mut clone =
                    repository.bare(&["clone", "--quiet", "--bare", "--template=", "--no-hardlinks"]);
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

    /// This one, where its files were copied from below `from` to below `to`. What is learnt of either from
    /// now on stays there: they need not hold the same objects any more.
    pub(super) fn copied(&self, from: &Path, to: &Path) -> Repository {
        let there =
            |path: &Path| path.strip_prefix(from).map_or_else(|_| path.to_owned(), |rest| to.join(rest));
        Repository {
            git_dir: there(&self.git_dir),
            home: there(&self.home),
            commits: Arc::new(Mutex::new(lock(&self.commits).clone())),
            answers: Arc::new(Mutex::new(lock(&self.answers).clone())),
            offer: Arc::clone(&self.offer),
        }
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

    /// Where the hook writes the options of a push.
    pub(super) fn push_options(&self) -> PathBuf {
        self.home.join("push-options")
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

    pub(super) fn output(&self, command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
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

    /// As [`Repository::line`], for questions about whole ids only; asked once. `None` where git says no.
    fn asked(&self, args: &[&str]) -> Option<String> {
        let question = args.join(" ");
        if let Some(known) = lock(&self.answers).get(&question) {
            return known.clone();
        }
        let output = self.outcome(&mut self.command(args), b"").ok()?;
        let answer =
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
        // Any other exit is a failure, which may be over the next time.
        if matches!(output.status.code(), Some(0 | 1)) {
            lock(&self.answers).insert(question, answer.clone());
        }
        answer
    }

    /// Serves one request of the smart protocol: what `git upload-pack` or `git receive-pack` says.
    pub(super) fn serve(
        &self,
        service: &str,
        advertise: bool,
        environment: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<u8>> {
        let cached =
            advertise && service == "upload-pack" && environment.contains(&("GIT_PROTOCOL", "version=2"));
        if let Some(offer) = lock(&self.offer).clone().filter(|_| cached) {
            return Ok(offer);
        }
        let mut command = self.command(&[service, "--stateless-rpc"]);
        if advertise {
            command.arg("--advertise-refs");
        }
        command.arg(".").current_dir(&self.git_dir).env_remove("GIT_DIR").envs(environment.iter().copied());
        let said = self.outcome(&mut command, body)?;
        if cached && said.status.success() {
            *lock(&self.offer) = Some(said.stdout.clone());
        }
        // A service that fails has told the client why in its own protocol.
        Ok(said.stdout)
    }

    /// How many paths differ between two commits.
    pub(super) fn count_changes(&self, base: &str, head: &str) -> usize {
        self.asked(&["diff-tree", "-r", "--name-only", base, head]).map_or(0, |names| names.lines().count())
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
        if lock(&self.commits).contains_key(spec) {
            return Some(spec.to_owned());
        }
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
        self.asked(&["merge-base", "--is-ancestor", old, new]).is_some()
    }

    pub(super) fn merge_base(&self, one: &str, other: &str) -> Option<String> {
        self.asked(&["merge-base", one, other])
    }

    pub(super) fn tree(&self, commit: &str) -> Result<String> {
        let args = ["rev-parse", "--verify", &format!("{commit}^{{tree}}")];
        match self.asked(&args) {
            Some(tree) => Ok(tree),
            None => self.line(&args),
        }
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
        let mut known = lock(&self.commits);
        for commit in &commits {
            known.insert(commit.id.clone(), Arc::clone(commit));
        }
        Ok(commits)
    }

    /// One commit by its full id.
    pub(super) fn commit(&self, id: &str) -> Option<Arc<Commit>> {
        if let Some(known) = lock(&self.commits).get(id) {
            return Some(Arc::clone(known));
        }
        self.log(&[], id, &[], 1).ok()?.pop()
    }

    /// Reads a stream of commits, in the language of `git fast-import`.
    pub(super) fn import(&self, stream: &[u8]) -> Result<()> {
        self.output(&mut self.command(&["fast-import", "--quiet"]), stream).map(drop)
    }

    /// A file's bytes at a commit.
    pub(super) fn file(&self, commit: &str, path: &str) -> Option<Vec<u8>> {
        self.output(&mut self.command(&["cat-file", "blob", &format!("{commit}:{path}")]), b"").ok()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
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
