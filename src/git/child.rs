//! A running git child: input in, both outputs out, none of them able to stall it; and what it hears when we
//! are told to end. Must not know what any subcommand means.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{ioctl_fionbio, retry_on_intr};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use super::error::Io;
use crate::clock::{Clock, SystemClock};

/// Errors are quoted to people; the beginning says what went wrong.
const STDERR_LIMIT: usize = 64 << 10;

/// How often a child that says nothing is looked after.
const LOOK: Duration = Duration::from_millis(20);
const LOOK_AT: Timespec = Timespec { tv_sec: 0, tv_nsec: LOOK.as_nanos() as i64 };

/// How long a child that has ended is listened to. What it started itself (git's own transport) may hold its
/// outputs open for ever.
const LINGER: Duration = Duration::from_secs(1);

/// The children that were not reaped yet.
static RUNNING: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Listener>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a signal came, after which none is started.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Passes a signal on to every git child: one that was sent to this process alone does not reach them.
pub fn forward(signal: i32) {
    let Some(signal) = Signal::from_named_raw(signal) else { return };
    let running = running();
    ENDING.store(true, Ordering::SeqCst);
    for listener in running.iter() {
        listener.hears(signal);
    }
}

/// Waits until every git child has ended that heard a signal, or at most a while: only then are its locks gone.
pub fn wait_for_end() {
    let clock = SystemClock::new();
    let ended = |listener: &Listener| !matches!(has_ended(listener.id), Ok(false));
    while !running().iter().all(ended) && clock.elapsed() < LINGER {
        clock.sleep(LOOK / 4);
    }
}

/// Whether a child has ended; it is not reaped by that, and its number stays its own.
fn has_ended(id: Pid) -> Io<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(id), options)?.is_some())
}

/// Whether a child gets a process group of its own, so that what it starts itself is reached by signals, too: git
/// does not end its transport, and that waits for a silent server. Only where there is no terminal. From another
/// group nobody could be asked there (a passphrase, a hook's question), and its Ctrl-C reaches all by itself.
fn apart() -> bool {
    static APART: OnceLock<bool> = OnceLock::new();
    *APART.get_or_init(|| File::open("/dev/tty").is_err())
}

/// A child, or all that came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    id: Pid,
    group: bool,
}

impl Listener {
    fn hears(self, signal: Signal) {
        // One that has ended by itself meanwhile is not there to hear it.
        let _ = match self.group {
            true => kill_process_group(self.id, signal),
            false => kill_process(self.id, signal),
        };
    }
}

/// A child of git. Dropped before its end, it is killed.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    listener: Listener,
    reaped: bool,
}

impl Running {
    /// Starts it, with a pipe to its stdin or with nothing there.
    pub(super) fn start(command: &mut Command, input: bool) -> Io<Running> {
        Running::start_in(command, input, apart())
    }

    fn start_in(command: &mut Command, input: bool, group: bool) -> Io<Running> {
        let stdin = if input { Stdio::piped() } else { Stdio::null() };
        let mut command = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        if group {
            command = command.process_group(0);
        }
        // Started under the lock: a signal finds either none or one that it reaches.
        let mut running = running();
        if ENDING.load(Ordering::SeqCst) {
            return Err(ErrorKind::Interrupted.into());
        }
        let child = command.spawn()?;
        let listener = Listener { id: Pid::from_child(&child), group };
        running.push(listener);
        Ok(Running { child, listener, reaped: false })
    }

    /// Writes stdin and reads both outputs to their end, at once, so that no pipe can fill up. Kills it
    /// where stdout goes beyond `limit`, and tells it to end where it takes longer than the deadline.
    pub(super) fn finish(
        mut self,
        stdin: Option<Vec<u8>>,
        limit: usize,
        deadline: Option<Duration>,
    ) -> Io<(ExitStatus, Vec<u8>, Vec<u8>)> {
        let stdin = Told::of(self.child.stdin.take(), stdin.unwrap_or_default())?;
        let mut stdout = Heard::of(self.child.stdout.take(), limit + 1, false);
        let mut stderr = Heard::of(self.child.stderr.take(), STDERR_LIMIT, true);
        self.attend(stdin, &mut stdout, &mut stderr, deadline)?;
        Ok((self.reap()?, stdout.bytes, stderr.bytes))
    }

    /// Returns once both outputs have ended, or the child has and whatever it left behind keeps them open.
    fn attend(
        &mut self,
        mut stdin: Told,
        stdout: &mut Heard,
        stderr: &mut Heard,
        deadline: Option<Duration>,
    ) -> Io<()> {
        let (mut waited, mut lingered, mut ended) = (Duration::ZERO, Duration::ZERO, false);
        let (clock, mut last) = (SystemClock::new(), Duration::ZERO);
        while (stdout.pipe.is_some() || stderr.pipe.is_some()) && lingered < LINGER {
            let (takes, says, complains) = moving(&stdin, stdout, stderr)?;
            if takes {
                stdin.go_on();
            }
            if says {
                stdout.go_on()?;
                if stdout.bytes.len() == stdout.limit {
                    self.listener.hears(Signal::KILL);
                }
            }
            if complains {
                stderr.go_on()?;
            }
            let now = clock.elapsed();
            // While we are stopped ourselves (Ctrl-Z), nobody is waited for.
            let spent = now.saturating_sub(last).min(2 * LOOK);
            last = now;
            let before = waited;
            waited += spent;
            if ended {
                lingered += spent;
            } else if has_ended(self.listener.id)? {
                ended = true;
            } else if deadline.is_some_and(|deadline| before < deadline && waited >= deadline) {
                // Git takes its locks away.
                self.listener.hears(Signal::TERM);
            }
        }
        if stdout.pipe.is_some() || stderr.pipe.is_some() {
            // Nobody listens to what is left of it. (By itself it has ended, and does not hear this.)
            self.listener.hears(Signal::TERM);
        }
        Ok(())
    }

    fn reap(&mut self) -> Io<ExitStatus> {
        // Out of the list first: once reaped, its number may become somebody else's.
        running().retain(|other| *other != self.listener);
        self.reaped = true;
        self.child.wait()
    }
}

/// Which pipes can go on or have ended; none, where nothing moves for as long as a look takes.
fn moving(stdin: &Told, stdout: &Heard, stderr: &Heard) -> Io<(bool, bool, bool)> {
    let pipes = [(&stdin.pipe, PollFlags::OUT), (&stdout.pipe, PollFlags::IN), (&stderr.pipe, PollFlags::IN)];
    let open = pipes.iter().filter_map(|(pipe, what)| Some(PollFd::new(pipe.as_ref()?, *what)));
    let mut open: Vec<PollFd<'_>> = open.collect();
    retry_on_intr(|| poll(&mut open, Some(&LOOK_AT)))?;
    let mut answers = open.iter().map(|pipe| !pipe.revents().is_empty());
    let [takes, says, complains] = pipes.map(|(pipe, _)| pipe.is_some() && answers.next() == Some(true));
    Ok((takes, says, complains))
}

/// What a child is yet to be told; nobody waits for it to listen.
struct Told {
    pipe: Option<File>,
    bytes: Vec<u8>,
    told: usize,
}

impl Told {
    fn of(pipe: Option<ChildStdin>, bytes: Vec<u8>) -> Io<Told> {
        let pipe = pipe.map(|pipe| File::from(OwnedFd::from(pipe)));
        if let Some(pipe) = &pipe {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(Told { pipe, bytes, told: 0 })
    }

    fn go_on(&mut self) {
        let (Some(pipe), Some(rest)) = (&mut self.pipe, self.bytes.get(self.told..)) else { return };
        match pipe.write(rest) {
            Ok(count) if count < rest.len() => self.told += count,
            Err(why) if matches!(why.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            // Done; or the child does not want all of its input, and says so by its exit code.
            _ => self.pipe = None,
        }
    }
}

/// What a child has said so far.
struct Heard {
    pipe: Option<File>,
    bytes: Vec<u8>,
    limit: usize,
    reads_on: bool,
}

impl Heard {
    /// Up to `limit` bytes of it; after them it is read on in silence or no more.
    fn of(pipe: Option<impl Into<OwnedFd>>, limit: usize, reads_on: bool) -> Heard {
        let pipe = pipe.map(|pipe| File::from(pipe.into()));
        Heard { pipe, bytes: Vec::new(), limit, reads_on }
    }

    fn go_on(&mut self) -> Io<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut chunk = [0; 16 << 10];
        let count = match pipe.read(&mut chunk) {
            Err(why) if why.kind() == ErrorKind::Interrupted => return Ok(()),
            read => read?,
        };
        let kept = count.min(self.limit - self.bytes.len());
        self.bytes.extend_from_slice(chunk.get(..kept).unwrap_or_default());
        if count == 0 || (self.bytes.len() == self.limit && !self.reads_on) {
            self.pipe = None;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.listener.hears(Signal::KILL);
            let _ = self.reap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[expect(clippy::disallowed_methods, reason = "stands in for git")]
    fn start(script: &str, input: bool, group: bool) -> Running {
        Running::start_in(Command::new("sh").args(["-c", script]), input, group).unwrap()
    }

    #[test]
    fn a_child_hears_of_the_signal_and_an_unused_one_is_reaped() {
        let heard = start("exec sleep 600", false, false);
        let listener = heard.listener;
        assert!(running().contains(&listener));
        // As `forward` does it, but to this one only: other tests run children at the same time.
        listener.hears(Signal::TERM);
        let (status, ..) = heard.finish(None, 10, None).unwrap();
        assert_eq!(status.signal(), Some(15));
        assert!(!running().contains(&listener));
        let late = start("exec sleep 600", false, false);
        let (status, ..) = late.finish(None, 10, Some(Duration::from_millis(20))).unwrap();
        assert_eq!(status.signal(), Some(15), "nobody waits for it for ever");
        // Nor for what it leaves behind.
        let left = start("echo said; (while sleep 0.01; do echo more; done) & exit 3", false, false);
        let (status, said, _) = left.finish(None, 1 << 20, None).unwrap();
        assert!(status.code() == Some(3) && said.starts_with(b"said\nmore\n"));
        let unused = start("exec sleep 600", true, false);
        let listener = unused.listener;
        drop(unused);
        assert!(!running().contains(&listener));
    }

    #[test]
    fn no_pipe_fills_up_whoever_speaks_first() {
        let megabyte = vec![b'x'; 1 << 20];
        let told = |script: &str, limit| {
            let (status, said, _) =
                start(script, true, false).finish(Some(megabyte.clone()), limit, None).unwrap();
            (status.code(), said)
        };
        assert_eq!(told("cat", 2 << 20), (Some(0), megabyte.clone()));
        assert_eq!(told("cat >&2; echo end", 10), (Some(0), b"end\n".to_vec()));
        assert_eq!(told("exec <&-; echo none; exit 3", 10), (Some(3), b"none\n".to_vec()));
        // Beyond the limit nobody listens, and it is not waited for.
        let (code, said) = told("cat; exec sleep 600", 1000);
        assert_eq!((code, said.len()), (None, 1001));
    }

    #[test]
    fn what_a_child_of_its_own_group_started_hears_of_it_too() {
        let dir = tempfile::tempdir().unwrap();
        let ready = dir.path().join("ready");
        let becomes = |there| {
            (0..2000).any(|_| {
                std::thread::sleep(Duration::from_millis(5));
                ready.exists() == there
            })
        };
        // What it starts lives on without it, until it is told.
        let starts =
            format!("cd {}; (trap 'rm ready; exit' TERM; >ready; sleep 600 & wait) &", dir.path().display());
        let child = start(&format!("{starts} wait"), false, true);
        assert!(becomes(true));
        child.listener.hears(Signal::TERM);
        assert!(becomes(false));
        drop(child);
        let left = start(&format!("{starts} until [ -e ready ]; do sleep 0.01; done; exit 3"), false, true);
        let (status, ..) = left.finish(None, 10, None).unwrap();
        assert!(status.code() == Some(3) && becomes(false));
    }
}
