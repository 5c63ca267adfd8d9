//! What people and scripts see and answer: the only writer to standard output and standard error.
//!
//! Owns the two streams (data to stdout, talk to stderr), the sanitising and masking of everything
//! that leaves the program, prompts, progress and what a signal leaves on the screen. It must not
//! read the environment, the configuration or a clock: plain values come in. Nobody below
//! `command` uses it.

pub mod age;
pub mod called;
pub mod checklist;
pub mod clean;
pub mod follow;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod layout;
mod next;
mod progress;
mod prompt;
mod redact;
mod screen;
mod signal;
pub mod status;
pub mod status_json;
mod terminal;
#[cfg(test)]
mod testing;
mod text;
pub mod way_back;

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};

use crate::error::{Kind, Problem, Result};
pub use layout::{Block, Row};
pub use progress::{Live, Progress};
use redact::Redactor;
use screen::Screen;
pub use screen::Stream;
pub use signal::InFlight;
pub use terminal::{Streams, Terminal, Width, Wishes};
pub use text::{Style, Symbol, Text};

/// How much is said besides the data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Warnings and errors only.
    Quiet,
    /// What happens.
    #[default]
    Normal,
    /// And how.
    Verbose,
}

/// The way out for every word of the program. Clones share one screen.
#[derive(Clone)]
pub struct Ui {
    shared: Arc<Shared>,
}

struct Shared {
    terminal: Terminal,
    level: Level,
    /// What git's configuration says about colour, once it is known.
    color: OnceLock<bool>,
    secrets: Mutex<Redactor>,
    screen: Mutex<Screen>,
    in_flight: InFlight,
    /// A question stands on the last line.
    asking: AtomicBool,
    /// A signal came, and its thread is about to end the process.
    ending: AtomicBool,
}

impl Ui {
    /// A `Ui` over the process's own streams.
    pub fn new(terminal: Terminal, level: Level) -> Self {
        Ui::over(terminal, level, Screen::of_process())
    }

    fn over(terminal: Terminal, level: Level, screen: Screen) -> Self {
        Ui {
            shared: Arc::new(Shared {
                terminal,
                level,
                color: OnceLock::new(),
                secrets: Mutex::default(),
                screen: Mutex::new(screen),
                in_flight: InFlight::default(),
                asking: AtomicBool::new(false),
                ending: AtomicBool::new(false),
            }),
        }
    }

    /// From now on masks `secret` in everything that is written, however it is encoded.
    pub fn hide(&self, secret: &str) {
        lock(&self.shared.secrets).hide(secret);
    }

    /// Takes what git's configuration says about colour (`color.hotfix`, `color.ui`), which is known only
    /// with the repository. A flag still wins.
    pub fn configure_color(&self, color_hotfix: Option<&str>, color_ui: Option<&str>) {
        if let Some(color) = terminal::configured_color(color_hotfix, color_ui)
            && !self.shared.terminal.color_given
        {
            let _ = self.shared.color.set(color);
        }
    }

    /// What the streams can show.
    pub fn terminal(&self) -> &Terminal {
        &self.shared.terminal
    }

    /// How much is said.
    pub fn level(&self) -> Level {
        self.shared.level
    }

    /// The slot for what would be in flight if a signal came.
    pub fn in_flight(&self) -> &InFlight {
        &self.shared.in_flight
    }

    /// Writes one line of data, never wrapped.
    pub fn line(&self, line: impl Into<Text>) {
        self.put(Stream::Data, &[self.masked(&line.into())]);
    }

    /// Writes data laid out for the width.
    pub fn data(&self, block: &Block) {
        self.block(Stream::Data, block);
    }

    /// Writes a ready-made document as data (a help page, a script, a template); only what is not
    /// safe to show is changed.
    pub fn document(&self, document: &str) {
        self.page(Stream::Data, document);
    }

    /// Writes one JSON document as data.
    pub fn json(&self, value: &Value) {
        let value = lock(&self.shared.secrets).redact_json(value);
        // The alternate form is JSON, indented.
        self.send(Stream::Data, &format!("{}\n", clean::clean_json(&format!("{value:#}"))));
    }

    /// Writes an error as the JSON document that `--json` promises.
    pub fn error_json(&self, problem: &Problem) {
        self.yield_to_signal();
        self.json(&json!({
            "version": 1,
            "error": {
                "kind": problem.kind.name(),
                "message": problem.message,
                "causes": problem.causes,
                "hints": problem.hints,
            },
        }));
    }

    /// Says a sentence, unless quiet.
    pub fn say(&self, sentence: impl Into<Text>) {
        if self.shared.level > Level::Quiet {
            self.talk(&sentence.into(), 0);
        }
    }

    /// Says a block laid out for the width, unless quiet.
    pub fn say_block(&self, block: &Block) {
        if self.shared.level > Level::Quiet {
            self.block(Stream::Talk, block);
        }
    }

    /// Says a block that a question is about, however quiet.
    pub fn ask_block(&self, block: &Block) {
        self.block(Stream::Talk, block);
    }

    /// Says how something is done, if verbose.
    pub fn detail(&self, sentence: impl Into<Text>) {
        if self.shared.level == Level::Verbose {
            self.talk(&sentence.into(), 0);
        }
    }

    /// Passes on ready-made talk of several lines (usage, another program's last words).
    pub fn relay(&self, talk: &str) {
        self.page(Stream::Talk, talk);
    }

    /// Opens a foldable section of a job's log, `at` being seconds since 1970; nothing elsewhere. Its name
    /// holds letters, digits, `-` and `_` only.
    pub fn open_section(&self, name: &str, title: &str, at: i64) {
        let title = self.redact(&clean::clean_line(title));
        self.section(&format!("section_start:{at}:{name}"), &title);
    }

    /// Closes a section of a job's log.
    pub fn close_section(&self, name: &str, at: i64) {
        self.section(&format!("section_end:{at}:{name}"), "");
    }

    fn section(&self, marker: &str, title: &str) {
        if self.shared.terminal.ci {
            // Past the check for forged markers: this one is ours.
            lock(&self.shared.screen).write(Stream::Talk, &format!("{marker}\r\u{1b}[0K{title}\n"));
        }
    }

    /// Warns, quiet or not.
    pub fn warn(&self, warning: &str) {
        self.labelled(Style::Warn, "warning:", warning, plainly);
    }

    /// Gives a hint, unless quiet.
    pub fn hint(&self, hint: &str) {
        if self.shared.level > Level::Quiet {
            self.labelled(Style::Warn, "hint:", hint, with_command);
        }
    }

    /// Says what went wrong, why, and what mends it. An interruption only takes leave, once.
    pub fn error(&self, problem: &Problem) {
        self.yield_to_signal();
        if problem.kind == Kind::Interrupted {
            return self.take_leave();
        }
        self.labelled(Style::Bad, "error:", &problem.message, plainly);
        for cause in &problem.causes {
            self.labelled(Style::Plain, "  caused by:", cause, plainly);
        }
        for hint in &problem.hints {
            self.labelled(Style::Warn, "hint:", hint, with_command);
        }
    }

    /// Rings the terminal, where there is one.
    pub fn bell(&self) {
        if self.shared.terminal.stderr_tty {
            self.send(Stream::Talk, "\u{7}");
        }
    }

    /// True when standard output takes nothing more: a view that goes on may stop.
    pub fn closed(&self) -> bool {
        lock(&self.shared.screen).is_over()
    }

    /// To be called last: a full disk behind standard output is a failure, a reader that has seen
    /// enough is not.
    pub fn finish(&self) -> Result<()> {
        self.yield_to_signal();
        match lock(&self.shared.screen).finish() {
            None => Ok(()),
            Some(error) => Err(Problem::new(Kind::Failed, "could not write to standard output")
                .because(error)
                .hint("make room there, or write elsewhere, and run it again")),
        }
    }

    /// The width to lay out for; measured again where the terminal tells.
    fn columns(&self) -> usize {
        let terminal = &self.shared.terminal;
        match terminal.width {
            Width::Measured => terminal::measure().unwrap_or(terminal.columns),
            Width::Given | Width::Assumed => terminal.columns,
        }
    }

    fn color(&self, stream: Stream) -> bool {
        let decided = match stream {
            Stream::Data => self.shared.terminal.stdout_color,
            Stream::Talk => self.shared.terminal.stderr_color,
        };
        self.shared.color.get().copied().unwrap_or(decided)
    }

    fn redact(&self, text: &str) -> String {
        lock(&self.shared.secrets).redact(text).into_owned()
    }

    fn masked(&self, text: &Text) -> Text {
        text.masked(|word| self.redact(word))
    }

    fn block(&self, stream: Stream, block: &Block) {
        // Masked before it is laid out: a secret that was cut in two would not be found.
        let block = block.masked(|word| self.redact(word));
        self.put(stream, &block.layout(self.columns(), self.shared.terminal.ascii));
    }

    fn page(&self, stream: Stream, page: &str) {
        self.send(stream, &self.harmless_page(page));
    }

    fn harmless_page(&self, page: &str) -> String {
        let mut page = self.redact(&clean::clean(page));
        if !page.is_empty() && !page.ends_with('\n') {
            page.push('\n');
        }
        page
    }

    /// Says a text, broken at the width where there is one.
    fn talk(&self, text: &Text, hang: usize) {
        let columns = if self.shared.terminal.width == Width::Assumed { usize::MAX } else { self.columns() };
        let lines = self.masked(text).wrap(columns, hang, self.shared.terminal.ascii);
        self.put(Stream::Talk, &lines);
    }

    /// A label, and what it stands before: further lines and what wraps hang below its first word.
    fn labelled(&self, style: Style, label: &str, words: &str, line_of: fn(&str) -> Text) {
        let hang = label.len() + 1;
        for (number, line) in words.trim_end().split('\n').enumerate() {
            let lead = if number == 0 {
                Text::new().with(style, label).plain(" ")
            } else {
                Text::from(" ".repeat(hang))
            };
            self.talk(&lead.then(line_of(line.trim_end_matches('\r'))), hang);
        }
    }

    fn put(&self, stream: Stream, lines: &[Text]) {
        let (color, ascii) = (self.color(stream), self.shared.terminal.ascii);
        let text: String = lines.iter().map(|line| line.render(color, ascii) + "\n").collect();
        self.send(stream, &text);
    }

    fn send(&self, stream: Stream, text: &str) {
        let harmless = self.unforged(text);
        lock(&self.shared.screen).write(stream, &harmless);
    }

    /// Without what a job's log would take for the start or the end of a section.
    fn unforged<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.shared.terminal.ci { clean::clean_ci(text) } else { text.into() }
    }
}

fn plainly(line: &str) -> Text {
    Text::from(line)
}

/// A line whose trailing `git hotfix …` is kept whole: hints end with the command that mends.
fn with_command(line: &str) -> Text {
    let bare =
        if line.contains('`') { None } else { line.rfind("git hotfix ").filter(|at| at_word(line, *at)) };
    let at = bare.or_else(|| line.starts_with("git ").then_some(0));
    let (words, command) = line.split_at(at.unwrap_or(line.len()));
    // A bracket that was opened before the command is no part of it.
    match command.strip_suffix(')').filter(|command| !command.contains('(')) {
        Some(command) => Text::from(words).with(Style::Command, command).plain(")"),
        None => Text::from(words).with(Style::Command, command),
    }
}

fn at_word(line: &str, at: usize) -> bool {
    line[..at].chars().next_back().is_none_or(char::is_whitespace)
}

/// A lock that survives a panic elsewhere: what it guards is only ever appended to.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
