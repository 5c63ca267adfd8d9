//! What the remote's branches are: asked by one `ls-remote`, and fetched only where an object is missing.
//!
//! Remote-tracking refs alone are not the truth: they keep branches that are gone.

use std::collections::HashMap;

use super::history::{ask, contains};
use super::sha;
use crate::error::{Kind, Problem, Result};
use crate::git::remote::{Deepen, Fetch};
use crate::git::{Oid, Repo};
use crate::gitlab::MergeRequest;
use crate::hotfix::floor::Floor;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{CommitLine, Fact, LocalBranch, Sha, Snapshot};

/// How many commits of a branch are read.
const MOST_COMMITS: usize = 100;

/// How many branches are looked through for those that fit a pattern, without a clone.
const MOST_BRANCHES: usize = 1000;

/// How much of a branch is fetched at first into a shallow clone that nobody keeps.
const FIRST_DEPTH: u32 = 50;

/// The remote's branches, by short name.
pub(super) struct Refs {
    branches: HashMap<String, Oid>,
    known: bool,
}

impl Refs {
    /// A branch's tip; unknown where the remote was not asked.
    pub(super) fn tip(&self, branch: &str) -> Fact<Sha> {
        match (self.known, self.branches.get(branch)) {
            (_, Some(tip)) => Fact::Known(sha(*tip)),
            (true, None) => Fact::Absent,
            (false, None) => Fact::Unknown,
        }
    }

    /// The branches that match a target pattern, in order of their names.
    pub(super) fn matching(&self, pattern: &str) -> Vec<String> {
        let Some((prefix, suffix)) = pattern.split_once('*') else { return vec![pattern.to_owned()] };
        let fits = |name: &&String| {
            name.len() >= prefix.len() + suffix.len() && name.starts_with(prefix) && name.ends_with(suffix)
        };
        let mut names: Vec<String> = self.branches.keys().filter(fits).cloned().collect();
        names.sort();
        names
    }

    /// Fills in the hotfix's own branch and the production branch.
    pub(super) fn fill(&self, site: &mut Site<'_>, s: &mut Snapshot, floor: &Floor) -> Result<()> {
        s.main = self.tip(&s.policy.production_branch);
        let Some(branch) = s.branch.clone() else {
            s.local = Fact::Absent;
            s.remote = Fact::Absent;
            return Ok(());
        };
        s.remote = match floor.branches.get(&branch) {
            Some(pushed) => Fact::Known(pushed.clone()),
            None => self.tip(&branch),
        };
        s.local = local(site, s, &branch)?;
        if let (Some(local), Some(remote)) = (s.local.known(), s.remote.known()) {
            s.local_contains_remote = contains(site, &local.tip.clone(), &remote.clone())?;
        }
        Ok(())
    }
}

/// Asks the remote and fetches what is missing.
pub(super) fn read(site: &mut Site<'_>, s: &Snapshot, request: Option<&MergeRequest>) -> Result<Refs> {
    let production = &s.policy.production_branch;
    let Some(repo) = site.repo else { return from_gitlab(site, s) };
    if site.settings.offline || site.settings.no_fetch {
        return tracked(site, repo);
    }
    let now = site.clock.elapsed();
    if let Some((at, branches)) = &site.kept.refs
        && now.saturating_sub(*at) < site.settings.refs_good_for
        && request.is_none_or(|mr| knows_merge(repo, mr))
    {
        return Ok(Refs { branches: branches.clone(), known: true });
    }
    let mut patterns = vec![format!("refs/heads/{production}")];
    patterns.extend(s.branch.iter().map(|branch| format!("refs/heads/{branch}")));
    for target in &site.settings.targets {
        patterns.push(format!("refs/heads/{target}"));
        patterns.push(format!("refs/heads/backport/{target}-*"));
    }
    patterns.push("refs/heads/revert/*".to_owned());
    let mut refs = listed(site, repo, &patterns)?;
    while let Err(problem) = fetch(site, repo, &refs, s) {
        // A branch that went away between the question and the fetch, merged by a colleague.
        let later = listed(site, repo, &patterns)?;
        if later.branches == refs.branches {
            return Err(problem);
        }
        refs = later;
    }
    site.kept.refs = Some((now, refs.branches.clone()));
    Ok(refs)
}

/// What the remote says of these branches.
fn listed(site: &Site<'_>, repo: &Repo, patterns: &[String]) -> Result<Refs> {
    let (remote, production) = (&site.settings.remote, &site.settings.policy.production_branch);
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let rows = repo.ls_remote(remote, &patterns, site.credential.as_ref())?;
    let branches: HashMap<String, Oid> = rows
        .into_iter()
        .filter_map(|(name, tip)| Some((name.strip_prefix("refs/heads/")?.to_owned(), tip)))
        .collect();
    if !branches.contains_key(production) {
        return Err(Problem::new(Kind::Config, format!("{remote} has no branch {production}"))
            .hint("name the production branch: git config hotfix.productionBranch <branch>"));
    }
    Ok(Refs { branches, known: true })
}

/// A merge since the last look makes what the remote said old.
fn knows_merge(repo: &Repo, mr: &MergeRequest) -> bool {
    let landed = mr.merge_commit_sha.as_deref().or(mr.squash_commit_sha.as_deref());
    let landed = landed.and_then(|text| Oid::from_hex(text.as_bytes()).ok());
    mr.merged_at.is_none() || landed.is_some_and(|id| repo.has_commit(id).unwrap_or(false))
}

fn fetch(site: &Site<'_>, repo: &Repo, refs: &Refs, s: &Snapshot) -> Result<()> {
    let mut names = vec![s.policy.production_branch.clone()];
    names.extend(s.branch.clone());
    for target in &site.settings.targets {
        names.extend(refs.matching(target));
    }
    bring(site, repo, refs, &names)
}

/// Fetches the branches of these names, where they are not here as the remote has them.
pub(super) fn bring(site: &Site<'_>, repo: &Repo, refs: &Refs, names: &[String]) -> Result<()> {
    let remote = &site.settings.remote;
    let mut specs = Vec::new();
    for name in names {
        let Some(tip) = refs.branches.get(name) else { continue };
        let tracking = format!("refs/remotes/{remote}/{name}");
        let spec = format!("+refs/heads/{name}:{tracking}");
        if specs.contains(&spec) {
            continue;
        }
        if !repo.has_commit(*tip)? || repo.ref_tip(&tracking)? != Some(*tip) {
            specs.push(spec);
        }
    }
    if specs.is_empty() {
        return Ok(());
    }
    // Git sends the whole history of a branch that a shallow clone does not know yet.
    let deepen = Some(Deepen::Cut(FIRST_DEPTH)).filter(|_| site.throwaway && repo.is_shallow());
    Ok(repo.fetch(&Fetch { remote, refspecs: &specs, deepen, credential: site.credential.as_ref() })?)
}

/// Without a clone: the branches that matter, one request each.
fn from_gitlab(site: &Site<'_>, s: &Snapshot) -> Result<Refs> {
    let Some(gitlab) = site.gitlab else { return Ok(Refs { branches: HashMap::new(), known: false }) };
    let mut branches = HashMap::new();
    let mut names = vec![s.policy.production_branch.clone()];
    names.extend(site.settings.targets.iter().filter(|target| !target.contains('*')).cloned());
    for name in names {
        if let Some(branch) = gitlab.branch(&name)?
            && let Ok(tip) = Oid::from_hex(branch.commit.id.as_bytes())
        {
            branches.insert(name, tip);
        }
    }
    for pattern in site.settings.targets.iter().filter(|target| target.contains('*')) {
        let prefix = pattern.split('*').next().unwrap_or_default();
        for branch in gitlab.branches(prefix, MOST_BRANCHES)? {
            if let Ok(tip) = Oid::from_hex(branch.commit.id.as_bytes()) {
                branches.insert(branch.name, tip);
            }
        }
    }
    Ok(Refs { branches, known: false })
}

/// Offline: what the last fetch left; a missing tracking ref proves nothing.
fn tracked(site: &Site<'_>, repo: &Repo) -> Result<Refs> {
    let prefix = format!("refs/remotes/{}/", site.settings.remote);
    let rows = repo.refs(&prefix)?;
    let branches = rows
        .into_iter()
        .filter_map(|(name, tip)| Some((name.strip_prefix(&prefix)?.to_owned(), tip)))
        .collect();
    Ok(Refs { branches, known: false })
}

fn local(site: &Site<'_>, s: &Snapshot, branch: &str) -> Result<Fact<LocalBranch>> {
    let Some(repo) = site.repo else { return Ok(Fact::Absent) };
    let Some(tip) = repo.ref_tip(&format!("refs/heads/{branch}"))? else { return Ok(Fact::Absent) };
    let main = s.main.known().map(super::oid).transpose()?;
    let exclude: Vec<Oid> = main.into_iter().filter(|id| repo.has_commit(*id).unwrap_or(false)).collect();
    let commits = match exclude.is_empty() {
        true => Vec::new(),
        false => match ask(site, repo, |repo| repo.range(tip, &exclude, false, MOST_COMMITS))? {
            Fact::Known(commits) => commits,
            _ => return Ok(Fact::Unknown),
        },
    };
    let template = repo.file_at(tip, b".gitlab/merge_request_templates/Hotfix.md".into())?;
    Ok(Fact::Known(LocalBranch {
        tip: sha(tip),
        commits: commits.iter().filter(|commit| commit.parents.len() < 2).map(line).collect(),
        template: template.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    }))
}

/// A commit as lists show it.
pub(super) fn line(commit: &crate::git::Commit) -> CommitLine {
    let text = commit.message.to_string();
    let body = text.split_once('\n').map(|(_, body)| body.trim().to_owned()).unwrap_or_default();
    CommitLine {
        id: sha(commit.id),
        subject: commit.subject(),
        body,
        author: commit.author_name(),
        at: jiff::Timestamp::from_second(commit.author.seconds).ok(),
    }
}
