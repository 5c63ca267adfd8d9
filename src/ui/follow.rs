//! Follows the loop for a person: what is done, what is waited for, and the questions in between.
//!
//! Says each thing once. A spinner on a terminal, plain lines elsewhere. Consent comes from a prompt, or
//! from the flags the user typed; other people's changes need a flag (or a yes) of their own.

use std::collections::HashSet;
use std::time::Duration;

use super::{Block, Progress, Style, Symbol, Text, Ui};
use crate::error::{Kind, Problem, Result};
use crate::hotfix::drive::{Event, Listener};
use crate::hotfix::plan::{Plan, State};
use crate::hotfix::rung::{Check, Rung, Who, typed};
use crate::hotfix::snapshot::{Fact, Shipment};
use crate::hotfix::step::{Consent, Question, Step};

/// What the user said beforehand.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// `--yes`.
    pub yes: bool,
    /// `--with`: other people's changes that may go along.
    pub with: Vec<String>,
    /// `--despite-migrations`: going back although what the migrations did stays.
    pub despite_migrations: bool,
    /// Ring the terminal when somebody must act.
    pub bell: bool,
    /// The command to run again after an interruption.
    pub again: String,
    /// The whole line that was typed: what answers a question is put behind it.
    pub typed: String,
}

/// The listener for people.
pub struct Follower<'a> {
    ui: &'a Ui,
    answers: Answers,
    elapsed: Box<dyn Fn() -> Duration + 'a>,
    progress: Option<Progress>,
    done: Option<HashSet<Rung>>,
    granted: Vec<Step>,
    rung_for: Option<String>,
}

impl<'a> Follower<'a> {
    /// Follows, with the run's own clock for the spinner.
    pub fn new(ui: &'a Ui, answers: Answers, elapsed: impl Fn() -> Duration + 'a) -> Self {
        Follower {
            ui,
            answers,
            elapsed: Box::new(elapsed),
            progress: None,
            done: None,
            granted: Vec::new(),
            rung_for: None,
        }
    }

    fn show(&mut self, message: &str) {
        let elapsed = (self.elapsed)();
        match &mut self.progress {
            Some(progress) => progress.set(message, elapsed),
            None => self.progress = Some(self.ui.progress(message)),
        }
    }

    fn note(&mut self, text: Text) {
        match &self.progress {
            Some(progress) => progress.note(text),
            None => self.ui.say(text),
        }
    }

    /// The line with an option that answers a question.
    fn with(&self, option: &str) -> String {
        format!("{} {option}", self.answers.typed)
    }

    /// Going back over migrations needs a yes of its own.
    fn accepts_migrations(&mut self) -> Result<bool> {
        if !self.ui.can_ask() {
            return Err(Problem::new(
                Kind::Refused,
                "its migrations stay, and nobody said that this is all right",
            )
            .because("what ran before may not work with what they did to the database")
            .hint(format!("make sure that it does, then: {}", self.with("--despite-migrations"))));
        }
        let flag = self.with("--despite-migrations");
        self.ui.confirm("Its migrations stay. Does what ran before work with them?", &flag)
    }

    /// Says which rungs were reached since the last look.
    fn reached(&mut self, plan: &Plan) {
        let now: HashSet<Rung> = plan
            .rungs
            .iter()
            .filter(|standing| standing.state == State::Done)
            .map(|standing| standing.rung)
            .collect();
        if let Some(before) = self.done.take() {
            for standing in plan.rungs.iter().filter(|s| now.contains(&s.rung) && !before.contains(&s.rung)) {
                if let (Check::Done(detail), false) = (&standing.check, quiet(standing.rung)) {
                    let name = standing.rung.name();
                    self.note(
                        Text::new()
                            .symbol(Symbol::Done)
                            .plain(" ")
                            .with(Style::Strong, name)
                            .plain(format!(": {detail}")),
                    );
                }
            }
        }
        self.done = Some(now);
    }
}

/// Rungs whose step says it already.
fn quiet(rung: Rung) -> bool {
    matches!(rung, Rung::Push | Rung::Open | Rung::Start | Rung::Abort | Rung::Revert)
}

impl Listener for Follower<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Observed(_, plan) => self.reached(plan),
            Event::Acting(step) => {
                self.ui.in_flight().set(step.words(), self.answers.again.clone());
                // Elsewhere the line that says it is done is enough.
                if self.ui.terminal().stderr_tty {
                    self.show(&step.words());
                }
            }
            Event::Changed(step, written) => {
                self.note(Text::new().symbol(Symbol::Done).plain(format!(" {}", step.done_words(written))));
            }
            Event::Stale(step, why) => {
                self.ui.detail(format!("{}: the world moved ({why}); looking again", step.words()));
            }
            Event::Limited(step, wait) => {
                let seconds = wait.as_secs();
                self.note(Text::from(format!(
                    "{}: the server asks for {seconds} s of patience",
                    step.words()
                )));
            }
            Event::Unclear(step, why) => {
                self.note(Text::from(format!("{}: no clear answer ({why}); reading it back", step.words())));
            }
            Event::Waiting(waits) => {
                let each: Vec<&str> = waits.iter().map(|(_, wait)| wait.what.as_str()).collect();
                let message = format!("waiting for {}", each.join("; "));
                let people = waits.iter().any(|(_, wait)| matches!(wait.who, Who::People(_)));
                if people && self.answers.bell && self.rung_for.as_deref() != Some(message.as_str()) {
                    self.ui.bell();
                    self.rung_for = Some(message.clone());
                }
                self.ui.in_flight().set(message.clone(), self.answers.again.clone());
                self.show(&message);
            }
            Event::Lost(problem) => self.show(&format!("{problem}; still trying")),
        }
    }

    fn consent(&mut self, question: Question) -> Result<Option<Consent>> {
        // Looked at again, or refused for a moment: a yes to this very step stays a yes.
        if self.granted.contains(&question.step) {
            return Ok(Some(question.confirmed()));
        }
        // The question must not be painted over, and nothing is waited for but the answer.
        self.progress = None;
        let asked = format!("waiting for a yes or a no: {}", question.step.words());
        self.ui.in_flight().set(asked, self.answers.typed.clone());
        // Nobody says yes to what they were not shown, however quiet it is to be.
        match self.answers.yes {
            true => self.ui.say_block(&shown(&question)),
            false => self.ui.ask_block(&shown(&question)),
        }
        let named = |other: &&&Shipment| {
            let with = &self.answers.with;
            with.iter().any(|name| {
                *name == other.name() || (name.len() >= 7 && other.commit.as_str().starts_with(name))
            })
        };
        let others = question.others();
        let unnamed: Vec<String> =
            others.iter().filter(|other| !named(other)).map(|other| other.name()).collect();
        if !unnamed.is_empty() {
            let names: Vec<&str> = unnamed.iter().map(|name| name.as_str()).collect();
            let flags: Vec<String> = names.iter().map(|name| format!("--with {}", typed(name))).collect();
            if !self.ui.can_ask() {
                return Err(Problem::new(
                    Kind::Refused,
                    format!("this also ships {}, which nobody agreed to here", names.join(", ")),
                )
                .hint(format!("ask whoever they belong to, then: {}", self.with(&flags.join(" ")))));
            }
            let asked = format!("This also ships {}. Ship them too?", names.join(", "));
            if !self.ui.confirm(&asked, &self.with(&flags.join(" ")))? {
                return Ok(None);
            }
        }
        if let Step::Rollback { migrations, .. } = &question.step
            && !migrations.is_absent()
            && !self.answers.despite_migrations
            && !self.accepts_migrations()?
        {
            return Ok(None);
        }
        let title = question.title.as_ref().map(|title| format!(" ({title})")).unwrap_or_default();
        let asked = format!("{}{title}?", capital(&question.step.words()));
        if !self.answers.yes && !self.ui.confirm(&asked, &self.with("--yes"))? {
            return Ok(None);
        }
        self.granted.push(question.step.clone());
        Ok(Some(question.confirmed()))
    }
}

/// What is at stake, before the question.
fn shown(question: &Question) -> Block {
    let mut block = Block::new();
    let (does, ships, migrations): (&str, &[Shipment], &[String]) = match &question.step {
        Step::Play { ships, migrations, .. } => ("ships:", ships, migrations),
        Step::Vote { ships, .. } => ("ships:", ships, &[]),
        Step::Rollback { undoes: Fact::Known(undoes), .. } => ("takes out of production:", undoes, &[]),
        _ => ("", &[], &[]),
    };
    if !ships.is_empty() {
        block = block.text(does);
        for shipment in ships {
            let mark = if shipment.own { "" } else { "   (not this hotfix)" };
            let id = shipment.iid.map(|iid| format!("!{iid}")).unwrap_or_default();
            block = block.cells(
                "  ",
                [
                    Text::new().with(Style::Strong, shipment.commit.short()),
                    Text::from(id),
                    Text::from(&shipment.title).with(Style::Warn, mark),
                ],
            );
        }
    }
    if let Step::Rollback { to: Some(to), .. } = &question.step {
        block = block.text(format!("goes back to {}", to.short()));
    }
    if let Step::Rollback { apps, .. } = &question.step {
        block = block.then(super::way_back::releases(apps, "  "));
    }
    for path in migrations {
        block = block.text(format!("  migration  {path}"));
    }
    for warning in &question.warnings {
        block = block.hanging(Text::new().symbol(Symbol::Attention).plain(" ").with(Style::Warn, warning), 2);
    }
    block
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
