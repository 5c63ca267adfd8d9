//! What the flow needs of git, of the project and of its people: one line for each precondition, with
//! what was found and what mends it.
//!
//! [`read`] reads, everything in parallel; the other files are pure checks of what was read. Nothing here
//! writes, and nothing prints. What could not be read is `Unknown`, never wrong and never fine.

pub mod ci_file;
pub mod gate;
pub mod here;
pub mod lane;
pub mod people;
pub mod pipeline;
pub mod project;
pub mod read;
#[cfg(test)]
mod tests;
pub mod token;

use serde_json::{Value, json};

use crate::error::{Kind, Problem};

/// Something that was read, or why it is not known.
pub type Seen<T> = Result<T, String>;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it must be.
    Ok,
    /// The flow works, but something may surprise.
    Warn,
    /// The flow will be stopped by it; the kind is what it would be stopped with.
    Fail(Kind),
    /// Could not be looked at.
    Unknown,
}

impl State {
    /// The stable name used in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail(_) => "fail",
            State::Unknown => "unknown",
        }
    }
}

/// One precondition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is looked at.
    pub name: String,
    /// How it came out.
    pub state: State,
    /// What was found.
    pub found: String,
    /// The exact command or setting that mends it; always there for `Warn` and `Fail`.
    pub mend: Option<String>,
}

impl Finding {
    /// As it must be.
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding { name: name.into(), state: State::Ok, found: found.into(), mend: None }
    }

    /// Works, but may surprise.
    pub fn warn(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        let mend = Some(mend.into());
        Finding { name: name.into(), state: State::Warn, found: found.into(), mend }
    }

    /// Stops the flow: configuration or rights (`Kind::Config`), or a precondition (`Kind::Refused`).
    pub fn fail(
        kind: Kind,
        name: impl Into<String>,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        let mend = Some(mend.into());
        Finding { name: name.into(), state: State::Fail(kind), found: found.into(), mend }
    }

    /// Could not be looked at, and why.
    pub fn unknown(name: impl Into<String>, why: impl Into<String>) -> Finding {
        Finding { name: name.into(), state: State::Unknown, found: why.into(), mend: None }
    }

    /// What a problem says, with its first hint as the mend.
    pub fn of_problem(name: impl Into<String>, problem: &Problem) -> Finding {
        let state = State::Fail(match problem.kind {
            Kind::Unreachable | Kind::Refused => problem.kind,
            _ => Kind::Config,
        });
        Finding { name: name.into(), state, found: problem.to_string(), mend: problem.hints.first().cloned() }
    }
}

/// All findings, in groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// A title and its findings.
    pub groups: Vec<(&'static str, Vec<Finding>)>,
}

impl Report {
    /// Adds a group; an empty one is left out.
    pub fn add(&mut self, title: &'static str, findings: Vec<Finding>) {
        if !findings.is_empty() {
            self.groups.push((title, findings));
        }
    }

    /// How many findings came out as `state` (failures of every kind are one state).
    pub fn count(&self, name: &str) -> usize {
        self.findings().filter(|finding| finding.state.name() == name).count()
    }

    /// What the flow would be stopped with; `None` when nothing stops it. While GitLab does not answer,
    /// nothing else is concluded; then what is to be set right comes before what is refused.
    pub fn kind(&self) -> Option<Kind> {
        [Kind::Unreachable, Kind::Config, Kind::Refused]
            .into_iter()
            .find(|kind| self.findings().any(|finding| finding.state == State::Fail(*kind)))
    }

    /// The document of `--json`, version 1.
    pub fn json(&self) -> Value {
        let findings = self.groups.iter().flat_map(|(title, findings)| {
            findings.iter().map(move |finding| {
                json!({
                    "group": title,
                    "name": finding.name,
                    "state": finding.state.name(),
                    "kind": match finding.state {
                        State::Fail(kind) => Some(kind.name()),
                        _ => None,
                    },
                    "found": finding.found,
                    "mend": finding.mend,
                })
            })
        });
        json!({
            "version": 1,
            "exit": self.kind().map_or(0, Kind::exit_code),
            "findings": findings.collect::<Vec<_>>(),
        })
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.groups.iter().flat_map(|(_, findings)| findings)
    }
}
