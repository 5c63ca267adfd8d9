//! Which hotfix is meant: from any clone, by any name, also after the branch is gone, and without a clone.

use serde_json::json;

use crate::lab::{Lab, story};

#[test]
fn by_every_name_from_another_clone_after_the_branch_is_gone() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    let bo = lab.desk("bo");
    let iid = |args: &[&str]| {
        let run = bo.run(args).ends(0);
        run.json()["hotfix"]["merge_request"]["iid"].clone()
    };
    assert_eq!(iid(&["status", "--json", "hotfix/login-500"]), 412);
    dev.run(&["merge", "--yes"]).ends(0);
    assert!(lab.branches("hotfix/").is_empty(), "GitLab removed it with the merge");
    let landed = lab.tip("main");
    let url = format!("{}/shop/web/-/merge_requests/412", lab.server.url());
    for name in ["hotfix/login-500", "!412", &url, &landed, &landed[..10]] {
        assert_eq!(iid(&["status", "--json", name]), 412, "{name}");
    }
    assert_eq!(lab.get("merge_requests/412")["state"], "merged");
    dev.run(&["status"]).ends(0).says("!412");
    bo.run(&["status"]).ends(2).says("git hotfix start");
    bo.run(&["status", "!999"]).ends(4);
    bo.run(&["status", "!x"]).ends(2);
    bo.run(&["status", "http://elsewhere.example/shop/web/-/merge_requests/412"]).ends(2);
}

#[test]
fn an_old_name_used_again_is_another_hotfix() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    dev.run(&["ship", "--yes"]).ends(0);
    let bo = lab.desk("bo");
    bo.git(&["switch", "--quiet", "-c", "hotfix/login-500", "origin/main"]);
    std::fs::write(bo.dir.join("second.txt"), "another fix\n").unwrap();
    bo.git(&["add", "--all"]);
    bo.git(&["commit", "--quiet", "-m", "Fix something else"]);
    bo.run(&["open"]).ends(0).says("!414 Fix something else");
    assert_eq!(lab.merge_requests_to("main").len(), 2);
    assert_eq!(bo.run(&["status", "--json"]).ends(0).json()["hotfix"]["merge_request"]["iid"], 414);
}

#[test]
fn without_a_clone() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    let nowhere = lab.dir().join("nowhere");
    std::fs::create_dir(&nowhere).unwrap();
    let (bo, cleo) = (lab.seat("bo", &nowhere), lab.seat("cleo", &nowhere));
    let far = |who: &crate::lab::Desk<'_>, args: &[&str]| {
        let mut all = vec!["-R", "shop/web"];
        all.extend(args);
        who.run_moving(&all)
    };
    far(&bo, &["wait", "build", "!412"]).ends(0);
    let status = far(&bo, &["status", "--json", "!412"]).ends(0).json();
    assert_eq!(status["hotfix"]["landed"]["commit"], lab.tip("main"));
    let argv = &status["next"]["argv"];
    assert_eq!(*argv, json!(["git", "hotfix", "deploy", "-R", "shop/web", "!412"]), "{status}");
    assert_eq!(status["next"]["command"], "git hotfix deploy -R shop/web '!412'");
    assert_eq!(status["ships"].as_array().unwrap().len(), 1, "{status}");
    far(&bo, &["status", "!412"]).ends(0).says("cleo or dan");
    far(&bo, &["approve", "--yes", "!412"]).ends(0).says("still open: pm");
    far(&cleo, &["approve", "--yes", "!412"]).ends(0).says("NOT running");
    far(&bo, &["status"]).ends(2).says("say which hotfix");
    far(&bo, &["list"]).ends(0).says("!412");
    // Whether the branch of the backport is there already takes a clone.
    far(&bo, &["list", "--missing"]).ends(6).says("could not be told");
    far(&bo, &["backport", "!412"]).ends(2).says("-R does not go with it");
    far(&bo, &["start", "x"]).ends(2).says("-R does not go with it");
    dev.run(&["ship", "--yes"]).ends(0);
    far(&bo, &["verify", "!412"]).ends(8);
    // What the backport is of.
    far(&bo, &["verify", "!413"]).ends(8);
    let branch = lab.backport()["source_branch"].as_str().unwrap().to_owned();
    for name in ["!413", &branch] {
        for status in [far(&bo, &["status", "--json", name]), dev.run(&["status", "--json", name])] {
            assert_eq!(status.ends(0).json()["hotfix"]["merge_request"]["iid"], 412);
        }
    }
    dev.git(&["switch", "--quiet", &branch]);
    dev.run(&["status"]).ends(0).says("!412");
    dev.run(&["ship", "--yes"]).ends(0);
    assert_eq!(lab.merge_requests_to("main").len(), 1, "a backport is no hotfix of its own");
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    far(&bo, &["verify", "!412", "--confirm", "works"]).ends(0);
    assert_eq!(far(&bo, &["status", "--json", "!412"]).ends(0).json()["next"]["who"], json!([]));
}
