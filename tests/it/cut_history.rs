//! Shallow and partial clones on a laptop: the same answers as a whole clone's, with no more history than it
//! takes.

use std::path::{Path, PathBuf};

use git_hotfix::sim::{Lag, MergeMethod, Setup};
use serde_json::{Value, json};

use crate::ci_backport::{land, program};
use crate::sim_lab::{Lab, git, said};

const LOGIN: &str = "apps/portal/app/login.rb";

/// Puts `count` commits on develop, each with a file of its own.
pub(crate) fn long_develop(lab: &Lab, count: usize) {
    push_many(lab, "develop", count);
}

/// Puts `count` commits on main and merges them into develop, so that both share them.
pub(crate) fn long_main(lab: &Lab, count: usize) {
    push_many(lab, "main", count);
    let mia = lab.dir().join("many-main");
    for args in [
        &["checkout", "--quiet", "-B", "develop", "origin/develop"][..],
        &["merge", "--quiet", "--no-ff", "-m", "Sync main into develop", "main"],
        &["push", "--quiet", "origin", "develop"],
    ] {
        must(&mia, args);
    }
}

fn push_many(lab: &Lab, branch: &str, count: usize) {
    let dir = lab.dir().join(format!("many-{branch}"));
    must(lab.dir(), &["clone", "--quiet", &lab.remote("mia"), dir.to_str().unwrap()]);
    must(&dir, &["checkout", "--quiet", "-B", branch, &format!("origin/{branch}")]);
    let tree = must(&dir, &["rev-parse", "HEAD^{tree}"]);
    let mut tip = must(&dir, &["rev-parse", "HEAD"]);
    for number in 0..count {
        tip = must(&dir, &["commit-tree", &tree, "-p", &tip, "-m", &format!("Work {number} on {branch}")]);
    }
    must(&dir, &["reset", "--quiet", "--hard", &tip]);
    must(&dir, &["push", "--quiet", "origin", branch]);
}

fn must(dir: &Path, args: &[&str]) -> String {
    let done = git(dir, args);
    assert!(done.status.success(), "{args:?}: {}", said(&done));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

fn clone(lab: &Lab, name: &str, options: &[&str]) -> PathBuf {
    let dir = lab.dir().join(name).join("web");
    std::fs::create_dir_all(dir.parent().unwrap()).unwrap();
    let remote = lab.remote("dev");
    let args = [&["clone", "--quiet"], options, &[remote.as_str(), dir.to_str().unwrap()]].concat();
    must(lab.dir(), &args);
    must(&dir, &["config", "user.name", "Dev"]);
    must(&dir, &["config", "user.email", "dev@shop.example"]);
    dir
}

/// Runs a command that answers in JSON.
fn ask(lab: &Lab, dir: &Path, args: &[&str]) -> Value {
    let (url, token) = (lab.server.url(), lab.server.token("dev"));
    let vars = [("GIT_HOTFIX_URL", url.as_str()), ("GIT_HOTFIX_TOKEN", &token)];
    let done = program(dir, &vars, args).output().unwrap();
    serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{args:?}: {}", said(&done)))
}

/// Every kind of clone gives the answer of a whole one.
fn same_everywhere(lab: &Lab, commit: &str) -> Value {
    let whole = clone(lab, "whole", &[]);
    let dry = ["backport", "--dry-run", "--json", commit];
    let expected = ask(lab, &whole, &dry);
    for (name, options) in [
        ("depth-1", &["--depth=1"][..]),
        ("depth-1-all", &["--depth=1", "--no-single-branch"]),
        ("depth-30-all", &["--depth=30", "--no-single-branch"]),
        ("blobless", &["--filter=blob:none"]),
    ] {
        let dir = clone(lab, name, options);
        assert_eq!(ask(lab, &dir, &dry), expected, "{name}");
        assert_eq!(must(&dir, &["status", "--porcelain"]), "", "{name}");
    }
    expected
}

#[test]
fn a_clean_pick_is_the_same_tree_in_every_clone() {
    let lab = Lab::at_once();
    long_develop(&lab, 60);
    let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    let answer = same_everywhere(&lab, &landed);
    assert_eq!(answer["targets"][0]["result"], "clean", "{answer:#}");
    assert!(answer["targets"][0]["tree"].is_string());
}

#[test]
fn a_conflict_names_the_same_commits_in_every_clone() {
    let lab = Lab::at_once();
    long_develop(&lab, 60);
    let landed = land(&lab, "hotfix/session", "apps/portal/app/session.rb", "# another\n");
    let answer = same_everywhere(&lab, &landed);
    let target = &answer["targets"][0];
    assert_eq!(target["result"], "conflicts", "{answer:#}");
    assert_ne!(target["conflicts"][0]["touched_by"], json!([]), "{answer:#}");
}

#[test]
fn a_pick_far_below_the_cut_is_found() {
    let lab = Lab::at_once();
    let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    // Brought back long ago, and rewritten since: only the line in the message tells.
    let message = format!("Fix login\n\n(cherry picked from commit {landed})\n");
    for (message, content) in [(message.as_str(), "# fixed\n"), ("Rewrite login\n", "# rewritten\n")] {
        let files = [(LOGIN.to_owned(), Some(content.to_owned()))];
        lab.server.with_world(|world| world.push_as("mia", "develop", message, &files)).unwrap();
    }
    long_develop(&lab, 90);
    let answer = same_everywhere(&lab, &landed);
    assert_eq!(answer["targets"][0]["result"], "already-there", "{answer:#}");
}

#[test]
fn a_fast_forwarded_series_is_picked_whole() {
    let setup = Setup { lag: Lag::none(), merge_method: MergeMethod::FastForward, ..Setup::default() };
    let lab = Lab::new(setup);
    lab.branch("hotfix/two", "apps/portal/app/one.rb", "# one\n");
    let landed = land(&lab, "hotfix/two", "apps/portal/app/two.rb", "# two\n");
    long_develop(&lab, 60);
    let answer = same_everywhere(&lab, &landed);
    assert_eq!(answer["targets"][0]["result"], "clean", "{answer:#}");
    let whole = lab.dir().join("whole/web");
    let tree = answer["targets"][0]["tree"].as_str().unwrap();
    let held = must(&whole, &["ls-tree", "-r", "--name-only", tree]);
    assert!(held.contains("app/one.rb") && held.contains("app/two.rb"), "{held}");
}

#[test]
fn status_is_the_same_in_a_shallow_clone() {
    let lab = Lab::at_once();
    long_main(&lab, 30);
    land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    let status = |name: &str, options: &[&str]| {
        let mut told = ask(&lab, &clone(&lab, name, options), &["status", "--json", "hotfix/login"]);
        if let Some(told) = told.as_object_mut() {
            told.retain(|name, _| name != "as_of");
        }
        told
    };
    let whole = status("whole", &[]);
    assert_eq!(status("cut", &["--depth=1"]), whole);
}

#[test]
fn offline_a_cut_is_no_answer() {
    let lab = Lab::at_once();
    long_develop(&lab, 60);
    let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    let dir = clone(&lab, "cut", &["--depth=1", "--no-single-branch"]);
    let answer = ask(&lab, &dir, &["backport", "--dry-run", "--json", "--no-fetch", &landed]);
    assert_ne!(answer["targets"][0]["result"], "clean", "{answer:#}");
}
