//! A backport that conflicts: the placeholder holds its place, and a developer finishes it, in whichever way.

use git_hotfix::sim::World;
use serde_json::json;

use crate::lab::{Desk, Lab, story};

const SESSION: &str = "apps/portal/app/session.rb";
const RESOLVED: &str = "# resolved by hand\nLIFETIME = 15 * 60\n";

/// Shipped, with the placeholder open; gives its branch.
fn placed(lab: &Lab) -> (Desk<'_>, String) {
    lab.server.with_world(|world| world.expect(lab.scenario.events.clone()));
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(3).says("git hotfix backport --continue");
    let branch = lab.backport()["source_branch"].as_str().unwrap().to_owned();
    (dev, branch)
}

/// The merge request is what a clean one would have been.
#[track_caller]
fn mended(lab: &Lab) {
    let mr = lab.backport();
    assert_eq!(mr["labels"], json!(["backport", "auto-backport"]), "{mr}");
    assert_eq!(mr["draft"], false, "{mr}");
    let description = mr["description"].as_str().unwrap();
    assert!(!description.contains("WARNING") && !description.contains("### Conflicts"), "{description}");
}

fn work_tree(lab: &Lab, branch: &str) -> std::path::PathBuf {
    lab.dir().join(format!("dev/web-{}", branch.replace('/', "-")))
}

#[test]
fn the_placeholder_says_everything_and_is_finished_in_a_work_tree() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    let (landed, develop) = (lab.tip("main"), lab.tip("develop"));
    let mr = lab.backport();
    assert_eq!((&mr["labels"], &mr["draft"]), (&json!(["backport", "conflicts"]), &json!(true)));
    assert_eq!(mr["assignees"][0]["username"], "dev");
    let description = mr["description"].as_str().unwrap();
    assert!(
        description.starts_with("> **WARNING: this backport conflicts and holds no change yet.**"),
        "{description}"
    );
    assert!(description.contains(&format!("| `{SESSION}` | content |")), "{description}");
    assert!(description.contains(&format!("git cherry-pick -x -m 1 {landed}")), "{description}");
    dev.git(&["fetch", "--quiet", "--no-write-fetch-head", "origin"]);
    let placeholder = lab.tip(&branch);
    assert_eq!(dev.git(&["rev-parse", &format!("{placeholder}^")]), develop);
    assert_eq!(
        dev.git(&["rev-parse", &format!("{placeholder}^{{tree}}")]),
        dev.git(&["rev-parse", &format!("{develop}^{{tree}}")])
    );
    let trailer =
        dev.git(&["log", "-1", "--format=%(trailers:key=Backport-Conflicts,valueonly)", &placeholder]);
    assert_eq!(trailer, landed);

    let listed = dev.run(&["list", "--missing"]).ends(3);
    listed.says("develop");
    let status = dev.run(&["status"]).ends(0);
    // A bare !413 is history to an interactive shell.
    status.says("develop lacks this fix").says("git hotfix backport --continue '!413'");
    let next = dev.run(&["status", "--json"]).ends(0).json()["next"].clone();
    assert_eq!(next["argv"], json!(["git", "hotfix", "backport", "--continue", "!413"]));
    assert_eq!(next["command"], "git hotfix backport --continue '!413'");
    dev.run(&["verify"]).ends(3).says("git hotfix backport --continue '!413'");
    let tree = work_tree(&lab, &branch);
    dev.run(&["backport", "--continue"]).ends(3).says(SESSION).says("[lab]/dev/web-backport-develop-");
    dev.run(&["backport", "--continue"]).ends(3).says(SESSION);
    dev.git_in(&tree, &["add", SESSION]);
    dev.run(&["backport", "--continue"]).ends(3).says("conflict markers are left");
    assert_eq!(lab.tip(&branch), placeholder, "nothing is pushed before it is resolved");

    std::fs::write(tree.join(SESSION), RESOLVED).unwrap();
    dev.git_in(&tree, &["add", SESSION]);
    dev.run(&["backport", "--continue", "!413"]).ends(0).says("!413 is resolved");
    mended(&lab);
    let tip = lab.tip(&branch);
    dev.git(&["fetch", "--quiet", "--no-write-fetch-head", "origin"]);
    assert_eq!(dev.git(&["rev-parse", &format!("{tip}^")]), develop);
    assert_eq!(dev.git(&["show", &format!("{tip}:{SESSION}")]), RESOLVED.trim_end());
    assert!(
        dev.git(&["log", "-1", "--format=%B", &tip])
            .contains(&format!("(cherry picked from commit {landed})"))
    );
    assert!(!tree.exists());

    dev.run(&["backport", "--continue"]).ends(0);
    dev.run(&["backport"]).ends(0);
    dev.run(&["ship", "--yes"]).ends(0);
    assert_eq!(lab.tip(&branch), tip);
    super::converged(&lab, "dev");
}

#[test]
fn what_a_person_pushed_on_top_is_kept_and_the_labels_are_mended() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    let files = [(SESSION.to_owned(), Some(RESOLVED.to_owned()))];
    let tip = lab.server.with_world(|world| world.push_as("mia", &branch, "Resolve it", &files)).unwrap();
    dev.run(&["ship", "--yes"]).ends(0);
    assert_eq!(lab.tip(&branch), tip);
    mended(&lab);
}

#[test]
fn what_a_person_forced_in_its_place_is_kept_too() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    let mia = lab.desk("mia");
    mia.git(&["switch", "--quiet", "-c", "mine", "origin/develop"]);
    std::fs::write(mia.dir.join(SESSION), RESOLVED).unwrap();
    let message = format!("Expire sessions\n\n(cherry picked from commit {})\n", lab.tip("main"));
    mia.git(&["commit", "--quiet", "-am", &message]);
    mia.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:{branch}")]);
    let tip = lab.tip(&branch);
    dev.run(&["backport"]).ends(0).says("!413");
    assert_eq!(lab.tip(&branch), tip);
    mended(&lab);
}

#[test]
fn where_force_is_denied_the_resolution_goes_on_top() {
    let lab = Lab::new(story("conflict"));
    let (_, branch) = placed(&lab);
    lab.server.with_world(|world: &mut World| world.protect(&branch));
    let placeholder = lab.tip(&branch);
    let mia = lab.desk("mia");
    mia.run(&["backport", "--continue", "!413"]).ends(3);
    let tree = lab.dir().join(format!("mia/web-{}", branch.replace('/', "-")));
    std::fs::write(tree.join(SESSION), RESOLVED).unwrap();
    mia.git_in(&tree, &["add", SESSION]);
    mia.run(&["backport", "--continue", "!413"]).ends(0);
    mended(&lab);
    mia.git(&["fetch", "--quiet", "--no-write-fetch-head", "origin"]);
    assert!(mia.holds(&["merge-base", "--is-ancestor", &placeholder, &lab.tip(&branch)]));
    assert_eq!(mia.git(&["show", &format!("{}:{SESSION}", lab.tip(&branch))]), RESOLVED.trim_end());
    mia.run(&["backport", "!412"]).ends(0);
}

#[test]
fn leaving_off_removes_the_work_tree_and_nothing_else() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    let placeholder = lab.tip(&branch);
    dev.run(&["backport", "--continue"]).ends(3);
    assert!(work_tree(&lab, &branch).exists());
    dev.run(&["backport", "--abort"]).ends(0);
    assert!(!work_tree(&lab, &branch).exists());
    assert_eq!(lab.tip(&branch), placeholder);
    dev.run(&["backport", "--continue"]).ends(3);
}

#[test]
fn finished_by_hand_in_the_work_tree_is_seen() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    dev.run(&["backport", "--continue"]).ends(3);
    let tree = work_tree(&lab, &branch);
    std::fs::write(tree.join(SESSION), RESOLVED).unwrap();
    dev.git_in(&tree, &["add", SESSION]);
    dev.git_in(&tree, &["-c", "core.editor=true", "cherry-pick", "--continue"]);
    dev.run(&["backport", "--continue"]).ends(0);
    mended(&lab);
}

#[test]
fn a_merged_placeholder_is_missing_and_not_done() {
    let lab = Lab::new(story("conflict"));
    let (dev, _) = placed(&lab);
    lab.api("mia", "PUT", "merge_requests/413", json!({"title": "Backport"}));
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    dev.run(&["status"]).ends(0).says("!413");
    dev.run(&["list", "--missing"]).ends(3);
    dev.run(&["backport"]).ends(3);
    dev.run(&["verify"]).ends(3);
}
