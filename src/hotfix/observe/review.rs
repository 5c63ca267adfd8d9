//! Merge requests, their pipelines and notes, from GitLab's form into facts.

use crate::error::{Kind, Problem, Result};
use crate::gitlab;
use crate::hotfix::describe;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{
    Confirmation, Fact, Job, MergeRequest, Pipeline, RequestState, RunStatus, Sha, Snapshot,
};

/// The state, as facts have it.
pub(super) fn state(state: &gitlab::MergeRequestState) -> RequestState {
    match state {
        gitlab::MergeRequestState::Opened => RequestState::Opened,
        gitlab::MergeRequestState::Closed => RequestState::Closed,
        gitlab::MergeRequestState::Locked => RequestState::Locked,
        gitlab::MergeRequestState::Merged => RequestState::Merged,
        other => RequestState::Other(other.to_string()),
    }
}

/// The merge request to the production branch.
pub(super) fn request(site: &Site<'_>, mr: &gitlab::MergeRequest) -> Result<MergeRequest> {
    let head = mr.sha.as_deref().and_then(Sha::parse).ok_or_else(|| {
        Problem::new(Kind::Unreachable, format!("GitLab names no head commit for !{} yet", mr.iid))
            .hint("run the same command again in a moment")
    })?;
    let open = mr.state == gitlab::MergeRequestState::Opened;
    let mut approvals_left = Fact::Unknown;
    let mut approved_by = Vec::new();
    if let (Some(gitlab), true) = (site.gitlab, open) {
        let approvals = gitlab.approvals(mr.iid)?;
        approvals_left = Fact::read(approvals.approvals_left.and_then(|left| u32::try_from(left).ok()));
        approved_by = approvals.approved_by.into_iter().map(|by| by.user.username).collect();
    }
    let pipeline = match (&mr.head_pipeline, open) {
        (_, false) => Fact::Unknown,
        (Some(pipeline), true) if belongs(pipeline, &head) => Fact::Known(self::pipeline(site, pipeline)?),
        // None yet, or still the one of the commit before.
        (_, true) => Fact::Absent,
    };
    Ok(MergeRequest {
        iid: mr.iid,
        title: mr.title.clone(),
        state: state(&mr.state),
        head,
        author: mr.author.as_ref().map(|user| user.username.clone()).unwrap_or_default(),
        author_id: mr.author.as_ref().map(|user| user.id).unwrap_or_default(),
        web_url: mr.web_url.clone().unwrap_or_default(),
        merge_status: mr.detailed_merge_status.as_ref().map(ToString::to_string).unwrap_or_default(),
        merge_error: mr.merge_error.clone(),
        auto_merge: mr.merge_when_pipeline_succeeds,
        pipeline,
        approvals_left,
        approved_by,
        merged_by: mr.merge_user.as_ref().map(|user| user.username.clone()),
        merged_at: mr.merged_at,
    })
}

/// A merged-results or train pipeline runs on a commit of its own; every other one on the head itself.
fn belongs(pipeline: &gitlab::Pipeline, head: &Sha) -> bool {
    let reference = pipeline.reference.as_deref().unwrap_or_default();
    let own_commit = reference.starts_with("refs/merge-requests/")
        && (reference.ends_with("/merge") || reference.ends_with("/train"));
    own_commit || pipeline.sha == head.as_str()
}

/// A pipeline, with the names of the jobs that failed it.
pub(super) fn pipeline(site: &Site<'_>, pipeline: &gitlab::Pipeline) -> Result<Pipeline> {
    let status = RunStatus::parse(pipeline.status.as_str());
    let failed_jobs = match (site.gitlab, &status) {
        (Some(gitlab), RunStatus::Failed | RunStatus::Canceled) => {
            let failed = |job: &gitlab::Job| {
                !job.allow_failure && matches!(job.status.as_str(), "failed" | "canceled")
            };
            let mut jobs = gitlab.jobs(pipeline.id, false, failed)?;
            jobs.sort_by_key(|job| job.id);
            jobs.into_iter().map(|job| job.name).collect()
        }
        _ => Vec::new(),
    };
    let seconds = match (pipeline.started_at, pipeline.finished_at) {
        (Some(from), Some(to)) => u64::try_from(to.duration_since(from).as_secs()).ok(),
        _ => None,
    };
    Ok(Pipeline {
        id: pipeline.id,
        status,
        web_url: pipeline.web_url.clone().unwrap_or_default(),
        failed_jobs,
        created_at: pipeline.created_at,
        seconds,
    })
}

/// A job.
pub(super) fn job(job: &gitlab::Job) -> Job {
    Job {
        id: job.id,
        name: job.name.clone(),
        status: RunStatus::parse(job.status.as_str()),
        failure_reason: job.failure_reason.clone(),
        web_url: job.web_url.clone().unwrap_or_default(),
        finished_at: job.finished_at,
    }
}

/// The note that records a person's confirmation of the landed commit.
pub(super) fn confirmation(site: &Site<'_>, s: &Snapshot) -> Result<Fact<Confirmation>> {
    let (Some(gitlab), Some(landed)) = (site.gitlab, s.landed.known()) else { return Ok(Fact::Unknown) };
    // Nobody can have seen it in production before it was there.
    if !s.production.known().is_some_and(|production| production.has_fix.yes() || production.had_fix.yes()) {
        return Ok(Fact::Absent);
    }
    let Some(mr) = s.merge_request.known() else { return Ok(Fact::Absent) };
    let read = |body: &str| describe::confirmed(&landed.commit, body);
    let notes = gitlab.notes(mr.iid, |note| !note.system && read(&note.body).is_some())?;
    Ok(Fact::read(notes.into_iter().next().map(|note| Confirmation {
        text: read(&note.body).unwrap_or_default(),
        by: note.author.map(|user| user.username).unwrap_or_default(),
        at: note.created_at,
    })))
}
