//! The two output streams and the one thing that may be drawn in place on them.
//!
//! Owns the bytes: nothing else in the program writes to standard output or standard error. It
//! must get finished text only; cleaning and masking happen before.

use std::io::{self, ErrorKind, Write};

use indicatif::{ProgressBar, ProgressDrawTarget};

/// Standard output for data, standard error for talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// What the command is asked for.
    Data,
    /// What it says meanwhile.
    Talk,
}

/// How often in a second something is drawn in place, at most.
const FRAMES: u8 = 20;

pub(crate) struct Screen {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    canvas: fn(&Screen, Stream) -> ProgressDrawTarget,
    drawn: Option<ProgressBar>,
    /// The last words were said.
    parted: bool,
    /// The reader of standard output has gone.
    closed: bool,
    /// Why standard output is incomplete.
    failure: Option<io::Error>,
    #[cfg(test)]
    pub(crate) paper: Option<super::testing::Paper>,
}

impl Screen {
    /// The process's own streams.
    pub(crate) fn of_process() -> Self {
        Screen {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            canvas: |_, stream| {
                let term = match stream {
                    Stream::Data => console::Term::buffered_stdout(),
                    Stream::Talk => console::Term::buffered_stderr(),
                };
                ProgressDrawTarget::term(term, FRAMES)
            },
            drawn: None,
            parted: false,
            closed: false,
            failure: None,
            #[cfg(test)]
            paper: None,
        }
    }

    /// Writes finished text; what is drawn in place makes room and comes back below it. Nothing follows the
    /// last words.
    pub(crate) fn write(&mut self, stream: Stream, text: &str) {
        if self.parted {
            return;
        }
        match self.drawn.clone() {
            Some(bar) => bar.suspend(|| self.put(stream, text)),
            None => self.put(stream, text),
        }
    }

    /// Clears what is drawn in place and writes the last words, once: threads that know nothing of the end
    /// yet may be at work for a moment more.
    pub(crate) fn part(&mut self, words: &str) {
        self.erase();
        self.write(Stream::Talk, words);
        self.parted = true;
    }

    fn put(&mut self, stream: Stream, text: &str) {
        if stream == Stream::Talk {
            // Nowhere is left to say that nothing can be said.
            let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
            return;
        }
        if self.is_over() {
            return;
        }
        let written = self.out.write_all(text.as_bytes());
        self.judge(written);
    }

    fn judge(&mut self, written: io::Result<()>) {
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => self.failure = Some(error),
        }
    }

    /// Flushes standard output and tells what kept it from being complete.
    pub(crate) fn finish(&mut self) -> Option<&io::Error> {
        if !self.is_over() {
            let flushed = self.out.flush();
            self.judge(flushed);
        }
        self.failure.as_ref()
    }

    /// True when standard output takes nothing more.
    pub(crate) fn is_over(&self) -> bool {
        self.closed || self.failure.is_some()
    }

    /// Starts drawing in place; `None` while something is drawn already.
    pub(crate) fn draw(&mut self, stream: Stream) -> Option<ProgressBar> {
        if self.drawn.is_some() || self.parted {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, (self.canvas)(self, stream));
        self.drawn = Some(bar.clone());
        Some(bar)
    }

    pub(crate) fn drawn(&self) -> Option<ProgressBar> {
        self.drawn.clone()
    }

    /// Clears what is drawn in place.
    pub(crate) fn erase(&mut self) {
        if let Some(bar) = self.drawn.take() {
            bar.finish_and_clear();
        }
    }

    /// A screen that keeps everything for a test to read.
    #[cfg(test)]
    pub(crate) fn on_paper(paper: &super::testing::Paper) -> Self {
        Screen {
            out: Box::new(paper.out.clone()),
            err: Box::new(paper.err.clone()),
            canvas: |screen, _| match &screen.paper {
                Some(paper) => ProgressDrawTarget::term_like(Box::new(paper.err.clone())),
                None => ProgressDrawTarget::hidden(),
            },
            drawn: None,
            parted: false,
            closed: false,
            failure: None,
            paper: Some(paper.clone()),
        }
    }
}
