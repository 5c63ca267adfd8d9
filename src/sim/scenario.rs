//! The stories one can rehearse: a world's setup, the fix to write, and what colleagues do on their own.
//!
//! Each is data, told in one place. Deeds go through the same handlers as requests, so a colleague
//! can do exactly what the API lets them.

use serde_json::json;

use super::setup::{JobSpec, Lag, Setup, Start};
use super::story;
use super::world::{State, Status, World};

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
    /// Plays the newest job of this name.
    Play(&'static str),
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
    fix: &'static [(&'static str, &'static str)],
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

    /// Every story; the first is the clean one.
    pub fn all() -> Vec<Scenario> {
        let by = |when, after, who, deed| Event { when, after, who, deed };
        let approvals = |bo, cleo| {
            vec![by(When::Waiting, bo, "bo", Deed::Approve), by(When::Waiting, cleo, "cleo", Deed::Approve)]
        };
        let clean = |name, about, events| Scenario {
            name,
            about,
            slug: "login-500",
            message: story::LOGIN_MESSAGE,
            setup: Setup::default(),
            events,
            fix: story::LOGIN_FIX,
        };
        let with = |mut scenario: Scenario, job: &str, change: fn(&mut JobSpec)| {
            if let Some(job) = scenario.setup.job(job) {
                change(job);
            }
            scenario
        };
        let mut all = vec![clean(
            "clean",
            "everything works: bo and cleo approve, the backport applies",
            approvals(2, 4),
        )];
        all.push(Scenario {
            slug: "session-expiry",
            message: story::SESSION_MESSAGE,
            fix: story::SESSION_FIX,
            ..clean(
                "conflict",
                "develop rewrote the same lines: the backport needs a developer",
                approvals(2, 4),
            )
        });
        all.push(clean(
            "rejected",
            "bo approves, cleo rejects the deployment",
            vec![
                by(When::Waiting, 2, "bo", Deed::Approve),
                by(When::Waiting, 4, "cleo", Deed::Reject("not during the sale, please")),
            ],
        ));
        all.push(with(
            clean("red-pipeline", "the merge request's build fails until it is run again", approvals(2, 4)),
            "build",
            |job| job.failures = 1,
        ));
        let mut flaky = approvals(2, 4);
        flaky.push(by(When::Red, 2, "mia", Deed::RetryFailed));
        all.push(with(
            clean("flaky-job", "coverage fails once and mia runs it again", flaky),
            "coverage",
            |job| job.failures = 1,
        ));
        all.push(with(
            Scenario {
                slug: "session-index",
                message: story::INDEX_MESSAGE,
                fix: story::INDEX_FIX,
                ..clean(
                    "migrations-failing",
                    "the fix holds a migration whose job fails the first time",
                    approvals(2, 4),
                )
            },
            "run-migrations-prod",
            |job| job.failures = 1,
        ));
        all.push(clean(
            "slow-approvals",
            "the tech lead takes a while to wake up, the PM even longer",
            approvals(10, 25),
        ));
        let mut merges = approvals(2, 4);
        merges.push(by(When::Green, 2, "mia", Deed::Merge));
        all.push(clean("colleague-merges", "mia merges in the web page as soon as it is green", merges));
        all.push(with(
            clean(
                "ci-backports-first",
                "the pipeline's own hotfix-backport job opens the backport",
                approvals(2, 4),
            ),
            "hotfix-backport",
            |job| {
                job.start = Start::Automatic;
                job.allow_failure = true;
            },
        ));
        let mut second = approvals(2, 4);
        second.push(by(
            When::Open,
            2,
            "mia",
            Deed::Land(
                "hotfix/orders-csv",
                "Quote commas in the orders export",
                story::ORDERS,
                story::ORDERS_FIXED,
            ),
        ));
        all.push(clean("two-hotfixes", "mia lands another hotfix meanwhile, not yet deployed", second));
        let mut back = approvals(2, 4);
        back.push(by(When::BackportOpen, 12, "mia", Deed::Play("rollback-prod-hotfix")));
        all.push(clean("rolled-back", "after the deploy, mia rolls production back", back));
        all.push(with(
            clean(
                "rollback",
                "the deployment fails half way, and the developer rolls it back",
                approvals(2, 4),
            ),
            "deploy-prod-hotfix",
            |job| job.failures = 1,
        ));
        all.push(clean("revert", "the fix was wrong: the developer reverts it on main", approvals(2, 4)));
        all
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
            Deed::RetryFailed => {
                let failed: Vec<u64> = self
                    .jobs
                    .iter()
                    .filter(|job| job.status == Status::Failed && !job.retried)
                    .map(|job| job.id)
                    .collect();
                failed
                    .into_iter()
                    .map(|id| self.call_as(who, "POST", &format!("jobs/{id}/retry"), json!({})))
                    .find(|answer| !answer.is_success())
            }
            Deed::Play(name) => self
                .jobs
                .iter()
                .rfind(|job| job.spec.name == *name && !job.retried)
                .map(|job| job.id)
                .map(|id| self.call_as(who, "POST", &format!("jobs/{id}/play"), json!({}))),
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
}
