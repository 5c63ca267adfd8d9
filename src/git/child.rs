//! A running git child: input in, both outputs out, none of them able to stall it; and what it hears when we
//! are told to end. Must not know what any subcommand means.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use super::error::Io;

/// Errors are quoted to people; the beginning says what went wrong.
const STDERR_LIMIT: usize = 64 << 10;

/// How often a child that says nothing is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// How long a child that has ended is listened to. What it started itself (git's own transport) may hold its
/// outputs open for ever.
const LINGER: Duration = Duration::from_secs(1);

/// The children that were not reaped yet.
static RUNNING: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Listener>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes a signal on to every git child: one that was sent to this process alone does not reach them.
pub fn forward(signal: i32) {
    let Some(signal) = Signal::from_named_raw(signal) else { return };
    for listener in running().iter() {
        listener.hears(signal);
    }
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
        let (tells, ends) = mpsc::channel();
        if let (Some(mut pipe), Some(bytes)) = (self.child.stdin.take(), stdin) {
            // A child that does not want all of its input says so by its exit code.
            std::thread::spawn(move || pipe.write_all(&bytes));
        }
        let stdout = Heard::listen(self.child.stdout.take(), limit + 1, false, tells.clone());
        let stderr = Heard::listen(self.child.stderr.take(), STDERR_LIMIT, true, tells);
        self.attend(&ends, deadline)?;
        let (stdout, stderr) = (stdout.taken(), stderr.taken());
        if stdout.len() > limit {
            self.listener.hears(Signal::KILL);
        }
        Ok((self.reap()?, stdout, stderr))
    }

    /// Returns once both outputs have ended, or the child has and whatever it left behind keeps them open.
    fn attend(&mut self, ends: &mpsc::Receiver<Io<()>>, deadline: Option<Duration>) -> Io<()> {
        let (mut open, mut waited, mut lingered, mut ended) = (2, Duration::ZERO, Duration::ZERO, false);
        while open > 0 && lingered < LINGER {
            if let Ok(end) = ends.recv_timeout(LOOK) {
                end?;
                open -= 1;
                continue;
            }
            // Told by the looks in vain: they take as long as the wait does.
            let before = waited;
            waited += LOOK;
            if ended {
                lingered += LOOK;
            } else if self.has_ended()? {
                ended = true;
            } else if deadline.is_some_and(|deadline| before < deadline && waited >= deadline) {
                // Git takes its locks away.
                self.listener.hears(Signal::TERM);
            }
        }
        if open > 0 {
            // Nobody listens to what is left of it. (By itself it has ended, and does not hear this.)
            self.listener.hears(Signal::TERM);
        }
        Ok(())
    }

    /// Whether it has ended; it is not reaped by that, and its number stays its own.
    fn has_ended(&self) -> Io<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.listener.id), options)?.is_some())
    }

    fn reap(&mut self) -> Io<ExitStatus> {
        // Out of the list first: once reaped, its number may become somebody else's.
        running().retain(|other| *other != self.listener);
        self.reaped = true;
        self.child.wait()
    }
}

/// What an output has said so far. Its reader lives as long as somebody may still write, which can be longer
/// than anybody listens.
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// Reads up to `limit` bytes, and after them reads on in silence or stops; tells when it is done.
    fn listen(
        pipe: Option<impl Read + Send + 'static>,
        limit: usize,
        reads_on: bool,
        done: mpsc::Sender<Io<()>>,
    ) -> Heard {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&heard);
        std::thread::spawn(move || {
            let read = pipe.map_or(Ok(()), |pipe| take(pipe, limit, reads_on, &into));
            // Nobody may be listening any more.
            let _ = done.send(read);
        });
        Heard(heard)
    }

    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn take(mut pipe: impl Read, limit: usize, reads_on: bool, into: &Mutex<Vec<u8>>) -> Io<()> {
    let mut chunk = vec![0; 64 << 10];
    let mut left = limit;
    while left > 0 || reads_on {
        let count = match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        let kept = count.min(left);
        left -= kept;
        let mut into = into.lock().unwrap_or_else(PoisonError::into_inner);
        into.extend_from_slice(chunk.get(..kept).unwrap_or_default());
    }
    Ok(())
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
        let left = start("echo said; sleep 3 & exit 3", false, false);
        let (status, said, _) = left.finish(None, 10, None).unwrap();
        assert_eq!((status.code(), said.as_slice()), (Some(3), b"said\n".as_slice()));
        let unused = start("exec sleep 600", true, false);
        let listener = unused.listener;
        drop(unused);
        assert!(!running().contains(&listener));
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
