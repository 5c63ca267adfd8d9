//! start: the hotfix exists, as a branch with at least one commit beyond the production branch, or as
//! anything later.

use super::Check;
use crate::error::Kind;
use crate::hotfix::goal::merged;
use crate::hotfix::snapshot::{Fact, Snapshot};

pub(super) fn check(s: &Snapshot) -> Check {
    if merged(s) || s.merge_request.known().is_some() || s.remote.known().is_some() {
        return Check::done("exists");
    }
    match &s.local {
        Fact::Known(local) if local.commits.is_empty() => Check::blocked(
            Kind::Refused,
            format!(
                "{} has no commit beyond {} yet",
                s.branch.as_deref().unwrap_or("the branch"),
                s.policy.production_branch
            ),
            "commit the fix, then: git hotfix open",
        ),
        Fact::Known(local) => Check::done(match local.commits.len() {
            1 => "1 commit".to_owned(),
            n => format!("{n} commits"),
        }),
        Fact::Absent => missing(),
        Fact::Unknown => Check::unknown("the branch was not read"),
    }
}

/// Nothing of it is anywhere.
pub(super) fn missing() -> Check {
    Check::blocked(
        Kind::Refused,
        "there is no such hotfix here or on GitLab",
        "git hotfix start <slug>   (or see what is in flight: git hotfix list)",
    )
}
