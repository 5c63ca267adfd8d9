//! A migration: whether there is one, and its command in a one-off dyno, followed to its exit status.
//!
//! The API tells no exit status. As Heroku's own tool does, the command is made to print it, and the dyno's
//! output is read where it is met ([`heroku::meet`]). What is not seen to its end counts as failed, and is
//! never started a second time from here.

use std::sync::Arc;
use std::time::Duration;

use globset::GlobSet;

use super::heroku::{self, Dyno, Heroku};
use crate::clock::Clock;
use crate::error::{Kind, Problem, Result};

/// What stands before the exit status, as in Heroku's own tool: a character that no text has.
const MARK: &str = "\u{ffff} heroku-command-exit-status: ";

/// The longest a dyno may live, in seconds: killing a migration halfway is worse than paying for it.
const LIFE: Duration = Duration::from_secs(86_400);

/// The changed paths that are migrations.
pub fn migrations(changed: &[String], globs: &GlobSet) -> Vec<String> {
    changed.iter().filter(|path| globs.is_match(path)).cloned().collect()
}

/// How a one-off dyno is run.
pub struct OneOff<'a> {
    /// The API.
    pub heroku: &'a Heroku,
    /// The app's name on Heroku.
    pub app: &'a str,
    /// What to run, for a shell.
    pub command: &'a str,
    /// For the connection to the dyno.
    pub connect: Duration,
    /// The longest time without a word.
    pub silence: Duration,
    /// How long a release that was just made may take to be found.
    pub settle: Duration,
    /// The pause between two attempts.
    pub pause: Duration,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// What the listener is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'a> {
    /// The dyno was started; its name.
    Started(&'a str),
    /// A line that the command printed; untrusted text.
    Line(&'a str),
}

impl OneOff<'_> {
    /// Runs it and gives its exit status. Fails as rejected where that cannot be told.
    pub fn run(&self, tell: &mut dyn FnMut(Told<'_>)) -> Result<u8> {
        let whole = format!("( {} ); echo \"{MARK}$?\"", self.command);
        let at_work =
            |dynos: Vec<Dyno>| dynos.into_iter().find(|dyno| dyno.process == "run" && dyno.command == whole);
        if let Some(dyno) = at_work(self.heroku.dynos(self.app)?) {
            return Err(Problem::new(Kind::Refused, format!("this command runs already, as {}", dyno.name))
                .because("two migrations at once could harm each other")
                .hint(format!("wait for it: heroku ps -a {}", self.app)));
        }
        let dyno = match self.start(&whole) {
            Ok(dyno) => dyno,
            Err(error) if error.is_ambiguous() => {
                let found = self.heroku.dynos(self.app).map(at_work);
                let seen = match &found {
                    Ok(Some(dyno)) => format!("{} runs it", dyno.name),
                    Ok(None) => "no dyno runs it now".to_owned(),
                    Err(why) => format!("what runs now is unknown: {why}"),
                };
                return Err(self
                    .unknown("whether the migration was started is not known", "--process-type run")
                    .because(error)
                    .because(seen));
            }
            Err(error) => return Err(error.into()),
        };
        tell(Told::Started(&dyno.name));
        let logs = format!("--dyno-name {}", dyno.name);
        let Some(address) = &dyno.attach_url else {
            return Err(self.unknown(&format!("Heroku gave no way to follow {}", dyno.name), &logs));
        };
        let mut status = None;
        let met =
            heroku::meet(address, self.connect, self.silence, &mut |line| match line.rsplit_once(MARK) {
                Some((before, number)) => {
                    status = number.trim().parse::<u8>().ok();
                    if !before.is_empty() {
                        tell(Told::Line(before));
                    }
                }
                None => tell(Told::Line(line)),
            });
        match (status, met) {
            (Some(status), _) => Ok(status),
            (None, met) => {
                let mut problem =
                    self.unknown(&format!("how the migration in {} ended is not known", dyno.name), &logs);
                problem
                    .causes
                    .push(met.err().unwrap_or_else(|| "it ended without telling its exit status".to_owned()));
                let dynos = self.heroku.dynos(self.app).unwrap_or_default();
                if let Some(left) = dynos.iter().find(|other| other.name == dyno.name) {
                    problem.causes.push(format!("{} is still there, {}", left.name, left.state));
                }
                Err(problem)
            }
        }
    }

    fn unknown(&self, what: &str, logs: &str) -> Problem {
        Problem::new(Kind::Rejected, what)
            .hint(format!("see what it did: heroku logs {logs} -a {}", self.app))
            .hint("then decide; run the job again only if its migrations may run twice")
    }

    /// Starts the dyno. A release that was just made may not be found yet; nothing was started then.
    fn start(&self, command: &str) -> heroku::Result<Dyno> {
        let start = self.clock.elapsed();
        loop {
            match self.heroku.run(self.app, command, LIFE) {
                Err(error)
                    if error.is_refusal(409) && self.clock.elapsed().saturating_sub(start) < self.settle =>
                {
                    self.clock.sleep(self.pause);
                }
                other => return other,
            }
        }
    }
}
