//! Merge requests: list, create, read, update, merge, rebase.

use serde_json::{Value, json};

use super::advance::Effect;
use super::call::{Call, found, number, paged};
use super::colleague::Draft;
use super::merge::Landing;
use super::present::{joined, time};
use super::respond::{Answer, Reply};
use super::world::{AutoMerge, Check, MergeRequest, PROJECT_ID, State, World};

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let is = |name: &str, value: &str| call.text(name).is_none_or(|wanted| wanted == value);
    let state = call.text("state").unwrap_or_else(|| "all".to_owned());
    let labels = call.list("labels").unwrap_or_default();
    let iids = call.ids("iids");
    let search = call.text("search").unwrap_or_default().to_lowercase();
    let since = call.text("updated_after").and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let author = call.number("author_id");
    let username = |id| world.user(id).map(|user| user.username.clone()).unwrap_or_default();
    let mut matches: Vec<&MergeRequest> = world
        .merge_requests
        .iter()
        .filter(|found| state == "all" || found.state.name() == state)
        .filter(|found| is("source_branch", &found.source) && is("target_branch", &found.target))
        .filter(|found| labels.iter().all(|label| found.labels.contains(label)))
        .filter(|found| iids.as_ref().is_none_or(|iids| iids.contains(&found.iid)))
        .filter(|found| author.is_none_or(|id| found.author == id))
        .filter(|found| is("author_username", &username(found.author)))
        .filter(|found| since.is_none_or(|since| found.updated_at >= since))
        .filter(|found| {
            let text = format!("{}\n{}", found.title, found.description.clone().unwrap_or_default());
            text.to_lowercase().contains(&search)
        })
        .collect();
    if call.text("order_by").as_deref() == Some("updated_at") {
        matches.sort_by_key(|found| (found.updated_at, found.id));
    }
    if call.text("sort").as_deref() != Some("asc") {
        matches.reverse();
    }
    paged(call, &world.origin, &matches, true, |found| world.merge_request_basic(found))
}

pub(super) fn one(world: &mut World, call: &Call, iid: &str) -> Reply {
    let found = world.wanted(iid)?;
    let (iid, author, unchecked) = (found.iid, found.author, found.check == Check::Unchecked);
    // A look starts the check only when the looker may update the merge request.
    let may_update = call.user == Some(author) || world.at_least(call.user, 30).is_ok();
    if unchecked && found.state == State::Opened && may_update {
        if let Some(found) = world.merge_request_mut(iid) {
            found.check = Check::Checking;
        }
        match world.setup.lag.merge_check {
            0 => world.check_merge(iid),
            lag => world.after(lag, Effect::Checked(iid)),
        }
    }
    Ok(Answer::json(200, &world.merge_request_json(world.wanted(&iid.to_string())?, call)))
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let author = world.at_least(call.user, 30)?.id;
    let [source, target, title] = call.required(["source_branch", "target_branch", "title"])?;
    if source == target {
        return Err(Answer::message(422, json!(["You can't use same project/branch for source and target"])));
    }
    for (field, branch) in [("source_branch", &source), ("target_branch", &target)] {
        if !world.branches.contains_key(branch) {
            return Err(Answer::message(400, json!({field: ["does not exist"]})));
        }
    }
    check_title(&title)?;
    if let Some(other) = world.open_between(&source, &target) {
        return Err(duplicate(other));
    }
    let draft = Draft {
        source,
        target,
        title,
        description: call.text("description"),
        labels: call.list("labels").unwrap_or_default(),
        assignees: call.ids("assignee_ids").or_else(|| call.ids("assignee_id")).unwrap_or_default(),
        reviewers: call.ids("reviewer_ids").unwrap_or_default(),
        squash: call.flag("squash").unwrap_or(world.setup.squash.name() == "default_on"),
        remove_source: call.flag("remove_source_branch").unwrap_or(false),
        merge_after: call.text("merge_after").and_then(|at| at.parse().ok()),
    };
    let iid = world.open_merge_request(author, draft);
    Ok(Answer::json(201, &world.merge_request_json(world.wanted(&iid.to_string())?, call)))
}

fn check_title(title: &str) -> Result<(), Answer> {
    match title.chars().count() {
        0 => Err(Answer::message(400, json!({"title": ["can't be blank"]}))),
        256.. => Err(Answer::message(400, json!({"title": ["is too long (maximum is 255 characters)"]}))),
        _ => Ok(()),
    }
}

fn duplicate(iid: u64) -> Answer {
    let text = format!("Another open merge request already exists for this source branch: !{iid}");
    Answer::message(409, json!([text]))
}

pub(super) fn update(world: &mut World, call: &Call, iid: &str) -> Reply {
    let wanted = world.wanted(iid)?;
    let (iid, state) = (wanted.iid, wanted.state);
    let (source, target) = (wanted.source.clone(), wanted.target.clone());
    let user = match call.user {
        Some(user) if user == wanted.author => user,
        _ => world.at_least(call.user, 30)?.id,
    };
    const KNOWN: &[&str] = &[
        "title",
        "description",
        "labels",
        "add_labels",
        "remove_labels",
        "state_event",
        "assignee_id",
        "assignee_ids",
        "reviewer_ids",
        "target_branch",
        "squash",
        "remove_source_branch",
        "merge_after",
    ];
    if !KNOWN.iter().any(|name| call.params.contains_key(*name)) {
        let names = KNOWN.join(", ");
        return Err(Answer::parameter(&format!(
            "{names} are missing, at least one parameter must be provided"
        )));
    }
    if let Some(title) = call.text("title") {
        check_title(&title)?;
    }
    let event = call.text("state_event");
    match (event.as_deref(), state) {
        (None | Some("close" | "reopen"), _) => {}
        _ => return Err(Answer::parameter("state_event does not have a valid value")),
    }
    let reopens = event.as_deref() == Some("reopen") && state == State::Closed;
    if let Some(other) = world.open_between(&source, &target).filter(|_| reopens) {
        return Err(duplicate(other));
    }
    let new_target = call.text("target_branch").filter(|branch| *branch != target);
    if let Some(branch) = &new_target
        && !world.branches.contains_key(branch)
    {
        return Err(Answer::message(400, json!({"target_branch": ["does not exist"]})));
    }
    for label in ["labels", "add_labels"].iter().filter_map(|name| call.list(name)).flatten() {
        world.ensure_label(&label);
    }
    let now = world.now();
    let found = found(world.merge_request_mut(iid), "")?;
    found.updated_at = now;
    if let Some(title) = call.text("title") {
        found.title = title;
    }
    if let Some(description) = call.text("description") {
        found.description = Some(description);
    }
    if let Some(labels) = call.list("labels") {
        found.labels = labels;
    }
    for label in call.list("add_labels").unwrap_or_default() {
        if !found.labels.contains(&label) {
            found.labels.push(label);
        }
    }
    let removed = call.list("remove_labels").unwrap_or_default();
    found.labels.retain(|label| !removed.contains(label));
    if let Some(assignees) = call.ids("assignee_ids").or_else(|| call.ids("assignee_id")) {
        found.assignees = assignees;
    }
    if let Some(reviewers) = call.ids("reviewer_ids") {
        found.reviewers = reviewers;
    }
    if let Some(at) = call.text("merge_after") {
        found.merge_after = at.parse().ok();
    }
    if let Some(squash) = call.flag("squash") {
        found.squash = squash;
    }
    if let Some(remove) = call.flag("remove_source_branch") {
        found.remove_source = remove;
    }
    match (event.as_deref(), found.state) {
        (Some("close"), State::Opened) => {
            found.state = State::Closed;
            found.closed = Some((user, now));
            found.auto_merge = None;
        }
        (Some("reopen"), State::Closed) => {
            found.state = State::Opened;
            found.closed = None;
            found.check = Check::Unchecked;
        }
        _ => {}
    }
    if let Some(branch) = new_target {
        found.target = branch;
        found.check = Check::Unchecked;
        world.take_diff(iid);
    }
    Ok(Answer::json(200, &world.merge_request_json(world.wanted(&iid.to_string())?, call)))
}

/// Refusals come in GitLab's order: 401, 405, 422, 409.
pub(super) fn merge(world: &mut World, call: &Call, iid: &str) -> Reply {
    let user = call.user()?;
    let wanted = world.wanted(iid)?.clone();
    if !world.can_merge(user, &wanted.target) {
        return Err(Answer::unauthorized());
    }
    let auto = call.flag("auto_merge").or_else(|| call.flag("merge_when_pipeline_succeeds")) == Some(true)
        && world.can_wait_to_merge(&wanted);
    match world.merge_refusal(&wanted) {
        Some(405) if !auto => return Err(Answer::message(405, "405 Method Not Allowed")),
        Some(422) => return Err(Answer::message(422, "Branch cannot be merged")),
        _ => {}
    }
    if call.text("sha").is_some_and(|sha| sha != wanted.sha) {
        let text = format!("SHA does not match HEAD of source branch: {}", wanted.sha);
        return Err(Answer::message(409, text));
    }
    let landing = Landing {
        squash: call.flag("squash"),
        remove_source: call.flag("should_remove_source_branch"),
        merge_message: call.text("merge_commit_message"),
        squash_message: call.text("squash_commit_message"),
    };
    if auto {
        if let Some(found) = world.merge_request_mut(wanted.iid) {
            let Landing { squash, remove_source, .. } = landing;
            found.auto_merge = Some(AutoMerge { user, squash, remove_source });
        }
    } else if world.land(wanted.iid, user, &landing).is_err() {
        return Err(Answer::message(422, "Branch cannot be merged"));
    }
    Ok(Answer::json(200, &world.merge_request_json(world.wanted(iid)?, call)))
}

pub(super) fn rebase(world: &mut World, call: &Call, iid: &str) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    let wanted = world.wanted(iid)?;
    if wanted.state != State::Opened || world.protected.contains(&wanted.source) {
        return Err(Answer::forbidden());
    }
    let iid = wanted.iid;
    world.rebase(iid, user)?;
    Ok(Answer::json(202, &json!({"rebase_in_progress": true})))
}

impl World {
    /// The merge request that a path names.
    pub(super) fn wanted(&self, iid: &str) -> Result<&MergeRequest, Answer> {
        found(self.merge_request(number(iid, "merge_request_iid")?), "")
    }

    pub(super) fn open_between(&self, source: &str, target: &str) -> Option<u64> {
        self.merge_requests
            .iter()
            .find(|found| found.state == State::Opened && found.source == source && found.target == target)
            .map(|found| found.iid)
    }

    /// Whether somebody may merge into a branch.
    pub(super) fn can_merge(&self, user: u64, target: &str) -> bool {
        let level = if self.protected.contains(target) { self.setup.merge_level } else { 30 };
        self.user(user).is_some_and(|user| user.has(level))
    }

    /// A merge request as lists show it.
    pub(super) fn merge_request_basic(&self, found: &MergeRequest) -> Value {
        let web = format!("{}/-/merge_requests/{}", self.project_web(), found.iid);
        let user = |event: Option<(u64, jiff::Timestamp)>| event.map(|(id, _)| self.user_json(id));
        let at = |event: Option<(u64, jiff::Timestamp)>| event.map(|(_, at)| time(at));
        let status = match found.check {
            Check::Preparing | Check::Checking => "checking",
            Check::Unchecked => "unchecked",
            Check::Can => "can_be_merged",
            Check::Cannot => "cannot_be_merged",
        };
        let assignees = self.users_json(&found.assignees);
        let first = json!({
            "id": found.id,
            "iid": found.iid,
            "project_id": PROJECT_ID,
            "title": found.title,
            "description": found.description,
            "state": found.state.name(),
            "imported": false,
            "imported_from": "none",
            "created_at": time(found.created_at),
            "updated_at": time(found.updated_at),
            "merged_by": user(found.merged),
            "merge_user": user(found.merged),
            "merged_at": at(found.merged),
            "merge_after": found.merge_after.map(time),
            "closed_by": user(found.closed),
            "closed_at": at(found.closed),
            "target_branch": found.target,
            "source_branch": found.source,
            "user_notes_count": found.notes.iter().filter(|note| !note.system).count(),
            "upvotes": 0,
            "downvotes": 0,
            "author": self.user_json(found.author),
        });
        let second = json!({
            "assignee": assignees.first(),
            "assignees": assignees,
            "reviewers": self.users_json(&found.reviewers),
            "source_project_id": PROJECT_ID,
            "target_project_id": PROJECT_ID,
            "labels": found.labels,
            "draft": found.draft(),
            "work_in_progress": found.draft(),
            "milestone": null,
            "merge_when_pipeline_succeeds": found.auto_merge.is_some(),
            "merge_status": status,
            "detailed_merge_status": self.detailed_merge_status(found),
            "sha": found.sha,
        });
        let third = json!({
            "merge_commit_sha": found.merge_commit_sha,
            "squash_commit_sha": found.squash_commit_sha,
            "discussion_locked": null,
            "should_remove_source_branch": null,
            "force_remove_source_branch": found.remove_source,
            "prepared_at": found.prepared_at.map(time),
            "reference": format!("!{}", found.iid),
            "references": {
                "short": format!("!{}", found.iid),
                "relative": format!("!{}", found.iid),
                "full": format!("{}!{}", self.setup.project, found.iid),
            },
            "web_url": web,
            "time_stats": {
                "time_estimate": 0,
                "total_time_spent": 0,
                "human_time_estimate": null,
                "human_total_time_spent": null,
            },
            "squash": found.squash,
            "squash_on_merge": match self.setup.squash.name() {
                "always" => true,
                "never" => false,
                _ => found.squash,
            },
            "task_completion_status": {"count": 0, "completed_count": 0},
            "has_conflicts": found.check == Check::Cannot,
            "blocking_discussions_resolved": !self.has_open_thread(found),
            "approvals_before_merge": null,
        });
        joined([first, second, third])
    }

    /// A merge request as a single read shows it.
    pub(super) fn merge_request_json(&self, found: &MergeRequest, call: &Call) -> Value {
        let mut json = self.merge_request_basic(found);
        let pipeline = found.head_pipeline.and_then(|id| self.pipeline(id));
        json["subscribed"] = true.into();
        json["changes_count"] = found
            .base
            .as_ref()
            .map(|base| self.repository.count_changes(&base.0, &found.sha).to_string())
            .into();
        json["latest_build_started_at"] = Value::Null;
        json["latest_build_finished_at"] = Value::Null;
        json["first_deployed_to_production_at"] = Value::Null;
        json["pipeline"] = pipeline.map(|pipeline| self.pipeline_basic(pipeline)).into();
        json["head_pipeline"] = pipeline.map(|pipeline| self.pipeline_json(pipeline)).into();
        json["diff_refs"] = match &found.base {
            Some((base, start)) => json!({"base_sha": base, "head_sha": found.sha, "start_sha": start}),
            None => Value::Null,
        };
        json["merge_error"] = Value::Null;
        json["first_contribution"] = false.into();
        json["user"] =
            json!({"can_merge": call.user.is_some_and(|user| self.can_merge(user, &found.target))});
        if call.flag("include_rebase_in_progress") == Some(true) {
            json["rebase_in_progress"] = false.into();
        }
        json
    }
}
