//! Every step by its own command, each person at a desk of their own.

use serde_json::json;

use crate::lab::{Lab, story};

#[test]
fn every_step_by_its_own_command() {
    let lab = Lab::new(story("clean"));
    let (dev, bo, cleo) = (lab.fixed(), lab.desk("bo"), lab.desk("cleo"));
    dev.run(&["merge", "--yes"]).ends(5).says("git hotfix open");
    dev.run(&["open", "--label", "urgent"]).ends(0).says("forecast: clean onto develop");
    dev.run(&["open"]).ends(0).says("!412");
    let opened = lab.get("merge_requests/412");
    assert_eq!(opened["title"], "Fix login 500 without a session");
    assert!(opened["description"].as_str().unwrap().contains("answer 401 instead of failing"), "{opened}");
    assert_eq!((&opened["labels"], &opened["assignees"][0]["username"]), (&json!(["urgent"]), &json!("dev")));

    dev.run(&["deploy", "--yes"]).ends(5).says("git hotfix merge");
    dev.run(&["wait", "review"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0).says("!412 is on main as ########");
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
    dev.run(&["deploy", "--yes", "--timeout", "0s"]).ends(8).says("bo");
    dev.run(&["wait", "approve", "--timeout", "0s"]).ends(8);

    dev.run(&["approve", "--yes"]).ends(5).says("none of the roles");
    bo.run(&["approve", "--yes", "!412", "--as", "nobody"]).ends(2).says("tech-lead, pm");
    bo.run(&["approve", "!412"]).ends(5).says("--yes");
    bo.run(&["approve", "--yes", "!412"]).ends(0).says("still open: pm");
    bo.run(&["approve", "--yes", "!412"]).ends(0).says("still open: pm");
    bo.run(&["approve", "--yes", "!412", "--as", "pm"]).ends(5);
    cleo.run(&["approve", "--yes", "!412", "--as", "pm", "-m", "go"]).ends(0).says("and NOT running");
    let deployment = lab.server.with_world(|world| world.deployment_ids()).pop().unwrap();
    assert_eq!(lab.get(&format!("deployments/{deployment}"))["approvals"].as_array().unwrap().len(), 2);

    dev.run(&["backport", "--dry-run"]).ends(0).says("clean");
    dev.run(&["deploy", "--yes", "--log"]).ends(0).says("is live on portal, admin, api-gateway");
    dev.run(&["deploy", "--yes"]).ends(0);
    dev.run(&["migrate", "--yes"]).ends(0).says("no migrations");
    dev.run(&["list", "--missing"]).ends(3).says("develop: missing");
    dev.run(&["backport"]).ends(0).says("!413");
    dev.run(&["backport"]).ends(0).says("!413");
    super::converged(&lab, "dev");

    dev.run(&["verify"]).ends(8);
    dev.run(&["verify", "--confirm", " "]).ends(2);
    dev.run(&["verify", "--confirm", "login works again"]).ends(8);
    dev.run(&["verify", "--confirm", "login works again"]).ends(8);
    let notes = lab.get("merge_requests/412/notes");
    let notes = notes
        .as_array()
        .unwrap()
        .iter()
        .filter(|note| note["body"].as_str().unwrap().contains("login works"));
    assert_eq!(notes.count(), 1, "one confirmation");
    dev.run(&["list", "--missing"]).ends(3).says("!413");
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    dev.run(&["verify"]).ends(0).says("develop holds it");
    dev.run(&["list", "--missing"]).ends(0);
    assert_eq!(dev.run(&["status", "--json"]).ends(0).json()["next"]["state"], "done");
    dev.run(&["abort", "--yes"]).ends(5).says("has landed");
}

#[test]
fn whoever_merges_cannot_approve_and_is_told_before() {
    let lab = Lab::new(story("clean"));
    let (dev, bo) = (lab.fixed(), lab.desk("bo"));
    dev.run(&["open"]).ends(0);
    dev.run(&["wait", "review"]).ends(0);
    bo.run(&["merge", "--yes", "!412"]).ends(0).says("if bo merges, GitLab does not let bo approve");
    bo.run(&["wait", "build", "!412"]).ends(0);
    bo.run(&["approve", "--yes", "!412"]).ends(5).says("it is your own deployment");
    let last = lab.server.with_world(|world| world.deployment_ids()).pop().unwrap();
    assert_eq!(lab.get(&format!("deployments/{last}"))["approvals"], json!([]));
}

#[test]
fn the_last_approver_may_start_it() {
    let lab = Lab::new(story("clean"));
    let (dev, bo, cleo) = (lab.fixed(), lab.desk("bo"), lab.desk("cleo"));
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
    cleo.run(&["approve", "--yes", "!412"]).ends(0);
    bo.run(&["approve", "--yes", "--deploy", "!412"]).ends(0);
    assert_eq!(lab.server.with_world(|world| world.production_commit()), Some(lab.tip("main")));
}

#[test]
fn giving_up_closes_and_removes_and_can_be_said_twice() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["abort"]).ends(5).says("--yes");
    dev.run(&["abort", "--yes"]).ends(0).says("git branch -D hotfix/login-500");
    assert_eq!(lab.merge_requests_to("main")[0]["state"], "closed");
    assert!(lab.branches("hotfix/").is_empty());
    dev.run(&["abort", "--yes"]).ends(0);
    dev.run(&["open"]).ends(5).says("closed by a person");
    assert_eq!(lab.merge_requests_to("main").len(), 1);
}

#[test]
fn auto_merge_is_left_to_gitlab() {
    let mut scenario = story("clean");
    scenario.setup.lag.job_step = 3;
    let lab = Lab::new(scenario);
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--auto", "--yes"]).ends(0).says("git hotfix wait merge");
    dev.run(&["wait", "merge"]).ends(0);
    assert_eq!(lab.merge_requests_to("main")[0]["state"], "merged");
}

#[test]
fn start_has_a_work_tree_of_its_own_or_begins_with_a_pick() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    dev.run_moving(&["start", "one", "--worktree"]).ends(0).says("[lab]/dev/web-one");
    assert_eq!(dev.git(&["branch", "--show-current"]), "main");
    assert!(lab.dir().join("dev/web-one/.git").is_file());
    let files = [("apps/portal/app/new.rb".to_owned(), Some("# fixed on develop\n".to_owned()))];
    let fixed =
        lab.server.with_world(|world| world.push_as("mia", "develop", "Fix it on develop", &files)).unwrap();
    dev.git(&["fetch", "--quiet"]);
    std::fs::remove_file(dev.dir.join(".git/FETCH_HEAD")).unwrap();
    dev.run_moving(&["start", "two", "--pick", &fixed]).ends(0);
    assert!(dev.git(&["log", "-1", "--format=%B"]).contains(&format!("(cherry picked from commit {fixed})")));
    // A fix that came from develop is there already: nothing is left to backport.
    lab.server.with_world(|world| world.expect(lab.scenario.events.clone()));
    dev.run(&["ship", "--yes"]).ends(0);
    assert!(lab.branches("backport/").is_empty());
    dev.run_moving(&["start", "two"]).ends(5).says("exists already");
}
