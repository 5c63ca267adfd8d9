//! The whole text of what is seldom in the way: a fork, somebody who was faster, a lost answer, a machine that
//! is short of something. Where it can be shown, the command that it names is then run.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use git_hotfix::git::Git;
use git_hotfix::sim::{Fault, FaultPlan, What};
use insta::assert_snapshot;

use super::refusals::Told;
use crate::lab::{Desk, Lab, story};
use crate::scrubbed::scrubbed;

#[test]
fn of_a_fork() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    let fault = Fault::after(What::Swapped("source_project_id", "8"));
    lab.server.inject(FaultPlan::next("GET", "/merge_requests/412", fault));
    let mut told = Told::new();
    told.desk(&dev, &[&["status", "!412"]]);
    assert_snapshot!(told.0, @"
    $ git hotfix status '!412'
    error: !412 comes from a fork
      caused by: git hotfix pushes and deploys from branches of the project itself
    hint: bring it here: git fetch origin refs/merge-requests/412/head && git switch -c hotfix/fork-412 FETCH_HEAD && git hotfix open hotfix/fork-412
    [5]
    ");
    // What it says, word for word.
    dev.git(&["fetch", "--quiet", "origin", "refs/merge-requests/412/head"]);
    dev.git(&["switch", "--quiet", "-c", "hotfix/fork-412", "FETCH_HEAD"]);
    dev.run_moving(&["open", "hotfix/fork-412"]).ends(0).says("hotfix/fork-412 -> main: !413");
}

#[test]
fn of_a_commit_without_a_merge_request() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    let files = [("apps/portal/app/login.rb".to_owned(), Some("# mended at once\n".to_owned()))];
    let pushed =
        lab.server.with_world(|world| world.push_as("mia", "main", "Mend it at once", &files)).unwrap();
    dev.run(&["wait", "build", &pushed]).ends(0);
    let mut told = Told::new();
    told.desk(&dev, &[&["ask", "--post", &pushed]]);
    assert_snapshot!(told.0.replace(&pushed, "<commit>"), @"
    $ git hotfix ask --post <commit>
    error: this hotfix has no merge request to post on
    hint: send them the text above yourself, or name one that has: git hotfix ask '!<iid>' --post
    [5]
    ");
}

/// A folder whose `git` does something once, before the first push.
fn before_the_push(lab: &Lab, what: &str) -> String {
    let dir = lab.dir().join("bin");
    std::fs::create_dir(&dir).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the real git is found where the program finds it")]
    let path = std::env::var_os("PATH").unwrap();
    let real = Git::find(&path, Path::new("/")).unwrap().program().display().to_string();
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' push '*) [ -e '{0}/done' ] || {{ : >'{0}/done'; {what}; }} ;; esac\nexec '{real}' \"$@\"\n",
        dir.display()
    );
    let git = dir.join("git");
    std::fs::write(&git, script.replace("GIT", &format!("'{real}'"))).unwrap();
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
    let first: Vec<PathBuf> = std::iter::once(dir).chain(std::env::split_paths(&path)).collect();
    std::env::join_paths(first).unwrap().into_string().unwrap()
}

/// The conflict, resolved in its work tree and not yet pushed; gives the backport's branch.
fn resolved(lab: &Lab) -> (Desk<'_>, String) {
    lab.server.with_world(|world| world.expect(lab.scenario.events.clone()));
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(3);
    let branch = lab.backport()["source_branch"].as_str().unwrap().to_owned();
    dev.run(&["backport", "--continue"]).ends(3);
    let tree = lab.dir().join(format!("dev/web-{}", branch.replace('/', "-")));
    std::fs::write(tree.join("apps/portal/app/session.rb"), "LIFETIME = 15 * 60\n").unwrap();
    dev.git_in(&tree, &["add", "--all"]);
    (dev, branch)
}

#[test]
fn of_somebody_who_pushed_in_between() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = resolved(&lab);
    let mia = lab.desk("mia");
    mia.git(&["switch", "--quiet", &branch]);
    mia.git(&["commit", "--quiet", "--allow-empty", "-m", "Look at it"]);
    let push = format!("GIT -C '{}' push --quiet", mia.dir.display());
    let path = before_the_push(&lab, &push);
    let mut told = Told::new();
    let prepare = |command: &mut Command| {
        command.env("PATH", &path);
    };
    told.with(&dev, prepare, &[&["backport", "--continue", "!413"]]);
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix backport --continue '!413'
    pushing backport/develop-########
    error: backport/develop-######## changed meanwhile: backport/develop-######## moved on the remote
      caused by: your resolution is kept
    hint: see what came in between, then: git hotfix backport --continue '!413'
    [5]
    ");
    dev.run(&["backport", "--continue", "!413"]).ends(0).says("!413 is resolved");
}

#[test]
fn of_an_answer_that_was_lost() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = resolved(&lab);
    lab.api("mia", "PUT", "merge_requests/413", serde_json::json!({"title": "Backport"}));
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    lab.server.inject(FaultPlan::next("POST", "/merge_requests", Fault::after(What::Reset)));
    let mut told = Told::new();
    told.desk(&dev, &[&["backport", "--continue", "!413"]]);
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix backport --continue '!413'
    pushing backport/develop-########
    error: the branch is pushed; its merge request is there or on its way
    hint: git hotfix backport '!413'   (adopts it)
    [5]
    ");
    dev.run(&["backport"]).ends(0).says("!414");
    assert_eq!(lab.merge_requests_to("develop").len(), 2, "{branch}");
}

#[test]
fn of_a_resolution_whose_merge_request_was_closed() {
    let lab = Lab::new(story("conflict"));
    let (dev, _) = resolved(&lab);
    dev.run(&["backport", "--continue", "!413"]).ends(0);
    lab.api("mia", "PUT", "merge_requests/413", serde_json::json!({"state_event": "close"}));
    let mut told = Told::new();
    told.desk(&dev, &[&["backport", "--continue", "!413"]]);
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix backport --continue '!413'
    error: !413 to develop was closed by a person
    hint: reopen it at http://gitlab/shop/web/-/merge_requests/413 , then: git hotfix backport --continue '!413'
    [5]
    ");
    assert_eq!(lab.merge_requests_to("develop").len(), 1);
    lab.api("mia", "PUT", "merge_requests/413", serde_json::json!({"state_event": "reopen"}));
    dev.run(&["backport", "--continue", "!413"]).ends(0);
}

#[test]
fn of_the_machine() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    let mut told = Told::new();
    // Under a shell that takes something away first.
    let shell = |before: &str, args: &[&str]| {
        let program = env!("CARGO_BIN_EXE_git-hotfix");
        let line = format!("{before}; exec \"$program\" \"$@\"");
        let mut command = dev.command();
        command.env("program", program);
        let mut under = scrubbed("/bin/sh", lab.dir(), &dev.dir);
        under.args(["-c", &line, "sh"]).args(args);
        for (name, value) in command.get_envs() {
            under.envs(value.map(|value| (name, value)));
        }
        let output = under.output().unwrap();
        let text = |bytes: &[u8]| lab.redact(&String::from_utf8_lossy(bytes));
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let copied = "cp \"$program\" gone && exec 3<gone && rm gone && program=/proc/self/fd/3";
    let gone = "mkdir gone && cd gone && rmdir ../gone";
    let install = &["install", "--prefix", "here"][..];
    for (before, args) in [("ulimit -S -n 4", &["list"][..]), (copied, install), (gone, install)] {
        let (code, out, err) = shell(before, args);
        told.add(args, code, &out, &err);
    }
    assert_snapshot!(told.0, @"
    $ git hotfix list
    error: could not listen for signals
      caused by: Too many open files (os error 24)
    hint: allow more open files, then run the same command again: ulimit -n 1024
    [1]
    $ git hotfix install --prefix here
    error: where this program stands could not be found out
      caused by: No such file or directory (os error 2)
    hint: start it by its whole path: /path/to/git-hotfix install
    [1]
    $ git hotfix install --prefix here
    error: “here” is no place from here
      caused by: No such file or directory (os error 2)
    hint: git hotfix install --prefix ~/.local
    [2]
    ");
    assert_eq!(shell("ulimit -S -n 4; ulimit -n 1024", &["list"]).0, 0);
}
