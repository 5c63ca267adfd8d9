//! Questions about history, answered by the clone where there is one, else by GitLab.

use super::{oid, sha};
use crate::error::Result;
use crate::git::{GitError, Oid, Repo};
use crate::gitlab::{self, Client};
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{Fact, Sha, Shipment};

/// How many commits one deployment may ship. Nobody agrees to a list that was cut, nor to one that nobody reads.
const MOST_SHIPPED: usize = 1000;

/// Where history is read.
#[derive(Clone, Copy)]
pub(super) enum History<'a> {
    /// The clone.
    Clone(&'a Repo),
    /// GitLab, one request for each question.
    GitLab(&'a Client),
}

impl<'a> History<'a> {
    /// The clone where there is one.
    pub(super) fn of(site: &Site<'a>) -> Option<History<'a>> {
        match (site.repo, site.gitlab) {
            (Some(repo), _) => Some(History::Clone(repo)),
            (None, Some(gitlab)) => Some(History::GitLab(gitlab)),
            (None, None) => None,
        }
    }

    /// Changed paths between two commits.
    pub(super) fn changed_paths(self, from: &Sha, to: &Sha) -> Result<Vec<String>> {
        match self {
            History::Clone(repo) => {
                let paths = repo.changed_paths(oid(from)?, oid(to)?)?;
                Ok(paths.into_iter().map(|path| path.to_string()).collect())
            }
            History::GitLab(gitlab) => {
                let compared = gitlab.compare(from.as_str(), to.as_str())?;
                Ok(compared.diffs.into_iter().flat_map(|diff| diff.paths()).collect())
            }
        }
    }

    /// First-parent commits from `old` (not included) to `new`, newest first, as what they ship.
    pub(super) fn shipments(self, site: &Site<'_>, old: &Sha, new: &Sha) -> Result<Fact<Vec<Shipment>>> {
        let rows: Vec<(Sha, String)> = match self {
            History::Clone(repo) => {
                let (old, new) = (oid(old)?, oid(new)?);
                let commits = ask(site, repo, |repo| match repo.has_commit(old)? {
                    true => repo.range(new, &[old], true, MOST_SHIPPED + 1).map(Some),
                    false if repo.is_shallow() => Err(GitError::Shallow),
                    false => Ok(None),
                })?;
                let Fact::Known(Some(commits)) = commits else { return Ok(Fact::Unknown) };
                commits.into_iter().map(|commit| (sha(commit.id), commit.message.to_string())).collect()
            }
            History::GitLab(gitlab) => {
                let compared = gitlab.compare(old.as_str(), new.as_str())?;
                first_parents(&compared.commits, new)
            }
        };
        if rows.len() > MOST_SHIPPED {
            return Ok(Fact::Unknown);
        }
        Ok(Fact::Known(rows.into_iter().map(|(commit, message)| shipment(commit, &message)).collect()))
    }
}

/// GitLab compares whole histories; what landed is the line of first parents.
fn first_parents(commits: &[gitlab::Commit], new: &Sha) -> Vec<(Sha, String)> {
    let mut rows = Vec::new();
    let mut next = Some(new.as_str().to_owned());
    while let Some(commit) = next.and_then(|id| commits.iter().find(|commit| commit.id == id)) {
        if let Some(id) = Sha::parse(&commit.id).filter(|_| rows.len() <= MOST_SHIPPED) {
            rows.push((id, commit.message.clone().unwrap_or_else(|| commit.title.clone())));
        }
        next = commit.parent_ids.first().cloned();
    }
    rows
}

/// Reads what GitLab writes into its merge commits: the title below, `See merge request …!412`.
fn shipment(commit: Sha, message: &str) -> Shipment {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let iid = message.lines().rev().find_map(|line| {
        let reference = line.trim().strip_prefix("See merge request ")?;
        reference.rsplit_once('!')?.1.parse().ok()
    });
    let title = match first.starts_with("Merge branch ") {
        true => lines.map(str::trim).find(|line| !line.is_empty() && !line.starts_with("See merge")),
        false => None,
    };
    Shipment { commit, iid, title: title.unwrap_or(first).to_owned(), own: false }
}

/// Asks the clone; where it is shallow, with as much more history as the answer needs. Unknown where that may
/// not be fetched.
pub(super) fn ask<T>(
    site: &Site<'_>,
    repo: &Repo,
    question: impl Fn(&Repo) -> std::result::Result<T, GitError>,
) -> Result<Fact<T>> {
    let answer = match site.completed() {
        Some(completed) => completed.decide(&tips(site), question),
        None => question(repo),
    };
    match answer {
        Ok(answer) => Ok(Fact::Known(answer)),
        Err(GitError::Shallow) => Ok(Fact::Unknown),
        Err(error) => Err(error.into()),
    }
}

/// The remote branches below which history is fetched: all but the backports, which are short.
pub(super) fn tips(site: &Site<'_>) -> Vec<Oid> {
    let asked = site.kept.refs.iter().flat_map(|(_, branches)| branches);
    let mut tips: Vec<Oid> =
        asked.filter(|(name, _)| !name.starts_with("backport/")).map(|(_, tip)| *tip).collect();
    tips.sort();
    tips.dedup();
    tips
}

/// Whether `old` is an ancestor of (or is) `new`; unknown where it could not be told.
pub(super) fn contains(site: &mut Site<'_>, new: &Sha, old: &Sha) -> Result<Fact<bool>> {
    if new == old {
        return Ok(Fact::Known(true));
    }
    if let Some(known) = site.kept.ancestry.get(&(old.clone(), new.clone())) {
        return Ok(Fact::Known(*known));
    }
    let answer = match History::of(site) {
        None => return Ok(Fact::Unknown),
        Some(History::Clone(repo)) => {
            let (new, old) = (oid(new)?, oid(old)?);
            if !repo.has_commit(new)? {
                return Ok(Fact::Unknown);
            }
            // A commit that is not here after the fetch of `new` is not in `new`'s history, unless the
            // history itself is cut short.
            match ask(site, repo, |repo| match repo.is_shallow() || repo.has_commit(old)? {
                true => repo.is_ancestor(old, new),
                false => Ok(false),
            })? {
                Fact::Known(answer) => answer,
                _ => return Ok(Fact::Unknown),
            }
        }
        Some(History::GitLab(gitlab)) => match gitlab.merge_base(old.as_str(), new.as_str())? {
            Some(base) => base.id == old.as_str(),
            None => false,
        },
    };
    site.kept.ancestry.insert((old.clone(), new.clone()), answer);
    Ok(Fact::Known(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gitlabs_merge_commits_tell_title_and_number() {
        let commit = Sha::parse(&"a".repeat(40)).unwrap();
        let message =
            "Merge branch 'hotfix/login-500' into 'main'\n\nFix login 500\n\nSee merge request shop/web!412";
        let told = shipment(commit.clone(), message);
        assert_eq!((told.iid, told.title.as_str()), (Some(412), "Fix login 500"));
        let plain = shipment(commit, "Fix it (see merge request !9 too)\n");
        assert_eq!((plain.iid, plain.title.as_str()), (None, "Fix it (see merge request !9 too)"));
    }
}
