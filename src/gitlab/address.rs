//! Where a project is: from the URL of a git remote to an instance and a path.
//!
//! Owns the reading of remote URLs. It is strict where spellings differ between parsers, since the
//! address decides which host gets a token: what it does not fully understand it refuses. It never
//! panics, and it does no network.

use std::fmt;

use url::Url;

use crate::error::{Kind, Problem};
use crate::http::Origin;

/// An instance and a project on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    base: Url,
    project: String,
}

/// Why a text is no address of a GitLab project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnAddress {
    what: String,
    /// Whether another instance would mend it; else only another remote does.
    of_instance: bool,
}

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for NotAnAddress {}

impl From<NotAnAddress> for Problem {
    fn from(error: NotAnAddress) -> Problem {
        let problem = Problem::new(Kind::Config, error.what);
        match error.of_instance {
            true => problem.hint("name the instance, as in: git config hotfix.url https://gitlab.example"),
            false => problem
                .hint("give the remote its address on GitLab: git remote set-url <name> <url>")
                .hint("or use another remote: git config hotfix.remote <name>"),
        }
    }
}

fn refuse<T>(what: impl Into<String>) -> Result<T, NotAnAddress> {
    Err(NotAnAddress { what: what.into(), of_instance: false })
}

fn refuse_instance<T>(what: impl Into<String>) -> Result<T, NotAnAddress> {
    Err(NotAnAddress { what: what.into(), of_instance: true })
}

impl Address {
    /// A project, by its path, on the instance at `base`.
    pub fn new(base: &Url, project: &str) -> Result<Address, NotAnAddress> {
        let Some(origin) = Origin::of(base) else {
            return refuse_instance(format!(
                "a GitLab instance is reached over https, not {}",
                base.scheme()
            ));
        };
        if !origin.is_private() {
            return refuse_instance(format!("{origin} is plain http, over which no token may travel"));
        }
        let project = project.trim_end_matches('/');
        let project = project.strip_suffix(".git").unwrap_or(project);
        check_project(project)?;
        let root = base.path().trim_end_matches('/');
        let text = format!("{origin}{root}/");
        let Ok(base) = Url::parse(&text) else {
            return refuse_instance(format!("no usable address: {text}"));
        };
        Ok(Address { base, project: project.to_owned() })
    }

    /// The project a remote points to. `instance`, from the configuration, says where the web side is
    /// when the remote does not: instances below a path, ssh aliases, unusual ports.
    pub fn of_remote(remote: &str, instance: Option<&Url>) -> Result<Address, NotAnAddress> {
        let remote = Remote::parse(remote)?;
        let Some(base) = instance else {
            let port = remote.web_port.map(|port| format!(":{port}")).unwrap_or_default();
            let scheme = if remote.plain { "http" } else { "https" };
            let text = format!("{scheme}://{}{port}/", remote.host);
            let Ok(base) = Url::parse(&text) else {
                return refuse(format!("not a GitLab URL: no such host: {}", remote.host));
            };
            return Address::new(&base, remote.path);
        };
        let root = base.path().trim_matches('/');
        // Only web addresses carry the instance's own path; those of ssh begin at the group.
        if !remote.web || root.is_empty() {
            return Address::new(base, remote.path);
        }
        match remote.path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')) {
            Some(path) => Address::new(base, path),
            None => refuse_instance(format!("the remote is not below {base}")),
        }
    }

    /// The project that somebody names: by its address, as `host/group/project`, or by its path on the instance
    /// at `base`. The first word is a host where it has a dot or a port and two more follow.
    pub fn named(text: &str, base: &Url) -> Result<Address, NotAnAddress> {
        let first = text.split('/').next().unwrap_or_default();
        let hosted = text.matches('/').count() > 1 && first.contains(['.', ':']);
        let whole = match text.contains("://") || first.contains('@') {
            true => text.to_owned(),
            false if hosted => format!("https://{text}"),
            false => return Address::new(base, text),
        };
        let remote = Remote::parse(&whole)?;
        let here = base.host_str().is_some_and(|host| host.eq_ignore_ascii_case(remote.host))
            && (!remote.web
                || remote.web_port.or(Some(if remote.plain { 80 } else { 443 }))
                    == base.port_or_known_default());
        Address::of_remote(&whole, Some(base).filter(|_| here))
    }

    /// The instance, ending in a slash: `https://host[:port]/[root/]`.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The instance as it is typed: `https://host[:port][/root]`.
    pub fn instance(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The path of the project, as in `group/sub/project`.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> Option<Origin> {
        Origin::of(&self.base)
    }

    /// The page of the project, or of something below it such as `-/jobs/7`. Made here rather than taken
    /// from an answer, so that only the bound host is ever opened.
    pub fn page(&self, below: &str) -> String {
        let slash = if below.is_empty() { "" } else { "/" };
        format!("{}{}{slash}{below}", self.base, self.project)
    }

    /// The number in the web address of a merge request of this very project.
    pub fn merge_request_url(&self, text: &str) -> Option<u64> {
        if has_strange_characters(text) {
            return None;
        }
        let url = Url::parse(text).ok()?;
        if Origin::of(&url) != self.origin() || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let path = url.path().strip_prefix(self.base.path())?;
        let (project, rest) = path.split_at_checked(self.project.len())?;
        // GitLab's paths ignore case.
        if !project.eq_ignore_ascii_case(&self.project) {
            return None;
        }
        let rest = rest.strip_prefix("/-/merge_requests/").or(rest.strip_prefix("/merge_requests/"))?;
        let iid = rest.split('/').next()?;
        iid.bytes().all(|byte| byte.is_ascii_digit()).then(|| iid.parse().ok())?
    }
}

/// A remote taken apart.
struct Remote<'a> {
    host: &'a str,
    path: &'a str,
    /// The port of the web side; that of ssh says nothing about it.
    web_port: Option<u16>,
    web: bool,
    plain: bool,
}

impl<'a> Remote<'a> {
    fn parse(text: &'a str) -> Result<Remote<'a>, NotAnAddress> {
        if text.is_empty() {
            return refuse("the remote has no URL");
        }
        if has_strange_characters(text) || text.starts_with('-') {
            return refuse("not a GitLab URL: it holds characters that no such URL has");
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Remote::scp_like(text) };
        let (web, plain) = match scheme.to_ascii_lowercase().as_str() {
            "https" => (true, false),
            "http" => (true, true),
            "ssh" | "git+ssh" | "ssh+git" => (false, false),
            _ => return refuse("not a GitLab URL: only https and ssh lead to one"),
        };
        let Some((authority, path)) = rest.split_once('/') else {
            return refuse("not a GitLab URL: it names no project");
        };
        let (host, port) = split_authority(authority)?;
        let port = match port {
            None | Some("") => None,
            Some(digits) => match digits.parse::<u16>() {
                Ok(port) if port != 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(port),
                _ => return refuse("not a GitLab URL: its port is no port"),
            },
        };
        let host = if web { host } else { web_host_of(host) };
        Ok(Remote { host, path, web_port: port.filter(|_| web), web, plain })
    }

    /// `user@host:group/project.git`, as ssh's copy program writes it.
    fn scp_like(text: &'a str) -> Result<Remote<'a>, NotAnAddress> {
        const LOCAL: &str = "not a GitLab URL: a path on this machine, or a transport of another kind";
        let after_host = if let Some(bracket) = text.find('[') {
            text[bracket..].find(']').map(|end| bracket + end)
        } else {
            Some(0)
        };
        let Some(colon) = after_host.and_then(|from| text[from..].find(':').map(|at| from + at)) else {
            return refuse(LOCAL);
        };
        let (authority, path) = (&text[..colon], &text[colon + 1..]);
        // A slash before the colon makes it a path; `x::y` is a remote helper; one letter is a drive.
        if authority.contains('/') || path.starts_with(':') || authority.len() == 1 {
            return refuse(LOCAL);
        }
        let (host, port) = split_authority(authority)?;
        if port.is_some() {
            return refuse(LOCAL);
        }
        let path = path.strip_prefix('/').unwrap_or(path);
        Ok(Remote { host: web_host_of(host), path, web_port: None, web: false, plain: false })
    }
}

/// GitLab.com also serves ssh on port 443, under a name of its own.
fn web_host_of(host: &str) -> &str {
    if host.eq_ignore_ascii_case("altssh.gitlab.com") { "gitlab.com" } else { host }
}

/// Host and port of `[user[:password]@]host[:port]`; whoever the user is does not matter here.
fn split_authority(authority: &str) -> Result<(&str, Option<&str>), NotAnAddress> {
    let (user, rest) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = if rest.starts_with('[') {
        let Some(end) = rest.find(']') else { return refuse("not a GitLab URL: a bracket is open") };
        let (host, port) = rest.split_at(end + 1);
        match port.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if port.is_empty() => (host, None),
            None => return refuse("not a GitLab URL: its host cannot be told"),
        }
    } else {
        match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        }
    };
    let bracketed = host.starts_with('[');
    let strange = |c: char| matches!(c, '@' | '%' | '/' | '[' | ']') || (c == ':' && !bracketed);
    let inner = host.trim_start_matches('[').trim_end_matches(']');
    if inner.is_empty() || inner.contains(strange) || inner.starts_with('-') || inner.ends_with('.') {
        return refuse("not a GitLab URL: its host cannot be told");
    }
    // Parsers disagree on where the host begins after a second one; ssh reads options from a dash.
    if user.contains('@') || user.starts_with('-') {
        return refuse("not a GitLab URL: its user is no user");
    }
    Ok((host, port))
}

/// Characters that some parser drops, folds or reads as the end of something.
fn has_strange_characters(text: &str) -> bool {
    let invisible = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '?' | '#') || invisible(c))
}

/// GitLab's own rule for the paths of groups and projects.
fn check_project(path: &str) -> Result<(), NotAnAddress> {
    let good = |segment: &str| {
        let mut bytes = segment.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphanumeric() || matches!(first, b'_' | b'.'))
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
            && !segment.bytes().all(|byte| byte == b'.')
    };
    if path.len() > 1024 || !path.contains('/') || !path.split('/').all(good) {
        return refuse("not a GitLab URL: no project of the form group/project");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
