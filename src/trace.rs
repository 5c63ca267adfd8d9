//! git's own trace (`GIT_TRACE2_EVENT`), joined: what this program did and how long it took, in the file
//! where git and its children write theirs.
//!
//! Owns the sink and the form of its lines (git's api-trace2, event format 3). It must not decide
//! anything, and a trace that cannot be written is no failure.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Clock as _, SystemClock};

static TRACE: OnceLock<Trace> = OnceLock::new();

struct Trace {
    sink: Mutex<File>,
    clock: SystemClock,
    sid: String,
}

/// Begins the trace, if `target` (the value of `GIT_TRACE2_EVENT`) asks for one. `parent` is the id of the
/// process that called this one, as git hands it down.
pub fn begin(target: Option<&str>, parent: Option<&str>, argv: &[String]) {
    let Some(target) = target else { return };
    let clock = SystemClock::new();
    let now = clock.now().strftime("%Y%m%dT%H%M%S.%6fZ").to_string();
    let own = format!("{now}-H00000000-P{:08x}", std::process::id());
    let sid = parent.map_or_else(|| own.clone(), |parent| format!("{parent}/{own}"));
    let Some(sink) = open(target, &own) else { return };
    let _ = TRACE.set(Trace { sink: Mutex::new(sink), clock, sid });
    event("version", json!({ "evt": "3", "exe": env!("CARGO_PKG_VERSION") }));
    event("start", json!({ "t_abs": elapsed(), "argv": argv }));
    event("cmd_name", json!({ "name": "hotfix", "hierarchy": "hotfix" }));
}

/// The id under which git children shall say that they are ours: the value of `GIT_TRACE2_PARENT_SID`.
pub fn parent_sid() -> Option<&'static str> {
    TRACE.get().map(|trace| trace.sid.as_str())
}

/// Ends the trace.
pub fn end(code: u8) {
    event("exit", json!({ "t_abs": elapsed(), "code": code }));
    event("atexit", json!({ "t_abs": elapsed(), "code": code }));
}

/// A stretch of work, from now until it is dropped.
pub struct Region {
    open: Option<(&'static str, String, Duration)>,
}

/// Opens a region, such as one request.
pub fn region(category: &'static str, label: impl FnOnce() -> String) -> Region {
    let Some(trace) = TRACE.get() else { return Region { open: None } };
    let label = label();
    event("region_enter", json!({ "nesting": 1, "category": category, "label": label }));
    Region { open: Some((category, label, trace.clock.elapsed())) }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let (Some((category, label, since)), Some(trace)) = (self.open.take(), TRACE.get()) {
            let lasted = trace.clock.elapsed().saturating_sub(since).as_secs_f64();
            let row = json!({ "t_rel": lasted, "nesting": 1, "category": category, "label": label });
            event("region_leave", row);
        }
    }
}

fn elapsed() -> f64 {
    TRACE.get().map_or(0.0, |trace| trace.clock.elapsed().as_secs_f64())
}

/// Writes one line, in one write: several processes append to one file.
fn event(name: &str, what: Value) {
    let Some(trace) = TRACE.get() else { return };
    let thread = std::thread::current();
    let time = trace.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let mut row = json!({
        "event": name,
        "sid": trace.sid,
        "thread": thread.name().unwrap_or("worker"),
        "time": time,
    });
    if let (Some(row), Value::Object(what)) = (row.as_object_mut(), what) {
        row.extend(what);
    }
    let _ =
        trace.sink.lock().unwrap_or_else(PoisonError::into_inner).write_all(format!("{row}\n").as_bytes());
}

/// The sink as git reads the variable: `1` or `true` for stderr, a digit for a descriptor, an absolute path
/// for a file, or for a folder in which each process has a file of its own.
fn open(target: &str, own: &str) -> Option<File> {
    let append = |path: &Path| OpenOptions::new().append(true).create(true).open(path).ok();
    match target {
        "0" | "false" => None,
        "1" | "true" => append(Path::new("/dev/fd/2")),
        digit if matches!(digit.as_bytes(), [b'2'..=b'9']) => append(&Path::new("/dev/fd").join(digit)),
        path if Path::new(path).is_dir() => append(&Path::new(path).join(own)),
        path if Path::new(path).is_absolute() => append(Path::new(path)),
        _ => None,
    }
}
