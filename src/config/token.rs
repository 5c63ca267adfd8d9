//! Where the API token comes from, and for which host.
//!
//! Owns the order of sources and the rule that a token found for one host is never used for another.
//! A value leaves this file only inside a [`Secret`]; what is shown is the source.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use url::Url;

use super::env::{self, Env};
use super::value::instance_url;
use crate::http::{Origin, Secret};

/// A place where a token may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// An environment variable.
    Variable(&'static str),
    /// glab's configuration file.
    Glab(PathBuf),
    /// `git credential fill`.
    GitCredential,
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenSource::Variable(name) => f.write_str(name),
            TokenSource::Glab(path) => write!(f, "glab ({})", path.display()),
            TokenSource::GitCredential => f.write_str("git credential"),
        }
    }
}

/// What came of looking for a token.
pub struct Search {
    /// The first one that fits the host.
    pub found: Option<(Secret, TokenSource)>,
    /// Sources before it that were passed over, and why; sources where nothing is set are not named.
    pub skipped: Vec<(TokenSource, String)>,
}

/// Looks for the token of one host, in the documented order. `credential` asks git for it and is called
/// only when nothing else is found; its error says why there is none.
pub fn find(
    origin: &Origin,
    env: &Env,
    credential: &dyn Fn(&Origin) -> Result<Option<Secret>, String>,
) -> Search {
    let mut search = Search { found: None, skipped: Vec::new() };
    let bound = variables_belong_to(env);
    for name in [env::TOKEN, env::GITLAB_TOKEN] {
        let Some(value) = env.get(name) else { continue };
        let source = TokenSource::Variable(name);
        let other = match &bound {
            Err(why) => why.clone(),
            Ok((home, by)) if home != origin => format!("it is for {home} ({by}), not {origin}"),
            Ok(_) => {
                // Whoever set a variable for this host did not mean to be somebody else.
                let usable = Secret::new(value).ok_or_else(|| "its value is no token".to_owned());
                search.take(source, usable.map(Some));
                return search;
            }
        };
        search.take(source, Err(other));
    }
    if let Some(path) = glab_config(env) {
        let usable = read_private(&path).and_then(|text| match text {
            Some(text) => glab_token(&text, &origin.host()),
            None => Ok(None),
        });
        if search.take(TokenSource::Glab(path), usable) {
            return search;
        }
    }
    search.take(TokenSource::GitCredential, credential(origin));
    search
}

impl Search {
    /// Keeps what a source gave; true when that ends the search.
    fn take(&mut self, source: TokenSource, usable: Result<Option<Secret>, String>) -> bool {
        match usable {
            Ok(Some(secret)) => self.found = Some((secret, source)),
            Ok(None) => {}
            Err(why) => self.skipped.push((source, why)),
        }
        self.found.is_some()
    }
}

/// The origin that the token variables belong to, and what says so.
fn variables_belong_to(env: &Env) -> Result<(Origin, &'static str), String> {
    for name in [env::URL, env::GITLAB_HOST, env::CI_SERVER_URL] {
        if let Some(text) = env.get(name) {
            let url: Url = instance_url(text).map_err(|why| format!("{name}: {why}"))?;
            return Origin::of(&url)
                .map(|origin| (origin, name))
                .ok_or_else(|| format!("{name} is no address"));
        }
    }
    let url = instance_url("gitlab.com")?;
    Origin::of(&url).map(|origin| (origin, "where no variable names a host")).ok_or_else(String::new)
}

fn glab_config(env: &Env) -> Option<PathBuf> {
    let file = |directory: PathBuf| directory.join("config.yml");
    if let Some(directory) = env.get_os(env::GLAB_CONFIG_DIR) {
        return Some(file(PathBuf::from(directory)));
    }
    if let Some(directory) = env.get_os(env::XDG_CONFIG_HOME) {
        return Some(file(Path::new(directory).join("glab-cli")));
    }
    let home = Path::new(env.get_os(env::HOME)?);
    Some(file(home.join(".config").join("glab-cli")))
}

/// Reads a file that nobody else may read. `None` when there is none.
fn read_private(path: &Path) -> Result<Option<String>, String> {
    const LONGEST: u64 = 1 << 20;
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // Asked of the open file, so that it cannot be swapped in between.
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = metadata.permissions().mode();
        if mode & 0o077 != 0 {
            let (mode, path) = (mode & 0o777, path.display());
            return Err(format!("others may read it (mode {mode:o}); mend it with: chmod 600 {path}"));
        }
    }
    let mut text = String::new();
    match file.take(LONGEST).read_to_string(&mut text) {
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(error.to_string()),
    }
}

/// The token of exactly this host in glab's configuration:
///
/// ```yaml
/// hosts:
///     gitlab.example:
///         token: glpat-…
/// ```
///
/// Reads this shape and no other YAML: what looks different is passed over rather than guessed at.
pub(super) fn glab_token(text: &str, host: &str) -> Result<Option<Secret>, String> {
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut found: Option<String> = None;
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        if content.starts_with('\t') {
            return Err("tabs are no YAML indentation".to_owned());
        }
        let depth = line.len() - content.len();
        path.retain(|(other, _)| *other < depth);
        // A host may hold a port, so the colon that ends the key is the one before a space or the end.
        let (key, value) = match content.trim_end().split_once(": ") {
            Some((key, value)) => (key, value.trim()),
            None => (content.trim_end().trim_end_matches(':'), ""),
        };
        path.push((depth, unquote(key.trim()).to_ascii_lowercase()));
        let names: Vec<&str> = path.iter().map(|(_, name)| name.as_str()).collect();
        if names == ["hosts", host, "token"] && !value.is_empty() {
            if found.is_some() {
                return Err(format!("it names {host} twice"));
            }
            found = Some(scalar(value).to_owned());
        }
    }
    match found.as_deref() {
        None | Some("") => Ok(None),
        Some(value) => Secret::new(value).map(Some).ok_or_else(|| "its value is no token".to_owned()),
    }
}

/// A value without its tag, quotes and comment. glab marks tokens with `!!null`.
fn scalar(value: &str) -> &str {
    let value = value.strip_prefix("!!null ").or(value.strip_prefix("!!str ")).unwrap_or(value).trim();
    let value = value.split_once(" #").map_or(value, |(value, _)| value.trim());
    let nothing = matches!(value, "!!null" | "null" | "~") || value.starts_with('#');
    if nothing { "" } else { unquote(value) }
}

fn unquote(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "glpat-canary-0123456789";

    fn origin(text: &str) -> Origin {
        Origin::of(&Url::parse(text).unwrap()).unwrap()
    }

    fn show(search: &Search) -> String {
        let found = search.found.as_ref().map_or("none".to_owned(), |(_, source)| source.to_string());
        let skipped = search.skipped.iter().map(|(source, why)| format!("\n{source}: {why}"));
        format!("{found}{}", skipped.collect::<String>())
    }

    fn nothing(_: &Origin) -> Result<Option<Secret>, String> {
        Ok(None)
    }

    fn look(host: &str, pairs: &[(&str, &str)]) -> String {
        show(&find(&origin(host), &Env::of(pairs), &nothing))
    }

    #[test]
    fn variables_belong_to_one_host() {
        let token = (env::TOKEN, SECRET);
        let other = (env::GITLAB_TOKEN, SECRET);
        for (host, pairs, source) in [
            ("https://gitlab.com", vec![token], "GIT_HOTFIX_TOKEN"),
            ("https://gitlab.com", vec![token, other], "GIT_HOTFIX_TOKEN"),
            ("https://gitlab.com:443", vec![other], "GITLAB_TOKEN"),
            ("https://x.example", vec![other, (env::GITLAB_HOST, "x.example")], "GITLAB_TOKEN"),
            (
                "https://x.example",
                vec![other, (env::GITLAB_HOST, "https://X.example/gitlab")],
                "GITLAB_TOKEN",
            ),
            (
                "https://x.example:8443",
                vec![other, (env::CI_SERVER_URL, "https://x.example:8443")],
                "GITLAB_TOKEN",
            ),
            ("http://127.0.0.1:99", vec![token, (env::URL, "http://127.0.0.1:99")], "GIT_HOTFIX_TOKEN"),
            (
                "https://x.example",
                vec![token, (env::URL, "x.example"), (env::GITLAB_HOST, "y.example")],
                "GIT_HOTFIX_TOKEN",
            ),
        ] {
            assert_eq!(look(host, &pairs), source, "{host}");
        }
        for (host, pairs) in [
            ("https://x.example", vec![token]),
            ("https://gitlab.com.evil.example", vec![token]),
            ("https://gitlab.com:8443", vec![token]),
            ("http://gitlab.com", vec![token]),
            ("https://gitlab.com", vec![token, (env::GITLAB_HOST, "x.example")]),
            ("https://y.example", vec![token, (env::URL, "x.example"), (env::GITLAB_HOST, "y.example")]),
            ("https://x.example", vec![token, (env::URL, "http://x.example")]),
        ] {
            let shown = look(host, &pairs);
            assert!(shown.starts_with("none\nGIT_HOTFIX_TOKEN: "), "{shown}");
            assert!(!shown.contains("canary"));
        }
        insta::assert_snapshot!(look("https://x.example", &[token, other, (env::GITLAB_HOST, "y.example:8443")]), @"
        none
        GIT_HOTFIX_TOKEN: it is for https://y.example:8443 (GITLAB_HOST), not https://x.example
        GITLAB_TOKEN: it is for https://y.example:8443 (GITLAB_HOST), not https://x.example
        ");
    }

    #[test]
    fn git_is_asked_last() {
        let ask = |origin: &Origin| {
            assert_eq!(origin.host(), "x.example");
            Ok(Secret::new(SECRET))
        };
        assert_eq!(show(&find(&origin("https://x.example"), &Env::default(), &ask)), "git credential");
        let never = |_: &Origin| panic!("the variable comes first");
        find(&origin("https://gitlab.com"), &Env::of(&[(env::TOKEN, SECRET)]), &never);
        // Set for this host and of no use: nobody else's token takes its place.
        let slip = find(&origin("https://gitlab.com"), &Env::of(&[(env::TOKEN, "canary two")]), &never);
        assert_eq!(show(&slip), "none\nGIT_HOTFIX_TOKEN: its value is no token");
        let failed = |_: &Origin| Err("git has no helper".to_owned());
        let shown = show(&find(&origin("https://x.example"), &Env::default(), &failed));
        assert_eq!(shown, "none\ngit credential: git has no helper");
    }

    #[cfg(unix)]
    #[test]
    fn glabs_file_must_be_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yml");
        std::fs::write(&path, format!("hosts:\n  x.example:\n    token: {SECRET}\n")).unwrap();
        let pairs = [(env::GLAB_CONFIG_DIR, directory.path().to_str().unwrap())];
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o600);
        assert_eq!(look("https://x.example", &pairs), format!("glab ({})", path.display()));
        assert_eq!(look("https://y.example", &pairs), "none");
        for open in [0o640, 0o604, 0o666] {
            mode(open);
            let shown = look("https://x.example", &pairs);
            assert!(shown.contains("others may read it") && shown.contains("chmod 600"), "{shown}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(look("https://x.example", &pairs), "none");
    }

    #[test]
    fn glabs_file_is_read_strictly() {
        let token = |text: &str, host: &str| match glab_token(text, host) {
            Ok(secret) => secret.map_or("-".to_owned(), |secret| secret.expose().to_owned()),
            Err(why) => why,
        };
        let usual = "# comment\ngit_protocol: ssh\ntoken: top\nhosts:\n    gitlab.com:\n        token: !!null one\n        api_host: gitlab.com\n    x.example:8443:\n        user: ana\n        token: \"two\"\n    'y.example':\n        token: # none\n\nlast: x\n";
        for (host, value) in [
            ("gitlab.com", "one"),
            ("x.example:8443", "two"),
            ("x.example", "-"),
            ("y.example", "-"),
            ("api_host", "-"),
        ] {
            assert_eq!(token(usual, host), value, "{host}");
        }
        for (text, value) in [
            ("", "-"),
            ("hosts:", "-"),
            ("hosts:\n  h:\n    token: a b\n", "its value is no token"),
            ("hosts:\n  h:\n    token: a # note\n", "a"),
            ("hosts:\n  h:\n    token: null\n", "-"),
            ("hosts:\n  h:\n    token: !!null\n", "-"),
            ("hosts:\n\th:\n", "tabs are no YAML indentation"),
            ("hosts:\n  h:\n    token: a\n  h:\n    token: b\n", "it names h twice"),
            ("hosts:\n  h:\n    x:\n      token: a\n", "-"),
            ("other:\n  hosts:\n    h:\n      token: a\n", "-"),
            ("hosts:\n  h: {token: a}\n", "-"),
            ("hosts: {h: {token: a}}\n", "-"),
            ("hosts:\nh:\n  token: a\n", "-"),
        ] {
            assert_eq!(token(text, "h"), value, "{text}");
        }
    }
}
