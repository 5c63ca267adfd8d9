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
}

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for NotAnAddress {}

impl From<NotAnAddress> for Problem {
    fn from(error: NotAnAddress) -> Problem {
        Problem::new(Kind::Config, error.what)
            .hint("name the instance, as in: git config hotfix.url https://gitlab.example")
            .hint("or another remote: git config hotfix.remote <name>")
    }
}

fn refuse<T>(what: impl Into<String>) -> Result<T, NotAnAddress> {
    Err(NotAnAddress { what: what.into() })
}

impl Address {
    /// A project, by its path, on the instance at `base`.
    pub fn new(base: &Url, project: &str) -> Result<Address, NotAnAddress> {
        let Some(origin) = Origin::of(base) else {
            return refuse(format!("a GitLab instance is reached over https, not {}", base.scheme()));
        };
        if !origin.is_private() {
            return refuse(format!("{origin} is plain http, over which no token may travel"));
        }
        let project = project.trim_end_matches('/');
        let project = project.strip_suffix(".git").unwrap_or(project);
        check_project(project)?;
        let root = base.path().trim_end_matches('/');
        let text = format!("{origin}{root}/");
        let Ok(base) = Url::parse(&text) else { return refuse(format!("no usable address: {text}")) };
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
            None => refuse(format!("the remote is not below {base}")),
        }
    }

    /// The instance, ending in a slash: `https://host[:port]/[root/]`.
    pub fn base(&self) -> &Url {
        &self.base
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(remote: &str) -> String {
        match Address::of_remote(remote, None) {
            Ok(address) => format!("{} {}", address.base(), address.project()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_common_spelling_of_a_project_is_read() {
        for remote in [
            "https://gitlab.example/shop/web.git",
            "https://gitlab.example/shop/web",
            "https://gitlab.example/shop/web/",
            "https://gitlab.example/shop/web.git/",
            "https://gitlab.example:443/shop/web.git",
            "https://GitLab.Example/shop/web.git",
            "HTTPS://gitlab.example/shop/web.git",
            "https://oauth2:glpat-secret@gitlab.example/shop/web.git",
            "https://ana@gitlab.example/shop/web.git",
            "git@gitlab.example:shop/web.git",
            "git@gitlab.example:shop/web",
            "git@gitlab.example:/shop/web.git",
            "git@gitlab.example:shop/web.git/",
            "gitlab.example:shop/web.git",
            "ssh://git@gitlab.example/shop/web.git",
            "ssh://git@gitlab.example:2222/shop/web.git",
            "ssh://gitlab.example/shop/web",
            "SSH://git@gitlab.example:/shop/web.git",
            "git+ssh://git@gitlab.example/shop/web.git",
            "ssh+git://git@gitlab.example:22/shop/web.git",
        ] {
            assert_eq!(read(remote), "https://gitlab.example/ shop/web", "{remote}");
        }
        for (remote, read_as) in [
            ("https://gitlab.example:8443/a/b.git", "https://gitlab.example:8443/ a/b"),
            ("http://127.0.0.1:8080/a/b.git", "http://127.0.0.1:8080/ a/b"),
            ("http://localhost:80/a/b", "http://localhost/ a/b"),
            ("http://[::1]:3000/a/b.git", "http://[::1]:3000/ a/b"),
            ("https://[2001:db8::1]/a/b.git", "https://[2001:db8::1]/ a/b"),
            ("ssh://git@[2001:db8::1]:22/a/b.git", "https://[2001:db8::1]/ a/b"),
            ("git@[2001:db8::1]:a/b.git", "https://[2001:db8::1]/ a/b"),
            ("git@gitlab.com:g/s1/s2/s3/p-1_x.y.git", "https://gitlab.com/ g/s1/s2/s3/p-1_x.y"),
            ("https://bücher.example/a/b", "https://xn--bcher-kva.example/ a/b"),
            ("git@bücher.example:a/b.git", "https://xn--bcher-kva.example/ a/b"),
            ("ssh://git@altssh.gitlab.com:443/a/b.git", "https://gitlab.com/ a/b"),
            ("git@host:2222/a/b.git", "https://host/ 2222/a/b"),
            ("https://gitlab.example/a/.b.git", "https://gitlab.example/ a/.b"),
            ("work-alias:a/b.git", "https://work-alias/ a/b"),
        ] {
            assert_eq!(read(remote), read_as, "{remote}");
        }
    }

    #[test]
    fn what_is_not_fully_understood_is_refused() {
        for remote in [
            "",
            "/srv/git/shop/web.git",
            "./shop/web.git",
            "../shop/web",
            "shop/web.git",
            "file:///srv/git/shop/web.git",
            "C:/work/shop/web.git",
            "C:\\work\\shop",
            "ext::sh -c evil% /shop/web",
            "ext::sh/shop/web",
            "fd::17/shop",
            "persistent-https::x/y",
            "git://gitlab.example/shop/web.git",
            "ftp://gitlab.example/shop/web.git",
            "javascript://gitlab.example/shop/web",
            "http://gitlab.example/shop/web.git",
            "http://localhost.evil.example/shop/web.git",
            "https://gitlab.example",
            "https://gitlab.example/",
            "https://gitlab.example/web",
            "https://gitlab.example/web.git",
            "https://gitlab.example//shop/web",
            "https://gitlab.example/shop//web",
            "https://gitlab.example/shop/../web/x",
            "https://gitlab.example/shop/./web",
            "https://gitlab.example/shop/%2e%2e/web",
            "https://gitlab.example/shop%2Fweb",
            "https://gitlab.example/shop/web?x=1",
            "https://gitlab.example/shop/web#x",
            "https://gitlab.example/-/shop/web",
            "https://gitlab.example/shop/-web",
            "https://gitlab.example/shop/.git",
            "https://gitlab.example/shop/we b",
            "https://gitlab.example/shop/wéb",
            "https:///shop/web",
            "https://@/shop/web",
            "https://:443/shop/web",
            "https://gitlab.example:0/shop/web",
            "https://gitlab.example:99999/shop/web",
            "https://gitlab.example:+443/shop/web",
            "https://gitlab.example:443:443/shop/web",
            "https://gitlab.example./shop/web",
            "https://gitlab%2eexample/shop/web",
            "https://gitlab.example\\@evil.example/shop/web",
            "https://a@gitlab.example@evil.example/shop/web",
            "https://evil.example\t/shop/web",
            "https://gitlab.\u{200b}example/shop/web",
            "https://gitlab\u{ad}.example/shop/web",
            "https://gitlab.example\u{2044}evil/shop/web\n",
            "https://[::1/shop/web",
            "https://[::1]x/shop/web",
            "https://[]/shop/web",
            "-oProxyCommand=evil:shop/web",
            "ssh://-oProxyCommand=evil/shop/web",
            "ssh://-oProxyCommand=evil@gitlab.example/shop/web",
            "git@-oProxyCommand=evil:shop/web",
            "ssh://git@gitlab.example/~ana/web.git",
            "git@gitlab.example:~/web.git",
            "git@gitlab.example:",
            "git@gitlab.example:web.git",
            "@gitlab.example:../web.git",
            "git@:shop/web.git",
            "[::1]",
            "[:",
            "git@[::1:shop/web",
        ] {
            let outcome = Address::of_remote(remote, None);
            assert!(outcome.is_err(), "{remote:?} {outcome:?}");
        }
    }

    #[test]
    fn a_configured_instance_stands_before_the_remote() {
        let read = |remote: &str, instance: &str| {
            let address = Address::of_remote(remote, Some(&Url::parse(instance).unwrap()));
            address.map_or_else(|error| error.to_string(), |a| format!("{} {}", a.base(), a.project()))
        };
        for (remote, instance, read_as) in [
            ("https://x.example/gitlab/a/b.git", "https://x.example/gitlab", "https://x.example/gitlab/ a/b"),
            (
                "https://x.example/gitlab/a/b.git",
                "https://x.example/gitlab/",
                "https://x.example/gitlab/ a/b",
            ),
            ("git@x.example:a/b.git", "https://x.example/gitlab", "https://x.example/gitlab/ a/b"),
            ("git@x.example:gitlab/b.git", "https://x.example/gitlab", "https://x.example/gitlab/ gitlab/b"),
            ("work:a/b.git", "https://x.example:8443", "https://x.example:8443/ a/b"),
            ("http://old.example/a/b.git", "https://x.example", "https://x.example/ a/b"),
            (
                "https://x.example/a/b.git",
                "https://x.example/gitlab",
                "the remote is not below https://x.example/gitlab",
            ),
            (
                "https://x.example/gitlabs/a/b",
                "https://x.example/gitlab",
                "the remote is not below https://x.example/gitlab",
            ),
            (
                "work:a/b.git",
                "http://x.example",
                "http://x.example is plain http, over which no token may travel",
            ),
            ("work:a/b.git", "ftp://x.example", "a GitLab instance is reached over https, not ftp"),
            ("work:a/b.git", "https://u:p@x.example/?q#f", "https://x.example/ a/b"),
        ] {
            assert_eq!(read(remote, instance), read_as, "{remote} {instance}");
        }
    }

    #[test]
    fn merge_requests_of_this_project_are_known_by_their_pages() {
        let base = Url::parse("https://x.example:8443/gitlab").unwrap();
        let address = Address::new(&base, "shop/web").unwrap();
        assert_eq!(address.page("-/jobs/7"), "https://x.example:8443/gitlab/shop/web/-/jobs/7");
        assert_eq!(address.page(""), "https://x.example:8443/gitlab/shop/web");
        for good in [
            "https://x.example:8443/gitlab/shop/web/-/merge_requests/412",
            "https://x.example:8443/gitlab/shop/web/-/merge_requests/412/diffs",
            "https://X.example:8443/gitlab/Shop/Web/merge_requests/412/",
        ] {
            assert_eq!(address.merge_request_url(good), Some(412), "{good}");
        }
        for bad in [
            "",
            "!412",
            "https://x.example/gitlab/shop/web/-/merge_requests/412",
            "http://x.example:8443/gitlab/shop/web/-/merge_requests/412",
            "https://x.example:8443/shop/web/-/merge_requests/412",
            "https://x.example:8443/gitlab/shop/web2/-/merge_requests/412",
            "https://x.example:8443/gitlab/shop/web/sub/-/merge_requests/412",
            "https://x.example:8443/gitlab/shop/web/-/merge_requests/",
            "https://x.example:8443/gitlab/shop/web/-/merge_requests/4x",
            "https://x.example:8443/gitlab/shop/web/-/merge_requests/+4",
            "https://x.example:8443/gitlab/shop/web/-/merge_requests/99999999999999999999999",
            "https://x.example:8443/gitlab/shop/web/-/issues/412",
            "https://x.example:8443@evil/gitlab/shop/web/-/merge_requests/412",
        ] {
            assert_eq!(address.merge_request_url(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_every_address_can_hold_a_token(
            text in r"(https|http|ssh|git@|ext)?(::|://|:)?[-a-z\[\]@:/\\%.é0-9 ]{0,40}",
        ) {
            if let Ok(address) = Address::of_remote(&text, None) {
                prop_assert!(address.origin().unwrap().is_private());
                prop_assert!(address.base().username().is_empty() && address.base().password().is_none());
                // Its page leads back to it.
                let page = address.page("-/merge_requests/7");
                prop_assert_eq!(address.merge_request_url(&page), Some(7));
            }
            let base = Url::parse("https://x.example/g").unwrap();
            let _ = Address::of_remote(&text, Some(&base));
            let _ = Address::new(&base, "a/b").unwrap().merge_request_url(&text);
        }
    }
}
