//! What git knows about the user's surroundings: credential helpers and the browser.

use super::error::GitError;
use super::remote::Credential;
use super::repo::Repo;
use super::run::{Exit, Git};

impl Credential {
    /// What the user's credential helpers hold for `origin` (`https://host[:port]`); never prompts.
    pub fn fill(git: &Git, repo: Option<&Repo>, origin: &str) -> Result<Option<Credential>, GitError> {
        let Some((protocol, host)) = origin.split_once("://") else { return Ok(None) };
        let mut call = git.call("credential").with_tokens().arg("fill");
        if let Some(repo) = repo {
            // Helpers may be configured for this clone alone.
            call = call.env("GIT_DIR", repo.git_dir());
        }
        let output = call
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS", "")
            .stdin(format!("protocol={protocol}\nhost={host}\n\n"))
            .output()?;
        if output.exit != Exit::Code(0) {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        Ok(field("password").map(|secret| Credential {
            origin: origin.to_owned(),
            username: field("username").unwrap_or_default(),
            secret,
        }))
    }
}

impl Git {
    /// Opens a page in the browser that git is configured for.
    pub fn browse(&self, page: &str) -> Result<(), GitError> {
        self.call("web--browse").arg(page).ok().map(drop)
    }
}
