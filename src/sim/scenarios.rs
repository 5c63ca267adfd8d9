//! The stories, each told in one place: the world it happens in, what colleagues do on their own, and what is
//! typed with which exit code.

use super::scenario::{Act, Click, Deed, Event, Scenario, When};
use super::setup::{JobSpec, Setup, Start};
use super::shop;

impl Scenario {
    /// Every story; the first is the clean one.
    pub fn all() -> Vec<Scenario> {
        let ship: &[&str] = &["ship", "--yes"];
        vec![
            Scenario {
                by_hand: true,
                ..story("clean", "everything works: bo and cleo approve, the backport applies")
            }
            .acts([
                dev(&["open"], 0),
                dev(&["status"], 0),
                Act::Say("merge once the pipeline is green"),
                dev(&["merge", "--yes"], 0),
                dev(&["wait", "build"], 0),
                Act::Say("both roles approve, each from their own laptop; nothing starts by itself"),
                run("bo", &["approve", "--as", "tech-lead", "--yes"], 0),
                dev(&["status"], 0),
                run("cleo", &["approve", "--as", "pm", "--yes"], 0),
                Act::Say("the rest in one go: play the job once, follow it, backport"),
                dev(ship, 0),
                dev(&["status"], 0),
            ])
            .acts(checklist()),
            Scenario {
                slug: "session-expiry",
                message: shop::SESSION_MESSAGE,
                fix: shop::SESSION_FIX,
                shops_own: Some("it needs lines that develop rewrote"),
                ..story("conflict", "develop rewrote the same lines: the backport needs a developer")
            }
            .acts([
                dev(&["open"], 0),
                Act::Say("develop rewrote the same lines; ship goes on and says so with exit 3"),
                dev(ship, 3),
                Act::Say("the placeholder holds its place; now a developer finishes it"),
                dev(&["backport", "--continue"], 3),
                Act::Resolve,
                dev(&["backport", "--continue"], 0),
                dev(&["status"], 0),
            ]),
            story("rejected", "bo approves, cleo rejects the deployment")
                .meanwhile([
                    by("bo", When::Waiting, 2, Deed::Approve),
                    by("cleo", When::Waiting, 4, Deed::Reject("not during the sale, please")),
                ])
                .acts([dev(ship, 7), dev(&["status"], 0), dev(&["deploy", "--yes"], 7)]),
            story("red-pipeline", "the merge request's build fails until it is run again")
                .with("build", fails_once)
                .acts([
                    dev(ship, 7),
                    Act::Web("mia", Click::RetryFailed, "runs the failed job again"),
                    dev(ship, 0),
                ]),
            story("flaky-job", "coverage fails once and mia runs it again")
                .with("coverage", fails_once)
                .and(by("mia", When::Red, 6, Deed::RetryFailed))
                .acts([
                    dev(ship, 7),
                    Act::Say("mia runs the job again while somebody watches"),
                    dev(&["status"], 0),
                    dev(&["status"], 0),
                    dev(ship, 0),
                ]),
            Scenario {
                slug: "session-index",
                message: shop::INDEX_MESSAGE,
                fix: shop::INDEX_FIX,
                shops_own: Some("it needs a migration to write"),
                ..story("migrations-failing", "the fix holds a migration whose job fails the first time")
            }
            .with("run-migrations-prod", fails_once)
            .acts([
                Act::Say("the migration fails: the backport is made all the same, and ship ends with exit 7"),
                dev(ship, 7),
                Act::Web("mia", Click::RetryFailed, "mends the data and runs the migration again"),
                dev(&["migrate", "--yes"], 0),
                dev(&["status"], 0),
            ]),
            story("slow-approvals", "the tech lead takes a while to wake up, the PM even longer")
                .meanwhile(approvals(10, 25))
                .acts([dev(ship, 0), dev(&["status"], 0)])
                .acts(checklist()),
            story("colleague-merges", "mia merges in the web page as soon as it is green")
                .and(by("mia", When::Green, 2, Deed::Merge))
                .acts([dev(ship, 0), dev(&["status"], 0)]),
            story("ci-backports-first", "the pipeline's own hotfix-backport job opens the backport")
                .with("hotfix-backport", |job| {
                    job.start = Start::Automatic;
                    job.allow_failure = true;
                })
                .acts([dev(ship, 0), dev(&["status"], 0)]),
            story("two-hotfixes", "mia lands another hotfix meanwhile, not yet deployed")
                .and(by(
                    "mia",
                    When::Open,
                    2,
                    Deed::Land(
                        "hotfix/orders-csv",
                        "Quote commas in the orders export",
                        shop::ORDERS,
                        shop::ORDERS_FIXED,
                    ),
                ))
                .acts([
                    Act::Say(
                        "mia lands another hotfix meanwhile; it would ship too, and nobody agreed to that",
                    ),
                    dev(ship, 5),
                    Act::Say("mia was asked, and agrees"),
                    dev(&["ship", "--yes", "--with", "{other}"], 0),
                    dev(&["list"], 0),
                ]),
            story("rolled-back", "after the deploy, mia rolls production back")
                .and(by("mia", When::BackportOpen, 12, Deed::RollBack))
                .acts([
                    dev(ship, 0),
                    Act::Say("mia sees errors and rolls production back"),
                    dev(&["status"], 0),
                    dev(&["status"], 0),
                    dev(&["status"], 0),
                    dev(&["deploy", "--yes"], 5),
                ]),
            story("rollback", "the deployment fails half way, and the developer rolls it back")
                .with("deploy-prod-hotfix", fails_once)
                .acts([
                    Act::Say("some apps got the release, others did not: production is half way"),
                    dev(ship, 7),
                    dev(&["status"], 0),
                    Act::Say("the job beside the deployment takes every app back to what it ran before"),
                    dev(&["rollback", "--yes"], 0),
                    Act::Say("once is enough: nothing is played again"),
                    dev(&["rollback", "--yes"], 0),
                ]),
            story("revert", "the fix was wrong: the developer reverts it on main").acts([
                dev(ship, 0),
                Act::Say("it makes things worse: take it back on main, through a merge request of its own"),
                dev(&["revert"], 0),
                dev(&["merge", "--yes", "{revert}"], 0),
                Act::Say("what is reverted needs no backport"),
                dev(&["status"], 0),
                dev(&["list", "--missing"], 0),
            ]),
        ]
    }

    /// Goes on with these.
    fn acts(mut self, acts: impl IntoIterator<Item = Act>) -> Scenario {
        if self.acts.is_empty() {
            self.acts = vec![
                Act::Say("3 a.m.: production is broken. Cut a hotfix from main."),
                dev(&["start", self.slug], 0),
                Act::Fix,
            ];
        }
        self.acts.extend(acts);
        self
    }

    /// In place of what colleagues do else.
    fn meanwhile(self, events: impl IntoIterator<Item = Event>) -> Scenario {
        Scenario { events: events.into_iter().collect(), ..self }
    }

    fn and(mut self, event: Event) -> Scenario {
        self.events.push(event);
        self
    }

    fn with(mut self, job: &str, change: fn(&mut JobSpec)) -> Scenario {
        if let Some(job) = self.setup.job(job) {
            change(job);
        }
        self
    }
}

/// The login fails without a session; both roles approve.
fn story(name: &'static str, about: &'static str) -> Scenario {
    Scenario {
        name,
        about,
        slug: "login-500",
        message: shop::LOGIN_MESSAGE,
        fix: shop::LOGIN_FIX,
        setup: Setup::default(),
        events: approvals(2, 4).into(),
        by_hand: false,
        acts: Vec::new(),
        shops_own: None,
    }
}

fn by(who: &'static str, when: When, after: u64, deed: Deed) -> Event {
    Event { when, after, who, deed }
}

fn approvals(bo: u64, cleo: u64) -> [Event; 2] {
    [by("bo", When::Waiting, bo, Deed::Approve), by("cleo", When::Waiting, cleo, Deed::Approve)]
}

fn fails_once(job: &mut JobSpec) {
    job.failures = 1;
}

fn run(who: &'static str, args: &[&str], code: u8) -> Act {
    Act::Run { who, args: args.iter().map(|&arg| arg.to_owned()).collect(), code }
}

fn dev(args: &[&str], code: u8) -> Act {
    run("dev", args, code)
}

fn checklist() -> [Act; 3] {
    [
        dev(&["verify", "--confirm", "login works again, checked with two accounts"], 8),
        Act::Web("mia", Click::MergeBackports, "reviews and merges the backport"),
        dev(&["verify"], 0),
    ]
}
