//! Ways to production that are not the straight one: what is told of them is true, and the way out is there.

use serde_json::json;

use crate::lab::{Desk, Lab, story};

fn built(dev: &Desk<'_>) {
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
}

/// Another hotfix, whose deployment ships the first one along.
fn another(dev: &Desk<'_>) {
    dev.git(&["switch", "--quiet", "main"]);
    dev.run_moving(&["start", "second"]).ends(0);
    std::fs::write(dev.dir.join("second.txt"), "another fix\n").unwrap();
    dev.git(&["add", "second.txt"]);
    dev.git(&["commit", "--quiet", "-m", "Another fix"]);
    built(dev);
}

fn deployments(lab: &Lab) -> Vec<u64> {
    lab.server.with_world(|world| world.deployment_ids())
}

#[test]
fn a_series_that_was_pushed_to_main_comes_back_whole() {
    let mut scenario = story("clean");
    scenario.setup.push_level = 30;
    let lab = Lab::new(scenario);
    let dev = lab.fixed();
    std::fs::write(dev.dir.join("second.txt"), "the other half\n").unwrap();
    dev.git(&["add", "second.txt"]);
    dev.git(&["commit", "--quiet", "-m", "The other half"]);
    dev.run(&["open"]).ends(0);
    dev.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let merged = lab.get("merge_requests/412");
    assert_eq!((&merged["state"], &merged["merge_commit_sha"]), (&json!("merged"), &merged["sha"]));
    dev.run(&["backport"]).ends(0).says("clean");
    dev.git(&["fetch", "--quiet", "--no-write-fetch-head", "origin"]);
    let range = format!("origin/develop..origin/{}", lab.branches("backport/")[0]);
    assert_eq!(dev.git(&["rev-list", "--count", &range]), "2");
}

#[test]
fn a_vote_that_comes_too_late_is_not_taken_for_given() {
    let lab = Lab::new(story("clean"));
    let (dev, bo, cleo) = (lab.fixed(), lab.desk("bo"), lab.desk("cleo"));
    built(&dev);
    lab.approve();
    dev.run(&["deploy", "--yes"]).ends(0);
    cleo.run(&["approve", "--reject", "--yes", "!412"]).ends(5).says("no vote is taken any more");
    dev.run(&["approve", "--yes", "!412"]).ends(5).says("it is live already");
    let again = bo.run(&["approve", "--yes", "!412"]).ends(0).says("approved by all");
    assert!(!again.out.contains("NOT running"), "{}", again.out);
}

#[test]
fn who_comes_second_hears_that_the_role_is_filled_and_may_reject() {
    let lab = Lab::new(story("clean"));
    let (dev, cleo, dan) = (lab.fixed(), lab.desk("cleo"), lab.desk("dan"));
    built(&dev);
    cleo.run(&["approve", "--yes", "!412"]).ends(0);
    dan.run(&["approve", "--yes", "!412"]).ends(5).says("pm is filled by cleo already");
    dan.run(&["approve", "--reject", "--yes", "!412"]).ends(0).says("is rejected");
}

#[test]
fn who_may_not_deploy_has_voted_all_the_same() {
    let lab = Lab::new(story("clean"));
    let (dev, bo, cleo) = (lab.fixed(), lab.desk("bo"), lab.desk("cleo"));
    built(&dev);
    bo.run(&["approve", "--yes", "!412"]).ends(0);
    let voted = cleo.run(&["approve", "--yes", "--deploy", "!412"]).ends(0);
    voted.says("NOT running").says("whoever may deploy starts it");
}

#[test]
fn what_ended_is_not_forgotten_where_a_new_job_waits() {
    let mut scenario = story("clean");
    scenario.setup.job("deploy-prod-hotfix").unwrap().failures = 1;
    let lab = Lab::new(scenario);
    let dev = lab.fixed();
    built(&dev);
    lab.approve();
    dev.run(&["deploy", "--yes"]).ends(7);
    dev.run(&["deploy", "--yes", "--again", "--timeout", "0s"]).ends(8);
    // The rollback job would take the receipt of the newest job, which has none.
    dev.run(&["rollback", "--yes"])
        .ends(5)
        .says("ended, and a new deploy-prod-hotfix")
        .says("--rollback <receipt>");
}

#[test]
fn what_somebody_else_deployed_goes_back_by_either_name() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    built(&dev);
    another(&dev);
    lab.approve();
    dev.run(&["deploy", "--yes", "--with", "!412"]).ends(0);
    dev.run(&["rollback", "!412"]).ends(5).says("1 of these are not this hotfix");
    dev.run(&["rollback", "--yes", "!412"]).ends(0);
}

#[test]
fn the_migrations_that_ship_along_are_asked_for_played_and_kept_in_mind() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    std::fs::create_dir_all(dev.dir.join("db/migrate")).unwrap();
    std::fs::write(dev.dir.join("db/migrate/1_more.rb"), "# a column more\n").unwrap();
    dev.git(&["add", "db"]);
    dev.git(&["commit", "--quiet", "-m", "A column more"]);
    built(&dev);
    another(&dev);
    lab.approve();
    dev.run(&["deploy", "--with", "!412"]).ends(5).says("migration  db/migrate/1_more.rb");
    dev.run(&["deploy", "--yes", "--with", "!412"]).ends(0);
    dev.run(&["migrate", "--yes"]).ends(0).says("1_more.rb ran");
    // The one that was shipped along waits for no job of a pipeline that nobody plays.
    dev.run(&["migrate", "--yes", "!412"]).ends(0).says("1_more.rb ran");
    dev.run(&["rollback", "--yes"]).ends(5).says("its migrations stay");
}

#[test]
fn what_main_took_back_is_not_deployed() {
    let lab = Lab::new(story("clean"));
    let (dev, bo) = (lab.fixed(), lab.desk("bo"));
    built(&dev);
    let before = lab.server.with_world(|world| world.production_commit());
    lab.approve();
    dev.run(&["revert"]).ends(0);
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    dev.run(&["deploy", "--yes"]).ends(5).says("took it back on main");
    dev.run(&["status"]).ends(0).says("took it back on main");
    bo.run(&["approve", "--yes", "!412"]).ends(5).says("took it back on main");
    assert_eq!(lab.server.with_world(|world| world.production_commit()), before);
}

#[test]
fn a_branch_that_was_rewritten_here_is_told_both_ways_out() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.git(&["commit", "--quiet", "--amend", "-m", "Better words"]);
    let branch = lab.branch();
    let told = dev.run(&["ship", "--yes"]).ends(5).says("git pull --rebase origin");
    // The commit's short name is not the same from run to run.
    let lease = |tip: &str| format!("--force-with-lease={branch}:{tip}");
    assert!(told.err.contains(&format!("git push {} origin {branch}", lease("########"))), "{}", told.err);
    dev.git(&["push", "--quiet", &lease(&lab.tip(&branch)[..8]), "origin", &branch]);
    assert_eq!(lab.tip(&branch), dev.git(&["rev-parse", "HEAD"]));
    dev.run(&["open"]).ends(0).says("!412");
}

#[test]
fn after_a_job_that_was_canceled_the_newest_counts() {
    let mut scenario = story("clean");
    scenario.setup.lag.job_step = 3;
    let lab = Lab::new(scenario);
    let (dev, cleo) = (lab.fixed(), lab.desk("cleo"));
    built(&dev);
    lab.approve();
    let last = || lab.get(&format!("deployments/{}", deployments(&lab).pop().unwrap()));
    let first = last()["deployable"]["id"].as_u64().unwrap();
    lab.api("dev", "POST", &format!("jobs/{first}/play"), json!({}));
    lab.api("dev", "POST", &format!("jobs/{first}/cancel"), json!({}));
    dev.run(&["deploy", "--yes", "--again", "--timeout", "0s"]).ends(8);
    cleo.run(&["approve", "--reject", "--yes", "-m", "wrong fix", "!412"]).ends(0);
    let rejected = last();
    dev.run(&["status"]).ends(0).says("cleo rejected").says("wrong fix");
    dev.run(&["deploy", "--yes", "--again", "--timeout", "0s"]).ends(8);
    assert_ne!(last()["id"], rejected["id"], "a new one");
}

#[test]
fn without_a_clone_patterns_of_targets_count() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    lab.api("mia", "POST", "repository/branches", json!({"branch": "release/2.0", "ref": "develop"}));
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    let mut command = dev.command();
    command.env("GIT_HOTFIX_TARGETS", "release/*");
    let listed = dev.run_as(&mut command, &["list", "--missing", "-R", "shop/web"]);
    assert!(listed.code != 0 && listed.out.contains("release/2.0"), "{} {}", listed.code, listed.out);
}
