//! A credential of our own, in place of the user's: for one host, and out of every address and argument.

use std::fmt;

use url::Url;

/// A user name and a secret for one host. Never in arguments or files; git asks for it through a helper.
#[derive(Clone)]
pub struct Credential {
    /// Scheme, host and port that it is for: `https://gitlab.example:8443`.
    pub origin: String,
    /// The user name (`oauth2`, `gitlab-ci-token`).
    pub username: String,
    /// The secret.
    pub secret: String,
}

impl Credential {
    /// A web address on this host, without the user in it; `None` for any other.
    pub(super) fn without_user(&self, address: &str) -> Option<String> {
        let mut url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
        if url.origin() != Url::parse(&self.origin).ok()?.origin() {
            return None;
        }
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        Some(url.to_string())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} as {}, secret withheld)", self.origin, self.username)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Repo;
    use crate::git::run::{Exit, Git};

    #[test]
    fn a_credential_is_for_its_own_host_alone() {
        #[expect(clippy::disallowed_methods, reason = "tests look for git")]
        let path = std::env::var_os("PATH").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let git = Git::find(&path, dir.path())
            .unwrap()
            .with_env("HOME", dir.path())
            .with_env("GIT_CONFIG_GLOBAL", dir.path().join("config"))
            .with_env("GIT_CONFIG_NOSYSTEM", "1");
        git.call("init").arg("-q").cwd(dir.path()).ok().unwrap();
        git.call("config")
            .args(["credential.helper", "!touch users-helper-ran; true"])
            .cwd(dir.path())
            .ok()
            .unwrap();
        let repo = Repo::discover(git, Some(dir.path())).unwrap();
        let credential = Credential {
            origin: "https://gitlab.example:8443".to_owned(),
            username: "oauth2".to_owned(),
            secret: "glpat-canary".to_owned(),
        };
        let fill = |host: &str| {
            let call = repo.network(Vec::new(), "credential", Some(&credential), false).arg("fill");
            call.stdin(format!("protocol=https\nhost={host}\n\n")).output().unwrap()
        };
        let ours = fill("gitlab.example:8443");
        let said = String::from_utf8(ours.stdout).unwrap();
        assert!(said.contains("username=oauth2\n") && said.contains("password=glpat-canary\n"), "{said}");
        for other in ["gitlab.example", "evil.example:8443", "gitlab.example.evil:8443"] {
            let output = fill(other);
            assert!(!String::from_utf8_lossy(&output.stdout).contains("canary"));
            assert_ne!(output.exit, Exit::Code(0));
        }
        assert!(!dir.path().join("users-helper-ran").exists());
        assert!(!format!("{credential:?}").contains("canary"));
    }

    #[test]
    fn only_its_own_host_loses_the_user_in_an_address() {
        let credential = Credential {
            origin: "https://gitlab.example".to_owned(),
            username: "oauth2".to_owned(),
            secret: "glpat-canary".to_owned(),
        };
        let bare = |address: &str| credential.without_user(address).unwrap_or_default();
        assert_eq!(
            bare("https://gitlab-ci-token:x@gitlab.example/a/b.git"),
            "https://gitlab.example/a/b.git"
        );
        assert_eq!(bare("https://gitlab.example:443/a/b.git"), "https://gitlab.example/a/b.git");
        for other in [
            "https://u:p@gitlab.example:8443/a/b.git",
            "http://u:p@gitlab.example/a/b.git",
            "https://gitlab.example@evil.example/a/b.git",
            "ssh://git@gitlab.example/a/b.git",
            "git@gitlab.example:a/b.git",
            "/srv/a.git",
        ] {
            assert_eq!(bare(other), "", "{other}");
        }
    }
}
