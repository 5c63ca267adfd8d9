//! Every fault at every exchange: n = 1, 2, … until a run ends without having been struck. After the fault and
//! one plain run everything is there, once; and the disturbed run itself said nothing that is not true.

use std::time::Duration;

use git_hotfix::sim::{Exchange, Fault, FaultPlan, What};

use crate::dice::Dice;
use crate::lab::{Lab, Ran, Ready, Seat};
use crate::manifest::Manifest;
use crate::scenario::Scenario;
use crate::sound::litter;

/// A fault at one exchange, or from there on.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    fault: Fault,
    lasts: bool,
}

impl Kind {
    /// Every class: each fault once, and the outages.
    pub(crate) fn all() -> Vec<Kind> {
        let once = Fault::all().into_iter().map(|fault| Kind { fault, lasts: false });
        let outages =
            [What::Reset, What::Status(502), What::TooManyText(0), What::Status(401), What::SignInPage];
        once.chain(outages.map(|what| Kind { fault: Fault::before(what), lasts: true })).collect()
    }

    pub(crate) fn at(&self, n: u64) -> FaultPlan {
        match self.lasts {
            true => FaultPlan::from(n, self.fault.clone()),
            false => FaultPlan::nth(n, self.fault.clone()),
        }
    }

    /// Whether it is the same as another class where nothing is written.
    pub(crate) fn repeats_on_reads(&self) -> bool {
        let twin = Fault { applied: true, ..self.fault.clone() };
        !self.lasts && !self.fault.applied && Fault::all().contains(&twin)
    }

    /// Whether a disturbed run may end so: as if nothing had been, unreachable, or by what was answered.
    fn allows(&self, code: i32, ends: i32) -> bool {
        let own: &[i32] = match self.fault.what {
            // Whose token, whose rights, which address: 4. A thing that is said to be missing stops some
            // commands for good: 5. What GitLab told of before cannot be missing: 6.
            What::Status(401 | 403) | What::Redirect(_) => &[4],
            What::Status(404) => &[4, 5, 6],
            // The world as it was before, or an empty list, is no error, but it may refuse: 5.
            What::Stale | What::Body("[]") => &[5, 6],
            _ => &[6],
        };
        code == ends || own.contains(&code)
    }

    /// Whether a client has to give up by itself.
    pub(crate) fn never_ends(&self) -> bool {
        matches!(self.fault.what, What::Hang | What::Body(_))
    }

    pub(crate) fn name(&self) -> String {
        let when = match (self.lasts, self.fault.applied) {
            (true, _) => "from there on",
            (false, true) => "applied",
            (false, false) => "not applied",
        };
        format!("{:?} {when}", self.fault.what)
    }
}

/// Whether an exchange may write.
pub(crate) fn writes(one: &Exchange) -> bool {
    one.method != "GET" && !one.path.contains("/git-upload-pack")
}

/// Whether an exchange wrote.
fn effective(one: &Exchange) -> bool {
    writes(one) && (one.fault.as_ref().map_or((200..300).contains(&one.status), |fault| fault.applied))
}

/// What a run that nothing disturbs exchanges; it must reach what it is for, also when it is said again.
pub(crate) fn undisturbed(scenario: &Scenario, ready: &Ready) -> Result<Vec<Exchange>, String> {
    let lab = ready.open(scenario.story);
    let seat = scenario.seat(&lab);
    let run = seat.run(scenario.args);
    if run.code != scenario.ends {
        return Err(told("undisturbed", &run));
    }
    let trace = lab.since(0);
    scenario.reached(&lab)?;
    again(scenario, &lab, &seat)?;
    Ok(trace)
}

/// One case: a run for each fault, and a plain one; whether the first fault's exchange was there.
pub(crate) fn case(
    scenario: &Scenario,
    ready: &Ready,
    faults: &[(u64, Kind)],
    look_twice: bool,
) -> Result<bool, String> {
    let lab = ready.open(scenario.story);
    let plain = scenario.seat(&lab);
    let before = Manifest::of(&plain.dir());
    let (mut hurt, mut said) = (false, String::new());
    for (n, kind) in faults {
        let seat = match kind.never_ends() {
            // What never ends is given up after ten times as long.
            true => plain.clone().with("GIT_HOTFIX_TIMEOUT", "1s"),
            false => plain.clone(),
        };
        let (seen, triggered) = (lab.server.requests().len(), lab.server.faults_triggered());
        lab.server.inject(kind.at(*n));
        let run = seat.run(scenario.args);
        let struck = lab.server.faults_triggered() > triggered;
        lab.server.lift_faults();
        if !struck && run.code != scenario.ends {
            return Err(told("never struck", &run));
        }
        if !struck && said.is_empty() {
            return Ok(false);
        }
        said += &format!("{} at exchange {n}: {}\n", kind.name(), at(&lab, seen, *n));
        let trace = lab.since(seen);
        let before_it = |code| scenario.before.contains(&code) && !trace.iter().any(effective);
        let allows = |code| kind.allows(code, scenario.ends) || before_it(code);
        hurt |= !disturbed(scenario, &lab, &seat, &before, &run, allows, &trace)
            .map_err(|why| format!("{said}{why}"))?;
        said += &format!("it ended with {}: {}\n", run.code, run.err);
    }
    if !hurt && !look_twice {
        return Ok(true);
    }
    again(scenario, &lab, &plain).map_err(|why| format!("{said}{why}"))?;
    untouched(scenario, &plain, &before).map_err(|why| format!("{said}{why}"))?;
    Ok(true)
}

fn at(lab: &Lab, seen: usize, n: u64) -> String {
    let one = lab.since(seen).into_iter().nth(usize::try_from(n).unwrap_or_default() - 1);
    one.map_or_else(|| "none".to_owned(), |one| format!("{} {}", one.method, one.path))
}

/// What holds of a run that was disturbed, before anything is mended; whether it did what it is for.
pub(crate) fn disturbed(
    scenario: &Scenario,
    lab: &Lab,
    seat: &Seat<'_>,
    before: &Manifest,
    run: &Ran,
    allows: impl Fn(i32) -> bool,
    trace: &[Exchange],
) -> Result<bool, String> {
    if !allows(run.code) {
        return Err(told("not an exit code for this", run));
    }
    let reached = scenario.reached(lab);
    // "Still waiting" claims nothing.
    let done = run.code == scenario.ends && (run.code != 8 || reached.is_ok());
    if done {
        reached.map_err(|why| told(&format!("it says it is done, but {why}"), run))?;
        read_back(trace).map_err(|why| told(&why, run))?;
    } else {
        names_the_next_command(run)?;
    }
    looked_before_playing(trace).map_err(|why| told(&why, run))?;
    let secret = lab.server.token(seat.who);
    if run.out.contains(&secret) || run.err.contains(&secret) {
        return Err("a token is shown".to_owned());
    }
    untouched(scenario, seat, before)?;
    Ok(done)
}

/// Success is what a read after the last write showed.
fn read_back(trace: &[Exchange]) -> Result<(), String> {
    let Some(last) = trace.iter().rposition(effective) else { return Ok(()) };
    // What comes late is as true as any other answer.
    let is_true = |one: &Exchange| one.fault.as_ref().is_none_or(|fault| matches!(fault.what, What::Slow(_)));
    let read = trace[last..].iter().any(|one| !writes(one) && one.status == 200 && is_true(one));
    if read {
        Ok(())
    } else {
        Err(format!("nothing was read after {} {}", trace[last].method, trace[last].path))
    }
}

/// A job is played only right after it was read: GitLab plays a finished one once more.
fn looked_before_playing(trace: &[Exchange]) -> Result<(), String> {
    let path = |one: &Exchange| one.path.split('?').next().unwrap_or_default().to_owned();
    for (at, one) in
        trace.iter().enumerate().filter(|(_, one)| one.method == "POST" && one.path.ends_with("/play"))
    {
        let job = path(one).trim_end_matches("/play").to_owned();
        let looked = trace[..at]
            .iter()
            .next_back()
            .is_some_and(|before| before.method == "GET" && path(before) == job);
        if !looked {
            return Err(format!("nobody looked right before POST {job}/play"));
        }
    }
    Ok(())
}

/// Whoever is stopped is told the exact command that goes on.
pub(crate) fn names_the_next_command(run: &Ran) -> Result<(), String> {
    let hints: Vec<&str> = run.err.lines().filter(|line| line.starts_with("hint:")).collect();
    let named = |line: &&str| {
        ["git ", "the same command again", "run the job again"].iter().any(|how| line.contains(how))
    };
    match hints.iter().any(named) || run.out.contains("git hotfix ") {
        true => Ok(()),
        false => Err(told("no next command is named", run)),
    }
}

fn untouched(scenario: &Scenario, seat: &Seat<'_>, before: &Manifest) -> Result<(), String> {
    if scenario.moves {
        return Ok(());
    }
    let told = before.differences(&Manifest::of(&seat.dir()));
    if told.is_empty() { Ok(()) } else { Err(format!("the clone was touched:\n{}", told.join("\n"))) }
}

/// One plain run mends it all, and leaves nothing lying about.
pub(crate) fn again(scenario: &Scenario, lab: &Lab, seat: &Seat<'_>) -> Result<(), String> {
    let run = seat.run(scenario.args);
    if run.code != scenario.ends {
        return Err(told(&format!("run again, it is not exit {}", scenario.ends), &run));
    }
    scenario.reached(lab).map_err(|why| told(&format!("run again, {why}"), &run))?;
    litter(lab, &seat.dir())
}

pub(crate) fn told(why: &str, run: &Ran) -> String {
    format!("{why}: exit {}\n{}\n{}", run.code, run.out, run.err)
}

/// One class over all points of a run; gives how many were struck, and what was wrong.
pub(crate) fn sweep(
    known: &[Exchange],
    kind: &Kind,
    case: impl Fn(u64) -> Result<bool, String>,
) -> (u64, Vec<String>) {
    let (mut struck, mut wrong) = (0, Vec::new());
    for n in 1.. {
        let index = usize::try_from(n - 1).unwrap_or_default();
        if kind.repeats_on_reads() && known.get(index).is_some_and(|one| !writes(one)) {
            continue;
        }
        match case(n) {
            Ok(false) => break,
            Ok(true) => struck += 1,
            Err(why) => {
                struck += 1;
                wrong.push(why);
            }
        }
    }
    (struck, wrong)
}

/// A point and a class, half of the time one where something is written.
pub(crate) fn sample(dice: &mut Dice, known: &[Exchange]) -> (u64, Kind) {
    let write: Vec<usize> =
        known.iter().enumerate().filter(|(_, one)| writes(one)).map(|(index, _)| index).collect();
    let index = match dice.below(2) {
        0 if !write.is_empty() => *dice.pick(&write),
        _ => dice.below(known.len()),
    };
    (index as u64 + 1, dice.pick(&Kind::all()).clone())
}

/// How long a slow answer takes at least, for those who wait for one.
pub(crate) const BREATH: Duration = Duration::from_millis(1);
