//! Where the loop runs: one clone (or none), one project on GitLab (or none), one hotfix.
//!
//! Owns what `observe` keeps between two looks of the same run, so that a tick of waiting costs few
//! requests. Nothing of it outlives the process.

use std::collections::HashMap;
use std::time::Duration;

use globset::GlobSet;

use crate::clock::Clock;
use crate::error::Result;
use crate::git::incomplete::Completed;
use crate::git::pick::Coming;
use crate::git::remote::Credential;
use crate::git::{Oid, Repo};
use crate::gitlab::Client;
use crate::hotfix::drive::World;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Goal;
use crate::hotfix::observe::standing::LaneJobs;
use crate::hotfix::snapshot::{BranchContent, Landed, Person, Pick, Policy, Sha, Snapshot};
use crate::hotfix::step::{Acted, Consent, Step};
use crate::hotfix::{act, observe};

/// Which hotfix is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The branch of that name.
    Branch(String),
    /// The merge request of that number.
    Request(u64),
    /// The commit, on the production branch or not.
    Commit(Sha),
}

/// What a run needs to know beyond the policy.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Names and rules.
    pub policy: Policy,
    /// Backport targets; `release/*` stands for every branch it matches.
    pub targets: Vec<String>,
    /// Which changed paths are migrations.
    pub migrations: GlobSet,
    /// The git remote.
    pub remote: String,
    /// Ask neither GitLab nor the remote: what the last fetch left.
    pub offline: bool,
    /// The landed commit, where the user named it.
    pub landed: Option<Sha>,
    /// Sign off backport commits.
    pub signoff: bool,
    /// Leave the remote alone: remote-tracking refs are taken as they are.
    pub no_fetch: bool,
    /// How long what the remote said of its branches stays good while nothing else changes.
    pub refs_good_for: Duration,
}

/// One run's view of the world.
pub struct Site<'a> {
    /// The clone, where there is one.
    pub repo: Option<&'a Repo>,
    /// The project, where it can be asked.
    pub gitlab: Option<&'a Client>,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The settings.
    pub settings: Settings,
    /// Which hotfix.
    pub selector: Selector,
    /// In place of the user's own git credentials (CI).
    pub credential: Option<Credential>,
    /// Who commits, where git does not know: name and mail address.
    pub committer: Option<(String, String)>,
    /// Nobody keeps this clone: what is fetched into a shallow one may cut its history shorter still.
    pub throwaway: bool,
    configure: Configure<'a>,
    file: Option<Vec<u8>>,
    pub(super) kept: Kept,
}

/// Makes the settings from the bytes of `.hotfix.toml` on the production branch, and what to call it.
pub type Configure<'a> = Box<dyn Fn(Option<&[u8]>, &str) -> Result<Settings> + 'a>;

/// What is kept between two looks.
#[derive(Default)]
pub(super) struct Kept {
    /// What the remote said of its branches, and when.
    pub(super) refs: Option<(Duration, HashMap<String, Oid>)>,
    /// The merge request that the commit we were given landed with.
    pub(super) request: Option<u64>,
    /// Whose token this is.
    pub(super) me: Option<Person>,
    /// Members that can fill a rule, by the rule's identity.
    pub(super) may: HashMap<String, Vec<String>>,
    /// Ancestry answers; commits do not change.
    pub(super) ancestry: HashMap<(Sha, Sha), bool>,
    /// The lane's jobs by pipeline, for one look.
    pub(super) lane_jobs: LaneJobs,
    /// Picks by target tip, and whether they had to ignore directory renames.
    pub(super) picks: HashMap<(Sha, String), (Pick, bool)>,
    /// What merging a head into the production branch's tip will bring.
    pub(super) coming: HashMap<(Oid, Oid), Coming>,
    /// What is on a backport branch, by its tip, its target's and what is picked.
    pub(super) contents: HashMap<(Oid, Oid, String), BranchContent>,
}

impl<'a> Site<'a> {
    /// A fresh view: nothing kept yet. `file` is `.hotfix.toml` as last fetched, and what to call it.
    pub fn new(
        repo: Option<&'a Repo>,
        gitlab: Option<&'a Client>,
        clock: &'a dyn Clock,
        configure: Configure<'a>,
        file: (Option<Vec<u8>>, String),
        selector: Selector,
    ) -> Result<Self> {
        let settings = configure(file.0.as_deref(), &file.1)?;
        let kept = Kept::default();
        Ok(Site {
            repo,
            gitlab,
            clock,
            settings,
            selector,
            credential: None,
            committer: None,
            throwaway: false,
            configure,
            file: file.0,
            kept,
        })
    }

    /// Takes over `.hotfix.toml` as it is on the production branch now; true when it was another.
    pub(super) fn reconfigure(&mut self, file: Option<Vec<u8>>, label: &str) -> Result<bool> {
        let other = self.file != file;
        if other {
            self.settings = (self.configure)(file.as_deref(), label)?;
            self.file = file;
        }
        Ok(other)
    }

    /// What can complete a shallow or partial clone; none where the remote is left alone.
    pub(super) fn completed(&self) -> Option<Completed<'_>> {
        let alone = self.settings.offline || self.settings.no_fetch;
        let repo = self.repo.filter(|_| !alone)?;
        Some(Completed { repo, remote: &self.settings.remote, credential: self.credential.as_ref() })
    }
}

impl Site<'_> {
    /// What the remote said of its branches is old as soon as one is moved, or the world turned out another.
    pub(super) fn forget_refs(&mut self) {
        self.kept.refs = None;
    }

    /// Writes the picked commits (or the placeholder) onto `onto`, and gives the tip; none where there is
    /// nothing to write. Touches no ref.
    pub fn write_backport(&self, onto: &Sha, landed: &Landed, pick: &Pick) -> Result<Option<Oid>> {
        act::write_backport(self, onto, landed, pick)
    }
}

impl World for Site<'_> {
    fn observe(&mut self, goal: &Goal, floor: &Floor) -> Result<Snapshot> {
        observe::observe(self, goal, floor)
    }

    fn act(&mut self, step: &Step, consent: Option<&Consent>) -> Result<Acted> {
        let acted = act::act(self, step, consent);
        if step.moves_branches() || !matches!(acted, Ok(Acted::Changed(_))) {
            self.forget_refs();
        }
        acted
    }
}
