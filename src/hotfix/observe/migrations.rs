//! The migrations that go to production, with the change or along with it, and the job that runs them.

use super::history::{History, ask};
use super::production::names;
use super::{oid, review, sha, way_back};
use crate::error::Result;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Scope;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{Fact, LandedKind, Sha, Snapshot};

/// Which changed paths are migrations, and their job; the rollback job stands in the same list.
pub(super) fn read(site: &mut Site<'_>, s: &mut Snapshot, scope: Scope, floor: &Floor) -> Result<()> {
    let mut paths = changed(site, s)?;
    if let Fact::Known(paths) = &mut paths {
        paths.extend(along(site, s)?);
        paths.sort();
        paths.dedup();
    }
    s.migration.paths = match paths {
        Fact::Known(paths) => {
            let matching: Vec<String> =
                paths.into_iter().filter(|path| site.settings.migrations.is_match(path)).collect();
            Fact::read(Some(matching).filter(|paths| !paths.is_empty()))
        }
        Fact::Absent => Fact::Absent,
        Fact::Unknown => Fact::Unknown,
    };
    let migrates = s.migration.paths.known().is_some();
    let wanted = scope.deployment() && (migrates || s.deployment.known().is_some_and(way_back::ended));
    let (Some(gitlab), Some(pipeline), true) = (site.gitlab, s.main_pipeline.known(), wanted) else {
        return Ok(());
    };
    let known = s.deployment.known().map(|deployment| deployment.job.id).into_iter().chain(floor.lane_job);
    let jobs = site.kept.lane_jobs.of(gitlab, names(s), pipeline.id, known)?.to_vec();
    if migrates {
        let newest = jobs.iter().filter(|job| job.name == s.policy.migration_job).max_by_key(|job| job.id);
        s.migration.job = Fact::read(newest.map(review::job));
    }
    way_back::jobs(s, &jobs);
    Ok(())
}

/// The paths that go to production with it, or went, because of what else landed. Without a clone they are not told.
fn along(site: &Site<'_>, s: &Snapshot) -> Result<Vec<String>> {
    let (Some(History::Clone(repo)), Some(deployment)) = (History::of(site), s.deployment.known()) else {
        return Ok(Vec::new());
    };
    let production = s.production.known();
    let from = match production.filter(|production| !production.has_fix.yes()) {
        Some(production) => Some(&production.commit),
        None => s.way_back.before.known(),
    };
    let Some(from) = from else { return Ok(Vec::new()) };
    if !repo.has_commit(oid(from)?)? || !repo.has_commit(oid(&deployment.commit)?)? {
        return Ok(Vec::new());
    }
    History::Clone(repo).changed_paths(from, &deployment.commit)
}

/// The paths that the change touches: what landed, or the branch as it is.
fn changed(site: &mut Site<'_>, s: &Snapshot) -> Result<Fact<Vec<String>>> {
    let Some(history) = History::of(site) else { return Ok(Fact::Unknown) };
    let (from, to) = match (s.landed.known(), history) {
        (Some(landed), History::Clone(repo)) => {
            let first = match &landed.kind {
                LandedKind::Series(series) => series.first().unwrap_or(&landed.commit),
                _ => &landed.commit,
            };
            match repo.commit(oid(first)?)?.parents.first() {
                Some(parent) => (sha(*parent), landed.commit.clone()),
                None => return Ok(Fact::Unknown),
            }
        }
        (Some(landed), History::GitLab(gitlab)) => {
            let parents = gitlab.commit(landed.commit.as_str())?.map(|commit| commit.parent_ids);
            match parents.and_then(|parents| parents.first().and_then(|parent| Sha::parse(parent))) {
                Some(parent) => (parent, landed.commit.clone()),
                None => return Ok(Fact::Unknown),
            }
        }
        (None, History::Clone(repo)) => {
            let head = s.merge_request.known().map(|mr| mr.head.clone());
            let tip = s.local.known().map(|local| local.tip.clone()).or(head);
            let (Some(tip), Some(main)) = (tip, s.main.known()) else { return Ok(Fact::Unknown) };
            let (head, main) = (oid(&tip)?, oid(main)?);
            if !repo.has_commit(head)? || !repo.has_commit(main)? {
                return Ok(Fact::Unknown);
            }
            match ask(site, repo, |repo| repo.merge_base(head, main))? {
                Fact::Known(Some(base)) => (sha(base), tip),
                _ => return Ok(Fact::Unknown),
            }
        }
        (None, History::GitLab(_)) => return Ok(Fact::Unknown),
    };
    Ok(Fact::Known(history.changed_paths(&from, &to)?))
}
