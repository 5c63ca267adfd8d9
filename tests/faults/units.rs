//! What there is to do, as units of work: a sample by seed, or all of it.

use std::collections::BTreeMap;

use git_hotfix::sim::Exchange;

use crate::dice::Dice;
use crate::kill::{self, Blow, Moment};
use crate::lab::Ready;
use crate::promote::{self, Host};
use crate::race::{self, Race};
use crate::scenario::Scenario;
use crate::{matrix, unknown};

/// How many cases a sample takes of each kind.
const FAULTS: usize = 150;
const PAIRS: usize = 12;
const KILLS: usize = 48;
const PROMOTIONS: usize = 24;
const CHILDREN: usize = 12;
const ROUNDS: usize = 2;

/// Pairs of faults of each scenario in full.
const FULL_PAIRS: usize = 60;

/// Interleavings of each race in full.
const FULL_ROUNDS: u64 = 60;

/// A piece of work: its kind, its name, and what gives its cases and what was wrong with them.
pub(crate) struct Unit<'a> {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) work: Box<dyn Fn() -> (u64, Vec<String>) + Send + Sync + 'a>,
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
pub(crate) const PROMOTE: &str = "promote";

/// What `ci promote` exchanges with each host.
pub(crate) type Promotion = BTreeMap<Host, Vec<Exchange>>;

/// A scenario that is ready, and what an undisturbed run of it exchanges and starts.
pub(crate) struct Field {
    pub(crate) scenario: Scenario,
    pub(crate) ready: Ready,
    pub(crate) trace: Vec<Exchange>,
    pub(crate) children: u64,
}

/// A sample by seed.
pub(crate) fn some<'a>(
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
            matrix::case(&field.scenario, &field.ready, &[(n, kind.clone())], n % 2 == 0)
        }));
    }
    for _ in 0..if fields.is_empty() { 0 } else { PAIRS } {
        units.push(pair(dice.pick(fields), &mut dice));
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

/// A fault, and another one in the run that was to mend it.
fn pair<'a>(field: &'a Field, dice: &mut Dice) -> Unit<'a> {
    let faults = [(); 2].map(|()| matrix::sample(dice, &field.trace));
    let told = faults.each_ref().map(|(n, kind)| format!("{} at {n}", kind.name()));
    let name = format!("{} {}", field.scenario.name, told.join(", then "));
    one("double faults", name, move || matrix::case(&field.scenario, &field.ready, &faults, true))
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
pub(crate) fn everything<'a>(
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
                    matrix::case(&field.scenario, &field.ready, &[(n, kind.clone())], n % 4 == 0)
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
        let mut dice = Dice::new(seed);
        units.extend((0..FULL_PAIRS).map(|_| pair(field, &mut dice)));
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
