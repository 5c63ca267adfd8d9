//! How a promotion is watched: bars per app and layer on a terminal, foldable sections and plain lines in a
//! job's log.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ci::promote::{Event, Ready, short};
use crate::ci::registry::Progress as Copying;
use crate::context::Context;
use crate::ui::{Block, Live, Progress, Row, Stream, Symbol};

/// How wide a bar is.
const BAR: usize = 20;

/// What is on the screen.
pub(super) struct Watch<'a> {
    ctx: &'a Context,
    spinner: Option<Progress>,
    live: Option<Live>,
    copy: Copy,
    section: String,
    begun: Duration,
}

/// How far the copying is.
#[derive(Default)]
struct Copy {
    /// Bytes that are there, for each transfer.
    there: BTreeMap<usize, u64>,
    tagged: Vec<usize>,
    /// Layers on the way: bytes so far, and in all.
    layers: BTreeMap<String, (u64, u64)>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(ctx: &'a Context) -> Watch<'a> {
        Watch {
            ctx,
            spinner: None,
            live: None,
            copy: Copy::default(),
            section: String::new(),
            begun: Duration::ZERO,
        }
    }

    pub(super) fn begin(&mut self, app: &str, what: &str) {
        let title = if app.is_empty() { what.to_owned() } else { format!("{what} {app}") };
        self.section = section(&title);
        self.ctx.ui.open_section(&self.section, &title, self.ctx.clock.now().as_second());
        self.begun = self.ctx.clock.elapsed();
        if what == "copy" && self.draws() {
            self.live = Some(self.ctx.ui.live(Stream::Talk));
        }
    }

    pub(super) fn end(&mut self) {
        self.spinner = None;
        self.live = None;
        self.ctx.ui.close_section(&self.section, self.ctx.clock.now().as_second());
    }

    pub(super) fn tell(&mut self, event: Event<'_>) {
        match event {
            Event::Begin { app, what } => self.begin(app, what),
            Event::End => self.end(),
            Event::Waiting { app, what, since } => {
                let ui = &self.ctx.ui;
                let message = format!("{app}: {what}");
                self.spinner.get_or_insert_with(|| ui.progress(&message)).set(&message, since);
            }
            Event::Done { app, what } => {
                self.spinner = None;
                self.ctx.ui.say(format!("{app}: {what}"));
            }
            Event::Doubt { app, what } => self.ctx.ui.warn(&format!("{app}: {what}")),
            Event::Output { app, line } => self.ctx.ui.say(format!("{app} | {line}")),
            Event::Copying { places, progress } => self.copying(places, progress),
        }
    }

    /// Whether something can be drawn in place.
    fn draws(&self) -> bool {
        let terminal = self.ctx.ui.terminal();
        terminal.stderr_tty && terminal.moves
    }

    fn copying(&mut self, places: &[(String, &Ready)], progress: Copying) {
        match progress {
            Copying::Pulled { blob, so_far, size } => {
                self.copy.layers.insert(blob.as_str().to_owned(), (so_far, size));
                if so_far >= size {
                    self.copy.layers.remove(blob.as_str());
                }
            }
            Copying::There { transfer, size, .. } => {
                *self.copy.there.entry(transfer).or_default() += size;
            }
            Copying::Again { what } => self.ctx.ui.say(format!("once more: {what}")),
            Copying::Tagged { transfer } => self.copy.tagged.push(transfer),
        }
        let since = self.ctx.clock.elapsed().saturating_sub(self.begun);
        let view = self.copy.view(places);
        if let Some(live) = &mut self.live {
            live.draw(view);
            return;
        }
        let ui = &self.ctx.ui;
        let message = format!("copying {} images", places.len());
        self.spinner.get_or_insert_with(|| ui.progress(&message)).set(&message, since);
    }
}

/// The name of a section: letters, digits, `-` and `_` only.
fn section(title: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("git_hotfix_{}", title.chars().map(fits).collect::<String>())
}

impl Copy {
    fn view(&self, places: &[(String, &Ready)]) -> Block {
        let mut view = Block::new();
        for (at, (process, app)) in places.iter().enumerate() {
            let size = app.image.size();
            let there = self.there.get(&at).copied().unwrap_or_default().min(size);
            let symbol = if self.tagged.contains(&at) { Symbol::Done } else { Symbol::Now };
            let name = format!("{} {process}", app.target.name);
            view = view.row(Row::new(symbol, name, bar(there, size)));
        }
        for (layer, (so_far, size)) in &self.layers {
            view = view.row(Row::new(Symbol::Dot, short(layer), bar(*so_far, *size)));
        }
        view
    }
}

/// `[######··············] 120.0 of 357.5 MB`
fn bar(done: u64, all: u64) -> String {
    let full = (done.saturating_mul(BAR as u64)).checked_div(all).unwrap_or(BAR as u64);
    let full = usize::try_from(full).unwrap_or(BAR).min(BAR);
    let mega = |bytes: u64| bytes as f64 / 1e6;
    format!("[{}{}] {:.1} of {:.1} MB", "#".repeat(full), ".".repeat(BAR - full), mega(done), mega(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_when_all_is_there_and_never_longer() {
        assert_eq!(bar(0, 2_000_000), format!("[{}] 0.0 of 2.0 MB", ".".repeat(BAR)));
        assert_eq!(
            bar(1_000_000, 2_000_000),
            format!("[{}{}] 1.0 of 2.0 MB", "#".repeat(10), ".".repeat(10))
        );
        for (done, all) in [(2, 2), (3, 2), (0, 0), (u64::MAX, 1)] {
            assert!(bar(done, all).starts_with(&format!("[{}]", "#".repeat(BAR))), "{done} of {all}");
        }
    }

    #[test]
    fn a_section_has_a_name_that_gitlab_takes() {
        assert_eq!(section("api gateway/é"), "git_hotfix_api_gateway__");
    }
}
