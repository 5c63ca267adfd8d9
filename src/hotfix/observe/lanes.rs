//! The backport lanes: what each target holds, what the pick onto it gives, and what was made already.

use super::history::{ask, contains};
use super::refs::{Refs, bring, line};
use super::{oid, review, sha, stacked};
use crate::error::Result;
use crate::git::adopt::{self, Adoption};
use crate::git::commit::{is_empty, placeholder_of};
use crate::git::conflict::{ConflictKind, ConflictPath};
use crate::git::landed::{Contained, Source, SourceError, contained};
use crate::git::pick::{Coming, Outcome, Picked, pick, predict};
use crate::git::{GitError, Oid, Repo, conflict};
use crate::gitlab::{self, MergeRequestFilter};
use crate::hotfix::drive::Floor;
use crate::hotfix::goal::Scope;
use crate::hotfix::rung::backport_branch;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{
    BackportBranch, BackportRequest, BranchContent, Containment, Fact, Landed, LandedKind, Lane,
    PathConflict, Pick, RequestState, Snapshot,
};

/// How many commits are named for a conflicted path.
const NAMED: usize = 3;

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
            let source = source(site, s, &landed)?;
            for index in 0..s.lanes.len() {
                one(site, s, index, &landed, source.as_ref(), refs, floor, scope)?;
            }
            picks(site, s, source.as_ref())?;
            source.map_or(Ok(()), |source| stacked::read(site, s, refs, &source))
        }
        None => forecast(site, s, refs),
    }
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

/// Picks onto every target that has neither the change nor a branch with it, in one go.
fn picks(site: &mut Site<'_>, s: &mut Snapshot, source: Option<&Source>) -> Result<()> {
    let (Some(repo), Some(source)) = (site.repo, source) else { return Ok(()) };
    let mut wanted: Vec<(usize, Oid)> = Vec::new();
    for (index, lane) in s.lanes.iter().enumerate() {
        let settled = lane.contained.known().is_some()
            || lane.merge_request.known().is_some_and(|mr| mr.state == RequestState::Merged)
            || lane.remote.known().is_some_and(|branch| branch.content != BranchContent::Placeholder);
        if let (Some(tip), false) = (lane.tip.known(), settled) {
            wanted.push((index, oid(tip)?));
        }
    }
    let tips: Vec<Oid> = wanted.iter().map(|(_, tip)| *tip).collect();
    fill(s, &wanted, picked(site, repo, source, &tips)?);
    Ok(())
}

/// The pick onto each of these tips. What was picked before in this run is kept: commits do not change.
fn picked(site: &mut Site<'_>, repo: &Repo, source: &Source, tips: &[Oid]) -> Result<Vec<(Pick, bool)>> {
    let key = |tip: &Oid| (sha(*tip), format!("{source:?}"));
    let open: Vec<Oid> =
        tips.iter().filter(|tip| !site.kept.picks.contains_key(&key(tip))).copied().collect();
    let made = match site.completed() {
        Some(completed) => completed.pick(source, &open)?,
        None => pick(repo, source, &open),
    };
    for (tip, made) in open.iter().zip(made) {
        let off = made.as_ref().is_ok_and(|picked| picked.directory_renames_off);
        let told = told(site, repo, source.base(), *tip, made)?;
        site.kept.picks.insert(key(tip), (told, off));
    }
    Ok(tips.iter().filter_map(|tip| site.kept.picks.get(&key(tip)).cloned()).collect())
}

/// Tells the lanes of these numbers what their picks gave.
fn fill(s: &mut Snapshot, wanted: &[(usize, Oid)], picks: Vec<(Pick, bool)>) {
    for ((index, _), (pick, off)) in wanted.iter().zip(picks) {
        if let Some(lane) = s.lanes.get_mut(*index) {
            lane.pick = Fact::Known(pick);
            lane.directory_renames_off = off;
        }
    }
}

/// Before the merge: the pick of the predicted merge.
fn forecast(site: &mut Site<'_>, s: &mut Snapshot, refs: &Refs) -> Result<()> {
    let head = s.local.known().map(|local| local.tip.clone());
    let head =
        head.or_else(|| s.merge_request.known().map(|mr| mr.head.clone())).or(s.remote.known().cloned());
    let (Some(repo), Some(main), Some(head)) = (site.repo, s.main.known().cloned(), head) else {
        return Ok(());
    };
    let mut wanted: Vec<(usize, Oid)> = Vec::new();
    for (index, lane) in s.lanes.iter_mut().enumerate() {
        lane.contained = Fact::Absent;
        if let Some(tip) = lane.tip.known() {
            wanted.push((index, oid(tip)?));
        }
    }
    let (head, main) = (oid(&head)?, oid(&main)?);
    if wanted.is_empty() || !repo.has_commit(head)? || !repo.has_commit(main)? {
        return Ok(());
    }
    // Git merges on whatever base a shallow clone shows it.
    let Fact::Known(_) = ask(site, repo, |repo| repo.merge_bases(head, main))? else { return Ok(()) };
    let coming = match site.kept.coming.get(&(head, main)) {
        Some(known) => Ok(known.clone()),
        None => match site.completed() {
            Some(completed) => completed.predict(head, main),
            None => predict(repo, head, main),
        },
    };
    if let Ok(coming) = &coming {
        site.kept.coming.insert((head, main), coming.clone());
    }
    let source = match coming {
        Ok(Coming::Merge(source)) => source,
        coming => {
            let pick = without_merge(coming, &s.policy.production_branch);
            fill(s, &wanted, vec![(pick, false); wanted.len()]);
            return Ok(());
        }
    };
    let tips: Vec<Oid> = wanted.iter().map(|(_, tip)| *tip).collect();
    fill(s, &wanted, picked(site, repo, &source, &tips)?);
    stacked::read(site, s, refs, &source)
}

/// What can be said of a backport where no merge is to come.
fn without_merge(coming: std::result::Result<Coming, GitError>, main: &str) -> Pick {
    match coming {
        Ok(Coming::Conflicts(paths)) => {
            let paths: Vec<String> =
                paths.iter().map(|conflict| readable(conflict.path.as_ref()).0).collect();
            Pick::Failed(format!("it does not merge into {main}: conflicts in {}", paths.join(", ")))
        }
        Ok(_) => Pick::Failed(format!("{main} holds all of it already: nothing will be merged")),
        Err(error) => Pick::Failed(error.to_string()),
    }
}

pub(super) fn told(
    site: &Site<'_>,
    repo: &Repo,
    base: Option<Oid>,
    target: Oid,
    picked: std::result::Result<Picked, GitError>,
) -> Result<Pick> {
    Ok(match picked.map(|picked| picked.outcome) {
        Ok(Outcome::Clean { trees, .. }) => Pick::Clean { trees: trees.into_iter().map(sha).collect() },
        Ok(Outcome::AlreadyThere) => Pick::AlreadyThere,
        Ok(Outcome::Conflicts { paths, .. }) => {
            let names: Vec<_> = paths.iter().map(|conflict| conflict.path.clone()).collect();
            let mut touched = match base {
                Some(base) => {
                    match ask(site, repo, |repo| conflict::touched_by(repo, base, target, &names, NAMED))? {
                        Fact::Known(touched) => touched,
                        _ => Vec::new(),
                    }
                }
                None => Vec::new(),
            };
            touched.resize(paths.len(), Vec::new());
            let told = paths.iter().zip(touched).map(|(conflict, touched)| {
                let (path, encoded) = readable(conflict.path.as_ref());
                let kind = conflict.kind.name().to_owned();
                PathConflict { path, encoded, kind, touched_by: touched.iter().map(line).collect() }
            });
            let told = told.collect();
            Pick::Conflicts(told)
        }
        Err(error) => Pick::Failed(error.to_string()),
    })
}

/// What stands in a percent-encoded path as it is.
const ENCODED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');

/// A told path as the bytes and the kind that git knows.
pub(in crate::hotfix) fn as_bytes(told: &PathConflict) -> ConflictPath {
    let path = match told.encoded {
        true => percent_encoding::percent_decode_str(&told.path).collect(),
        false => told.path.clone().into_bytes(),
    };
    ConflictPath { path: path.into(), kind: ConflictKind::named(&told.kind) }
}

/// A path as text; bytes that are not UTF-8 are percent-encoded, and that is said.
fn readable(path: &[u8]) -> (String, bool) {
    match std::str::from_utf8(path) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (percent_encoding::percent_encode(path, ENCODED).to_string(), true),
    }
}
