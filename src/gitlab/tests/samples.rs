//! Whole answers as GitLab 18.9 sends them, and what is left of them when fields are hidden.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::gitlab::*;

fn user() -> Value {
    json!({"id": 3, "username": "ana", "name": "Ana", "state": "active", "locked": false,
        "avatar_url": null, "web_url": "https://x.example/ana"})
}

fn pipeline() -> Value {
    json!({"id": 88123, "iid": 5, "project_id": 7, "sha": "9f3c1a7e", "ref": "main", "status": "manual",
        "source": "push", "created_at": "2026-03-01T03:00:00.123Z", "updated_at": "2026-03-01T03:04:02.000+01:00",
        "web_url": "https://x.example/p/88123", "before_sha": "00", "tag": false, "yaml_errors": null,
        "user": user(), "started_at": "2026-03-01T03:00:01.000Z", "finished_at": null, "committed_at": null,
        "duration": 12.5, "queued_duration": 3, "coverage": "88.50",
        "detailed_status": {"icon": "status_manual", "text": "Blocked", "group": "manual"}})
}

fn job() -> Value {
    json!({"id": 991, "status": "manual", "stage": "deploy", "name": "deploy-prod-hotfix", "ref": "main",
        "tag": false, "coverage": null, "allow_failure": false, "created_at": "2026-03-01T03:00:00.000Z",
        "started_at": null, "finished_at": null, "erased_at": null, "duration": null, "queued_duration": 1.5,
        "user": user(), "commit": {"id": "9f3c1a7e"}, "pipeline": pipeline(), "failure_reason": "script_failure",
        "web_url": "https://x.example/j/991", "artifacts": [], "runner": null, "tag_list": [], "archived": false,
        "project": {"ci_job_token_scope_enabled": false}})
}

fn merge_request() -> Value {
    let mut sample = json!({"id": 900, "iid": 412, "project_id": 7, "title": "Fix login 500", "description": "Text",
        "state": "merged", "created_at": "2026-03-01T02:00:00.000Z", "updated_at": "2026-03-01T03:00:00.000Z",
        "merged_by": user(), "merge_user": user(), "merged_at": "2026-03-01T03:00:00.000Z", "closed_by": user(),
        "closed_at": "2026-03-01T03:00:00.000Z", "target_branch": "main", "source_branch": "hotfix/login-500",
        "user_notes_count": 1, "author": user(), "assignees": [user()], "assignee": user(), "reviewers": [user()],
        "source_project_id": 7, "target_project_id": 7, "labels": ["hotfix"], "draft": true, "imported": false,
        "work_in_progress": false, "milestone": null});
    let more = json!({"merge_when_pipeline_succeeds": true,
        "merge_status": "can_be_merged", "detailed_merge_status": "not_open", "merge_after": null,
        "sha": "abc", "merge_commit_sha": "9f3c1a7e", "squash_commit_sha": "def", "squash_on_merge": true,
        "prepared_at": "2026-03-01T02:00:01.000Z", "merge_error": "x", "has_conflicts": false,
        "blocking_discussions_resolved": true, "references": {"short": "!412", "relative": "!412", "full": "shop/web!412"},
        "web_url": "https://x.example/shop/web/-/merge_requests/412", "head_pipeline": pipeline(), "pipeline": null,
        "diff_refs": {"base_sha": "a", "head_sha": "b", "start_sha": "c"}, "user": {"can_merge": true}});
    if let (Value::Object(fields), Value::Object(more)) = (&mut sample, more) {
        fields.extend(more);
    }
    sample
}

fn deployment() -> Value {
    let approval = json!({"user": user(), "status": "approved", "created_at": "2026-03-01T03:19:00.000Z", "comment": "go"});
    let rule = |name: &str, said: Value| {
        json!({"id": 1, "user_id": 4, "group_id": 10, "access_level": 40, "access_level_description": name,
            "required_approvals": 1, "group_inheritance_type": 0, "deployment_approvals": said})
    };
    json!({"id": 42, "iid": 2, "ref": "main", "sha": "9f3c1a7e", "created_at": "2026-03-01T03:04:00.000Z",
        "updated_at": "2026-03-01T03:04:00.000Z", "status": "blocked", "user": user(),
        "environment": {"id": 9, "name": "production", "slug": "production", "external_url": "https://p.example",
            "state": "available", "tier": "production"},
        "deployable": job(), "pending_approval_count": 1, "approvals": [approval],
        "approval_summary": {"rules": [rule("tech-leads", json!([approval])), rule("product", json!([]))]}})
}

/// Reads the sample; then again with each field left out and null, deep down. Only the named fields may
/// be what makes it unreadable.
fn tolerant<T: DeserializeOwned>(sample: &Value, needed: &[&str]) -> T {
    let whole = serde_json::from_value(sample.clone()).unwrap();
    let mut paths = Vec::new();
    collect(sample, "", &mut paths);
    for path in paths {
        let (parent, field) = path.rsplit_once('/').unwrap();
        for null in [true, false] {
            let mut changed = sample.clone();
            let object = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            if null {
                object.insert(field.to_owned(), Value::Null);
            } else {
                object.remove(field);
            }
            let outcome: std::result::Result<T, _> = serde_json::from_value(changed);
            assert_eq!(outcome.is_err(), needed.contains(&path.as_str()), "{path} null: {null}");
        }
    }
    whole
}

fn collect(value: &Value, path: &str, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}/{name}");
                collect(value, &path, paths);
                paths.push(path);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, &format!("{path}/{at}"), paths);
            }
        }
        _ => {}
    }
}

#[test]
fn merge_requests_need_little() {
    let users = ["merge_user", "closed_by", "author", "assignees/0", "reviewers/0", "head_pipeline/user"];
    let mut needed: Vec<String> =
        users.iter().flat_map(|at| [format!("/{at}/id"), format!("/{at}/username")]).collect();
    for field in ["iid", "state", "title", "source_branch", "target_branch"] {
        needed.push(format!("/{field}"));
    }
    for field in ["id", "sha", "status"] {
        needed.push(format!("/head_pipeline/{field}"));
    }
    let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
    let found: MergeRequest = tolerant(&merge_request(), &needed);
    assert_eq!((found.iid, &found.state), (412, &MergeRequestState::Merged));
    assert_eq!(found.head_pipeline.unwrap().coverage.as_deref(), Some("88.50"));
    assert!(found.merge_when_pipeline_succeeds && found.draft);
}

#[test]
fn jobs_and_pipelines_need_little() {
    let needed = ["/id", "/sha", "/status", "/user/id", "/user/username"];
    let found: Pipeline = tolerant(&pipeline(), &needed);
    assert_eq!(found.status, CiStatus::Manual);
    assert_eq!(found.created_at.unwrap().to_string(), "2026-03-01T03:00:00.123Z");
    let found: Job =
        tolerant(&job(), &["/id", "/name", "/status", "/user/id", "/user/username", "/pipeline/id"]);
    assert!(!found.allow_failure && found.failure_reason.is_some());
}

#[test]
fn deployments_need_little() {
    let mut needed = vec!["/id", "/sha", "/status", "/user/id", "/user/username"];
    needed.extend(["/environment/id", "/environment/name"]);
    needed.extend(["/deployable/id", "/deployable/name", "/deployable/status", "/deployable/pipeline/id"]);
    let said = "/approval_summary/rules/0/deployment_approvals/0";
    let said: Vec<String> = ["/approvals/0", said]
        .iter()
        .flat_map(|at| ["user", "user/id", "user/username", "status"].map(|field| format!("{at}/{field}")))
        .collect();
    needed.extend(said.iter().map(String::as_str));
    // How many a rule asks for must be told: without it nothing may count as approved.
    needed.extend([
        "/approval_summary/rules/0/required_approvals",
        "/approval_summary/rules/1/required_approvals",
    ]);
    let found: Deployment = tolerant(&deployment(), &needed);
    let rules = found.approval_summary.unwrap().rules;
    assert_eq!(rules[0].deployment_approvals[0].status, Verdict::Approved);
    assert_eq!(rules[1].access_level_description.as_deref(), Some("product"));
}

#[test]
fn projects_and_branches_need_little() {
    let sample = json!({"id": 7, "path_with_namespace": "shop/web", "default_branch": "main",
        "merge_method": "rebase_merge", "squash_option": "default_off", "web_url": "https://x.example/shop/web",
        "only_allow_merge_if_pipeline_succeeds": true, "archived": false,
        "permissions": {"project_access": {"access_level": 30, "notification_level": 3},
            "group_access": {"access_level": 40, "notification_level": 3}}});
    let needed = ["/id", "/path_with_namespace"];
    let levels = ["/permissions/project_access/access_level", "/permissions/group_access/access_level"];
    let found: Project = tolerant(&sample, &[needed, levels].concat());
    assert_eq!(found.access_level(), Some(40));
    assert_eq!(found.merge_method, Some(MergeMethod::RebaseMerge));
    let sample = json!({"name": "develop", "merged": false, "protected": true, "can_push": false,
        "commit": {"id": "ab", "title": "t", "message": "t\n", "parent_ids": ["cd"], "author_name": "Ana",
            "author_email": "a@x", "committed_date": "2026-03-01T03:00:00.000+00:00", "web_url": "https://x"}});
    let found: Branch = tolerant(&sample, &["/name", "/commit", "/commit/id"]);
    assert_eq!(found.commit.parent_ids, ["cd"]);
}

#[test]
fn access_comes_from_either_membership_or_is_not_told() {
    let level = |permissions: Value| {
        let sample = json!({"id": 7, "path_with_namespace": "a/b", "permissions": permissions});
        serde_json::from_value::<Project>(sample).unwrap().access_level()
    };
    assert_eq!(level(json!(null)), None);
    assert_eq!(level(json!({"project_access": null, "group_access": null})), None);
    assert_eq!(level(json!({"project_access": {"access_level": 50}, "group_access": null})), Some(50));
}
