//! A running git child: input in, both outputs out, none of them able to stall it; and what it hears when we
//! are told to end. Must not know what any subcommand means.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use super::error::Io;

/// Errors are quoted to people; the beginning says what went wrong.
const STDERR_LIMIT: usize = 64 << 10;

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
        let (stdout, stderr) = self.converse(stdin, limit, deadline)?;
        Ok((self.reap()?, stdout, stderr))
    }

    fn converse(
        &mut self,
        stdin: Option<Vec<u8>>,
        limit: usize,
        deadline: Option<Duration>,
    ) -> Io<(Vec<u8>, Vec<u8>)> {
        let child = &mut self.child;
        let (pipe_in, pipe_out, pipe_err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (id, (said_all, listens)) = (child.id(), mpsc::channel::<()>());
        std::thread::scope(|scope| {
            if let Some(deadline) = deadline {
                // It is not reaped before this thread has ended, so that the number is still its own.
                scope.spawn(move || {
                    if listens.recv_timeout(deadline) == Err(mpsc::RecvTimeoutError::Timeout) {
                        tell(id, TERM);
                    }
                });
            }
            if let (Some(mut pipe), Some(bytes)) = (pipe_in, stdin) {
                // A child that does not want all of its input says so by its exit code.
                scope.spawn(move || pipe.write_all(&bytes));
            }
            let stderr = scope.spawn(move || -> Io<Vec<u8>> {
                let mut head = Vec::new();
                let Some(mut pipe) = pipe_err else { return Ok(head) };
                pipe.by_ref().take(STDERR_LIMIT as u64).read_to_end(&mut head)?;
                std::io::copy(&mut pipe, &mut std::io::sink())?;
                Ok(head)
            });
            let mut stdout = Vec::new();
            if let Some(pipe) = pipe_out {
                pipe.take(limit as u64 + 1).read_to_end(&mut stdout)?;
            }
            if stdout.len() > limit {
                child.kill()?;
            }
            let stderr =
                stderr.join().map_err(|_| std::io::Error::other("the reader of stderr failed"))??;
            drop(said_all);
            Ok((stdout, stderr))
        })
    }

    fn reap(&mut self) -> Io<ExitStatus> {
        // Out of the list first: once reaped, its number may become somebody else's.
        let id = self.child.id();
        running().retain(|&other| other != id);
        self.ended = true;
        self.child.wait()
    }
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
        let unused = Running::start(Command::new("sleep").arg("600"), true).unwrap();
        let pid = unused.child.id();
        drop(unused);
        assert!(!running().contains(&pid));
    }
}
