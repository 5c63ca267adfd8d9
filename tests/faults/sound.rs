//! What must hold of GitLab and of a clone whatever was disturbed: one of everything, and nothing left behind.

use std::path::Path;

use serde_json::Value;

use crate::lab::Lab;
use crate::scenario::{backport_branches, deployments, main_jobs, that};

/// One of everything at most, whatever was disturbed.
pub(crate) fn sound(lab: &Lab) -> Result<(), String> {
    sound_but_for(lab, ByHand::default())
}

/// What a person did that is not the runners'.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ByHand {
    /// Deployments begun.
    pub(crate) deployments: usize,
    /// A merge request closed. That one is opened and closed again between a look and the request that follows it
    /// is what GitLab's API cannot exclude: it refuses a second one only while the first is open.
    pub(crate) closed: Option<u64>,
}

/// The same where a person had a hand in it.
pub(crate) fn sound_but_for(lab: &Lab, by_hand: ByHand) -> Result<(), String> {
    let mut seen = Vec::new();
    for row in lab.rows("merge_requests?per_page=100") {
        if row["iid"].as_u64() == by_hand.closed {
            continue;
        }
        let key = (row["source_branch"].clone(), row["target_branch"].clone());
        that(!seen.contains(&key), || format!("two merge requests {key:?}"))?;
        seen.push(key);
    }
    let branches = backport_branches(lab);
    that(branches.len() <= 1, || format!("the backport branches are {branches:?}"))?;
    let of_landed = deployments(lab);
    let alive = |row: &&Value| !matches!(row["status"].as_str(), Some("failed" | "canceled" | "skipped"));
    let count = of_landed.iter().filter(alive).count();
    that(count <= 1 + by_hand.deployments, || format!("{count} deployments of what landed"))?;
    let migrations = main_jobs(lab, "run-migrations-prod");
    that(migrations.len() <= 1, || format!("migrated {} times", migrations.len()))?;
    for row in of_landed {
        let detail = lab.get(&format!("deployments/{}", row["id"]));
        let mut voters: Vec<&Value> = detail["approvals"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|vote| &vote["user"]["username"])
            .collect();
        let count = voters.len();
        voters.dedup();
        that(voters.len() == count, || format!("somebody voted twice: {voters:?}"))?;
    }
    Ok(())
}

/// What a run may never leave behind in a clone.
pub(crate) fn litter(lab: &Lab, clone: &Path) -> Result<(), String> {
    let left: Vec<_> =
        std::fs::read_dir(lab.dir().join("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect();
    that(left.is_empty(), || format!("left in the temporary folder: {left:?}"))?;
    let mut locks = Vec::new();
    find_locks(&clone.join(".git"), &mut locks);
    that(locks.is_empty(), || format!("locks left: {locks:?}"))
}

fn find_locks(dir: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true if entry.file_name() == "objects" => {}
            true => find_locks(&path, into),
            false if path.extension().is_some_and(|ext| ext == "lock") => {
                into.push(path.display().to_string())
            }
            false => {}
        }
    }
}
