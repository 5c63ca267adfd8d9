//! The loop over a world made of snapshots: lag, lost answers, a world that moves, time that runs out.

use std::time::Duration;

use git_hotfix::clock::Clock;
use git_hotfix::error::{Kind, Problem, Result};
use git_hotfix::hotfix::drive::{End, Event, Listener, Outcome, Timing, World, drive};
use git_hotfix::hotfix::floor::Floor;
use git_hotfix::hotfix::goal::Goal;
use git_hotfix::hotfix::rung::Rung;
use git_hotfix::hotfix::snapshot::*;
use git_hotfix::hotfix::step::{Acted, Consent, Question, Step, Written};
use insta::assert_snapshot;

use crate::ladder::{deployment, fresh, job, request, rule, sha, waiting_for_approvals};
use crate::words::errors::said;

/// A clock that only sleeping moves.
struct TestClock(std::sync::Mutex<Duration>);

impl Clock for TestClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

type Effect = fn(&mut Snapshot, &Step, u32) -> Acted;

/// Shows its state only `lag` looks after it changed.
struct Lagging {
    shown: Snapshot,
    real: Snapshot,
    lag: u32,
    behind: u32,
    effect: Effect,
    acts: Vec<Step>,
    /// Looks that fail, counted down.
    lost: u32,
    looks: u32,
    /// Writes after the first that are not even sent, counted down.
    unsent: u32,
}

impl Lagging {
    fn new(s: Snapshot, lag: u32, effect: Effect) -> Lagging {
        let (shown, acts) = (s.clone(), vec![]);
        Lagging { shown, real: s, lag, behind: 0, effect, acts, lost: 0, looks: 0, unsent: 0 }
    }
}

impl World for Lagging {
    fn observe(&mut self, _: &Goal, _: &Floor) -> Result<Snapshot> {
        self.looks += 1;
        if self.lost > 0 && self.looks > 1 {
            self.lost -= 1;
            return Err(Problem::new(Kind::Unreachable, "no route"));
        }
        if self.behind == 0 {
            self.shown = self.real.clone();
        }
        self.behind = self.behind.saturating_sub(1);
        Ok(self.shown.clone())
    }

    fn act(&mut self, step: &Step, consent: Option<&Consent>) -> Result<Acted> {
        assert!(!step.dangerous() || consent.is_some_and(|consent| consent.covers(step)), "{step:?}");
        if self.unsent > 0 && !self.acts.is_empty() {
            self.unsent -= 1;
            return Err(Problem::new(Kind::Unreachable, "no route"));
        }
        self.acts.push(step.clone());
        self.behind = self.lag;
        let nth = u32::try_from(self.acts.len()).unwrap();
        Ok((self.effect)(&mut self.real, step, nth))
    }
}

/// Says yes to everything, or to nothing.
struct Says(bool);

impl Listener for Says {
    fn event(&mut self, _: Event<'_>) {}

    fn consent(&mut self, question: Question) -> Result<Option<Consent>> {
        Ok(self.0.then(|| question.confirmed()))
    }
}

fn timing() -> Timing {
    Timing {
        poll: Duration::from_secs(1),
        poll_max: Duration::from_secs(5),
        settle: Duration::from_secs(20),
        grace: Duration::from_secs(60),
        outage: Duration::from_secs(600),
        timeout: None,
        waits: true,
    }
}

fn run(world: &mut Lagging, goal: &Goal, timing: Timing) -> Result<Outcome> {
    let clock = TestClock(std::sync::Mutex::default());
    drive(world, goal, &clock, timing, &mut Says(true))
}

fn opens(s: &mut Snapshot, step: &Step, _: u32) -> Acted {
    match step {
        Step::Push { tip, .. } => s.remote = Fact::Known(tip.clone()),
        Step::Open { .. } => s.merge_request = Fact::Known(request(RequestState::Opened)),
        other => panic!("{other:?}"),
    }
    Acted::Changed(Written::Plain)
}

#[test]
fn a_lagging_list_never_makes_a_second_one() {
    for lag in 0..8 {
        let mut world = Lagging::new(fresh(), lag, opens);
        let outcome = run(&mut world, &Goal::Open(Box::default()), timing()).unwrap();
        assert_eq!(outcome.end, End::Done);
        assert_eq!(world.acts.len(), 2, "lag {lag}: {:?}", world.acts);
    }
}

#[test]
fn a_server_that_cannot_be_read_right_after_a_write_is_asked_again() {
    // Before anything is written the first silence is an answer; after a write it is one only when it lasts.
    let mut world = Lagging::new(fresh(), 0, opens);
    world.lost = 3;
    assert_eq!(run(&mut world, &Goal::Open(Box::default()), timing()).unwrap().end, End::Done);
    assert_eq!(world.acts.len(), 2, "{:?}", world.acts);
    let mut world = Lagging::new(fresh(), 0, opens);
    world.lost = 1000;
    let problem = run(&mut world, &Goal::Open(Box::default()), timing()).unwrap_err();
    assert_eq!((problem.kind, world.acts.len()), (Kind::Unreachable, 1));
    assert!((5..30).contains(&world.looks), "{} looks within 20 s", world.looks);
}

#[test]
fn a_write_that_could_not_be_sent_is_planned_anew_like_a_look_but_not_for_ever() {
    let mut world = Lagging::new(fresh(), 0, opens);
    world.unsent = 3;
    let outcome = run(&mut world, &Goal::Open(Box::default()), timing()).unwrap();
    assert_eq!((outcome.end, world.unsent, world.acts.len()), (End::Done, 0, 2));

    let mut world = Lagging::new(fresh(), 0, opens);
    world.unsent = u32::MAX;
    let problem = run(&mut world, &Goal::Open(Box::default()), timing()).unwrap_err();
    assert_eq!((problem.kind, world.acts.len()), (Kind::Unreachable, 1));
}

#[test]
fn a_lost_answer_is_read_back_and_not_sent_again() {
    fn applied(s: &mut Snapshot, step: &Step, nth: u32) -> Acted {
        opens(s, step, nth);
        Acted::Unclear("connection reset".into())
    }
    let mut world = Lagging::new(fresh(), 3, applied);
    assert_eq!(run(&mut world, &Goal::Open(Box::default()), timing()).unwrap().end, End::Done);
    assert_eq!(world.acts.len(), 2, "{:?}", world.acts);
}

#[test]
fn a_lost_request_is_sent_again_only_after_the_time_to_read_back() {
    fn first_is_lost(s: &mut Snapshot, step: &Step, nth: u32) -> Acted {
        match nth {
            1 => Acted::Unclear("timed out".into()),
            _ => opens(s, step, nth),
        }
    }
    let mut world = Lagging::new(fresh(), 0, first_is_lost);
    assert_eq!(run(&mut world, &Goal::Open(Box::default()), timing()).unwrap().end, End::Done);
    assert_eq!(world.acts.len(), 3);
    assert!(world.looks > 5, "{} looks within 20 s", world.looks);
}

#[test]
fn a_yes_that_changes_nothing_is_no_progress() {
    let mut world = Lagging::new(fresh(), 0, |_, _, _| Acted::Changed(Written::Plain));
    let problem = run(&mut world, &Goal::Open(Box::default()), timing()).unwrap_err();
    assert_snapshot!(said([problem]), @"
    no progress: asked to push hotfix/login-500 at 01010101, and nothing changed (5)
      caused by: the server said yes but still shows the state before; asking again could do it twice
      hint: look at it in GitLab, then: git hotfix status
    ");
    assert_eq!(world.acts.len(), 1);
}

#[test]
fn a_world_that_keeps_moving_is_given_up_with_its_reason() {
    let mut world = Lagging::new(fresh(), 0, |_, _, _| Acted::Stale("somebody pushes".into()));
    let problem = run(&mut world, &Goal::Open(Box::default()), timing()).unwrap_err();
    assert_snapshot!(said([problem]), @"
    could not push hotfix/login-500 at 01010101 (5)
      caused by: somebody pushes
      hint: look at it in GitLab, then: git hotfix status
    ");
    assert_eq!(world.acts.len(), 6);
}

#[test]
fn a_failed_deployment_is_made_anew_once_and_not_in_a_loop() {
    fn fails_again(s: &mut Snapshot, step: &Step, _: u32) -> Acted {
        let Step::Retry { job: old, .. } = step else { panic!("{step:?}") };
        let mut d = deployment(
            RunStatus::Failed,
            vec![rule("tech-leads", &["bo"], &[]), rule("product", &["cleo"], &[])],
        );
        d.job = Job { id: old + 1, ..job(RunStatus::Failed) };
        s.deployment = Fact::Known(d);
        Acted::Changed(Written::Job(old + 1))
    }
    let mut s = waiting_for_approvals();
    let rules = vec![rule("tech-leads", &["bo"], &[]), rule("product", &["cleo"], &[])];
    s.deployment = Fact::Known(deployment(RunStatus::Failed, rules));
    let mut world = Lagging::new(s, 0, fails_again);
    let outcome = run(&mut world, &Goal::Deploy { again: true }, timing()).unwrap();
    assert!(matches!(outcome.end, End::Blocked(_)), "{:?}", outcome.end);
    assert_eq!(world.acts.len(), 1);
}

/// Says yes after an hour, and remembers it.
struct Slow<'a> {
    clock: &'a TestClock,
    said: Vec<Step>,
}

impl Listener for Slow<'_> {
    fn event(&mut self, _: Event<'_>) {}

    fn consent(&mut self, question: Question) -> Result<Option<Consent>> {
        if !self.said.contains(&question.step) {
            self.clock.sleep(Duration::from_secs(3600));
            self.said.push(question.step.clone());
        }
        Ok(Some(question.confirmed()))
    }
}

#[test]
fn a_late_yes_counts_only_for_what_is_still_next() {
    struct Moves {
        looks: u32,
        played: u32,
        meanwhile: fn(&mut Snapshot),
        s: Snapshot,
    }
    impl World for Moves {
        fn observe(&mut self, _: &Goal, _: &Floor) -> Result<Snapshot> {
            self.looks += 1;
            if self.looks == 2 {
                (self.meanwhile)(&mut self.s);
            }
            Ok(self.s.clone())
        }

        fn act(&mut self, step: &Step, _: Option<&Consent>) -> Result<Acted> {
            assert!(matches!(step, Step::Play { job: 991, .. }), "{step:?}");
            self.played += 1;
            if let Fact::Known(production) = &mut self.s.production {
                production.has_fix = Fact::Known(true);
            }
            Ok(Acted::Changed(Written::Job(991)))
        }
    }
    let rejects = |s: &mut Snapshot| {
        if let Fact::Known(Deployment { rules: Fact::Known(rules), .. }) = &mut s.deployment {
            rules[1].votes[0].approved = false;
        }
    };
    for (meanwhile, asked, played) in [((|_| {}) as fn(&mut Snapshot), 1, 1), (rejects, 1, 0)] {
        let clock = TestClock(std::sync::Mutex::default());
        let mut s = waiting_for_approvals();
        let rules = vec![rule("tech-leads", &["bo"], &[]), rule("product", &["cleo"], &[])];
        s.deployment = Fact::Known(deployment(RunStatus::Manual, rules));
        let mut world = Moves { looks: 0, played: 0, meanwhile, s };
        let mut slow = Slow { clock: &clock, said: vec![] };
        let outcome = drive(&mut world, &Goal::Deploy { again: false }, &clock, timing(), &mut slow).unwrap();
        assert_eq!((slow.said.len(), world.played), (asked, played), "{:?}", outcome.end);
        assert_eq!(matches!(outcome.end, End::Done), played == 1, "{:?}", outcome.end);
    }
}

#[test]
fn the_job_is_played_once_however_long_it_still_looks_manual() {
    fn plays(s: &mut Snapshot, _: &Step, _: u32) -> Acted {
        if let Fact::Known(production) = &mut s.production {
            production.has_fix = Fact::Known(true);
        }
        Acted::Changed(Written::Job(991))
    }
    let mut s = waiting_for_approvals();
    let rules = vec![rule("tech-leads", &["bo"], &[]), rule("product", &["cleo"], &[])];
    s.deployment = Fact::Known(deployment(RunStatus::Manual, rules));
    for lag in 0..6 {
        let mut world = Lagging::new(s.clone(), lag, plays);
        assert_eq!(run(&mut world, &Goal::Deploy { again: false }, timing()).unwrap().end, End::Done);
        assert_eq!(world.acts.len(), 1, "lag {lag}");
    }
    // Without consent nothing happens.
    let mut world = Lagging::new(s, 0, plays);
    let clock = TestClock(std::sync::Mutex::default());
    let end =
        drive(&mut world, &Goal::Deploy { again: false }, &clock, timing(), &mut Says(false)).unwrap().end;
    assert!(matches!(end, End::Declined(_)), "{end:?}");
    assert!(world.acts.is_empty());
}

#[test]
fn waiting_survives_a_server_that_does_not_answer_but_the_first_look_does_not() {
    let mut world = Lagging::new(waiting_for_approvals(), 0, |_, _, _| panic!("nothing to do"));
    let limited = Timing { timeout: Some(Duration::from_secs(120)), ..timing() };
    world.lost = 3;
    let end = run(&mut world, &Goal::Deploy { again: false }, limited).unwrap().end;
    assert!(matches!(end, End::Pending(_)), "{end:?}");
    assert_eq!(world.lost, 0, "it went on after each of them");

    // But not for ever: the outage is bounded where the wait is not.
    world.lost = u32::MAX;
    let problem = run(&mut world, &Goal::Deploy { again: false }, timing()).unwrap_err();
    assert_eq!(problem.kind, Kind::Unreachable);

    struct Gone;
    impl World for Gone {
        fn observe(&mut self, _: &Goal, _: &Floor) -> Result<Snapshot> {
            Err(Problem::new(Kind::Unreachable, "no route"))
        }
        fn act(&mut self, _: &Step, _: Option<&Consent>) -> Result<Acted> {
            panic!("acted blindly")
        }
    }
    let clock = TestClock(std::sync::Mutex::default());
    let problem = drive(&mut Gone, &Goal::Look, &clock, timing(), &mut Says(true)).unwrap_err();
    assert_eq!(problem.kind, Kind::Unreachable);
}

#[test]
fn a_pipeline_that_never_comes_is_said_after_the_grace_period() {
    let mut s = fresh();
    s.remote = Fact::Known(sha(1));
    s.local_contains_remote = Fact::Known(true);
    let mut mr = request(RequestState::Opened);
    mr.pipeline = Fact::Absent;
    s.merge_request = Fact::Known(mr);
    let mut world = Lagging::new(s, 0, |_, _, _| panic!("nothing to do"));
    let End::Blocked(blocks) = run(&mut world, &Goal::Merge { auto: false }, timing()).unwrap().end else {
        panic!("not blocked")
    };
    assert_eq!(blocks[0].1.kind, Kind::Pending);
    assert!(blocks[0].1.what.contains("60 s in vain"), "{}", blocks[0].1.what);
}

#[test]
fn waiting_for_the_next_rung_ends_when_it_is_done_or_when_it_is_your_turn() {
    let mut s = waiting_for_approvals();
    let mut world = Lagging::new(s.clone(), 0, |_, _, _| panic!("a wait never writes"));
    let limited = Timing { timeout: Some(Duration::from_secs(30)), ..timing() };
    let End::Pending(waits) = run(&mut world, &Goal::Wait(None), limited).unwrap().end else {
        panic!("not pending")
    };
    assert_eq!(waits[0].0, Rung::Approve);
    let rules = vec![rule("tech-leads", &["bo"], &[]), rule("product", &["cleo"], &[])];
    s.deployment = Fact::Known(deployment(RunStatus::Manual, rules));
    let mut world = Lagging::new(s, 0, |_, _, _| panic!("a wait never writes"));
    let end = run(&mut world, &Goal::Wait(None), limited).unwrap().end;
    assert!(matches!(&end, End::Yours(step) if matches!(**step, Step::Play { .. })), "{end:?}");
}
