//! Merge requests: find, read, open, change, merge.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Client, Commit, Error, Pipeline, Result, User};
use crate::http::{Method, Request};

words! {
    /// Where a merge request stands; `locked` means that the merge is under way.
    MergeRequestState { Opened = "opened", Closed = "closed", Locked = "locked", Merged = "merged" }
}

words! {
    /// Why it cannot be merged. Only one blocker is shown, and `not_approved` hides a running pipeline:
    /// look at approvals and pipeline on their own.
    DetailedStatus {
        ApprovalsSyncing = "approvals_syncing",
        Checking = "checking",
        CiMustPass = "ci_must_pass",
        CiStillRunning = "ci_still_running",
        CommitsStatus = "commits_status",
        Conflict = "conflict",
        DiscussionsNotResolved = "discussions_not_resolved",
        DraftStatus = "draft_status",
        JiraAssociationMissing = "jira_association_missing",
        LockedLfsFiles = "locked_lfs_files",
        LockedPaths = "locked_paths",
        Mergeable = "mergeable",
        MergeRequestBlocked = "merge_request_blocked",
        MergeTime = "merge_time",
        NeedRebase = "need_rebase",
        NotApproved = "not_approved",
        NotOpen = "not_open",
        Preparing = "preparing",
        RequestedChanges = "requested_changes",
        SecurityPolicyViolations = "security_policy_violations",
        StatusChecksMustPass = "status_checks_must_pass",
        TitleRegex = "title_regex",
        Unchecked = "unchecked",
    }
}

impl DetailedStatus {
    /// Whether GitLab is still computing it; reading the merge request again makes it go on.
    pub fn is_transient(&self) -> bool {
        use DetailedStatus as S;
        matches!(self, S::Preparing | S::Checking | S::Unchecked | S::ApprovalsSyncing)
    }
}

/// A merge request, from a list or read alone; lists leave some fields out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MergeRequest {
    /// Its number in the project, as in `!412`.
    pub iid: u64,
    /// Where it stands.
    pub state: MergeRequestState,
    /// Its title; a draft's begins with `Draft:`.
    pub title: String,
    /// Its description.
    pub description: Option<String>,
    /// Where the change comes from.
    pub source_branch: String,
    /// Where it goes.
    pub target_branch: String,
    /// Differs from the target's for a fork; null when the fork is gone.
    pub source_project_id: Option<u64>,
    /// The project it belongs to.
    pub target_project_id: Option<u64>,
    /// The head of the source branch.
    pub sha: Option<String>,
    /// Whether it is a draft.
    #[serde(default, deserialize_with = "super::or_default")]
    pub draft: bool,
    /// Why it cannot be merged.
    pub detailed_merge_status: Option<DetailedStatus>,
    /// False until checked.
    pub has_conflicts: Option<bool>,
    /// Why the last try to merge failed.
    pub merge_error: Option<String>,
    /// Null until GitLab first looked at it.
    pub prepared_at: Option<Timestamp>,
    /// Made some time after the push; absent also when pipelines may not be read. After a push it may
    /// still be the one before.
    pub head_pipeline: Option<Pipeline>,
    /// The merge commit, null for fast-forwards.
    pub merge_commit_sha: Option<String>,
    /// The squashed commit.
    pub squash_commit_sha: Option<String>,
    /// Whether merging will squash, settings considered.
    pub squash_on_merge: Option<bool>,
    /// Who merged it.
    pub merge_user: Option<User>,
    /// When it was merged.
    pub merged_at: Option<Timestamp>,
    /// Who closed it.
    pub closed_by: Option<User>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// When it was opened.
    pub created_at: Option<Timestamp>,
    /// When anything last changed.
    pub updated_at: Option<Timestamp>,
    /// Whether auto-merge is set; the field kept its old name.
    #[serde(default, deserialize_with = "super::or_default")]
    pub merge_when_pipeline_succeeds: bool,
    /// False while threads are open.
    pub blocking_discussions_resolved: Option<bool>,
    /// Base, head and start of its diff; null at first.
    pub diff_refs: Option<DiffRefs>,
    /// The names of its labels.
    #[serde(default, deserialize_with = "super::or_default")]
    pub labels: Vec<String>,
    /// Who opened it.
    pub author: Option<User>,
    /// Whose work it is.
    #[serde(default, deserialize_with = "super::or_default")]
    pub assignees: Vec<User>,
    /// Who shall look at it.
    #[serde(default, deserialize_with = "super::or_default")]
    pub reviewers: Vec<User>,
    /// Its page.
    pub web_url: Option<String>,
    /// Its names.
    pub references: Option<References>,
    /// Whether the token's user may merge it; read alone only.
    pub user: Option<Rights>,
}

/// The ends of a merge request's diff.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DiffRefs {
    /// The merge base with the target.
    pub base_sha: Option<String>,
    /// The head.
    pub head_sha: Option<String>,
}

/// The names of a merge request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct References {
    /// As in `group/project!412`.
    pub full: Option<String>,
}

/// What the token's user may do with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rights {
    /// Whether they may merge it.
    pub can_merge: Option<bool>,
}

/// Who approved a merge request. Without a licence `approved` means that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Approvals {
    /// Whether all rules are met.
    pub approved: Option<bool>,
    /// How many are asked for; licensed instances only.
    pub approvals_required: Option<u64>,
    /// How many are missing; licensed instances only.
    pub approvals_left: Option<u64>,
    /// Who approved.
    #[serde(default, deserialize_with = "super::or_default")]
    pub approved_by: Vec<ApprovedBy>,
    /// Whether the token's user may approve.
    pub user_can_approve: Option<bool>,
    /// Whether the token's user did.
    pub user_has_approved: Option<bool>,
}

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApprovedBy {
    /// By whom.
    pub user: User,
    /// When, on instances that tell.
    pub approved_at: Option<Timestamp>,
}

/// Which merge requests to list. Without a state: all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MergeRequestFilter {
    /// Exactly this source branch.
    pub source_branch: Option<String>,
    /// Exactly this target branch.
    pub target_branch: Option<String>,
    /// Only those in this state.
    pub state: Option<MergeRequestState>,
    /// Only those with all of these labels.
    pub labels: Vec<String>,
    /// Words in title or description.
    pub search: Option<String>,
    /// Only those changed since.
    pub updated_after: Option<Timestamp>,
}

/// What to open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewMergeRequest {
    /// Where the change comes from.
    pub source_branch: String,
    /// Where it goes.
    pub target_branch: String,
    /// `Draft: ` in front makes it a draft.
    pub title: String,
    /// Markdown.
    pub description: String,
    /// Labels that do not exist are made by GitLab.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whose work it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignee_ids: Vec<u64>,
    /// Who shall look at it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reviewer_ids: Vec<u64>,
    /// Whether merging squashes; the project's default otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub squash: Option<bool>,
    /// Whether merging removes the branch; the project's default otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_source_branch: Option<bool>,
}

impl MergeRequest {
    /// Whether its branch is another project's.
    pub fn is_from_fork(&self) -> bool {
        self.source_project_id != self.target_project_id
    }
}

/// What to change; what is not given stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MergeRequestChange {
    /// A new title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A new description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Labels to add; others stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_labels: Vec<String>,
    /// Labels to take off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_labels: Vec<String>,
    /// All assignees, in place of those before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee_ids: Option<Vec<u64>>,
    /// All reviewers, in place of those before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewer_ids: Option<Vec<u64>>,
    /// Closes or reopens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_event: Option<StateEvent>,
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StateEvent {
    /// Close it.
    Close,
    /// Open it again.
    Reopen,
}

impl Client {
    /// The merge requests that fit, from the project's own branches, among the newest `limit`: newest first. A
    /// fork's branch may bear any name.
    pub fn merge_requests(&self, filter: &MergeRequestFilter, limit: usize) -> Result<Vec<MergeRequest>> {
        Ok(self.newest_merge_requests(filter, limit)?.0)
    }

    /// As [`merge_requests`](Self::merge_requests), and whether nothing that fits lies beyond the limit.
    pub fn newest_merge_requests(
        &self,
        filter: &MergeRequestFilter,
        limit: usize,
    ) -> Result<(Vec<MergeRequest>, bool)> {
        let state = filter.state.as_ref().map_or("all", MergeRequestState::as_str);
        let labels = Some(filter.labels.join(",")).filter(|labels| !labels.is_empty());
        let request = self
            .in_project(Method::Get, &["merge_requests"])
            .query("state", state)
            .query_if("source_branch", filter.source_branch.as_deref())
            .query_if("target_branch", filter.target_branch.as_deref())
            .query_if("labels", labels)
            .query_if("search", filter.search.as_deref())
            .query_if("updated_after", filter.updated_after)
            .query("order_by", "created_at")
            .query("sort", "desc");
        let mut found: Vec<MergeRequest> = self.first(&request, limit)?;
        let whole = found.len() < limit;
        found.retain(|mr| !mr.is_from_fork());
        Ok((found, whole))
    }

    /// One merge request. Reading it also makes GitLab check whether it can be merged.
    pub fn merge_request(&self, iid: u64) -> Result<MergeRequest> {
        self.get(&self.merge_request_at(Method::Get, iid, &[]))
    }

    /// Opens one. 409 when there is one for the same branches.
    pub fn create_merge_request(&self, new: &NewMergeRequest) -> Result<MergeRequest> {
        let opened: MergeRequest =
            self.write(&self.in_project(Method::Post, &["merge_requests"]).json(&json!(new)))?;
        self.has_opened(opened.iid);
        Ok(opened)
    }

    /// Changes one.
    pub fn update_merge_request(&self, iid: u64, change: &MergeRequestChange) -> Result<MergeRequest> {
        self.write(&self.merge_request_at(Method::Put, iid, &[]).json(&json!(change)))
    }

    /// Merges it if its head still is `sha`; with `auto`, as soon as its pipeline is good (the answer is
    /// then still open). 405: something blocks it. 409: another head. 422: git refuses.
    pub fn merge(&self, iid: u64, sha: &str, auto: bool) -> Result<MergeRequest> {
        let mut body = json!({ "sha": sha });
        if auto {
            // Renamed to `auto_merge` in 17.11, where the old name still is understood.
            body["merge_when_pipeline_succeeds"] = true.into();
        }
        let request = self.merge_request_at(Method::Put, iid, &["merge"]).json(&body);
        let outcome = self.write(&request);
        match outcome {
            // GitLab says 401 here to a good token whose user may not merge.
            Err(Error::Unauthorized { text, had_token: true, .. }) if !text.contains("token") => {
                Err(Error::Forbidden {
                    call: request.call(),
                    text: format!("you may not merge !{iid} ({text})"),
                })
            }
            outcome => outcome,
        }
    }

    /// Who approved it.
    pub fn approvals(&self, iid: u64) -> Result<Approvals> {
        self.get(&self.merge_request_at(Method::Get, iid, &["approvals"]))
    }

    /// Its pipelines, newest first. `ref` tells the kind: a branch, or `refs/merge-requests/N/head`,
    /// `/merge` (its `sha` then is a temporary merge commit) or `/train`.
    pub fn merge_request_pipelines(&self, iid: u64) -> Result<Vec<Pipeline>> {
        self.list(&self.merge_request_at(Method::Get, iid, &["pipelines"]))
    }

    /// Its commits, newest first.
    pub fn merge_request_commits(&self, iid: u64) -> Result<Vec<Commit>> {
        self.list(&self.merge_request_at(Method::Get, iid, &["commits"]))
    }

    pub(super) fn merge_request_at(&self, method: Method, iid: u64, rest: &[&str]) -> Request {
        let iid = iid.to_string();
        self.in_project(method, &[&["merge_requests", &iid], rest].concat())
    }
}
