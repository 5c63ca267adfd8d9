//! The one git runner: finds git, scrubs the environment, bounds what is captured.
//!
//! Every subprocess of git starts here and nowhere else. Must not know what any subcommand means.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::child::Running;
use super::error::GitError;
use super::version::Version;

/// What `git rev-parse --local-env-vars` lists (configuration given by `git -c` stays), and the rest
/// that would make a child answer for another repository, identity or question than ours.
const SCRUBBED: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_ATTR_SOURCE",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_REFLOG_ACTION",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
];

/// Who commits; kept only where git is asked for exactly that.
const COMMITTER: &[&str] = &["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE"];

/// Tokens that a credential helper of the user may read; kept only where git may ask one.
const TOKENS: &[&str] = &["GIT_HOTFIX_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN"];

/// Secrets that nothing below git has any use for.
const SECRETS: &[&str] = &["HEROKU_API_KEY", "CI_REGISTRY_PASSWORD"];

/// Options by which git runs no hook of the repository.
pub(super) const NO_HOOKS: [&str; 2] = ["-c", "core.hooksPath=/dev/null"];

/// More than any answer we ask git for (a listing of 100,000 paths is about 10 MB).
const STDOUT_LIMIT: usize = 256 << 20;

/// The git program, resolved once to an absolute path.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    prompts: bool,
    environment: Vec<(OsString, OsString)>,
    version: Arc<OnceLock<Version>>,
    patience: Arc<OnceLock<Duration>>,
    time: Option<LocalTime>,
}

/// Tells the time: seconds since 1970, and seconds east of Greenwich; nothing where the zone is not known.
pub type LocalTime = fn() -> Option<(i64, i32)>;

impl Git {
    /// Finds git in `path` (the value of `PATH`).
    ///
    /// Relative and empty entries, and entries inside the repository around `start`, are skipped: a
    /// repository must not be able to bring its own `git`.
    pub fn find(path: &OsStr, start: &Path) -> Result<Git, GitError> {
        let absolute = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
        let start = absolute.canonicalize().unwrap_or(absolute);
        let inside = start.ancestors().find(|dir| dir.join(".git").exists());
        let name = format!("git{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(path)
            .filter(|dir| dir.is_absolute())
            .filter(|dir| {
                let dir = dir.canonicalize().unwrap_or_else(|_| dir.clone());
                !inside.is_some_and(|top| dir.starts_with(top))
            })
            .map(|dir| dir.join(&name))
            .find(|file| is_executable(file))
            .map(Git::at)
            .ok_or(GitError::NotFound)
    }

    /// The git at exactly this path.
    pub fn at(program: impl Into<PathBuf>) -> Git {
        Git {
            program: program.into(),
            prompts: false,
            environment: Vec::new(),
            version: Arc::default(),
            patience: Arc::default(),
            time: None,
        }
    }

    /// Lets the committer be told from configuration and this time, where git would find the same. Only right
    /// where the environment holds no `GIT_COMMITTER_*`; without it git is asked.
    #[must_use]
    pub fn with_time(mut self, time: LocalTime) -> Git {
        self.time = Some(time);
        self
    }

    /// The time, where the committer may be told from configuration.
    pub(super) fn time(&self) -> Option<(i64, i32)> {
        self.time.and_then(|time| time())
    }

    /// Whether git may ask for credentials on the terminal. Off by default.
    #[must_use]
    pub fn with_prompts(mut self, prompts: bool) -> Git {
        self.prompts = prompts;
        self
    }

    /// Sets a variable for every child: how a rehearsal keeps out the user's own configuration.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Git {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// How long a server may send nothing; the first one that is set stays.
    pub fn be_patient(&self, time: Duration) {
        let _ = self.patience.set(time);
    }

    /// How long a server may send nothing: git itself would wait for ever.
    pub(super) fn patience(&self) -> Duration {
        self.patience.get().copied().unwrap_or(Duration::from_secs(60))
    }

    /// The program's path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The version, asked for once; an error below [`Version::MINIMUM`].
    pub fn version(&self) -> Result<Version, GitError> {
        let version = match self.version.get() {
            Some(known) => *known,
            None => {
                let answer = self.call("version").ok()?;
                let line = String::from_utf8_lossy(&answer).trim().to_owned();
                let version = Version::parse(&line)
                    .ok_or(GitError::Answer { subcommand: "version".into(), what: line })?;
                *self.version.get_or_init(|| version)
            }
        };
        if version < Version::MINIMUM {
            return Err(GitError::TooOld { program: self.program.clone(), version });
        }
        Ok(version)
    }

    /// The version where it was asked for already; else one that knows every option we use. A git that does
    /// not will say so, and asking it first would cost every run a process.
    pub(super) fn presumed_version(&self) -> Version {
        self.version.get().copied().unwrap_or(Version::ATTR_SOURCE)
    }

    /// A call of `subcommand` in a scrubbed environment and no particular repository.
    pub fn call(&self, subcommand: &str) -> Call {
        self.prepare(subcommand, SCRUBBED, &[])
    }

    /// As [`call`](Self::call), with `options` before the subcommand (`--git-dir=…`, `-c …`).
    pub(super) fn call_with(&self, options: &[OsString], subcommand: &str) -> Call {
        self.prepare(subcommand, SCRUBBED, options)
    }

    /// A call that sees `GIT_DIR` and its kin as our own parent set them: discovery, and only that.
    pub(super) fn inherited(&self, subcommand: &str) -> Call {
        self.prepare(subcommand, &[], &[])
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that starts git")]
    fn prepare(&self, subcommand: &str, scrubbed: &[&str], options: &[OsString]) -> Call {
        let mut command = Command::new(&self.program);
        for name in scrubbed.iter().chain(SECRETS) {
            command.env_remove(name);
        }
        command
            // Texts that we read must not be translated; LC_CTYPE stays, drivers may need it.
            .env("LANGUAGE", "C")
            .env("LC_MESSAGES", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TRACE_REDACT", "1")
            .env("NoDefaultCurrentDirectoryInExePath", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .args(options)
            .arg(subcommand);
        if !self.prompts {
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        Call {
            command,
            subcommand: subcommand.into(),
            commits: false,
            asks: false,
            stdin: None,
            limit: STDOUT_LIMIT,
            deadline: None,
        }
    }
}

fn is_executable(file: &Path) -> bool {
    let Ok(meta) = file.metadata() else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        meta.is_file() && meta.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    {
        meta.is_file()
    }
}

/// One call of git, not yet started.
#[derive(Debug)]
pub struct Call {
    command: Command,
    subcommand: String,
    commits: bool,
    asks: bool,
    stdin: Option<Vec<u8>>,
    limit: usize,
    deadline: Option<Duration>,
}

/// How a call ended, and what it said.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Everything from stdout.
    pub stdout: Vec<u8>,
    /// The beginning of stderr, lossily decoded, trimmed. Untrusted text.
    pub stderr: String,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl Call {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable for this child.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets the child see who commits, as the user's environment says.
    #[must_use]
    pub(super) fn with_committer(mut self) -> Self {
        self.commits = true;
        self
    }

    /// Lets the child see the user's tokens: git may ask a credential helper, and some read them.
    pub(super) fn with_tokens(mut self) -> Self {
        self.asks = true;
        self
    }

    /// Runs in `dir`.
    #[must_use]
    pub fn cwd(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Feeds `bytes` to stdin, which is otherwise empty.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Ends it when it takes longer.
    #[must_use]
    pub(super) fn within(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Runs to the end; any exit is an answer.
    pub fn output(self) -> Result<Output, GitError> {
        self.beside(|| ())
    }

    /// As [`output`](Self::output); `work` is done while git works.
    pub(super) fn beside(mut self, work: impl FnOnce()) -> Result<Output, GitError> {
        let stdin = self.stdin.take();
        let started = self.start(stdin.is_some())?;
        work();
        started.output(stdin)
    }

    /// Starts it now; what is to be done is told on its stdin, later.
    pub(super) fn ready(self) -> Result<Started, GitError> {
        self.start(true)
    }

    fn start(mut self, input: bool) -> Result<Started, GitError> {
        for (kept, variables) in [(self.commits, COMMITTER), (self.asks, TOKENS)] {
            for variable in variables.iter().filter(|_| !kept) {
                self.command.env_remove(variable);
            }
        }
        let child = Running::start(&mut self.command, input)
            .map_err(|error| GitError::io(format!("could not start git {}", self.subcommand), error))?;
        Ok(Started { child, subcommand: self.subcommand, limit: self.limit, deadline: self.deadline })
    }

    /// Runs to the end; anything but exit code 0 is an error. Returns stdout.
    pub fn ok(self) -> Result<Vec<u8>, GitError> {
        let subcommand = self.subcommand.clone();
        let output = self.output()?;
        match output.exit {
            Exit::Code(0) => Ok(output.stdout),
            _ => Err(output.into_error(subcommand)),
        }
    }
}

/// A call of git under way.
#[derive(Debug)]
pub(super) struct Started {
    child: Running,
    subcommand: String,
    limit: usize,
    deadline: Option<Duration>,
}

impl Started {
    /// Runs to the end; any exit is an answer.
    pub(super) fn output(self, stdin: Option<Vec<u8>>) -> Result<Output, GitError> {
        let Started { child, subcommand, limit, deadline } = self;
        let ended = child.finish(stdin, limit, deadline);
        let (status, stdout, stderr) =
            ended.map_err(|error| GitError::io(format!("lost the connection to git {subcommand}"), error))?;
        if stdout.len() > limit {
            let what = format!("more than {} MiB", limit >> 20);
            return Err(GitError::Answer { subcommand, what });
        }
        let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
        Ok(Output { exit: Exit::of(status), stdout, stderr })
    }
}

impl Output {
    /// This output as the error that it is.
    pub fn into_error(self, subcommand: impl Into<String>) -> GitError {
        let subcommand = subcommand.into();
        match self.exit {
            Exit::Code(status) => GitError::Failed { subcommand, status, stderr: self.stderr },
            Exit::Signal(signal) => GitError::Signal { subcommand, signal, stderr: self.stderr },
        }
    }
}

impl Exit {
    fn of(status: ExitStatus) -> Exit {
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            if let Some(signal) = status.signal() {
                return Exit::Signal(signal);
            }
        }
        Exit::Code(status.code().unwrap_or(-1))
    }
}

#[cfg(test)]
mod tests;
