//! Writing commits: the picked one, byte for byte the original's author and message; and the placeholder
//! that stands for a pick that conflicts.

use std::ffi::OsString;

use bstr::{BStr, BString, ByteSlice};

use super::Oid;
use super::conflict::ConflictPath;
use super::error::GitError;
use super::landed::Source;
use super::object::Commit;
use super::repo::{Repo, parse_oid};
use super::run::Exit;
use super::trailer::{self, Rules};

/// The trailer by which a placeholder is known.
const PLACEHOLDER: &str = "Backport-Conflicts: ";

/// How commits are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Add the committer's `Signed-off-by`.
    pub signoff: bool,
    /// Sign: `None` as `commit.gpgSign` says.
    pub sign: Option<bool>,
    /// Who commits, where not the one whom git is configured for: name and mail address.
    pub committer: Option<(String, String)>,
}

/// Why a commit was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// `commit-tree -S` changed what must not change.
    #[error("signing would change the {part} of {commit}")]
    Changed {
        /// The commit that is picked.
        commit: Oid,
        /// What came back different.
        part: &'static str,
    },
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl From<WriteError> for crate::error::Problem {
    fn from(error: WriteError) -> Self {
        let message = error.to_string();
        match error {
            WriteError::Git(error) => error.into(),
            WriteError::Changed { .. } => crate::error::Problem::new(crate::error::Kind::Refused, message)
                .because("git re-encodes what it signs")
                .hint("leave this one unsigned: git -c commit.gpgSign=false hotfix backport"),
        }
    }
}

/// Writes the commits of `source` onto `target`, `trees` being what [`pick`](super::pick::pick) found, and
/// returns the last. A commit that changes nothing there is left out, as `--empty=drop` would.
///
/// Author, author date, message and encoding are the original's; the committer is the user, now.
pub fn write_picks(
    repo: &Repo,
    source: &Source,
    target: Oid,
    trees: &[Oid],
    options: &Options,
) -> Result<Oid, WriteError> {
    let committer = committer(repo, options)?;
    let rules = Rules::of(repo.config()?);
    let sign = signs(repo, options)?;
    let (mut tip, mut tip_tree) = (target, repo.commit(target)?.tree);
    for (pick, &tree) in source.picks.iter().zip(trees) {
        if tree == tip_tree {
            continue;
        }
        let original = repo.commit(pick.commit)?;
        let mut message = original.message.clone();
        let line = format!("(cherry picked from commit {})", pick.commit);
        trailer::append(&mut message, line.as_bytes(), &rules);
        if options.signoff {
            let who = committer.get(..committer.rfind_byte(b'>').map_or(0, |end| end + 1));
            let line = [b"Signed-off-by: ", who.unwrap_or_default()].concat();
            trailer::append(&mut message, &line, &rules);
        }
        let draft = Draft {
            tree,
            parent: tip,
            author: original.author.raw.clone(),
            encoding: original.encoding.clone(),
            message,
        };
        let written = draft.write(repo, committer.as_ref(), sign, options).map_err(|error| match error {
            WriteError::Changed { part, .. } => WriteError::Changed { commit: pick.commit, part },
            other => other,
        })?;
        (tip, tip_tree) = (written, tree);
    }
    Ok(tip)
}

/// Writes the commits that take `source` back onto `target`, the last of its commits first, and returns the tip.
/// `trees` is what picking [`Source::reversed`] gives. Each says what git's own revert says, by which it is known.
pub fn write_reverts(
    repo: &Repo,
    source: &Source,
    target: Oid,
    trees: &[Oid],
    options: &Options,
) -> Result<Oid, WriteError> {
    let committer = committer(repo, options)?;
    let sign = signs(repo, options)?;
    let (mut tip, mut tip_tree) = (target, repo.commit(target)?.tree);
    for (pick, &tree) in source.picks.iter().rev().zip(trees) {
        if tree == tip_tree {
            continue;
        }
        let subject = repo.commit(pick.commit)?.subject();
        let title = match subject.strip_prefix("Revert \"").and_then(|rest| rest.strip_suffix('"')) {
            Some(first) => format!("Reapply \"{first}\""),
            None => format!("Revert \"{subject}\""),
        };
        let merge = match pick.mainline {
            Some(_) => format!(", reversing\nchanges made to {}", pick.base),
            None => String::new(),
        };
        let message = format!("{title}\n\nThis reverts commit {}{merge}.\n", pick.commit).into();
        let draft = Draft { tree, parent: tip, author: committer.clone(), encoding: None, message };
        (tip, tip_tree) = (draft.write(repo, committer.as_ref(), sign, options)?, tree);
    }
    Ok(tip)
}

/// Writes the placeholder for `source` onto `target`: an empty commit that names the conflicts.
pub fn write_placeholder(
    repo: &Repo,
    source: &Source,
    target: Oid,
    paths: &[ConflictPath],
    options: &Options,
) -> Result<Oid, WriteError> {
    let landed = source.tip().ok_or(GitError::MissingObject(target))?;
    let committer = committer(repo, options)?;
    let commit = repo.commit(landed)?;
    let short = landed.to_hex_with_len(8);
    let mut message = BString::from(format!(
        "Backport of {short} conflicts\n\nPicking \"{}\" conflicts here in:\n\n",
        commit.subject()
    ));
    for conflict in paths {
        message.extend_from_slice(b"    ");
        message.extend(conflict.path.iter().map(|&byte| if byte < b' ' { b'?' } else { byte }));
        message.extend_from_slice(format!("  ({})\n", conflict.kind).as_bytes());
    }
    message.extend_from_slice(
        b"\nThis commit is empty: it keeps the place of the pick and must not be merged.\n\
          Finish it with: git hotfix backport --continue\n\n",
    );
    message.extend_from_slice(format!("{PLACEHOLDER}{landed}\n").as_bytes());
    let tree = repo.commit(target)?.tree;
    let draft = Draft { tree, parent: target, author: committer.clone(), encoding: None, message };
    draft.write(repo, committer.as_ref(), signs(repo, options)?, options)
}

/// Writes a commit with the content of `resolved` on top of `placeholder`, which keeps both in its history:
/// how a branch is resolved that may not be forced.
pub fn write_on_top(repo: &Repo, placeholder: Oid, resolved: Oid, message: &str) -> Result<Oid, GitError> {
    let tree = repo.commit(resolved)?.tree.to_string();
    let (placeholder, resolved) = (placeholder.to_string(), resolved.to_string());
    let call = repo.call("commit-tree").with_committer();
    let answer =
        call.args([tree.as_str(), "-p", &placeholder, "-p", &resolved, "-F", "-"]).stdin(message).ok()?;
    parse_oid(&answer, "commit-tree")
}

/// The landed commit whose place `commit` keeps, by its trailer.
pub fn placeholder_of(commit: &Commit) -> Option<Oid> {
    let paragraph = commit.message.trim_end().rsplit_str("\n\n").next()?;
    let line = paragraph.lines().find_map(|line| line.strip_prefix(PLACEHOLDER.as_bytes()))?;
    Oid::from_hex(line.trim()).ok()
}

/// Whether `commit` changes nothing: what a placeholder without our trailer looks like.
pub fn is_empty(repo: &Repo, commit: &Commit) -> Result<bool, GitError> {
    match commit.parents[..] {
        [parent] => Ok(repo.commit(parent)?.tree == commit.tree),
        _ => Ok(false),
    }
}

/// Whether configuration or environment say who commits; what git would make up from the machine does not
/// count.
pub fn names_committer(repo: &Repo) -> Result<bool, GitError> {
    let call = repo.call_with(vec!["-c".into(), "user.useConfigOnly=true".into()], "var");
    Ok(call.with_committer().arg("GIT_COMMITTER_IDENT").output()?.exit == Exit::Code(0))
}

/// Name, mail address and time of the committer, as they stand in a commit. Asked each time: it is now.
fn committer(repo: &Repo, options: &Options) -> Result<BString, GitError> {
    if let Some(committer) = configured_committer(repo, options)? {
        return Ok(committer);
    }
    let mut call = repo.call("var").with_committer().arg("GIT_COMMITTER_IDENT");
    if let Some((name, email)) = &options.committer {
        call = call.env("GIT_COMMITTER_NAME", name).env("GIT_COMMITTER_EMAIL", email);
    }
    let answer = BString::from(call.ok()?.trim_ascii());
    match is_signature(answer.as_ref()) {
        true => Ok(answer),
        // In a commit it would be there for good, and no git could read that one any more.
        false => Err(GitError::Answer { subcommand: "var".into(), what: answer.to_string() }),
    }
}

/// Whether it is a name, a mail address and a time, in one line.
fn is_signature(raw: &BStr) -> bool {
    let of_date = |byte: &u8| byte.is_ascii_digit() || b" +-".contains(byte);
    let dated =
        raw.rsplit_once_str("> ").is_some_and(|(_, date)| !date.is_empty() && date.iter().all(of_date));
    dated && !raw.contains(&b'\n') && super::object::Signature::parse(raw).is_some()
}

/// The committer without a process, where git could only repeat what configuration says.
fn configured_committer(repo: &Repo, options: &Options) -> Result<Option<BString>, GitError> {
    let Some((seconds, offset)) = repo.git().time() else { return Ok(None) };
    let config = repo.config()?;
    let configured = |part: &str| {
        let own = config.entry(&format!("committer.{part}")).or(config.entry(&format!("user.{part}")));
        own.and_then(|entry| entry.value.clone())
    };
    let (name, email) = match &options.committer {
        Some((name, email)) => (Some(name.as_str().into()), Some(email.as_str().into())),
        None => (configured("name"), configured("email")),
    };
    let (Some(name), Some(email)) = (name.filter(is_plain), email.filter(is_plain)) else { return Ok(None) };
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs() / 60;
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let mut committer = name;
    committer.extend_from_slice(b" <");
    committer.extend_from_slice(&email);
    committer.extend_from_slice(format!("> {seconds} {sign}{hours:02}{minutes:02}").as_bytes());
    Ok(Some(committer))
}

/// Whether git takes a name or mail address as it is; it drops what could break a commit's header, and
/// punctuation at the ends.
fn is_plain(text: &BString) -> bool {
    let drops = |byte: &u8| *byte <= b' ' || b".,:;<>\"\\'".contains(byte);
    let ends = [text.first(), text.last()].into_iter().all(|end| end.is_some_and(|end| !drops(end)));
    ends && !text.iter().any(|byte| *byte < b' ' || b"<>".contains(byte))
}

fn signs(repo: &Repo, options: &Options) -> Result<bool, GitError> {
    match options.sign {
        Some(sign) => Ok(sign),
        None => Ok(repo.config()?.get_bool("commit.gpgsign").unwrap_or(false)),
    }
}

/// A commit about to be written.
struct Draft {
    tree: Oid,
    parent: Oid,
    author: BString,
    encoding: Option<BString>,
    message: BString,
}

impl Draft {
    fn write(&self, repo: &Repo, committer: &BStr, sign: bool, options: &Options) -> Result<Oid, WriteError> {
        if sign {
            return self.write_signed(repo, options);
        }
        let mut body: Vec<u8> = format!("tree {}\nparent {}\nauthor ", self.tree, self.parent).into();
        body.extend_from_slice(&self.author);
        body.extend_from_slice(b"\ncommitter ");
        body.extend_from_slice(committer);
        if let Some(encoding) = &self.encoding {
            body.extend_from_slice(b"\nencoding ");
            body.extend_from_slice(encoding);
        }
        body.extend_from_slice(b"\n\n");
        body.extend_from_slice(&self.message);
        Ok(repo.write_commit(&body)?)
    }

    /// Lets git sign, which rebuilds the commit from its parts; what comes back is compared with what was
    /// to be signed.
    fn write_signed(&self, repo: &Repo, options: &Options) -> Result<Oid, WriteError> {
        let author = super::object::Signature::parse(self.author.as_ref())
            .ok_or(GitError::Answer { subcommand: "var".into(), what: self.author.to_string() })?;
        let date = self.author.rsplit_once_str("> ").map_or(&b""[..], |(_, date)| date);
        let encoding = self.encoding.clone().unwrap_or_else(|| "UTF-8".into());
        let config = OsString::from(format!("i18n.commitEncoding={encoding}"));
        let bytes = |bytes: &[u8]| -> Result<OsString, GitError> {
            let text = bytes.to_os_str().map_err(|error| GitError::store("hand over the author", error))?;
            Ok(text.to_owned())
        };
        let mut call = repo
            .call_with(vec!["-c".into(), config], "commit-tree")
            .with_committer()
            .args(["-S", "-p", &self.parent.to_string(), &self.tree.to_string()])
            .env("GIT_AUTHOR_NAME", bytes(&author.name)?)
            .env("GIT_AUTHOR_EMAIL", bytes(&author.email)?)
            .env("GIT_AUTHOR_DATE", bytes(&[b"@", date].concat())?)
            .stdin(self.message.to_vec());
        if let Some((name, email)) = &options.committer {
            call = call.env("GIT_COMMITTER_NAME", name).env("GIT_COMMITTER_EMAIL", email);
        }
        let id = parse_oid(&call.ok()?, "commit-tree")?;
        let written = repo.commit(id)?;
        let part = match () {
            () if written.author.raw != self.author => "author",
            () if written.message != self.message => "message",
            () if written.encoding != self.encoding => "encoding",
            () => return Ok(id),
        };
        Err(WriteError::Changed { commit: id, part })
    }
}
