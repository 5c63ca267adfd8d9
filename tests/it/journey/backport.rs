//! `backport`: forecasts, documents for scripts, several targets, and what is somebody else's.

use serde_json::{Value, json};

use crate::lab::{Desk, Lab, story};
use crate::manifest::Manifest;

/// Merged, not deployed; nothing is backported yet.
fn merged(lab: &Lab) -> Desk<'_> {
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev
}

fn target(document: &Value) -> &Value {
    assert_eq!(document["version"], 1, "{document}");
    &document["targets"][0]
}

#[test]
fn the_document_is_what_scripts_were_promised() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let forecast = dev.run(&["backport", "--dry-run", "--json"]).ends(0).json();
    assert_eq!(forecast["source"]["commits"].as_array().unwrap().len(), 1);
    assert_eq!((&target(&forecast)["result"], &target(&forecast)["commit"]), (&json!("clean"), &Value::Null));
    dev.run(&["open"]).ends(0);
    dev.run(&["backport", "--json"]).ends(5);
    dev.run(&["merge", "--yes"]).ends(0);

    let refs = lab.branches("");
    let dry = dev.run(&["backport", "-n", "--json"]).ends(0).json();
    assert_eq!(lab.branches(""), refs);
    assert_eq!(dry["source"]["mainline"], 1);
    assert_eq!(dry["source"]["merge_request"], 412);
    assert_eq!(dry["source"]["commits"].as_array().unwrap().len(), 1);
    assert!(target(&dry)["tree"].is_string() && target(&dry)["merge_request"].is_null(), "{dry}");

    let made = dev.run(&["backport", "--json"]).ends(0).json();
    let keys: Vec<&str> = target(&made).as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "target",
            "result",
            "branch",
            "commit",
            "tree",
            "conflicts",
            "clean_once",
            "directory_renames",
            "merge_request"
        ]
    );
    assert_eq!(target(&made)["merge_request"]["iid"], 413);
    let branch = lab.branches("backport/").pop().unwrap();
    dev.git(&["fetch", "--quiet", "--no-write-fetch-head", "origin"]);
    assert_eq!(dev.git(&["rev-parse", &format!("origin/{branch}^{{tree}}")]).len(), 40);

    let again = dev.run(&["backport", "--json"]).ends(0).json();
    assert_eq!(target(&again)["result"], "clean");
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    let there = dev.run(&["backport", "--json"]).ends(0).json();
    assert_eq!(target(&there)["result"], "already-there");
}

#[test]
fn conflicts_are_forecast_with_path_and_kind() {
    let lab = Lab::new(story("conflict"));
    let dev = lab.fixed();
    let forecast = dev.run(&["backport", "--dry-run", "--json"]).ends(3).json();
    assert_eq!(target(&forecast)["result"], "conflicts");
    let conflict = &target(&forecast)["conflicts"][0];
    assert_eq!(
        (&conflict["path"], &conflict["kind"]),
        (&json!("apps/portal/app/session.rb"), &json!("content"))
    );
    assert!(lab.merge_requests_to("main").is_empty());
}

#[test]
fn no_push_makes_the_local_branch_only() {
    let lab = Lab::new(story("clean"));
    let dev = merged(&lab);
    let made = dev.run_moving(&["backport", "--no-push", "--json"]).ends(0).json();
    let branch = target(&made)["branch"].as_str().unwrap();
    assert_eq!(dev.git(&["log", "-1", "--format=%P", branch]), lab.tip("develop"));
    assert!(lab.branches("backport/").is_empty() && lab.merge_requests_to("develop").is_empty());
    let before = Manifest::of(&dev.dir);
    dev.run_moving(&["backport", "--no-push"]).ends(0);
    assert_eq!(before.differences(&Manifest::of(&dev.dir)), Vec::<String>::new(), "the same again");
    dev.git(&["branch", "--quiet", "--force", branch, "origin/main"]);
    dev.run(&["backport", "--no-push"]).ends(5).says("git branch -D");
}

#[test]
fn no_fetch_takes_the_refs_as_they_are() {
    let lab = Lab::new(story("clean"));
    let dev = merged(&lab);
    let old = dev.git(&["rev-parse", "origin/develop"]);
    let files = [("later.txt".to_owned(), Some("later\n".to_owned()))];
    lab.server.with_world(|world| world.push_as("mia", "develop", "Go on", &files)).unwrap();
    let seen = lab.server.requests().len();
    dev.run(&["backport", "--dry-run", "--no-fetch"]).ends(0);
    assert!(!lab.server.requests()[seen..].iter().any(|one| one.path.contains("/info/refs")));
    assert_eq!(dev.git(&["rev-parse", "origin/develop"]), old);
    dev.run(&["backport", "--dry-run"]).ends(0);
    assert_ne!(dev.git(&["rev-parse", "origin/develop"]), old);
}

#[test]
fn each_target_is_a_lane_and_fails_alone() {
    let lab = Lab::new(story("clean"));
    let dev = merged(&lab);
    lab.api("mia", "POST", "repository/branches", json!({"branch": "release/1", "ref": "develop"}));
    lab.api("mia", "POST", "repository/branches", json!({"branch": "release/2", "ref": "main"}));
    let run = dev.run(&["backport", "--to", "develop", "--to", "release/*", "--to", "gone", "--json"]);
    let document = run.ends(4).json();
    let told: Vec<(&str, &str)> = document["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["target"].as_str().unwrap(), row["result"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("develop", "clean"), ("release/1", "clean"), ("release/2", "already-there"), ("gone", "failed")]
    );
    assert_eq!(lab.branches("backport/").len(), 2);
}

#[test]
fn a_commit_that_no_merge_request_brought_is_backported_too() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    let files = [("apps/portal/app/login.rb".to_owned(), Some("# fixed at night\n".to_owned()))];
    let landed =
        lab.server.with_world(|world| world.push_as("mia", "main", "Fix it at night", &files)).unwrap();
    dev.run(&["backport", &landed]).ends(0);
    assert_eq!(lab.branches("backport/"), [format!("backport/develop-{}", &landed[..8])]);
    assert_eq!(lab.backport()["title"], "Backport to develop: Fix it at night");
    dev.run(&["backport", &landed]).ends(0);
    assert_eq!(lab.merge_requests_to("develop").len(), 1);
    dev.run(&["backport", "origin/develop"]).ends(5).says("is not on main");
}

#[test]
fn a_persons_branch_of_that_name_is_never_overwritten() {
    let lab = Lab::new(story("clean"));
    let dev = merged(&lab);
    let branch = format!("backport/develop-{}", &lab.tip("main")[..8]);
    lab.api("mia", "POST", "repository/branches", json!({"branch": branch, "ref": "develop"}));
    let files = [("mine.txt".to_owned(), Some("mine\n".to_owned()))];
    let tip = lab.server.with_world(|world| world.push_as("mia", &branch, "My own", &files)).unwrap();
    dev.run(&["backport"]).ends(5).says("it is a person's work");
    assert_eq!(lab.tip(&branch), tip);
    assert!(lab.merge_requests_to("develop").is_empty());
}

#[test]
fn a_branch_with_the_same_content_is_adopted() {
    let lab = Lab::new(story("clean"));
    let dev = merged(&lab);
    let landed = lab.tip("main");
    let branch = format!("backport/develop-{}", &landed[..8]);
    let mia = lab.desk("mia");
    mia.git(&["switch", "--quiet", "-c", &branch, "origin/develop"]);
    mia.git(&["cherry-pick", "-x", "-m", "1", &landed]);
    mia.git(&["push", "--quiet", "origin", &branch]);
    let tip = lab.tip(&branch);
    dev.run(&["backport"]).ends(0);
    assert_eq!(lab.tip(&branch), tip);
    assert_eq!(lab.backport()["labels"], json!(["backport", "auto-backport"]));
}

#[test]
fn what_a_person_closed_is_theirs_to_decide() {
    let lab = Lab::new(story("clean"));
    let dev = merged(&lab);
    dev.run(&["backport"]).ends(0);
    assert!(lab.server.with_world(|world| world.close_as("mia", 413)).is_success());
    dev.run(&["backport"]).ends(3).says("closed by a person").says("backport-declined");
    dev.run(&["list", "--missing"]).ends(3);
    lab.api("mia", "PUT", "merge_requests/413", json!({"add_labels": "backport-declined"}));
    dev.run(&["backport"]).ends(0);
    dev.run(&["list", "--missing"]).ends(0);
    assert_eq!(lab.merge_requests_to("develop").len(), 1);
}

#[test]
fn what_was_merged_is_never_made_again() {
    let lab = Lab::new(story("clean"));
    let dev = merged(&lab);
    dev.run(&["backport"]).ends(0);
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    assert!(lab.branches("backport/").is_empty(), "GitLab removed it with the merge");
    dev.run(&["backport"]).ends(0);
    assert_eq!(lab.merge_requests_to("develop").len(), 1);
    assert!(lab.branches("backport/").is_empty());
}

#[test]
fn labels_that_people_added_stay() {
    let lab = Lab::new(story("clean"));
    let dev = merged(&lab);
    dev.run(&["backport"]).ends(0);
    lab.api("mia", "PUT", "merge_requests/413", json!({"labels": "backport,important"}));
    dev.run(&["backport"]).ends(0);
    assert_eq!(lab.backport()["labels"], json!(["backport", "important", "auto-backport"]));
}

#[test]
fn what_must_merge_first_is_named() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    let path = "apps/portal/app/login.rb";
    let old = dev.git(&["show", &format!("origin/main:{path}")]);
    let landed = |title: &str, line: &str| {
        let content = old.replace("# Lets a customer in.", line) + "\n";
        let files = [(path.to_owned(), Some(content))];
        lab.server.with_world(|world| world.push_as("mia", "main", title, &files)).unwrap()
    };
    let first = landed("Say who", "# Lets a known customer in.");
    dev.run(&["backport", &first]).ends(0).says("!412");
    let second = landed("Say how", "# Lets a known customer in, once.");
    let forecast = dev.run(&["backport", &second, "--dry-run", "--json"]).ends(3).json();
    assert_eq!(target(&forecast)["clean_once"], "!412");
    dev.run(&["backport", &second, "--dry-run"]).ends(3).says("clean once !412 merges");
    assert!(lab.server.with_world(|world| world.merge_as("dev", 412)).is_success());
    dev.run(&["backport", &second, "--dry-run"]).ends(0).says("clean");
}

#[test]
fn a_fix_that_does_not_even_merge_says_so() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let path = &lab.scenario.fix()[0].0;
    let files = [((*path).to_owned(), Some("# rewritten\n".to_owned()))];
    lab.server.with_world(|world| world.push_as("mia", "main", "Rewrite", &files)).unwrap();
    let run = dev.run(&["backport", "--dry-run"]).ends(1);
    run.says("develop  failed: it does not merge into main: conflicts in").says(path);
}
