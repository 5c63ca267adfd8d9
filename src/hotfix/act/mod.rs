//! The only writer: carries out one step, on exactly the ids it was planned on.
//!
//! A refusal because the world moved is [`Acted::Stale`], never an error. A write whose answer was lost is
//! [`Acted::Unclear`]: the loop reads back before anything is decided. No write is ever sent twice here.

mod resolve;

use crate::error::{Kind, Problem, Result};
use crate::git::commit::{self, Options};
use crate::git::conflict::ConflictPath;
use crate::git::remote::{Expect, Push, PushOutcome};
use crate::git::{Oid, Repo};
use crate::gitlab::{
    Client, Error, MergeRequestChange, MergeRequestState, NewApproval, NewMergeRequest, StateEvent,
};
use crate::hotfix::describe;
use crate::hotfix::observe::{as_bytes, of_landed, oid};
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{BranchContent, Landed, Pick, Sha};
use crate::hotfix::step::{Acted, Consent, Step, Written, declined};

/// Carries out a step.
pub(super) fn act(site: &Site<'_>, step: &Step, consent: Option<&Consent>) -> Result<Acted> {
    if step.dangerous() && !consent.is_some_and(|consent| consent.covers(step)) {
        return Err(declined(step));
    }
    match step {
        Step::Push { branch, tip, expect } => {
            let expect = expect.as_ref().map(oid).transpose()?.map_or(Expect::Absent, Expect::At);
            push(site, branch, Some(oid(tip)?), expect, true)
        }
        Step::DeleteRemoteBranch { branch, at } => push(site, branch, None, Expect::At(oid(at)?), true),
        Step::PushBackport { branch, onto, landed, pick, .. } => {
            let Some(tip) = write_backport(site, onto, landed, pick)? else {
                return Ok(Acted::Stale("there is nothing to write for this pick".to_owned()));
            };
            push(site, branch, Some(tip), Expect::Absent, false)
        }
        Step::Open { .. } => open(gitlab(site)?, step),
        Step::Merge { iid, head, auto } => {
            let merged = gitlab(site)?.merge(*iid, head.as_str(), *auto).map(|_| Written::Plain);
            answer(merged, &[405, 406, 409, 422])
        }
        Step::Vote { deployment, commit, rule, approve, comment, .. } => {
            vote(gitlab(site)?, *deployment, commit, rule, *approve, comment.clone())
        }
        Step::Play { job, .. } => play(gitlab(site)?, *job),
        Step::Retry { job, .. } => retry(gitlab(site)?, *job, &["failed", "canceled", "skipped"]),
        Step::Rollback { job, again: false, .. } => play(gitlab(site)?, *job),
        Step::Rollback { job, again: true, .. } => {
            retry(gitlab(site)?, *job, &["failed", "canceled", "success"])
        }
        Step::PushRevert { branch, onto, landed, trees } => {
            let tip = write_revert(site, onto, landed, trees)?;
            push(site, branch, Some(tip), Expect::Absent, false)
        }
        Step::OpenRevert { .. } => open_revert(gitlab(site)?, step),
        Step::OpenBackport { .. } => open_backport(gitlab(site)?, step),
        Step::MendBackport { iid, head, title, add, remove, resolved, .. } => {
            let change = MergeRequestChange {
                title: title.clone(),
                add_labels: add.clone(),
                remove_labels: remove.clone(),
                ..MergeRequestChange::default()
            };
            mend(gitlab(site)?, *iid, head, change, *resolved)
        }
        Step::Confirm { iid, commit, text } => {
            let note = describe::confirmation(commit, text);
            answer(gitlab(site)?.create_note(*iid, &note).map(|_| Written::Plain), &[])
        }
        Step::Close { iid } => {
            let change =
                MergeRequestChange { state_event: Some(StateEvent::Close), ..MergeRequestChange::default() };
            answer(gitlab(site)?.update_merge_request(*iid, &change).map(|_| Written::Plain), &[])
        }
    }
}

/// Writes the picked commits, or the placeholder, and gives the tip; none where the pick changes nothing, or
/// failed. Touches no ref.
pub(super) fn write_backport(
    site: &Site<'_>,
    onto: &Sha,
    landed: &Landed,
    pick: &Pick,
) -> Result<Option<Oid>> {
    let repo = clone(site)?;
    let onto = oid(onto)?;
    let source = of_landed(repo, landed, oid(&landed.commit)?)?;
    let committer = site.committer.clone();
    let options = Options { signoff: site.settings.signoff, committer, ..Options::default() };
    match pick {
        Pick::Clean { trees } => {
            let trees = trees.iter().map(oid).collect::<Result<Vec<Oid>>>()?;
            Ok(Some(commit::write_picks(repo, &source, onto, &trees, &options)?))
        }
        Pick::Conflicts(paths) => {
            let paths: Vec<ConflictPath> = paths.iter().map(as_bytes).collect();
            Ok(Some(commit::write_placeholder(repo, &source, onto, &paths, &options)?))
        }
        Pick::AlreadyThere | Pick::Failed(_) => Ok(None),
    }
}

fn gitlab<'a>(site: &Site<'a>) -> Result<&'a Client> {
    site.gitlab.ok_or_else(|| {
        Problem::new(Kind::Config, "this needs GitLab, and there is no token for it")
            .hint("how to get one, and where it is looked for: git hotfix doctor")
    })
}

fn clone<'a>(site: &Site<'a>) -> Result<&'a Repo> {
    site.repo.ok_or_else(|| {
        Problem::new(Kind::Refused, "this needs a clone of the repository")
            .hint("run it in one: git clone <url>, then the same command there")
    })
}

/// What a call's end means: refusals with these status codes say that the world moved.
fn answer(result: std::result::Result<Written, Error>, moved: &[u16]) -> Result<Acted> {
    match result {
        Ok(written) => Ok(Acted::Changed(written)),
        Err(Error::Ambiguous { why, .. }) => Ok(Acted::Unclear(why)),
        Err(Error::Refused { status, text, .. }) if moved.contains(&status) => Ok(Acted::Stale(text)),
        Err(error @ Error::RateLimited { retry_after: Some(wait), .. }) => {
            Ok(Acted::Limited(error.to_string(), wait))
        }
        Err(error) => Err(error.into()),
    }
}

fn push(site: &Site<'_>, branch: &str, source: Option<Oid>, expect: Expect, hooks: bool) -> Result<Acted> {
    let repo = clone(site)?;
    let remote = &site.settings.remote;
    let push = Push { remote, source, branch, expect, hooks, credential: site.credential.as_ref() };
    let written = match source {
        Some(tip) => resolve::written(branch, tip),
        None => Written::Plain,
    };
    match repo.push(&push) {
        Ok(PushOutcome::Created | PushOutcome::Updated | PushOutcome::UpToDate) => {
            Ok(Acted::Changed(written))
        }
        Ok(PushOutcome::Stale) => Ok(Acted::Stale(format!("{branch} moved on the remote"))),
        Ok(PushOutcome::Rejected { reason, remote_lines }) => {
            let mut problem = Problem::new(Kind::Refused, format!("{remote} refused {branch}: {reason}"));
            problem.causes = remote_lines;
            Err(problem.hint("mend what it asks for, then run the same command again"))
        }
        // The connection broke: it may have landed whole. Only the remote can tell.
        Err(error) => {
            let name = format!("refs/heads/{branch}");
            let at = repo.ls_remote(remote, &[&name], site.credential.as_ref());
            match (at, source) {
                (Ok(rows), Some(tip)) if rows.iter().any(|(_, at)| *at == tip) => Ok(Acted::Changed(written)),
                (Ok(rows), None) if rows.is_empty() => Ok(Acted::Changed(written)),
                _ => Err(error.into()),
            }
        }
    }
}

fn open(gitlab: &Client, step: &Step) -> Result<Acted> {
    let Step::Open { branch, target, title, description, labels, assignees, reviewers } = step else {
        return Ok(Acted::Stale("not a merge request to open".to_owned()));
    };
    let assignee_ids = match assignees.is_empty() {
        true => vec![gitlab.current_user()?.id],
        false => user_ids(gitlab, assignees, "assignee")?,
    };
    let new = NewMergeRequest {
        source_branch: branch.clone(),
        target_branch: target.clone(),
        title: title.clone(),
        description: description.clone(),
        labels: labels.clone(),
        assignee_ids,
        reviewer_ids: user_ids(gitlab, reviewers, "reviewer")?,
        squash: None,
        remove_source_branch: Some(true),
    };
    // 409: another one exists, made by somebody else a moment ago: the next look adopts it.
    answer(gitlab.create_merge_request(&new).map(|mr| Written::MergeRequest(mr.iid)), &[409])
}

fn user_ids(gitlab: &Client, names: &[String], option: &str) -> Result<Vec<u64>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let members = gitlab.members(0)?;
    let mut ids = Vec::new();
    for name in names {
        let wanted = name.trim_start_matches('@');
        let Some(member) = members.iter().find(|member| member.username == wanted) else {
            return Err(Problem::new(Kind::Usage, format!("{wanted} is no member of the project"))
                .hint(format!("name a member, without the @: git hotfix open --{option} <user>")));
        };
        ids.push(member.id);
    }
    Ok(ids)
}

fn vote(
    gitlab: &Client,
    id: u64,
    commit: &Sha,
    rule: &str,
    approve: bool,
    comment: Option<String>,
) -> Result<Acted> {
    let now = gitlab.deployment(id)?;
    if now.sha != commit.as_str() {
        return Ok(Acted::Stale(format!("deployment {id} ships another commit now")));
    }
    let approval = NewApproval { approve, comment, represented_as: Some(rule.to_owned()) };
    match gitlab.approve_deployment(id, &approval) {
        Err(Error::Refused { text, .. }) if text.contains("not waiting for approvals") => {
            Ok(Acted::Stale(text))
        }
        Err(Error::Refused { text, .. }) => {
            Err(Problem::new(Kind::Refused, format!("GitLab does not take this vote: {text}"))
                .hint("see who may: git hotfix status"))
        }
        result => answer(result.map(|_| Written::Plain), &[]),
    }
}

/// Plays a job that is `manual` at this moment. GitLab would make a second deployment of a finished one;
/// what REST cannot exclude is a job that finishes between this read and this write.
fn play(gitlab: &Client, job: u64) -> Result<Acted> {
    let now = gitlab.job(job)?;
    if now.status.as_str() != "manual" {
        return Ok(Acted::Stale(format!("job {job} is {} now", now.status)));
    }
    // 400 is GitLab's "Unplayable Job": it waits for approvals, or somebody was faster.
    answer(gitlab.play_job(job).map(|job| Written::Job(job.id)), &[400])
}

fn retry(gitlab: &Client, job: u64, from: &[&str]) -> Result<Acted> {
    let now = gitlab.job(job)?;
    if !from.contains(&now.status.as_str()) {
        return Ok(Acted::Stale(format!("job {job} is {} now", now.status)));
    }
    match gitlab.retry_job(job) {
        // Somebody else retried it: a job is retried once, and what they made is found by the next look.
        Err(Error::Forbidden { text, .. }) if text.contains("not retryable") => Ok(Acted::Stale(text)),
        answered => answer(answered.map(|job| Written::Job(job.id)), &[]),
    }
}

/// Writes the commits that take the landed change back, and gives the tip. Touches no ref.
fn write_revert(site: &Site<'_>, onto: &Sha, landed: &Landed, trees: &[Sha]) -> Result<Oid> {
    let repo = clone(site)?;
    let source = of_landed(repo, landed, oid(&landed.commit)?)?;
    let trees = trees.iter().map(oid).collect::<Result<Vec<Oid>>>()?;
    let committer = site.committer.clone();
    let options = Options { signoff: site.settings.signoff, committer, ..Options::default() };
    Ok(commit::write_reverts(repo, &source, oid(onto)?, &trees, &options)?)
}

fn open_revert(gitlab: &Client, step: &Step) -> Result<Acted> {
    let Step::OpenRevert { branch, target, landed, hotfix, .. } = step else {
        return Ok(Acted::Stale("not a revert to open".to_owned()));
    };
    let new = NewMergeRequest {
        source_branch: branch.clone(),
        target_branch: target.clone(),
        title: describe::revert_title(landed),
        description: describe::revert(target, landed, *hotfix),
        labels: Vec::new(),
        assignee_ids: vec![gitlab.current_user()?.id],
        reviewer_ids: Vec::new(),
        // A squash could lose the line that says what is reverted.
        squash: Some(false),
        remove_source_branch: Some(true),
    };
    let made =
        gitlab.create_merge_request(&new).map(|mr| Written::Backport { target: target.clone(), iid: mr.iid });
    answer(made, &[409])
}

fn open_backport(gitlab: &Client, step: &Step) -> Result<Acted> {
    let Step::OpenBackport { target, branch, found, landed, labels, assignee, .. } = step else {
        return Ok(Acted::Stale("not a backport to open".to_owned()));
    };
    let new = NewMergeRequest {
        source_branch: branch.clone(),
        target_branch: target.clone(),
        title: describe::backport_title(target, landed, found.content == BranchContent::Placeholder),
        description: describe::backport(step),
        labels: labels.clone(),
        assignee_ids: assignee.iter().copied().collect(),
        reviewer_ids: Vec::new(),
        // A squash would lose the line that says where it was picked from.
        squash: Some(false),
        remove_source_branch: Some(true),
    };
    let made =
        gitlab.create_merge_request(&new).map(|mr| Written::Backport { target: target.clone(), iid: mr.iid });
    answer(made, &[409])
}

fn mend(
    gitlab: &Client,
    iid: u64,
    head: &Sha,
    mut change: MergeRequestChange,
    resolved: bool,
) -> Result<Acted> {
    let now = gitlab.merge_request(iid)?;
    if now.state != MergeRequestState::Opened || now.sha.as_deref() != Some(head.as_str()) {
        return Ok(Acted::Stale(format!("!{iid} changed")));
    }
    change.description = now.description.as_deref().filter(|_| resolved).and_then(describe::without_warning);
    answer(gitlab.update_merge_request(iid, &change).map(|_| Written::Plain), &[])
}
