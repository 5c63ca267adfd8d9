//! What happens when the user (or the machine) interrupts: the terminal is put in order, one line
//! says what was in flight and how to go on, git children hear of it, and with them the process ends.
//!
//! Owns exit code 130. There is no cancellation anywhere else in the program: whatever is half
//! done is found again by the next run.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Ui, lock};
use crate::error::{Kind, Problem, Result};

/// How long the last words may take: a terminal that is held back must not hold up the end.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What would be in flight if a signal came now. Clones share one slot.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<Option<Flight>>>);

#[derive(Debug, Clone)]
struct Flight {
    doing: String,
    next: String,
}

impl InFlight {
    /// Notes what is being done, as it follows "while" (`pushing hotfix/login-500`), and the
    /// command that goes on from there.
    pub fn set(&self, doing: impl Into<String>, next: impl Into<String>) {
        *lock(&self.0) = Some(Flight { doing: doing.into(), next: next.into() });
    }

    /// Nothing is in flight any more.
    pub fn clear(&self) {
        *lock(&self.0) = None;
    }

    fn last_words(&self) -> String {
        match &*lock(&self.0) {
            Some(Flight { doing, next }) => format!("interrupted while {doing}; go on with: {next}"),
            None => "interrupted; run it again to go on".to_owned(),
        }
    }
}

fn no_thread(error: &std::io::Error) -> Problem {
    Problem::new(Kind::Failed, "could not start the thread that listens for signals")
        .because(error)
        .hint("end other programs, or allow more of them, then run the same command again: ulimit -u 4096")
}

/// How the terminal's input behaves before anything of ours changes it.
fn calm_terminal() -> Option<Termios> {
    tcgetattr(rustix::stdio::stdin()).ok()
}

#[expect(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "a signal ends the process from its own thread, at once"
)]
fn leave() -> ! {
    std::process::exit(i32::from(Kind::Interrupted.exit_code()))
}

impl Ui {
    /// Starts the watch over INT, TERM and HUP. `forward` gets the number of the signal and hands
    /// it to the git children: a Ctrl-C at a terminal reaches them by itself, a signal that was sent
    /// to this process alone does not. `wait` returns when they have ended.
    pub fn watch_signals(
        &self,
        forward: impl Fn(i32) + Send + 'static,
        wait: impl Fn() + Send + 'static,
    ) -> Result<()> {
        let mut incoming = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| {
            Problem::new(Kind::Failed, "could not listen for signals")
                .because(error)
                .hint("allow more open files, then run the same command again: ulimit -n 1024")
        })?;
        let (ui, terminal) = (self.clone(), calm_terminal());
        let watch = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if let Some(signal) = incoming.forever().next() {
                // First of all: a child that hears of it may end before we have said anything.
                ui.shared.ending.store(true, Ordering::SeqCst);
                forward(signal);
                ui.end(terminal.as_ref());
                wait();
                leave();
            }
        });
        watch.map(drop).map_err(|error| no_thread(&error))
    }

    /// Says that it was interrupted, what was in flight, and how to go on; nothing is said after that.
    pub(super) fn take_leave(&self) {
        let words = self.harmless_page(&self.shared.in_flight.last_words());
        let mut words = self.unforged(&words).into_owned();
        if self.shared.asking.load(Ordering::SeqCst) {
            words.insert(0, '\n');
        }
        if self.shared.terminal.stderr_tty && self.shared.terminal.moves {
            // Whatever draws in place hides the cursor.
            words.push_str("\u{1b}[?25h");
        }
        lock(&self.shared.screen).part(&words);
    }

    /// Waits for the end where a signal has come: the error that it caused (a killed child, a
    /// closed connection) must neither be told nor decide the exit code.
    pub(super) fn yield_to_signal(&self) {
        while self.shared.ending.load(Ordering::SeqCst) {
            thread::park();
        }
    }

    fn end(&self, terminal: Option<&Termios>) {
        if let Some(calm) = terminal {
            // A prompt reads with the terminal in raw mode.
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, calm);
        }
        let (said, wait) = mpsc::channel();
        let ui = self.clone();
        // On a thread of its own: the screen may be locked by a writer that the terminal holds back.
        let words = thread::Builder::new().spawn(move || {
            ui.take_leave();
            let _ = said.send(());
        });
        if words.is_ok() {
            let _ = wait.recv_timeout(LAST_WORDS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::{Paper, tty};
    use crate::ui::{Level, Screen};

    fn paper_ui() -> (Ui, Paper) {
        let paper = Paper::default();
        (Ui::over(tty(60), Level::Normal, Screen::on_paper(&paper)), paper)
    }

    #[test]
    fn the_last_words_say_what_was_in_flight_once() {
        let (ui, paper) = paper_ui();
        ui.in_flight().set("pushing hotfix/login-500\u{1b}", "git hotfix ship");
        ui.end(None);
        ui.take_leave();
        assert_eq!(
            paper.err.read(),
            "interrupted while pushing hotfix/login-500\\x1b; go on with: git hotfix ship\n\u{1b}[?25h"
        );
    }

    #[test]
    fn an_interruption_in_the_main_thread_says_the_same() {
        let (ui, paper) = paper_ui();
        ui.in_flight().set("pushing", "git hotfix ship");
        ui.in_flight().clear();
        ui.error(&Problem::new(Kind::Interrupted, "interrupted"));
        assert_eq!(paper.err.read(), "interrupted; run it again to go on\n\u{1b}[?25h");
    }

    #[test]
    fn a_machine_without_room_for_a_thread_is_said_whole() {
        let full = std::io::Error::from_raw_os_error(rustix::io::Errno::AGAIN.raw_os_error());
        insta::assert_snapshot!(no_thread(&full).whole(), @"
        could not start the thread that listens for signals (1)
          caused by: Resource temporarily unavailable (os error 11)
          hint: end other programs, or allow more of them, then run the same command again: ulimit -u 4096
        ");
    }

    #[test]
    fn nothing_follows_the_last_words() {
        let (ui, paper) = paper_ui();
        ui.end(None);
        ui.say("the other thread was nearly done");
        ui.line("and had this to show");
        let _progress = ui.progress("waiting for the pipeline");
        assert_eq!(paper.err.read(), "interrupted; run it again to go on\n\u{1b}[?25h");
        assert_eq!(paper.out.read(), "");
    }

    #[test]
    fn what_is_drawn_in_place_is_cleared_first() {
        let (ui, paper) = paper_ui();
        let _progress = ui.progress("waiting for the pipeline");
        assert!(paper.err.read().contains("waiting for the pipeline"));
        ui.end(None);
        assert!(!paper.err.read().contains("waiting"), "{}", paper.err.read());
        assert!(paper.err.read().contains("interrupted"));
    }

    #[test]
    fn a_screen_that_is_held_back_does_not_hold_up_the_end() {
        let (ui, _paper) = paper_ui();
        let held = ui.shared.screen.lock().unwrap();
        ui.end(None);
        drop(held);
    }
}
