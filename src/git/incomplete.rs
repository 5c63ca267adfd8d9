//! Clones that lack history or files: shallow and partial ones. What is missing is fetched explicitly, and no
//! more than that; nothing is fetched by surprise in the middle of a merge.

use std::collections::BTreeSet;

use super::Oid;
use super::adopt::{self, Adoption};
use super::error::GitError;
use super::landed::{Source, SourceError};
use super::object::{self, Change};
use super::pick::{self, Coming, Picked};
use super::remote::{Credential, Deepen, Fetch};
use super::repo::Repo;

/// How far the first step back into cut-off history goes; each further one goes twice as far.
const FIRST_STEP: u32 = 50;
/// After so many steps the whole history is asked for.
const STEPS: u32 = 6;

/// A repository together with the remote that can complete it.
#[derive(Debug, Clone, Copy)]
pub struct Completed<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The remote's name.
    pub remote: &'a str,
    /// In place of the user's own credentials.
    pub credential: Option<&'a Credential>,
}

impl Completed<'_> {
    /// Asks `question`, and asks again after fetching older history below `tips` for as long as a shallow
    /// clone hides the answer.
    pub fn decide<T>(
        &self,
        tips: &[Oid],
        question: impl Fn(&Repo) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        for step in 0..=STEPS {
            match question(self.repo) {
                Err(GitError::Shallow) if self.repo.is_shallow() => {
                    let by = if step == STEPS { Deepen::All } else { Deepen::By(FIRST_STEP << step) };
                    self.deepen(tips, by)?;
                }
                answer => return answer,
            }
        }
        question(self.repo)
    }

    /// As [`Source::landed`], fetching the history that it needs.
    pub fn landed(&self, commit: Oid, main: Oid, series_base: Option<Oid>) -> Result<Source, SourceError> {
        self.decide(&[main], |repo| repo.is_ancestor(commit, main))?;
        let mut edge = None;
        loop {
            match Source::landed(self.repo, commit, main, series_base) {
                // One more commit is all that a pick needs; a remote that does not give it is asked once.
                Err(SourceError::CutOff { parent, .. })
                    if self.repo.is_shallow() && edge.replace(parent) != Some(parent) =>
                {
                    self.deepen(&[main], Deepen::By(1))?;
                }
                answer => return answer,
            }
        }
    }

    /// As [`pick::pick`], fetching the files that a partial clone lacks.
    pub fn pick(&self, source: &Source, targets: &[Oid]) -> Result<Vec<Result<Picked, GitError>>, GitError> {
        if self.repo.is_partial()? {
            self.supply(source, targets, Extent::SamePath)?;
        }
        let picked = pick::pick(self.repo, source, targets);
        let lacks = |answer: &Result<Picked, GitError>| matches!(answer, Err(GitError::MissingObject(_)));
        if !picked.iter().any(lacks) || !self.repo.is_partial()? {
            return Ok(picked);
        }
        // Git looks for renames among what either side added and deleted.
        self.supply(source, targets, Extent::Renames)?;
        Ok(pick::pick(self.repo, source, targets))
    }

    /// As [`pick::predict`], fetching what the merge reads.
    pub fn predict(&self, head: Oid, main: Oid) -> Result<Coming, GitError> {
        let partial = self.repo.is_partial()?;
        if !partial && !self.repo.is_shallow() {
            return pick::predict(self.repo, head, main);
        }
        // Git merges on whatever base a shallow clone shows it.
        let base = self.decide(&[main], |repo| repo.merge_base(head, main))?;
        if !partial {
            return pick::predict(self.repo, head, main);
        }
        let source = base.map(|base| Source::merge(head, base));
        for extent in [Extent::SamePath, Extent::Renames] {
            if let Some(source) = &source {
                self.supply(source, &[main], extent)?;
            }
            match pick::predict(self.repo, head, main) {
                Err(GitError::MissingObject(_)) if extent == Extent::SamePath => {}
                answer => return answer,
            }
        }
        pick::predict(self.repo, head, main)
    }

    /// As [`adopt::inspect`], fetching the files that a partial clone lacks.
    pub fn inspect(&self, tip: Oid, target: Oid, source: &Source) -> Result<Adoption, GitError> {
        let base = match self.repo.is_partial()? {
            true => adopt::base(self.repo, tip, target)?,
            false => None,
        };
        for extent in [Extent::SamePath, Extent::Renames] {
            if let Some(base) = base {
                self.supply(source, &[base], extent)?;
            }
            match adopt::inspect(self.repo, tip, target, source) {
                Err(GitError::MissingObject(_)) if base.is_some() => {}
                answer => return answer,
            }
        }
        adopt::inspect(self.repo, tip, target, source)
    }

    fn deepen(&self, tips: &[Oid], by: Deepen) -> Result<(), GitError> {
        let refspecs: Vec<String> = tips.iter().map(ToString::to_string).collect();
        self.repo.fetch(&Fetch {
            remote: self.remote,
            refspecs: &refspecs,
            deepen: Some(by),
            credential: self.credential,
        })
    }

    /// Fetches the files that the pick reads and that are not here.
    fn supply(&self, source: &Source, targets: &[Oid], extent: Extent) -> Result<(), GitError> {
        let mut fetched = BTreeSet::new();
        loop {
            let missing = match wanted(self.repo, source, targets, extent) {
                Ok(wanted) => wanted,
                // A clone without trees: this one first, then look again.
                Err(GitError::MissingObject(tree)) if !fetched.contains(&tree) => BTreeSet::from([tree]),
                Err(error) => return Err(error),
            };
            let missing: Vec<Oid> = missing.difference(&fetched).copied().collect();
            if missing.is_empty() {
                return Ok(());
            }
            self.repo.fetch_objects(&missing, self.credential)?;
            fetched.extend(missing);
        }
    }
}

/// How much of two sides a pick may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Files that both sides changed.
    SamePath,
    /// And everything that either side added or deleted.
    Renames,
}

/// The files that picking `source` onto `targets` reads and that are missing here.
fn wanted(repo: &Repo, source: &Source, targets: &[Oid], extent: Extent) -> Result<BTreeSet<Oid>, GitError> {
    let store = repo.store()?;
    let mut ids = BTreeSet::new();
    for pick in &source.picks {
        let base = object::commit(&store, pick.base)?.tree;
        let theirs = object::changes(&store, base, object::commit(&store, pick.commit)?.tree)?;
        for &target in targets {
            let target = object::commit(&store, target)?.tree;
            for change in &theirs {
                let ours = object::entry_at(&store, target, change.path.as_ref())?;
                let ours = ours.filter(|entry| entry.mode.is_blob_or_symlink()).map(|entry| entry.oid);
                if ours != change.old {
                    ids.extend([change.old, change.new, ours].into_iter().flatten());
                }
            }
            if extent == Extent::Renames {
                let moved = |change: &&Change| change.old.is_none() || change.new.is_none();
                let ours = object::changes(&store, base, target)?;
                for change in theirs.iter().chain(&ours).filter(moved) {
                    ids.extend([change.old, change.new].into_iter().flatten());
                }
            }
        }
    }
    ids.retain(|id| !store.has_object(id));
    Ok(ids)
}
