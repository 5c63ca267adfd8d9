//! End to end: the real program against the embedded GitLab, one file for each theme.

mod backport;
mod conflict;
mod crooked;
mod identity;
mod interrupted;
mod landing;
mod refused;
mod ship;
mod slips;
mod steps;
mod views;
mod way_back;

use serde_json::{Value, json};

use crate::lab::Lab;

/// Exactly one of everything: merge request to main, production deployment of what landed, backport
/// branch and merge request, with the right labels.
#[track_caller]
fn converged(lab: &Lab, merged_by: &str) {
    let to_main = lab.merge_requests_to("main");
    assert_eq!(to_main.len(), 1, "{to_main:#?}");
    assert_eq!(
        (&to_main[0]["state"], &to_main[0]["merge_user"]["username"]),
        (&json!("merged"), &json!(merged_by))
    );
    let landed = lab.tip("main");
    let deployments = lab.get("deployments");
    let ours: Vec<&Value> =
        deployments.as_array().unwrap().iter().filter(|row| row["sha"] == landed.as_str()).collect();
    assert_eq!(ours.len(), 1, "{ours:#?}");
    assert_eq!(ours[0]["status"], "success");
    let branches = lab.branches("backport/");
    assert_eq!(branches, [format!("backport/develop-{}", &landed[..8])]);
    let backport = lab.backport();
    assert_eq!((&backport["state"], &backport["source_branch"]), (&json!("opened"), &json!(branches[0])));
    assert_eq!(backport["labels"], json!(["backport", "auto-backport"]));
    let mut tip = lab.tip(&branches[0]);
    for _ in 0..2 {
        let commit = lab.get(&format!("repository/commits/{tip}"));
        assert!(commit["message"].as_str().unwrap().contains("(cherry picked from commit "), "{commit}");
        tip = commit["parent_ids"][0].as_str().unwrap().to_owned();
        if tip == lab.tip("develop") {
            return;
        }
    }
    panic!("{} does not stand on develop", branches[0]);
}
