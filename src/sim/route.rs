//! Which handler answers which method and path. Unknown ones say so loudly, with 501.

use super::call::Call;
use super::respond::{Answer, Reply};
use super::world::{PROJECT_ID, World};
use super::{
    approvals, blockers, branches, commits, deployments, jobs, labels, merge_requests, notes, pipelines,
    projects, users,
};

/// Answers a request that carries a valid token, or none.
pub(super) fn answer(world: &mut World, call: &Call) -> Answer {
    dispatch(world, call).unwrap_or_else(|refusal| refusal)
}

fn dispatch(world: &mut World, call: &Call) -> Reply {
    let token = call.token.and_then(|id| world.tokens.iter().find(|token| token.id == id));
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let stranger = Call { user: None, token: None, ..call.clone() };
    let call = match token {
        Some(token) if token.job.is_some() && !open_to_jobs(&call.method, &segments) => &stranger,
        Some(token) if token.job.is_none() && segments != ["personal_access_tokens", "self"] => {
            World::check_scope(token, call.is_read())?;
            call
        }
        _ => call,
    };
    if !call.is_read() {
        call.user()?;
    }
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["version"]) => users::version(world, call),
        ("GET", ["metadata"]) => users::metadata(world, call),
        ("GET", ["user"]) => users::current(world, call),
        ("GET", ["job"]) => jobs::of_token(world, call),
        ("GET", ["users"]) => users::list(world, call),
        ("GET", ["personal_access_tokens", "self"]) => users::token(world, call),
        (_, ["groups", group, rest @ ..]) => users::group(world, call, group, rest),
        ("GET", ["projects"]) => projects::list(world, call),
        (_, ["projects", id, rest @ ..]) => {
            readable(world, call, id)?;
            project(world, call, rest)
        }
        _ => Err(unknown(call)),
    }
}

/// What GitLab lets a job's own token do; everywhere else it counts for nothing.
fn open_to_jobs(method: &str, path: &[&str]) -> bool {
    let below = match path {
        ["job"] => return method == "GET",
        ["projects", _, below @ ..] => below,
        _ => return false,
    };
    let read = match below {
        ["deployments", ..] => return true,
        ["environments" | "pipelines", ..] | ["jobs" | "merge_requests"] => true,
        ["merge_requests", _] | ["merge_requests", _, "notes", ..] => true,
        ["repository", "branches"] | ["repository", "commits", _] => true,
        ["repository", "commits", _, "merge_requests"] => true,
        _ => false,
    };
    read && method == "GET"
}

/// A private project does not exist for those who may not see it.
fn readable(world: &World, call: &Call, id: &str) -> Result<(), Answer> {
    let named = id.parse() == Ok(PROJECT_ID) || id.eq_ignore_ascii_case(&world.setup.project);
    if world.setup.former_project.as_deref() == Some(id) {
        let below = call.segments.get(2..).unwrap_or_default().join("/");
        let to = format!("{}/api/v4/projects/{PROJECT_ID}/{below}", world.base());
        let to = to.trim_end_matches('/');
        let text = format!("This resource has been moved permanently to {to}");
        return Err(Answer::text(301, text).with("location", to));
    }
    let member = call.user.and_then(|user| world.user(user)).is_some_and(|user| user.level.is_some());
    if named && member { Ok(()) } else { Err(Answer::not_found("Project")) }
}

fn project(world: &mut World, call: &Call, path: &[&str]) -> Reply {
    match (call.method.as_str(), path) {
        ("GET", []) => projects::one(world, call),
        ("PUT", []) => blockers::update_project(world, call),
        ("GET", ["external_status_checks"]) => blockers::status_checks(world, call),
        ("POST", ["external_status_checks"]) => blockers::add_status_check(world, call),
        ("GET", ["members", "all"] | ["members"]) => projects::members(world, call),
        ("GET", ["members", "all", id] | ["members", id]) => projects::member(world, call, id),
        ("GET", ["protected_branches"]) => branches::protected(world, call),
        ("GET", ["protected_branches", name]) => branches::protected_one(world, call, name),
        ("GET", ["ci", "lint"]) => projects::lint(world, call),
        ("GET", ["protected_environments"]) => deployments::protected(world, call),
        ("GET", ["protected_environments", name]) => deployments::protected_one(world, call, name),
        ("GET", ["environments"]) => deployments::environments(world, call),
        ("GET", ["environments", id]) => deployments::environment(world, call, id),
        ("GET", ["deployments"]) => deployments::list(world, call),
        ("GET", ["deployments", id]) => deployments::one(world, call, id),
        ("GET", ["deployments", id, "merge_requests"]) => deployments::merge_requests(world, call, id),
        ("POST", ["deployments", id, "approval"]) => deployments::approve(world, call, id),
        ("GET", ["labels"]) => labels::list(world, call),
        ("POST", ["labels"]) => labels::create(world, call),
        ("GET", ["labels", name]) => labels::one(world, call, name),
        ("GET", ["pipelines"]) => pipelines::list(world, call),
        ("GET", ["pipelines", id]) => pipelines::one(world, call, id),
        ("GET", ["pipelines", id, "jobs"]) => pipelines::jobs(world, call, id),
        ("GET", ["pipelines", id, "bridges"]) => pipelines::bridges(world, call, id),
        ("GET", ["jobs"]) => jobs::list(world, call),
        ("GET", ["jobs", id]) => jobs::one(world, call, id),
        ("GET", ["jobs", id, "trace"]) => jobs::trace(world, call, id),
        ("GET", ["jobs", id, "artifacts", path @ ..]) => jobs::artifact(world, call, id, path),
        ("POST", ["jobs", id, "play"]) => jobs::play(world, call, id),
        ("POST", ["jobs", id, "retry"]) => jobs::retry(world, call, id),
        ("POST", ["jobs", id, "cancel"]) => jobs::cancel(world, call, id),
        (_, ["repository", rest @ ..]) => repository(world, call, rest),
        (_, ["merge_requests", rest @ ..]) => merge_request(world, call, rest),
        _ => Err(unknown(call)),
    }
}

fn repository(world: &mut World, call: &Call, path: &[&str]) -> Reply {
    match (call.method.as_str(), path) {
        ("GET", ["branches"]) => branches::list(world, call),
        ("POST", ["branches"]) => branches::create(world, call),
        ("GET", ["branches", name]) => branches::one(world, call, name),
        ("DELETE", ["branches", name]) => branches::delete(world, call, name),
        ("GET", ["commits"]) => commits::list(world, call),
        ("POST", ["commits"]) => commits::create(world, call),
        ("GET", ["commits", sha]) => commits::one(world, call, sha),
        ("GET", ["commits", sha, "diff"]) => commits::diff(world, call, sha),
        ("GET", ["commits", sha, "merge_requests"]) => commits::merge_requests(world, call, sha),
        ("POST", ["commits", sha, "cherry_pick"]) => commits::pick(world, call, sha, false),
        ("POST", ["commits", sha, "revert"]) => commits::pick(world, call, sha, true),
        ("GET", ["compare"]) => commits::compare(world, call),
        ("GET", ["merge_base"]) => commits::merge_base(world, call),
        ("GET", ["files", path]) => commits::file(world, call, path),
        ("GET", ["files", path, "raw"]) => commits::raw_file(world, call, path),
        _ => Err(unknown(call)),
    }
}

fn merge_request(world: &mut World, call: &Call, path: &[&str]) -> Reply {
    match (call.method.as_str(), path) {
        ("GET", []) => merge_requests::list(world, call),
        ("POST", []) => merge_requests::create(world, call),
        ("GET", [iid]) => merge_requests::one(world, call, iid),
        ("PUT", [iid]) => merge_requests::update(world, call, iid),
        ("PUT", [iid, "merge"]) => merge_requests::merge(world, call, iid),
        ("PUT", [iid, "rebase"]) => merge_requests::rebase(world, call, iid),
        ("GET", [iid, "approvals"]) => approvals::one(world, call, iid),
        ("GET", [iid, "approval_state"]) => approvals::state(world, call, iid),
        ("POST", [iid, "approve"]) => approvals::approve(world, call, iid),
        ("POST", [iid, "unapprove"]) => approvals::unapprove(world, call, iid),
        ("GET", [iid, "pipelines"]) => pipelines::of_merge_request(world, call, iid),
        ("POST", [iid, "pipelines"]) => pipelines::create_for_merge_request(world, call, iid),
        ("GET", [iid, "notes"]) => notes::list(world, call, iid),
        ("POST", [iid, "notes"]) => notes::create(world, call, iid),
        ("GET", [iid, "notes", id]) => notes::one(world, call, iid, id),
        ("PUT", [iid, "notes", id]) => notes::update(world, call, iid, id),
        ("GET", [iid, "discussions"]) => blockers::discussions(world, call, iid),
        ("POST", [iid, "discussions"]) => blockers::discuss(world, call, iid),
        ("PUT", [iid, "discussions", id]) => blockers::resolve(world, call, iid, id),
        ("GET", [iid, "blocks"]) => blockers::dependencies(world, call, iid),
        ("POST", [iid, "blocks"]) => blockers::depend(world, call, iid),
        ("DELETE", [iid, "blocks", id]) => blockers::release(world, call, iid, id),
        ("GET", [iid, "status_checks"]) => blockers::status_checks_of(world, call, iid),
        ("POST", [iid, "status_check_responses"]) => blockers::say(world, call, iid),
        ("GET", [iid, "commits"]) => commits::of_merge_request(world, call, iid),
        ("GET", [iid, "changes"]) => commits::changes(world, call, iid),
        ("GET", [iid, "diffs"]) => commits::diffs(world, call, iid),
        _ => Err(unknown(call)),
    }
}

fn unknown(call: &Call) -> Answer {
    let what = format!("the embedded GitLab does not know {} {}", call.method, call.target);
    Answer::json(501, &serde_json::json!({"error": "501 Not Implemented", "message": what}))
}
