//! Every way a merge request can land: the commit that landed is found, and its backport is what
//! `git cherry-pick` would have made of it.

use git_hotfix::sim::{MergeMethod, Squash};

use crate::lab::{Lab, landing};

fn lands(method: MergeMethod, squash: Squash, parents: usize, commits: usize) {
    let lab = Lab::new(landing(method, squash));
    lab.server.with_world(|world| world.expect(lab.scenario.events.clone()));
    let dev = lab.fixed();
    std::fs::write(dev.dir.join("apps/portal/app/second.rb"), "# the second commit\n").unwrap();
    dev.git(&["add", "--all"]);
    dev.git(&["commit", "--quiet", "-m", "Add the second half"]);
    dev.run(&["ship", "--yes"]).ends(0);
    super::converged(&lab, "dev");

    dev.git(&["fetch", "--quiet", "--no-write-fetch-head", "origin"]);
    let main = lab.tip("main");
    assert_eq!(dev.git(&["log", "-1", "--format=%P", &main]).split(' ').count(), parents);
    let branch = lab.backport()["source_branch"].as_str().unwrap().to_owned();
    assert_eq!(branch, format!("backport/develop-{}", &main[..8]));
    let range = format!("origin/develop..origin/{branch}");
    assert_eq!(dev.git(&["rev-list", "--count", &range]), commits.to_string());

    // What git makes of it in a work tree, as a person would.
    let picked = match (parents, commits) {
        (2, _) => vec!["-m".to_owned(), "1".to_owned(), main.clone()],
        (_, 1) => vec![main.clone()],
        _ => vec![format!("{main}~2..{main}")],
    };
    let tree = lab.dir().join("by-hand");
    dev.git(&["worktree", "add", "--quiet", "--detach", tree.to_str().unwrap(), "origin/develop"]);
    let mut args = vec!["cherry-pick", "-x"];
    args.extend(picked.iter().map(String::as_str));
    dev.git_in(&tree, &args);
    let told = |tip: &str| {
        dev.git_in(&tree, &["log", "--format=%T %an %ae %aI %B", &format!("origin/develop..{tip}")])
    };
    assert_eq!(told(&format!("origin/{branch}")), told("HEAD"));
}

#[test]
fn merge_commits() {
    lands(MergeMethod::Merge, Squash::Never, 2, 1);
    lands(MergeMethod::Merge, Squash::Always, 2, 1);
}

#[test]
fn semi_linear() {
    lands(MergeMethod::RebaseMerge, Squash::Never, 2, 1);
    lands(MergeMethod::RebaseMerge, Squash::Always, 2, 1);
}

#[test]
fn fast_forward() {
    lands(MergeMethod::FastForward, Squash::Never, 1, 2);
    lands(MergeMethod::FastForward, Squash::Always, 1, 1);
}
