//! Which commit landed on the production branch, and how: GitLab's fields name candidates, the fetched
//! history decides.
//!
//! | merge method | squash | commit on the production branch |
//! |---|---|---|
//! | merge, semi-linear | either | `merge_commit_sha` |
//! | fast-forward | yes | `squash_commit_sha` |
//! | fast-forward | no | `sha`, with the whole series since `diff_refs.base_sha` |
//! | fast-forward with automatic rebase | either | named by no field: asked commit by commit |

use super::history::{ask, contains};
use super::{oid, sha};
use crate::error::{Kind, Problem, Result};
use crate::git::landed::reverted_by;
use crate::git::{GitError, Oid, Repo};
use crate::gitlab::{MergeRequest, MergeRequestState};
use crate::hotfix::site::{Selector, Site};
use crate::hotfix::snapshot::{Fact, Landed, LandedKind, RequestState, Sha, Snapshot};

/// How far back the production branch is searched for a commit that no field names.
const SEARCHED: usize = 100;

/// Finds the landed change.
pub(super) fn landed(site: &mut Site<'_>, s: &mut Snapshot, request: Option<&MergeRequest>) -> Result<()> {
    let Some(main) = s.main.known().cloned() else {
        s.landed = Fact::Unknown;
        return Ok(());
    };
    if let Some(named) = named(site, s) {
        if !contains(site, &main, &named)?.yes() {
            return Err(not_on(&named, s));
        }
        s.landed = Fact::Known(told(site, s, named, None)?);
        return reverted(site, s, &main);
    }
    let Some(mr) = request.filter(|mr| mr.state == MergeRequestState::Merged) else {
        let merged = s.merge_request.known().is_some_and(|mr| mr.state == RequestState::Merged);
        s.landed = if merged { Fact::Unknown } else { Fact::Absent };
        return Ok(());
    };
    let field = |text: &Option<String>| text.as_deref().and_then(Sha::parse);
    let base = mr.diff_refs.as_ref().and_then(|refs| field(&refs.base_sha));
    for candidate in [field(&mr.merge_commit_sha), field(&mr.squash_commit_sha)].into_iter().flatten() {
        if contains(site, &main, &candidate)?.yes() {
            // A branch that somebody pushed to the production branch: GitLab calls its head the merge commit.
            let base = base.filter(|_| field(&mr.sha).as_ref() == Some(&candidate));
            s.landed = Fact::Known(told(site, s, candidate, base)?);
            return reverted(site, s, &main);
        }
    }
    if let Some(head) = field(&mr.sha)
        && contains(site, &main, &head)?.yes()
    {
        s.landed = Fact::Known(told(site, s, head, base)?);
        return reverted(site, s, &main);
    }
    s.landed = match searched(site, mr, &main)? {
        Some((last, before)) => Fact::Known(told(site, s, last, Some(before))?),
        None => Fact::Absent,
    };
    reverted(site, s, &main)
}

/// Whether a merge request is merged, and the production branch as it was read holds nothing of that.
pub(super) fn unseen(site: &mut Site<'_>, s: &Snapshot, request: Option<&MergeRequest>) -> Result<bool> {
    let merged = request.filter(|mr| mr.state == MergeRequestState::Merged);
    let (Some(mr), Some(main), Some(_)) = (merged, s.main.known(), site.repo) else { return Ok(false) };
    for named in [&mr.merge_commit_sha, &mr.squash_commit_sha, &mr.sha] {
        let Some(commit) = named.as_deref().and_then(Sha::parse) else { continue };
        if contains(site, main, &commit)?.yes() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the user named: with `--landed`, or as a commit that no merge request knows.
fn named(site: &Site<'_>, s: &Snapshot) -> Option<Sha> {
    if site.settings.landed.is_some() {
        return site.settings.landed.clone();
    }
    match (&site.selector, &s.merge_request) {
        (Selector::Commit(commit), Fact::Absent | Fact::Unknown) => Some(commit.clone()),
        _ => None,
    }
}

fn not_on(commit: &Sha, s: &Snapshot) -> Problem {
    let (remote, production) = (&s.policy.remote, &s.policy.production_branch);
    Problem::new(Kind::Refused, format!("{} is not on {production}", commit.short()))
        .because("a backport picks what landed in production, never what has not")
        .hint(format!("git log --oneline {remote}/{production}   shows what landed; name one of those"))
}

/// Whether a merge says that it took the production branch into something else: then its first parent is not
/// the main line, and a pick of it would carry everything that production had before. Nothing but the words
/// tells, where such a merge was pushed to the production branch afterwards.
fn brings_production(site: &Site<'_>, s: &Snapshot, subject: &str) -> bool {
    let (remote, production) = (&site.settings.remote, &s.policy.production_branch);
    let starts = |words: String| {
        let rest = subject.strip_prefix(&words);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    starts(format!("Merge branch '{production}'"))
        || starts(format!("Merge remote-tracking branch '{remote}/{production}'"))
}

fn sideways(commit: &Sha, production: &str) -> Problem {
    Problem::new(
        Kind::Refused,
        format!("{} merges {production} into another branch, not the other way round", commit.short()),
    )
    .because("its first parent is not the main line: picked, it would bring all that production had before")
    .hint(format!(
        "git log --oneline {commit}^2..{commit}^1   shows what it brought; name one of those: git hotfix backport --landed <sha>"
    ))
}

fn told(site: &Site<'_>, s: &Snapshot, commit: Sha, base: Option<Sha>) -> Result<Landed> {
    let Some(repo) = site.repo else {
        let subject = s.merge_request.known().map(|mr| mr.title.clone()).unwrap_or_default();
        return Ok(Landed { commit, kind: LandedKind::Single, subject, reverted_by: None });
    };
    let read = repo.commit(oid(&commit)?)?;
    if read.parents.len() == 2 && brings_production(site, s, &read.subject()) {
        return Err(sideways(&commit, &s.policy.production_branch));
    }
    let kind = match (read.parents.len(), base) {
        (2, _) => LandedKind::Merge,
        (_, Some(base)) => match series(site, repo, oid(&commit)?, oid(&base)?)? {
            series if series.len() > 1 => LandedKind::Series(series),
            _ => LandedKind::Single,
        },
        _ => LandedKind::Single,
    };
    let subject = match s.merge_request.known() {
        Some(mr) => mr.title.clone(),
        None => read.subject(),
    };
    Ok(Landed { commit, kind, subject, reverted_by: None })
}

/// The commits after `base`, oldest first. A base that a shallow clone lacks is fetched, or nothing is told:
/// the last commit of a series alone would be half a fix.
fn series(site: &Site<'_>, repo: &Repo, commit: Oid, base: Oid) -> Result<Vec<Sha>> {
    let commits = ask(site, repo, |repo| match repo.has_commit(base)? {
        true => repo.range(commit, &[base], false, usize::MAX),
        false if repo.is_shallow() => Err(GitError::Shallow),
        false => Ok(Vec::new()),
    })?;
    match commits {
        Fact::Known(commits) => Ok(commits.iter().rev().map(|commit| sha(commit.id)).collect()),
        _ => Err(GitError::Shallow.into()),
    }
}

/// No field names it: asks GitLab which of the newest commits came from this merge request. None where the first of
/// them is not reached.
fn searched(site: &Site<'_>, mr: &MergeRequest, main: &Sha) -> Result<Option<(Sha, Sha)>> {
    let (Some(gitlab), Some(repo)) = (site.gitlab, site.repo) else { return Ok(None) };
    let main = oid(main)?;
    let Fact::Known(commits) = ask(site, repo, |repo| repo.range(main, &[], true, SEARCHED))? else {
        return Ok(None);
    };
    let mut last: Option<Sha> = None;
    for commit in commits {
        let mine =
            gitlab.commit_merge_requests(&commit.id.to_string())?.iter().any(|found| found.iid == mr.iid);
        match (&last, mine) {
            (None, true) => last = Some(sha(commit.id)),
            (Some(_), false) => return Ok(last.map(|last| (last, sha(commit.id)))),
            (Some(_), true) | (None, false) => {}
        }
    }
    Ok(None)
}

/// A later commit on the production branch that undid it.
fn reverted(site: &Site<'_>, s: &mut Snapshot, main: &Sha) -> Result<()> {
    let (Some(repo), Fact::Known(landed)) = (site.repo, &s.landed) else { return Ok(()) };
    let landed = landed.clone();
    let source = match super::lanes::source(site, s, &landed) {
        // What cannot be picked is said where it is to be picked.
        Err(problem) if problem.kind == Kind::Refused => return Ok(()),
        source => source?,
    };
    let Some(source) = source else { return Ok(()) };
    let main = oid(main)?;
    let by = ask(site, repo, |repo| reverted_by(repo, main, &source))?;
    if let (Fact::Known(Some(by)), Fact::Known(landed)) = (by, &mut s.landed) {
        landed.reverted_by = Some(sha(by.id));
    }
    Ok(())
}
