//! What goes wrong with git, typed for code that branches and turned into a `Problem` for people.

use std::path::PathBuf;

use super::Oid;
use super::version::Version;
use crate::error::{Kind, Problem};

/// A plain I/O result.
pub(super) type Io<T> = std::io::Result<T>;

/// Why git, or reading a repository, failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No usable git in `PATH`.
    #[error("git was not found in PATH")]
    NotFound,
    /// Git is older than [`Version::MINIMUM`].
    #[error("git {version} is too old: {} or newer is needed", Version::MINIMUM)]
    TooOld {
        /// Which git.
        program: PathBuf,
        /// What it calls itself.
        version: Version,
    },
    /// Git refused the place as a repository: there is none, or it is not trusted.
    #[error("not in a usable git repository")]
    NotARepository {
        /// Git's own words.
        stderr: String,
    },
    /// Git exited with an error.
    #[error("git {subcommand} failed (exit code {status})")]
    Failed {
        /// The subcommand.
        subcommand: String,
        /// The exit code.
        status: i32,
        /// Git's own words.
        stderr: String,
    },
    /// A signal ended git.
    #[error("git {subcommand} was ended by signal {signal}")]
    Signal {
        /// The subcommand.
        subcommand: String,
        /// The signal's number.
        signal: i32,
        /// Git's own words.
        stderr: String,
    },
    /// Git answered something we cannot read.
    #[error("git {subcommand} answered something unexpected: {what}")]
    Answer {
        /// The subcommand.
        subcommand: String,
        /// What we got.
        what: String,
    },
    /// An object is not in this repository.
    #[error("object {0} is not in this repository")]
    MissingObject(Oid),
    /// The question cannot be decided because the history here is cut off (`git fetch --depth`).
    #[error("this clone is shallow and its history ends before the answer")]
    Shallow,
    /// A name that would be dangerous or impossible to hand to git.
    #[error("`{name}` cannot be used as {role}")]
    BadName {
        /// The name.
        name: String,
        /// What it was to be.
        role: &'static str,
    },
    /// A reference was not where we left it.
    #[error("{name} moved meanwhile")]
    RefMoved {
        /// The full name.
        name: String,
    },
    /// What answered is no git server: a sign-in page, a proxy.
    #[error("{remote} does not answer as a git server does")]
    NoGitServer {
        /// The remote.
        remote: String,
    },
    /// The object database or references could not be read or written.
    #[error("could not {what}")]
    Store {
        /// What we were doing.
        what: String,
        /// Why it failed.
        cause: String,
    },
    /// The operating system said no.
    #[error("{what}")]
    Io {
        /// What we were doing.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// How git and ssh say that the remote does not let this user in.
const REFUSED: &[&str] = &[
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "Permission denied (",
    "Host key verification failed",
    "returned error: 401",
    "returned error: 403",
    "returned error: 404",
    "repository not found",
    ".git/' not found",
];

/// How git says that it was sent elsewhere; it is told not to go there.
const REDIRECTED: &[&str] = &[
    "returned error: 301",
    "returned error: 302",
    "returned error: 303",
    "returned error: 307",
    "returned error: 308",
];

/// How git says that it knows no such remote.
const NO_REMOTE: &[&str] = &["does not appear to be a git repository", "No such remote"];

/// How git says that the remote has no such branch.
const NO_BRANCH: &[&str] = &["couldn't find remote ref"];

/// How git says that it is this machine that stops a fetch or a push. Everything else that stops them came
/// over the line: a server that is gone, one that is none of git's, an answer that broke off.
const HERE: &[&str] = &[
    "No space left",
    "no space left",
    "cannot lock ref",
    "unable to create",
    "unable to write",
    "insufficient permission",
    "Read-only file system",
    "not a git repository",
];

/// What talks to a remote.
const NETWORK: &[&str] = &["fetch", "ls-remote", "push"];

fn says(stderr: &str, words: &[&str]) -> bool {
    words.iter().any(|words| stderr.contains(words))
}

impl GitError {
    pub(super) fn io(what: impl Into<String>, source: std::io::Error) -> GitError {
        GitError::Io { what: what.into(), source }
    }

    pub(super) fn store(what: impl Into<String>, cause: impl std::fmt::Display) -> GitError {
        GitError::Store { what: what.into(), cause: format!("{cause:#}") }
    }

    /// Whether a reference was not where git saw it a moment before.
    pub(super) fn lost_a_race(&self) -> bool {
        matches!(self, GitError::Failed { stderr, .. } if says(stderr, &["cannot lock ref"]))
    }

    /// Whether a branch is said to be missing on the remote.
    pub(super) fn finds_no_branch(&self) -> bool {
        matches!(self, GitError::Failed { stderr, .. } if says(stderr, NO_BRANCH))
    }

    /// Whether it was the line, or what is at its other end, that failed.
    fn silent(&self) -> bool {
        match self {
            GitError::NoGitServer { .. } => true,
            GitError::Failed { subcommand, stderr, .. } => {
                NETWORK.contains(&subcommand.as_str()) && !says(stderr, HERE)
            }
            // Killed, or told to end because the other side said nothing.
            GitError::Signal { subcommand, .. } => NETWORK.contains(&subcommand.as_str()),
            _ => false,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            GitError::NotFound
            | GitError::TooOld { .. }
            | GitError::NotARepository { .. }
            | GitError::BadName { .. } => Kind::Config,
            // A Ctrl-C goes to all of us, and the child may be the first to fall.
            GitError::Signal { signal: 2, .. } => Kind::Interrupted,
            GitError::RefMoved { .. } | GitError::MissingObject(_) | GitError::Shallow => Kind::Refused,
            GitError::Failed { stderr, .. }
                if [REFUSED, REDIRECTED, NO_REMOTE, NO_BRANCH].iter().any(|w| says(stderr, w)) =>
            {
                Kind::Config
            }
            error if error.silent() => Kind::Unreachable,
            _ => Kind::Failed,
        }
    }

    fn cause(&self) -> Option<String> {
        match self {
            GitError::NotARepository { stderr } => Some(stderr.lines().next().unwrap_or_default().to_owned()),
            GitError::Failed { stderr, .. } | GitError::Signal { stderr, .. } => Some(stderr.clone()),
            GitError::Store { cause, .. } => Some(cause.clone()),
            GitError::Io { source, .. } => Some(source.to_string()),
            GitError::TooOld { program, .. } => Some(format!("it is {}", program.display())),
            _ => None,
        }
        .filter(|cause| !cause.is_empty())
    }

    /// The command with which git itself mends it, where its words hold one.
    fn mended_by_git(&self) -> Option<String> {
        let GitError::NotARepository { stderr } = self else { return None };
        let line = stderr.lines().map(str::trim).find(|line| line.starts_with("git config"))?;
        Some(format!("where you trust it: {line}"))
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            GitError::NotFound => "install git 2.38 or newer and put it in PATH",
            GitError::TooOld { .. } => "install git 2.38 or newer, first in PATH",
            GitError::NotARepository { .. } => "run it inside a clone, or give one: git -C <dir> hotfix",
            GitError::MissingObject(_) => "git fetch",
            GitError::Shallow => "git fetch --unshallow",
            GitError::RefMoved { .. } => "run the same command again",
            GitError::Failed { stderr, .. } if says(stderr, NO_REMOTE) => {
                "see the remotes there are: git remote -v   (and name one: git config hotfix.remote <name>)"
            }
            GitError::Failed { stderr, .. } if says(stderr, NO_BRANCH) => {
                "see the branches there are: git ls-remote --heads   (and which are looked for: git hotfix doctor --config)"
            }
            GitError::BadName { role: "a remote", .. } => {
                "give it an https or ssh address: git remote set-url <name> <url>"
            }
            GitError::Failed { stderr, .. } if says(stderr, REFUSED) => {
                "see whether git may use the remote at all: git fetch   (and the rest: git hotfix doctor)"
            }
            GitError::Failed { stderr, .. } if says(stderr, REDIRECTED) => {
                "redirects are not followed; set the final address: git remote set-url origin <url>"
            }
            error if error.silent() => "nothing was concluded; run the same command again",
            GitError::Failed { subcommand, .. } if subcommand == "var" => {
                "git config user.name <name> && git config user.email <address>"
            }
            GitError::Failed { .. } | GitError::Signal { .. } | GitError::Answer { .. } => {
                "mend what git says, then run the same command again"
            }
            GitError::Io { .. } | GitError::Store { .. } => {
                "mend what is said above, then run the same command again"
            }
            _ => return None,
        })
    }
}

impl From<GitError> for Problem {
    fn from(error: GitError) -> Problem {
        let mut problem = Problem::new(error.kind(), error.to_string());
        problem.causes.extend(error.cause());
        problem.hints.extend(error.mended_by_git().or_else(|| error.hint().map(str::to_owned)));
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_git_does_not_trust_is_mended_in_gits_own_words() {
        let stderr = "fatal: detected dubious ownership in repository at '/srv/web'\n\
                      To add an exception for this directory, call:\n\n\
                      \tgit config --global --add safe.directory /srv/web";
        let problem = Problem::from(GitError::NotARepository { stderr: stderr.into() });
        assert_eq!(problem.causes, ["fatal: detected dubious ownership in repository at '/srv/web'"]);
        let hint = "where you trust it: git config --global --add safe.directory /srv/web";
        assert_eq!(problem.hints, [hint]);
        let problem =
            Problem::from(GitError::NotARepository { stderr: "fatal: not a git repository".into() });
        assert_eq!(problem.hints, ["run it inside a clone, or give one: git -C <dir> hotfix"]);
    }

    #[test]
    fn a_remote_that_is_silent_is_not_one_that_refuses() {
        let kind = |stderr: &str| {
            let failed = GitError::Failed { subcommand: "fetch".into(), status: 128, stderr: stderr.into() };
            Problem::from(failed).kind
        };
        let access = "fatal: unable to access 'https://gitlab.example/shop/web.git/': ";
        assert_eq!(kind(&format!("{access}Recv failure: Connection reset by peer")), Kind::Unreachable);
        assert_eq!(kind(&format!("{access}The requested URL returned error: 502")), Kind::Unreachable);
        assert_eq!(kind(&format!("{access}The requested URL returned error: 403")), Kind::Config);
        assert_eq!(kind("fatal: Authentication failed for 'https://gitlab.example/'"), Kind::Config);
        // What breaks on the way says nothing of the remote; what breaks at home is a failure.
        assert_eq!(kind("fatal: bad object 1234"), Kind::Unreachable);
        let stderr = "fatal: bad object 1234".to_owned();
        let failed = GitError::Failed { subcommand: "update-ref".into(), status: 128, stderr };
        assert_eq!(Problem::from(failed).kind, Kind::Failed);
    }
}
