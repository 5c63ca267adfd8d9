//! What tests and stories do in somebody's name, beside the HTTP door.
//!
//! Whatever the API offers goes through the API's own handlers; only commits are made directly.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::advance::Effect;
use super::call::{Call, segments};
use super::merge::Landing;
use super::respond::Answer;
use super::route;
use super::world::{Check, MergeRequest, PROJECT_ID, State, World};

/// What a new merge request says.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) assignees: Vec<u64>,
    pub(super) reviewers: Vec<u64>,
    pub(super) squash: bool,
    pub(super) remove_source: bool,
    pub(super) merge_after: Option<jiff::Timestamp>,
}

impl World {
    /// A request below `/api/v4/projects/:id/` in somebody's name, without HTTP. Effects without
    /// lag are visible at once.
    pub fn api_as(&mut self, who: &str, method: &str, path: &str, params: Value) -> Answer {
        let answer = self.call_as(who, method, path, params);
        self.settle();
        answer
    }

    pub(super) fn call_as(&mut self, who: &str, method: &str, path: &str, params: Value) -> Answer {
        let path = format!("projects/{PROJECT_ID}/{path}");
        let call = Call {
            method: method.to_owned(),
            segments: segments(&path).unwrap_or_default(),
            target: path,
            params: params.as_object().cloned().unwrap_or_default(),
            user: self.user_named(who).map(|user| user.id),
            token: self.first_token(who).map(|token| token.id),
        };
        route::answer(self, &call)
    }

    /// Merges a merge request in somebody's name.
    pub fn merge_as(&mut self, who: &str, iid: u64) -> Answer {
        self.check_now(iid);
        self.api_as(who, "PUT", &format!("merge_requests/{iid}/merge"), json!({}))
    }

    /// Closes a merge request in somebody's name.
    pub fn close_as(&mut self, who: &str, iid: u64) -> Answer {
        self.api_as(who, "PUT", &format!("merge_requests/{iid}"), json!({"state_event": "close"}))
    }

    /// Approves a merge request in somebody's name.
    pub fn approve_merge_request_as(&mut self, who: &str, iid: u64) -> Answer {
        self.api_as(who, "POST", &format!("merge_requests/{iid}/approve"), json!({}))
    }

    /// Approves (or rejects) a deployment in somebody's name.
    pub fn approve_deployment_as(&mut self, who: &str, id: u64, approved: bool) -> Answer {
        let status = if approved { "approved" } else { "rejected" };
        self.api_as(who, "POST", &format!("deployments/{id}/approval"), json!({"status": status}))
    }

    /// Plays a job in somebody's name.
    pub fn play_as(&mut self, who: &str, job: u64) -> Answer {
        self.api_as(who, "POST", &format!("jobs/{job}/play"), json!({}))
    }

    /// Commits to a branch in somebody's name (a new branch starts at production's) and pushes.
    /// Returns the commit.
    pub fn push_as(
        &mut self,
        who: &str,
        branch: &str,
        message: &str,
        files: &[(String, Option<String>)],
    ) -> crate::error::Result<String> {
        let user = self.user_named(who).map_or(0, |user| user.id);
        let parent = self.branch(branch).or_else(|| self.branch(&self.setup.production));
        let tree = self.repository.tree_with(parent.as_deref(), files)?;
        let by = self.signature(user);
        let parents: Vec<&str> = parent.as_deref().into_iter().collect();
        let id = self.repository.commit_tree(&tree, &parents, message, &by, &by)?;
        self.move_branch(branch, Some(&id), user)?;
        Ok(id)
    }

    /// Lands a change on production through a merge request of its own, whatever the checks say.
    pub(super) fn land_as(
        &mut self,
        who: &str,
        branch: &str,
        title: &str,
        files: &[(String, Option<String>)],
    ) {
        let user = self.user_named(who).map_or(0, |user| user.id);
        let draft = Draft {
            source: branch.to_owned(),
            target: self.setup.production.clone(),
            title: title.to_owned(),
            ..Draft::default()
        };
        let landed = self.push_as(who, branch, title, files).and_then(|_| {
            let iid = self.open_merge_request(user, draft);
            self.land(iid, user, &Landing::default())
        });
        if let Err(problem) = landed {
            self.refused.push(format!("{who} could not land {branch}: {problem}"));
        }
    }

    /// Deploys a commit past every pipeline, as a script at night does; GitLab only hears of it.
    pub fn deploy_by_script(&mut self, who: &str, commit: &str) {
        let user = self.user_named(who).map_or(0, |user| user.id);
        let branch = self.setup.production.clone();
        self.record_deployment(commit, &branch, user, None);
    }

    /// Protects a branch: maintainers push to it, nobody forces or deletes it.
    pub fn protect(&mut self, branch: &str) {
        self.protected.insert(branch.to_owned());
    }

    /// Finishes preparation and check, as the web page does while somebody looks at it.
    pub(super) fn check_now(&mut self, iid: u64) {
        let now = self.now();
        self.take_diff(iid);
        if let Some(found) = self.merge_request_mut(iid).filter(|found| found.state == State::Opened) {
            found.prepared_at.get_or_insert(now);
            found.check = Check::Checking;
        }
        self.check_merge(iid);
    }

    /// Opens a merge request; the caller has checked that it may be opened.
    pub(super) fn open_merge_request(&mut self, author: u64, draft: Draft) -> u64 {
        for name in &draft.labels {
            self.ensure_label(name);
        }
        let (id, now, lag) = (self.fresh_id(), self.now(), self.setup.lag);
        let iid = self.merge_requests.iter().map(|found| found.iid).max().unwrap_or(411) + 1;
        self.merge_requests.push(MergeRequest {
            id,
            iid,
            sha: self.branch(&draft.source).unwrap_or_default(),
            title: draft.title,
            description: draft.description,
            author,
            assignees: draft.assignees,
            reviewers: draft.reviewers,
            source: draft.source,
            target: draft.target,
            labels: draft.labels,
            state: State::Opened,
            check: Check::Preparing,
            base: None,
            prepared_at: None,
            head_pipeline: None,
            squash: draft.squash,
            remove_source: draft.remove_source,
            auto_merge: None,
            merge_commit_sha: None,
            squash_commit_sha: None,
            merged: None,
            closed: None,
            created_at: now,
            updated_at: now,
            approvals: Vec::new(),
            merge_after: draft.merge_after,
            held: BTreeSet::new(),
            notes: Vec::new(),
        });
        self.after(lag.prepare, Effect::Prepared(iid));
        self.after(lag.pipeline, Effect::MergeRequestPipeline { iid, user: author });
        iid
    }

    /// The iid of the newest merge request from this branch.
    pub fn merge_request_from(&self, source: &str) -> Option<u64> {
        self.merge_requests.iter().rfind(|found| found.source == source).map(|found| found.iid)
    }

    /// Holds a merge request back (or lets it go) by what GitLab's REST API cannot set, named as
    /// `detailed_merge_status` names it: `requested_changes` and `locked_paths` (web page and GraphQL only),
    /// `locked_lfs_files` (git-lfs), `security_policy_violations` (a scan) and `approvals_syncing` (passes by
    /// itself).
    pub fn hold(&mut self, iid: u64, reason: &'static str, on: bool) {
        if let Some(found) = self.merge_request_mut(iid) {
            match on {
                true => found.held.insert(reason),
                false => found.held.remove(reason),
            };
        }
    }

    /// The ids of all jobs of this name, oldest first.
    pub fn jobs_named(&self, name: &str) -> Vec<u64> {
        self.jobs.iter().filter(|job| job.spec.name == name).map(|job| job.id).collect()
    }

    /// Lets time go by.
    pub fn pass(&mut self, seconds: i64) {
        self.seconds += seconds;
    }

    /// Adds text to a job's log, as its script would.
    pub fn add_log(&mut self, job: u64, text: &str) {
        if let Some(job) = self.job_mut(job) {
            job.log.push_str(text);
        }
    }

    /// The ids of all deployments, oldest first.
    pub fn deployment_ids(&self) -> Vec<u64> {
        self.deployments.iter().map(|found| found.id).collect()
    }
}
