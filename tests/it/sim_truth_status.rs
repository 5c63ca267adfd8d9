//! The truth table of merge requests and jobs: one blocker at a time and in which order, what a push takes
//! away, what `needs` and stages start.

use git_hotfix::sim::{JobSpec, Lag, Setup, Start};
use serde_json::{Value, json};

use crate::sim_lab::Lab;
use crate::sim_truth::check;

/// §3: the order of `detailed_merge_status`. Each line lets go of what held it and shows what it hid.
#[test]
fn one_blocker_is_shown_and_hides_those_after_it() {
    let lab = Lab::new(Setup { approvals_required: 1, lag: Lag::none(), ..Setup::default() });
    let iid = lab.open("hotfix/a");
    let path = format!("merge_requests/{iid}");
    lab.server.with_world(|world| {
        for reason in [
            "title_regex",
            "locked_lfs_files",
            "requested_changes",
            "approvals_syncing",
            "merge_request_blocked",
            "jira_association_missing",
            "security_policy_violations",
            "status_checks_must_pass",
            "locked_paths",
        ] {
            world.hold(iid, reason, true);
        }
        world.set_open_thread(iid, true);
    });
    lab.put("dev", &path, json!({"title": "Draft: x"}));
    let shown = || lab.merge_request(iid)["detailed_merge_status"].as_str().unwrap().to_owned();
    let released = |reason: &'static str| lab.server.with_world(|world| world.hold(iid, reason, false));
    let mut seen = vec![shown()];
    lab.put("dev", &path, json!({"title": "x"}));
    seen.push(shown());
    lab.server.with_world(|world| world.set_open_thread(iid, false));
    seen.push(shown());
    for reason in ["title_regex", "locked_lfs_files", "requested_changes", "approvals_syncing"] {
        released(reason);
        seen.push(shown());
    }
    assert_eq!(lab.post("bo", &format!("{path}/approve"), json!({})).status, 201);
    seen.push(shown());
    for reason in [
        "merge_request_blocked",
        "jira_association_missing",
        "security_policy_violations",
        "status_checks_must_pass",
        "locked_paths",
    ] {
        released(reason);
        seen.push(shown());
    }
    insta::assert_snapshot!(seen.join("\n"), @r"
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
    lab.put("dev", &path, json!({"state_event": "close"}));
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
