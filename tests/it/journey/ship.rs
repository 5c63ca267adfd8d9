//! `ship`, from wherever it is to the open backport, and what stops it on the way.

use git_hotfix::sim::Protection;
use serde_json::json;

use crate::lab::{Lab, story};

#[test]
fn from_nothing_to_the_open_backport() {
    let lab = Lab::told("clean");
    let dev = lab.desk("dev");
    dev.run_moving(&["start", "login-500"]).ends(0).says("hotfix/login-500 cut from main");
    assert_eq!(dev.git(&["branch", "--show-current"]), "hotfix/login-500");
    assert_eq!(dev.git(&["rev-parse", "HEAD"]), lab.tip("main"));
    dev.fix();
    let shipped = dev.run(&["ship", "--yes"]).ends(0);
    insta::assert_snapshot!(shipped.err, @r"
    ✓ pushed hotfix/login-500 at ########
    ✓ opened the merge request hotfix/login-500 -> main: !412
    ✓ pipeline: pipeline 1016 passed
    ✓ review: mergeable
    ✓ merged !412
    ✓ merge: ######## on main, by dev
    ✓ build: pipeline 1022 reached deploy-prod-hotfix
    waiting for approval by pm (cleo or dan)
    ✓ approve: tech-lead bo, pm cleo
    ships:
      ########  !412  Fix login 500 without a session
    ✓ played deploy-prod-hotfix (job 1025)
    ✓ deploy: live on all 3 apps
    ✓ migrate: no migrations in it
    ✓ pushed backport/develop-######## at ########
    ✓ opened the merge request backport/develop-######## -> develop: !413
    ✓ backport: !413 open to develop
    hint: what is left of the checklist, any time: git hotfix verify
    ");
    super::converged(&lab, "dev");
    let landed = lab.tip("main");
    let backport = lab.backport();
    assert_eq!(backport["draft"], false);
    let picked = lab.tip(backport["source_branch"].as_str().unwrap());
    let commit = lab.get(&format!("repository/commits/{picked}"));
    assert_eq!(commit["parent_ids"], json!([lab.tip("develop")]));
    assert_eq!(commit["author_name"], "Dev Anders");
    assert!(
        commit["message"].as_str().unwrap().ends_with(&format!("(cherry picked from commit {landed})\n"))
    );

    let seen = lab.server.requests().len();
    dev.run(&["ship", "--yes"]).ends(0);
    let writes: Vec<String> = lab.server.requests()[seen..]
        .iter()
        .filter(|one| one.method != "GET" && !one.path.ends_with("/git-upload-pack"))
        .map(|one| format!("{} {}", one.method, one.path))
        .collect();
    assert!(writes.is_empty(), "done is done: {writes:?}");
}

#[test]
fn nothing_dangerous_happens_without_consent() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    dev.run(&["ship"]).ends(5).says("--yes");
    let rows = lab.merge_requests_to("main");
    assert_eq!((rows.len(), &rows[0]["state"]), (1, &json!("opened")));
    dev.run(&["merge"]).ends(5).says("--yes");
    assert_eq!(lab.merge_requests_to("main")[0]["state"], "opened");
}

#[test]
fn a_rejection_ends_the_deployment_and_again_starts_over() {
    let lab = Lab::told("rejected");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(7).says("not during the sale").says("git hotfix deploy --again");
    assert!(lab.branches("backport/").is_empty(), "what is not in production is not backported by ship");
    dev.run(&["deploy", "--yes"]).ends(7).says("git hotfix deploy --again");
    dev.run(&["deploy", "--again", "--yes", "--timeout", "0s"]).ends(8).says("approval by");
    lab.approve();
    dev.run(&["deploy", "--yes"]).ends(0).says("is live on portal, admin, api-gateway");
    dev.run(&["ship", "--yes"]).ends(0);
    let jobs = lab.server.with_world(|world| world.jobs_named("deploy-prod-hotfix"));
    assert_eq!(jobs.len(), 3, "the first deployment, the rejected one, and one more");
}

#[test]
fn no_approval_rules_is_blocked_and_not_approved() {
    let mut scenario = story("clean");
    if let Protection::Protected { rules, .. } = &mut scenario.setup.protection {
        rules.clear();
    }
    let lab = Lab::new(scenario);
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(5).says("has no approval rules");
    dev.run(&["deploy", "--yes"]).ends(5).says("has no approval rules");
    assert_ne!(lab.server.with_world(|world| world.production_commit()), Some(lab.tip("main")));
}

#[test]
fn another_hotfix_on_board_needs_consent_of_its_own() {
    let lab = Lab::told("two-hotfixes");
    let dev = lab.fixed();
    let before = lab.server.with_world(|world| world.production_commit());
    let refused = dev.run(&["ship", "--yes"]).ends(5).says("(not this hotfix)");
    let other = lab.server.with_world(|world| world.merge_request_from("hotfix/orders-csv")).unwrap();
    let other = format!("!{other}");
    refused.says(&format!("--with '{other}'"));
    assert_eq!(lab.server.with_world(|world| world.production_commit()), before);
    dev.run(&["ship", "--yes", "--with", &other]).ends(0);

    // The other one is in production too, and goes on to its own backport.
    let mia = lab.desk("mia");
    let listed = dev.run(&["list", "--missing", "--json"]).ends(3).json();
    assert_eq!(listed["hotfixes"].as_array().unwrap().len(), 2, "{listed}");
    mia.run(&["ship", "--yes", &other]).ends(0);
    assert_eq!(lab.merge_requests_to("develop").len(), 2);
    let jobs = lab.server.with_world(|world| world.jobs_named("deploy-prod-hotfix"));
    let played: Vec<_> =
        jobs.iter().filter(|id| lab.get(&format!("jobs/{id}"))["status"] == "success").collect();
    assert_eq!(played.len(), 2, "the first deployment and one for both");
}

#[test]
fn rolled_back_is_said_and_never_played_again() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(0);
    let job = lab.server.with_world(|world| world.jobs_named("rollback-prod-hotfix")).pop().unwrap();
    assert!(lab.server.with_world(|world| world.play_as("mia", job)).is_success());
    dev.run(&["status"]).ends(0).says("rolled back");
    dev.run(&["deploy", "--yes"]).ends(5).says("rolled back");
    dev.run(&["ship", "--yes"]).ends(5).says("rolled back");
    let jobs = lab.server.with_world(|world| world.jobs_named("deploy-prod-hotfix"));
    assert_eq!(jobs.len(), 2);
}

#[test]
fn failing_migrations_do_not_stop_the_backport() {
    let lab = Lab::told("migrations-failing");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(7).says("production runs the new code without its migrations");
    assert_eq!(lab.backport()["labels"], json!(["backport", "auto-backport"]));
    dev.run(&["migrate", "--yes"]).ends(7).says("run-migrations-prod");
    for job in lab.server.with_world(|world| world.failed_jobs()) {
        lab.api("mia", "POST", &format!("jobs/{job}/retry"), json!({}));
    }
    dev.run(&["migrate", "--yes"]).ends(0).says("index_sessions_on_user.rb ran");
    dev.run(&["ship", "--yes"]).ends(0);
    super::converged(&lab, "dev");
}

#[test]
fn what_the_pipeline_backported_first_is_adopted() {
    let lab = Lab::told("ci-backports-first");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(0);
    super::converged(&lab, "dev");
    assert_eq!(lab.backport()["author"]["username"], "bot");
}

#[test]
fn what_a_colleague_merged_is_gone_on_with() {
    let lab = Lab::told("colleague-merges");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(0);
    super::converged(&lab, "mia");
}

#[test]
fn a_red_pipeline_stops_it_until_it_is_green() {
    let lab = Lab::told("red-pipeline");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(7).says("build");
    assert_eq!(lab.merge_requests_to("main")[0]["state"], "opened");
    for job in lab.server.with_world(|world| world.failed_jobs()) {
        lab.api("mia", "POST", &format!("jobs/{job}/retry"), json!({}));
    }
    dev.run(&["ship", "--yes"]).ends(0);
    super::converged(&lab, "dev");
}

#[test]
fn a_main_without_productions_commit_is_refused() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    let files = [("night.txt".to_owned(), Some("hurry\n".to_owned()))];
    let other = lab.server.with_world(|world| {
        let commit = world.push_as("mia", "night-fix", "Fix it past main", &files).unwrap();
        world.deploy_by_script("mia", &commit);
        commit
    });
    let short = "production runs ########, which main does not contain";
    dev.run_moving(&["start", "another"]).ends(5).says(short);
    dev.run(&["merge", "--yes"]).ends(5).says(short);
    dev.run(&["ship", "--yes"]).ends(5).says(short);
    assert_eq!(lab.merge_requests_to("main")[0]["state"], "opened");

    // Merged all the same by somebody in the web page: not deployed either.
    assert!(lab.server.with_world(|world| world.merge_as("mia", 412)).is_success());
    dev.run(&["deploy", "--yes", "--timeout", "0s"]).ends(8).says("approval");
    lab.approve();
    dev.run(&["deploy", "--yes"]).ends(5).says(short);
    assert_eq!(lab.server.with_world(|world| world.production_commit()), Some(other));
}
