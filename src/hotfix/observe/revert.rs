//! The revert of what landed: its branch, its merge request, and what taking the change back gives.

use super::history::ask;
use super::lanes::{request, source};
use super::oid;
use super::picks::told;
use super::refs::{Refs, bring};
use crate::error::Result;
use crate::git::Repo;
use crate::git::adopt::{self, Adoption};
use crate::git::landed::Source;
use crate::git::pick::pick;
use crate::hotfix::floor::Floor;
use crate::hotfix::rung::revert_branch;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{BackportBranch, BranchContent, Fact, Lane, Sha, Snapshot};

/// Fills in the lane to the production branch. Reads nothing where a revert is there already.
pub(super) fn read(site: &Site<'_>, s: &mut Snapshot, refs: &Refs, floor: &Floor) -> Result<()> {
    let Some(landed) = s.landed.known().filter(|landed| landed.reverted_by.is_none()).cloned() else {
        return Ok(());
    };
    let (Some(repo), Some(source)) = (site.repo, source(site, s, &landed)?) else { return Ok(()) };
    let undo = source.reversed();
    let branch = revert_branch(s.branch.as_deref(), &landed.commit);
    let tip = match floor.branches.get(&branch) {
        Some(pushed) => Fact::Known(pushed.clone()),
        None => refs.tip(&branch),
    };
    if site.completed().is_some() {
        bring(site, repo, refs, std::slice::from_ref(&branch))?;
    }
    let main = s.main.known().cloned();
    let mut lane = lane(site, s, branch, floor)?;
    lane.remote = on_remote(site, repo, &tip, main.as_ref(), &undo)?;
    if let (Fact::Absent, Some(main)) = (&lane.remote, &main) {
        let main = oid(main)?;
        let picked = match site.completed() {
            Some(completed) => completed.pick(&undo, &[main])?.pop(),
            None => pick(repo, &undo, &[main]).pop(),
        };
        if let Some(picked) = picked {
            lane.directory_renames_off = picked.as_ref().is_ok_and(|picked| picked.directory_renames_off);
            lane.pick = Fact::Known(told(site, repo, source.tip(), main, picked)?);
        }
    }
    s.revert = Some(lane);
    Ok(())
}

/// For those who did not ask for a revert: its merge request, where its branch is there. Costs nothing elsewhere.
pub(super) fn read_opened(site: &Site<'_>, s: &mut Snapshot, refs: &Refs, floor: &Floor) -> Result<()> {
    let Some(landed) = s.landed.known().filter(|landed| landed.reverted_by.is_none()) else { return Ok(()) };
    let branch = revert_branch(s.branch.as_deref(), &landed.commit);
    if refs.tip(&branch).known().is_some() {
        s.revert = Some(lane(site, s, branch, floor)?);
    }
    Ok(())
}

/// The lane with its merge request; of its branch nothing yet.
fn lane(site: &Site<'_>, s: &Snapshot, branch: String, floor: &Floor) -> Result<Lane> {
    let target = s.policy.production_branch.clone();
    Ok(Lane {
        merge_request: request(site, &target, &branch, floor)?,
        remote: Fact::Unknown,
        tip: s.main.clone(),
        branch: Some(branch),
        target,
        contained: Fact::Absent,
        pick: Fact::Unknown,
        clean_once: None,
        directory_renames_off: false,
    })
}

fn on_remote(
    site: &Site<'_>,
    repo: &Repo,
    tip: &Fact<Sha>,
    main: Option<&Sha>,
    undo: &Source,
) -> Result<Fact<BackportBranch>> {
    let (tip, main) = match (tip, main) {
        (Fact::Known(tip), Some(main)) => (tip, oid(main)?),
        (Fact::Absent, _) => return Ok(Fact::Absent),
        _ => return Ok(Fact::Unknown),
    };
    let at = oid(tip)?;
    if !repo.has_commit(at)? {
        return Ok(Fact::Unknown);
    }
    let adoption = match site.completed() {
        Some(completed) => ask(site, repo, |_| completed.inspect(at, main, undo))?,
        None => ask(site, repo, |repo| adopt::inspect(repo, at, main, undo))?,
    };
    Ok(match adoption {
        Fact::Known(Adoption::Recomputes) => {
            Fact::Known(BackportBranch { tip: tip.clone(), content: BranchContent::Recomputes })
        }
        Fact::Known(Adoption::Foreign { why }) => {
            Fact::Known(BackportBranch { tip: tip.clone(), content: BranchContent::Foreign(why) })
        }
        Fact::Known(_) => Fact::Known(BackportBranch {
            tip: tip.clone(),
            content: BranchContent::Foreign("it holds an empty commit".to_owned()),
        }),
        _ => Fact::Unknown,
    })
}
