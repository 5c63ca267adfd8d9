//! The whole text of what the program says when it is called wrongly, or in the wrong place.

use std::process::Command;

use insta::assert_snapshot;

use super::commands;
use crate::cli_lab::Clone;
use crate::lab::{Desk, Lab, story};

/// What each call says, below the call as it was typed. Each must fail, and end with a way out that the
/// program takes.
pub(super) struct Told(pub(super) String);

impl Told {
    pub(super) fn new() -> Told {
        Told(String::new())
    }

    #[track_caller]
    pub(super) fn add(&mut self, args: &[&str], code: i32, out: &str, err: &str) {
        assert_ne!(code, 0, "{args:?} did not fail: {out}");
        let quoted: Vec<String> = args
            .iter()
            .map(|arg| if arg.contains([' ', '!', '*']) { format!("'{arg}'") } else { (*arg).to_owned() })
            .collect();
        self.0.push_str(&format!("$ git hotfix {}\n{}\n[{code}]\n", quoted.join(" "), err.trim_end()));
        let hints: Vec<&str> =
            err.lines().filter_map(|line| line.trim_start().strip_prefix("hint: ")).collect();
        assert!(!hints.is_empty(), "no way out of {args:?}: {err}");
        for hint in hints {
            let wrong: Vec<String> =
                commands::named(hint).iter().filter_map(|words| commands::wrong(words)).collect();
            assert!(wrong.is_empty(), "{hint}: {}", wrong.join("\n"));
        }
    }

    /// Calls of somebody in a clone of the embedded GitLab's project.
    #[track_caller]
    pub(super) fn desk(&mut self, desk: &Desk<'_>, calls: &[&[&str]]) {
        for args in calls {
            let run = desk.run(args);
            self.add(args, run.code, &run.out, &run.err);
        }
    }

    /// The same with a prepared environment.
    #[track_caller]
    pub(super) fn with(&mut self, desk: &Desk<'_>, prepare: impl Fn(&mut Command), calls: &[&[&str]]) {
        for args in calls {
            let mut command = desk.command();
            prepare(&mut command);
            let run = desk.run_as(&mut command, args);
            self.add(args, run.code, &run.out, &run.err);
        }
    }

    /// Calls in a clone that knows no GitLab.
    #[track_caller]
    pub(super) fn clone(&mut self, clone: &Clone, calls: &[&[&str]]) {
        for args in calls {
            let ran = clone.run(args);
            self.add(args, ran.code, &ran.out, &ran.err);
        }
    }
}

#[test]
fn words_that_are_none() {
    let clone = Clone::new(&[("a.txt", "a\n")]);
    let mut told = Told::new();
    told.clone(
        &clone,
        &[
            &["strat", "login-500"],
            &["start"],
            &["start", "bad..name"],
            &["start", "log in!"],
            &["start", "-x"],
            &["deploy", "--timeout", "soon"],
            &["wait", "lunch"],
            &["status", "!12x"],
            &["status", "https://elsewhere.example/shop/web/-/merge_requests/4"],
            &["status", "--host", "gitlab.example"],
            &["approve", "--reject", "--comment", &"x".repeat(256)],
            &["verify", "--confirm", " "],
            &["demo", "--scenario", "nonsense"],
            &["completion", "powershell"],
            &["ci", "check"],
            &["ci", "chek", ".gitlab-ci.yml"],
            &["help", "nonsense"],
            &["-C", "nowhere", "status"],
            &["status", "--jsn"],
            &["ci", "backport"],
            &["ci", "backport", "--outside-pipeline", " "],
            &["backport", "--continue", "--abort"],
            &["init", "--yes", "--approval", "tech-lead"],
        ],
    );
    assert_snapshot!(told.0, @r#"
    $ git hotfix strat login-500
    error: unrecognized subcommand 'strat'
    hint: did you mean: git hotfix start login-500
    hint: did you mean: git hotfix status login-500
    hint: all that it takes: git hotfix -h
    [2]
    $ git hotfix start
    error: the following required arguments were not provided: <SLUG>
    hint: for example: git hotfix start login-500
    hint: all that it takes: git hotfix start -h
    [2]
    $ git hotfix start bad..name
    error: `bad..name` does not make a branch name
    hint: use letters, digits and dashes: git hotfix start bad-name
    [2]
    $ git hotfix start 'log in!'
    error: `log in!` does not make a branch name
    hint: use letters, digits and dashes: git hotfix start log-in
    [2]
    $ git hotfix start -x
    error: unexpected argument '-x' found
    hint: for example: git hotfix start login-500
    hint: all that it takes: git hotfix start -h
    [2]
    $ git hotfix deploy --timeout soon
    error: invalid value 'soon' for '--timeout <TIME>': say it like 90s, 15m or 2h
    hint: all that it takes: git hotfix deploy -h
    [2]
    $ git hotfix wait lunch
    error: not a GitLab URL: a path on this machine, or a transport of another kind
    hint: give the remote its address on GitLab: git remote set-url <name> <url>
    hint: or use another remote: git config hotfix.remote <name>
    [4]
    $ git hotfix status '!12x'
    error: `!12x` is no merge request number
    hint: name it like this: git hotfix status '!412'   (in flight: git hotfix list)
    [2]
    $ git hotfix status https://elsewhere.example/shop/web/-/merge_requests/4
    error: not a GitLab URL: a path on this machine, or a transport of another kind
    hint: give the remote its address on GitLab: git remote set-url <name> <url>
    hint: or use another remote: git config hotfix.remote <name>
    [4]
    $ git hotfix status --host gitlab.example
    error: the following required arguments were not provided: --repo <PROJECT>
    hint: usage: git hotfix status --repo <PROJECT> --host <HOST> [HOTFIX]
    hint: all that it takes: git hotfix status -h
    [2]
    $ git hotfix approve --reject --comment xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    error: the comment is longer than the 255 characters GitLab takes
    hint: shorten it, and put the rest on the merge request
    [2]
    $ git hotfix verify --confirm ' '
    error: say what you saw in production
    hint: git hotfix verify --confirm "login works, checked with two accounts"
    [2]
    $ git hotfix demo --scenario nonsense
    error: there is no scenario `nonsense`
    hint: there are clean, conflict, rejected, red-pipeline, flaky-job, migrations-failing,
          slow-approvals, colleague-merges, ci-backports-first, two-hotfixes, rolled-back, rollback,
          revert; what each tells: git hotfix demo --list
    [2]
    $ git hotfix completion powershell
    error: invalid value 'powershell' for '<SHELL>' [possible values: bash, zsh, fish]
    hint: for example: git hotfix completion bash
    hint: all that it takes: git hotfix completion -h
    [2]
    $ git hotfix ci check
    error: the following required arguments were not provided: <FILE>
    hint: for example: git hotfix ci check .gitlab-ci.yml
    hint: all that it takes: git hotfix ci check -h
    [2]
    $ git hotfix ci chek .gitlab-ci.yml
    error: unrecognized subcommand 'chek'
    hint: did you mean: git hotfix ci check .gitlab-ci.yml
    hint: all that it takes: git hotfix ci -h
    [2]
    $ git hotfix help nonsense
    error: there is no command `nonsense`
    hint: see those there are: git hotfix help
    [2]
    $ git hotfix -C nowhere status
    error: cannot change to `nowhere`
      caused by: No such file or directory (os error 2)
    hint: name a clone: git hotfix status -C <dir>
    [2]
    $ git hotfix status --jsn
    error: unexpected argument '--jsn' found
    hint: did you mean: git hotfix status --json
    hint: all that it takes: git hotfix status -h
    [2]
    $ git hotfix ci backport
    error: this is no GitLab job (GITLAB_CI is not set)
      caused by: this is the body of a job in a pipeline of main
    hint: anywhere else: git hotfix backport <commit>
    hint: or with a reason: git hotfix ci backport --outside-pipeline <reason>
    [5]
    $ git hotfix ci backport --outside-pipeline ' '
    error: --outside-pipeline needs a reason
    hint: git hotfix ci backport --outside-pipeline "runner down, agreed with bo"
    [2]
    $ git hotfix backport --continue --abort
    error: the argument '--continue' cannot be used with '--abort'
    hint: usage: git hotfix backport --continue [HOTFIX]
    hint: all that it takes: git hotfix backport -h
    [2]
    $ git hotfix init --yes --approval tech-lead
    error: `tech-lead` is no role with its rule
    hint: git hotfix init --approval tech-lead=tech-leads --approval pm=product
    [2]
    "#);
}

#[test]
fn places_that_are_none() {
    let clone = Clone::new(&[("a.txt", "a\n")]);
    let mut told = Told::new();
    told.clone(&clone, &[&["status"], &["list"], &["start", "login-500", "--pick", "nowhere"]]);
    clone.git(&["remote", "remove", "origin"]);
    told.clone(&clone, &[&["start", "login-500"], &["list"]]);
    clone.git(&["switch", "-q", "--detach"]);
    told.clone(&clone, &[&["status"]]);
    clone.git(&["config", "core.bare", "true"]);
    told.clone(&clone, &[&["start", "login-500"], &["init", "--yes"]]);
    assert_snapshot!(told.0, @"
    $ git hotfix status
    error: main is checked out, which is no hotfix
    hint: name it: git hotfix status <branch | !iid | url | commit>   (in flight: git hotfix list)
    hint: or begin one: git hotfix start <slug>
    [2]
    $ git hotfix list
    error: not a GitLab URL: a path on this machine, or a transport of another kind
    hint: give the remote its address on GitLab: git remote set-url <name> <url>
    hint: or use another remote: git config hotfix.remote <name>
    [4]
    $ git hotfix start login-500 --pick nowhere
    warning: GitLab was not asked: not a GitLab URL: a path on this machine, or a transport of another
             kind
    error: `nowhere` names no commit
    hint: git log --oneline origin/develop   shows some
    [2]
    $ git hotfix start login-500
    error: git ls-remote failed (exit code 128)
      caused by: fatal: 'origin' does not appear to be a git repository
                 fatal: Could not read from remote repository.

                 Please make sure you have the correct access rights
                 and the repository exists.
    hint: see the remotes there are: git remote -v   (and name one: git config hotfix.remote <name>)
    [4]
    $ git hotfix list
    error: there is no remote called origin
    hint: add it: git remote add origin <url>   (or name another: git config hotfix.remote <name>)
    [4]
    $ git hotfix status
    error: no branch is checked out (detached HEAD)
    hint: name it: git hotfix status <branch | !iid | url | commit>   (in flight: git hotfix list)
    [2]
    $ git hotfix start login-500
    error: this repository is bare: there is nothing to switch
    hint: git hotfix start --worktree <dir> login-500
    [5]
    $ git hotfix init --yes
    error: this repository is bare: .hotfix.toml has no place here
    hint: run it in a clone with a work tree: git clone <url> && cd <dir> && git hotfix init
    [5]
    ");
}

#[test]
fn a_start_that_would_lose_something() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    let mut told = Told::new();
    dev.git(&["branch", "hotfix/here"]);
    dev.git(&["push", "--quiet", "origin", "main:refs/heads/hotfix/there"]);
    told.desk(&dev, &[&["start", "here"], &["start", "there"], &["start", "x", "--pick", "origin/main"]]);
    dev.git(&["switch", "--quiet", "develop"]);
    std::fs::write(dev.dir.join("apps/portal/app/session.rb"), "mine\n").unwrap();
    told.desk(&dev, &[&["start", "login-500"]]);
    assert_snapshot!(lab.redact(&told.0), @r"
    $ git hotfix start here
    error: hotfix/here exists already
    hint: go on with it: git switch hotfix/here && git hotfix status
    [5]
    $ git hotfix start there
    error: hotfix/there exists on origin already
    hint: go on with it: git fetch origin && git switch hotfix/there && git hotfix status
    [5]
    $ git hotfix start x --pick origin/main
    error: main has ######## already
    hint: nothing is missing there; see what production runs: git hotfix status
    [5]
    $ git hotfix start login-500
    error: git does not switch: it would overwrite what is not committed here
      caused by: error: Your local changes to the following files would be overwritten by checkout:
                 \tapps/portal/app/session.rb
                 Please commit your changes or stash them before you switch branches.
                 Aborting
    hint: git stash && git hotfix start login-500
    hint: or leave this work tree as it is: git hotfix start login-500 --worktree
    [5]
    ");
}

#[test]
fn called_by_name_from_another_branch() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.git(&["switch", "--quiet", "main"]);
    let mut told = Told::new();
    told.desk(
        &dev,
        &[
            &["rollback"],
            &["merge", "!412"],
            &["approve", "!412", "--yes"],
            &["verify", "!412"],
            &["rollback", "!412"],
            &["backport", "!412", "--to", "develop"],
            &["wait", "approve", "!412"],
            &["wait", "lunch"],
            &["wait", "lunch", "!412"],
        ],
    );
    dev.run(&["merge", "!412", "--yes"]).ends(0).says("git hotfix deploy '!412'");
    told.desk(&dev, &[&["deploy", "!412", "--timeout", "0s"], &["approve", "!412", "--yes"]]);
    lab.approve();
    dev.run(&["deploy", "!412", "--yes"]).ends(0).says("git hotfix verify '!412' --confirm <what you saw>");
    told.desk(&dev, &[&["rollback", "!412"], &["verify", "!412"]]);
    dev.run(&["rollback", "!412", "--yes"]).ends(0).says("take it back there: git hotfix revert '!412'");
    let status = dev.run(&["status", "!412", "--porcelain"]).ends(0);
    assert!(status.out.ends_with("next -\n"), "{}", status.out);
    assert_snapshot!(lab.redact(&told.0), @r"
    $ git hotfix rollback
    error: main is checked out, which is no hotfix
    hint: name it: git hotfix rollback <branch | !iid | url | commit>   (in flight: git hotfix list)
    hint: or begin one: git hotfix start <slug>
    [2]
    $ git hotfix merge '!412'
    error: nobody answered: Merge !412 (Fix login 500 without a session)?
      caused by: there is no terminal to ask on
    hint: answer it on the command line: git hotfix merge '!412' --yes
    [5]
    $ git hotfix approve '!412' --yes
    error: !412 is not merged yet
    hint: git hotfix merge '!412'   (or all in order: git hotfix ship '!412')
    [5]
    $ git hotfix verify '!412'
    hint: git hotfix merge '!412'   (or all in order: git hotfix ship '!412')
    [5]
    $ git hotfix rollback '!412'
    error: nothing has landed: there is nothing in production to take back
    hint: git hotfix status '!412'   (or give the hotfix up: git hotfix abort '!412')
    [5]
    $ git hotfix backport '!412' --to develop
    error: !412 has not landed on main yet
    hint: git hotfix ship '!412'   (or see how the backport will go: git hotfix backport '!412' --dry-run)
    [5]
    $ git hotfix wait approve '!412'
    error: it waits for you to merge !412
    hint: git hotfix merge '!412'
    [5]
    $ git hotfix wait lunch
    error: there is no rung `lunch` to wait for
    hint: git hotfix wait <rung>   (one of: push, open, pipeline, review, merge, build, approve, deploy, migrate, backport, close)
    hint: see what is in flight: git hotfix list   (or begin one: git hotfix start <slug>)
    [2]
    $ git hotfix wait lunch '!412'
    error: there is no rung `lunch` to wait for
    hint: git hotfix wait <rung>   (one of: push, open, pipeline, review, merge, build, approve, deploy, migrate, backport, close)
    [2]
    $ git hotfix deploy '!412' --timeout 0s
    waiting for approval by tech-lead (bo) and pm (cleo or dan)
    error: still waiting for approval by tech-lead (bo) and pm (cleo or dan)
    hint: git hotfix wait '!412'   (or see: git hotfix status '!412')
    [8]
    $ git hotfix approve '!412' --yes
    error: dev can fill none of the roles that must approve
    hint: ask those who can: git hotfix ask '!412' --post   (who that is: git hotfix status '!412')
    [5]
    $ git hotfix rollback '!412'
    takes out of production:
      ########  !412  Fix login 500 without a session
    goes back to ########
      portal       v42  live (before: v41)
      admin        v52  live (before: v51)
      api-gateway  v62  live (before: v61)
    error: nobody answered: Play rollback-prod-hotfix (job 1027)?
      caused by: there is no terminal to ask on
    hint: answer it on the command line: git hotfix rollback '!412' --yes
    [5]
    $ git hotfix verify '!412'
    hint: git hotfix backport '!412'   (or all in order: git hotfix ship '!412')
    [5]
    ");
}

#[test]
fn too_early() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let mut told = Told::new();
    told.desk(
        &dev,
        &[
            &["merge", "--yes"],
            &["approve", "--yes"],
            &["deploy", "--yes"],
            &["backport"],
            &["backport", "--continue"],
            &["verify", "--confirm", "seen"],
            &["ask"],
            &["open", "--reviewer", "nobody"],
        ],
    );
    dev.run(&["open"]).ends(0);
    told.desk(
        &dev,
        &[&["merge"], &["abort"], &["approve", "--yes"], &["ask"], &["status", "!999"], &["status", "nope"]],
    );
    assert_snapshot!(lab.redact(&told.0), @r"
    $ git hotfix merge --yes
    error: ######## is not pushed yet
    hint: git hotfix open   (or all in order: git hotfix ship)
    [5]
    $ git hotfix approve --yes
    error: ######## is not pushed yet
    hint: git hotfix open   (or all in order: git hotfix ship)
    [5]
    $ git hotfix deploy --yes
    error: ######## is not pushed yet
    hint: git hotfix open   (or all in order: git hotfix ship)
    [5]
    $ git hotfix backport
    error: nothing has landed yet
    hint: git hotfix ship   (or name what landed: git hotfix backport <commit>)
    [5]
    $ git hotfix backport --continue
    error: nothing has landed yet, so there is no conflict to finish
    hint: see how it will go: git hotfix backport --dry-run
    [5]
    $ git hotfix verify --confirm seen
    error: ######## is not pushed yet
    hint: git hotfix open   (or all in order: git hotfix ship)
    [5]
    $ git hotfix ask
    error: no deployment waits for approval yet
    hint: git hotfix wait build   (then: git hotfix ask)
    [5]
    $ git hotfix open --reviewer nobody
    ✓ pushed hotfix/login-500 at ########
    error: nobody is no member of the project
    hint: name a member, without the @: git hotfix open --reviewer <user>
    [2]
    $ git hotfix merge
    error: nobody answered: Merge !412 (Fix login 500 without a session)?
      caused by: there is no terminal to ask on
    hint: answer it on the command line: git hotfix merge --yes
    [5]
    $ git hotfix abort
    error: nobody answered: Close !412 (Fix login 500 without a session)?
      caused by: there is no terminal to ask on
    hint: answer it on the command line: git hotfix abort --yes
    [5]
    $ git hotfix approve --yes
    error: !412 is not merged yet
    hint: git hotfix merge   (or all in order: git hotfix ship)
    [5]
    $ git hotfix ask
    error: no deployment waits for approval yet
    hint: git hotfix wait build   (then: git hotfix ask)
    [5]
    $ git hotfix status '!999'
    error: there is no merge request !999
      caused by: GitLab says the same of one that the token's user may not see
    hint: see the hotfixes in flight: git hotfix list   (and whose token it is: git hotfix doctor)
    [4]
    $ git hotfix status nope
    error: there is no hotfix `nope` here or on GitLab
    hint: see what is in flight: git hotfix list   (or begin one: git hotfix start <slug>)
    [5]
    ");
}

#[test]
fn of_a_name_that_nobody_knows() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let mut told = Told::new();
    let said = |command: &[&str]| dev.run(command).ends(5).err;
    let words = said(&["status", "nope"]);
    for command in [
        &["ship", "nope"][..],
        &["approve", "nope"],
        &["backport", "nope"],
        &["backport", "--dry-run", "nope"],
        &["backport", "--dry-run", "--no-fetch", "nope"],
        &["backport", "--continue", "nope"],
        &["backport", "--abort", "nope"],
        &["rollback", "nope"],
        &["revert", "nope"],
        &["abort", "nope"],
    ] {
        assert_eq!(said(command), words, "{command:?}");
    }
    told.desk(&dev, &[&["status", "nope"], &["status", "--offline", "nope"]]);
    assert_snapshot!(lab.redact(&told.0), @r"
    $ git hotfix status nope
    error: there is no hotfix `nope` here or on GitLab
    hint: see what is in flight: git hotfix list   (or begin one: git hotfix start <slug>)
    [5]
    $ git hotfix status --offline nope
    error: there is no hotfix `nope` here, and GitLab was not asked
    hint: see what is in flight: git hotfix list   (or name what landed: git hotfix status <commit>)
    [5]
    ");
    // The remote's own HEAD makes no branch of it.
    dev.run(&["backport", "--dry-run", "HEAD~1"]).ends(0).says("already there");
    dev.git(&["switch", "main"]);
    dev.run(&["backport", "--dry-run", "HEAD"]).ends(0).says("already there");
}

#[test]
fn not_yours() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
    let mut told = Told::new();
    told.desk(
        &dev,
        &[
            &["approve", "--yes"],
            &["approve", "--as", "ceo", "--yes"],
            &["approve", "--as", "pm", "--yes"],
            &["abort", "--yes"],
        ],
    );
    lab.approve();
    told.desk(&dev, &[&["deploy"], &["ship"], &["approve", "--yes", "--as", "pm"]]);
    assert_snapshot!(lab.redact(&told.0), @r"
    $ git hotfix approve --yes
    error: dev can fill none of the roles that must approve
    hint: ask those who can: git hotfix ask --post   (who that is: git hotfix status)
    [5]
    $ git hotfix approve --as ceo --yes
    error: there is no role `ceo` (roles: tech-lead, pm)
    hint: git hotfix approve --as tech-lead
    [2]
    $ git hotfix approve --as pm --yes
    error: GitLab does not let dev approve: it is your own deployment, since you merged
    hint: somebody else of product must approve: git hotfix ask
    [5]
    $ git hotfix abort --yes
    error: the change has landed: there is nothing left to give up
    hint: take it back: git hotfix revert   (what production runs: git hotfix rollback)
    [5]
    $ git hotfix deploy
    ships:
      ########  !412  Fix login 500 without a session
    error: nobody answered: Play deploy-prod-hotfix (job 1025)?
      caused by: there is no terminal to ask on
    hint: answer it on the command line: git hotfix deploy --yes
    [5]
    $ git hotfix ship
    ships:
      ########  !412  Fix login 500 without a session
    error: nobody answered: Play deploy-prod-hotfix (job 1025)?
      caused by: there is no terminal to ask on
    hint: answer it on the command line: git hotfix ship --yes
    [5]
    $ git hotfix approve --yes --as pm
    error: GitLab does not let dev approve: it is your own deployment, since you merged
    hint: somebody else of product must approve: git hotfix ask
    [5]
    ");
}

#[test]
fn without_a_token_or_a_server() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let url = lab.server.url();
    let mut told = Told::new();
    let bare = |command: &mut Command| {
        command.env_remove("GIT_HOTFIX_TOKEN");
    };
    told.with(&dev, bare, &[&["open"], &["status", "-R", "shop/web", "!1"]]);
    let elsewhere = |command: &mut Command| {
        command.env_remove("GIT_HOTFIX_URL").env_remove("GIT_HOTFIX_TOKEN").env("GITLAB_TOKEN", "glpat-x");
    };
    told.with(
        &dev,
        elsewhere,
        &[
            &["open"],
            &["list", "-R", "shop/other"],
            &["list", "-R", "elsewhere.example/shop/web"],
            &["list", "-R", "web"],
        ],
    );
    dev.git(&["config", "--unset", "hotfix.url"]);
    told.with(&dev, elsewhere, &[&["list", "-R", "shop/other"]]);
    let wrong = |command: &mut Command| {
        command.env("GIT_HOTFIX_TOKEN", "rehearsal-of-nobody");
    };
    told.with(&dev, wrong, &[&["open"]]);
    dev.git(&["remote", "set-url", "origin", "http://127.0.0.1:9/shop/web.git"]);
    dev.git(&["config", "hotfix.url", "http://127.0.0.1:9"]);
    let gone = |command: &mut Command| {
        command.env("GIT_HOTFIX_URL", "http://127.0.0.1:9").env("GIT_HOTFIX_RETRY_BUDGET", "0s");
    };
    told.with(&dev, gone, &[&["status"], &["backport", "--dry-run"], &["start", "other"]]);
    let host = url.trim_start_matches("http://");
    let said = told.0.replace(&url, "http://gitlab").replace(host, "gitlab");
    // How long it took is git's to say.
    let (before, after) = said.split_once(" ms: ").unwrap();
    let said = format!("{}# ms: {after}", before.trim_end_matches(|c: char| c.is_ascii_digit()));
    assert_snapshot!(said, @"
    $ git hotfix open
    error: there is no token for http://gitlab
    hint: create one with the scopes api and write_repository at http://gitlab/-/user_settings/personal_access_tokens
    hint: then: export GIT_HOTFIX_URL=http://gitlab GIT_HOTFIX_TOKEN=<token>
    [4]
    $ git hotfix status -R shop/web '!1'
    error: there is no token for http://gitlab
    hint: create one with the scopes api and write_repository at http://gitlab/-/user_settings/personal_access_tokens
    hint: then: export GIT_HOTFIX_URL=http://gitlab GIT_HOTFIX_TOKEN=<token>
    [4]
    $ git hotfix open
    error: there is no token for http://gitlab
      caused by: GITLAB_TOKEN: it is for https://gitlab.com (where no variable names a host), not http://gitlab
    hint: create one with the scopes api and write_repository at http://gitlab/-/user_settings/personal_access_tokens
    hint: then: export GIT_HOTFIX_URL=http://gitlab GIT_HOTFIX_TOKEN=<token>
    [4]
    $ git hotfix list -R shop/other
    error: there is no token for http://gitlab
      caused by: GITLAB_TOKEN: it is for https://gitlab.com (where no variable names a host), not http://gitlab
    hint: create one with the scopes api and write_repository at http://gitlab/-/user_settings/personal_access_tokens
    hint: then: export GIT_HOTFIX_URL=http://gitlab GIT_HOTFIX_TOKEN=<token>
    [4]
    $ git hotfix list -R elsewhere.example/shop/web
    error: there is no token for https://elsewhere.example
      caused by: GITLAB_TOKEN: it is for https://gitlab.com (where no variable names a host), not https://elsewhere.example
    hint: create one with the scopes api and write_repository at https://elsewhere.example/-/user_settings/personal_access_tokens
    hint: then: export GIT_HOTFIX_URL=https://elsewhere.example GIT_HOTFIX_TOKEN=<token>
    [4]
    $ git hotfix list -R web
    error: -R web: not a GitLab URL: no project of the form group/project
    hint: name a project: git hotfix list -R <group/project> --host <host>
    [2]
    $ git hotfix list -R shop/other
    error: there is no token for http://gitlab
      caused by: GITLAB_TOKEN: it is for https://gitlab.com (where no variable names a host), not http://gitlab
    hint: create one with the scopes api and write_repository at http://gitlab/-/user_settings/personal_access_tokens
    hint: then: export GIT_HOTFIX_URL=http://gitlab GIT_HOTFIX_TOKEN=<token>
    [4]
    $ git hotfix open
    error: http://gitlab does not accept the token: 401 Unauthorized
    hint: which token was used and what is wrong with it: git hotfix doctor
    hint: create one with the scopes api and write_repository at http://gitlab/-/user_settings/personal_access_tokens
    hint: then: export GIT_HOTFIX_URL=http://gitlab GIT_HOTFIX_TOKEN=<token>
    [4]
    $ git hotfix status
    error: 127.0.0.1:9 could not be reached: Connection refused (os error 111)
    hint: nothing was concluded; run the same command again
    [6]
    $ git hotfix backport --dry-run
    error: 127.0.0.1:9 could not be reached: Connection refused (os error 111)
    hint: nothing was concluded; run the same command again
    [6]
    $ git hotfix start other
    error: git ls-remote failed (exit code 128)
      caused by: fatal: unable to access 'http://127.0.0.1:9/shop/web.git/': Failed to connect to 127.0.0.1 port 9 after # ms: Couldn't connect to server
    hint: nothing was concluded; run the same command again
    [6]
    ");
}

#[test]
fn a_configuration_that_is_wrong() {
    let clone = Clone::new(&[(".hotfix.toml", "[branches]\nproducton = \"main\"\n")]);
    let mut told = Told::new();
    told.clone(&clone, &[&["backport", "--dry-run", "HEAD"], &["doctor", "--config"]]);
    let clone = Clone::new(&[(".hotfix.toml", "[deploy]\nurl = \"https://evil.example\"\n")]);
    told.clone(&clone, &[&["backport", "--dry-run", "HEAD"]]);
    let clone = Clone::new(&[(".hotfix.toml", "[migrations]\npaths = [\"db/[\"]\n")]);
    told.clone(&clone, &[&["backport", "--dry-run", "HEAD"]]);
    assert_snapshot!(told.0, @r"
    $ git hotfix backport --dry-run HEAD
    error: origin/main:.hotfix.toml: line 2, column 1: unknown key producton
    hint: did you mean production?
    hint: what may stand in it: git help hotfix
    [4]
    $ git hotfix doctor --config
    error: origin/main:.hotfix.toml: line 2, column 1: unknown key producton
    hint: did you mean production?
    hint: what may stand in it: git help hotfix
    hint: mend it where it is set, then: git hotfix doctor --config
    [4]
    $ git hotfix backport --dry-run HEAD
    error: origin/main:.hotfix.toml: line 2, column 1: unknown key url
    hint: known here: job, rollback_job, environment, apps, approvals
    hint: what may stand in it: git help hotfix
    [4]
    $ git hotfix backport --dry-run HEAD
    error: origin/main:.hotfix.toml: line 2, column 10: “db/[” is no pattern of paths (unclosed
           character class; missing ']'); write it like db/migrate/**
    hint: what may stand in it: git help hotfix
    [4]
    ");
}
