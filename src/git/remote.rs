//! Remotes: their addresses as git resolves them, fetch, listing, and pushes that only do what was planned.
//!
//! The network is git's, with the user's own credentials, proxies and ssh. Nothing is fetched into
//! `refs/heads`, and no push moves a branch from anywhere but where it was last seen.

use std::ffi::OsString;

use bstr::ByteSlice;

use super::Oid;
use super::config::Config;
pub use super::credential::Credential;
use super::error::GitError;
use super::reference::check_name;
use super::repo::{Repo, parse_oid};
use super::run::{Call, Exit, NO_HOOKS, Output};

/// What to fetch.
#[derive(Debug, Default)]
pub struct Fetch<'a> {
    /// A remote's name or address.
    pub remote: &'a str,
    /// Refspecs, at least one; no destination below `refs/heads`.
    pub refspecs: &'a [String],
    /// Lengthen the history of a shallow clone.
    pub deepen: Option<Deepen>,
    /// In place of the user's own credentials.
    pub credential: Option<&'a Credential>,
}

/// By how much the history of a shallow clone is lengthened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deepen {
    /// By so many commits beyond where it is cut off.
    By(u32),
    /// To the whole of it.
    All,
    /// So many commits below each tip; deeper history that was here is cut off too. For a clone that nobody
    /// keeps.
    Cut(u32),
}

/// Where a remote branch must stand for a push to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nowhere: the push creates it.
    Absent,
    /// Here.
    At(Oid),
}

/// What to push.
#[derive(Debug)]
pub struct Push<'a> {
    /// A remote's name or address.
    pub remote: &'a str,
    /// The commit; `None` deletes the branch.
    pub source: Option<Oid>,
    /// The branch's name, without `refs/heads/`.
    pub branch: &'a str,
    /// Where it must stand now.
    pub expect: Expect,
    /// Whether the user's `pre-push` hook runs.
    pub hooks: bool,
    /// In place of the user's own credentials.
    pub credential: Option<&'a Credential>,
}

/// How a push came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// The branch is new.
    Created,
    /// The branch moved, or was deleted.
    Updated,
    /// It was there already.
    UpToDate,
    /// The branch did not stand where it was expected; nothing happened.
    Stale,
    /// The other side, or the user's hook, refused.
    Rejected {
        /// Git's reason. Untrusted text.
        reason: String,
        /// What the other side said (`remote: …`). Untrusted text.
        remote_lines: Vec<String>,
    },
}

impl Repo {
    /// The names of the remotes.
    pub fn remotes(&self) -> Result<Vec<String>, GitError> {
        let names = self.config()?.subsections("remote", "url");
        Ok(names.into_iter().map(|name| name.to_string()).collect())
    }

    /// The address that a fetch from `remote` goes to, `url.<base>.insteadOf` applied.
    pub fn remote_url(&self, remote: &str) -> Result<Option<String>, GitError> {
        let config = self.config()?;
        Ok(url_of(config, remote, "url").map(|url| rewrite(config, &url, "insteadof").unwrap_or(url)))
    }

    /// The address that a push to `remote` goes to: `pushurl`, or the address with
    /// `url.<base>.pushInsteadOf` applied.
    pub fn push_url(&self, remote: &str) -> Result<Option<String>, GitError> {
        let config = self.config()?;
        if let Some(url) = url_of(config, remote, "pushurl") {
            return Ok(Some(rewrite(config, &url, "insteadof").unwrap_or(url)));
        }
        let Some(url) = url_of(config, remote, "url") else { return Ok(None) };
        let rewritten = rewrite(config, &url, "pushinsteadof").or_else(|| rewrite(config, &url, "insteadof"));
        Ok(Some(rewritten.unwrap_or(url)))
    }

    /// Fetches, leaving FETCH_HEAD, tags, other references and maintenance alone.
    pub fn fetch(&self, fetch: &Fetch<'_>) -> Result<(), GitError> {
        check_remote(fetch.remote)?;
        if fetch.refspecs.is_empty() {
            // Git would take the configured ones, which in a mirror clone move the user's branches.
            return Err(GitError::BadName { name: String::new(), role: "what to fetch" });
        }
        for refspec in fetch.refspecs {
            let bad = || GitError::BadName { name: refspec.clone(), role: "what to fetch" };
            let (source, destination) = refspec.split_once(':').unwrap_or((refspec, ""));
            if source.starts_with('-') || destination.starts_with("refs/heads") || destination == "HEAD" {
                return Err(bad());
            }
            if !destination.is_empty() && !destination.starts_with("refs/") {
                return Err(bad());
            }
        }
        match self.fetch_once(fetch) {
            // Somebody else, such as an editor, fetched meanwhile: now it is where they left it.
            Err(error) if error.lost_a_race() => self.fetch_once(fetch),
            Err(error) if error.finds_no_branch() => {
                let specs = fetch.refspecs.iter().map(|spec| spec.trim_start_matches('+'));
                let sources: Vec<&str> = specs.filter_map(|spec| spec.split(':').next()).collect();
                // Which of them are there is known only where a server of git's answers.
                match self.ls_remote(fetch.remote, &sources, fetch.credential)?.is_empty() {
                    true => Err(error),
                    false => self.fetch_once(fetch),
                }
            }
            outcome => outcome,
        }
    }

    fn fetch_once(&self, fetch: &Fetch<'_>) -> Result<(), GitError> {
        let mut call = self.network_to("fetch", fetch.remote, fetch.credential, false)?.args([
            "--quiet",
            "--no-write-fetch-head",
            "--no-tags",
            "--no-prune",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "--refmap=",
        ]);
        call = match fetch.deepen {
            Some(Deepen::By(depth)) => call.arg(format!("--deepen={depth}")),
            Some(Deepen::All) => call.arg("--unshallow"),
            Some(Deepen::Cut(depth)) => call.arg(format!("--depth={depth}")),
            None => call,
        };
        call.arg("--").arg(fetch.remote).args(fetch.refspecs).ok().map(drop)
    }

    /// Fetches objects that a partial clone lacks, by name, from the remote that promised them.
    pub(super) fn fetch_objects(&self, ids: &[Oid], credential: Option<&Credential>) -> Result<(), GitError> {
        let first = ids.first().copied();
        let Some(remote) = self.promisor()? else {
            return first.map_or(Ok(()), |id| Err(GitError::MissingObject(id)));
        };
        check_remote(&remote)?;
        let list: String = ids.iter().map(|id| format!("{id}\n")).collect();
        self.network_to("fetch", &remote, credential, false)?
            .args(["--quiet", "--no-write-fetch-head", "--no-tags", "--no-auto-maintenance"])
            .args(["--no-recurse-submodules", "--refmap=", "--filter=blob:none", "--stdin", "--", &remote])
            .stdin(list)
            .ok()
            .map(drop)
    }

    /// The references of a remote that match `patterns` (`refs/heads/release/*`).
    pub fn ls_remote(
        &self,
        remote: &str,
        patterns: &[&str],
        credential: Option<&Credential>,
    ) -> Result<Vec<(String, Oid)>, GitError> {
        check_remote(remote)?;
        let ask = |patterns: &[&str]| -> Result<Vec<u8>, GitError> {
            let call = self.network_to("ls-remote", remote, credential, false)?;
            call.args(["--quiet", "--refs", "--"]).arg(remote).args(patterns).ok()
        };
        let mut listing = ask(patterns)?;
        if listing.is_empty() {
            // Git takes any page that is answered with 200 for a repository without references.
            if ask(&[])?.is_empty() {
                return Err(GitError::NoGitServer { remote: remote.to_owned() });
            }
            listing = ask(patterns)?;
        }
        listing
            .lines()
            .filter_map(|line| line.split_once_str("\t"))
            .map(|(id, name)| Ok((name.to_str_lossy().into_owned(), parse_oid(id, "ls-remote")?)))
            .collect()
    }

    /// Pushes one branch, if it stands where it is expected.
    pub fn push(&self, push: &Push<'_>) -> Result<PushOutcome, GitError> {
        check_remote(push.remote)?;
        let full = format!("refs/heads/{}", push.branch);
        check_name(&full)?;
        let outcome = self.push_once(push, &full)?;
        if !matches!(outcome, PushOutcome::Stale | PushOutcome::Rejected { .. }) {
            return Ok(outcome);
        }
        // Told apart by looking, not by git's words.
        let listed = self.ls_remote(push.remote, &[&full], push.credential)?;
        let there = listed.into_iter().find(|(name, _)| *name == full).map(|(_, id)| id);
        let expected = match push.expect {
            Expect::Absent => None,
            Expect::At(id) => Some(id),
        };
        match outcome {
            // Git tries once more by itself where the answer is lost; that one then finds what the first did.
            _ if there == push.source => Ok(PushOutcome::UpToDate),
            // A page in place of the remote was taken for one without branches.
            PushOutcome::Stale if there == expected => self.push_once(push, &full),
            // Lost to another push on the server itself.
            _ if there != expected => Ok(PushOutcome::Stale),
            outcome => Ok(outcome),
        }
    }

    fn push_once(&self, push: &Push<'_>, full: &str) -> Result<PushOutcome, GitError> {
        let expected = match push.expect {
            Expect::Absent => String::new(),
            Expect::At(id) => id.to_string(),
        };
        let source = push.source.map(|id| id.to_string()).unwrap_or_default();
        let mut call = self.network_to("push", push.remote, push.credential, push.hooks)?;
        call = call.args(["--porcelain", "--no-follow-tags"]);
        call = call.args(["--recurse-submodules=no", "--no-signed"]);
        call = call.arg(format!("--force-with-lease={full}:{expected}"));
        let output = call.args(["--", push.remote, &format!("{source}:{full}")]).output()?;
        outcome(output, full, push.hooks)
    }

    /// A call that talks to `remote`. A user and a secret in its address (a job's checkout has them) would
    /// come before any other: with a credential of ours, they are taken out.
    fn network_to(
        &self,
        subcommand: &str,
        remote: &str,
        credential: Option<&Credential>,
        hooks: bool,
    ) -> Result<Call, GitError> {
        let config = self.config()?;
        // Where it leads counts, not how it is called here; a push goes to all of its addresses.
        let addresses = ["url", "pushurl"].map(|name| format!("remote.{remote}.{name}"));
        let values =
            addresses.iter().flat_map(|key| config.all(key)).filter_map(|entry| entry.value.as_ref());
        // An empty one only takes back those before it.
        for address in values.map(|value| value.to_str_lossy()).filter(|address| !address.is_empty()) {
            check_remote(&address)?;
            for name in ["insteadof", "pushinsteadof"] {
                rewrite(config, &address, name).map_or(Ok(()), |address| check_remote(&address))?;
            }
        }
        let pushed = if subcommand == "push" { url_of(config, remote, "pushurl") } else { None };
        let address = pushed.or_else(|| url_of(config, remote, "url"));
        let own =
            address.and_then(|address| credential.and_then(|it| Some((it.without_user(&address)?, address))));
        let mut options = Vec::new();
        if let Some((bare, _)) = &own {
            // The longest match wins, and none is longer than the whole address, which is a secret.
            for name in ["insteadOf", "pushInsteadOf"] {
                options.push(format!("--config-env=url.{bare}.{name}=GIT_HOTFIX_ADDRESS").into());
            }
        }
        if ["http.lowspeedlimit", "http.lowspeedtime"].iter().all(|key| config.get(key).is_none()) {
            // A server that accepts and then says nothing would hold us for ever. GitLab sends signs of life.
            let seconds = self.git().patience().as_secs().max(1);
            let speed = ["http.lowSpeedLimit=1".to_owned(), format!("http.lowSpeedTime={seconds}")];
            options.extend(speed.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
        }
        // Git waits for ever as well where an answer ends too early; a push can take its time.
        let call = self.network(options, subcommand, credential, hooks).within(10 * self.git().patience());
        Ok(match own {
            Some((_, address)) => call.env("GIT_HOTFIX_ADDRESS", address),
            None => call,
        })
    }

    pub(super) fn network(
        &self,
        mut options: Vec<OsString>,
        subcommand: &str,
        credential: Option<&Credential>,
        hooks: bool,
    ) -> Call {
        // A redirect would carry credentials to another host; `ext::` is a command, not a place.
        for setting in ["http.followRedirects=false", "protocol.ext.allow=never"] {
            options.extend(["-c".into(), setting.into()]);
        }
        if !hooks {
            options.extend(NO_HOOKS.map(OsString::from));
        }
        let Some(credential) = credential else {
            return self.call_with(options, subcommand).with_tokens();
        };
        let scope = format!("credential.{}", credential.origin);
        let helper = "!f() { test \"$1\" = get || exit 0; \
                      echo \"username=$GIT_HOTFIX_PUSH_USER\"; echo \"password=$GIT_HOTFIX_PUSH_SECRET\"; }; f";
        for setting in [
            "credential.helper=".to_owned(),
            format!("{scope}.helper="),
            format!("{scope}.helper={helper}"),
            // A user name in the configuration or the address must not ask for another secret.
            format!("{scope}.username={}", credential.username),
        ] {
            options.extend(["-c".into(), setting.into()]);
        }
        self.call_with(options, subcommand)
            .env("GIT_HOTFIX_PUSH_USER", &credential.username)
            .env("GIT_HOTFIX_PUSH_SECRET", &credential.secret)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS", "")
    }
}

/// How git says that a push broke off on the line, with the exit code of a refusal.
const BROKE: [&str; 4] =
    ["RPC failed", "the remote end hung up", "git-http-push failed", "unexpected disconnect"];

/// Reads `push --porcelain`: `<flag>\t<from>:<to>\t<summary>`.
pub(super) fn outcome(output: Output, full: &str, hooks: bool) -> Result<PushOutcome, GitError> {
    let said = output.stdout.to_str_lossy().into_owned();
    let suffix = format!(":{full}");
    let line = said.lines().find_map(|line| {
        let mut fields = line.splitn(3, '\t');
        let (flag, refs, summary) = (fields.next()?, fields.next()?, fields.next()?);
        refs.ends_with(&suffix).then_some((flag, summary))
    });
    let remote_lines = || -> Vec<String> {
        let lines = output.stderr.lines().filter_map(|line| line.strip_prefix("remote:"));
        lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    };
    let outcome = match (line, output.exit) {
        (Some(("*", _)), Exit::Code(0)) => PushOutcome::Created,
        (Some((" " | "+" | "-", _)), Exit::Code(0)) => PushOutcome::Updated,
        (Some(("=", _)), Exit::Code(0)) => PushOutcome::UpToDate,
        (Some(("!", summary)), Exit::Code(1)) => match summary {
            // The lease did not hold, or the ref moved between the server's greeting and its update.
            s if s.contains("(stale info)") || s.contains("(fetch first)") => PushOutcome::Stale,
            s => {
                let reason = s.rsplit_once('(').map_or(s, |(_, reason)| reason.trim_end_matches(')'));
                PushOutcome::Rejected { reason: reason.to_owned(), remote_lines: remote_lines() }
            }
        },
        // Git says nothing about the branch when the user's own hook refused, nor when the line broke.
        (None, Exit::Code(1)) if hooks && !BROKE.iter().any(|words| output.stderr.contains(words)) => {
            PushOutcome::Rejected {
                reason: "a hook refused the push".to_owned(),
                remote_lines: output.stderr.lines().map(str::to_owned).collect(),
            }
        }
        _ => return Err(output.into_error("push")),
    };
    Ok(outcome)
}

fn url_of(config: &Config, remote: &str, name: &str) -> Option<String> {
    // With several addresses git fetches from the first and pushes to all; ours is the first.
    let key = format!("remote.{remote}.{name}");
    let entry = config.all(&key).next()?;
    entry.value.as_ref().map(|value| value.to_str_lossy().into_owned())
}

/// The longest matching prefix wins.
pub(super) fn rewrite(config: &Config, url: &str, name: &str) -> Option<String> {
    let bases = config.subsections("url", name);
    let (base, prefix) = bases
        .iter()
        .flat_map(|base| {
            let key = format!("url.{base}.{name}");
            let prefixes: Vec<String> = config
                .all(&key)
                .filter_map(|entry| entry.value.as_ref().map(|value| value.to_str_lossy().into_owned()))
                .collect();
            prefixes.into_iter().map(move |prefix| (base, prefix))
        })
        .filter(|(_, prefix)| url.starts_with(prefix.as_str()))
        .max_by_key(|(_, prefix)| prefix.len())?;
    Some(format!("{base}{}", url.get(prefix.len()..)?))
}

pub(super) fn check_remote(remote: &str) -> Result<(), GitError> {
    // What git would start a program of that name for: `ext::<command>`, `fd::<number>` and their kin.
    let scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let helper = remote.trim_start_matches(scheme).starts_with("::");
    // A host that begins with a dash would reach ssh as an option, and so would a user.
    let place = remote.split_once("://").map_or(remote, |(_, rest)| rest);
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    let option = [remote, place, host].iter().any(|part| part.starts_with('-'));
    if remote.is_empty() || helper || option || remote.contains('\0') {
        return Err(GitError::BadName { name: remote.to_owned(), role: "a remote" });
    }
    Ok(())
}
