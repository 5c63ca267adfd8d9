//! The loop: observe, plan, act, observe again, until the goal is reached, blocked, or time is up.
//!
//! Owns the waiting, the guard against making no progress, and the rule that an unclear write is read
//! back before it is decided on. Reads through [`World::observe`], writes through [`World::act`], tells
//! its [`Listener`] what happens and asks it for consent. Prints nothing.

use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Kind, Problem, Result};
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Goal;
use crate::hotfix::plan::{self, Next, Plan, State};
use crate::hotfix::rung::{Block, Rung, Wait};
use crate::hotfix::snapshot::Snapshot;
use crate::hotfix::step::{Acted, Consent, Question, Step, Written};

/// How often in a row a step may find that the world moved.
const MOST_STALE: u32 = 5;

/// After an answer that took longer, the world is looked at again before anything is done.
const LATE: Duration = Duration::from_secs(5);

/// git and GitLab, as the loop sees them.
pub trait World {
    /// Reads what the goal needs; what the floor names is read by its id.
    fn observe(&mut self, goal: &Goal, floor: &Floor) -> Result<Snapshot>;
    /// Carries out one step. A dangerous one must be covered by the consent.
    fn act(&mut self, step: &Step, consent: Option<&Consent>) -> Result<Acted>;
}

/// Hears what happens, and answers for the user.
pub trait Listener {
    /// Something happened.
    fn event(&mut self, event: Event<'_>);
    /// Asks for consent; `None` when the user said no. After a long answer the world is looked at again, and the same
    /// step asked for again: a yes to it is to be remembered.
    fn consent(&mut self, question: Question) -> Result<Option<Consent>>;
}

/// What the loop tells.
#[derive(Debug)]
pub enum Event<'a> {
    /// The world was read.
    Observed(&'a Snapshot, &'a Plan),
    /// A step is about to be carried out.
    Acting(&'a Step),
    /// It was carried out.
    Changed(&'a Step, &'a Written),
    /// The server has had enough; how long it is left alone.
    Limited(&'a Step, Duration),
    /// The world had moved; nothing was written.
    Stale(&'a Step, &'a str),
    /// No clear answer came; it is being read back.
    Unclear(&'a Step, &'a str),
    /// Nothing to do but wait.
    Waiting(&'a [(Rung, Wait)]),
    /// The server did not answer; what is shown grows old.
    Lost(&'a Problem),
}

/// The loop's times; all of them configuration, so that tests wait for nothing.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Between two looks at first.
    pub poll: Duration,
    /// Between two looks at most.
    pub poll_max: Duration,
    /// How long an unclear or lagging write is read back.
    pub settle: Duration,
    /// How long something that may never come is waited for.
    pub grace: Duration,
    /// How long a run that waits puts up with a server that does not answer.
    pub outage: Duration,
    /// Bounds the wait, never an action.
    pub timeout: Option<Duration>,
    /// Whether to wait at all for what others must do.
    pub waits: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The goal is reached, as seen by a read after the last write.
    Done,
    /// It cannot go on.
    Blocked(Vec<(Rung, Block)>),
    /// Others must move first, and the wait is over.
    Pending(Vec<(Rung, Wait)>),
    /// A look or a wait found that this is what to do next.
    Yours(Box<Step>),
    /// The user said no.
    Declined(Box<Step>),
}

/// The end of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The last thing seen.
    pub snapshot: Snapshot,
    /// What it means.
    pub plan: Plan,
    /// How it ended.
    pub end: End,
    /// What this run wrote, in order.
    pub wrote: Vec<Step>,
}

/// Runs the loop.
pub fn drive(
    world: &mut dyn World,
    goal: &Goal,
    clock: &dyn Clock,
    timing: Timing,
    listener: &mut dyn Listener,
) -> Result<Outcome> {
    let mut run = Run {
        goal,
        clock,
        timing,
        floor: Floor::default(),
        wrote: Vec::new(),
        last: None,
        bounded: None,
        started: clock.elapsed(),
        interval: timing.poll,
        awaited: None,
        waited: false,
        lost: None,
        stale: 0,
    };
    let mut previous: Option<Snapshot> = None;
    loop {
        // A new job is made once in a run: if that one fails too, it is said, not tried again.
        let goal = match goal {
            Goal::Deploy { again: true }
                if run.wrote.iter().any(|step| matches!(step, Step::Retry { .. })) =>
            {
                &Goal::Deploy { again: false }
            }
            Goal::Rollback { again: true }
                if run.wrote.iter().any(|step| matches!(step, Step::Rollback { .. })) =>
            {
                &Goal::Rollback { again: false }
            }
            goal => goal,
        };
        let snapshot = match world.observe(goal, &run.floor) {
            Ok(snapshot) => {
                run.lost = None;
                snapshot
            }
            // A network blip never fails a watch, nor does a replica that lags behind a write; before both it is an
            // answer.
            Err(problem) if problem.kind == Kind::Unreachable && (run.settles() || run.endures()) => {
                listener.event(Event::Lost(&problem));
                run.sleep();
                continue;
            }
            Err(problem) => return Err(problem),
        };
        let plan = plan::plan(&snapshot, goal);
        listener.event(Event::Observed(&snapshot, &plan));
        if previous.as_ref().is_some_and(|previous| *previous != snapshot) {
            run.interval = timing.poll;
        }
        let turn = run.turn(world, &snapshot, &plan, listener)?;
        previous = Some(snapshot.clone());
        match turn {
            Turn::Again => {}
            Turn::Sleep => run.sleep(),
            Turn::End(end) => return Ok(Outcome { snapshot, plan, end, wrote: run.wrote }),
        }
    }
}

enum Turn {
    Again,
    Sleep,
    End(End),
}

/// A write, and when it was made.
struct Last {
    step: Step,
    at: Duration,
    seen: Snapshot,
    unclear: bool,
}

struct Run<'a> {
    goal: &'a Goal,
    clock: &'a dyn Clock,
    timing: Timing,
    floor: Floor,
    wrote: Vec<Step>,
    last: Option<Last>,
    bounded: Option<(Vec<String>, Duration)>,
    started: Duration,
    interval: Duration,
    awaited: Option<Rung>,
    waited: bool,
    lost: Option<Duration>,
    stale: u32,
}

impl Run<'_> {
    fn turn(
        &mut self,
        world: &mut dyn World,
        snapshot: &Snapshot,
        plan: &Plan,
        listener: &mut dyn Listener,
    ) -> Result<Turn> {
        if let Some(end) = self.watched(plan) {
            return Ok(Turn::End(end));
        }
        match &plan.next {
            Next::Done => Ok(Turn::End(End::Done)),
            Next::Blocked(blocks) => Ok(Turn::End(End::Blocked(blocks.clone()))),
            Next::Wait(waits) => Ok(self.wait(waits, listener)),
            Next::Do(step) if !self.goal.writes() => Ok(Turn::End(End::Yours(step.clone()))),
            Next::Do(step) => self.write(world, snapshot, step, listener),
        }
    }

    /// What a look or a wait for one rung ends with.
    fn watched(&mut self, plan: &Plan) -> Option<End> {
        match self.goal {
            Goal::Look => Some(match &plan.next {
                Next::Do(step) => End::Yours(step.clone()),
                Next::Wait(waits) => End::Pending(waits.clone()),
                Next::Blocked(blocks) => End::Blocked(blocks.clone()),
                Next::Done => End::Done,
            }),
            Goal::Wait(None) => {
                let open = plan.rungs.iter().find(|s| !matches!(s.state, State::Done | State::Todo));
                let awaited = *self.awaited.get_or_insert(open?.rung);
                (plan.state(awaited) == Some(State::Done)).then_some(End::Done)
            }
            _ => None,
        }
    }

    fn wait(&mut self, waits: &[(Rung, Wait)], listener: &mut dyn Listener) -> Turn {
        listener.event(Event::Waiting(waits));
        if !self.timing.waits || self.timed_out() {
            return Turn::End(End::Pending(waits.to_vec()));
        }
        if let Some(blocks) = self.gave_up(waits) {
            return Turn::End(End::Blocked(blocks));
        }
        self.waited = true;
        Turn::Sleep
    }

    /// Something that may never come is waited for only so long, and then said.
    fn gave_up(&mut self, waits: &[(Rung, Wait)]) -> Option<Vec<(Rung, Block)>> {
        if waits.is_empty() || waits.iter().any(|(_, wait)| !wait.bounded) {
            self.bounded = None;
            return None;
        }
        let now = self.clock.elapsed();
        let what: Vec<String> = waits.iter().map(|(_, wait)| wait.what.clone()).collect();
        let since = match &self.bounded {
            Some((before, since)) if *before == what => *since,
            _ => {
                self.bounded = Some((what, now));
                now
            }
        };
        (now.saturating_sub(since) >= self.timing.grace).then(|| {
            let block = |wait: &Wait| Block {
                kind: Kind::Pending,
                what: format!("waited {} s in vain for {}", self.timing.grace.as_secs(), wait.what),
                hints: vec!["see why on the project's pipelines page, then: git hotfix status".to_owned()],
            };
            waits.iter().map(|(rung, wait)| (*rung, block(wait))).collect()
        })
    }

    fn write(
        &mut self,
        world: &mut dyn World,
        snapshot: &Snapshot,
        step: &Step,
        listener: &mut dyn Listener,
    ) -> Result<Turn> {
        if let Some(last) = self.last.as_ref().filter(|last| last.step.same_write(step)) {
            // Lag, or a lost answer: look again before deciding anything.
            if self.settles() {
                return Ok(Turn::Sleep);
            }
            if !last.unclear && last.seen == *snapshot {
                return Err(no_progress(step));
            }
        }
        let asked = self.clock.elapsed();
        let consent = match step.dangerous() {
            true => match listener.consent(plan::question(snapshot, step))? {
                Some(consent) => Some(consent),
                None => return Ok(Turn::End(End::Declined(Box::new(step.clone())))),
            },
            false => None,
        };
        // A question can stand for an hour: what was agreed to must still be what is next.
        if self.clock.elapsed().saturating_sub(asked) > LATE {
            return Ok(Turn::Again);
        }
        listener.event(Event::Acting(step));
        let acted = match world.act(step, consent.as_ref()) {
            // No unclear write: nothing was sent, or it is a push, which happens once however often it is asked for.
            Err(problem)
                if problem.kind == Kind::Unreachable
                    && self.stale < MOST_STALE
                    && (self.settles() || self.endures()) =>
            {
                listener.event(Event::Lost(&problem));
                self.stale += 1;
                return Ok(Turn::Sleep);
            }
            acted => acted?,
        };
        let mut last =
            Last { step: step.clone(), at: self.clock.elapsed(), seen: snapshot.clone(), unclear: false };
        let turn = match &acted {
            Acted::Changed(written) => {
                self.stale = 0;
                self.floor.raise(step, written);
                self.wrote.push(step.clone());
                listener.event(Event::Changed(step, written));
                Turn::Again
            }
            Acted::Stale(why) => {
                // Nothing was written: the next look decides anew, after a breath.
                listener.event(Event::Stale(step, why));
                self.stale += 1;
                if self.stale > MOST_STALE {
                    return Err(moving(step, why));
                }
                self.sleep();
                return Ok(Turn::Again);
            }
            Acted::Limited(_, wait) => {
                // Nothing was written. Meanwhile the world may move: it is looked at anew before it is tried again.
                self.stale += 1;
                match self.stale > MOST_STALE || *wait > self.timing.outage {
                    true => drop(acted.or_later()?),
                    false => {
                        listener.event(Event::Limited(step, *wait));
                        self.clock.sleep(*wait);
                    }
                }
                return Ok(Turn::Again);
            }
            Acted::Unclear(why) => {
                last.unclear = true;
                listener.event(Event::Unclear(step, why));
                Turn::Sleep
            }
        };
        self.interval = self.timing.poll;
        self.last = Some(last);
        Ok(turn)
    }

    /// Whether to go on although the server did not answer.
    fn endures(&mut self) -> bool {
        let now = self.clock.elapsed();
        let lost = now.saturating_sub(*self.lost.get_or_insert(now));
        self.waited && !self.timed_out() && lost < self.timing.outage
    }

    /// Whether what this run wrote may not be seen everywhere yet.
    fn settles(&self) -> bool {
        let since = |last: &Last| self.clock.elapsed().saturating_sub(last.at);
        self.last.as_ref().is_some_and(|last| since(last) < self.timing.settle)
    }

    fn timed_out(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// What is left of the time-out.
    fn left(&self) -> Option<Duration> {
        let waited = self.clock.elapsed().saturating_sub(self.started);
        self.timing.timeout.map(|timeout| timeout.saturating_sub(waited))
    }

    /// Jittered, so that ten laptops do not ask in step; slower while nothing changes.
    fn sleep(&mut self) {
        let jitter = f64::from(self.clock.elapsed().subsec_nanos() % 1000) / 1000.0;
        let pause = self.interval.mul_f64(0.9 + 0.2 * jitter);
        // A wait that is bounded ends on time, with one look more; what settles is waited for all the same.
        self.clock.sleep(self.left().filter(|left| !left.is_zero()).map_or(pause, |left| pause.min(left)));
        self.interval = self.interval.mul_f64(1.5).min(self.timing.poll_max).max(self.timing.poll);
    }
}

fn moving(step: &Step, why: &str) -> Problem {
    Problem::new(Kind::Refused, format!("could not {}", step.words()))
        .because(why)
        .hint("look at it in GitLab, then: git hotfix status")
}

fn no_progress(step: &Step) -> Problem {
    Problem::new(Kind::Refused, format!("no progress: asked to {}, and nothing changed", step.words()))
        .because("the server said yes but still shows the state before; asking again could do it twice")
        .hint("look at it in GitLab, then: git hotfix status")
}
