//! Where a pick conflicts: whether it is clean on top of another backport that waits for the same target.

use super::oid;
use super::refs::{Refs, bring};
use super::review::state;
use crate::error::Result;
use crate::git::landed::Source;
use crate::git::pick::{Coming, Outcome, pick, predict};
use crate::git::{Oid, Repo};
use crate::gitlab::MergeRequestFilter;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{Fact, Pick, RequestState, Snapshot};

/// How many of the backports that wait are tried for one target.
const TRIED: usize = 5;

/// Fills in, for each lane that conflicts, what must merge first for it to be clean.
pub(super) fn read(site: &Site<'_>, s: &mut Snapshot, refs: &Refs, source: &Source) -> Result<()> {
    let Some(repo) = site.repo else { return Ok(()) };
    for index in 0..s.lanes.len() {
        let Some(lane) = s.lanes.get(index) else { continue };
        let (Fact::Known(Pick::Conflicts(_)), Fact::Known(tip)) = (&lane.pick, &lane.tip) else { continue };
        let (target, tip, own) = (lane.target.clone(), oid(tip)?, lane.branch.clone());
        let others = refs.matching(&format!("backport/{target}-*"));
        let mut others = others.into_iter().filter(|name| own.as_ref() != Some(name)).take(TRIED);
        let first = others.find_map(|name| match clean_after(site, repo, refs, &name, tip, source) {
            Ok(true) => name_of(site, &name, &target).transpose(),
            Ok(false) => None,
            Err(problem) => Some(Err(problem)),
        });
        let first = first.transpose()?;
        if let Some(lane) = s.lanes.get_mut(index) {
            lane.clean_once = first;
        }
    }
    Ok(())
}

/// Whether `source` applies to the target as the merge of `branch` will leave it.
fn clean_after(
    site: &Site<'_>,
    repo: &Repo,
    refs: &Refs,
    branch: &str,
    target: Oid,
    source: &Source,
) -> Result<bool> {
    if site.completed().is_some() {
        bring(site, repo, refs, &[branch.to_owned()])?;
    }
    let Fact::Known(head) = refs.tip(branch) else { return Ok(false) };
    let head = oid(&head)?;
    if !repo.has_commit(head)? {
        return Ok(false);
    }
    let coming = match site.completed() {
        Some(completed) => completed.predict(head, target),
        None => predict(repo, head, target),
    };
    // A forecast is a service: what cannot be told of another's branch blocks nothing.
    let Ok(Coming::Merge(merged)) = coming else { return Ok(false) };
    let Some(merged) = merged.tip() else { return Ok(false) };
    let picked = match site.completed() {
        Some(completed) => completed.pick(source, &[merged])?,
        None => pick(repo, source, &[merged]),
    };
    let clean = |outcome: Outcome| matches!(outcome, Outcome::Clean { .. } | Outcome::AlreadyThere);
    Ok(picked.into_iter().all(|picked| picked.is_ok_and(|picked| clean(picked.outcome))))
}

/// The open merge request of a branch, by which people know it; without GitLab the branch itself.
fn name_of(site: &Site<'_>, branch: &str, target: &str) -> Result<Option<String>> {
    let Some(gitlab) = site.gitlab.filter(|_| !site.settings.offline) else {
        return Ok(Some(branch.to_owned()));
    };
    let filter = MergeRequestFilter {
        source_branch: Some(branch.to_owned()),
        target_branch: Some(target.to_owned()),
        ..MergeRequestFilter::default()
    };
    let found = gitlab.merge_requests(&filter, 100)?;
    let open = found.iter().find(|mr| matches!(state(&mr.state), RequestState::Opened));
    Ok(open.map(|mr| format!("!{}", mr.iid)))
}
