//! Which hotfix is meant: (project, merge request), and before there is one, (branch, its commits).
//!
//! An old merge request of the same branch name is this hotfix only if its head belongs to the branch as
//! it is now.

use super::history::ask;
use super::{contains, review};
use crate::error::{Kind, Problem, Result};
use crate::gitlab::{Client, MergeRequest, MergeRequestFilter, MergeRequestState};
use crate::hotfix::floor::Floor;
use crate::hotfix::site::{Selector, Site};
use crate::hotfix::snapshot::{Fact, Sha, Snapshot};

/// How many merge requests of one branch name are looked through.
const MOST: usize = 50;

/// What the selector led to.
pub(super) struct Found {
    /// The branch's name.
    pub(super) branch: Option<String>,
    /// The one merge request meant.
    pub(super) request: Option<MergeRequest>,
    /// Old ones of the same branch name, newest first, still to be told apart.
    candidates: Vec<MergeRequest>,
    asked: bool,
}

/// Finds branch and merge request.
pub(super) fn resolve(site: &mut Site<'_>, floor: &Floor) -> Result<Found> {
    let production = site.settings.policy.production_branch.clone();
    let Some(gitlab) = site.gitlab.filter(|_| !site.settings.offline) else {
        let branch = match &site.selector {
            Selector::Branch(name) => Some(name.clone()),
            Selector::Request(_) | Selector::Commit(_) => None,
        };
        return Ok(Found { branch, request: None, candidates: Vec::new(), asked: false });
    };
    let remote = site.settings.remote.clone();
    let by_iid = |iid: u64| by_iid(gitlab, &remote, &production, iid);
    if let Some(iid) = floor.merge_request.or(site.kept.request) {
        return by_iid(iid);
    }
    match &site.selector {
        Selector::Request(iid) => {
            let found = by_iid(*iid)?;
            let hotfix = found.request.as_ref().map(|mr| mr.iid);
            site.kept.request = hotfix.filter(|hotfix| hotfix != iid);
            Ok(found)
        }
        Selector::Commit(commit) => {
            match brought(gitlab, &production, commit.as_str())? {
                Some(iid) => {
                    let found = by_iid(iid)?;
                    // What landed stays landed: no need to ask for it again.
                    let merged = |mr: &MergeRequest| mr.state == MergeRequestState::Merged;
                    site.kept.request = found.request.as_ref().filter(|mr| merged(mr)).map(|mr| mr.iid);
                    Ok(found)
                }
                None => Ok(Found { branch: None, request: None, candidates: Vec::new(), asked: true }),
            }
        }
        Selector::Branch(name) => {
            if let Some(hotfix) = taken_back(gitlab, &production, name)? {
                site.kept.request = Some(hotfix);
                return by_iid(hotfix);
            }
            let filter = MergeRequestFilter {
                source_branch: Some(name.clone()),
                target_branch: Some(production.clone()),
                ..MergeRequestFilter::default()
            };
            let mut all = gitlab.merge_requests(&filter, MOST)?;
            all.sort_by_key(|mr| std::cmp::Reverse(mr.iid));
            let open = all
                .iter()
                .find(|mr| matches!(mr.state, MergeRequestState::Opened | MergeRequestState::Locked));
            match open {
                Some(open) => by_iid(open.iid),
                None => Ok(Found { branch: Some(name.clone()), request: None, candidates: all, asked: true }),
            }
        }
    }
}

/// The merge request of that number; that of a backport stands for the hotfix it takes back.
fn by_iid(gitlab: &Client, remote: &str, production: &str, iid: u64) -> Result<Found> {
    let mr = gitlab.merge_request(iid).map_err(|error| match error.says_absent() {
        true => Problem::new(Kind::Config, format!("there is no merge request !{iid}"))
            .because("GitLab says the same of one that the token's user may not see")
            .hint("see the hotfixes in flight: git hotfix list   (and whose token it is: git hotfix doctor)"),
        false => error.into(),
    })?;
    if mr.target_branch != production {
        return match taken_back(gitlab, production, &mr.source_branch)? {
            Some(hotfix) => by_iid(gitlab, remote, production, hotfix),
            None => Err(Problem::new(
                Kind::Refused,
                format!("!{iid} is no hotfix: it goes to {}, not to {production}", mr.target_branch),
            )
            .hint("see the hotfixes in flight: git hotfix list")),
        };
    }
    if mr.is_from_fork() {
        return Err(Problem::new(Kind::Refused, format!("!{iid} comes from a fork"))
            .because("git hotfix pushes and deploys from branches of the project itself")
            .hint(format!(
                "bring it here: git fetch {remote} refs/merge-requests/{iid}/head && git switch -c hotfix/fork-{iid} FETCH_HEAD && git hotfix open hotfix/fork-{iid}"
            )));
    }
    Ok(Found {
        branch: Some(mr.source_branch.clone()),
        request: Some(mr),
        candidates: Vec::new(),
        asked: true,
    })
}

/// The merge request that brought a commit to the production branch.
fn brought(gitlab: &Client, production: &str, commit: &str) -> Result<Option<u64>> {
    let all = gitlab.commit_merge_requests(commit)?;
    let landed = all.into_iter().filter(|mr| mr.target_branch == production);
    Ok(landed.max_by_key(|mr| (mr.state == MergeRequestState::Merged, mr.iid)).map(|mr| mr.iid))
}

/// The hotfix's merge request whose landed commit a backport's branch is named after.
fn taken_back(gitlab: &Client, production: &str, branch: &str) -> Result<Option<u64>> {
    let short = branch.strip_prefix("backport/").and_then(|rest| rest.rsplit_once('-')).map(|(_, id)| id);
    let is_id = |id: &&str| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some(short) = short.filter(is_id) else { return Ok(None) };
    match gitlab.commit(short)? {
        Some(commit) => brought(gitlab, production, &commit.id),
        None => Ok(None),
    }
}

/// Fills in the merge request, now that the branches are known.
///
/// Gives GitLab's own answer too: which commits landed is read from it.
pub(super) fn confirm(site: &mut Site<'_>, s: &mut Snapshot, found: Found) -> Result<Option<MergeRequest>> {
    if !found.asked {
        return Ok(None);
    }
    let mut request = found.request;
    for candidate in found.candidates {
        if request.is_none() && is_this(site, s, &candidate)? {
            request = match names_landed(&candidate) {
                true => Some(candidate),
                // The list leaves out what a single answer has.
                false => site.gitlab.map(|gitlab| gitlab.merge_request(candidate.iid)).transpose()?,
            };
        }
    }
    s.merge_request = match &request {
        Some(mr) => Fact::Known(review::request(site, mr)?),
        None => Fact::Absent,
    };
    Ok(request)
}

/// Whether a row of the list tells all that is asked of a merged one. Where its own head landed, only the single
/// answer tells where the series begins.
fn names_landed(mr: &MergeRequest) -> bool {
    let names = [&mr.merge_commit_sha, &mr.squash_commit_sha];
    let named = names.into_iter().any(|name| name.is_some() && *name != mr.sha);
    mr.state == MergeRequestState::Merged && named
}

/// Whether an old merge request of this branch name belongs to the branch as it is now.
fn is_this(site: &mut Site<'_>, s: &Snapshot, mr: &MergeRequest) -> Result<bool> {
    let Some(head) = mr.sha.as_deref().and_then(Sha::parse) else { return Ok(false) };
    let tip = s.local.known().map(|local| local.tip.clone()).or_else(|| s.remote.known().cloned());
    let Some(tip) = tip else { return Ok(true) };
    if tip == head || contains(site, &head, &tip)?.yes() {
        // The branch is there, or behind. A fresh branch on main's tip is behind nothing it made.
        let on_main_only = s.main.known().is_some_and(|main| *main == tip) && tip != head;
        return Ok(!on_main_only);
    }
    let Some(main) = s.main.known().cloned() else { return Ok(false) };
    let base = match site.repo {
        Some(repo) => {
            let (tip, main) = (super::oid(&tip)?, super::oid(&main)?);
            ask(site, repo, |repo| repo.merge_base(tip, main))?
        }
        None => Fact::Absent,
    };
    let Fact::Known(Some(base)) = base else { return Ok(false) };
    Ok(contains(site, &tip, &head)?.yes() && contains(site, &super::sha(base), &head)?.no())
}
