//! Disturbed where it could do harm, one plain run later everything is there, once. Every other exchange, and
//! kills and races in any order, are the business of `tests/faults`.

use git_hotfix::sim::{Fault, FaultPlan, What};

use super::converged;
use crate::lab::{Desk, Lab, story};
use crate::manifest::Manifest;

/// One plain run mends it all, and the clone was never touched.
fn mended(lab: &Lab, dev: &Desk<'_>, before: &Manifest, what: &str) {
    assert_eq!(before.differences(&Manifest::of(&dev.dir)), Vec::<String>::new(), "{what}");
    let again = dev.run(&["ship", "--yes"]);
    assert_eq!(again.code, 0, "after {what}:\n{}\n{}", again.out, again.err);
    converged(lab, "dev");
    let left: Vec<_> = std::fs::read_dir(lab.dir().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "after {what}: {left:?}");
}

/// The writes of `ship` are where a lost answer could do harm: each of them, always.
#[test]
fn each_write_may_lose_its_answer() {
    for (method, end) in
        [("POST", "/merge_requests"), ("PUT", "/merge"), ("POST", "/play"), ("POST", "/git-receive-pack")]
    {
        let fault = Fault::after(What::Reset);
        let lab = Lab::told("clean");
        let dev = lab.fixed();
        let before = Manifest::of(&dev.dir);
        lab.server.inject(FaultPlan::next(method, end, fault));
        let run = dev.run(&["ship", "--yes"]);
        assert_eq!(lab.server.faults_triggered(), 1, "{method} {end}");
        assert!(matches!(run.code, 0 | 6), "{method} {end}: exit {}\n{}\n{}", run.code, run.out, run.err);
        mended(&lab, &dev, &before, &format!("a lost answer to {method} {end}"));
    }
}

/// A replica that lags behind the write says of what was just opened that it is not there.
#[test]
fn what_was_just_opened_may_be_seen_late() {
    for path in ["/merge_requests/412", "/merge_requests/412/approvals"] {
        let lab = Lab::told("clean");
        let dev = lab.fixed();
        lab.server.inject(FaultPlan::next("GET", path, Fault::after(What::Stale)));
        dev.run(&["open"]).ends(0).says("!412");
        assert_eq!(lab.server.faults_triggered(), 1, "{path}");
    }
}

/// A list that lags behind a new job shows the one before it, which failed: that is no word about the new one.
#[test]
fn a_new_job_that_is_seen_late_has_not_failed() {
    let again = |fault: Option<(usize, What)>| {
        let mut scenario = story("clean");
        scenario.setup.job("deploy-prod-hotfix").unwrap().failures = 1;
        let lab = Lab::new(scenario);
        let dev = lab.fixed();
        dev.run(&["open"]).ends(0);
        dev.run(&["merge", "--yes"]).ends(0);
        dev.run(&["wait", "build"]).ends(0);
        lab.approve();
        dev.run(&["deploy", "--yes"]).ends(7);
        let begun = lab.server.requests().len();
        if let Some((at, what)) = fault {
            lab.server.inject(FaultPlan::nth(at as u64 + 1, Fault::after(what)));
        }
        let run = dev.run(&["deploy", "--again", "--yes", "--timeout", "0s"]).ends(8);
        (run.err.clone(), lab.server.requests().split_off(begun))
    };
    let (_, trace) = again(None);
    let made = trace.iter().position(|one| one.path.ends_with("/retry")).unwrap();
    for path in ["/deployments?", "/deployments/"] {
        let late = made + trace[made..].iter().position(|one| one.path.contains(path)).unwrap();
        let (said, trace) = again(Some((late, What::Stale)));
        assert!(trace[late].fault.is_some() && trace[late].path.contains(path), "{:?}", trace[late]);
        assert!(said.contains("does not show") && said.contains("waiting for approval"), "{path}: {said}");
    }
}

/// Git takes a page that is answered with 200 for a remote without branches.
#[test]
fn a_page_in_place_of_the_remote_is_no_word_about_its_branches() {
    let page = Fault::before(What::SignInPage);
    for (plan, code) in [(FaultPlan::nth(3, page.clone()), 0), (FaultPlan::from(3, page.clone()), 6)] {
        let lab = Lab::told("clean");
        let dev = lab.desk("dev");
        let seen = lab.server.requests().len();
        lab.server.inject(plan);
        let ran = dev.run_moving(&["start", "login-500"]).ends(code);
        let struck = lab.server.requests()[seen..].iter().position(|one| one.fault.is_some()).unwrap();
        let fetched = lab.server.requests().split_off(seen + struck - 1);
        assert!(fetched[0].path.contains("/git-upload-pack"), "what was listed: {}", fetched[0].path);
        assert!(fetched[1].path.contains("/info/refs"), "what is fetched: {}", fetched[1].path);
        assert!(!ran.err.contains("couldn't find remote ref"), "{}", ran.err);
    }
}

/// Done is what was read, not what git said.
#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "the real git is found where the program finds it")]
fn a_git_that_says_yes_and_does_nothing_cuts_no_branch() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::told("clean");
    let dev = lab.desk("dev");
    let path = std::env::var("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.is_file()).unwrap();
    let shim = lab.dir().join("shim");
    std::fs::create_dir(&shim).unwrap();
    let lazy = "case \"$*\" in *switch*|*worktree*) exit 0 ;; esac";
    std::fs::write(shim.join("git"), format!("#!/bin/sh\n{lazy}\nexec '{}' \"$@\"\n", real.display()))
        .unwrap();
    std::fs::set_permissions(shim.join("git"), PermissionsExt::from_mode(0o755)).unwrap();
    for args in [&["start", "login-500"][..], &["start", "login-500", "--worktree"]] {
        let mut command = dev.command();
        let ran = dev.run_as(command.env("PATH", format!("{}:{path}", shim.display())), args);
        assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
        assert!(ran.err.contains("git told of no error, and did not make hotfix/login-500"), "{}", ran.err);
        assert!(!ran.out.contains("cut from"), "{}", ran.out);
    }
    dev.run_moving(&["start", "login-500"]).ends(0);
}

/// Not being shown who is in a group says nothing about who is in it.
#[test]
fn who_may_approve_can_be_hidden() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    for args in [&["open"][..], &["wait", "review"], &["merge", "--yes"], &["wait", "build"]] {
        dev.run(args).ends(0);
    }
    let bo = lab.desk("bo");
    let hide = || {
        let refusal = Fault::before(What::Status(403));
        lab.server.inject(FaultPlan::next("GET", "/members/all", refusal));
    };
    hide();
    let ran = bo.run(&["approve", "--yes", "!412"]).ends(4);
    assert!(ran.err.contains("GitLab shows nobody who can fill tech-lead"), "{}", ran.err);
    assert!(ran.err.contains("git hotfix approve '!412' --as tech-lead"), "{}", ran.err);
    hide();
    bo.run(&["approve", "--yes", "!412", "--as", "tech-lead"]).ends(0).says("tech-lead");
}

#[test]
fn two_laptops_at_once_make_one_of_everything() {
    // A job that ends between a look and a play cannot be told from one that waits: it must outlive that.
    let mut scenario = story("clean");
    scenario.setup.lag.job_step = 8;
    let lab = Lab::new(scenario);
    lab.server.with_world(|world| world.expect(lab.scenario.events.clone()));
    let one = lab.fixed();
    let two = lab.desk_at("dev", "second");
    let from = format!("{}:{}", lab.branch(), lab.branch());
    two.git(&["fetch", "--quiet", "--no-write-fetch-head", one.dir.to_str().unwrap(), &from]);
    two.git(&["switch", "--quiet", &lab.branch()]);
    let codes = std::thread::scope(|scope| {
        let other = scope.spawn(|| two.run(&["ship", "--yes"]));
        [one.run(&["ship", "--yes"]), other.join().unwrap()]
    });
    for run in &codes {
        assert!(matches!(run.code, 0 | 5), "exit {}\n{}\n{}", run.code, run.out, run.err);
    }
    assert!(codes.iter().any(|run| run.code == 0), "one of them gets there");
    one.run(&["ship", "--yes"]).ends(0);
    converged(&lab, "dev");
}
