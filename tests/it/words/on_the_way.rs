//! The whole text of what stands in the way of a call that is typed rightly: a world, a clone or a machine that
//! is not as it should be.

use std::process::Command;

use git_hotfix::sim::{Fault, FaultPlan, What};
use insta::assert_snapshot;
use serde_json::json;

use super::refusals::Told;
use crate::cli_lab::Clone;
use crate::lab::{Lab, story};

const SESSION: &str = "apps/portal/app/session.rb";

/// The name of a branch on the remote, with another person's commit on `develop`'s tip.
fn somebodys(lab: &Lab, branch: &str) {
    let mia = lab.desk_at("mia", &format!("mia-{}", branch.replace('/', "-")));
    mia.git(&["switch", "--quiet", "--detach", "origin/develop"]);
    std::fs::write(mia.dir.join("other.txt"), "another thing\n").unwrap();
    mia.git(&["add", "--all"]);
    mia.git(&["commit", "--quiet", "-m", "Something else"]);
    mia.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:refs/heads/{branch}")]);
}

#[test]
fn a_conflict_in_hands() {
    let lab = Lab::told("conflict");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(3);
    let branch = lab.backport()["source_branch"].as_str().unwrap().to_owned();
    let tree = lab.dir().join(format!("dev/web-{}", branch.replace('/', "-")));
    let mut told = Told::new();
    dev.run(&["backport", "--continue"]).ends(3);
    let marked = std::fs::read_to_string(tree.join(SESSION)).unwrap();
    dev.git_in(&tree, &["checkout", "--quiet", "--ours", "--", SESSION]);
    dev.git_in(&tree, &["add", SESSION]);
    told.desk(&dev, &[&["backport", "--continue"]]);
    std::fs::write(tree.join(SESSION), marked).unwrap();
    dev.git_in(&tree, &["add", SESSION]);
    told.desk(&dev, &[&["backport", "--continue"]]);
    dev.run(&["backport", "--abort"]).ends(0);
    dev.git(&["branch", &branch, "origin/main"]);
    let mia = lab.desk("mia");
    mia.git(&["push", "--quiet", "origin", "origin/main:refs/heads/wish"]);
    lab.api(
        "mia",
        "POST",
        "merge_requests",
        json!({"source_branch": "wish", "target_branch": "develop", "title": "A wish"}),
    );
    told.desk(
        &dev,
        &[
            &["backport", "--no-push"],
            &["status", "!414"],
            &["backport", "--landed", "nope"],
            &["status", "http://elsewhere.example/shop/web/-/merge_requests/4"],
        ],
    );
    lab.server.with_world(|world| world.protect(&branch));
    dev.run(&["backport", "--continue"]).ends(3);
    std::fs::write(tree.join(SESSION), "# resolved by hand\n").unwrap();
    dev.git_in(&tree, &["add", SESSION]);
    told.desk(&dev, &[&["backport", "--continue"]]);
    lab.api("mia", "PUT", "merge_requests/413", json!({"state_event": "close"}));
    told.desk(&dev, &[&["backport", "--continue", "!413"]]);
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix backport --continue
    error: resolved like this, develop stays as it is: it would still lack the fix
      caused by: the work tree is [lab]/dev/web-backport-develop-########
    hint: start the resolution over: git hotfix backport --abort && git hotfix backport --continue
    hint: or decide against it: close !413 with the label backport-declined
    [3]
    $ git hotfix backport --continue
    error: conflict markers are left in apps/portal/app/session.rb
    hint: edit them in [lab]/dev/web-backport-develop-######## and git add them, then: git hotfix backport --continue '!413'
    [3]
    $ git hotfix backport --no-push
    error: the local branch backport/develop-######## is there already, with other content
    hint: look at it, then remove it: git branch -D backport/develop-######## && git hotfix backport --no-push
    [5]
    $ git hotfix status '!414'
    error: !414 is no hotfix: it goes to develop, not to main
    hint: see the hotfixes in flight: git hotfix list
    [5]
    $ git hotfix backport --landed nope
    error: `nope` names no commit
    hint: git log --oneline   shows some
    [2]
    $ git hotfix status http://elsewhere.example/shop/web/-/merge_requests/4
    error: `http://elsewhere.example/shop/web/-/merge_requests/4` is no merge request of http://gitlab/shop/web
    hint: name one of this project: git hotfix status '!<iid>'
    hint: or run it in a clone of that project: git hotfix -C <dir> status
    [2]
    $ git hotfix backport --continue
    pushing backport/develop-########
    error: origin refused backport/develop-########: pre-receive hook declined
      caused by: GitLab: You are not allowed to push code to protected branches on this project.
    hint: mend what it asks for, then run the same command again
    [5]
    $ git hotfix backport --continue '!413'
    error: !413 to develop was closed by a person
    hint: reopen it at http://gitlab/shop/web/-/merge_requests/413 , then: git hotfix backport --continue '!413'
    [5]
    ");
}

#[test]
fn a_backport_of_somebody_else() {
    let lab = Lab::told("conflict");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(3);
    let branch = lab.backport()["source_branch"].as_str().unwrap().to_owned();
    let mut told = Told::new();
    somebodys(&lab, &branch);
    told.desk(&dev, &[&["backport", "--continue", "!413"]]);
    dev.run(&["status", "!413"]).ends(0).says("!412");
    let mia = lab.desk("mia");
    mia.git(&["push", "--quiet", "origin", "origin/develop:refs/heads/release/1"]);
    somebodys(&lab, "backport/develop-deadbeef");
    let request = json!({
        "source_branch": "backport/develop-deadbeef", "target_branch": "develop", "title": "Backport",
    });
    lab.api("mia", "POST", "merge_requests", request);
    told.desk(
        &dev,
        &[
            &["backport", "--continue", "--to", "develop", "--to", "release/1"],
            &["backport", "--continue", "!414"],
        ],
    );
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix backport --continue '!413'
    error: backport/develop-######## is a person's own work: the pick conflicts below it: resolved by hand
    hint: review it in its merge request; nothing of it is overwritten: git hotfix status '!413'
    [5]
    $ git hotfix backport --continue --to develop --to release/1
    error: several backports are open: develop, release/1
    hint: say which: git hotfix backport --continue --to develop
    [2]
    $ git hotfix backport --continue '!414'
    error: backport/develop-######## names no commit that this clone has
    hint: git fetch, then run the same command again (or name the commit: --landed <sha>)
    [2]
    ");
}

#[test]
fn what_landed_otherwise() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    let mut told = Told::new();
    let develop = dev.git(&["rev-parse", "origin/develop"]);
    told.desk(
        &dev,
        &[&["backport", &develop], &["status", "-R", "shop/web"], &["start", "x", "-R", "shop/web"]],
    );
    let mia = lab.desk("mia");
    mia.git(&["switch", "--quiet", "-c", "fix", "origin/main~1"]);
    std::fs::write(mia.dir.join("other.txt"), "another thing\n").unwrap();
    mia.git(&["add", "--all"]);
    mia.git(&["commit", "--quiet", "-m", "Something else"]);
    mia.git(&["merge", "--quiet", "--no-ff", "-m", "Merge branch 'main' into fix", "origin/main"]);
    mia.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let sideways = mia.git(&["rev-parse", "HEAD"]);
    told.desk(&dev, &[&["backport", &sideways, "--dry-run"]]);
    std::fs::write(mia.dir.join(".hotfix.toml"), "[branches]\ntargets = []\n").unwrap();
    mia.git(&["add", "--all"]);
    mia.git(&["commit", "--quiet", "-m", "Backport to nothing"]);
    mia.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let main = mia.git(&["rev-parse", "HEAD"]);
    told.desk(&dev, &[&["backport", &main], &["backport", &main, "--continue"]]);
    let next = |path, what| lab.server.inject(FaultPlan::next("GET", path, Fault::after(what)));
    next("/merge_requests/412", What::Swapped("sha", "\"\""));
    told.desk(&dev, &[&["status", "!412"]]);
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix backport ########
    error: ######## is not on main
      caused by: a backport picks what landed in production, never what has not
    hint: git log --oneline origin/main   shows what landed; name one of those
    [5]
    $ git hotfix status -R shop/web
    error: with -R, say which hotfix is meant
    hint: name it: git hotfix status -R shop/web <branch | !iid | url | commit>   (in flight: git hotfix list -R shop/web)
    [2]
    $ git hotfix start x -R shop/web
    error: this command works on a clone, so -R does not go with it
    hint: run it there: cd <clone>, then the same command without -R
    [2]
    $ git hotfix backport ######## --dry-run
    error: ######## merges main into another branch, not the other way round
      caused by: its first parent is not the main line: picked, it would bring all that production had before
    hint: git log --oneline ########^2..########^1   shows what it brought; name one of those: git hotfix backport ######## --landed <sha>
    [5]
    $ git hotfix backport ########
    error: there is no branch to backport to
    hint: name one: git hotfix backport ######## --to <branch>
    [4]
    $ git hotfix backport ######## --continue
    error: no backport of this hotfix is left to resolve
    hint: git hotfix verify ########
    [5]
    $ git hotfix status '!412'
    error: GitLab names no head commit for !412 yet
    hint: run the same command again in a moment
    [6]
    ");
}

#[test]
fn a_vote_that_gitlab_does_not_take() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
    let bo = lab.desk("bo");
    let mut told = Told::new();
    lab.server.inject(FaultPlan::next("POST", "/approval", Fault::before(What::Status(400))));
    told.desk(&bo, &[&["approve", "!412", "--yes"]]);
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix approve '!412' --yes
    ships:
      ########  !412  Fix login 500 without a session
    error: GitLab does not take this vote: 400 Error
    hint: see who may: git hotfix status '!412'
    [5]
    ");
}

#[test]
fn two_that_would_ship_together() {
    let lab = Lab::told("two-hotfixes");
    let dev = lab.fixed();
    let mut told = Told::new();
    told.desk(&dev, &[&["ship", "--yes"], &["ship", "--with", "!413"]]);
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix ship --yes
    ✓ pushed hotfix/login-500 at ########
    ✓ opened the merge request hotfix/login-500 -> main: !412
    ✓ pipeline: pipeline 1016 passed
    ✓ review: mergeable
    ✓ merged !412
    ✓ merge: ######## on main, by dev
    ✓ build: pipeline 1030 reached deploy-prod-hotfix
    waiting for approval by pm (cleo or dan)
    ✓ approve: tech-lead bo, pm cleo
    ships:
      ########  !412  Fix login 500 without a session
      ########  !413  Quote commas in the orders export   (not this hotfix)
    error: this also ships !413, which nobody agreed to here
    hint: ask whoever they belong to, then: git hotfix ship --yes --with '!413'
    [5]
    $ git hotfix ship --with '!413'
    ships:
      ########  !412  Fix login 500 without a session
      ########  !413  Quote commas in the orders export   (not this hotfix)
    error: nobody answered: Play deploy-prod-hotfix (job 1033)?
      caused by: there is no terminal to ask on
    hint: answer it on the command line: git hotfix ship --with '!413' --yes
    [5]
    ");
}

#[test]
fn a_clone_that_is_not_as_it_should_be() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let mut told = Told::new();
    assert!(!dev.holds(&["rebase", "--quiet", "-x", "false", "HEAD~1"]));
    told.desk(&dev, &[&["status"]]);
    dev.git(&["rebase", "--abort"]);
    dev.git(&["config", "hotfix.productionBranch", "nope"]);
    told.desk(&dev, &[&["start", "x"], &["status"], &["ci", "migrate", "--outside-pipeline", "a rehearsal"]]);
    dev.git(&["config", "--unset", "hotfix.productionBranch"]);
    let wrong = |command: &mut Command| {
        command.env("GIT_HOTFIX_POLL_MIN", "soon");
    };
    told.with(&dev, wrong, &[&["status"]]);
    dev.git(&["symbolic-ref", "HEAD", "refs/heads/nothing-yet"]);
    told.desk(&dev, &[&["ci", "backport", "--outside-pipeline", "a rehearsal"]]);
    assert_snapshot!(lab.redact(&told.0), @"
    $ git hotfix status
    error: hotfix/login-500 is being rebased: what it will be is not settled
    hint: see what is left of it: git status
    hint: or name the branch, as it was before: git hotfix status hotfix/login-500
    [5]
    $ git hotfix start x
    error: origin has no branch nope
    hint: name the production branch: git config hotfix.productionBranch <branch>
    [4]
    $ git hotfix status
    error: origin has no branch nope
    hint: name the production branch: git config hotfix.productionBranch <branch>
    [4]
    $ git hotfix ci migrate --outside-pipeline 'a rehearsal'
    warning: run outside a pipeline of nope: a rehearsal
    error: git fetch failed (exit code 128)
      caused by: fatal: couldn't find remote ref refs/heads/nope
    hint: see the branches there are: git ls-remote --heads   (and which are looked for: git hotfix doctor --config)
    [4]
    $ git hotfix status
    error: GIT_HOTFIX_POLL_MIN: “soon” is no duration, as in 5s, 500ms or 2m
    hint: see every setting and its source with: git hotfix doctor --config
    [4]
    $ git hotfix ci backport --outside-pipeline 'a rehearsal'
    warning: run outside a pipeline of main: a rehearsal
    error: HEAD is no commit yet
    hint: check out the commit that landed: git checkout <sha>, then run the same command again
    [5]
    ");
}

#[test]
fn two_files_that_do_not_agree() {
    let named = |branch: &str| format!("[branches]\nproduction = \"{branch}\"\n");
    let clone = Clone::new(&[(".hotfix.toml", &named("live"))]);
    clone.git(&["switch", "-q", "-c", "live"]);
    std::fs::write(clone.top.join(".hotfix.toml"), named("prod")).unwrap();
    clone.git(&["commit", "-q", "-a", "-m", "Another name"]);
    clone.git(&["push", "-q", "origin", "live"]);
    let mut told = Told::new();
    told.clone(&clone, &[&["backport", "--dry-run", "HEAD"], &["init", "--yes", "--approval", "bo"]]);
    assert_snapshot!(told.0, @"
    $ git hotfix backport --dry-run HEAD
    error: origin/main:.hotfix.toml names live as production, and origin/live:.hotfix.toml names prod
    hint: make them agree, or say it in this clone: git config hotfix.productionBranch <name>
    [4]
    $ git hotfix init --yes --approval bo
    error: TMP/clone/.hotfix.toml exists already
    hint: see what it says: git hotfix doctor --config
    hint: or replace it: git hotfix init --force
    [5]
    ");
}

#[test]
fn a_machine_that_is_not_as_it_should_be() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    let mut told = Told::new();
    told.desk(&dev, &[&["install", "--prefix", ""], &["install", "--prefix", "/dev/null/here"]]);
    let homeless = |command: &mut Command| {
        command.env_remove("HOME");
    };
    told.with(&dev, homeless, &[&["install"]]);
    let cramped = |command: &mut Command| {
        command.env("TMPDIR", "/dev/null/here");
    };
    told.with(&dev, cramped, &[&["demo"]]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let done = dev.command().args(["help"]).stdout(full).output().unwrap();
    told.add(
        &["help", ">/dev/full"],
        done.status.code().unwrap(),
        "",
        &String::from_utf8_lossy(&done.stderr),
    );
    let text = lab.redact(&told.0);
    let (before, after) = text.split_once("git-hotfix-demo-").unwrap();
    assert_snapshot!(format!("{before}git-hotfix-demo-{}", &after[6..]), @r#"
    $ git hotfix install --prefix 
    error: a value is required for '--prefix <DIR>' but none was supplied
    hint: all that it takes: git hotfix install -h
    [2]
    $ git hotfix install --prefix /dev/null/here
    error: could not read /dev/null/here/share/man/man1
      caused by: Not a directory (os error 20)
    hint: mend that, then run the same command again
    [1]
    $ git hotfix install
    error: HOME is not set, so there is no default place
    hint: name one: git hotfix install --prefix <dir>
    [4]
    $ git hotfix demo
    error: could not make a folder for the sandbox
      caused by: Not a directory (os error 20) at path "/dev/null/here/git-hotfix-demo-"
    hint: free some room or name another folder: TMPDIR=<dir> git hotfix demo
    [1]
    $ git hotfix help >/dev/full
    hint: the whole manual: git help hotfix
    error: could not write to standard output
      caused by: No space left on device (os error 28)
    hint: make room there, or write elsewhere, and run it again
    [1]
    "#);
}
