//! Nothing lost, nothing twice: faults, kills, races and unknown answers against the unmodified program, by
//! default a sample by seed, with `--full` all of it.
//!
//! `--seed N`, `--only <text>` (cases whose name holds it), `--slice i/n` (every n-th unit, from the i-th), and
//! `HOTFIX_BIN` for another program than `target/release/git-hotfix`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test stops where it fails, and says what it tested with"
)]

mod dice;
mod kill;
mod lab;
#[path = "../it/manifest.rs"]
mod manifest;
mod matrix;
mod promote;
mod race;
mod scenario;
#[path = "../it/scrubbed.rs"]
mod scrubbed;
mod sound;
mod unknown;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use git_hotfix::sim::Exchange;

use dice::Dice;
use kill::{Blow, Moment};
use lab::Ready;
use promote::Host;
use race::Race;
use scenario::Scenario;

/// How many cases a sample takes of each kind.
const FAULTS: usize = 150;
const KILLS: usize = 48;
const PROMOTIONS: usize = 24;
const CHILDREN: usize = 12;
const ROUNDS: usize = 2;

/// Interleavings of each race in full.
const FULL_ROUNDS: u64 = 60;

/// The program that is tested.
pub(crate) fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| {
            let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/git-hotfix");
            let debug = PathBuf::from(env!("CARGO_BIN_EXE_git-hotfix"));
            let chosen = std::env::var_os("HOTFIX_BIN").map(PathBuf::from);
            chosen.unwrap_or(if release.exists() { release } else { debug })
        })
        .clone()
}

struct Wishes {
    full: bool,
    seed: u64,
    only: String,
    slice: (usize, usize),
}

impl Wishes {
    fn names_race(&self, race: Race) -> bool {
        let name = format!("interleavings {race:?}");
        self.only.is_empty() || name.contains(&self.only) || self.only.contains(&name)
    }

    fn read() -> Result<Wishes, String> {
        let mut wishes = Wishes { full: false, seed: 0, only: String::new(), slice: (0, 1) };
        let mut args = std::env::args().skip(1);
        let mut seed = None;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--full" => wishes.full = true,
                "--seed" => seed = Some(value()?.parse().map_err(|_| "--seed takes a number".to_owned())?),
                "--only" => wishes.only = value()?,
                "--slice" => {
                    let text = value()?;
                    let parts =
                        text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
                    wishes.slice =
                        parts.filter(|(i, n)| i < n).ok_or("--slice takes i/n, from 0".to_owned())?;
                }
                _ => return Err(format!("{arg} is not known: --full, --seed N, --only TEXT, --slice i/n")),
            }
        }
        // The same for everybody: who changes something else is not met by a new case of their own.
        wishes.seed = seed.unwrap_or(1);
        Ok(wishes)
    }
}

/// A piece of work: its kind, its name, and what gives its cases and what was wrong with them.
struct Unit<'a> {
    kind: &'static str,
    name: String,
    work: Box<dyn Fn() -> (u64, Vec<String>) + Send + Sync + 'a>,
}

/// One case as a unit; no case where its point is not there.
fn one<'a>(
    kind: &'static str,
    name: String,
    case: impl Fn() -> Result<bool, String> + Send + Sync + 'a,
) -> Unit<'a> {
    let work = move || match case() {
        Ok(there) => (u64::from(there), Vec::new()),
        Err(why) => (1, vec![why]),
    };
    Unit { kind, name, work: Box::new(work) }
}

/// Points n = 1, 2, … of a case until one is not there.
fn points<'a>(
    kind: &'static str,
    name: String,
    case: impl Fn(u64) -> Result<bool, String> + Send + Sync + 'a,
) -> Unit<'a> {
    let work = move || {
        let (mut count, mut wrong) = (0, Vec::new());
        for n in 1.. {
            match case(n) {
                Ok(false) => break,
                Ok(true) => count += 1,
                Err(why) => {
                    count += 1;
                    wrong.push(why);
                }
            }
        }
        (count, wrong)
    };
    Unit { kind, name, work: Box::new(work) }
}

/// `ci promote` among the names of scenarios; it has hosts of its own.
const PROMOTE: &str = "promote";

/// What `ci promote` exchanges with each host.
type Promotion = BTreeMap<Host, Vec<Exchange>>;

struct Field {
    scenario: Scenario,
    ready: Ready,
    trace: Vec<Exchange>,
    children: u64,
}

fn main() -> ExitCode {
    let wishes = match Wishes::read() {
        Ok(wishes) => wishes,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    println!("the program is {}, the seed {}", binary().display(), wishes.seed);
    let begun = Instant::now();
    // Only what is asked for is founded.
    let mut names: Vec<&str> = Scenario::all().iter().map(|scenario| scenario.name).collect();
    names.push(PROMOTE);
    let words: Vec<&str> = wishes.only.split(' ').filter(|word| names.contains(word)).collect();
    let asked = |scenario: &Scenario| words.is_empty() || words.contains(&scenario.name);
    let scenarios: Vec<Scenario> = Scenario::all().into_iter().filter(asked).collect();
    let fields = side_by_side(scenarios, |scenario| {
        let ready = scenario.ready();
        let trace = matrix::undisturbed(&scenario, &ready)?;
        let children = kill::children(&scenario, &ready);
        Ok(Field { scenario, ready, trace, children })
    });
    let mut failed = 0;
    let fields: Vec<Field> = fields
        .into_iter()
        .filter_map(|field: Result<Field, String>| {
            field
                .inspect_err(|why| {
                    failed += 1;
                    println!("FAIL undisturbed: {why}");
                })
                .ok()
        })
        .collect();
    let promotion = match words.is_empty() || words.contains(&PROMOTE) {
        true => promote::undisturbed().unwrap_or_else(|why| {
            failed += 1;
            println!("FAIL undisturbed: {why}");
            Promotion::new()
        }),
        false => Promotion::new(),
    };
    for (host, trace) in &promotion {
        println!("  {PROMOTE:9} {} exchanges with {host:?}", trace.len());
    }
    for field in &fields {
        println!(
            "  {:9} {} exchanges, {} git children",
            field.scenario.name,
            field.trace.len(),
            field.children
        );
    }
    let raced =
        Race::ALL.iter().copied().filter(|race| words.is_empty() && wishes.names_race(*race)).collect();
    let races: Vec<(Race, Ready)> = side_by_side(raced, |race: Race| (race, race.ready()));
    let units = match wishes.full {
        true => everything(&fields, &races, &promotion, wishes.seed),
        false => some(&fields, &races, &promotion, wishes.seed),
    };
    let (at, of) = wishes.slice;
    let units: Vec<Unit<'_>> = units
        .into_iter()
        .filter(|unit| format!("{} {}", unit.kind, unit.name).contains(&wishes.only))
        .enumerate()
        .filter(|(index, _)| index % of == at)
        .map(|(_, unit)| unit)
        .collect();
    println!("{} units of work after {} s", units.len(), begun.elapsed().as_secs());
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut passed = 0;
    let results = side_by_side(units, |unit| {
        let caught = std::panic::catch_unwind(AssertUnwindSafe(|| (unit.work)()));
        let (count, wrong) = caught.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            (1, vec![format!("the harness stopped: {text}")])
        });
        for why in &wrong {
            println!("FAIL {} {}: {why}\n", unit.kind, unit.name);
        }
        (unit.kind, count, wrong.len() as u64)
    });
    for (kind, count, wrong) in results {
        *counts.entry(kind).or_default() += count;
        passed += count - wrong;
        failed += wrong;
    }
    let told: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("{} in {} s", told.join(", "), begun.elapsed().as_secs());
    println!("{passed} passed, {failed} failed");
    match (failed, passed) {
        (0, 1..) => ExitCode::SUCCESS,
        (0, 0) if !fields.is_empty() && wishes.only.starts_with("undisturbed") => ExitCode::SUCCESS,
        _ => {
            println!(
                "to repeat it: tests/faults/run{} --seed {}",
                if wishes.full { " --full" } else { "" },
                wishes.seed
            );
            ExitCode::FAILURE
        }
    }
}

/// A sample by seed.
fn some<'a>(
    fields: &'a [Field],
    races: &'a [(Race, Ready)],
    promotion: &Promotion,
    seed: u64,
) -> Vec<Unit<'a>> {
    let mut dice = Dice::new(seed);
    let mut units = Vec::new();
    for count in 0..if promotion.is_empty() { 0 } else { PROMOTIONS } {
        let host = *dice.pick(&Host::ALL);
        let (n, kind) = matrix::sample(&mut dice, &promotion[&host]);
        if count % 3 == 0 {
            let (moment, blow) = (*dice.pick(&Moment::OF_EXCHANGE), *dice.pick(&Blow::ALL));
            let name = format!("{PROMOTE} {blow:?} {moment:?} {n} of {host:?}");
            units.push(one("kill points", name, move || promote::killed(host, n, moment, blow)));
        } else {
            let name = format!("{PROMOTE} {kind:?} at {n} of {host:?}");
            units.push(one("fault cases", name, move || promote::case(host, n, &kind)));
        }
    }
    for _ in 0..if fields.is_empty() { 0 } else { FAULTS } {
        let field = dice.pick(fields);
        let (n, kind) = matrix::sample(&mut dice, &field.trace);
        let name = format!("{} {kind:?} at {n}", field.scenario.name);
        units.push(one("fault cases", name, move || {
            matrix::case(&field.scenario, &field.ready, n, &kind, n % 2 == 0)
        }));
    }
    for count in 0..if fields.is_empty() { 0 } else { KILLS } {
        let field = dice.pick(fields);
        let blow = *dice.pick(&Blow::ALL);
        let of_child = count % 3 == 0;
        let moment = *dice.pick(if of_child { &Moment::OF_CHILD } else { &Moment::OF_EXCHANGE });
        let most = if of_child { field.children.max(1) } else { field.trace.len() as u64 };
        let n = dice.next() % most + 1;
        let name = format!("{} {blow:?} {moment:?} {n}", field.scenario.name);
        units.push(one("kill points", name, move || {
            kill::case(&field.scenario, &field.ready, n, moment, blow)
        }));
    }
    for _ in 0..if fields.is_empty() { 0 } else { CHILDREN } {
        let field = dice.pick(fields);
        let (how, n) = (*dice.pick(&kill::FAILURES), dice.next() % field.children.max(1) + 1);
        let name = format!("{} {n} {how}", field.scenario.name);
        units.push(one("failing children", name, move || {
            kill::child_fails(&field.scenario, &field.ready, n, how)
        }));
    }
    for (race, ready) in races {
        for _ in 0..if *race == Race::Ship { 1 } else { ROUNDS } {
            let seed = dice.next() % 1_000_000;
            units.push(raced(*race, ready, seed));
        }
    }
    units.extend(doubts(fields, &unknown::VALUES[dice.below(3)..][..1]));
    units
}

fn raced(race: Race, ready: &Ready, seed: u64) -> Unit<'_> {
    let name = format!("{race:?} with the seed {seed}");
    one("interleavings", name, move || race::case(race, ready, seed).map(|_| true))
}

fn doubts<'a>(fields: &'a [Field], values: &'a [&'static str]) -> Vec<Unit<'a>> {
    let mut units = Vec::new();
    for doubt in unknown::all() {
        let Some(field) = fields.iter().find(|field| field.scenario.name == doubt.scenario) else { continue };
        let doubt = std::sync::Arc::new(doubt);
        for value in values {
            let (doubt, name) =
                (std::sync::Arc::clone(&doubt), format!("{} {} = {value}", doubt.scenario, doubt.key));
            units.push(one("unknown answers", name, move || {
                unknown::case(&doubt, &field.scenario, &field.ready, value).map(|()| true)
            }));
        }
    }
    units
}

/// All of it.
fn everything<'a>(
    fields: &'a [Field],
    races: &'a [(Race, Ready)],
    promotion: &'a Promotion,
    seed: u64,
) -> Vec<Unit<'a>> {
    let mut units = doubts(fields, &unknown::VALUES);
    for (&host, trace) in promotion {
        for kind in matrix::Kind::all() {
            let name = format!("{PROMOTE} {kind:?} of {host:?}");
            let work = move || matrix::sweep(trace, &kind, |n| promote::case(host, n, &kind));
            units.push(Unit { kind: "fault cases", name, work: Box::new(work) });
        }
        for blow in Blow::ALL {
            for moment in Moment::OF_EXCHANGE {
                let name = format!("{PROMOTE} {blow:?} {moment:?} of {host:?}");
                units.push(points("kill points", name, move |n| promote::killed(host, n, moment, blow)));
            }
        }
    }
    for field in fields {
        for kind in matrix::Kind::all() {
            let name = format!("{} {kind:?}", field.scenario.name);
            let work = move || {
                matrix::sweep(&field.trace, &kind, |n| {
                    matrix::case(&field.scenario, &field.ready, n, &kind, n % 4 == 0)
                })
            };
            units.push(Unit { kind: "fault cases", name, work: Box::new(work) });
        }
        for blow in Blow::ALL {
            for moment in Moment::OF_EXCHANGE.into_iter().chain(Moment::OF_CHILD) {
                let name = format!("{} {blow:?} {moment:?}", field.scenario.name);
                units.push(points("kill points", name, move |n| {
                    kill::case(&field.scenario, &field.ready, n, moment, blow)
                }));
            }
        }
        for how in kill::FAILURES {
            let name = format!("{} {how}", field.scenario.name);
            units.push(points("failing children", name, move |n| {
                kill::child_fails(&field.scenario, &field.ready, n, how)
            }));
        }
    }
    for (race, ready) in races {
        units.extend((0..FULL_ROUNDS).map(|round| raced(*race, ready, seed.wrapping_add(round))));
    }
    units
}

/// Works on all of them, as many at once as the machine has cores; the results in their order.
fn side_by_side<T: Send, R: Send>(work: Vec<T>, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let slots: Vec<Mutex<(Option<T>, Option<R>)>> =
        work.into_iter().map(|item| Mutex::new((Some(item), None))).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut slot = slot.lock().unwrap();
                    if let Some(item) = slot.0.take() {
                        slot.1 = Some(each(item));
                    }
                }
            });
        }
    });
    slots.into_iter().filter_map(|slot| slot.into_inner().unwrap().1).collect()
}
