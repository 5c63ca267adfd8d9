//! Nothing lost, nothing twice: faults, kills, races and unknown answers against the unmodified program, by
//! default a sample by seed, with `--full` all of it.
//!
//! `--seed N`, `--only <text>` (cases whose name holds it), `--slice i/n` (every n-th unit, from the i-th), and
//! `HOTFIX_BIN` for another program than `target/release/git-hotfix`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test stops where it fails, says what it tested with, and takes its own time"
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
mod units;
mod unknown;
mod wishes;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use lab::Ready;
use race::Race;
use scenario::Scenario;
use units::{Field, PROMOTE, Promotion, Unit, everything, some};
use wishes::Wishes;

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
    let (all, ended) = (units.len(), AtomicUsize::new(0));
    let results = side_by_side(units, |unit| {
        let caught = std::panic::catch_unwind(AssertUnwindSafe(|| (unit.work)()));
        let (count, wrong) = caught.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            (1, vec![format!("the harness stopped: {text}")])
        });
        for why in &wrong {
            println!("FAIL {} {}: {why}\n", unit.kind, unit.name);
        }
        let ended = ended.fetch_add(1, Ordering::Relaxed) + 1;
        if wishes.full {
            // It takes hours: how far it is.
            println!(
                "{ended}/{all} {} {}: {count} after {} s",
                unit.kind,
                unit.name,
                begun.elapsed().as_secs()
            );
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

/// Works on all of them, two at once for each core, because a case mostly waits; the results in their order.
fn side_by_side<T: Send, R: Send>(work: Vec<T>, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = 2 * std::thread::available_parallelism().map_or(1, usize::from);
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
