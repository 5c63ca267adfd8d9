//! Talking with a git child: input in, both outputs out, none of them able to stall it.

use std::io::{Read, Write};
use std::process::Child;

use super::error::Io;

/// Errors are quoted to people; the beginning says what went wrong.
const STDERR_LIMIT: usize = 64 << 10;

/// Writes stdin and reads both outputs at once, so that no pipe can fill up and stall the child.
pub(super) fn converse(child: &mut Child, stdin: Option<Vec<u8>>, limit: usize) -> Io<(Vec<u8>, Vec<u8>)> {
    let (pipe_in, pipe_out, pipe_err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
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
        let stderr = stderr.join().map_err(|_| std::io::Error::other("the reader of stderr failed"))??;
        Ok((stdout, stderr))
    })
}
