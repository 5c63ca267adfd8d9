//! What the pick onto each target gives: of what landed, or of the merge that is to come.

use super::history::ask;
use super::refs::{Refs, line};
use super::{oid, sha, stacked};
use crate::error::Result;
use crate::git::conflict::{ConflictKind, ConflictPath};
use crate::git::landed::Source;
use crate::git::pick::{Coming, Outcome, Picked, pick, predict};
use crate::git::{GitError, Oid, Repo, conflict};
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{BranchContent, Fact, PathConflict, Pick, RequestState, Snapshot};

/// How many commits are named for a conflicted path.
const NAMED: usize = 3;

/// Picks onto every target that has neither the change nor a branch with it, in one go.
pub(super) fn read(site: &mut Site<'_>, s: &mut Snapshot, source: Option<&Source>) -> Result<()> {
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
pub(super) fn forecast(site: &mut Site<'_>, s: &mut Snapshot, refs: &Refs) -> Result<()> {
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
