//! `install.sh` and `git hotfix install`, into a prefix of their own, as dash and busybox run them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A program in an environment that is empty but for what the test gives it.
#[expect(clippy::disallowed_methods, reason = "tests start what a user would")]
fn program(path: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(path);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

/// An unpacked release, a home and a prefix.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Place {
        let dir = crate::room::tempdir();
        let release = dir.path().join("release");
        std::fs::create_dir_all(dir.path().join("home")).unwrap();
        std::fs::create_dir(&release).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_git-hotfix"), release.join("git-hotfix")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
        std::fs::copy(script, release.join("install.sh")).unwrap();
        let sum = program("sha256sum").arg("git-hotfix").current_dir(&release).output().unwrap();
        assert!(sum.status.success());
        std::fs::write(release.join("git-hotfix.sha256"), sum.stdout).unwrap();
        Place { dir }
    }

    fn prefix(&self) -> PathBuf {
        // A space in it, as on other people's machines.
        self.dir.path().join("my prefix")
    }

    fn run(&self, path: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Output {
        program(path)
            .args(args)
            .env("HOME", self.dir.path().join("home"))
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }

    fn install(&self, shell: &[&str], args: &[&str]) -> Output {
        let script = self.dir.path().join("release/install.sh");
        let prefix = self.prefix();
        let mut words = shell[1..].to_vec();
        words.extend([script.to_str().unwrap(), "--prefix", prefix.to_str().unwrap()]);
        words.extend(args);
        self.run(shell[0], &words)
    }

    /// Every file below the prefix, sorted.
    fn files(&self) -> Vec<String> {
        fn walk(dir: &Path, top: &Path, into: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => walk(&path, top, into),
                    false => into.push(path.strip_prefix(top).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        let mut files = Vec::new();
        walk(&self.prefix(), &self.prefix(), &mut files);
        files.sort();
        files
    }
}

fn ok(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

/// The shells that are here; `sh` always is.
fn shells() -> Vec<Vec<&'static str>> {
    let known = [vec!["sh"], vec!["dash"], vec!["busybox", "sh"]];
    let here =
        |shell: &Vec<&str>| ["/bin", "/usr/bin"].iter().any(|dir| Path::new(dir).join(shell[0]).exists());
    known.into_iter().filter(here).collect()
}

#[test]
fn what_is_installed_is_removed_again() {
    for shell in shells() {
        let place = Place::new();
        ok(&place.install(&shell, &[]));
        let files = place.files();
        for expected in [
            "bin/git-hotfix",
            "share/bash-completion/completions/git-hotfix",
            "share/fish/vendor_conf.d/git-hotfix.fish",
            "share/man/man1/git-hotfix-start.1",
            "share/man/man1/git-hotfix.1",
            "share/zsh/site-functions/_git-hotfix",
        ] {
            assert!(files.iter().any(|file| file == expected), "{expected} is not in {files:?}");
        }
        let program = place.prefix().join("bin/git-hotfix");
        assert!(ok(&place.run(&program, &["--version"])).contains(env!("CARGO_PKG_VERSION")));
        // Again over itself, from the installed program too.
        ok(&place.install(&shell, &[]));
        ok(&place.run(&program, &["install", "--prefix", place.prefix().to_str().unwrap()]));
        assert_eq!(place.files(), files);
        ok(&place.install(&shell, &["--uninstall"]));
        assert_eq!(std::fs::read_dir(place.prefix()).unwrap().count(), 0, "no empty folder either");
        assert!(ok(&place.install(&shell, &["--uninstall"])).contains("nothing of git-hotfix"));
    }
}

#[test]
fn an_older_version_is_replaced_and_others_files_stay() {
    let place = Place::new();
    let man = place.prefix().join("share/man/man1");
    std::fs::create_dir_all(&man).unwrap();
    std::fs::create_dir_all(place.prefix().join("bin")).unwrap();
    std::fs::write(place.prefix().join("bin/git-hotfix"), "old").unwrap();
    std::fs::write(man.join("git-hotfix-frob.1"), format!("{}old", git_hotfix::manual::MARK)).unwrap();
    std::fs::write(man.join("git-hotfix-theirs.1"), ".TH theirs 1\n").unwrap();
    ok(&place.install(&["sh"], &["--no-completions"]));
    let files = place.files();
    assert!(!files.iter().any(|file| file.contains("frob")), "{files:?}");
    assert!(files.iter().any(|file| file.contains("theirs")), "{files:?}");
    assert!(!files.iter().any(|file| file.contains("conf.d") || file.contains("site-functions")));
    let installed = place.prefix().join("bin/git-hotfix");
    assert!(ok(&place.run(installed, &["--version"])).contains("git-hotfix"));
    ok(&place.install(&["sh"], &["--uninstall"]));
    assert_eq!(place.files(), ["share/man/man1/git-hotfix-theirs.1"]);
}

#[test]
fn a_dry_run_writes_nothing_and_tells_all() {
    let place = Place::new();
    let told = ok(&place.install(&["sh"], &["--dry-run"]));
    assert!(!place.prefix().exists());
    ok(&place.install(&["sh"], &[]));
    let would = |verb: &str| -> Vec<String> {
        let line = |file: &String| format!("would {verb} {}/{file}", place.prefix().display());
        place.files().iter().map(line).collect()
    };
    let mut lines: Vec<&str> = told.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, would("write"));
    let before = place.files();
    let told = ok(&place.install(&["sh"], &["--uninstall", "--dry-run"]));
    let mut lines: Vec<&str> = told.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, would("remove"));
    assert_eq!(place.files(), before);
}

#[test]
fn another_program_than_the_released_one_is_refused_unrun() {
    for shell in shells() {
        let place = Place::new();
        let program = place.dir.path().join("release/git-hotfix");
        std::fs::write(&program, "#!/bin/sh\ntouch ran\n").unwrap();
        let refused = place.install(&shell, &[]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("not the program that was released"), "{said}");
        assert!(said.contains("hint: download the release again"), "{said}");
        std::fs::remove_file(place.dir.path().join("release/git-hotfix.sha256")).unwrap();
        let refused = place.install(&shell, &[]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot be checked"));
        assert!(!place.prefix().exists() && !place.dir.path().join("ran").exists());
    }
}

#[test]
fn a_wrong_command_line_installs_nothing() {
    let place = Place::new();
    for (args, code) in [(&["--frobnicate"][..], 2), (&["--prefix"], 1)] {
        assert_eq!(place.install(&["sh"], args).status.code(), Some(code), "{args:?}");
    }
    assert!(!place.prefix().exists());
}

#[test]
fn a_program_on_the_path_is_not_doubled() {
    let place = Place::new();
    let release = place.dir.path().join("release");
    let installed = program(release.join("git-hotfix"))
        .arg("install")
        .env("HOME", place.prefix())
        .env("PATH", format!("{}:/usr/bin:/bin", release.display()))
        .output()
        .unwrap();
    let said = ok(&installed);
    assert!(place.files().iter().any(|file| file == ".local/share/man/man1/git-hotfix.1"));
    assert!(!place.files().iter().any(|file| file.ends_with("bin/git-hotfix")));
    assert!(said.contains("fpath=("), "{said}");
}

#[cfg(unix)]
#[test]
fn a_place_that_cannot_be_written_is_named_with_a_way_out() {
    let place = Place::new();
    std::fs::write(place.prefix(), "a file").unwrap();
    let refused = place.install(&["sh"], &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("could not") && said.contains("hint: "), "{said}");
}

#[test]
fn completion_starts_nothing_but_local_questions() {
    let place = Place::new();
    let repo = place.dir.path().join("repo");
    let git = |args: &[&str]| {
        let mut words = vec!["-C", repo.to_str().unwrap(), "-c", "user.name=A", "-c", "user.email=a@b.c"];
        words.extend(args);
        ok(&place.run("git", &words))
    };
    std::fs::create_dir(&repo).unwrap();
    git(&["init", "-q", "-b", "main"]);
    git(&[
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "Merge branch 'fix'\n\nFix\tit\n\nSee merge request a/b!412",
    ]);
    git(&["remote", "add", "origin", "https://gitlab.invalid/a/b.git"]);
    for name in ["main", "develop", "release/1", "hotfix/far-away"] {
        git(&["update-ref", &format!("refs/remotes/origin/{name}"), "HEAD"]);
    }
    git(&["branch", "hotfix/login-500"]);
    let trace = place.dir.path().join("trace");
    let asked = |words: &[&str]| {
        let mut all = vec!["complete", "--", "-C", repo.to_str().unwrap()];
        all.extend(words);
        let output = program(env!("CARGO_BIN_EXE_git-hotfix"))
            .args(all)
            .env("GIT_TRACE2_EVENT", &trace)
            .output()
            .unwrap();
        ok(&output)
    };
    assert_eq!(
        asked(&["status", ""]),
        "hotfix/login-500\thotfix branch\nhotfix/far-away\thotfix branch\n!412\tFix it\n"
    );
    assert_eq!(asked(&["status", "!4"]), "!412\tFix it\n");
    assert_eq!(asked(&["backport", "--to", ""]), "develop\n");
    assert_eq!(asked(&["backport", "--to=rel"]), "--to=release/1\n");
    assert_eq!(asked(&["approve", "--as", ""]), "tech-lead\ttech-leads\npm\tproduct\n");
    assert_eq!(asked(&["status", "no-such"]), "");
    assert!(asked(&["start", "--pick", ""]).ends_with("\tMerge branch 'fix'\n"));
    let trace = std::fs::read_to_string(trace).unwrap();
    let started: Vec<&str> = trace.lines().filter(|line| line.contains("\"event\":\"start\"")).collect();
    assert!(!started.is_empty());
    for line in started {
        let local = ["\"complete\"", "\"rev-parse\"", "\"config\"", "\"version\""];
        assert!(local.iter().any(|question| line.contains(question)), "{line}");
    }
    // Where there is no repository, what needs none is still completed, and nothing is said.
    let outside = place.run(env!("CARGO_BIN_EXE_git-hotfix"), &["complete", "--", "status", "hot"]);
    assert_eq!(ok(&outside), "");
    let outside = place.run(env!("CARGO_BIN_EXE_git-hotfix"), &["complete", "--", "wait", "pipe"]);
    assert_eq!(ok(&outside), "pipeline\trung\n");
}
