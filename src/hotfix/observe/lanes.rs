//! The backport lanes: what each target holds, what the pick onto it gives, and what was made already.

use super::history::{ask, contains};
use super::refs::{Refs, bring};
use super::{oid, picks, review, sha, stacked};
use crate::error::{Kind, Result};
use crate::git::adopt::{self, Adoption};
use crate::git::commit::{is_empty, placeholder_of};
use crate::git::landed::{Contained, Source, SourceError, contained};
use crate::git::{GitError, Oid, Repo};
use crate::gitlab::{self, MergeRequestFilter};
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Scope;
use crate::hotfix::rung::backport_branch;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{
    BackportBranch, BackportRequest, BranchContent, Containment, Fact, Landed, LandedKind, Lane, Pick,
    RequestState, Snapshot,
};

/// Reads every lane.
pub(super) fn read(
    site: &mut Site<'_>,
    s: &mut Snapshot,
    refs: &Refs,
    floor: &Floor,
    scope: Scope,
) -> Result<()> {
    let patterns = site.settings.targets.clone();
    let mut names: Vec<String> = Vec::new();
    for name in patterns.iter().flat_map(|pattern| refs.matching(pattern)) {
        if !names.contains(&name) && name != s.policy.production_branch {
            names.push(name);
        }
    }
    s.lanes = names
        .into_iter()
        .map(|target| Lane {
            tip: refs.tip(&target),
            branch: s.landed.known().map(|landed| backport_branch(&target, &landed.commit)),
            target,
            remote: Fact::Unknown,
            contained: Fact::Unknown,
            pick: Fact::Unknown,
            directory_renames_off: false,
            clean_once: None,
            merge_request: Fact::Unknown,
        })
        .collect();
    match s.landed.known().cloned() {
        Some(landed) => {
            let (source, unfit) = match source(site, s, &landed) {
                // The deployment does not wait for what a backport alone needs.
                Err(problem) if problem.kind == Kind::Refused && scope != Scope::Backport => {
                    (None, Some(problem))
                }
                source => (source?, None),
            };
            for index in 0..s.lanes.len() {
                one(site, s, index, &landed, source.as_ref(), refs, floor, scope)?;
            }
            if let Some(problem) = unfit {
                return by_hand(site, s, &landed, &problem.to_string());
            }
            picks::read(site, s, source.as_ref())?;
            source.map_or(Ok(()), |source| stacked::read(site, s, refs, &source))
        }
        None => picks::forecast(site, s, refs),
    }
}

/// Lanes of what no pick brings: they say why.
fn by_hand(site: &mut Site<'_>, s: &mut Snapshot, landed: &Landed, why: &str) -> Result<()> {
    for lane in &mut s.lanes {
        if let Some(tip) = lane.tip.known() {
            lane.contained = match contains(site, tip, &landed.commit)? {
                Fact::Known(true) => Fact::Known(Containment::Ancestor),
                _ => Fact::Absent,
            };
        }
        lane.pick = Fact::Known(Pick::Failed(why.to_owned()));
    }
    Ok(())
}

/// What is picked, as the engine wants it; none where a shallow clone hides it and nothing may be fetched.
pub(super) fn source(site: &Site<'_>, s: &Snapshot, landed: &Landed) -> Result<Option<Source>> {
    let Some(repo) = site.repo else { return Ok(None) };
    let commit = oid(&landed.commit)?;
    let main = s.main.known().map_or(Ok(commit), oid)?;
    let base = series_base(repo, landed)?;
    let source = match site.completed() {
        Some(completed) => completed.landed(commit, main, base),
        None => Source::landed(repo, commit, main, base),
    };
    match source {
        Ok(source) => Ok(Some(source)),
        Err(SourceError::CutOff { .. } | SourceError::Git(GitError::Shallow)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same, for a landed change that was verified before.
pub(in crate::hotfix) fn of_landed(repo: &Repo, landed: &Landed, main: Oid) -> Result<Source> {
    Ok(Source::landed(repo, oid(&landed.commit)?, main, series_base(repo, landed)?)?)
}

fn series_base(repo: &Repo, landed: &Landed) -> Result<Option<Oid>> {
    match &landed.kind {
        LandedKind::Series(series) => {
            let first = series.first().unwrap_or(&landed.commit);
            Ok(repo.commit(oid(first)?)?.parents.first().copied())
        }
        LandedKind::Merge | LandedKind::Single => Ok(None),
    }
}

#[expect(clippy::too_many_arguments, reason = "the facts one lane is read from")]
fn one(
    site: &mut Site<'_>,
    s: &mut Snapshot,
    index: usize,
    landed: &Landed,
    source: Option<&Source>,
    refs: &Refs,
    floor: &Floor,
    scope: Scope,
) -> Result<()> {
    let Some(lane) = s.lanes.get(index).cloned() else { return Ok(()) };
    let mut lane = lane;
    lane.contained = match (&lane.tip, site.repo, source) {
        (Fact::Known(tip), Some(repo), Some(source)) => {
            let tip = oid(tip)?;
            match ask(site, repo, |repo| contained(repo, tip, source))? {
                Fact::Known(Some(Contained::Ancestor)) => Fact::Known(Containment::Ancestor),
                Fact::Known(Some(Contained::CherryPickedLine(commit))) => {
                    Fact::Known(Containment::PickedAs(sha(commit)))
                }
                Fact::Known(None) => Fact::Absent,
                _ => Fact::Unknown,
            }
        }
        (Fact::Known(tip), None, _) => match contains(site, tip, &landed.commit)? {
            Fact::Known(true) => Fact::Known(Containment::Ancestor),
            Fact::Known(false) => Fact::Absent,
            other => other.known().map_or(Fact::Unknown, |_| Fact::Absent),
        },
        (Fact::Absent, _, _) => Fact::Absent,
        _ => Fact::Unknown,
    };
    let branch = lane.branch.clone().unwrap_or_default();
    if scope.lanes() {
        lane.merge_request = request(site, &lane.target, &branch, floor)?;
    }
    let tip = match floor.branches.get(&branch) {
        Some(pushed) => Fact::Known(pushed.clone()),
        None => refs.tip(&branch),
    };
    if let (Some(repo), Some(_)) = (site.repo, site.completed()) {
        bring(site, repo, refs, std::slice::from_ref(&branch))?;
    }
    lane.remote = match (tip, site.repo, source, lane.tip.known()) {
        (Fact::Known(tip), Some(repo), Some(source), Some(target)) if repo.has_commit(oid(&tip)?)? => {
            let key = (oid(&tip)?, oid(target)?, format!("{source:?}"));
            let content = match site.kept.contents.get(&key) {
                Some(known) => Fact::Known(known.clone()),
                None => content(site, repo, key.0, key.1, source)?,
            };
            if let Fact::Known(content) = content {
                site.kept.contents.insert(key, content.clone());
                Fact::Known(BackportBranch { tip, content })
            } else {
                Fact::Unknown
            }
        }
        (Fact::Absent, ..) => Fact::Absent,
        _ => Fact::Unknown,
    };
    if let Fact::Known(request) = &mut lane.merge_request {
        if let Some(repo) = site.repo {
            request.placeholder = placeholder(repo, request, &lane.remote)?;
        }
        // Its branch is gone, or there is no clone: GitLab keeps what was merged.
        let merged = request.state == RequestState::Merged && lane.contained.is_absent();
        if let (true, true, Some(gitlab)) = (merged, request.placeholder.is_unknown(), site.gitlab) {
            let changes = gitlab.commit_changes(request.head.as_str())?;
            request.placeholder = changes.map_or(Fact::Unknown, |changes| Fact::Known(!changes));
        }
    }
    if let Some(place) = s.lanes.get_mut(index) {
        *place = lane;
    }
    Ok(())
}

fn content(
    site: &Site<'_>,
    repo: &Repo,
    tip: Oid,
    target: Oid,
    source: &Source,
) -> Result<Fact<BranchContent>> {
    ask(site, repo, |repo| {
        let adoption = match site.completed() {
            Some(completed) => completed.inspect(tip, target, source)?,
            None => adopt::inspect(repo, tip, target, source)?,
        };
        Ok(match adoption {
            Adoption::Recomputes => BranchContent::Recomputes,
            Adoption::Placeholder => BranchContent::Placeholder,
            Adoption::PlaceholderWithWorkOnTop => BranchContent::Resolved,
            // Replaced by a pick with its conflicts resolved: it says itself where it comes from.
            Adoption::Foreign { why } => match contained(repo, tip, source)? {
                Some(_) => BranchContent::Resolved,
                None => BranchContent::Foreign(why),
            },
        })
    })
}

/// Whether a request's head is a placeholder: merged, it put nothing on the target.
fn placeholder(repo: &Repo, request: &BackportRequest, remote: &Fact<BackportBranch>) -> Result<Fact<bool>> {
    if let Fact::Known(branch) = remote
        && branch.tip == request.head
    {
        return Ok(Fact::Known(branch.content == BranchContent::Placeholder));
    }
    let head = oid(&request.head)?;
    if !repo.has_commit(head)? {
        return Ok(Fact::Unknown);
    }
    let commit = repo.commit(head)?;
    if placeholder_of(&commit).is_some() {
        return Ok(Fact::Known(true));
    }
    match is_empty(repo, &commit) {
        Ok(empty) => Ok(Fact::Known(empty)),
        // Its parent is cut off.
        Err(GitError::MissingObject(_)) if repo.is_shallow() => Ok(Fact::Unknown),
        Err(error) => Err(error.into()),
    }
}

/// The lane's merge request: the open one, else the newest merged, else the newest closed.
pub(super) fn request(
    site: &Site<'_>,
    target: &str,
    branch: &str,
    floor: &Floor,
) -> Result<Fact<BackportRequest>> {
    let Some(gitlab) = site.gitlab.filter(|_| !site.settings.offline) else { return Ok(Fact::Unknown) };
    if let Some(iid) = floor.backports.get(target) {
        return Ok(Fact::read(backport_request(&gitlab.merge_request(*iid)?)));
    }
    let filter = MergeRequestFilter {
        source_branch: Some(branch.to_owned()),
        target_branch: Some(target.to_owned()),
        ..MergeRequestFilter::default()
    };
    let found = gitlab.merge_requests(&filter, 100)?;
    let rank = |mr: &&gitlab::MergeRequest| match review::state(&mr.state) {
        RequestState::Opened | RequestState::Locked => (3, mr.iid),
        RequestState::Merged => (2, mr.iid),
        RequestState::Closed => (1, mr.iid),
        RequestState::Other(_) => (0, mr.iid),
    };
    Ok(Fact::read(found.iter().max_by_key(rank).and_then(backport_request)))
}

fn backport_request(mr: &gitlab::MergeRequest) -> Option<BackportRequest> {
    Some(BackportRequest {
        iid: mr.iid,
        state: review::state(&mr.state),
        draft: mr.draft,
        title: mr.title.clone(),
        labels: mr.labels.clone(),
        head: crate::hotfix::snapshot::Sha::parse(mr.sha.as_deref()?)?,
        placeholder: Fact::Unknown,
        assignees: mr.assignees.iter().map(|user| user.username.clone()).collect(),
        web_url: mr.web_url.clone().unwrap_or_default(),
        created_at: mr.created_at,
    })
}
