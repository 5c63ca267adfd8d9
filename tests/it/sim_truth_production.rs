//! The truth table of production: deployments, approvals, play, picks on the server, and the rest.

use git_hotfix::sim::{Lag, Protection, Setup, Start, Who};
use serde_json::json;

use crate::sim_lab::{Lab, git, said};
use crate::sim_truth::{Row, check, none};

/// §5, in the order that matters.
#[test]
fn production_asks_for_approvals_before_play() {
    let lab = Lab::anywhere();
    let landed = lab.land("hotfix/a");
    let job = lab.job(&landed, "deploy-prod-hotfix");
    let deployment = lab.deployment(&job);
    let play = format!("jobs/{}/play", job["id"]);
    let approval = format!("deployments/{}/approval", deployment["id"]);
    let yes = json!({"status": "approved"});
    let as_role = |role: &str| json!({"status": "approved", "represented_as": role});
    assert_eq!(deployment["status"], "blocked", "§5.2");
    assert!(lab.project("deployments?sort=desc")[0].get("approvals").is_none(), "§5: lists have none");
    check(
        &lab,
        &[
            ("§5.3 play first", "dev", "POST", &play, json!({}), 400, "400 Bad request - Unplayable Job"),
            ("§5 reporters cannot play", "cleo", "POST", &play, json!({}), 403, "403 Forbidden"),
            (
                "§5 own deployment",
                "dev",
                "POST",
                &approval,
                yes.clone(),
                400,
                "You cannot approve your own deployment",
            ),
            (
                "§5 no rule for her",
                "mia",
                "POST",
                &approval,
                yes.clone(),
                400,
                "You don't have permission to approve",
            ),
            (
                "§5 not his role",
                "bo",
                "POST",
                &approval,
                as_role("product"),
                400,
                "There are no approval rules for the given `represent_as`",
            ),
            ("§5 missing", "bo", "POST", &approval, json!({}), 400, r#"{"error":"status is missing"}"#),
            (
                "§5 a part of the label will do",
                "bo",
                "POST",
                &approval,
                as_role("lead"),
                201,
                r#""status":"approved""#,
            ),
            ("§5.3 one is not enough", "dev", "POST", &play, json!({}), 400, "Unplayable Job"),
            ("§5 the second rule", "dan", "POST", &approval, yes.clone(), 201, r#""username":"dan""#),
            (
                "§5 nothing waits any more",
                "cleo",
                "POST",
                &approval,
                yes,
                400,
                "This deployment is not waiting for approvals.",
            ),
        ],
    );
    let seen = lab.deployment(&job);
    assert_eq!((&seen["status"], &seen["pending_approval_count"]), (&json!("blocked"), &json!(0)), "§5.4");
    assert_eq!(seen["approval_summary"]["rules"][0]["deployment_approvals"][0]["user"]["username"], "bo");
    assert_eq!(
        lab.project(&format!("jobs/{}", job["id"]))["status"],
        "manual",
        "§5.4: nothing starts by itself"
    );
    let pipeline = &job["pipeline"]["id"];
    assert_eq!(lab.project(&format!("pipelines/{pipeline}"))["status"], "manual", "§4");

    let played = lab.play("dev", &job);
    assert_eq!((played.status, &played.body["id"]), (200, &job["id"]), "play answers 200 with the job");
    assert_eq!(lab.deployment(&job)["status"], "success");
    // (unproven) §5: play on a finished manual job makes a new one.
    let again = lab.play("dev", &job);
    assert_eq!(again.status, 200);
    assert_ne!(again.body["id"], job["id"]);
    let second = lab.deployment(&again.body);
    assert_eq!((&second["status"], &second["pending_approval_count"]), (&json!("blocked"), &json!(2)));
    let hidden = lab.project(&format!("pipelines/{pipeline}/jobs?per_page=100"));
    assert!(hidden.as_array().unwrap().iter().all(|shown| shown["id"] != job["id"]), "§4: retried jobs hide");
    let all = lab.project(&format!("pipelines/{pipeline}/jobs?include_retried=true&per_page=100"));
    assert!(all.as_array().unwrap().iter().any(|shown| shown["id"] == job["id"]));
}

#[test]
fn without_rules_a_finished_deploy_is_played_a_second_time() {
    let open = Setup { protection: Protection::Open, lag: Lag::none(), ..Setup::default() };
    let lab = Lab::new(open);
    let landed = lab.land("hotfix/a");
    let job = lab.job(&landed, "deploy-prod-hotfix");
    assert_eq!(lab.deployment(&job)["status"], "blocked", "§5.2: blocked without any approvals");
    let refused = lab.approve("bo", &lab.deployment(&job));
    assert_eq!(
        (refused.status, &refused.body["message"]),
        (400, &json!("This environment is not protected."))
    );
    lab.play("dev", &job);
    let before = lab.server.with_world(|world| world.deployment_ids().len());
    assert_eq!(lab.play("dev", &job).status, 200);
    assert_eq!(lab.server.with_world(|world| world.deployment_ids().len()), before + 1);
}

#[test]
fn a_rejection_fails_the_job_and_a_retry_starts_over() {
    let lab = Lab::anywhere();
    let landed = lab.land("hotfix/a");
    let job = lab.job(&landed, "deploy-prod-hotfix");
    let deployment = lab.deployment(&job);
    lab.approve("bo", &deployment);
    let approval = format!("deployments/{}/approval", deployment["id"]);
    let no = json!({"status": "rejected", "comment": "not now"});
    let retry = format!("jobs/{}/retry", job["id"]);
    check(
        &lab,
        &[
            (
                "§5 not yet retryable",
                "dev",
                "POST",
                &retry,
                json!({}),
                403,
                "403 Forbidden - Job is not retryable",
            ),
            ("§5.5 reject", "cleo", "POST", &approval, no, 201, "rejected"),
            (
                "§5.5 not approvable back",
                "dan",
                "POST",
                &approval,
                json!({"status": "approved"}),
                400,
                "not waiting",
            ),
        ],
    );
    let failed = lab.project(&format!("jobs/{}", job["id"]));
    assert_eq!(
        (&failed["status"], &failed["failure_reason"]),
        (&json!("failed"), &json!("deployment_rejected"))
    );
    assert_eq!(lab.deployment(&job)["status"], "failed");
    let again = lab.post("dev", &retry, json!({}));
    assert_eq!(again.status, 201);
    let fresh = lab.deployment(&again.body);
    assert_ne!(fresh["id"], deployment["id"]);
    assert_eq!((&fresh["pending_approval_count"], &fresh["approvals"]), (&json!(2), &json!([])));
}

#[test]
fn an_outdated_deployment_and_a_wrong_deployer_are_refused() {
    let lab = Lab::at_once();
    let [first, second] = ["hotfix/a", "docs/b"].map(|name| {
        let landed = match name {
            "hotfix/a" => lab.land(name),
            _ => lab.server.with_world(|world| {
                world
                    .push_as("mia", "main", "Docs\n", &[("b.md".to_owned(), Some("b\n".to_owned()))])
                    .unwrap()
            }),
        };
        lab.job(&landed, "deploy-prod-hotfix")
    });
    for job in [&second, &first] {
        let deployment = lab.deployment(job);
        lab.approve("bo", &deployment);
        lab.approve("cleo", &deployment);
        let expected = if job == &second { 200 } else { 403 };
        assert_eq!(lab.play("dev", job).status, expected, "§5: outdated");
    }
    let strict = Setup {
        protection: Protection::Protected { rules: Vec::new(), deployers: vec![Who::Level(40)] },
        lag: Lag::none(),
        ..Setup::default()
    };
    let lab = Lab::new(strict);
    let landed = lab.land("hotfix/a");
    let job = lab.job(&landed, "deploy-prod-hotfix");
    let unset = lab.approve("bo", &lab.deployment(&job));
    assert!(unset.text.contains("Deployment approvals is not configured for this environment."));
    assert_eq!(lab.play("dev", &job).status, 403, "§5: approvers are not deployers");
    assert_eq!(lab.play("mia", &job).status, 200);
}

/// §6: the cherry-pick API.
#[test]
fn picks_on_the_server_say_what_failed() {
    let lab = Lab::anywhere();
    let landed = lab.land("hotfix/a");
    let path = format!("repository/commits/{landed}/cherry_pick");
    lab.post("dev", "repository/branches", json!({"branch": "backport/x", "ref": "develop"}));
    let onto = json!({"branch": "backport/x"});
    let dry = json!({"branch": "backport/x", "dry_run": true});
    check(
        &lab,
        &[
            ("§6 dry run", "dev", "POST", &path, dry, 200, r#"{"dry_run":"success"}"#),
            ("§6 protected", "dev", "POST", &path, json!({"branch": "develop"}), 403, "403"),
            ("§6 201, not 200", "dev", "POST", &path, onto.clone(), 201, "(cherry picked from commit"),
            ("§6 already there", "dev", "POST", &path, onto, 400, r#""error_code":"empty""#),
        ],
    );
    lab.commit("mia", "develop", "apps/portal/app/login.rb", "# theirs\n");
    lab.post("dev", "repository/branches", json!({"branch": "backport/y", "ref": "develop"}));
    let rows: &[Row<'_>] = &[(
        "§6 conflict",
        "dev",
        "POST",
        &path,
        json!({"branch": "backport/y"}),
        400,
        r#""error_code":"conflict""#,
    )];
    check(&lab, rows);
}

/// What reads and small writes of the flow answer; the plain documentation of each endpoint.
#[test]
fn the_rest_of_the_routes_answers() {
    let lab = Lab::at_once();
    let (from, iid) = (lab.project("repository/branches/main")["commit"]["id"].clone(), lab.open("hotfix/a"));
    let path = format!("merge_requests/{iid}");
    let landed = {
        lab.project(&path);
        lab.put("dev", &format!("{path}/merge"), json!({})).body["merge_commit_sha"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let compare = format!("repository/compare?from={}&to={landed}", from.as_str().unwrap());
    let diff = format!("repository/commits/{landed}/diff");
    let job = lab.job(&landed, "lint");
    let (lint, pipeline) = (format!("jobs/{}", job["id"]), format!("pipelines/{}", job["pipeline"]["id"]));
    let migrate = format!("jobs/{}", lab.job(&landed, "run-migrations-prod")["id"]);
    let file = "repository/files/apps%2Fportal%2Fapp%2Flogin.rb";
    let labels = json!({"add_labels": "hotfix,urgent", "assignee_ids": [1]});
    check(
        &lab,
        &[
            ("files, raw", "dev", "GET", &format!("{file}/raw?ref=main"), none(), 200, "# hotfix/a"),
            ("files", "dev", "GET", &format!("{file}?ref=main"), none(), 200, r#""encoding":"base64""#),
            (
                "files, none",
                "dev",
                "GET",
                &format!("{file}x/raw?ref=main"),
                none(),
                404,
                "404 File Not Found",
            ),
            ("compare", "dev", "GET", &compare, none(), 200, r#""new_path":"apps/portal/app/login.rb""#),
            ("a commit's diff", "dev", "GET", &diff, none(), 200, r#""new_path":"apps/portal/app/login.rb""#),
            (
                "commits of a path",
                "dev",
                "GET",
                "repository/commits?path=db&ref_name=main",
                none(),
                200,
                "Keep sessions",
            ),
            (
                "commits, none",
                "dev",
                "GET",
                "repository/commits/0123456789",
                none(),
                404,
                "404 Commit Not Found",
            ),
            (
                "commits of a request",
                "dev",
                "GET",
                &format!("{path}/commits"),
                none(),
                200,
                "Change apps/portal",
            ),
            ("changes", "dev", "GET", &format!("{path}/changes"), none(), 200, "+# hotfix/a"),
            ("diffs", "dev", "GET", &format!("{path}/diffs"), none(), 200, "+# hotfix/a"),
            ("§3 labels are created", "dev", "PUT", &path, labels, 200, r#""labels":["hotfix","urgent"]"#),
            ("§3 labels are created", "dev", "GET", "labels/urgent", none(), 200, r#""name":"urgent""#),
            (
                "§3 labels go",
                "dev",
                "PUT",
                &path,
                json!({"remove_labels": "urgent"}),
                200,
                r#""labels":["hotfix"]"#,
            ),
            (
                "update, nothing",
                "dev",
                "PUT",
                &path,
                json!({"x": 1}),
                400,
                "at least one parameter must be provided",
            ),
            ("update, reporters", "cleo", "PUT", &path, json!({"title": "x"}), 403, "403 Forbidden"),
            (
                "notes",
                "cleo",
                "POST",
                &format!("{path}/notes"),
                json!({"body": "seen"}),
                201,
                r#""body":"seen""#,
            ),
            ("approval_state", "dev", "GET", &format!("{path}/approval_state"), none(), 200, r#""rules":[]"#),
            ("approvals", "dev", "GET", &format!("{path}/approvals"), none(), 200, r#""approvals_left":0"#),
            ("unapprove, none", "bo", "POST", &format!("{path}/unapprove"), json!({}), 404, "404 Not found"),
            ("pipelines of a merged one", "dev", "POST", &format!("{path}/pipelines"), json!({}), 405, "405"),
            ("bridges", "dev", "GET", &format!("{pipeline}/bridges"), none(), 200, "[]"),
            (
                "§4 scope",
                "dev",
                "GET",
                &format!("{pipeline}/jobs?scope[]=manual"),
                none(),
                200,
                "deploy-prod-hotfix",
            ),
            ("trace", "dev", "GET", &format!("{lint}/trace"), none(), 200, "Job succeeded"),
            ("§5 an automatic job", "dev", "POST", &format!("{lint}/play"), json!({}), 400, "Unplayable Job"),
            ("retry", "dev", "POST", &format!("{lint}/retry"), json!({}), 201, r#""name":"lint""#),
            ("cancel", "dev", "POST", &format!("{migrate}/cancel"), json!({}), 201, "run-migrations-prod"),
            ("§2 environment by name", "dev", "GET", "environments?name=staging", none(), 200, "[]"),
            ("environment, none", "dev", "GET", "environments/2", none(), 404, "404 Environment Not Found"),
            ("ci lint", "dev", "GET", "ci/lint", none(), 200, r#""valid":true"#),
            (
                "group members",
                "dev",
                "GET",
                "/groups/product/members/all",
                none(),
                200,
                r#""username":"dan""#,
            ),
            ("branch, none", "dev", "GET", "repository/branches/x", none(), 404, "404 Branch Not Found"),
            ("branch, protected", "mia", "DELETE", "repository/branches/develop", none(), 403, "403"),
            ("branch, gone", "dev", "DELETE", "repository/branches/hotfix%2Fa", none(), 204, ""),
        ],
    );
    let notes = lab.project(&format!("{path}/notes"));
    let note = format!("{path}/notes/{}", notes[0]["id"]);
    check(
        &lab,
        &[
            ("notes are their author's", "dev", "PUT", &note, json!({"body": "no"}), 403, "403 Forbidden"),
            ("notes", "cleo", "PUT", &note, json!({"body": "seen twice"}), 200, "seen twice"),
        ],
    );
    // The branch is gone and the merge request stays merged, with its commits still there to fetch.
    assert_eq!(lab.merge_request(iid)["state"], "merged");
    let fetched = git(
        &lab.clone_as("dev"),
        &["fetch", "--quiet", "origin", &format!("refs/merge-requests/{iid}/head")],
    );
    assert!(fetched.status.success(), "{}", said(&fetched));
}

#[test]
fn the_pipelines_own_backport_is_a_placeholder_on_conflict() {
    let mut setup = Setup { lag: Lag::none(), ..Setup::default() };
    setup.job("hotfix-backport").unwrap().start = Start::Automatic;
    let lab = Lab::new(setup);
    let files = [("apps/portal/app/login.rb".to_owned(), Some("# theirs\n".to_owned()))];
    lab.server.with_world(|world| world.push_as("mia", "develop", "Theirs\n", &files)).unwrap();
    let landed = lab.land("hotfix/a");
    let job = lab.job(&landed, "deploy-prod-hotfix");
    let deployment = lab.deployment(&job);
    lab.approve("bo", &deployment);
    lab.approve("cleo", &deployment);
    lab.play("dev", &job);
    let backport = &lab.project("merge_requests?target_branch=develop")[0];
    assert_eq!(backport["source_branch"], format!("backport/develop-{}", &landed[..8]));
    assert_eq!((&backport["labels"], &backport["draft"]), (&json!(["backport", "conflicts"]), &json!(true)));
    let commit = lab.project(&format!("repository/commits/{}", backport["sha"].as_str().unwrap()));
    assert!(commit["message"].as_str().unwrap().contains(&format!("Backport-Conflicts: {landed}")));
    assert_eq!(commit["stats"]["total"], 0, "the placeholder is empty");
}
