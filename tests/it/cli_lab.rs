//! The real program, run in a scrubbed environment: in a clone of a bare origin, or of the embedded GitLab.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sim_lab::{Lab, git, said};

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program in `dir`, with nothing of this machine but `PATH`; paths of the test are cut.
pub(crate) fn hotfix(dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Ran {
    program(assert_cmd::cargo::cargo_bin!("git-hotfix"), dir, env, args)
}

/// The same for another program.
#[expect(clippy::disallowed_methods, reason = "the tests' own children, scrubbed")]
pub(crate) fn program(program: &Path, dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Ran {
    let home = dir.parent().unwrap();
    let done = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("no-config"))
        .env("GIT_CONFIG_GLOBAL", home.join("no-gitconfig"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TEMPLATE_DIR", "")
        .env("GIT_CEILING_DIRECTORIES", home)
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", "100")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let real = home.canonicalize().unwrap();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let text = text.replace(real.to_str().unwrap(), "TMP").replace(home.to_str().unwrap(), "TMP");
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    };
    Ran { code: done.status.code().unwrap(), out: text(&done.stdout), err: text(&done.stderr) }
}

/// A clone with `main` and `develop` on a bare origin beside it.
pub(crate) struct Clone {
    _dir: tempfile::TempDir,
    pub(crate) top: PathBuf,
}

impl Clone {
    pub(crate) fn new(files: &[(&str, &str)]) -> Clone {
        let dir = crate::room::tempdir();
        let top = dir.path().join("clone");
        let clone = Clone { top, _dir: dir };
        std::fs::create_dir(&clone.top).unwrap();
        clone.git(&["init", "-q", "-b", "main"]);
        clone.git(&["config", "user.name", "Ana"]);
        clone.git(&["config", "user.email", "ana@example.com"]);
        for (path, content) in files {
            let file = clone.top.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        }
        clone.git(&["add", "-A"]);
        clone.git(&["commit", "-q", "--allow-empty", "-m", "Start"]);
        clone.git(&["init", "-q", "--bare", "../origin.git"]);
        clone.git(&["remote", "add", "origin", "../origin.git"]);
        clone.git(&["push", "-q", "origin", "main", "main:develop"]);
        clone.git(&["fetch", "-q"]);
        clone
    }

    pub(crate) fn git(&self, args: &[&str]) {
        let done = git(&self.top, args);
        assert!(done.status.success(), "{args:?}: {}", said(&done));
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        hotfix(&self.top, &[], args)
    }
}

/// The lines of a report that hold a word.
pub(crate) fn about(report: &str, word: &str) -> String {
    report.lines().filter(|line| line.contains(word)).map(str::trim).collect::<Vec<_>>().join("\n")
}

/// A clone of the embedded GitLab's project, and the environment in which the program talks to it.
pub(crate) fn in_lab(lab: &Lab, user: &str, args: &[&str]) -> Ran {
    let clone = lab.dir().join(format!("clone-{user}"));
    let clone = if clone.exists() { clone } else { lab.clone_as(user) };
    let (url, token) = (lab.server.url(), lab.server.token(user));
    let mut ran = hotfix(&clone, &[("GIT_HOTFIX_URL", &url), ("GIT_HOTFIX_TOKEN", &token)], args);
    ran.out = ran.out.replace(&url, "GITLAB");
    ran.err = ran.err.replace(&url, "GITLAB");
    assert!(!ran.out.contains(&token) && !ran.err.contains(&token));
    ran
}
