//! Git's configuration as git itself sees it, from one listing: `-c`, `includeIf`, scopes and origins are
//! right by construction. Read only.

use std::fmt;
use std::path::Path;

use bstr::{BString, ByteSlice};

use super::error::GitError;
use super::run::{Call, Git};

/// What git is asked for.
pub(super) const LISTING: [&str; 4] = ["--list", "-z", "--show-scope", "--show-origin"];

/// Where a value comes from, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The machine's file.
    System,
    /// The user's file.
    Global,
    /// This repository's file.
    Local,
    /// This work tree's file.
    Worktree,
    /// `git -c` or `GIT_CONFIG_*`.
    Command,
}

impl Scope {
    /// Whether it says something of one clone alone.
    pub fn is_of_clone(self) -> bool {
        matches!(self, Scope::Local | Scope::Worktree)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::System => "system",
            Scope::Global => "global",
            Scope::Local => "local",
            Scope::Worktree => "worktree",
            Scope::Command => "command",
        })
    }
}

/// One line of configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `section.subsection.name`; section and name in lower case, the subsection as written.
    pub key: BString,
    /// The value; `None` for a bare `name`, which is true.
    pub value: Option<BString>,
    /// Where it comes from.
    pub scope: Scope,
    /// `file:<path>`, `command line:` and the like.
    pub origin: BString,
}

/// All configuration, in the order in which later lines win.
#[derive(Debug, Clone, Default)]
pub struct Config {
    entries: Vec<Entry>,
}

impl Config {
    /// Reads `git config --list -z --show-scope --show-origin`.
    pub(super) fn parse(listing: &[u8]) -> Result<Config, GitError> {
        let answer = |what: &[u8]| GitError::Answer {
            subcommand: "config".into(),
            what: String::from_utf8_lossy(what).into_owned(),
        };
        let mut entries = Vec::new();
        let mut fields = listing.strip_suffix(b"\0").unwrap_or(listing).split(|&byte| byte == 0);
        while let Some(scope) = fields.next().filter(|scope| !scope.is_empty()) {
            let (Some(origin), Some(line)) = (fields.next(), fields.next()) else {
                return Err(answer(scope));
            };
            let scope = match scope {
                b"system" => Scope::System,
                b"global" => Scope::Global,
                b"local" | b"submodule" => Scope::Local,
                b"worktree" => Scope::Worktree,
                b"command" => Scope::Command,
                other => return Err(answer(other)),
            };
            let (key, value) = match line.split_once_str("\n") {
                Some((key, value)) => (key, Some(value.into())),
                None => (line, None),
            };
            entries.push(Entry { key: key.into(), value, scope, origin: origin.into() });
        }
        Ok(Config { entries })
    }

    /// What counts in a folder, which may be in no repository.
    pub fn around(git: &Git, dir: Option<&Path>) -> Result<Config, GitError> {
        let call = git.inherited("config").args(LISTING);
        Config::parse(&dir.into_iter().fold(call, Call::cwd).ok()?)
    }

    /// Every line, weakest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The lines of `key`, weakest first. Section and name in lower case, the subsection exact.
    pub fn all(&self, key: &str) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.key == key)
    }

    /// The line of `key` that wins.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.all(key).next_back()
    }

    /// The winning value, as text. A bare `name` has none.
    pub fn get(&self, key: &str) -> Option<String> {
        self.entry(key)?.value.as_ref().map(|value| value.to_str_lossy().into_owned())
    }

    /// The winning value as git reads a boolean; `None` where it is unset or not a boolean.
    pub fn get_bool(&self, key: &str) -> Option<bool> {
        let entry = self.entry(key)?;
        let Some(value) = &entry.value else { return Some(true) };
        let value = value.to_str_lossy().to_ascii_lowercase();
        match value.as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" | "" => Some(false),
            number => {
                let digits = number.trim_end_matches(['k', 'm', 'g']);
                digits.parse::<i64>().ok().map(|number| number != 0)
            }
        }
    }

    /// The subsections of `section` that have a line `name`: `("remote", "url")` lists the remotes.
    pub fn subsections(&self, section: &str, name: &str) -> Vec<BString> {
        let (head, tail) = (format!("{section}."), format!(".{name}"));
        let mut found: Vec<BString> = Vec::new();
        for entry in &self.entries {
            let Some(rest) = entry.key.strip_prefix(head.as_bytes()) else { continue };
            let Some(subsection) = rest.strip_suffix(tail.as_bytes()) else { continue };
            if !found.iter().any(|known| known == subsection) {
                found.push(subsection.into());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &[u8] = b"system\0file:/etc/gitconfig\0core.bare\ntrue\0\
        global\0file:/home/u/.gitconfig\0core.bare\n0\0\
        local\0file:.git/config\0remote.my.fork.url\nhttps://h/\nx\0\
        local\0file:.git/config\0hotfix.flag\0\
        command\0command line:\0remote.Origin.url\nu\0";

    #[test]
    fn later_scopes_win_and_say_where_they_stand() {
        let config = Config::parse(LISTING).unwrap();
        assert_eq!(config.get_bool("core.bare"), Some(false));
        assert_eq!(config.entry("core.bare").unwrap().scope, Scope::Global);
        assert_eq!(config.all("core.bare").count(), 2);
        assert_eq!(config.get_bool("hotfix.flag"), Some(true));
        assert_eq!(config.get("hotfix.flag"), None);
        assert_eq!(config.get("remote.my.fork.url").unwrap(), "https://h/\nx");
        assert_eq!(config.subsections("remote", "url"), ["my.fork", "Origin"]);
    }

    #[test]
    fn half_a_line_is_no_configuration() {
        assert!(Config::parse(b"local\0file:x\0").is_err());
        assert!(Config::parse(b"nowhere\0file:x\0a.b\0").is_err());
        assert!(Config::parse(b"").unwrap().entries().is_empty());
    }
}
