//! What a story is made of: a world's setup, the fix to write, what colleagues do on their own, and what is
//! typed when it is told. Which ones there are is in `scenarios`.
//!
//! Deeds go through the same handlers as requests, so a colleague can do exactly what the API lets them.

use serde_json::json;

use super::respond::Answer;
use super::setup::{Body, Lag, Setup};
use super::world::{State, World};

/// What a colleague waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A merge request to production is open.
    Open,
    /// Its own pipeline is green.
    Green,
    /// Its pipeline is red.
    Red,
    /// The deployment of production's newest commit waits for approvals, and nobody is still
    /// about to merge another hotfix.
    Waiting,
    /// A deployed hotfix's backport is open.
    BackportOpen,
}

/// What a colleague does, in the web page or from another laptop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Approves the waiting deployment.
    Approve,
    /// Rejects it, with this comment.
    Reject(&'static str),
    /// Merges the merge request.
    Merge,
    /// Retries the failed jobs of the merge request's pipeline.
    RetryFailed,
    /// Plays the newest job that takes production back.
    RollBack,
    /// Lands another hotfix: its branch, title, path and new content.
    Land(&'static str, &'static str, &'static str, &'static str),
}

/// A colleague's deed and its trigger. Each happens once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The trigger.
    pub when: When,
    /// How many reads later.
    pub after: u64,
    /// Who, by username.
    pub who: &'static str,
    /// What.
    pub deed: Deed,
}

/// What somebody does in the web page while a story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Click {
    /// Retries every failed job.
    RetryFailed,
    /// Merges the open backports.
    MergeBackports,
}

/// One act of a story as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A line of narration.
    Say(&'static str),
    /// The developer writes and commits the fix.
    Fix,
    /// The developer resolves the conflict.
    Resolve,
    /// Somebody clicks in the web page; in words.
    Web(&'static str, Click, &'static str),
    /// Somebody types a command.
    Run {
        /// Who.
        who: &'static str,
        /// What, after `git hotfix`. `{other}` is another's open hotfix, `{revert}` the revert of this one.
        args: Vec<String>,
        /// The exit code it ends with.
        code: u8,
    },
}

/// A story to rehearse.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// The hotfix's slug, as in `hotfix/<slug>`.
    pub slug: &'static str,
    /// The commit message of the fix.
    pub message: &'static str,
    /// The world it happens in.
    pub setup: Setup,
    /// What others do meanwhile.
    pub events: Vec<Event>,
    /// Whether the story types those deeds itself when it is told, each as a command.
    pub by_hand: bool,
    /// What happens when it is told.
    pub acts: Vec<Act>,
    /// Why it means nothing in another repository than the shop's.
    pub shops_own: Option<&'static str>,
    pub(super) fix: &'static [(&'static str, &'static str)],
}

impl Scenario {
    /// The files to write in a clone, with their new content.
    pub fn fix(&self) -> Vec<(&'static str, &'static str)> {
        self.fix.to_vec()
    }

    /// The story of that name.
    pub fn named(name: &str) -> Option<Scenario> {
        Scenario::all().into_iter().find(|scenario| scenario.name == name)
    }

    /// The exit code of its last command.
    pub fn ends_with(&self) -> u8 {
        let mut codes = self.acts.iter().rev().filter_map(|act| match act {
            Act::Run { code, .. } => Some(*code),
            _ => None,
        });
        codes.next().unwrap_or(0)
    }

    /// The same story in a world without lags, for tests.
    pub fn at_once(mut self) -> Scenario {
        self.setup.lag = Lag::none();
        self
    }
}

impl World {
    /// Adds what colleagues will do.
    pub fn expect(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
    }

    fn holds(&self, when: When) -> bool {
        let hotfixes = || self.merge_requests.iter().filter(|found| found.target == self.setup.production);
        let head = |wanted: &[&str]| {
            hotfixes()
                .filter(|found| found.state == State::Opened)
                .filter_map(|found| found.head_pipeline)
                .any(|pipeline| wanted.contains(&self.pipeline_status(pipeline)))
        };
        match when {
            When::Open => hotfixes().any(|found| found.state == State::Opened && found.prepared_at.is_some()),
            When::Green => head(&["success"]),
            When::Red => head(&["failed"]),
            When::Waiting => {
                self.waiting_deployment().is_some() && hotfixes().all(|found| found.state != State::Opened)
            }
            When::BackportOpen => !self.open_backports().is_empty(),
        }
    }

    fn waiting_deployment(&self) -> Option<u64> {
        let tip = self.branch(&self.setup.production)?;
        let newest = self.deployments.iter().rfind(|found| found.sha == tip)?;
        Some(newest.id).filter(|&id| self.pending_approvals(id) > 0)
    }

    /// Takes the events whose trigger holds and puts them on the queue.
    pub(super) fn fire_events(&mut self) {
        let (fired, left) =
            std::mem::take(&mut self.events).into_iter().partition(|event| self.holds(event.when));
        self.events = left;
        let fired: Vec<Event> = fired;
        for event in fired {
            let effect = super::advance::Effect::Deed { who: event.who.to_owned(), deed: event.deed };
            self.after(event.after, effect);
        }
    }

    /// Lets a colleague do it. A refusal is kept in [`World::refused`].
    pub(super) fn carry_out(&mut self, who: &str, deed: &Deed) {
        let production = self.setup.production.clone();
        let open = self
            .merge_requests
            .iter()
            .rev()
            .find(|found| found.target == production && found.state == State::Opened)
            .map(|found| found.iid);
        let answer = match deed {
            Deed::Approve | Deed::Reject(_) => self.waiting_deployment().map(|id| {
                let (status, comment) = match deed {
                    Deed::Reject(comment) => ("rejected", *comment),
                    _ => ("approved", ""),
                };
                let body = json!({"status": status, "comment": comment});
                self.call_as(who, "POST", &format!("deployments/{id}/approval"), body)
            }),
            Deed::Merge => open.map(|iid| {
                // The web page checks while somebody looks at it.
                self.check_now(iid);
                self.call_as(who, "PUT", &format!("merge_requests/{iid}/merge"), json!({}))
            }),
            Deed::RetryFailed => self.retry_failed(who),
            Deed::RollBack => {
                let back = |job: &&super::world::Job| job.spec.body == Body::Rollback && !job.retried;
                let job = self.jobs.iter().rfind(back).map(|job| job.id);
                job.map(|id| self.call_as(who, "POST", &format!("jobs/{id}/play"), json!({})))
            }
            Deed::Land(branch, title, path, content) => {
                self.land_as(who, branch, title, &[((*path).to_owned(), Some((*content).to_owned()))]);
                None
            }
        };
        if let Some(answer) = answer.filter(|answer| !answer.is_success()) {
            let words = String::from_utf8_lossy(&answer.body).into_owned();
            self.refused.push(format!("{who} {deed:?}: {} {words}", answer.status));
        }
    }

    /// Retries every failed job; the first refusal.
    fn retry_failed(&mut self, who: &str) -> Option<Answer> {
        let failed = self.failed_jobs().into_iter();
        failed
            .map(|id| self.call_as(who, "POST", &format!("jobs/{id}/retry"), json!({})))
            .find(|answer| !answer.is_success())
    }

    /// Lets somebody click. Gives what refused it.
    pub fn click(&mut self, who: &str, click: Click) -> Option<Answer> {
        match click {
            Click::RetryFailed => self.retry_failed(who),
            Click::MergeBackports => {
                let open = self.open_backports().into_iter();
                open.map(|iid| self.merge_as(who, iid)).find(|answer| !answer.is_success())
            }
        }
    }
}
