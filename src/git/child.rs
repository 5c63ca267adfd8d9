//! A running git child: input in, both outputs out, none of them able to stall it; and what it hears when we
//! are told to end. Must not know what any subcommand means.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use super::error::Io;

/// Errors are quoted to people; the beginning says what went wrong.
const STDERR_LIMIT: usize = 64 << 10;

/// How often a child that says nothing is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// How long a child that has ended is listened to. What it started itself (git's own transport) may hold its
/// outputs open for ever.
const LINGER: Duration = Duration::from_secs(1);

/// The children that run now, by process id.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SIGTERM: git ends its own children and takes its locks away.
const TERM: i32 = 15;

/// Passes a signal on to every git child: one that was sent to this process alone does not reach them.
pub fn forward(signal: i32) {
    for &id in running().iter() {
        tell(id, signal);
    }
}

fn tell(id: u32, signal: i32) {
    #[cfg(unix)]
    {
        let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
        if let (Some(id), Some(signal)) = (id, rustix::process::Signal::from_named_raw(signal)) {
            let _ = rustix::process::kill_process(id, signal);
        }
    }
}

/// A child of git. Dropped before its end, it is killed.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    ended: bool,
}

impl Running {
    /// Starts it, with a pipe to its stdin or with nothing there.
    pub(super) fn start(command: &mut Command, input: bool) -> Io<Running> {
        let stdin = if input { Stdio::piped() } else { Stdio::null() };
        let command = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Started under the lock: a signal finds either none or one that it reaches.
        let mut running = running();
        let child = command.spawn()?;
        running.push(child.id());
        Ok(Running { child, ended: false })
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
            self.child.kill()?;
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
                tell(self.child.id(), TERM);
            }
        }
        Ok(())
    }

    fn has_ended(&mut self) -> Io<bool> {
        // Under the lock: once it is reaped, its number may become somebody else's.
        let mut running = running();
        let ended = self.child.try_wait()?.is_some();
        if ended {
            let id = self.child.id();
            running.retain(|&other| other != id);
        }
        Ok(ended)
    }

    fn reap(&mut self) -> Io<ExitStatus> {
        // Out of the list first: once reaped, its number may become somebody else's.
        let id = self.child.id();
        running().retain(|&other| other != id);
        self.ended = true;
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
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.reap();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "stands in for git")]
    fn a_child_hears_of_the_signal_and_an_unused_one_is_reaped() {
        use std::os::unix::process::ExitStatusExt;
        let heard = Running::start(Command::new("sleep").arg("600"), false).unwrap();
        let pid = heard.child.id();
        assert!(running().contains(&pid));
        // As `forward` does it, but to this one only: other tests run children at the same time.
        let id = rustix::process::Pid::from_child(&heard.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let (status, ..) = heard.finish(None, 10, None).unwrap();
        assert_eq!(status.signal(), Some(15));
        assert!(!running().contains(&pid));
        let late = Running::start(Command::new("sleep").arg("600"), false).unwrap();
        let (status, ..) = late.finish(None, 10, Some(Duration::from_millis(20))).unwrap();
        assert_eq!(status.signal(), Some(15), "nobody waits for it for ever");
        // Nor for what it leaves behind.
        let script = "echo said; sleep 3 & exit 3";
        let left = Running::start(Command::new("sh").args(["-c", script]), false).unwrap();
        let (status, said, _) = left.finish(None, 10, None).unwrap();
        assert_eq!((status.code(), said.as_slice()), (Some(3), b"said\n".as_slice()));
        let unused = Running::start(Command::new("sleep").arg("600"), true).unwrap();
        let pid = unused.child.id();
        drop(unused);
        assert!(!running().contains(&pid));
    }
}
