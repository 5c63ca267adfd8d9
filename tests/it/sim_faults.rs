//! Faults do what they say: the client sees the fault, the world moved or did not.

use std::time::Duration;

use git_hotfix::sim::{Fault, FaultPlan, What};
use serde_json::json;

use crate::sim_lab::{Lab, git, said};

#[test]
fn each_fault_is_seen_and_takes_effect_only_when_it_says_so() {
    let lab = Lab::at_once();
    for (n, fault) in Fault::all().into_iter().filter(|fault| fault.what != What::Hang).enumerate() {
        let before = lab.server.requests().len();
        lab.server.inject(FaultPlan::nth(2, fault.clone()));
        assert_eq!(lab.get("dev", "user").status, 200, "the first exchange is not struck");
        let body = json!({"name": format!("label-{n}."), "color": "#123456"});
        let struck = lab.try_call("dev", "POST", "projects/42/labels", body);
        assert_eq!(lab.server.faults_triggered(), n as u64 + 1, "{fault:?}");
        match &fault.what {
            What::Reset | What::Truncated => assert!(struck.is_err(), "{fault:?}"),
            What::Refused => assert!(struck.is_err_and(|error| error.is_connect())),
            What::Slow(_) | What::Stale | What::WrongTypes => {
                assert_eq!(struck.unwrap().status, 201, "{fault:?}")
            }
            What::TooManyJson(_) => {
                let answer = struck.unwrap();
                assert!(answer.status == 429 && answer.body["message"]["error"].is_string());
            }
            What::TooManyText(_) => {
                let answer = struck.unwrap();
                assert_eq!((answer.status, answer.text.as_str()), (429, "Retry later\n"));
                assert!(answer.headers.contains_key("retry-after"));
                assert!(answer.headers.contains_key("ratelimit-remaining"));
            }
            What::Status(status) => assert_eq!(struck.unwrap().status, *status),
            What::SignInPage => assert!(struck.unwrap().text.contains("<html>")),
            What::Body(text) => assert_eq!(struck.unwrap().text, *text),
            What::Redirect(to) => assert_eq!(struck.unwrap().headers["location"], to.as_str()),
            What::Hang | What::Swapped(..) => {}
        }
        lab.server.lift_faults();
        let label = lab.project(&format!("labels?search=label-{n}."));
        assert_eq!(label.as_array().map(Vec::len), Some(usize::from(fault.applied)), "{fault:?}");
        // What was refused never came.
        let came = lab.server.requests()[before + 1].fault.clone();
        assert_eq!(came, Some(fault).filter(|fault| fault.what != What::Refused));
    }
}

#[test]
fn a_hang_ends_with_the_client_and_harms_nobody() {
    let lab = Lab::at_once();
    lab.server.inject(FaultPlan::next("POST", "/labels", Fault::after(What::Hang)));
    let impatient =
        reqwest::blocking::Client::builder().timeout(Duration::from_millis(200)).no_proxy().build();
    let url = format!("{}/api/v4/projects/42/labels", lab.server.url());
    let asked = impatient
        .unwrap()
        .post(url)
        .bearer_auth(lab.server.token("dev"))
        .json(&json!({"name": "x", "color": "#123456"}))
        .send();
    assert!(asked.is_err_and(|error| error.is_timeout()));
    assert_eq!(lab.project("labels").as_array().map(Vec::len), Some(1));
}

#[test]
fn a_stale_read_shows_the_world_before_the_last_write() {
    let lab = Lab::at_once();
    lab.server.inject(FaultPlan::next("GET", "/labels", Fault::after(What::Stale)));
    lab.post("dev", "labels", json!({"name": "x", "color": "#123456"}));
    assert_eq!(lab.project("labels"), json!([]));
    assert_eq!(lab.project("labels").as_array().map(Vec::len), Some(1));
}

#[test]
fn a_push_can_land_and_lose_its_answer() {
    let lab = Lab::at_once();
    let clone = lab.clone_as("dev");
    for (fault, landed) in [(Fault::before(What::Reset), false), (Fault::after(What::Reset), true)] {
        // curl tries once more by itself when a kept connection is reset.
        for _ in 0..2 {
            lab.server.inject(FaultPlan::next("POST", "/git-receive-pack", fault.clone()));
        }
        let pushed = git(&clone, &["push", "origin", "HEAD:refs/heads/hotfix/x"]);
        assert!(!pushed.status.success(), "{}", said(&pushed));
        let branch = lab.get("dev", "projects/42/repository/branches/hotfix%2Fx");
        assert_eq!(branch.status == 200, landed);
    }
}

#[test]
fn every_exchange_of_a_clone_and_a_read_can_be_struck() {
    // The loop that finds the points by itself: n = 1, 2, … until a run is not struck.
    let run = |n: u64| {
        let lab = Lab::at_once();
        lab.server.inject(FaultPlan::nth(n, Fault::before(What::Status(503))));
        let to = lab.dir().join("clone");
        let cloned = git(lab.dir(), &["clone", "--quiet", &lab.remote("dev"), to.to_str().unwrap()]);
        let read = lab.get("dev", "projects/42");
        (lab.server.faults_triggered() == 1, cloned.status.success() && read.status == 200)
    };
    let mut n = 1;
    while let (true, fine) = run(n) {
        assert!(!fine, "exchange {n} was struck and nobody noticed");
        n += 1;
    }
    assert!(n > 3, "only {n}");
}
