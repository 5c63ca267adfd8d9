//! Pieces of JSON that several resources share: users, commits, pipelines, deployments, jobs.
//!
//! Shapes follow GitLab's public API schemas.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::repository::{Commit, Signature};
use super::world::{Deployment, Job, PROJECT_ID, Pipeline, World};

/// A time as GitLab writes it.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn maybe(at: Option<Timestamp>) -> Value {
    at.map(time).into()
}

fn seconds(from: Option<Timestamp>, to: Option<Timestamp>) -> Value {
    match (from, to) {
        (Some(from), Some(to)) => json!((to.as_second() - from.as_second()) as f64),
        _ => Value::Null,
    }
}

/// Git's ISO date as GitLab writes it.
fn git_time(date: &str) -> String {
    date.parse::<Timestamp>()
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.000+00:00").to_string())
        .unwrap_or_else(|_| date.to_owned())
}

/// The archive of what a job left.
fn archive(job: &Job) -> Vec<Value> {
    let size: usize = job.artifacts.values().map(Vec::len).sum();
    let archive =
        json!({"file_type": "archive", "size": size, "filename": "artifacts.zip", "file_format": "zip"});
    if job.artifacts.is_empty() { Vec::new() } else { vec![archive] }
}

/// One object of several: `json!` has its limits.
pub(super) fn joined<const N: usize>(parts: [Value; N]) -> Value {
    parts.into_iter().filter_map(|part| part.as_object().cloned()).flatten().collect()
}

impl World {
    /// A user, as other records embed it; null for an unknown id.
    pub(super) fn user_json(&self, id: u64) -> Value {
        let Some(user) = self.user(id) else { return Value::Null };
        json!({
            "id": user.id,
            "username": user.username,
            "public_email": null,
            "name": user.name,
            "state": "active",
            "locked": false,
            "avatar_url": format!("{}/uploads/-/system/user/avatar/{}/avatar.png", self.base(), user.id),
            "web_url": format!("{}/{}", self.base(), user.username),
        })
    }

    pub(super) fn users_json(&self, ids: &[u64]) -> Vec<Value> {
        ids.iter().map(|&id| self.user_json(id)).collect()
    }

    pub(super) fn commit_json(&self, commit: &Commit) -> Value {
        let Signature { name: author, email: author_email, date: authored } = &commit.author;
        let Signature { name: committer, email: committer_email, date: committed } = &commit.committer;
        json!({
            "id": commit.id,
            "short_id": commit.id.get(..8),
            "created_at": git_time(committed),
            "parent_ids": commit.parents,
            "title": commit.title(),
            "message": commit.message,
            "author_name": author,
            "author_email": author_email,
            "authored_date": git_time(authored),
            "committer_name": committer,
            "committer_email": committer_email,
            "committed_date": git_time(committed),
            "trailers": {},
            "extended_trailers": {},
            "web_url": format!("{}/-/commit/{}", self.project_web(), commit.id),
        })
    }

    pub(super) fn commit_of(&self, sha: &str) -> Value {
        self.repository.commit(sha).map_or(Value::Null, |commit| self.commit_json(&commit))
    }

    pub(super) fn pipeline_basic(&self, pipeline: &Pipeline) -> Value {
        json!({
            "id": pipeline.id,
            "iid": pipeline.iid,
            "project_id": PROJECT_ID,
            "sha": pipeline.sha,
            "ref": pipeline.reference,
            "status": self.pipeline_status(pipeline.id),
            "source": pipeline.source,
            "created_at": time(pipeline.created_at),
            "updated_at": time(pipeline.updated_at),
            "web_url": format!("{}/-/pipelines/{}", self.project_web(), pipeline.id),
            "name": null,
        })
    }

    pub(super) fn pipeline_json(&self, pipeline: &Pipeline) -> Value {
        let mut json = self.pipeline_basic(pipeline);
        let status = self.pipeline_status(pipeline.id);
        let path = format!("{}/{}/-/pipelines/{}", self.setup.root, self.setup.project, pipeline.id);
        json["before_sha"] = pipeline.before_sha.clone().unwrap_or_else(|| "0".repeat(40)).into();
        json["tag"] = false.into();
        json["yaml_errors"] = Value::Null;
        json["user"] = self.user_json(pipeline.user);
        json["started_at"] = maybe(pipeline.started_at);
        json["finished_at"] = maybe(pipeline.finished_at);
        json["committed_at"] = Value::Null;
        json["duration"] = seconds(pipeline.started_at, pipeline.finished_at);
        json["queued_duration"] = seconds(Some(pipeline.created_at), pipeline.started_at);
        json["coverage"] = Value::Null;
        json["archived"] = false.into();
        json["detailed_status"] = json!({
            "icon": format!("status_{status}"),
            "text": status,
            "label": status,
            "group": status,
            "tooltip": status,
            "has_details": true,
            "details_path": path,
            "illustration": null,
            "favicon": format!("/assets/ci_favicons/favicon_status_{status}.png"),
        });
        if status == "manual" {
            json["detailed_status"]["text"] = "Blocked".into();
            json["detailed_status"]["label"] = "waiting for manual action".into();
        }
        // The schema wants an object here or nothing.
        if let Some(detailed) = json["detailed_status"].as_object_mut() {
            detailed.remove("illustration");
        }
        json
    }

    pub(super) fn job_json(&self, job: &Job) -> Value {
        let (pipeline, sha) = match self.pipeline(job.pipeline) {
            Some(pipeline) => (self.pipeline_basic(pipeline), pipeline.sha.clone()),
            None => (Value::Null, String::new()),
        };
        let mut json = json!({
            "id": job.id,
            "status": job.status.name(),
            "stage": job.spec.stage,
            "name": job.spec.name,
            "ref": pipeline["ref"],
            "tag": false,
            "coverage": null,
            "allow_failure": job.spec.allow_failure,
            "created_at": time(job.created_at),
            "started_at": maybe(job.started_at),
            "finished_at": maybe(job.finished_at),
            "erased_at": null,
            "duration": seconds(job.started_at, job.finished_at),
            "queued_duration": seconds(job.started_at.map(|_| job.created_at), job.started_at),
            "user": self.user_json(job.user),
            "commit": self.commit_of(&sha),
            "pipeline": pipeline,
            "web_url": format!("{}/-/jobs/{}", self.project_web(), job.id),
            "project": {"ci_job_token_scope_enabled": false},
            "artifacts": archive(job),
            "runner": null,
            "runner_manager": null,
            "artifacts_expire_at": null,
            "archived": false,
            "tag_list": [],
        });
        if let Some(reason) = job.failure_reason {
            json["failure_reason"] = reason.into();
        }
        json
    }

    /// A deployment as lists and other records show it: without approvals.
    pub(super) fn deployment_json(&self, deployment: &Deployment, with_environment: bool) -> Value {
        let mut json = json!({
            "id": deployment.id,
            "iid": deployment.iid,
            "ref": deployment.reference,
            "sha": deployment.sha,
            "created_at": time(deployment.created_at),
            "updated_at": time(deployment.updated_at),
            "user": self.user_json(deployment.user),
            "deployable": deployment.job.and_then(|id| self.job(id)).map(|job| self.job_json(job)),
            "status": deployment.status,
        });
        if with_environment {
            json["environment"] = self.environment_basic();
        }
        json
    }
}
