//! What holds a merge request back and is set over the API: threads, other merge requests it waits for,
//! external status checks, and the project's own rules. In which order they show is in `merge`.

use std::sync::OnceLock;

use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::syntax;
use serde_json::{Value, json};

use super::call::{Call, found, number, paged};
use super::respond::{Answer, Reply};
use super::world::{MergeRequest, Note, PROJECT_ID, State, World};

/// A service outside that has to say yes to every head.
#[derive(Debug, Clone)]
pub(super) struct StatusCheck {
    id: u64,
    name: String,
    url: String,
    /// What it said, of which merge request and head.
    said: Vec<(u64, String, String)>,
}

/// A merge request that waits for another one.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    id: u64,
    blocked: u64,
    blocking: u64,
}

/// Changes the project's rules for merging.
pub(super) fn update_project(world: &mut World, call: &Call) -> Reply {
    world.at_least(call.user, 40)?;
    let title = call.text("merge_request_title_regex");
    if let Some(pattern) = &title
        && let Err(error) = regex(pattern)
    {
        let why = format!("not valid RE2 syntax: {error}");
        return Err(Answer::message(400, json!({"merge_request_title_regex": [why]})));
    }
    let setup = &mut world.setup;
    let mut known = title.is_some();
    if let Some(pattern) = title {
        setup.title_rule = Some(pattern).filter(|pattern| !pattern.is_empty());
    }
    for (name, rule) in [
        ("only_allow_merge_if_pipeline_succeeds", &mut setup.pipelines_must_succeed),
        ("only_allow_merge_if_all_discussions_are_resolved", &mut setup.threads_must_be_resolved),
        ("only_allow_merge_if_all_status_checks_passed", &mut setup.status_checks_must_pass),
        ("prevent_merge_without_jira_issue", &mut setup.jira_issue_required),
    ] {
        if let Some(on) = call.flag(name) {
            *rule = on;
            known = true;
        }
    }
    // What is not known here must not seem to have taken effect.
    if !known {
        let what = format!("the embedded GitLab cannot change these settings: {}", call.target);
        return Err(Answer::json(501, &json!({"error": "501 Not Implemented", "message": what})));
    }
    super::projects::one(world, call)
}

pub(super) fn discussions(world: &World, call: &Call, iid: &str) -> Reply {
    let merge_request = world.wanted(iid)?;
    let notes: Vec<&Note> = merge_request.notes.iter().collect();
    paged(call, &world.origin, &notes, true, |note| world.discussion_json(merge_request, note))
}

/// Begins a thread, which somebody has to resolve.
pub(super) fn discuss(world: &mut World, call: &Call, iid: &str) -> Reply {
    let author = call.user()?;
    let [body] = call.required(["body"])?;
    let iid = world.wanted(iid)?.iid;
    let id = world.note(iid, author, &body, false);
    if let Some(note) = world.merge_request_mut(iid).and_then(|found| found.notes.last_mut()) {
        note.resolvable = true;
    }
    let merge_request = found(world.merge_request(iid), "")?;
    let note = found(merge_request.notes.iter().find(|note| note.id == id), "")?;
    Ok(Answer::json(201, &world.discussion_json(merge_request, note)))
}

/// Resolves a thread, or opens it again.
pub(super) fn resolve(world: &mut World, call: &Call, iid: &str, id: &str) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    let Some(on) = call.flag("resolved") else { return Err(Answer::parameter("resolved is missing")) };
    let (iid, now) = (world.wanted(iid)?.iid, world.now());
    let merge_request = found(world.merge_request_mut(iid), "")?;
    let note = merge_request.notes.iter_mut().find(|note| note.resolvable && discussion_id(note) == id);
    let note = found(note, "Discussion")?;
    note.resolved = on.then_some((user, now));
    let note = note.clone();
    Ok(Answer::json(200, &world.discussion_json(found(world.merge_request(iid), "")?, &note)))
}

/// A discussion's id: a text of 40 digits, never the note's own.
fn discussion_id(note: &Note) -> String {
    format!("{:040x}", note.id)
}

pub(super) fn dependencies(world: &World, call: &Call, iid: &str) -> Reply {
    let iid = world.wanted(iid)?.iid;
    let own: Vec<&Dependency> = world.dependencies.iter().filter(|found| found.blocked == iid).collect();
    paged(call, &world.origin, &own, true, |dependency| world.dependency_json(dependency))
}

/// Lets a merge request wait for another one.
pub(super) fn depend(world: &mut World, call: &Call, iid: &str) -> Reply {
    world.at_least(call.user, 30)?;
    let blocked = world.wanted(iid)?.iid;
    let by_id = call.number("blocking_merge_request_id");
    let by_iid = call.number("blocking_merge_request_iid");
    if by_id.is_some() == by_iid.is_some() {
        let names = "blocking_merge_request_id, blocking_merge_request_iid";
        return Err(Answer::parameter(&format!(
            "{names} are missing, exactly one parameter must be provided"
        )));
    }
    let mut all = world.merge_requests.iter();
    let other = all.find(|found| Some(found.id) == by_id || Some(found.iid) == by_iid);
    let blocking = found(other, "Blocking merge request")?.iid;
    let taken = |found: &Dependency| found.blocked == blocked && found.blocking == blocking;
    if world.dependencies.iter().any(taken) {
        return Err(Answer::message(409, "Block already exists"));
    }
    let dependency = Dependency { id: world.fresh_id(), blocked, blocking };
    world.dependencies.push(dependency.clone());
    Ok(Answer::json(201, &world.dependency_json(&dependency)))
}

pub(super) fn release(world: &mut World, call: &Call, iid: &str, id: &str) -> Reply {
    world.at_least(call.user, 30)?;
    let (iid, id) = (world.wanted(iid)?.iid, number(id, "block_id")?);
    let before = world.dependencies.len();
    world.dependencies.retain(|found| found.blocked != iid || found.id != id);
    if world.dependencies.len() == before {
        return Err(Answer::not_found(""));
    }
    Ok(Answer::empty(204))
}

pub(super) fn status_checks(world: &World, call: &Call) -> Reply {
    world.at_least(call.user, 40)?;
    paged(call, &world.origin, &world.status_checks, true, StatusCheck::json)
}

pub(super) fn add_status_check(world: &mut World, call: &Call) -> Reply {
    world.at_least(call.user, 40)?;
    let [name, url] = call.required(["name", "external_url"])?;
    let check = StatusCheck { id: world.fresh_id(), name, url, said: Vec::new() };
    world.status_checks.push(check.clone());
    Ok(Answer::json(201, &check.json()))
}

pub(super) fn status_checks_of(world: &World, call: &Call, iid: &str) -> Reply {
    let merge_request = world.wanted(iid)?;
    paged(call, &world.origin, &world.status_checks, true, |check| {
        json!({
            "id": check.id,
            "name": check.name,
            "external_url": check.url,
            "status": check.status(merge_request),
        })
    })
}

/// What a status check says of a merge request's head.
pub(super) fn say(world: &mut World, call: &Call, iid: &str) -> Reply {
    world.at_least(call.user, 30)?;
    let [id, sha, status] = call.required(["external_status_check_id", "sha", "status"])?;
    if !["passed", "failed", "pending"].contains(&status.as_str()) {
        return Err(Answer::parameter("status does not have a valid value"));
    }
    let wanted = world.wanted(iid)?.clone();
    let id = number(&id, "external_status_check_id")?;
    let check = found(world.status_checks.iter_mut().find(|check| check.id == id), "External Status Check")?;
    if sha != wanted.sha {
        let text = format!("SHA does not match HEAD of source branch: {}", wanted.sha);
        return Err(Answer::message(409, text));
    }
    check.said.push((wanted.iid, sha, status.clone()));
    let check = check.json();
    let merge_request = world.merge_request_basic(&wanted);
    let said = json!({"id": world.fresh_id(), "merge_request": merge_request, "external_status_check": check, "status": status});
    Ok(Answer::json(201, &said))
}

/// As RE2 reads it: classes such as `\d` are of ASCII.
fn regex(pattern: &str) -> Result<Regex, Box<BuildError>> {
    let ascii = syntax::Config::new().unicode(false).utf8(false);
    Regex::builder().syntax(ascii).build(pattern).map_err(Box::new)
}

impl StatusCheck {
    fn status(&self, of: &MergeRequest) -> &str {
        let said = self.said.iter().rfind(|(iid, sha, _)| *iid == of.iid && *sha == of.sha);
        said.map_or("pending", |(.., status)| status)
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "project_id": PROJECT_ID,
            "external_url": self.url,
            "hmac": false,
            "protected_branches": [],
        })
    }
}

impl World {
    pub(super) fn has_open_thread(&self, found: &MergeRequest) -> bool {
        found.notes.iter().any(|note| note.resolvable && note.resolved.is_none())
    }

    /// Whether the title is not as the project wants titles.
    pub(super) fn breaks_title_rule(&self, found: &MergeRequest) -> bool {
        let rule = self.setup.title_rule.as_ref().and_then(|rule| regex(rule).ok());
        rule.is_some_and(|rule| !rule.is_match(&found.title))
    }

    pub(super) fn waits_for_another(&self, found: &MergeRequest) -> bool {
        let own = self.dependencies.iter().filter(|dependency| dependency.blocked == found.iid);
        let mut blocking = own.filter_map(|dependency| self.merge_request(dependency.blocking));
        blocking.any(|other| other.state != State::Merged)
    }

    pub(super) fn lacks_jira_issue(&self, found: &MergeRequest) -> bool {
        static KEY: OnceLock<Option<Regex>> = OnceLock::new();
        let key = KEY.get_or_init(|| regex(r"\b[A-Z][A-Z_0-9]+-\d+\b").ok());
        let names_one = |text: &str| key.as_ref().is_some_and(|key| key.is_match(text));
        let description = found.description.as_deref().unwrap_or_default();
        self.setup.jira_issue_required && !names_one(&found.title) && !names_one(description)
    }

    pub(super) fn lacks_status_check(&self, found: &MergeRequest) -> bool {
        let passed = |check: &StatusCheck| check.status(found) == "passed";
        self.setup.status_checks_must_pass && !self.status_checks.iter().all(passed)
    }

    fn discussion_json(&self, merge_request: &MergeRequest, note: &Note) -> Value {
        json!({
            "id": discussion_id(note),
            "individual_note": !note.resolvable,
            "notes": [self.note_json(merge_request, note)],
        })
    }

    fn dependency_json(&self, dependency: &Dependency) -> Value {
        let of = |iid| self.merge_request(iid).map(|found| self.merge_request_basic(found));
        json!({
            "id": dependency.id,
            "blocking_merge_request": of(dependency.blocking),
            "blocked_merge_request": of(dependency.blocked),
            "project_id": PROJECT_ID,
        })
    }
}
