//! What goes wrong, as people and scripts see it: one [`Problem`] with its kind, causes and hints.
//!
//! Owns the exit codes. Rooms that branch on their errors keep types of their own and turn them
//! into a `Problem` on the way out. Nothing here prints.

use std::fmt;

/// A result whose error is meant for a person.
pub type Result<T> = std::result::Result<T, Problem>;

/// Why a command did not end well; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It failed for a reason none of the others names.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Conflicts or missing backports: somebody's hands are needed.
    Hands,
    /// Authentication, rights or configuration.
    Config,
    /// Refused: a precondition is not met, consent is missing, or the world moved.
    Refused,
    /// The server could not be reached or understood; nothing was concluded, safe to run again.
    Unreachable,
    /// Rejected or failed on the other side: pipeline, approval, deployment, migration.
    Rejected,
    /// A wait ran out of time; still pending.
    Pending,
    /// Interrupted by a signal.
    Interrupted,
}

impl Kind {
    /// The process exit code, as documented in git-hotfix(1).
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Hands => 3,
            Kind::Config => 4,
            Kind::Refused => 5,
            Kind::Unreachable => 6,
            Kind::Rejected => 7,
            Kind::Pending => 8,
            Kind::Interrupted => 130,
        }
    }

    /// The kind with this exit code; none for 0 and for codes we do not give.
    pub fn of_exit_code(code: u8) -> Option<Kind> {
        [
            Kind::Failed,
            Kind::Usage,
            Kind::Hands,
            Kind::Config,
            Kind::Refused,
            Kind::Unreachable,
            Kind::Rejected,
            Kind::Pending,
            Kind::Interrupted,
        ]
        .into_iter()
        .find(|kind| kind.exit_code() == code)
    }

    /// The stable name used in `--json` errors.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Usage => "usage",
            Kind::Hands => "needs-hands",
            Kind::Config => "config",
            Kind::Refused => "refused",
            Kind::Unreachable => "unreachable",
            Kind::Rejected => "rejected",
            Kind::Pending => "pending",
            Kind::Interrupted => "interrupted",
        }
    }
}

/// An error for people: what happened, why, and the exact next command.
///
/// `message` is a lower-case fragment without a final period; each hint is one line that ends with
/// (or is) a command that mends it. All texts may hold untrusted words: the `ui` room sanitises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Decides the exit code.
    pub kind: Kind,
    /// What happened.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Problem {
    /// A problem with no causes or hints yet.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Problem { kind, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Somebody was asked whether to do this, and did not say yes.
    pub fn declined(what: impl fmt::Display) -> Self {
        Problem::new(Kind::Refused, format!("not confirmed: {what}"))
            .hint("it was not done; run the same command again when it is wanted")
    }

    /// Adds a cause below the ones already there.
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

#[cfg(test)]
impl Problem {
    /// All of it, for tests.
    pub(crate) fn whole(&self) -> String {
        let causes = self.causes.iter().map(|cause| format!("  caused by: {cause}\n"));
        let hints = self.hints.iter().map(|hint| format!("  hint: {hint}\n"));
        let below: String = causes.chain(hints).collect();
        format!("{} ({})\n{below}", self.message, self.kind.exit_code())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_from_the_outside_in() {
        let problem = Problem::new(Kind::Unreachable, "could not read merge request !412")
            .because("gitlab.example answered 502")
            .hint("git hotfix status");
        assert_eq!(problem.to_string(), "could not read merge request !412: gitlab.example answered 502");
        assert_eq!(problem.kind.exit_code(), 6);
    }
}
