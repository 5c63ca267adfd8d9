//! Killed or interrupted at every exchange and at every git child; one plain run later everything is there.

use std::os::unix::fs::PermissionsExt;
use std::process::Child;

use git_hotfix::sim::{Fault, FaultPlan, What};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::lab::{Lab, Ran, Ready, Seat};
use crate::manifest::Manifest;
use crate::matrix::{BREATH, again, disturbed, told};
use crate::scenario::Scenario;

/// By what a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// SIGKILL to the program.
    Kill,
    /// Ctrl-C: SIGINT to the whole group.
    Interrupt,
    /// SIGTERM to the program alone.
    Terminate,
}

/// When it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The exchange was received; it will have no effect.
    Received,
    /// It took effect and has no answer.
    Applied,
    /// It was answered.
    Answered,
    /// Before a git child does anything.
    BeforeGit,
    /// While it is at work.
    DuringGit,
    /// When it is done and has not ended.
    AfterGit,
}

/// What becomes of a git child, where the program lives on.
pub(crate) const FAILURES: [&str; 3] = ["fails", "dies", "babbles"];

impl Blow {
    pub(crate) const ALL: [Blow; 3] = [Blow::Kill, Blow::Interrupt, Blow::Terminate];

    pub(crate) fn strike(self, child: &Child) {
        let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
        // One that has ended by itself meanwhile is not there to be struck.
        let _ = match self {
            Blow::Kill => kill_process(pid, Signal::KILL),
            Blow::Interrupt => kill_process_group(pid, Signal::INT),
            Blow::Terminate => kill_process(pid, Signal::TERM),
        };
    }

    fn in_shell(self) -> &'static str {
        match self {
            Blow::Kill => "kill -s KILL $PPID",
            Blow::Interrupt => "kill -s INT -- -$PPID",
            Blow::Terminate => "kill -s TERM $PPID",
        }
    }
}

impl Moment {
    pub(crate) const OF_EXCHANGE: [Moment; 3] = [Moment::Received, Moment::Applied, Moment::Answered];
    pub(crate) const OF_CHILD: [Moment; 3] = [Moment::BeforeGit, Moment::DuringGit, Moment::AfterGit];
}

/// One case; whether its point was there.
pub(crate) fn case(
    scenario: &Scenario,
    ready: &Ready,
    n: u64,
    moment: Moment,
    blow: Blow,
) -> Result<bool, String> {
    let lab = ready.open(scenario.story);
    let seat = scenario.seat(&lab);
    let before = Manifest::of(&seat.dir());
    let what = format!("{blow:?}, {moment:?} {n}");
    let (seat, child, mut struck) = match moment {
        Moment::Received | Moment::Applied | Moment::Answered => {
            at_exchange(&lab, seat, scenario, n, moment, blow)
        }
        Moment::BeforeGit | Moment::DuringGit | Moment::AfterGit => {
            let script = match moment {
                Moment::BeforeGit => format!("{}; exec \"$REAL\" \"$@\"", blow.in_shell()),
                Moment::DuringGit => format!("(sleep 0.003; {}) & exec \"$REAL\" \"$@\"", blow.in_shell()),
                _ => format!("\"$REAL\" \"$@\"; code=$?; {}; exit $code", blow.in_shell()),
            };
            let seat = shim(seat, n, &script);
            let child = seat.start(scenario.args);
            (seat, child, false)
        }
    };
    let session = child.id();
    let run = seat.end(child);
    struck |= lab.dir().join("shim/struck").exists();
    if !struck {
        let done = run.code == scenario.ends;
        return if done { Ok(false) } else { Err(told(&format!("{what}, never struck"), &run)) };
    }
    ended(scenario, &lab, &seat, &before, &run, blow, session).map_err(|why| format!("{what}\n{why}"))?;
    lab.server.lift_faults();
    if scenario.moves && Moment::OF_CHILD.contains(&moment) {
        // What is left at work on the clone itself would only get into the way of whoever did not wait for it.
        gone(session, &run).map_err(|why| format!("{what}\n{why}"))?;
    }
    let plain = scenario.seat(&lab);
    again(scenario, &lab, &plain).map_err(|why| format!("{what}\nit said: {}\n{why}", run.err))?;
    whole(&plain).map_err(|why| format!("{what}\n{why}"))?;
    Ok(true)
}

fn at_exchange<'a>(
    lab: &'a Lab,
    seat: Seat<'a>,
    scenario: &Scenario,
    n: u64,
    moment: Moment,
    blow: Blow,
) -> (Seat<'a>, Child, bool) {
    let index = lab.server.requests().len() + usize::try_from(n).unwrap_or_default() - 1;
    match moment {
        Moment::Received => lab.server.inject(FaultPlan::nth(n, Fault::before(What::Hang))),
        Moment::Applied => lab.server.inject(FaultPlan::nth(n, Fault::after(What::Hang))),
        _ => {}
    }
    let mut child = seat.start(scenario.args);
    let struck = strike_when(&mut child, moment, blow, || match moment {
        Moment::Answered => lab.server.requests().get(index).is_some_and(|one| one.status != 0),
        _ => lab.server.faults_triggered() > 0,
    });
    (seat, child, struck)
}

/// Strikes once its moment is there; `false` if the run ended before.
pub(crate) fn strike_when(
    child: &mut Child,
    moment: Moment,
    blow: Blow,
    is_there: impl Fn() -> bool,
) -> bool {
    while !is_there() {
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return false;
        }
        std::thread::sleep(BREATH);
    }
    if moment == Moment::Applied {
        // Its handler runs to its end, whether or not anybody waits for it.
        std::thread::sleep(20 * BREATH);
    }
    blow.strike(child);
    true
}

/// How many git children a run has that nothing disturbs.
pub(crate) fn children(scenario: &Scenario, ready: &Ready) -> u64 {
    let lab = ready.open(scenario.story);
    let seat = shim(scenario.seat(&lab), 0, "");
    seat.run(scenario.args);
    let calls = std::fs::read_dir(lab.dir().join("shim")).unwrap().count();
    // The shim itself lies there too.
    calls as u64 - 1
}

/// Puts a `git` first in PATH that does something at its n-th call, and is git otherwise.
fn shim<'a>(seat: Seat<'a>, n: u64, script: &str) -> Seat<'a> {
    let dir = seat.lab.dir().join("shim");
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.is_file()).unwrap();
    let text = format!(
        "#!/bin/sh\nset -C\nREAL='{}'\nn=1\nuntil {{ true >'{}'/$n; }} 2>/dev/null; do n=$((n + 1)); done\n\
         [ $n = {n} ] || exec \"$REAL\" \"$@\"\ntrue >'{1}'/struck\n{script}\n",
        real.display(),
        dir.display(),
    );
    std::fs::write(dir.join("git"), text).unwrap();
    std::fs::set_permissions(dir.join("git"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::join_paths(std::iter::once(dir).chain(std::env::split_paths(&path))).unwrap();
    seat.with("PATH", path.to_string_lossy())
}

fn ended(
    scenario: &Scenario,
    lab: &Lab,
    seat: &Seat<'_>,
    before: &Manifest,
    run: &Ran,
    blow: Blow,
    session: u32,
) -> Result<(), String> {
    if !scenario.moves {
        let told = before.differences(&Manifest::of(&seat.dir()));
        if !told.is_empty() {
            return Err(format!("the clone was touched:\n{}", told.join("\n")));
        }
    }
    if run.code == scenario.ends {
        // The blow came too late.
        return scenario.reached(lab).map_err(|why| told(&format!("it says it is done, but {why}"), run));
    }
    if blow == Blow::Kill {
        return if run.code == 137 { Ok(()) } else { Err(told("not killed", run)) };
    }
    let last: Vec<&str> = run.err.lines().filter(|line| line.starts_with("interrupted")).collect();
    let says = last.len() == 1 && run.err.lines().last() == Some(last[0]);
    let goes_on = last.first().is_some_and(|line| line.contains("git hotfix ") || line.contains("again"));
    if run.code != 130 || !says || !goes_on {
        return Err(told("not one line that says how to go on, and exit 130", run));
    }
    // Its git children hear of it too, and all that they started: no server that says nothing holds them.
    gone(session, run)
}

/// Waits for the end of a session.
fn gone(session: u32, run: &Ran) -> Result<(), String> {
    let mut left = living(session);
    for _ in 0..2000 {
        if left.is_empty() {
            return Ok(());
        }
        std::thread::sleep(BREATH);
        left = living(session);
    }
    Err(told(&format!("git children live on: {}", left.join("; ")), run))
}

/// The command lines of a session's members that have not ended.
fn living(session: u32) -> Vec<String> {
    let of = |process: std::path::PathBuf| {
        let stat = std::fs::read_to_string(process.join("stat")).ok()?;
        // After the name in brackets: state, parent, group, session.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if fields.first()? == &"Z" || fields.get(3)? != &session.to_string() {
            return None;
        }
        let line = std::fs::read(process.join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| of(entry.path())).collect()
}

fn whole(seat: &Seat<'_>) -> Result<(), String> {
    let done = seat.ask_git(&seat.dir(), &["fsck", "--no-dangling", "--no-progress"]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() { Ok(()) } else { Err(format!("git fsck: {said}")) }
}

/// A git child that fails by itself; whether there was an n-th one.
pub(crate) fn child_fails(scenario: &Scenario, ready: &Ready, n: u64, how: &str) -> Result<bool, String> {
    let lab = ready.open(scenario.story);
    let plain = scenario.seat(&lab);
    let before = Manifest::of(&plain.dir());
    let script = match how {
        "fails" => "echo 'fatal: no space left on device' >&2; exit 128",
        "dies" => "kill -s KILL $$",
        _ => "cat >/dev/null; echo 'what a lovely day'; exit 0",
    };
    let seat = shim(plain.clone(), n, script);
    let run = seat.run(scenario.args);
    let struck = lab.dir().join("shim/struck").exists();
    let what = format!("git child {n} {how}");
    if !struck {
        let done = run.code == scenario.ends;
        return if done { Ok(false) } else { Err(told(&format!("{what}, never struck"), &run)) };
    }
    let allows = |code| code == scenario.ends || matches!(code, 1 | 4 | 5 | 6);
    disturbed(scenario, &lab, &seat, &before, &run, allows, &[]).map_err(|why| format!("{what}\n{why}"))?;
    again(scenario, &lab, &plain).map_err(|why| format!("{what}\nit said: {}\n{why}", run.err))?;
    Ok(true)
}
