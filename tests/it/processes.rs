//! How many processes a backport starts: a stand-in for git writes down each call and runs the real one.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use git_hotfix::git::Git;

use crate::cli_lab::{Clone, hotfix};
use crate::lab::{Lab, story};

/// A folder whose `git` keeps a list of its calls.
struct Counter {
    dir: tempfile::TempDir,
    path: String,
}

impl Counter {
    #[expect(clippy::disallowed_methods, reason = "the real git is found where the program finds it")]
    fn new() -> Counter {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let real = Git::find(&path, Path::new("/")).unwrap().program().to_owned();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >>'{}'\nexec '{}' \"$@\"\n",
            dir.path().join("calls").display(),
            real.display()
        );
        let git = dir.path().join("git");
        std::fs::write(&git, script).unwrap();
        std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
        let first: Vec<PathBuf> =
            std::iter::once(dir.path().to_owned()).chain(std::env::split_paths(&path)).collect();
        let path = std::env::join_paths(first).unwrap().into_string().unwrap();
        Counter { dir, path }
    }

    /// The subcommands that were called since the last look, sorted.
    fn calls(&self) -> Vec<String> {
        let file = self.dir.path().join("calls");
        let said = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        let mut calls: Vec<String> = said.lines().map(subcommand).collect();
        // Who commits is asked where the machine does not tell its time zone.
        calls.retain(|call| call != "var");
        calls.sort();
        calls
    }
}

fn subcommand(call: &str) -> String {
    let mut words = call.split(' ');
    while let Some(word) = words.next() {
        match word {
            "-c" => drop(words.next()),
            option if option.starts_with('-') => {}
            name => return name.to_owned(),
        }
    }
    panic!("no subcommand in `{call}`");
}

#[test]
fn a_local_backport_asks_git_four_times_and_merges_once_for_all_targets() {
    let file = |five: &str| -> String {
        (1..=30).map(|n| if n == 5 { five.to_owned() } else { format!("{n}\n") }).collect()
    };
    let clone = Clone::new(&[("f", &file("5\n"))]);
    let commit = |content: &str, on: &str, message: &str| {
        clone.git(&["switch", "-q", "--detach", on]);
        std::fs::write(clone.top.join("f"), content).unwrap();
        clone.git(&["commit", "-q", "-am", message]);
    };
    commit(&file("cinq\n"), "origin/develop", "Count in French");
    for (from, to) in [("HEAD", "3"), ("origin/develop", "1"), ("origin/develop", "2")] {
        clone.git(&["push", "-q", "origin", &format!("{from}:refs/heads/release/{to}")]);
    }
    commit(&file("five\n"), "origin/main", "Fix five");
    clone.git(&["push", "-q", "origin", "HEAD:main"]);
    clone.git(&["fetch", "-q"]);
    let head = std::fs::read_to_string(clone.top.join(".git/HEAD")).unwrap();
    let counter = Counter::new();
    let run = |args: &[&str], code: i32| {
        let args = [&["backport", "--no-fetch", head.trim()], args].concat();
        let ran = hotfix(&clone.top, &[("PATH", &counter.path)], &args);
        assert_eq!(ran.code, code, "{}\n{}", ran.out, ran.err);
        (ran.out, counter.calls())
    };
    // A forecast stays one, whatever else is asked for.
    for args in [&["--dry-run"][..], &["--dry-run", "--no-push"]] {
        let (_, calls) = run(args, 0);
        assert_eq!(calls, ["config", "merge-tree", "rev-parse"]);
    }
    let (_, calls) = run(&["--no-push"], 0);
    assert_eq!(calls, ["config", "merge-tree", "rev-parse", "update-ref"]);
    // One summary; a lane that conflicts asks for hands; its placeholder takes no second merge.
    let (said, calls) = run(&["--no-push", "--to", "develop", "--to", "release/*"], 3);
    for lane in ["develop    clean", "release/1  clean", "release/2  clean", "release/3  conflicts"] {
        assert!(said.contains(lane), "{said}");
    }
    let writes = ["update-ref"; 3];
    assert_eq!(calls, [&["config", "merge-tree", "rev-parse"][..], &writes].concat());
}

#[test]
fn a_whole_backport_adds_looks_at_the_remote_one_push_and_one_check_of_what_is_there() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.git(&["fetch", "--quiet", "--no-write-fetch-head", "origin"]);
    let counter = Counter::new();
    let landed = lab.tip("main");
    let run = dev.run_as(dev.command().env("PATH", &counter.path), &["backport", &landed]).ends(0);
    // The remote is looked at before the push and after it; the merge request moves no branch.
    let looks = ["ls-remote"; 2];
    let rest = ["merge-tree", "merge-tree", "push", "rev-parse"];
    assert_eq!(counter.calls(), [&["config"][..], &looks, &rest].concat());
    assert!(run.requests <= 12, "{} requests", run.requests);
}
