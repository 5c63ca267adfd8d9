//! The whole flow over the wire, and git over HTTP with GitLab's rights.

use git_hotfix::sim::{Seed, Setup, World};
use serde_json::{Value, json};

use crate::sim_lab::{Lab, git, said};

#[test]
fn a_hotfix_goes_from_clone_to_production() {
    let lab = Lab::at_once();
    let clone = lab.clone_as("dev");
    std::fs::write(clone.join("apps/portal/app/login.rb"), "# fixed\n").unwrap();
    for args in [
        &["switch", "--quiet", "-c", "hotfix/login-500"][..],
        &["commit", "--quiet", "-am", "Fix login 500"],
        &["push", "--quiet", "origin", "hotfix/login-500"],
    ] {
        let done = git(&clone, args);
        assert!(done.status.success(), "{args:?}: {}", said(&done));
    }
    let body =
        json!({"source_branch": "hotfix/login-500", "target_branch": "main", "title": "Fix login 500"});
    let opened = lab.post("dev", "merge_requests", body);
    assert_eq!((opened.status, &opened.body["detailed_merge_status"]), (201, &json!("preparing")));
    let iid = opened.body["iid"].as_u64().unwrap();
    let seen = lab.merge_request(iid);
    assert_eq!(seen["detailed_merge_status"], "mergeable", "{seen}");
    assert_eq!(seen["head_pipeline"]["status"], "success");
    let merged = lab.put("dev", &format!("merge_requests/{iid}/merge"), json!({"sha": seen["sha"]}));
    assert_eq!((merged.status, &merged.body["state"]), (200, &json!("merged")), "{}", merged.text);
    let landed = merged.body["merge_commit_sha"].as_str().unwrap().to_owned();

    let job = lab.job(&landed, "deploy-prod-hotfix");
    assert_eq!(job["status"], "manual");
    let deployment = lab.deployment(&job);
    assert_eq!(
        (&deployment["status"], &deployment["pending_approval_count"]),
        (&json!("blocked"), &json!(2))
    );
    assert_eq!(lab.approve("bo", &deployment).status, 201);
    assert_eq!(lab.approve("cleo", &deployment).status, 201);
    assert_eq!(lab.play("dev", &job).status, 200);
    assert_eq!(lab.deployment(&job)["status"], "success");
    assert_eq!(lab.project("environments/1")["last_deployment"]["sha"], landed.as_str());

    let done = git(&clone, &["fetch", "--quiet", "origin"]);
    assert!(done.status.success(), "{}", said(&done));
    assert!(git(&clone, &["merge-base", "--is-ancestor", &landed, "origin/main"]).status.success());
}

#[test]
fn git_asks_for_a_token_and_keeps_to_the_role() {
    let lab = Lab::at_once();
    let url = lab.server.project_url();
    let refused = |url: &str, words: &str| {
        let done = git(lab.dir(), &["ls-remote", url]);
        assert!(!done.status.success());
        assert!(said(&done).contains(words), "{}", said(&done));
    };
    refused(&url, "could not read Username");
    refused(&url.replacen("http://", "http://any:glpat-wrong@", 1), "Authentication failed");
    refused(&lab.remote("eve"), "not found");
    let reader = lab.server.with_world(|world| world.add_token("dev", &["read_api"], None)).unwrap();
    refused(&url.replacen("http://", &format!("http://any:{reader}@"), 1), "403");
    let bearer = format!("http.extraHeader=Authorization: Bearer {}", lab.server.token("cleo"));
    let done = git(lab.dir(), &["-c", &bearer, "ls-remote", &url, "refs/heads/main"]);
    assert!(done.status.success(), "{}", said(&done));

    let clone = lab.clone_as("cleo");
    let push = |remote: &str, refspec: &str| git(&clone, &["push", remote, refspec]);
    let reporter = push(&lab.remote("cleo"), "HEAD:refs/heads/hotfix/x");
    assert!(said(&reporter).contains("403"), "{}", said(&reporter));
    assert!(git(&clone, &["commit", "--quiet", "--allow-empty", "-m", "x"]).status.success());
    let protected = push(&lab.remote("dev"), "HEAD:refs/heads/main");
    assert!(said(&protected).contains("GitLab: You are not allowed to push code to protected branches"));
    assert!(push(&lab.remote("mia"), "HEAD:refs/heads/main").status.success());
    let forced = push(&lab.remote("mia"), "+HEAD~2:refs/heads/main");
    assert!(said(&forced).contains("not allowed to force push"), "{}", said(&forced));
    let deleted = push(&lab.remote("mia"), ":refs/heads/develop");
    assert!(said(&deleted).contains("pre-receive hook declined"), "{}", said(&deleted));
    assert!(push(&lab.remote("dev"), "HEAD:refs/heads/hotfix/x").status.success());
    assert_eq!(lab.get("dev", "projects/42/repository/branches/hotfix%2Fx").status, 200);
}

#[test]
fn shallow_and_partial_clones_work() {
    let lab = Lab::at_once();
    for filter in ["--depth=1", "--filter=blob:none"] {
        let to = lab.dir().join(filter.trim_start_matches('-'));
        let done = git(lab.dir(), &["clone", "--quiet", filter, &lab.remote("dev"), to.to_str().unwrap()]);
        assert!(done.status.success(), "{filter}: {}", said(&done));
    }
}

#[test]
fn a_push_straight_to_main_marks_the_merge_request_merged() {
    let lab = Lab::at_once();
    let iid = lab.open("hotfix/pushed");
    let clone = lab.clone_as("mia");
    for args in [
        &["merge", "--quiet", "--no-ff", "-m", "by hand", "origin/hotfix/pushed"][..],
        &["push", "--quiet", "origin", "HEAD:main"],
    ] {
        let done = git(&clone, args);
        assert!(done.status.success(), "{}", said(&done));
    }
    let seen = lab.merge_request(iid);
    let tip = lab.project("repository/branches/main")["commit"]["id"].clone();
    assert_eq!((&seen["state"], &seen["merge_commit_sha"]), (&json!("merged"), &tip));
    assert_eq!(seen["merge_user"]["username"], "mia");
}

#[test]
fn lags_show_each_state_on_the_way() {
    let lab = Lab::new(Default::default());
    let iid = lab.open("hotfix/slow");
    let mut seen = Vec::new();
    for _ in 0..20 {
        let found = lab.merge_request(iid);
        let pipeline = found["head_pipeline"]["status"].as_str().unwrap_or("none").to_owned();
        let state = format!("{} {pipeline}", found["detailed_merge_status"].as_str().unwrap());
        if seen.last() != Some(&state) {
            seen.push(state);
        }
    }
    insta::assert_snapshot!(seen.join("\n"), @r"
    preparing none
    checking created
    ci_still_running pending
    ci_still_running running
    mergeable success
    ");
    assert_eq!(lab.merge_request(iid)["diff_refs"]["head_sha"], lab.merge_request(iid)["sha"]);
}

#[test]
fn many_connections_at_once_see_one_world() {
    let lab = Lab::at_once();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let lab = &lab;
            scope.spawn(move || {
                let body = json!({"branch": format!("b/{n}"), "ref": "main"});
                assert_eq!(lab.post("dev", "repository/branches", body).status, 201);
            });
        }
    });
    let names = lab.project("repository/branches?search=^b/");
    assert_eq!(names.as_array().map(Vec::len), Some(8));
    let numbers: Vec<u64> = lab.server.requests().iter().map(|exchange| exchange.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(lab.server.requests().iter().all(|exchange| exchange.user == "dev" && exchange.status != 0));
}

#[test]
fn unknown_routes_say_so() {
    let lab = Lab::at_once();
    let answer = lab.get("dev", "projects/42/no/such/thing");
    assert_eq!(answer.status, 501);
    assert!(answer.text.contains("GET /api/v4/projects/42/no/such/thing"), "{}", answer.text);
    assert_eq!(answer.body["error"], Value::from("501 Not Implemented"));
}

#[test]
fn a_relative_root_a_subgroup_and_a_moved_project() {
    let lab = Lab::new(Setup {
        root: "/gitlab".to_owned(),
        project: "acme/shop/web".to_owned(),
        former_project: Some("acme/old".to_owned()),
        ..Setup::default()
    });
    assert!(lab.server.url().ends_with("/gitlab"));
    let project = lab.get("dev", "projects/acme%2Fshop%2Fweb").body;
    assert_eq!(project["web_url"], format!("{}/acme/shop/web", lab.server.url()));
    assert_eq!(project["http_url_to_repo"], lab.server.project_url());
    let link =
        lab.get("dev", "projects/42/members/all?per_page=1").headers["link"].to_str().unwrap().to_owned();
    assert!(link.contains(&format!("<{}/api/v4/projects/42/members/all?page=2", lab.server.url())), "{link}");
    let moved = lab.get("dev", "projects/acme%2Fold/pipelines");
    assert_eq!(moved.status, 301);
    assert_eq!(moved.headers["location"], format!("{}/api/v4/projects/42/pipelines", lab.server.url()));
    assert_eq!(lab.get("dev", "projects/acme/shop/web").status, 404, "a path must come in one segment");
    lab.clone_as("dev");
}

#[test]
fn a_world_can_begin_with_a_copy_of_a_repository() {
    let first = Lab::at_once();
    let own = first.clone_as("dev");
    let seed = Seed::CopyOf(own.clone());
    let lab = Lab::new(Setup { seed, integration: "nowhere".to_owned(), ..Setup::default() });
    let head = said(&git(&own, &["rev-parse", "HEAD"]));
    assert_eq!(lab.project("environments/1")["last_deployment"]["sha"], head.trim());
    assert_eq!(lab.project("protected_branches").as_array().map(Vec::len), Some(1));
    let setup = Setup { seed: Seed::CopyOf(own), production: "live".to_owned(), ..Setup::default() };
    let refused = World::new(&lab.dir().join("other"), setup).unwrap_err();
    assert!(refused.to_string().contains("live"), "{refused}");
}
