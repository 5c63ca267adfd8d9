//! The ways back: a deployment rolled back, and what landed reverted.

use git_hotfix::sim::Scenario;
use serde_json::{Value, json};

use crate::lab::{Desk, Lab, story};

/// Production is reached by hand: opened, merged, approved, not yet played.
fn approved(dev: &Desk<'_>) {
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
    dev.lab.approve();
}

fn failing_deployment() -> Scenario {
    let mut scenario = story("clean");
    scenario.setup.job("deploy-prod-hotfix").unwrap().failures = 1;
    scenario
}

fn jobs(lab: &Lab, name: &str) -> usize {
    lab.server.with_world(|world| world.jobs_named(name)).len()
}

/// The rollback jobs of the hotfix's own pipeline that were played.
fn played(lab: &Lab) -> usize {
    let all = lab.server.with_world(|world| world.jobs_named("rollback-prod-hotfix"));
    all.iter().filter(|id| lab.get(&format!("jobs/{id}"))["status"] == "success").count()
}

#[test]
fn a_deployment_goes_back_once_and_stays_back() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let before = lab.server.with_world(|world| world.production_commit()).unwrap();
    dev.run(&["rollback", "--yes"]).ends(5).says("nothing has landed");
    approved(&dev);
    dev.run(&["rollback", "--yes"]).ends(5).says("has not run");
    dev.run(&["deploy", "--yes"]).ends(0);
    assert_ne!(lab.server.with_world(|world| world.production_commit()).unwrap(), before);

    let asked = dev.run(&["rollback"]).ends(5);
    insta::assert_snapshot!(asked.err, @r"
    takes out of production:
      ########  !412  Fix login 500 without a session
    goes back to ########
      portal       v42  live (before: v41)
      admin        v52  live (before: v51)
      api-gateway  v62  live (before: v61)
    error: nobody answered: Play rollback-prod-hotfix (job 1027)?
      caused by: there is no terminal to ask on
    hint: answer it on the command line: git hotfix rollback --yes
    ");
    assert_eq!(played(&lab), 0);
    let done = dev.run(&["rollback", "--yes"]).ends(0);
    insta::assert_snapshot!(format!("{}{}", done.err, done.out), @r"
    takes out of production:
      ########  !412  Fix login 500 without a session
    goes back to ########
      portal       v42  live (before: v41)
      admin        v52  live (before: v51)
      api-gateway  v62  live (before: v61)
    ✓ played rollback-prod-hotfix (job 1027)
    ✓ rollback: production runs ######## again, without it
    hint: main still holds it, and the next deployment brings it again; take it back there: git hotfix revert
    production runs ######## again, without it
    ");
    assert_eq!(lab.server.with_world(|world| world.production_commit()).unwrap(), before);
    dev.run(&["rollback", "--yes"]).ends(0).says("again, without it");
    dev.run(&["rollback", "--yes", "--again"]).ends(0);
    assert_eq!(played(&lab), 1);
    dev.run(&["status"]).ends(0).says("rolled back");
    dev.run(&["deploy", "--yes"]).ends(5);
    assert_eq!(jobs(&lab, "deploy-prod-hotfix"), 2, "the one at the beginning, and this one");
}

#[test]
fn what_was_taken_back_ships_again_with_the_next_one_and_that_is_said() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let before = lab.server.with_world(|world| world.production_commit()).unwrap();
    approved(&dev);
    dev.run(&["deploy", "--yes"]).ends(0);
    dev.run(&["rollback", "--yes"]).ends(0);
    let told = &lab.get("environments/1")["last_deployment"]["sha"];
    assert_eq!(*told, lab.tip("main").as_str(), "to GitLab the job was no deployment");

    let files = [("night.txt".to_owned(), Some("hurry\n".to_owned()))];
    lab.server.with_world(|world| world.push_as("mia", "hotfix/night", "Fix the night", &files)).unwrap();
    let mia = lab.desk("mia");
    mia.git(&["switch", "--quiet", "hotfix/night"]);
    mia.run(&["open", "hotfix/night"]).ends(0);
    mia.run(&["merge", "--yes", "hotfix/night"]).ends(0);
    mia.run(&["wait", "build", "hotfix/night"]).ends(0);
    let document = mia.run(&["status", "--json", "hotfix/night"]).ends(0).json();
    assert_eq!(document["production"]["commit"], before.as_str(), "{document}");
    lab.approve();
    mia.run(&["deploy", "--yes", "hotfix/night"]).ends(5).says("!412").says("(not this hotfix)");
    mia.run(&["deploy", "--yes", "--with", "!412", "hotfix/night"]).ends(0);
    assert_eq!(lab.server.with_world(|world| world.production_commit()), Some(lab.tip("main")));
    // Live again, with that one: what was taken back belongs to the past.
    dev.run(&["deploy", "--yes"]).ends(0).says("is live");
    // And what that one goes back to is what ran then, not what had been taken back before.
    mia.run(&["rollback", "--yes", "hotfix/night"]).ends(0).says("!412");
    assert_eq!(lab.server.with_world(|world| world.production_commit()), Some(before));
}

#[test]
fn half_a_deployment_is_said_app_by_app_and_goes_back() {
    let lab = Lab::new(failing_deployment());
    let dev = lab.fixed();
    approved(&dev);
    let failed = dev.run(&["deploy", "--yes"]).ends(7);
    insta::assert_snapshot!(failed.err, @r"
    ships:
      ########  !412  Fix login 500 without a session
    ✓ played deploy-prod-hotfix (job 1025)
    Running with gitlab-runner 18.9.0 on sim
    Checking out ######## as detached HEAD
    $ make deploy-prod-hotfix
    portal: retag, push, release
    admin: retag, push, release
    api-gateway: retag, push, release
    the script ended with exit code 1
    ERROR: Job failed: exit code 1
    production after ########: deploy-prod-hotfix failed
      portal       v42  live (before: v41)
      admin        v51  failed: its release failed: release command exited with 1
      api-gateway  v61  untouched
    last good: ########
    no migrations in it: nothing forbids going back
    way back: git hotfix rollback
    error: deploy-prod-hotfix failed (script failure)
    hint: see http://gitlab/shop/web/-/jobs/1025 ; then, as a new job with new approvals: git hotfix deploy --again
    ");
    let status = dev.run(&["status"]).ends(0);
    insta::assert_snapshot!(status.out.split("\n\n").last().unwrap(), @r"
    production after ########: deploy-prod-hotfix failed
      portal       v42  live (before: v41)
      admin        v51  failed: its release failed: release command exited with 1
      api-gateway  v61  untouched
    last good: ########
    no migrations in it: nothing forbids going back
    way back: git hotfix rollback
    next: see http://gitlab/shop/web/-/jobs/1025 ; then, as a new job with new approvals: git hotfix deploy --again
    ");
    assert!(status.requests <= 7, "{} requests", status.requests);
    let document = dev.run(&["status", "--json"]).ends(0).json();
    let way = &document["way_back"];
    assert_eq!(
        (&way["differs"], &way["migrations"], &way["taken_back"]),
        (&json!(true), &json!("none"), &json!(false))
    );
    let apps: Vec<String> = way["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| format!("{} {}", app["name"], app["outcome"]))
        .collect();
    assert_eq!(apps, [r#""portal" "live""#, r#""admin" "failed""#, r#""api-gateway" "untouched""#]);

    dev.run(&["rollback", "--yes"]).ends(0).says("took it back");
    dev.run(&["rollback", "--yes"]).ends(0);
    assert_eq!(played(&lab), 1);
    dev.run(&["status"]).ends(0).says("taken back by rollback-prod-hotfix");

    // Deployed after all, it can be taken back as well: by a new job, since the old one was for the first.
    dev.run(&["deploy", "--again", "--yes", "--timeout", "0s"]).ends(8);
    lab.approve();
    dev.run(&["deploy", "--yes"]).ends(0);
    dev.run(&["rollback", "--yes"]).ends(0);
    dev.run(&["rollback", "--yes"]).ends(0);
    assert_eq!(played(&lab), 2);
}

#[test]
fn going_back_over_migrations_needs_a_yes_of_its_own() {
    let mut scenario = story("migrations-failing");
    scenario.setup.job("run-migrations-prod").unwrap().failures = 0;
    let lab = Lab::new(scenario);
    let dev = lab.fixed();
    approved(&dev);
    dev.run(&["deploy", "--yes"]).ends(0);
    dev.run(&["migrate", "--yes"]).ends(0);
    let refused = dev.run(&["rollback", "--yes"]).ends(5);
    insta::assert_snapshot!(refused.err, @r"
    takes out of production:
      ########  !412  Index sessions by user
    goes back to ########
      portal       v42  live (before: v41)
      admin        v52  live (before: v51)
      api-gateway  v62  live (before: v61)
    ! the migrations in it stay
      (db/migrate/20260301030000_index_sessions_on_user.rb): what ran before must
      work with them
    error: its migrations stay, and nobody said that this is all right
      caused by: what ran before may not work with what they did to the database
    hint: make sure that it does, then: git hotfix rollback --yes --despite-migrations
    ");
    assert_eq!(played(&lab), 0);
    dev.run(&["rollback", "--yes", "--despite-migrations"]).ends(0).says("what its migrations did stays");
    assert_eq!(played(&lab), 1);
}

fn reverts(lab: &Lab) -> Vec<Value> {
    let all = lab.merge_requests_to("main").into_iter();
    all.filter(|row| row["source_branch"].as_str().unwrap().starts_with("revert/")).collect()
}

#[test]
fn what_landed_is_reverted_and_the_lanes_follow() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    dev.run(&["revert"]).ends(5).says("nothing has landed");
    dev.run(&["ship", "--yes"]).ends(0);
    let landed = lab.tip("main");
    let made = dev.run(&["revert"]).ends(0);
    insta::assert_snapshot!(format!("{}{}", made.err, made.out), @r"
    ✓ pushed revert/login-500-######## at ########
    ✓ opened the merge request revert/login-500-######## -> main: !414
    hint: it is a hotfix of its own: git hotfix ship '!414'
    !414 open to main
    ");
    dev.run(&["revert", "!412"]).ends(0).says("!414 open to main");
    assert_eq!(reverts(&lab).len(), 1);
    let mr = &reverts(&lab)[0];
    assert_eq!(mr["title"], "Revert \"Fix login 500 without a session\"");
    let branch = format!("revert/login-500-{}", &landed[..8]);
    assert_eq!(mr["source_branch"], branch.as_str());
    let commit = lab.get(&format!("repository/commits/{}", lab.tip(&branch)));
    let message = commit["message"].as_str().unwrap();
    assert!(
        message.contains(&format!("This reverts commit {landed}, reversing\nchanges made to ")),
        "{message}"
    );
    dev.git(&["fetch", "--quiet"]);
    assert!(
        dev.holds(&["diff", "--quiet", &format!("{landed}^1"), &format!("origin/{branch}")]),
        "all of it"
    );

    dev.run(&["merge", "--yes", "!414"]).ends(0);
    dev.run(&["revert", "!412"]).ends(0).says("reverted on main by");
    assert_eq!(reverts(&lab).len(), 1);
    dev.run(&["status", "!412"]).ends(0).says("not needed: reverted on main").says("!413 still brings");
    let told = dev.run(&["backport", "--json", "!412"]).ends(0);
    assert_eq!(told.json()["targets"][0]["result"], "not-needed");
    told.says("what is reverted needs no backport");
    dev.run(&["list", "--missing"]).ends(0);

    // The revert of the revert brings the lanes back.
    dev.run(&["revert", "!414"]).ends(0).says("!415");
    dev.run(&["merge", "--yes", "!415"]).ends(0);
    let missing = dev.run(&["list", "--missing", "--json"]).ends(3).json();
    let listed: Vec<&Value> = missing["hotfixes"].as_array().unwrap().iter().map(|row| &row["iid"]).collect();
    assert_eq!(listed, [&json!(415), &json!(412)], "{missing}");
}

#[test]
fn what_was_taken_back_goes_on_with_its_revert() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(0);
    dev.run(&["revert"]).ends(0);
    // Production runs it still: there is a revert, and nothing else changes.
    dev.run(&["status"])
        .ends(0)
        .says("!414 is open to take it back on main")
        .says("git hotfix verify --confirm");
    dev.run(&["rollback", "--yes"]).ends(0);
    let asked = dev.run(&["status"]).ends(0);
    assert!(asked.requests <= 10, "{}", asked.requests);
    let told = |run: crate::lab::Run| {
        let (_, below) = run.out.split_once("\n\n").unwrap();
        let lines = below.lines().filter(|line| ["!414", "next:"].iter().any(|word| line.contains(word)));
        lines.collect::<Vec<_>>().join("\n")
    };
    let open = told(asked);
    let refused = dev.run(&["deploy", "--yes"]).ends(5).err;
    dev.run(&["merge", "--yes", "!414"]).ends(0);
    let landed = told(dev.run(&["status", "!412"]).ends(0));
    insta::assert_snapshot!(format!("{open}\n--\n{refused}--\n{landed}"), @"
    !414 is open to take it back on main
    next: git hotfix ship '!414'   (takes it back on main too)
    --
    production after ########: taken back by rollback-prod-hotfix (job 1027)
    last good: ########
    no migrations in it: nothing forbids going back
    error: it was in production and was rolled back (rollback-prod-hotfix, job 1027): ######## runs now, without it
    hint: git hotfix ship '!414'   (takes it back on main too)
    --
    next: ######## took it back on main too; a new fix begins with: git hotfix start <slug>
    ");
}

#[test]
fn a_revert_that_conflicts_is_left_to_hands() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(0);
    let files = [("apps/portal/app/login.rb".to_owned(), Some("# all new\n".to_owned()))];
    lab.server.with_world(|world| world.push_as("mia", "main", "Rewrite the login", &files)).unwrap();
    let refused = dev.run(&["revert"]).ends(3);
    insta::assert_snapshot!(refused.err, @r"
    error: main changed since: reverting ######## conflicts in apps/portal/app/login.rb (content)
    hint: by hand: git fetch && git switch -c revert/login-500-######## origin/main && git revert -m 1 ########   (resolve, git add, git revert --continue)
    hint: then, on that branch: git hotfix open   (production meanwhile: git hotfix rollback '!412')
    ");
    assert!(reverts(&lab).is_empty() && lab.branches("revert/").is_empty());
}

#[test]
fn wrong_names_and_places_of_the_ways_back() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["revert", "!99"]).ends(4);
    dev.run(&["rollback", "!99", "--yes"]).ends(4);
    dev.run(&["-R", "shop/web", "revert", "!412"]).ends(2).says("-R does not go with it");
    dev.run(&["rollback", "--again", "--yes"]).ends(5);
    let mut gone = dev.command();
    gone.env("GIT_HOTFIX_TOKEN", "glpat-wrong-0123456789");
    dev.run_as(&mut gone, &["rollback", "--yes"]).ends(4);
    dev.run_as(&mut gone, &["revert"]).ends(4);
}
