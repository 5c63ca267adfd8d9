//! The state: one project with its people, merge requests, pipelines, jobs and deployments.
//!
//! Owns the records and how they are found. How time moves them is in `advance`, what requests do
//! to them is in the file of each resource. A clone is a snapshot that shares the repository.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::advance::Due;
use super::blockers::{Dependency, StatusCheck};
use super::limit::Counts;
use super::repository::Repository;
use super::scenario::Event;
use super::setup::{JobSpec, Setup};

/// The project's id in the API.
pub(super) const PROJECT_ID: u64 = 42;

/// One account.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: String,
    pub(super) name: String,
    /// Access level in the project; `None` is no member.
    pub(super) level: Option<u8>,
    /// Paths of the groups it is in.
    pub(super) groups: Vec<String>,
}

impl User {
    pub(super) fn email(&self) -> String {
        format!("{}@shop.example", self.username)
    }

    pub(super) fn has(&self, level: u8) -> bool {
        self.level.is_some_and(|own| own >= level)
    }
}

/// A personal or project access token.
#[derive(Debug, Clone)]
pub struct Token {
    pub(super) id: u64,
    pub(super) secret: String,
    pub(super) user: u64,
    /// The job whose token it is; it lives as long as that runs, and has no scopes.
    pub(super) job: Option<u64>,
    /// `api`, `read_api`, `write_repository`, `read_repository`.
    pub scopes: Vec<String>,
    /// The day it dies, `YYYY-MM-DD`.
    pub expires_at: Option<String>,
    /// Taken away.
    pub revoked: bool,
}

/// A label of the project.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) color: String,
    pub(super) description: Option<String>,
}

/// `state` of a merge request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Opened,
    Closed,
    Merged,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Opened => "opened",
            State::Closed => "closed",
            State::Merged => "merged",
        }
    }
}

/// How far the check against the target branch is (`merge_status`, and the first part of
/// `detailed_merge_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Preparing,
    Unchecked,
    Checking,
    Can,
    Cannot,
}

/// A comment on a merge request.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) id: u64,
    pub(super) author: u64,
    pub(super) body: String,
    pub(super) system: bool,
    /// Whether it begins a thread, which somebody has to resolve.
    pub(super) resolvable: bool,
    pub(super) resolved: Option<(u64, Timestamp)>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// What auto-merge will do once everything is green.
#[derive(Debug, Clone)]
pub(super) struct AutoMerge {
    pub(super) user: u64,
    pub(super) squash: Option<bool>,
    pub(super) remove_source: Option<bool>,
}

/// A merge request.
#[derive(Debug, Clone)]
pub(super) struct MergeRequest {
    pub(super) id: u64,
    pub(super) iid: u64,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) author: u64,
    pub(super) assignees: Vec<u64>,
    pub(super) reviewers: Vec<u64>,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) labels: Vec<String>,
    pub(super) state: State,
    pub(super) check: Check,
    /// The source branch's head as far as the merge request knows it.
    pub(super) sha: String,
    /// Where the target was when `sha` was taken; with the merge base, the diff's references.
    pub(super) base: Option<(String, String)>,
    pub(super) prepared_at: Option<Timestamp>,
    pub(super) head_pipeline: Option<u64>,
    pub(super) squash: bool,
    pub(super) remove_source: bool,
    pub(super) auto_merge: Option<AutoMerge>,
    pub(super) merge_commit_sha: Option<String>,
    pub(super) squash_commit_sha: Option<String>,
    pub(super) merged: Option<(u64, Timestamp)>,
    pub(super) closed: Option<(u64, Timestamp)>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) approvals: Vec<(u64, Timestamp)>,
    /// Not to be merged before.
    pub(super) merge_after: Option<Timestamp>,
    /// What holds it that no request can set, by the names of `detailed_merge_status`.
    pub(super) held: BTreeSet<&'static str>,
    pub(super) notes: Vec<Note>,
}

impl MergeRequest {
    pub(super) fn draft(&self) -> bool {
        let title = self.title.to_lowercase();
        ["draft:", "[draft]", "(draft)"].iter().any(|mark| title.starts_with(mark))
    }
}

/// A pipeline; its status is computed from its jobs.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) id: u64,
    pub(super) iid: u64,
    pub(super) sha: String,
    pub(super) before_sha: Option<String>,
    pub(super) reference: String,
    pub(super) source: &'static str,
    pub(super) user: u64,
    pub(super) merge_request: Option<u64>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
}

/// `status` of a job, as far as this world gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Pending,
    Running,
    Success,
    Failed,
    Canceled,
    Skipped,
    Manual,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
            Status::Skipped => "skipped",
            Status::Manual => "manual",
        }
    }

    /// Success, failed or canceled: what can be retried.
    pub(super) fn is_complete(self) -> bool {
        matches!(self, Status::Success | Status::Failed | Status::Canceled)
    }
}

/// A job.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) pipeline: u64,
    pub(super) spec: JobSpec,
    pub(super) status: Status,
    pub(super) user: u64,
    pub(super) failure_reason: Option<&'static str>,
    /// A newer job of the same name took its place.
    pub(super) retried: bool,
    pub(super) created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    /// What the job's script said beyond the ordinary.
    pub(super) log: String,
    /// The files it left, by their path.
    pub(super) artifacts: BTreeMap<String, Vec<u8>>,
}

/// One approval or rejection of a deployment.
#[derive(Debug, Clone)]
pub(super) struct Approval {
    pub(super) user: u64,
    pub(super) rule: u64,
    pub(super) approved: bool,
    pub(super) comment: String,
    pub(super) created_at: Timestamp,
}

/// A deployment to the production environment.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: u64,
    pub(super) iid: u64,
    pub(super) sha: String,
    pub(super) reference: String,
    /// Who triggered the pipeline; on the production branch, who merged.
    pub(super) user: u64,
    /// `None` where a script recorded the deployment through the API.
    pub(super) job: Option<u64>,
    /// created, blocked, running, success, failed, canceled, skipped.
    pub(super) status: &'static str,
    pub(super) approvals: Vec<Approval>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
    /// The apps went back to what they ran before. GitLab is not told: its answers stay as they were.
    pub(super) taken_back: bool,
}

/// The whole GitLab.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) setup: Setup,
    pub(super) repository: Repository,
    /// `http://127.0.0.1:<port>`, known once served.
    pub(super) origin: String,
    pub(super) seconds: i64,
    pub(super) reads: u64,
    pub(super) last_id: u64,
    pub(super) users: Vec<User>,
    pub(super) tokens: Vec<Token>,
    pub(super) labels: Vec<Label>,
    /// Branches with their commits, as the API knows them.
    pub(super) branches: BTreeMap<String, String>,
    pub(super) protected: BTreeSet<String>,
    pub(super) merge_requests: Vec<MergeRequest>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) status_checks: Vec<StatusCheck>,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) jobs: Vec<Job>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) due: Vec<Due>,
    pub(super) counts: Counts,
    pub(super) events: Vec<Event>,
    /// The names of the jobs that runners work, and the ids of those that one has taken.
    pub(super) runners_work: BTreeSet<String>,
    pub(super) runners_have: BTreeSet<u64>,
    /// What only the forms of this world's own pages carry.
    pub(super) page_token: String,
    /// What colleagues tried in a story and were refused.
    pub refused: Vec<String>,
}

impl World {
    /// The world's wall clock.
    pub fn now(&self) -> Timestamp {
        self.setup.start.saturating_add(SignedDuration::from_secs(self.seconds)).unwrap_or(self.setup.start)
    }

    pub(super) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The base of every address, without a slash at its end.
    pub(super) fn base(&self) -> String {
        format!("{}{}", self.origin, self.setup.root)
    }

    pub(super) fn project_web(&self) -> String {
        format!("{}/{}", self.base(), self.setup.project)
    }

    /// The account of an id that the world itself handed out.
    pub(super) fn user(&self, id: u64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(super) fn user_named(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username == username)
    }

    pub(super) fn merge_request(&self, iid: u64) -> Option<&MergeRequest> {
        self.merge_requests.iter().find(|found| found.iid == iid)
    }

    pub(super) fn merge_request_mut(&mut self, iid: u64) -> Option<&mut MergeRequest> {
        self.merge_requests.iter_mut().find(|found| found.iid == iid)
    }

    pub(super) fn pipeline(&self, id: u64) -> Option<&Pipeline> {
        self.pipelines.iter().find(|found| found.id == id)
    }

    pub(super) fn job(&self, id: u64) -> Option<&Job> {
        self.jobs.iter().find(|found| found.id == id)
    }

    pub(super) fn job_mut(&mut self, id: u64) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|found| found.id == id)
    }

    pub(super) fn deployment(&self, id: u64) -> Option<&Deployment> {
        self.deployments.iter().find(|found| found.id == id)
    }

    pub(super) fn deployment_of(&self, job: u64) -> Option<&Deployment> {
        self.deployments.iter().find(|found| found.job == Some(job))
    }

    pub(super) fn deployment_of_mut(&mut self, job: u64) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|found| found.job == Some(job))
    }

    /// The last deployment that succeeded, in the order they finished: what GitLab says production runs.
    pub(super) fn in_production(&self) -> Option<&Deployment> {
        self.succeeded().max_by_key(|deployment| (deployment.finished_at, deployment.id))
    }

    /// What the apps run, whether or not GitLab knows.
    pub(super) fn on_the_apps(&self) -> Option<&Deployment> {
        let stand = self.succeeded().filter(|deployment| !deployment.taken_back);
        stand.max_by_key(|deployment| (deployment.finished_at, deployment.id))
    }

    fn succeeded(&self) -> impl Iterator<Item = &Deployment> {
        self.deployments.iter().filter(|deployment| deployment.status == "success")
    }

    /// The commit that production runs.
    pub fn production_commit(&self) -> Option<String> {
        self.on_the_apps().map(|deployment| deployment.sha.clone())
    }

    /// The commit of a branch.
    pub fn branch(&self, name: &str) -> Option<String> {
        self.branches.get(name).cloned()
    }
}
