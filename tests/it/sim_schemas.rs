//! A walk past everything that GitLab's own schemas describe, at its fullest: failed and retried jobs, an
//! approved and a rejected deployment. Shapes are held by `tests/conformance/run`, which records what is
//! answered here and checks it with a real validator; here it only must be there.

use git_hotfix::sim::{Lag, Setup, Start};
use serde_json::json;

use crate::sim_lab::Lab;

#[test]
fn everything_that_has_a_schema_is_answered() {
    let mut setup = Setup { lag: Lag::none(), ..Setup::default() };
    setup.job("hotfix-backport").unwrap().start = Start::Automatic;
    let lab = Lab::new(setup);
    let landed = lab.land("hotfix/a");
    let job = lab.job(&landed, "deploy-prod-hotfix");
    let deployment = lab.deployment(&job);
    lab.approve("bo", &deployment);
    lab.approve("cleo", &deployment);
    lab.play("dev", &job);
    let iid = lab.server.with_world(|world| world.merge_request_from("hotfix/a")).unwrap();
    lab.post("dev", &format!("merge_requests/{iid}/notes"), json!({"body": "seen in production"}));
    let rejected = lab.post("dev", &format!("jobs/{}/retry", job["id"]), json!({})).body;
    let second = lab.deployment(&rejected)["id"].clone();
    lab.post("bo", &format!("deployments/{second}/approval"), json!({"status": "rejected"}));

    let (job, pipeline, deployment) = (&job["id"], &job["pipeline"]["id"], &deployment["id"]);
    for path in [
        "/metadata",
        "/user",
        "/users?username=bo",
        "members/all",
        "repository/branches",
        "repository/commits",
        &format!("repository/commits/{landed}"),
        "merge_requests",
        &format!("merge_requests/{iid}"),
        &format!("merge_requests/{iid}/notes"),
        "labels",
        "pipelines",
        &format!("pipelines/{pipeline}"),
        &format!("merge_requests/{iid}/pipelines"),
        &format!("jobs/{job}"),
        &format!("pipelines/{pipeline}/jobs?include_retried=true"),
        "deployments",
        &format!("deployments/{deployment}"),
        "environments",
        "environments/1",
    ] {
        let path = path.strip_prefix('/').map_or_else(|| format!("projects/42/{path}"), str::to_owned);
        let answer = lab.get("dev", &path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let there = |rows: &Vec<serde_json::Value>| !rows.is_empty();
        assert!(answer.body.as_array().map_or(answer.body.is_object(), there), "{path}: {}", answer.text);
    }
}
