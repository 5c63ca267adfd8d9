//! `demo --here`: the rehearsal in the user's own repository, which comes out of it byte for byte, with all
//! its times, as it was.

use std::path::{Path, PathBuf};

use crate::manifest::Manifest;

/// A user's clone, its remote, and a home without configuration.
struct House {
    dir: tempfile::TempDir,
}

impl House {
    fn new(settings: &str) -> House {
        let house = House { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(house.path("tmp")).unwrap();
        std::fs::create_dir(house.path("upstream")).unwrap();
        std::fs::write(house.path("gitconfig"), "[user]\n\tname = Kim\n\temail = kim@acme.example\n")
            .unwrap();
        let upstream = house.path("upstream");
        house.git(&upstream, &["init", "--quiet", "-b", "trunk"]);
        for (branch, text) in [("trunk", "# Shop\n"), ("next", "# Shop\n\nNext: more of it.\n")] {
            house.git(&upstream, &["switch", "--quiet", if branch == "next" { "-c" } else { "-C" }, branch]);
            std::fs::write(upstream.join("README.md"), text).unwrap();
            std::fs::write(upstream.join(".hotfix.toml"), settings).unwrap();
            house.git(&upstream, &["add", "--all"]);
            house.git(&upstream, &["commit", "--quiet", "-m", branch]);
        }
        house
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn command(&self, program: &str, dir: &Path) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(program);
        #[expect(clippy::disallowed_methods, reason = "the tests' own children, scrubbed")]
        let path = std::env::var_os("PATH").unwrap();
        command
            .current_dir(dir)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.dir.path())
            .env("GIT_CONFIG_GLOBAL", self.path("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("TMPDIR", self.path("tmp"))
            .env("LC_ALL", "C.UTF-8");
        command
    }

    fn git(&self, dir: &Path, args: &[&str]) {
        self.command("git", dir).args(args).assert().success();
    }

    /// A clone whose remote cannot be reached.
    fn clone(&self, extra: &[&str]) -> PathBuf {
        let from = format!("file://{}", self.path("upstream").display());
        let mut args = vec!["clone", "--quiet", "--branch", "trunk"];
        args.extend(extra);
        args.extend([from.as_str(), "mine"]);
        self.git(self.dir.path(), &args);
        let clone = self.path("mine");
        self.git(&clone, &["remote", "set-url", "origin", "ssh://git@nowhere.invalid/acme/shop.git"]);
        clone
    }

    /// Rehearses in `dir`: the exit code and all that was said; nothing but the sandbox changed.
    fn rehearse(&self, dir: &Path, args: &[&str]) -> (i32, String) {
        let whole = || {
            let mine = Manifest::whole(&self.path("mine"));
            (mine, Manifest::whole(&self.path("upstream")))
        };
        let before = whole();
        let mut command = self.command(env!("CARGO_BIN_EXE_git-hotfix"), dir);
        let output = command.args(args).output().unwrap();
        let after = whole();
        assert_eq!(before.0.differences(&after.0), Vec::<String>::new(), "the rehearsal touched the clone");
        assert_eq!(before.1.differences(&after.1), Vec::<String>::new(), "the rehearsal touched the remote");
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap_or(-1), text)
    }
}

const SETTINGS: &str = r#"[branches]
production = "trunk"
targets = ["next", "later"]

[deploy]
job = "ship-it"
environment = "prod/eu"
apps = ["till"]

[deploy.approvals]
release-manager = "acme/release"
owner = "acme/owners"
"#;

#[test]
fn the_teams_own_names_and_branches_are_rehearsed_and_nothing_is_touched() {
    let house = House::new(SETTINGS);
    let clone = house.clone(&[]);
    house.git(&clone, &["worktree", "add", "--quiet", "../mine/.tree", "-b", "side"]);
    let tree = clone.join(".tree");
    std::fs::write(tree.join("README.md"), "not committed\n").unwrap();
    std::fs::write(tree.join("new"), "not added\n").unwrap();
    let (code, said) = house.rehearse(&tree, &["demo", "--here"]);
    assert_eq!(code, 0, "{said}");
    for words in [
        "project acme/shop; nothing leaves this machine",
        "there is no branch later here or on origin as last fetched: no backport to it is rehearsed",
        "reached ship-it",
        "approve --as release-manager --yes",
        "approve --as owner --yes",
        "live on till",
        // The read-me ends otherwise on `next`: the pick is a real one.
        "your branches conflict here; this is how it is finished",
        "!413 is resolved",
        "where the time went",
        "Your repository was only read.",
    ] {
        assert!(said.contains(words), "no `{words}` in\n{said}");
    }
}

#[test]
fn a_cut_off_clone_without_the_target_is_rehearsed_up_to_the_backport() {
    let house = House::new(SETTINGS);
    let clone = house.clone(&["--depth", "1"]);
    // Such a clone has no `origin/HEAD` that would tell.
    house.git(&clone, &["config", "hotfix.productionBranch", "trunk"]);
    let (code, said) = house.rehearse(&clone, &["demo", "--here"]);
    assert_eq!(code, 0, "{said}");
    for words in ["history is cut off here", "there is no branch next here", "there is no branch later here"]
    {
        assert!(said.contains(words), "no `{words}` in\n{said}");
    }
    assert!(!said.contains("backport/"), "{said}");
}

#[test]
fn what_cannot_be_rehearsed_is_said_whole() {
    let house = House::new("");
    let clone = house.clone(&[]);
    let refused = |args: &[&str]| {
        let (code, said) = house.rehearse(&clone, args);
        format!("exit {code}\n{}", said.replace(&house.dir.path().display().to_string(), "[house]"))
    };
    insta::assert_snapshot!(refused(&["demo", "--here"]), @r"
    exit 4
    error: there is no branch main here, and none from origin either
    hint: name the production branch: git -c hotfix.productionBranch=<name> hotfix demo --here
    ");
    insta::assert_snapshot!(refused(&["demo", "--here", "--scenario", "conflict"]), @r"
    exit 2
    error: the story `conflict` is about the shop's own files: it needs lines that develop rewrote
    hint: with --here, one of: clean, rejected, red-pipeline, flaky-job, slow-approvals, colleague-merges, ci-backports-first, two-hotfixes, rolled-back, rollback, revert
    ");
    house.git(&clone, &["config", "remote.origin.promisor", "true"]);
    house.git(&clone, &["config", "remote.origin.partialclonefilter", "blob:none"]);
    house.git(&clone, &["config", "hotfix.productionBranch", "trunk"]);
    insta::assert_snapshot!(refused(&["demo", "--here"]), @r"
    exit 5
    error: this is a partial clone: what it lacks is only on the remote
      caused by: a rehearsal contacts nobody but itself
    hint: rehearse in a whole clone: git clone <url> <dir> && git -C <dir> hotfix demo --here
    ");
    let house =
        House::new("[branches]\nproduction = \"trunk\"\ntargets = [\"next\"]\n\n[deploy.approvals]\n");
    let clone = house.clone(&[]);
    let (code, said) = house.rehearse(&clone, &["demo", "--here", "--scenario", "rejected"]);
    insta::assert_snapshot!(format!("exit {code}\n{said}"), @r"
    exit 4
    error: no role approves a deployment here, so none can reject it
    hint: see the roles with: git hotfix doctor --config
    ");
    let (code, said) = house.rehearse(house.dir.path(), &["demo", "--here"]);
    insta::assert_snapshot!(format!("exit {code}\n{said}"), @r"
    exit 4
    error: not in a usable git repository
      caused by: fatal: not a git repository (or any of the parent directories): .git
    hint: run it inside a clone, or give one: git -C <dir> hotfix
    ");
}
