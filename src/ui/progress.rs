//! Work that takes time: a spinner or a view redrawn in place on a terminal, plain lines elsewhere.
//!
//! Owns what is repeated and what is not. Times come from the caller; only the spinner itself is
//! turned by indicatif's own thread.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::screen::Stream;
use super::{Block, Level, Style, Text, Ui, age, clean, lock};

/// How long an unchanged message may stay silent where nothing turns.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// How fast the spinner turns.
const TURN: Duration = Duration::from_millis(100);

/// One piece of work on the way. Ends when dropped.
pub struct Progress {
    ui: Ui,
    bar: Option<ProgressBar>,
    /// Nothing is said: quiet, or a view is redrawn in place and speaks for it.
    silent: bool,
    last: Option<(String, Duration)>,
}

impl Ui {
    /// Starts to show that `message` is being done.
    pub fn progress(&self, message: &str) -> Progress {
        let mut screen = lock(&self.shared.screen);
        let quiet = self.shared.level == Level::Quiet;
        let bar = if !quiet && self.redraws(Stream::Talk) { screen.draw(Stream::Talk) } else { None };
        let silent = quiet || (bar.is_none() && screen.drawn().is_some());
        drop(screen);
        if let Some(bar) = &bar {
            bar.set_style(spinner(self.shared.terminal.ascii));
            bar.enable_steady_tick(TURN);
        }
        let mut progress = Progress { ui: self.clone(), bar, silent, last: None };
        progress.set(message, Duration::ZERO);
        progress
    }

    /// Starts a view that is shown again and again.
    pub fn live(&self, stream: Stream) -> Live {
        let bar = if self.redraws(stream) { lock(&self.shared.screen).draw(stream) } else { None };
        if let Some(bar) = &bar {
            bar.set_style(
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
        }
        Live { ui: self.clone(), stream, bar, last: Block::new(), said: Vec::new() }
    }

    fn redraws(&self, stream: Stream) -> bool {
        let terminal = &self.shared.terminal;
        terminal.moves && if stream == Stream::Data { terminal.stdout_tty } else { terminal.stderr_tty }
    }
}

fn spinner(ascii: bool) -> ProgressStyle {
    let turns = if ascii { "|/-\\ " } else { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " };
    // The template is a constant that indicatif knows; its default differs in looks only.
    let style = ProgressStyle::with_template("{spinner} {wide_msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_chars(turns)
}

impl Progress {
    /// Says where the work stands, `elapsed` after its start. Call it at every look: on a terminal
    /// it refreshes the time, elsewhere it repeats itself only every 30 seconds.
    pub fn set(&mut self, message: &str, elapsed: Duration) {
        if self.silent {
            return;
        }
        let shown = |message: Text| if elapsed.as_secs() == 0 { message } else { timed(message, elapsed) };
        if let Some(bar) = &self.bar {
            let text = self.ui.masked(&shown(Text::from(message)));
            bar.set_message(text.render(self.ui.color(Stream::Talk), self.ui.shared.terminal.ascii));
            bar.force_draw();
            return;
        }
        match &self.last {
            Some((last, at)) if last == message && elapsed.saturating_sub(*at) < HEARTBEAT => return,
            Some((last, _)) if last == message => {
                self.ui.say(timed(Text::from("still ").plain(message), elapsed))
            }
            _ => self.ui.say(shown(Text::from(message))),
        }
        self.last = Some((message.to_owned(), elapsed));
    }

    /// Says something that stays, above the spinner.
    pub fn note(&self, sentence: impl Into<Text>) {
        self.ui.say(sentence);
    }

    /// The work is over; nothing of it stays on a terminal.
    pub fn finish(self) {}
}

fn timed(message: Text, elapsed: Duration) -> Text {
    message.with(Style::Dim, format!(" ({})", age::elapsed(elapsed)))
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.bar.take().is_some() {
            lock(&self.ui.shared.screen).erase();
        }
    }
}

/// A view of several lines: redrawn in place on a terminal, elsewhere only what changed.
pub struct Live {
    ui: Ui,
    stream: Stream,
    bar: Option<ProgressBar>,
    last: Block,
    said: Vec<Text>,
}

impl Live {
    /// Shows the view as it is now. Notes (ages, the time it was read) do not count as changes.
    pub fn draw(&mut self, view: Block) {
        let ascii = self.ui.shared.terminal.ascii;
        let masked = view.masked(|word| self.ui.redact(word));
        if let Some(bar) = &self.bar {
            let color = self.ui.color(self.stream);
            let lines = masked.layout(self.ui.columns(), ascii);
            let lines: Vec<String> = lines.iter().map(|line| line.render(color, ascii)).collect();
            bar.set_message(clean::clean_ci(&lines.join("\n")).into_owned());
            bar.force_draw();
            self.last = view;
            return;
        }
        let bare = masked.without_notes();
        let (bare_lines, lines) =
            (bare.layout(self.ui.columns(), ascii), masked.layout(self.ui.columns(), ascii));
        // Where a note took a line of its own the two no longer match line by line.
        let lines = if lines.len() == bare_lines.len() { lines } else { bare_lines.clone() };
        let news =
            bare_lines.iter().zip(lines).filter(|(bare, _)| !bare.is_empty() && !self.said.contains(bare));
        let news: Vec<Text> = news.map(|(_, line)| line).collect();
        if !news.is_empty() {
            self.ui.put(self.stream, &news);
        }
        self.said = bare_lines;
        self.last = view;
    }

    /// Ends it; on a terminal the view as it was last stays as ordinary lines.
    pub fn finish(mut self) {
        if self.erase() {
            self.ui.block(self.stream, &self.last);
        }
    }

    fn erase(&mut self) -> bool {
        let drawn = self.bar.take().is_some();
        if drawn {
            lock(&self.ui.shared.screen).erase();
        }
        drawn
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.erase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::{Paper, pipe, tty};
    use crate::ui::{Row, Screen, Symbol, Terminal};
    use insta::assert_snapshot;

    fn ui(terminal: Terminal, level: Level) -> (Ui, Paper) {
        let paper = Paper::default();
        (Ui::over(terminal, level, Screen::on_paper(&paper)), paper)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn elsewhere_a_message_comes_once_and_then_every_thirty_seconds() {
        let (ui, paper) = ui(pipe(60), Level::Normal);
        let mut progress = ui.progress("waiting for pipeline 88123");
        for second in [5, 29, 30, 45, 59, 61] {
            progress.set("waiting for pipeline 88123", secs(second));
        }
        progress.set("waiting for job build\u{1b}", secs(62));
        progress.note("pipeline 88123 is good");
        progress.finish();
        assert_snapshot!(paper.err.read(), @r"
        waiting for pipeline 88123
        still waiting for pipeline 88123 (30s)
        still waiting for pipeline 88123 (1m 01s)
        waiting for job build\x1b (1m 02s)
        pipeline 88123 is good
        ");
        assert_eq!(paper.out.read(), "");
    }

    #[test]
    fn on_a_terminal_a_spinner_turns_below_what_stays() {
        let (ui, paper) = ui(tty(60), Level::Normal);
        ui.hide("hunter2");
        let mut progress = ui.progress("fetching");
        progress.set("fetching hunter2", secs(62));
        progress.note("main moved");
        let shown = paper.err.read();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "main moved", "{shown}");
        assert!(lines[1].ends_with("fetching ******** (1m 02s)"), "{shown}");
        progress.finish();
        assert_eq!(paper.err.read(), "main moved");
    }

    #[test]
    fn quiet_work_shows_nothing() {
        let (ui, paper) = ui(tty(60), Level::Quiet);
        ui.progress("fetching").set("fetching", secs(40));
        assert_eq!(paper.err.read(), "");
    }

    fn view(state: &str, seen: &str) -> Block {
        Block::new()
            .row(Row::heading("hotfix/login-500").note(format!("as of {seen}")))
            .blank()
            .row(Row::new(Symbol::Now, "approve", state))
            .row(Row::new(Symbol::Later, "deploy", "portal"))
    }

    #[test]
    fn elsewhere_a_view_prints_only_what_changed() {
        let (ui, paper) = ui(pipe(60), Level::Normal);
        let mut live = ui.live(Stream::Data);
        live.draw(view("waiting for bo", "03:21:04"));
        live.draw(view("waiting for bo", "03:21:34"));
        live.draw(view("bo approved", "03:22:04"));
        live.finish();
        assert_snapshot!(paper.out.read(), @r"
        hotfix/login-500   as of 03:21:04
          ● approve  waiting for bo
          ○ deploy   portal
          ● approve  bo approved
        ");
    }

    #[test]
    fn on_a_terminal_a_view_is_redrawn_and_its_last_state_stays() {
        let (ui, paper) = ui(tty(60), Level::Normal);
        let mut live = ui.live(Stream::Talk);
        live.draw(view("waiting for bo", "03:21:04"));
        live.draw(view("bo approved", "03:22:04"));
        assert_snapshot!(paper.err.read(), @r"
        hotfix/login-500   as of 03:22:04

          ● approve  bo approved
          ○ deploy   portal
        ");
        ui.say("above");
        // While a view is drawn it speaks for the work.
        ui.progress("fetching").set("fetching", secs(40));
        live.finish();
        assert_snapshot!(paper.err.read(), @r"
        above
        hotfix/login-500   as of 03:22:04

          ● approve  bo approved
          ○ deploy   portal
        ");
    }
}
