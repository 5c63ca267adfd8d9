//! Deployments, their approvals, and environments.
//!
//! `blocked` is set for every manual deployment job, approvals or not: what waits for approval is told
//! by the rules of [`ApprovalSummary`], never by the status.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AccessLevel, CiStatus, Client, JobPipeline, Result, User};
use crate::http::Method;

words! {
    /// The state of a deployment.
    DeploymentStatus {
        Created = "created",
        Running = "running",
        Success = "success",
        Failed = "failed",
        Canceled = "canceled",
        Skipped = "skipped",
        Blocked = "blocked",
    }
}

words! {
    /// What an approver said.
    Verdict { Approved = "approved", Rejected = "rejected" }
}

/// A deployment. Approvals are told only when it is read alone, and only by licensed instances.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub id: u64,
    /// The branch or tag.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What it deploys.
    pub sha: String,
    /// Its state.
    pub status: DeploymentStatus,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// Who started the pipeline: on `main`, who merged. GitLab compares approvers with this one.
    pub user: Option<User>,
    /// Where to.
    pub environment: Option<Environment>,
    /// The job that does it.
    pub deployable: Option<Deployable>,
    /// How many approvals are missing.
    pub pending_approval_count: Option<u64>,
    /// The rules, with what was said under each.
    pub approval_summary: Option<ApprovalSummary>,
    /// What was said, under old unified approvals too.
    #[serde(default, deserialize_with = "super::or_default")]
    pub approvals: Vec<Approval>,
}

/// The job of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deployable {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: CiStatus,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Its pipeline.
    pub pipeline: Option<JobPipeline>,
    /// Its page.
    pub web_url: Option<String>,
}

/// The approval rules of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApprovalSummary {
    /// All of them; none where the environment asks for no approval.
    #[serde(default, deserialize_with = "super::or_default")]
    pub rules: Vec<ApprovalRule>,
}

/// One approval rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApprovalRule {
    /// Its number.
    pub id: Option<u64>,
    /// The user who may approve under it.
    pub user_id: Option<u64>,
    /// The group whose members may.
    pub group_id: Option<u64>,
    /// Everyone of this level and above may.
    pub access_level: Option<u64>,
    /// Its label: a user's name, a group's name, or words such as `Maintainers`.
    pub access_level_description: Option<String>,
    /// How many approvals it asks for.
    pub required_approvals: u64,
    /// 1 when members of parent groups count as well.
    pub group_inheritance_type: Option<u64>,
    /// What was said under it.
    #[serde(default, deserialize_with = "super::or_default")]
    pub deployment_approvals: Vec<Approval>,
}

/// What one approver said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Approval {
    /// Who.
    pub user: User,
    /// Yes or no.
    pub status: Verdict,
    /// When.
    pub created_at: Option<Timestamp>,
    /// Why.
    pub comment: Option<String>,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Environment {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// `available`, `stopping` or `stopped`.
    pub state: Option<String>,
    /// `production`, `staging` and others; group-level protection goes by this.
    pub tier: Option<String>,
    /// Where it is served.
    pub external_url: Option<String>,
}

/// The protection of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProtectedEnvironment {
    /// Its name; a tier when a group protects it.
    pub name: String,
    /// Who may start deployments. Approvers are not among them by themselves.
    #[serde(default, deserialize_with = "super::or_default")]
    pub deploy_access_levels: Vec<AccessLevel>,
    /// Old unified approvals; 0 when rules are used.
    pub required_approval_count: Option<u64>,
    /// Who must approve.
    #[serde(default, deserialize_with = "super::or_default")]
    pub approval_rules: Vec<ApprovalRule>,
}

/// An answer to a deployment that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewApproval {
    /// Approve, or reject for good: a rejected deployment cannot be approved any more.
    #[serde(rename = "status", serialize_with = "verdict")]
    pub approve: bool,
    /// At most 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The label of the rule it is for. GitLab matches a part of a label too; without it the first rule
    /// that fits is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub represented_as: Option<String>,
}

fn verdict<S: serde::Serializer>(approve: &bool, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(if *approve { "approved" } else { "rejected" })
}

impl Client {
    /// The deployments to an environment, newest first, at most `limit`.
    pub fn deployments(
        &self,
        environment: &str,
        status: Option<DeploymentStatus>,
        limit: usize,
    ) -> Result<Vec<Deployment>> {
        let request = self
            .in_project(Method::Get, &["deployments"])
            .query("environment", environment)
            .query_if("status", status)
            // The default is oldest first.
            .query("order_by", "id")
            .query("sort", "desc");
        self.first(&request, limit)
    }

    /// One deployment, with its approvals.
    pub fn deployment(&self, id: u64) -> Result<Deployment> {
        self.get(&self.in_project(Method::Get, &["deployments", &id.to_string()]))
    }

    /// Approves or rejects a deployment. 400 with the reason in words: one's own, nothing waits, no
    /// such rule, no right.
    pub fn approve_deployment(&self, id: u64, approval: &NewApproval) -> Result<Approval> {
        let request = self.in_project(Method::Post, &["deployments", &id.to_string(), "approval"]);
        self.write(&request.json(&json!(approval)))
    }

    /// The environment of this name.
    pub fn environment(&self, name: &str) -> Result<Option<Environment>> {
        let request = self.in_project(Method::Get, &["environments"]).query("name", name);
        let found: Vec<Environment> = self.list(&request)?;
        Ok(found.into_iter().find(|environment| environment.name == name))
    }

    /// Its protection; `None` when there is none in the project (its group may have one). 403 below
    /// Maintainer: take the rules from the deployment instead.
    pub fn protected_environment(&self, name: &str) -> Result<Option<ProtectedEnvironment>> {
        self.find(&self.in_project(Method::Get, &["protected_environments", name]))
    }
}
