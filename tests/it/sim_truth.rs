//! The truth table: what GitLab answers to what, as HTTP exchanges, each with where it is known from.
//!
//! "notes" are the project's reading of GitLab 18.9 (docs and source); a row that holds here and not
//! on a real GitLab is a defect of the embedded one. Rows marked (unproven) follow from reading only.
//! Tests that begin with `Lab::anywhere` speak HTTP alone and run against a real GitLab too.

use git_hotfix::sim::{Lag, MergeMethod, Setup, Squash};
use serde_json::{Value, json};

use crate::sim_lab::{Answer, Lab};

/// One exchange: its source, who, method and path below the project, body, status, and a part of the
/// answer's text.
pub(crate) type Row<'a> = (&'a str, &'a str, &'a str, &'a str, Value, u16, &'a str);

pub(crate) fn check(lab: &Lab, rows: &[Row<'_>]) {
    for (source, user, method, path, body, status, words) in rows {
        let path = match path.strip_prefix('/') {
            Some(whole) => whole.to_owned(),
            None => format!("projects/42/{path}"),
        };
        let answer = lab.call(user, method, &path, body.clone());
        assert_eq!(answer.status, *status, "{source}: {method} {path} as {user}: {}", answer.text);
        assert!(answer.text.contains(words), "{source}: {method} {path} as {user}: {}", answer.text);
    }
}

pub(crate) fn none() -> Value {
    Value::Null
}

#[test]
fn errors_have_the_shapes_of_gitlab() {
    let lab = Lab::anywhere();
    let iid = lab.open("hotfix/a");
    let again = json!({"source_branch": "hotfix/a", "target_branch": "main", "title": "again"});
    let same = json!({"source_branch": "main", "target_branch": "main", "title": "x"});
    let absent = json!({"source_branch": "nope", "target_branch": "main", "title": "x"});
    let long = json!({"source_branch": "hotfix/a", "target_branch": "develop", "title": "x".repeat(256)});
    let duplicate = format!(
        r#"{{"message":["Another open merge request already exists for this source branch: !{iid}"]}}"#
    );
    check(
        &lab,
        &[
            (
                "§0 no token hides a private project",
                "",
                "GET",
                "/projects/shop%2Fweb",
                none(),
                404,
                r#"{"message":"404 Project Not Found"}"#,
            ),
            (
                "§1 404 also for those who may not see it",
                "eve",
                "GET",
                "/projects/42",
                none(),
                404,
                "404 Project Not Found",
            ),
            (
                "§2 version needs any auth",
                "",
                "GET",
                "/version",
                none(),
                401,
                r#"{"message":"401 Unauthorized"}"#,
            ),
            ("§2 version", "eve", "GET", "/version", none(), 200, "18.9.0-ee"),
            ("§0 by path", "dev", "GET", "/projects/shop%2Fweb", none(), 200, r#""id":42"#),
            (
                "§1 Grape's missing parameters",
                "dev",
                "POST",
                "merge_requests",
                json!({"target_branch": "main"}),
                400,
                r#"{"error":"source_branch is missing, title is missing"}"#,
            ),
            ("§1, §3 duplicate is an array", "dev", "POST", "merge_requests", again, 409, &duplicate),
            ("§3 same branch", "dev", "POST", "merge_requests", same, 422, r#"{"message":["#),
            (
                "§3 missing branch",
                "dev",
                "POST",
                "merge_requests",
                absent,
                400,
                r#"{"message":{"source_branch":["#,
            ),
            (
                "§1 validation is an object",
                "dev",
                "POST",
                "merge_requests",
                long,
                400,
                r#"{"message":{"title":["is too long"#,
            ),
            (
                "§1 reporters do not open",
                "cleo",
                "POST",
                "merge_requests",
                json!({"title": "x"}),
                403,
                "403 Forbidden",
            ),
            (
                "§1 unknown merge request",
                "dev",
                "GET",
                "merge_requests/1",
                none(),
                404,
                r#"{"message":"404 Not found"}"#,
            ),
            (
                "§2 protected branch",
                "dev",
                "GET",
                "protected_branches/main",
                none(),
                200,
                "push_access_levels",
            ),
            ("§2 not protected", "dev", "GET", "protected_branches/hotfix%2Fa", none(), 404, "404 Not found"),
            (
                "§2 rules are the maintainers'",
                "dev",
                "GET",
                "protected_environments/production",
                none(),
                403,
                "403 Forbidden",
            ),
            (
                "§2 approval rules",
                "mia",
                "GET",
                "protected_environments/production",
                none(),
                200,
                r#""access_level_description":"tech-leads""#,
            ),
            (
                "§6 label exists",
                "dev",
                "POST",
                "labels",
                json!({"name": "backport", "color": "#123456"}),
                201,
                "backport",
            ),
            (
                "§6 label exists",
                "dev",
                "POST",
                "labels",
                json!({"name": "backport", "color": "#123456"}),
                409,
                "Label already exists",
            ),
            (
                "§6 branch exists",
                "dev",
                "POST",
                "repository/branches",
                json!({"branch": "main", "ref": "main"}),
                400,
                "Branch already exists",
            ),
            ("§4 unknown job", "dev", "GET", "jobs/1", none(), 404, "404 Not found"),
        ],
    );
}

#[test]
fn tokens_are_refused_each_in_their_own_words() {
    let lab = Lab::at_once();
    let [reader, old, revoked] = lab.server.with_world(|world| {
        let reader = world.add_token("dev", &["read_api"], None).unwrap();
        let old = world.add_token("dev", &["api"], Some("2020-01-01")).unwrap();
        let revoked = world.add_token("dev", &["api"], None).unwrap();
        world.tokens_mut().last_mut().unwrap().revoked = true;
        [reader, old, revoked]
    });
    let ask = |token: &str, method: &str, path: &str| {
        let answer = lab.with_token(token, method, path, json!({"title": "x"})).unwrap();
        (answer.status, answer.text)
    };
    let (status, text) = ask("glpat-unknown", "GET", "user");
    assert_eq!((status, text.as_str()), (401, r#"{"message":"401 Unauthorized"}"#));
    for (token, words) in [(&old, "Token is expired"), (&revoked, "Token was revoked")] {
        let (status, text) = ask(token, "GET", "user");
        assert!(status == 401 && text.contains("invalid_token") && text.contains(words), "{text}");
    }
    assert_eq!(ask(&reader, "GET", "projects/42").0, 200);
    let (status, text) = ask(&reader, "POST", "projects/42/merge_requests");
    assert!(status == 403 && text.contains(r#""error":"insufficient_scope""#), "{text}");
    let own = lab.with_token(&reader, "GET", "personal_access_tokens/self", none()).unwrap();
    assert_eq!((&own.body["scopes"], &own.body["active"]), (&json!(["read_api"]), &json!(true)));
}

#[test]
fn lists_come_in_pages() {
    let lab = Lab::at_once();
    for n in 0..5 {
        lab.post("dev", "labels", json!({"name": format!("l{n}"), "color": "#123456"}));
    }
    let page = lab.get("dev", "projects/42/labels?per_page=2&page=2");
    let header = |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(page.body[0]["name"], "l2");
    assert_eq!(
        ["x-page", "x-next-page", "x-prev-page", "x-total", "x-total-pages"]
            .map(|name| header(name).unwrap()),
        ["2", "3", "1", "5", "3"]
    );
    let link = header("link").unwrap();
    let next = format!("<{}/api/v4/projects/42/labels?page=3&per_page=2>; rel=\"next\"", lab.server.url());
    assert!(link.contains(&next), "{link}");
    let jobs = lab.get("dev", "projects/42/jobs");
    assert!(jobs.headers.get("x-total").is_none(), "§0: the project's jobs are not counted");
}

/// §3: 401, 405, 422, 409, in this order, and only one blocker is ever shown.
#[test]
fn merging_is_refused_in_order() {
    let lab =
        Lab::new(Setup { approvals_required: 1, merge_level: 40, lag: Lag::none(), ..Setup::default() });
    let iid = lab.open("hotfix/a");
    let path = format!("merge_requests/{iid}");
    let merge = format!("{path}/merge");
    let status = |wanted: &str| {
        let seen = lab.merge_request(iid);
        assert_eq!(seen["detailed_merge_status"], wanted, "{seen}");
    };
    let wrong = json!({"sha": "0".repeat(40)});
    check(&lab, &[("§3 401 before all", "dev", "PUT", &merge, wrong.clone(), 401, "401 Unauthorized")]);
    status("not_approved");
    check(&lab, &[("§3 405 state", "mia", "PUT", &merge, wrong.clone(), 405, "405 Method Not Allowed")]);
    check(
        &lab,
        &[
            ("§3 authors do not approve", "dev", "POST", &format!("{path}/approve"), json!({}), 401, "401"),
            ("§3 approve", "bo", "POST", &format!("{path}/approve"), json!({}), 201, r#""approved":true"#),
            ("§3 draft", "dev", "PUT", &path, json!({"title": "Draft: x"}), 200, r#""draft":true"#),
        ],
    );
    status("draft_status");
    check(&lab, &[("§3 405 draft", "mia", "PUT", &merge, wrong.clone(), 405, "405")]);
    lab.put("dev", &path, json!({"title": "x"}));
    let thread = lab.post("bo", &format!("{path}/discussions"), json!({"body": "why?"}));
    status("discussions_not_resolved");
    let thread = format!("{path}/discussions/{}", thread.body["id"].as_str().unwrap());
    check(&lab, &[("§3 405 threads", "mia", "PUT", &merge, wrong.clone(), 405, "405")]);
    check(
        &lab,
        &[("§3 resolved", "dev", "PUT", &thread, json!({"resolved": true}), 200, r#""resolved":true"#)],
    );
    status("mergeable");
    let main = lab.server.with_world(|world| {
        let files = [("apps/portal/app/login.rb".to_owned(), Some("# other\n".to_owned()))];
        world.push_as("mia", "main", "Other\n", &files).unwrap();
        world.branch("main").unwrap()
    });
    // Nobody has looked since main moved: unchecked, so git refuses.
    check(&lab, &[("§3 422 unchecked", "mia", "PUT", &merge, wrong.clone(), 422, "Branch cannot be merged")]);
    status("conflict");
    assert_eq!(lab.merge_request(iid)["has_conflicts"], true);
    check(&lab, &[("§3 422 conflict", "mia", "PUT", &merge, wrong.clone(), 422, "Branch cannot be merged")]);
    lab.put("dev", &path, json!({"title": "Draft: x"}));
    check(&lab, &[("§3 405 before 422", "mia", "PUT", &merge, wrong.clone(), 405, "405")]);

    let other = lab.branch("hotfix/b", "docs/b.md", "b\n");
    let body = json!({"source_branch": "hotfix/b", "target_branch": "main", "title": "b"});
    let iid = lab.post("dev", "merge_requests", body).body["iid"].clone();
    let (path, merge) = (format!("merge_requests/{iid}"), format!("merge_requests/{iid}/merge"));
    lab.post("bo", &format!("{path}/approve"), json!({}));
    lab.project(&path);
    let mismatch = format!("SHA does not match HEAD of source branch: {other}");
    check(&lab, &[("§3 409 last", "mia", "PUT", &merge, wrong, 409, &mismatch)]);
    check(&lab, &[("§3 merge", "mia", "PUT", &merge, json!({"sha": other}), 200, r#""state":"merged""#)]);
    check(&lab, &[("§3 405 already merged", "mia", "PUT", &merge, json!({"sha": other}), 405, "405")]);
    assert_ne!(lab.project("repository/branches/main")["commit"]["id"], main.as_str());
}

/// §3: which field tells the landed commit, per merge method and squash.
#[test]
fn the_sha_fields_follow_the_merge_method() {
    for (method, squash) in [
        (MergeMethod::Merge, Squash::Never),
        (MergeMethod::Merge, Squash::Always),
        (MergeMethod::RebaseMerge, Squash::Never),
        (MergeMethod::RebaseMerge, Squash::Always),
        (MergeMethod::FastForward, Squash::Never),
        (MergeMethod::FastForward, Squash::Always),
    ] {
        let lab = Lab::new(Setup { merge_method: method, squash, lag: Lag::none(), ..Setup::default() });
        let landed = lab.land("hotfix/a");
        let iid = lab.server.with_world(|world| world.merge_request_from("hotfix/a")).unwrap();
        let seen = lab.merge_request(iid);
        let commit = lab.project(&format!("repository/commits/{landed}"));
        let parents = commit["parent_ids"].as_array().unwrap().clone();
        let case = format!("{method:?} {squash:?}: {seen}");
        let squashed = squash == Squash::Always;
        assert_eq!(seen["squash_commit_sha"].is_string(), squashed, "{case}");
        match method {
            MergeMethod::FastForward => {
                assert!(seen["merge_commit_sha"].is_null(), "{case}");
                let field = if squashed { "squash_commit_sha" } else { "sha" };
                assert_eq!(seen[field], landed.as_str(), "{case}");
                assert_eq!(parents.len(), 1, "{case}");
            }
            MergeMethod::Merge | MergeMethod::RebaseMerge => {
                assert_eq!(seen["merge_commit_sha"], landed.as_str(), "{case}");
                let second = if squashed { &seen["squash_commit_sha"] } else { &seen["sha"] };
                assert_eq!(&parents[1], second, "{case}");
            }
        }
        let brought = lab.project(&format!("repository/commits/{landed}/merge_requests"));
        assert_eq!(brought[0]["iid"], iid, "{case}");
    }
}

#[test]
fn fast_forward_needs_a_rebase_first() {
    let lab =
        Lab::new(Setup { merge_method: MergeMethod::FastForward, lag: Lag::none(), ..Setup::default() });
    let iid = lab.open("hotfix/a");
    lab.server.with_world(|world| {
        world.push_as("mia", "main", "Docs\n", &[("docs/x.md".to_owned(), Some("x\n".to_owned()))]).unwrap()
    });
    assert_eq!(lab.merge_request(iid)["detailed_merge_status"], "need_rebase");
    assert_eq!(lab.put("dev", &format!("merge_requests/{iid}/merge"), json!({})).status, 422);
    assert_eq!(lab.put("dev", &format!("merge_requests/{iid}/rebase"), none()).status, 202);
    assert_eq!(lab.merge_request(iid)["detailed_merge_status"], "mergeable");
}

#[test]
fn auto_merge_waits_for_the_pipeline() {
    let lab = Lab::new(Setup::default());
    let iid = lab.open("hotfix/a");
    let looked = |wanted: &str| {
        for _ in 0..40 {
            let seen = lab.merge_request(iid);
            if seen["detailed_merge_status"] == wanted || seen["state"] == wanted {
                return seen;
            }
        }
        panic!("never {wanted}");
    };
    looked("ci_still_running");
    let merge = format!("merge_requests/{iid}/merge");
    assert_eq!(lab.put("dev", &merge, json!({})).status, 405, "§3: CI is a state check");
    let set: Answer = lab.put("dev", &merge, json!({"auto_merge": true}));
    assert_eq!((set.status, &set.body["state"]), (200, &json!("opened")), "{}", set.text);
    assert_eq!(set.body["merge_when_pipeline_succeeds"], true);
    assert_eq!(looked("merged")["merge_user"]["username"], "dev");
}

#[test]
fn only_who_may_update_starts_the_check_by_looking() {
    let lab = Lab::at_once();
    let iid = lab.open("hotfix/a");
    let path = format!("projects/42/merge_requests/{iid}");
    for (source, user, list, wanted) in [
        ("§3 a reporter's look", "cleo", false, "unchecked"),
        ("§3 a list", "dev", true, "unchecked"),
        ("§3 a developer's look", "dev", false, "mergeable"),
    ] {
        let seen = match list {
            true => lab.get(user, "projects/42/merge_requests").body[0].clone(),
            false => lab.get(user, &path).body,
        };
        assert_eq!(seen["detailed_merge_status"], wanted, "{source}");
    }
}
