//! The project, its members, and what CI lint says of it.

use serde_json::{Value, json};

use super::call::{Call, found, number, paged};
use super::present::time;
use super::respond::{Answer, Reply};
use super::world::{PROJECT_ID, User, World};

pub(super) fn one(world: &World, call: &Call) -> Reply {
    let user = world.at_least(call.user, 10)?;
    Ok(Answer::json(200, &world.project_json(user)))
}

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let user = call.user().ok().and_then(|id| world.user(id)).filter(|user| user.level.is_some());
    let seen: Vec<&User> = user.into_iter().collect();
    paged(call, &world.origin, &seen, true, |user| world.project_json(user))
}

pub(super) fn members(world: &World, call: &Call) -> Reply {
    let query = call.text("query").unwrap_or_default().to_lowercase();
    let members: Vec<&User> = world
        .users
        .iter()
        .filter(|user| user.level.is_some())
        .filter(|user| user.username.contains(&query) || user.name.to_lowercase().contains(&query))
        .collect();
    paged(call, &world.origin, &members, true, |user| world.member_json(user))
}

pub(super) fn member(world: &World, _call: &Call, id: &str) -> Reply {
    let id = number(id, "user_id")?;
    let member = world.user(id).filter(|user| user.level.is_some());
    Ok(Answer::json(200, &world.member_json(found(member, "")?)))
}

pub(super) fn lint(world: &World, call: &Call) -> Reply {
    let at = call.text("content_ref").or_else(|| call.text("sha"));
    let at = at.unwrap_or_else(|| world.setup.production.clone());
    let text = world
        .repository
        .resolve(&at)
        .and_then(|commit| world.repository.file(&commit, ".gitlab-ci.yml"))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let errors: Vec<&str> = match text {
        Some(_) => Vec::new(),
        None => vec!["Please provide content of .gitlab-ci.yml"],
    };
    Ok(Answer::json(
        200,
        &json!({"valid": errors.is_empty(), "errors": errors, "warnings": [], "merged_yaml": text, "includes": []}),
    ))
}

impl World {
    fn project_json(&self, user: &User) -> Value {
        let setup = &self.setup;
        let full = &setup.project;
        let (namespace, path) = full.rsplit_once('/').unwrap_or(("", full));
        let web = self.project_web();
        let authority = self.origin.rsplit('/').next().unwrap_or_default();
        let host = authority.split(':').next().unwrap_or_default();
        let mut json = json!({
            "id": PROJECT_ID,
            "description": "The shop's three production apps",
            "name": path,
            "name_with_namespace": full.replace('/', " / "),
            "path": path,
            "path_with_namespace": full,
            "created_at": time(setup.start),
            "default_branch": setup.production,
            "tag_list": [],
            "topics": [],
            "ssh_url_to_repo": format!("git@{host}:{full}.git"),
            "http_url_to_repo": format!("{web}.git"),
            "web_url": web,
            "readme_url": format!("{web}/-/blob/{}/README.md", setup.production),
            "forks_count": 0,
            "avatar_url": null,
            "star_count": 0,
            "last_activity_at": time(self.now()),
            "visibility": "private",
            "namespace": {
                "id": 7,
                "name": namespace,
                "path": namespace.rsplit('/').next().unwrap_or_default(),
                "kind": "group",
                "full_path": namespace,
                "parent_id": null,
                "avatar_url": null,
                "web_url": format!("{}/groups/{namespace}", self.base()),
            },
            "empty_repo": false,
            "archived": false,
            "merge_requests_enabled": true,
            "jobs_enabled": true,
            "merge_method": setup.merge_method.name(),
            "squash_option": setup.squash.name(),
            "only_allow_merge_if_pipeline_succeeds": setup.pipelines_must_succeed,
            "allow_merge_on_skipped_pipeline": null,
            "only_allow_merge_if_all_discussions_are_resolved": setup.threads_must_be_resolved,
            "only_allow_merge_if_all_status_checks_passed": setup.status_checks_must_pass,
            "prevent_merge_without_jira_issue": setup.jira_issue_required,
            "merge_request_title_regex": setup.title_rule,
            "remove_source_branch_after_merge": true,
            "merge_pipelines_enabled": false,
            "merge_trains_enabled": false,
            "permissions": {
                "project_access": user.level.map(|level| json!({"access_level": level, "notification_level": 3})),
                "group_access": null,
            },
        });
        // GitLab hides several CI settings from those who cannot change them.
        if user.has(40) {
            json["ci_forward_deployment_enabled"] = setup.forward_deployment.into();
            json["ci_push_repository_for_job_token_allowed"] = false.into();
        }
        json
    }
}
