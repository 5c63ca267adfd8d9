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
    let list = dev.run(&["verify"]).ends(3).says("git hotfix backport --continue '!413'");
    assert!(!list.out.contains("review and merge it"), "as it is it brings nothing: {}", list.out);
    let tree = work_tree(&lab, &branch);
    dev.run(&["backport", "--continue"]).ends(3).says(SESSION).says("[lab]/dev/web-backport-develop-");
    dev.run(&["backport", "--continue"]).ends(3).says(SESSION);
    dev.git_in(&tree, &["add", SESSION]);
    dev.run(&["backport", "--continue"]).ends(3).says("conflict markers are left");
    // In the work tree itself it needs no name, though no branch is checked out there.
    let there = ["-C", tree.to_str().unwrap()];
    dev.run(&[&there[..], &["backport", "--continue"]].concat()).ends(3).says("conflict markers are left");
    let status = dev.run(&[&there[..], &["status"]].concat()).ends(0);
    status.says("develop lacks this fix").says("git hotfix backport --continue '!413'");
    assert_eq!(lab.tip(&branch), placeholder, "nothing is pushed before it is resolved");

    std::fs::write(tree.join(SESSION), RESOLVED).unwrap();
    dev.git_in(&tree, &["add", SESSION]);
    dev.run(&["backport", "--continue", "!413"]).ends(0).says("!413 is resolved");
    dev.run(&["backport", "--continue", "!413"]).ends(0).says("!413 has no conflict to finish");
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
fn a_work_tree_that_was_removed_by_half_is_removed() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    let tree = work_tree(&lab, &branch);
    let half = || {
        dev.run(&["backport", "--continue"]).ends(3);
        std::fs::remove_file(tree.join(".git")).unwrap();
        assert!(tree.join(SESSION).exists());
    };
    half();
    dev.run(&["backport", "--abort"]).ends(0);
    assert!(!tree.exists());
    // One that is to be resolved in is made anew.
    half();
    dev.run(&["backport", "--continue"]).ends(3);
    resolve(&dev, &tree);
    dev.run(&["backport", "--continue"]).ends(0);
    // The last of what that did.
    dev.git(&["worktree", "add", "--quiet", "--detach", tree.to_str().unwrap(), &lab.tip(&branch)]);
    std::fs::remove_file(tree.join(".git")).unwrap();
    dev.run(&["backport", "--continue"]).ends(0);
    assert!(!tree.exists() && !dev.git(&["worktree", "list"]).contains("backport"));
    mended(&lab);
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
    // Without a clone, whose objects tell it, GitLab is asked.
    dev.run(&["-R", "shop/web", "list", "--missing"]).ends(3).says("merged with its conflicts unresolved");
}

/// Resolves the conflict in a work tree, as people do.
fn resolve(desk: &Desk<'_>, tree: &std::path::Path) {
    std::fs::write(tree.join(SESSION), RESOLVED).unwrap();
    desk.git_in(tree, &["add", SESSION]);
}

#[test]
fn an_older_scripts_placeholder_without_our_trailer_is_finished_all_the_same() {
    let lab = Lab::new(story("conflict"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    let mia = lab.desk("mia");
    let branch = format!("backport/develop-{}", &lab.tip("main")[..8]);
    mia.git(&["switch", "--quiet", "-c", &branch, "origin/develop"]);
    mia.git(&["commit", "--quiet", "--allow-empty", "-m", "chore: backport has conflicts"]);
    mia.git(&["push", "--quiet", "origin", &branch]);
    let request = json!({
        "source_branch": branch, "target_branch": "develop", "title": "Draft: backport",
        "labels": "backport,conflicts", "description": "Please resolve.",
    });
    lab.api("mia", "POST", "merge_requests", request);
    dev.run(&["backport"]).ends(3).says("git hotfix backport --continue '!413'");
    dev.run(&["backport", "--continue", "!413"]).ends(3).says(SESSION);
    resolve(&dev, &work_tree(&lab, &branch));
    dev.run(&["backport", "--continue"]).ends(0).says("!413 is resolved");
    mended(&lab);
    assert_eq!(lab.backport()["description"], "Please resolve.");
}

#[test]
fn what_changes_nothing_is_no_resolution() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    let placeholder = lab.tip(&branch);
    let tree = work_tree(&lab, &branch);
    dev.run(&["backport", "--continue"]).ends(3);
    dev.git_in(&tree, &["checkout", "--quiet", "--ours", "--", SESSION]);
    dev.git_in(&tree, &["add", SESSION]);
    let said = dev.run(&["backport", "--continue"]).ends(3).err;
    let (first, rest) = said.split_once('\n').unwrap();
    assert_eq!(first, "error: resolved like this, develop stays as it is: it would still lack the fix");
    assert!(rest.contains("hint: start the resolution over: git hotfix backport --abort"), "{rest}");
    dev.git_in(&tree, &["commit", "--quiet", "--allow-empty", "-m", "Keep ours"]);
    dev.run(&["backport", "--continue"]).ends(3).says("would still lack the fix");
    assert_eq!(lab.tip(&branch), placeholder);
}

#[test]
fn leaving_off_leaves_no_trace() {
    let lab = Lab::new(story("conflict"));
    let (dev, _) = placed(&lab);
    let everything = || {
        let mut files: Vec<std::path::PathBuf> = Vec::new();
        let mut pending = vec![lab.dir().join("dev")];
        while let Some(dir) = pending.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                // Objects that nothing names are git's to collect.
                match path.is_dir() {
                    true if path.ends_with(".git/objects") => {}
                    true => pending.push(path),
                    false => files.push(path),
                }
            }
        }
        files.sort();
        files
    };
    let before = everything();
    dev.run(&["backport", "--continue"]).ends(3);
    assert_ne!(everything(), before);
    dev.run(&["backport", "--abort"]).ends(0);
    assert_eq!(everything(), before);
    dev.run(&["backport", "--abort"]).ends(0).says("no backport is being resolved here");
}

#[test]
fn a_closed_backport_is_not_resolved_behind_its_closers_back() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    lab.api("mia", "PUT", "merge_requests/413", json!({"state_event": "close"}));
    let refused = dev.run(&["backport", "--continue", "!413"]).ends(5);
    assert!(
        refused.err.starts_with("error: !413 to develop was closed by a person\nhint: reopen it at "),
        "{}",
        refused.err
    );
    assert!(!work_tree(&lab, &branch).exists());
    lab.api("mia", "PUT", "merge_requests/413", json!({"state_event": "reopen"}));
    dev.run(&["backport", "--continue", "!413"]).ends(3);
}

#[test]
fn after_a_merged_placeholder_the_fix_is_brought_by_another_one() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    lab.api("mia", "PUT", "merge_requests/413", json!({"title": "Backport"}));
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    dev.run(&["backport", "--continue", "!413"]).ends(3);
    resolve(&dev, &work_tree(&lab, &branch));
    dev.run(&["backport", "--continue", "!413"]).ends(0).says("opened !414");
    let open = lab.get("merge_requests/414");
    assert_eq!((&open["state"], &open["labels"]), (&json!("opened"), &json!(["backport", "auto-backport"])));
    dev.run(&["backport"]).ends(0);
    assert!(lab.server.with_world(|world| world.merge_as("mia", 414)).is_success());
    dev.run(&["backport", "--continue", "!414"]).ends(0);
    dev.run(&["list", "--missing"]).ends(0);
}

#[test]
fn pushed_by_hand_but_not_labelled_is_mended_whatever_the_message_says() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    let tree = work_tree(&lab, &branch);
    dev.run(&["backport", "--continue"]).ends(3);
    // The folder may go meanwhile, and the target may move.
    std::fs::remove_dir_all(&tree).unwrap();
    dev.run(&["backport", "--continue"]).ends(3);
    let files = [("later.txt".to_owned(), Some("later\n".to_owned()))];
    lab.server.with_world(|world| world.push_as("mia", "develop", "Go on", &files)).unwrap();
    resolve(&dev, &tree);
    dev.git_in(&tree, &["commit", "--quiet", "-m", "Resolve it"]);
    dev.git_in(&tree, &["push", "--quiet", "--force", "origin", &format!("HEAD:{branch}")]);
    let tip = lab.tip(&branch);
    dev.run(&["backport", "--continue", "!413"]).ends(0);
    assert_eq!(lab.tip(&branch), tip);
    mended(&lab);
    assert!(!tree.exists());
    dev.run(&["backport"]).ends(0).says("develop  by hand");
}

#[test]
fn a_resolution_that_somebody_was_faster_with_is_kept() {
    let lab = Lab::new(story("conflict"));
    let (dev, branch) = placed(&lab);
    let tree = work_tree(&lab, &branch);
    dev.run(&["backport", "--continue"]).ends(3);
    resolve(&dev, &tree);
    let theirs = [(SESSION.to_owned(), Some("# theirs\n".to_owned()))];
    let tip = lab.server.with_world(|world| world.push_as("mia", &branch, "Resolve it", &theirs)).unwrap();
    dev.run(&["backport", "--continue", "!413"]).ends(0).says("holds something else, and is kept");
    assert_eq!(lab.tip(&branch), tip);
    mended(&lab);
    assert_eq!(std::fs::read_to_string(tree.join(SESSION)).unwrap(), RESOLVED);
}
