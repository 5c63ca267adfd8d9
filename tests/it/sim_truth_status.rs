//! The truth table of merge requests and jobs: one blocker at a time and in which order, what a push takes
//! away, what `needs` and stages start.

use git_hotfix::sim::{JobSpec, Lag, Setup, Start};
use serde_json::{Value, json};

use crate::sim_lab::{Answer, Lab};
use crate::sim_truth::check;

/// §3: the order of `detailed_merge_status`. Each line lets go of what held it and shows what it hid.
#[test]
fn one_blocker_is_shown_and_hides_those_after_it() {
    let lab = Lab::new(Setup { approvals_required: 1, lag: Lag::none(), ..Setup::default() });
    let iid = lab.open("hotfix/a");
    let path = format!("merge_requests/{iid}");
    let shown = || lab.merge_request(iid)["detailed_merge_status"].as_str().unwrap().to_owned();
    let done = |answer: Answer| {
        assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.text);
        answer.body
    };
    let project = |body: Value| done(lab.call("mia", "PUT", "projects/42", body));
    let held = |reasons: &[&'static str], on| {
        lab.server.with_world(|world| reasons.iter().for_each(|reason| world.hold(iid, reason, on)));
    };

    // Everything at once. What REST cannot set is held by the world itself.
    held(
        &[
            "locked_lfs_files",
            "requested_changes",
            "approvals_syncing",
            "security_policy_violations",
            "locked_paths",
        ],
        true,
    );
    project(
        json!({"merge_request_title_regex": "^(Draft: )?[A-Z]+-[0-9]+ ", "prevent_merge_without_jira_issue": true,
        "only_allow_merge_if_all_status_checks_passed": true}),
    );
    let check = done(lab.post(
        "mia",
        "external_status_checks",
        json!({"name": "QA", "external_url": "https://qa.example"}),
    ));
    let thread = done(lab.post("bo", &format!("{path}/discussions"), json!({"body": "why not a 404?"})));
    lab.branch("hotfix/first", "docs/first.md", "first\n");
    let first = json!({"source_branch": "hotfix/first", "target_branch": "main", "title": "SHOP-1 First"});
    let first = done(lab.post("dev", "merge_requests", first));
    let block = json!({"blocking_merge_request_iid": first["iid"]});
    let block = done(lab.post("dev", &format!("{path}/blocks"), block));
    done(lab.put("dev", &path, json!({"title": "Draft: x", "merge_after": "2099-01-01T00:00:00Z"})));

    let mut seen = vec![shown()];
    done(lab.put("dev", &path, json!({"merge_after": "2020-01-01T00:00:00Z"})));
    seen.push(shown());
    done(lab.put("dev", &path, json!({"title": "x"})));
    seen.push(shown());
    let thread = format!("{path}/discussions/{}", thread["id"].as_str().unwrap());
    done(lab.put("dev", &thread, json!({"resolved": true})));
    seen.push(shown());
    project(json!({"merge_request_title_regex": ""}));
    seen.push(shown());
    for reason in ["locked_lfs_files", "requested_changes", "approvals_syncing"] {
        held(&[reason], false);
        seen.push(shown());
    }
    done(lab.post("bo", &format!("{path}/approve"), json!({})));
    seen.push(shown());
    done(lab.call("dev", "DELETE", &format!("projects/42/{path}/blocks/{}", block["id"]), Value::Null));
    seen.push(shown());
    done(lab.put("dev", &path, json!({"description": "See SHOP-2."})));
    seen.push(shown());
    held(&["security_policy_violations"], false);
    seen.push(shown());
    let said = |sha: &Value, status: &str| {
        let body = json!({"external_status_check_id": check["id"], "sha": sha, "status": status});
        lab.post("dev", &format!("{path}/status_check_responses"), body)
    };
    let head = lab.merge_request(iid)["sha"].clone();
    assert_eq!(said(&json!("0".repeat(40)), "passed").status, 409, "of another head");
    done(said(&head, "failed"));
    assert_eq!(shown(), "status_checks_must_pass");
    done(said(&head, "passed"));
    seen.push(shown());
    held(&["locked_paths"], false);
    seen.push(shown());
    insta::assert_snapshot!(seen.join("\n"), @r"
    merge_time
    draft_status
    discussions_not_resolved
    title_regex
    locked_lfs_files
    requested_changes
    approvals_syncing
    not_approved
    merge_request_blocked
    jira_association_missing
    security_policy_violations
    status_checks_must_pass
    locked_paths
    mergeable
    ");
    done(lab.put("dev", &path, json!({"state_event": "close"})));
    assert_eq!(shown(), "not_open");
}

#[test]
fn a_merge_request_may_be_for_later() {
    let lab = Lab::at_once();
    lab.branch("hotfix/a", "docs/a.md", "a\n");
    let later = json!({"source_branch": "hotfix/a", "target_branch": "main", "title": "a",
        "merge_after": "2099-01-01T00:00:00Z"});
    let iid = lab.post("dev", "merge_requests", later).body["iid"].as_u64().unwrap();
    assert_eq!(lab.merge_request(iid)["detailed_merge_status"], "merge_time", "§3");
    let merge = format!("merge_requests/{iid}/merge");
    check(&lab, &[("§3 405 state", "dev", "PUT", &merge, json!({}), 405, "405 Method Not Allowed")]);
}

/// §3: nothing to merge comes before everything but the state; a red pipeline is the last of all, and where
/// pipelines need not succeed it is none.
#[test]
fn an_empty_branch_and_a_red_pipeline_hold_it() {
    let mut setup = Setup { lag: Lag::none(), ..Setup::default() };
    setup.job("build").unwrap().failures = 9;
    let lab = Lab::new(setup);
    assert_eq!(lab.post("dev", "repository/branches", json!({"branch": "empty", "ref": "main"})).status, 201);
    let body = json!({"source_branch": "empty", "target_branch": "main", "title": "Nothing"});
    let empty = lab.post("dev", "merge_requests", body).body["iid"].as_u64().unwrap();
    let red = lab.open("hotfix/a");
    let merge = |iid: u64| format!("merge_requests/{iid}/merge");
    for (iid, held) in [(empty, "commits_status"), (red, "ci_must_pass")] {
        assert_eq!(lab.merge_request(iid)["detailed_merge_status"], held, "§3");
        check(&lab, &[("§3 405 state", "dev", "PUT", &merge(iid), json!({}), 405, "405 Method Not Allowed")]);
    }
    let lenient = json!({"only_allow_merge_if_pipeline_succeeds": false});
    check(&lab, &[("§2 a developer may not", "dev", "PUT", "/projects/42", lenient.clone(), 403, "403")]);
    check(&lab, &[("§2 a maintainer may", "mia", "PUT", "/projects/42", lenient, 200, r#""id":42"#)]);
    let seen = lab.merge_request(red);
    assert_eq!(seen["detailed_merge_status"], "mergeable", "§3: mergeable with a red pipeline");
    assert_eq!(seen["head_pipeline"]["status"], "failed");
    check(&lab, &[("§3 merge", "dev", "PUT", &merge(red), json!({}), 200, r#""state":"merged""#)]);
}

/// §3: `not_approved` hides a running pipeline; `conflict` comes before CI.
#[test]
fn approvals_hide_a_running_pipeline_and_a_push_takes_them_away() {
    let lag = Lag { job_step: 30, ..Lag::none() };
    let lab = Lab::new(Setup { approvals_required: 1, lag, ..Setup::default() });
    let iid = lab.open("hotfix/a");
    let path = format!("merge_requests/{iid}");
    let seen = lab.merge_request(iid);
    assert_eq!(seen["detailed_merge_status"], "not_approved", "{seen}");
    assert_ne!(seen["head_pipeline"]["status"], "success", "the pipeline still runs");
    assert_eq!(lab.post("bo", &format!("{path}/approve"), json!({})).status, 201);
    let status = lab.merge_request(iid)["detailed_merge_status"].clone();
    assert!(["ci_still_running", "ci_must_pass"].iter().any(|wait| status == *wait), "{status}");
    let first = lab.merge_request(iid)["head_pipeline"]["id"].clone();
    lab.branch("hotfix/a", "docs/more.md", "more\n");
    let seen = lab.merge_request(iid);
    assert_eq!(seen["detailed_merge_status"], "not_approved", "§3: a push resets approvals");
    assert_ne!(seen["head_pipeline"]["id"], first, "§3: and starts a pipeline of its own");
    assert_eq!(lab.project(&format!("{path}/approvals"))["approved_by"], json!([]));

    let keeps =
        Setup { reset_approvals_on_push: false, approvals_required: 1, lag: Lag::none(), ..Setup::default() };
    let lab = Lab::new(keeps);
    let iid = lab.open("hotfix/a");
    assert_eq!(lab.post("bo", &format!("merge_requests/{iid}/approve"), json!({})).status, 201);
    lab.branch("hotfix/a", "docs/more.md", "more\n");
    assert_eq!(lab.merge_request(iid)["detailed_merge_status"], "mergeable");
}

fn statuses(lab: &Lab, sha: &str) -> Vec<String> {
    let pipelines = lab.project(&format!("pipelines?sha={sha}"));
    let jobs = lab.project(&format!("pipelines/{}/jobs?per_page=100", pipelines[0]["id"]));
    let mut told: Vec<String> = jobs
        .as_array()
        .unwrap()
        .iter()
        .map(|job| format!("{} {}", job["name"].as_str().unwrap(), job["status"].as_str().unwrap()))
        .collect();
    told.push(format!("pipeline {}", lab.project(&format!("pipelines/{}", pipelines[0]["id"]))["status"]));
    told.sort();
    told
}

/// §4: a manual job that may not fail stops the stages after it; one that may fail does not; a job with
/// `needs` looks at those alone.
#[test]
fn stages_and_needs_start_what_they_allow() {
    let manual = |name: &str, stage: &str, allow_failure| JobSpec {
        start: Start::Manual,
        allow_failure,
        ..JobSpec::check(name, stage)
    };
    let needing = |name: &str, stage: &str, needs: &[&str]| JobSpec {
        needs: Some(needs.iter().map(|&need| need.to_owned()).collect()),
        ..JobSpec::check(name, stage)
    };
    let broken = |name: &str, stage: &str, allow_failure| JobSpec {
        failures: 9,
        allow_failure,
        ..JobSpec::check(name, stage)
    };
    let lab = Lab::new(Setup {
        lag: Lag::none(),
        production_jobs: vec![
            JobSpec::check("build", "build"),
            broken("trivy", "build", true),
            manual("notes", "build", true),
            manual("gate", "gate", false),
            JobSpec::check("after", "after"),
            needing("early", "after", &["build"]),
            needing("patient", "after", &["gate"]),
        ],
        ..Setup::default()
    });
    let landed = lab.land("hotfix/a");
    insta::assert_snapshot!(statuses(&lab, &landed).join("\n"), @r#"
    after created
    build success
    early success
    gate manual
    notes manual
    patient created
    pipeline "manual"
    trivy failed
    "#);
    assert_eq!(lab.play("dev", &lab.job(&landed, "gate")).status, 200);
    insta::assert_snapshot!(statuses(&lab, &landed).join("\n"), @r#"
    after success
    build success
    early success
    gate success
    notes manual
    patient success
    pipeline "success"
    trivy failed
    "#);

    let lab = Lab::new(Setup {
        lag: Lag::none(),
        production_jobs: vec![
            broken("build", "build", false),
            JobSpec::check("lint", "build"),
            JobSpec::check("after", "after"),
            needing("early", "after", &["lint"]),
            needing("patient", "after", &["build"]),
        ],
        ..Setup::default()
    });
    let landed = lab.land("hotfix/a");
    insta::assert_snapshot!(statuses(&lab, &landed).join("\n"), @r#"
    after skipped
    build failed
    early success
    lint success
    patient skipped
    pipeline "failed"
    "#);
}

/// §5: one that waits is no obstacle; only one that succeeded makes older ones outdated.
#[test]
fn a_newer_deployment_that_waits_lets_an_older_one_go() {
    let lab = Lab::at_once();
    let first = lab.land("hotfix/a");
    let other = lab.branch("hotfix/b", "docs/b.md", "b\n");
    let body = json!({"source_branch": "hotfix/b", "target_branch": "main", "title": "b"});
    let iid = lab.post("dev", "merge_requests", body).body["iid"].as_u64().unwrap();
    lab.merge_request(iid);
    assert_eq!(lab.put("dev", &format!("merge_requests/{iid}/merge"), json!({"sha": other})).status, 200);
    let second = lab.project("repository/branches/main")["commit"]["id"].as_str().unwrap().to_owned();
    let waiting: Vec<Value> =
        [&first, &second].map(|sha| lab.deployment(&lab.job(sha, "deploy-prod-hotfix"))).into();
    assert!(waiting.iter().all(|deployment| deployment["status"] == "blocked"), "{waiting:?}");
    lab.approve("bo", &waiting[0]);
    lab.approve("cleo", &waiting[0]);
    assert_eq!(lab.play("dev", &lab.job(&first, "deploy-prod-hotfix")).status, 200);
    assert_eq!(lab.deployment(&lab.job(&first, "deploy-prod-hotfix"))["status"], "success");
    assert_eq!(lab.deployment(&lab.job(&second, "deploy-prod-hotfix"))["status"], "blocked");
    let shipped = lab.project(&format!("deployments/{}/merge_requests", waiting[0]["id"]));
    assert_eq!(shipped.as_array().map(Vec::len), Some(1), "{shipped}");
}
