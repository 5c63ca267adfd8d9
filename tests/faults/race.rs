//! Races: several runners and a colleague, whose exchanges a scheduler orders by a seed. One of everything comes
//! out of it, and each runner ends with 0 or with the truth.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use git_hotfix::sim::{Gate, World};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::lab::{Lab, Ran, Ready};
use crate::manifest::Manifest;
use crate::matrix::{names_the_next_command, told};
use crate::scenario::{self, Scenario};
use crate::sound::{ByHand, litter, sound_but_for};

/// How long all runners may think before one of those that wait goes on without the others.
const THINKS: Duration = Duration::from_millis(1500);

/// More turns than any race takes.
const MOST: usize = 4000;

/// What races.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Race {
    /// Two laptops ship, and once it has landed the pipeline's job backports.
    Ship,
    /// Two laptops and the job backport what landed.
    Backport,
    /// The same with a conflict.
    Conflict,
    /// Two laptops deploy what is approved.
    Deploy,
    /// Two laptops open the merge request.
    Open,
}

impl Race {
    pub(crate) const ALL: [Race; 5] = [Race::Open, Race::Deploy, Race::Backport, Race::Conflict, Race::Ship];

    fn scenario(self) -> Scenario {
        Scenario::named(match self {
            Race::Ship => "ship",
            Race::Backport => "backport",
            Race::Conflict => "conflict",
            Race::Deploy => "deploy",
            Race::Open => "open",
        })
    }

    /// Its world. A played job lasts a while: that one finishes between a look and the play that follows it
    /// is what GitLab's API cannot exclude.
    pub(crate) fn ready(self) -> Ready {
        self.scenario().ready_with(|setup| setup.lag.job_step = 8)
    }
}

/// Orders the exchanges.
#[derive(Debug, Default)]
struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tickets: u64,
    waiting: Vec<(u64, usize, String)>,
    granted: Option<u64>,
    busy: bool,
    live: BTreeSet<usize>,
    /// Nobody is held up any more.
    open: bool,
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every runner that lives stands at its door, or has thought for long enough.
    fn all_stand(&self) -> Vec<(u64, usize, String)> {
        let begun = Instant::now();
        let mut state = self.state();
        loop {
            let stands = |door: &usize| state.waiting.iter().any(|(_, at, _)| at == door);
            let ready = !state.busy && state.granted.is_none();
            let waited = begun.elapsed() > THINKS && !state.waiting.is_empty();
            if ready && (state.live.is_empty() || state.live.iter().all(stands) || waited) {
                return state.waiting.clone();
            }
            let (next, _) = self
                .changed
                .wait_timeout(state, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
        }
    }

    fn grant(&self, ticket: u64) {
        let mut state = self.state();
        state.granted = Some(ticket);
        self.changed.notify_all();
    }

    fn gone(&self, door: usize) {
        self.state().live.remove(&door);
        self.changed.notify_all();
    }
}

impl Gate for Turns {
    fn enter(&self, door: usize, call: &str) {
        let mut state = self.state();
        if door == 0 || state.open {
            return;
        }
        state.tickets += 1;
        let ticket = state.tickets;
        state.waiting.push((ticket, door, call.to_owned()));
        self.changed.notify_all();
        while state.granted != Some(ticket) && !state.open {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.granted = None;
        state.busy = true;
        state.waiting.retain(|(other, ..)| *other != ticket);
    }

    fn leave(&self, door: usize) {
        if door != 0 {
            self.state().busy = false;
            self.changed.notify_all();
        }
    }
}

/// A runner: who, in which clone, with which arguments, and whether only once it has landed.
struct Runner {
    who: &'static str,
    place: &'static str,
    args: &'static [&'static str],
    job: bool,
}

/// One interleaving; gives the order in which the runners had their turns.
pub(crate) fn case(race: Race, ready: &Ready, seed: u64) -> Result<String, String> {
    let scenario = race.scenario();
    let lab = ready.open(scenario.story);
    second_laptop(&lab);
    let laptop = |place, args| Runner { who: "dev", place, args, job: false };
    let mut runners = vec![laptop("dev", scenario.args), laptop("second", scenario.args)];
    if matches!(race, Race::Ship | Race::Backport | Race::Conflict) {
        runners.push(Runner { who: "bot", place: "runner", args: &["ci", "backport"], job: true });
    }
    let before: Vec<Manifest> =
        ["dev", "second"].iter().map(|place| Manifest::of(&lab.seat("dev", place).dir())).collect();
    let turns = Arc::new(Turns::default());
    lab.server.set_gate(Arc::clone(&turns) as Arc<dyn Gate>);
    let doors: Vec<(usize, String)> =
        (1..).take(runners.len()).map(|door| (door, lab.server.door(door).unwrap())).collect();
    turns
        .state()
        .live
        .extend(doors.iter().zip(&runners).filter(|(_, one)| !one.job).map(|((door, _), _)| *door));
    let (mut dice, mut order, mut colleague) = (Dice::new(seed), String::new(), Colleague::default());
    let landed = lab.tip("main");
    let (go, wait) = std::sync::mpsc::channel();
    let wait = Mutex::new(wait);
    let ended: Vec<Option<Ran>> = std::thread::scope(|scope| {
        let runs: Vec<_> = runners
            .iter()
            .zip(&doors)
            .map(|(one, (door, url))| {
                let (lab, turns, wait) = (&lab, &turns, &wait);
                scope.spawn(move || {
                    // The job's checkout is made once there is something to check out.
                    if one.job && !wait.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap_or(false)
                    {
                        return None;
                    }
                    let seat = lab.seat(one.who, one.place).through(url);
                    let seat = if one.job { scenario::job(seat) } else { seat };
                    let ran = seat.run(one.args);
                    turns.gone(*door);
                    Some(ran)
                })
            })
            .collect();
        let mut sent = false;
        let may_begin = |lab: &Lab| race != Race::Ship || lab.tip("main") != landed;
        for turn in 0.. {
            let job = doors.iter().zip(&runners).find(|(_, one)| one.job).map(|((door, _), _)| *door);
            if let Some(door) = job.filter(|_| !sent && may_begin(&lab)) {
                scenario::checkout(&lab, "runner");
                turns.state().live.insert(door);
                sent = go.send(true).is_ok();
            }
            let waiting = turns.all_stand();
            if waiting.is_empty() && turns.state().live.is_empty() {
                break;
            }
            if turn > MOST {
                turns.state().open = true;
                turns.changed.notify_all();
                break;
            }
            if dice.below(12) == 0
                && let Some(deed) = lab.server.with_world(|world| colleague.acts(world, &mut dice))
            {
                colleague.deeds.push(format!("{deed} before turn {turn}"));
            }
            let doors: BTreeSet<usize> = waiting.iter().map(|(_, door, _)| *door).collect();
            let doors: Vec<usize> = doors.into_iter().collect();
            let door = *dice.pick(&doors);
            // Requests of one runner that stand there together are taken in the order of their names.
            let first =
                waiting.iter().filter(|(_, at, _)| *at == door).min_by_key(|(_, _, call)| call.clone());
            if let Some((ticket, ..)) = first {
                order.push_str(&door.to_string());
                turns.grant(*ticket);
            }
        }
        drop(go);
        runs.into_iter().map(|run| run.join().unwrap_or(None)).collect()
    });
    turns.state().open = true;
    judge(race, &scenario, &lab, &ended, &before, &colleague).map_err(|why| {
        format!(
            "{why}\norder {order}\ncolleague: {:?}\nrefused: {:?}",
            colleague.deeds,
            lab.server.with_world(|world| world.refused.clone())
        )
    })?;
    Ok(order)
}

/// Another clone of the same developer, with the same branch.
fn second_laptop(lab: &Lab) {
    let second = lab.desk("dev", "second");
    let (first, branch) = (lab.seat("dev", "dev").dir(), lab.branch());
    let spec = format!("{branch}:{branch}");
    second.git(&["fetch", "--quiet", "--no-write-fetch-head", first.to_str().unwrap(), &spec]);
    second.git(&["switch", "--quiet", &branch]);
}

/// Somebody in the web page, who may do any of this at any time.
#[derive(Debug, Default)]
struct Colleague {
    deeds: Vec<String>,
    /// The merge request that was closed under the runners' hands, and the retries of the deploy job: each once in
    /// a race.
    by_hand: ByHand,
}

impl Colleague {
    fn acts(&mut self, world: &mut World, dice: &mut Dice) -> Option<&'static str> {
        let open = world
            .merge_request_from("hotfix/login-500")
            .or(world.merge_request_from("hotfix/session-expiry"));
        let files = |name: &str| [(name.to_owned(), Some(format!("{}\n", 7)))];
        match dice.below(7) {
            0 => open.filter(|iid| world.merge_as("mia", *iid).is_success()).map(|_| "mia merges"),
            1 => {
                let name = format!("notes/{}.txt", dice.below(1000));
                world.push_as("mia", "develop", "Notes", &files(&name)).ok().map(|_| "mia pushes to develop")
            }
            2 => {
                let last = world.deployment_ids().pop()?;
                let who = *dice.pick(&["bo", "cleo", "dan"]);
                world.approve_deployment_as(who, last, true).is_success().then_some("somebody approves")
            }
            3 => {
                let job = world.jobs_named("deploy-prod-hotfix").pop()?;
                let status = world.api_as("mia", "GET", &format!("jobs/{job}"), json!({})).value();
                (status["status"] == "manual" && world.play_as("mia", job).is_success())
                    .then_some("mia plays the job")
            }
            4 => {
                let iid = open?;
                let label = json!({"add_labels": "urgent"});
                let path = format!("merge_requests/{iid}");
                world.api_as("mia", "PUT", &path, label).is_success().then_some("mia adds a label")
            }
            5 => self.closes(world, open),
            _ => self.retries(world),
        }
    }

    /// The hotfix's merge request, or its backport's.
    fn closes(&mut self, world: &mut World, open: Option<u64>) -> Option<&'static str> {
        let landed = world.branch("main")?;
        let backport = world.merge_request_from(&format!("backport/develop-{}", landed.get(..8)?));
        let iid = backport.or(open).filter(|_| self.by_hand.closed.is_none())?;
        let closed = world.close_as("mia", iid).value()["state"] == "closed";
        self.by_hand.closed = closed.then_some(iid);
        closed.then_some("mia closes a merge request")
    }

    /// Only what was deployed here: the job that brought what ran before is another's.
    fn retries(&mut self, world: &mut World) -> Option<&'static str> {
        let job = world.jobs_named("deploy-prod-hotfix").into_iter().skip(1).next_back()?;
        let retried = self.by_hand.deployments == 0
            && world.api_as("mia", "POST", &format!("jobs/{job}/retry"), json!({})).is_success();
        self.by_hand.deployments += usize::from(retried);
        retried.then_some("mia retries the deploy job")
    }

    fn reopens(&self, lab: &Lab) {
        let Some(iid) = self.by_hand.closed else { return };
        let rows = lab.rows("merge_requests?per_page=100");
        let branches = |row: &Value| (row["source_branch"].clone(), row["target_branch"].clone());
        let closed = rows.iter().find(|row| row["iid"] == iid).map(branches);
        // Nobody reopens what another one stands for, open or merged by now.
        if rows.iter().any(|row| row["iid"] != iid && Some(branches(row)) == closed) {
            let _ = lab.replaced.set(iid);
            return;
        }
        let path = format!("merge_requests/{iid}");
        let reopen = json!({"state_event": "reopen"});
        lab.server.with_world(|world| world.api_as("mia", "PUT", &path, reopen));
    }
}

fn judge(
    race: Race,
    scenario: &Scenario,
    lab: &Lab,
    ended: &[Option<Ran>],
    before: &[Manifest],
    colleague: &Colleague,
) -> Result<(), String> {
    let sound = |lab: &Lab| sound_but_for(lab, colleague.by_hand);
    sound(lab)?;
    let mut done = 0;
    for run in ended.iter().flatten() {
        match run.code {
            0 => done += 1,
            3 if race == Race::Conflict => done += 1,
            // The lane lacks the change because a person closed its merge request.
            3 if colleague.by_hand.closed.is_some() => names_the_next_command(run)?,
            5 => names_the_next_command(run)?,
            _ => return Err(told("not 0 and not a truthful 5", run)),
        }
    }
    if done == 0 && colleague.deeds.is_empty() {
        return Err(format!("nobody got there: {ended:#?}"));
    }
    for (place, before) in ["dev", "second"].iter().zip(before) {
        let seat = lab.seat("dev", place);
        // The address in the configuration is the harness's own doing.
        let told: Vec<String> = before
            .differences(&Manifest::of(&seat.dir()))
            .into_iter()
            .filter(|line| !line.starts_with("config: "))
            .collect();
        if !told.is_empty() {
            return Err(format!("{place} was touched:\n{}", told.join("\n")));
        }
    }
    let first = lab.seat("dev", "dev");
    let url = first.git(&["config", "hotfix.url"]);
    let first = lab_seat(lab, &url);
    colleague.reopens(lab);
    let run = first.run(scenario.args);
    let wanted = |lab: &Lab| match race {
        Race::Ship => scenario::shipped(lab),
        Race::Backport => scenario::backported(lab),
        // A colleague may have merged or deployed beyond what was asked.
        _ => sound(lab),
    };
    if run.code != scenario.ends {
        return Err(told("run again", &run));
    }
    wanted(lab).map_err(|why| told(&format!("run again, {why}"), &run))?;
    litter(lab, &first.dir())
}

fn lab_seat<'a>(lab: &'a Lab, url: &str) -> crate::lab::Seat<'a> {
    let mut seat = lab.seat("dev", "dev");
    url.clone_into(&mut seat.url);
    seat
}
