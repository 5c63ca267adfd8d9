//! As part of git: its options, variables, aliases, hooks, pager, colours and trace are honoured.

use std::path::Path;

use serde_json::Value;

use crate::cli_lab::{Clone, Ran, hotfix};
use crate::lab::{Lab, story};

/// A clone with a hotfix branch that holds one commit.
fn begun() -> Clone {
    let clone = Clone::new(&[("app.txt", "one\n")]);
    clone.git(&["switch", "-q", "-c", "hotfix/login"]);
    std::fs::write(clone.top.join("app.txt"), "two\n").unwrap();
    clone.git(&["commit", "-qam", "Fix login"]);
    clone
}

/// `git` with this build's program first in its path: git finds `git-hotfix` there.
#[expect(clippy::disallowed_methods, reason = "the tests' own path")]
fn through_git(dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Ran {
    let program = assert_cmd::cargo::cargo_bin!("git-hotfix");
    let path = std::env::var_os("PATH").unwrap();
    let mut dirs = vec![program.parent().unwrap().to_owned()];
    dirs.extend(std::env::split_paths(&path));
    let path = std::env::join_paths(dirs).unwrap();
    let mut env = env.to_vec();
    env.push(("PATH", path.to_str().unwrap()));
    crate::cli_lab::program(Path::new("git"), dir, &env, args)
}

#[test]
fn the_repository_is_the_one_that_git_means() {
    let clone = begun();
    let elsewhere = clone.top.parent().unwrap().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let (top, git_dir) = (clone.top.to_str().unwrap(), clone.top.join(".git"));
    let git_dir = git_dir.to_str().unwrap();
    let status = ["hotfix", "status", "--offline"];
    for (dir, env, args) in [
        (elsewhere.as_path(), vec![], [["-C", top].as_slice(), &status].concat()),
        (elsewhere.as_path(), vec![], [["--git-dir", git_dir].as_slice(), &status].concat()),
        (elsewhere.as_path(), vec![("GIT_DIR", git_dir)], status.to_vec()),
        (clone.top.as_path(), vec![], vec!["-c", "alias.hx=hotfix status --offline", "hx"]),
        (clone.top.as_path(), vec![], vec!["-c", "alias.hx=!git hotfix status --offline", "hx"]),
    ] {
        let ran = through_git(dir, &env, &args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        assert!(ran.out.starts_with("hotfix/login "), "{args:?}: {}", ran.out);
    }
    let ran = through_git(&elsewhere, &[], &status);
    assert_eq!(ran.code, 4);
    insta::assert_snapshot!(ran.err, @"
    error: not in a usable git repository
      caused by: fatal: not a git repository (or any of the parent directories): .git
    hint: run it inside a clone, or give one: git -C <dir> hotfix
    ");
}

#[test]
fn a_hook_and_a_rebase_may_call_it() {
    let clone = begun();
    let program = assert_cmd::cargo::cargo_bin!("git-hotfix");
    let call = |log: &str| format!("'{}' status --offline >../{log} 2>&1", program.display());
    let hook = clone.top.join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, format!("#!/bin/sh\n{}\n", call("hook.log"))).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(clone.top.join("app.txt"), "three\n").unwrap();
    clone.git(&["commit", "-qam", "Fix login more"]);
    let said = |log: &str| std::fs::read_to_string(clone.top.parent().unwrap().join(log)).unwrap();
    assert!(said("hook.log").starts_with("hotfix/login "), "{}", said("hook.log"));

    // What a rebase runs sees a branch in the making: it is told so, and can name what it means.
    let named = format!("'{}' status --offline hotfix/login >../named.log", program.display());
    let bare = format!("{} || true", call("bare.log"));
    clone.git(&["rebase", "-q", "--force-rebase", "-x", &named, "-x", &bare, "main"]);
    assert!(said("named.log").starts_with("hotfix/login "), "{}", said("named.log"));
    insta::assert_snapshot!(said("bare.log").trim_end(), @"
    error: hotfix/login is being rebased: what it will be is not settled
    hint: see what is left of it: git status
    hint: or name the branch, as it was before: git hotfix status hotfix/login
    ");
}

#[test]
fn what_git_exports_to_a_hook_reaches_no_child() {
    let clone = begun();
    clone.git(&["push", "-q", "origin", "HEAD:main"]);
    clone.git(&["fetch", "-q"]);
    let elsewhere = clone.top.parent().unwrap().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let (git_dir, index) = (clone.top.join(".git"), elsewhere.join("index"));
    let env = [
        ("GIT_DIR", git_dir.to_str().unwrap()),
        ("GIT_INDEX_FILE", index.to_str().unwrap()),
        // Where a push's objects wait while hooks judge them.
        ("GIT_OBJECT_DIRECTORY", elsewhere.to_str().unwrap()),
        ("GIT_PREFIX", "below/"),
        ("GIT_REFLOG_ACTION", "rebase"),
        ("GIT_AUTHOR_NAME", "Somebody Else"),
    ];
    let ran = hotfix(&clone.top, &env, &["backport", "HEAD", "--no-push", "--no-fetch"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0, "something was written elsewhere");
    // What was written is whole, in its place, and in the name of who wrote the fix.
    clone.git(&["fsck", "--strict", "--no-dangling"]);
    let branches = clone.top.join(".git/refs/heads/backport");
    let branch = std::fs::read_dir(branches).unwrap().next().unwrap().unwrap().file_name();
    let of_branch = format!("backport/{}", branch.to_str().unwrap());
    let ran = crate::cli_lab::program(
        Path::new("git"),
        &clone.top,
        &[],
        &["log", "-1", "--format=%an %gs", "-g", &of_branch],
    );
    assert!(ran.out.starts_with("Dev Anders ") && !ran.out.contains("rebase"), "{}", ran.out);
}

#[test]
fn colour_and_pager_are_git_s() {
    let clone = begun();
    let escapes = |options: &[&str], env: &[(&str, &str)], flags: &[&str]| {
        let args = [options, &["hotfix", "status", "--offline"], flags].concat();
        let ran = through_git(&clone.top, env, &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.contains('\u{1b}')
    };
    assert!(!escapes(&[], &[], &[]));
    assert!(escapes(&["-c", "color.ui=always"], &[], &[]));
    assert!(escapes(&["-c", "color.hotfix=always", "-c", "color.ui=never"], &[], &[]));
    assert!(escapes(&["-c", "color.ui=always"], &[("NO_COLOR", "1")], &[]));
    assert!(!escapes(&["-c", "color.ui=always"], &[], &["--color=never"]));
    assert!(!escapes(&["-c", "color.hotfix=false"], &[("CLICOLOR_FORCE", "1")], &[]));
    // git starts the pager, and says so; it does on a terminal only, so it is said here by hand.
    assert!(escapes(&[], &[("GIT_PAGER_IN_USE", "true"), ("TERM", "xterm")], &[]));
    assert!(!escapes(&["-c", "color.ui=false"], &[("GIT_PAGER_IN_USE", "true")], &[]));
}

#[test]
fn a_slip_of_the_finger_names_the_nearest_command() {
    let clone = begun();
    let ran = through_git(&clone.top, &[], &["hotfix", "stauts"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("unrecognized subcommand 'stauts'")
            && ran.err.contains("did you mean: git hotfix status"),
        "{}",
        ran.err
    );
}

#[test]
fn its_steps_and_requests_stand_in_git_s_trace() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let file = lab.dir().join("trace");
    let mut command = dev.command();
    command.env("GIT_TRACE2_EVENT", &file).env("GIT_TRACE2_PARENT_SID", "outer");
    let ran = dev.run_as(&mut command, &["open"]).ends(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours: Vec<&Value> = rows.iter().filter(|row| row["exe"] == env!("CARGO_PKG_VERSION")).collect();
    let sid = ours[0]["sid"].as_str().unwrap();
    assert!(sid.starts_with("outer/"), "{sid}");
    let mine = |event: &str| rows.iter().filter(|row| row["sid"] == sid && row["event"] == event).count();
    assert_eq!([mine("version"), mine("start"), mine("exit"), mine("atexit")], [1, 1, 1, 1]);
    assert_eq!([mine("region_enter"), mine("region_leave")], [ran.requests, ran.requests]);
    let posted = rows.iter().any(|row| row["label"].as_str().is_some_and(|it| it.starts_with("POST ")));
    assert!(posted, "{text}");
    // git's own children say whose they are.
    let below =
        rows.iter().filter(|row| row["sid"].as_str().unwrap().starts_with(&format!("{sid}/"))).count();
    assert!(below > 10, "{below} lines of children");
    assert!(!text.contains(&lab.server.token("dev")));
    for target in ["relative/path", "0", "/no/such/folder/file"] {
        let mut command = dev.command();
        command.env("GIT_TRACE2_EVENT", target);
        dev.run_as(&mut command, &["status", "--offline"]).ends(0);
    }
}

#[test]
fn the_production_branch_is_named_in_the_file_itself() {
    let file = "[branches]\nproduction = \"release\"\nprefix = \"fix/\"\n";
    let clone = Clone::new(&[(".hotfix.toml", file)]);
    clone.git(&["push", "-q", "origin", "main:release"]);
    clone.git(&["fetch", "-q"]);
    let ran = hotfix(&clone.top, &[], &["start", "login"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("fix/login cut from release at "), "{}", ran.out);

    // Where there is no main, the remote's default branch tells.
    clone.git(&["push", "-q", "origin", "origin/develop:refs/heads/trunk", ":main"]);
    clone.git(&["fetch", "-q", "--prune"]);
    clone.git(&["remote", "set-head", "origin", "trunk"]);
    let ran = hotfix(&clone.top, &[], &["doctor", "--config"]);
    let line = ran.out.lines().find(|line| line.starts_with("branches.production")).unwrap();
    assert!(line.contains("release"), "{line}");

    // Two files that name each other's branch settle nothing.
    clone.git(&["switch", "-q", "-c", "other", "origin/release"]);
    std::fs::write(clone.top.join(".hotfix.toml"), "[branches]\nproduction = \"live\"\n").unwrap();
    clone.git(&["commit", "-qam", "Name another"]);
    clone.git(&["push", "-q", "origin", "HEAD:release"]);
    let ran = hotfix(&clone.top, &[], &["start", "again"]);
    assert_eq!(ran.code, 4);
    insta::assert_snapshot!(ran.err, @"
    error: origin/HEAD:.hotfix.toml names release as production, and origin/release:.hotfix.toml names
           live
    hint: make them agree, or say it in this clone: git config hotfix.productionBranch <name>
    ");
}
