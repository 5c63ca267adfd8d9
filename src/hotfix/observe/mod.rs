//! The only reader: git and GitLab into a [`Snapshot`], as much of it as the goal needs.
//!
//! Reads and never decides. Merge requests are read with every state before branches, so that what was
//! merged counts whatever became of its branch. What could not be read is `Unknown`.

mod history;
mod identity;
mod landed;
mod lanes;
mod migrations;
mod picks;
mod production;
mod refs;
mod revert;
mod review;
mod stacked;
pub mod standing;
mod way_back;

pub(super) use lanes::of_landed;
pub(super) use picks::as_bytes;

use history::contains;

use crate::error::{Problem, Result};
use crate::git::Oid;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::{Goal, Scope};
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{Fact, Migration, Person, Sha, Snapshot, WayBack};

/// Reads the world once.
pub(super) fn observe(site: &mut Site<'_>, goal: &Goal, floor: &Floor) -> Result<Snapshot> {
    let scope = if site.settings.offline { Scope::Offline } else { goal.scope() };
    site.kept.lane_jobs.forget();
    let mut s = blank(site);
    s.me = me(site, goal)?;
    let found = identity::resolve(site, floor)?;
    s.branch = found.branch.clone();
    s.project = site.gitlab.map(|gitlab| gitlab.path().to_owned());
    let mut refs = refs::read(site, &s, found.request.as_ref())?;
    if reconfigure(site, &mut s, &refs)? {
        // It may name other targets than those that were asked for.
        site.forget_refs();
        refs = refs::read(site, &s, found.request.as_ref())?;
    }
    refs.fill(site, &mut s, floor)?;
    let request = identity::confirm(site, &mut s, found)?;
    if landed::unseen(site, &s, request.as_ref())? {
        // It was merged after the remote was asked, or what that said was kept from before.
        site.forget_refs();
        refs = refs::read(site, &s, request.as_ref())?;
        refs.fill(site, &mut s, floor)?;
    }
    landed::landed(site, &mut s, request.as_ref())?;
    if scope.production() {
        production::production(site, &mut s, goal, scope, floor)?;
    }
    migrations::read(site, &mut s, scope, floor)?;
    if scope.deployment() {
        way_back::read(site, &mut s, goal)?;
    }
    lanes::read(site, &mut s, &refs, floor, scope)?;
    if *goal == Goal::Revert {
        revert::read(site, &mut s, &refs, floor)?;
    } else if scope.deployment() {
        revert::read_opened(site, &mut s, &refs, floor)?;
    }
    if scope == Scope::Everything {
        s.confirmed = review::confirmation(site, &s)?;
    }
    Ok(s)
}

/// What is asked of a hotfix stands on the production branch as it is now, not in anybody's work tree.
fn reconfigure(site: &mut Site<'_>, s: &mut Snapshot, refs: &refs::Refs) -> Result<bool> {
    let production = s.policy.production_branch.clone();
    let (Some(repo), Fact::Known(tip)) = (site.repo, refs.tip(&production)) else { return Ok(false) };
    let file = repo.file_at(oid(&tip)?, ".hotfix.toml".into())?;
    let other = site.reconfigure(file, &format!("{production}:.hotfix.toml"))?;
    s.policy = site.settings.policy.clone();
    Ok(other)
}

fn blank(site: &Site<'_>) -> Snapshot {
    Snapshot {
        policy: site.settings.policy.clone(),
        project: None,
        branch: None,
        local: Fact::Unknown,
        remote: Fact::Unknown,
        local_contains_remote: Fact::Unknown,
        main: Fact::Unknown,
        merge_request: Fact::Unknown,
        landed: Fact::Unknown,
        production: Fact::Unknown,
        main_pipeline: Fact::Unknown,
        deployment: Fact::Unknown,
        gate: Fact::Unknown,
        ships: Fact::Unknown,
        migration: Migration::default(),
        lanes: Vec::new(),
        way_back: WayBack::default(),
        revert: None,
        confirmed: Fact::Unknown,
        me: Fact::Unknown,
        self_approval: Fact::Unknown,
    }
}

/// Whose token it is matters where a vote or a merge is at stake.
fn me(site: &mut Site<'_>, goal: &Goal) -> Result<Fact<Person>> {
    let wanted = matches!(goal, Goal::Approve(_) | Goal::Merge { .. } | Goal::Ship(_) | Goal::Deploy { .. });
    let (Some(gitlab), true) = (site.gitlab, wanted) else { return Ok(Fact::Unknown) };
    if site.kept.me.is_none() {
        let user = gitlab.current_user()?;
        site.kept.me = Some(Person { id: user.id, username: user.username });
    }
    Ok(Fact::read(site.kept.me.clone()))
}

/// git's id of a commit that the snapshot names.
pub(in crate::hotfix) fn oid(sha: &Sha) -> Result<Oid> {
    Oid::from_hex(sha.as_str().as_bytes()).map_err(|error| {
        Problem::new(crate::error::Kind::Failed, format!("{sha} is no commit id"))
            .because(error)
            .hint("run the same command again")
    })
}

/// The snapshot's form of git's id.
pub(in crate::hotfix) fn sha(oid: Oid) -> Sha {
    Sha::of_bytes(oid.as_bytes())
}
