//! Interrupted or disturbed at every exchange with GitLab, one plain run later everything is there, once.
//!
//! The points are found by running: n = 1, 2, … until a run ends by itself. A sample of them in the normal
//! suite, all of them with `HOTFIX_FULL=1`.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use git_hotfix::sim::{Fault, FaultPlan, What};

use super::converged;
use crate::lab::{Desk, Lab};
use crate::manifest::Manifest;

/// Points of a sample that are left out between two.
const STEP: u64 = 29;

#[expect(clippy::disallowed_methods, reason = "a choice of whoever runs the tests")]
fn full() -> bool {
    std::env::var_os("HOTFIX_FULL").is_some_and(|value| value == "1")
}

/// Points from `first`, each or a sample, until `at` says that nothing was struck any more.
fn each_point(first: u64, mut at: impl FnMut(u64) -> bool) {
    let (mut n, step) = if full() { (1, 1) } else { (first, STEP) };
    while at(n) {
        n += step;
    }
    assert!(n > 40, "a run of ship makes more exchanges than {n}");
}

/// One plain run mends it all, and the clone was never touched.
fn mended(lab: &Lab, dev: &Desk<'_>, before: &Manifest, what: &str) {
    before.assert_same(&Manifest::of(&dev.dir), what);
    let again = dev.run(&["ship", "--yes"]);
    assert_eq!(again.code, 0, "after {what}:\n{}\n{}", again.out, again.err);
    converged(lab, "dev");
    let left: Vec<_> = std::fs::read_dir(lab.dir().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "after {what}: {left:?}");
}

/// Interrupts `ship` while its n-th exchange has no answer; whether there was such an exchange.
fn interrupted(n: u64, signal: &str, applied: bool) -> bool {
    let what = format!("{signal} at exchange {n}, {}", if applied { "applied" } else { "not applied" });
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    let before = Manifest::of(&dev.dir);
    lab.server.inject(FaultPlan::nth(n, Fault { what: What::Hang, applied }));
    let mut child = dev.spawn(&["ship", "--yes"]);
    while lab.server.faults_triggered() == 0 {
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0), "{what}: {}", std::fs::read_to_string(dev.talk()).unwrap());
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // Ctrl-C reaches the whole group, other signals the program alone.
    let to = if signal == "INT" { format!("-{}", child.id()) } else { child.id().to_string() };
    dev.signal(signal, &to);
    let status = child.wait().unwrap();
    let talk = std::fs::read_to_string(dev.talk()).unwrap();
    match signal {
        "KILL" => assert_eq!(status.signal(), Some(9), "{what}: {talk}"),
        _ => {
            assert_eq!(status.code(), Some(130), "{what}: {talk}");
            let last: Vec<&str> = talk.lines().filter(|line| line.starts_with("interrupted")).collect();
            assert_eq!(last.len(), 1, "{what}: {talk}");
            assert_eq!(talk.lines().last(), Some(last[0]), "{what}: {talk}");
            assert!(
                last[0].contains("git hotfix ship") || last[0].contains("run it again"),
                "{what}: {talk}"
            );
        }
    }
    mended(&lab, &dev, &before, &what);
    true
}

#[test]
fn interrupted_at_any_exchange() {
    const SIGNALS: [&str; 3] = ["INT", "TERM", "KILL"];
    each_point(3, |n| match full() {
        true => SIGNALS.iter().all(|signal| interrupted(n, signal, false) && interrupted(n, signal, true)),
        false => interrupted(n, SIGNALS[(n / STEP) as usize % 3], n % 2 == 0),
    });
}

/// Disturbs the n-th exchange of `ship`; whether there was such an exchange.
fn disturbed(n: u64, fault: &Fault) -> bool {
    let what = format!("{fault:?} at exchange {n}");
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    let before = Manifest::of(&dev.dir);
    lab.server.inject(FaultPlan::nth(n, fault.clone()));
    let run = dev.run(&["ship", "--yes"]);
    assert!(matches!(run.code, 0 | 6), "{what}: exit {}\n{}\n{}", run.code, run.out, run.err);
    if run.code == 0 {
        converged(&lab, "dev");
    }
    if lab.server.faults_triggered() == 0 {
        return false;
    }
    mended(&lab, &dev, &before, &what);
    true
}

#[test]
fn lost_answers_never_make_a_second_one() {
    let faults = [
        Fault::after(What::Reset),
        Fault::after(What::Status(502)),
        Fault::after(What::Truncated),
        Fault::before(What::Reset),
        Fault::before(What::TooManyJson(0)),
        Fault::before(What::Status(503)),
        Fault::after(What::SignInPage),
    ];
    each_point(5, |n| match full() {
        true => faults.iter().all(|fault| disturbed(n, fault)),
        false => disturbed(n, &faults[(n / STEP) as usize % faults.len()]),
    });
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

#[test]
fn two_laptops_at_once_make_one_of_everything() {
    for round in 0..if full() { 20 } else { 1 } {
        let lab = Lab::told("clean");
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
            assert!(matches!(run.code, 0 | 5), "round {round}: exit {}\n{}\n{}", run.code, run.out, run.err);
        }
        assert!(codes.iter().any(|run| run.code == 0), "round {round}: one of them gets there");
        one.run(&["ship", "--yes"]).ends(0);
        converged(&lab, "dev");
    }
}
