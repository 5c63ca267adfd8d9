//! The truth table of one's own deployment: who merged triggered it, and may or may not approve.

use git_hotfix::sim::{Lag, Setup};
use serde_json::json;

use crate::sim_lab::Lab;
use crate::sim_truth::check;

/// A deployment that bo, the tech lead, brought about by merging.
fn by_the_lead(triggerer_may_approve: bool) -> (Lab, String, String) {
    let lab = Lab::new(Setup { triggerer_may_approve, lag: Lag::none(), ..Setup::default() });
    let iid = lab.open("hotfix/a");
    lab.becomes(iid, "mergeable");
    assert_eq!(lab.put("bo", &format!("merge_requests/{iid}/merge"), json!({})).status, 200);
    let landed = lab.project("repository/branches/main")["commit"]["id"].as_str().unwrap().to_owned();
    let job = lab.job(&landed, "deploy-prod-hotfix");
    let deployment = lab.deployment(&job);
    assert_eq!(deployment["user"]["username"], "bo", "§5: who merged");
    (lab, format!("deployments/{}/approval", deployment["id"]), format!("jobs/{}", job["id"]))
}

#[test]
fn who_merged_may_reject_and_approves_only_where_the_project_lets_them() {
    let (yes, no) = (json!({"status": "approved"}), json!({"status": "rejected"}));
    let (lab, approval, job) = by_the_lead(false);
    check(
        &lab,
        &[
            ("§5 own", "bo", "POST", &approval, yes.clone(), 400, "You cannot approve your own deployment"),
            ("§5 rejecting one's own", "bo", "POST", &approval, no, 201, r#""status":"rejected""#),
            ("§5.5 fails the job", "dev", "GET", &job, json!(null), 200, "deployment_rejected"),
        ],
    );
    let (lab, approval, job) = by_the_lead(true);
    let play = format!("{job}/play");
    check(
        &lab,
        &[
            ("§5 pipeline triggerer", "bo", "POST", &approval, yes.clone(), 201, r#""status":"approved""#),
            ("§5 the other rule", "cleo", "POST", &approval, yes, 201, r#""status":"approved""#),
            ("§5.6 then it runs", "dev", "POST", &play, json!({}), 200, r#""id":"#),
        ],
    );
}
