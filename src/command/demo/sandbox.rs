//! The sandbox of a rehearsal: a clone of the embedded GitLab's project, with an identity and credentials
//! of its own, and no trace of the user's configuration.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use super::failed;
use super::here::Here;
use crate::config::KEYS;
use crate::error::Result;
use crate::git::Git;
use crate::sim::{Scenario, Server};

/// Variables of the user's that a rehearsal must not see.
const HIDDEN: [&str; 13] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GITLAB_TOKEN",
    "GITLAB_HOST",
    "GITLAB_CI",
    "CI_SERVER_URL",
    "XDG_CONFIG_HOME",
    "GLAB_CONFIG_DIR",
];

/// The folder of one rehearsal.
pub(super) fn new_dir() -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix("git-hotfix-demo-").tempdir();
    made.map_err(|error| failed("make a folder for the sandbox", &error))
}

/// A clone with everything around it.
pub(super) struct Sandbox {
    dir: PathBuf,
    git: Git,
    project: String,
}

impl Sandbox {
    /// Clones the project for the developer.
    pub(super) fn set_up(git: Git, dir: PathBuf, server: &Server, here: Option<&Here>) -> Result<Sandbox> {
        let home = dir.join("home");
        std::fs::create_dir_all(&home).map_err(|error| failed("make the sandbox", &error))?;
        let global = home.join("gitconfig");
        std::fs::write(&global, "[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n")
            .map_err(|error| failed("write the sandbox's git configuration", &error))?;
        let git = git
            .with_env("HOME", &home)
            .with_env("GIT_CONFIG_GLOBAL", &global)
            .with_env("GIT_CONFIG_NOSYSTEM", "1")
            .with_env("GIT_ASKPASS", "");
        let project_url = server.project_url();
        let base = server.url();
        let project =
            project_url.trim_start_matches(&base).trim_matches('/').trim_end_matches(".git").to_owned();
        let name = project.rsplit('/').next().unwrap_or("project").to_owned();
        let clone = dir.join(&name);
        let credentials = home.join("dev.credentials");
        let with_user = base.replacen("://", &format!("://dev:{}@", server.token("dev")), 1);
        std::fs::write(&credentials, format!("{with_user}\n"))
            .map_err(|error| failed("write the sandbox's credentials", &error))?;
        // In the clone's own configuration, so that commands typed from another terminal find it too.
        let helper = format!("credential.{base}.helper=store --file='{}'", credentials.display());
        let mut call = git
            .call("clone")
            .args(["--quiet", "-c", "user.name=Dev Eloper", "-c", "user.email=dev@shop.example"])
            .args(["-c", &helper, "-c", &format!("hotfix.url={base}")]);
        for (key, value) in here.map(|here| here.settings.as_slice()).unwrap_or_default() {
            call = call.args(["-c", &format!("{key}={value}")]);
        }
        if let Some(borrow) = here.and_then(|here| here.borrow.as_ref()) {
            call = call.arg("--reference").arg(borrow);
        }
        call.args(["--", &project_url]).arg(&clone).ok()?;
        Ok(Sandbox { dir, git, project })
    }

    /// The folder of everything.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The project's path.
    pub(super) fn project(&self) -> &str {
        &self.project
    }

    /// The developer's clone.
    pub(super) fn clone_dir(&self) -> PathBuf {
        self.dir.join(self.project.rsplit('/').next().unwrap_or("project"))
    }

    /// Writes the fix into the clone.
    pub(super) fn write_fix(&self, scenario: &Scenario) -> Result<Vec<String>> {
        let mut files = Vec::new();
        for (path, content) in scenario.fix() {
            let file = self.clone_dir().join(path);
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent).map_err(|error| failed("write the fix", &error))?;
            }
            std::fs::write(&file, content).map_err(|error| failed("write the fix", &error))?;
            files.push(path.to_owned());
        }
        Ok(files)
    }

    /// Writes the harmless fix of a fire drill: a line below the read-me, or a file where there is none.
    pub(super) fn write_drill(&self) -> Result<String> {
        const LINE: &str = "\nA fire drill of git hotfix wrote this line; it is in the rehearsal only.\n";
        let told = |error| failed("write the fix", &error);
        let names = std::fs::read_dir(self.clone_dir()).map_err(told)?.flatten();
        let names = names.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        let readme = names.into_iter().find(|name| name.to_lowercase().starts_with("readme"));
        let name = readme.unwrap_or_else(|| "HOTFIX-DRILL.md".to_owned());
        let file = self.clone_dir().join(&name);
        let mut text = std::fs::read(&file).unwrap_or_default();
        text.extend_from_slice(LINE.as_bytes());
        std::fs::write(&file, text).map_err(told)?;
        Ok(name)
    }

    /// Commits everything in the clone.
    pub(super) fn commit(&self, message: &str) -> Result<()> {
        let clone = self.clone_dir();
        self.git.call("add").arg("--all").cwd(&clone).ok()?;
        self.git.call("commit").args(["--quiet", "-m", message]).cwd(&clone).ok()?;
        Ok(())
    }

    /// Resolves the conflict as a developer would: the fix's side of each conflict, added.
    pub(super) fn resolve(&self) -> Result<(String, Vec<String>)> {
        let listing = self.git.call("worktree").args(["list", "--porcelain"]).cwd(&self.clone_dir()).ok()?;
        let text = String::from_utf8_lossy(&listing).into_owned();
        let mut trees = text.lines().filter_map(|line| line.strip_prefix("worktree "));
        // The clone itself comes first, and what stands beside it last.
        let tree = trees.next_back().map_or_else(|| self.clone_dir(), PathBuf::from);
        let names = self.git.call("diff").args(["--name-only", "--diff-filter=U"]).cwd(&tree).ok()?;
        let paths: Vec<String> = String::from_utf8_lossy(&names).lines().map(str::to_owned).collect();
        for path in &paths {
            self.git.call("checkout").args(["--quiet", "--theirs", "--", path]).cwd(&tree).ok()?;
            self.git.call("add").args(["--", path]).cwd(&tree).ok()?;
        }
        Ok((tree.display().to_string(), paths))
    }

    /// Puts in what is only known once the story runs: `{other}`, `{revert}`.
    pub(super) fn fill(&self, args: &[String], server: &Server) -> Vec<String> {
        let known = |arg: &String| {
            let found = server.with_world(|world| match arg.as_str() {
                "{other}" => world.merge_request_from("hotfix/orders-csv"),
                "{revert}" => world.newest_to_production(),
                _ => None,
            });
            found.map_or_else(|| arg.clone(), |iid| format!("!{iid}"))
        };
        args.iter().map(known).collect()
    }

    /// Runs this very program in the clone, as somebody, with its output on our own streams.
    #[expect(clippy::disallowed_methods, reason = "a rehearsal runs the program itself, not git")]
    pub(super) fn run(&self, who: &str, args: &[String], server: &Server) -> Result<u8> {
        let program =
            std::env::current_exe().map_err(|error| failed("find this program's own file", &error))?;
        let mut command = std::process::Command::new(program);
        for name in HIDDEN.into_iter().chain(KEYS.iter().map(|key| key.variable)) {
            command.env_remove(name);
        }
        let home = self.dir.join("home");
        let status = command
            .args(args)
            .current_dir(self.clone_dir())
            .env("HOME", &home)
            .env("GIT_CONFIG_GLOBAL", home.join("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_HOTFIX_URL", server.url())
            .env("GIT_HOTFIX_TOKEN", server.token(who))
            .env("GIT_HOTFIX_POLL_MIN", "40ms")
            .env("GIT_HOTFIX_POLL_MAX", "150ms")
            .stdin(Stdio::null())
            .status()
            .map_err(|error| failed("run this program", &error))?;
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    }
}
