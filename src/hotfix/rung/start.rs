//! start: the hotfix exists, as a branch with at least one commit beyond the production branch, or as
//! anything later.

use super::{Block, Check};
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
        Fact::Absent | Fact::Unknown => Check::unknown("the branch was not read"),
    }
}

/// Why nothing can be done with a branch of which nothing is anywhere: mistyped, as like as not.
pub fn missing(s: &Snapshot) -> Option<Block> {
    let there = merged(s) || s.merge_request.known().is_some() || s.remote.known().is_some();
    let name = s.branch.as_ref().filter(|_| !there && s.local.is_absent())?;
    let (place, hint) = match s.merge_request {
        Fact::Unknown => (
            "here, and GitLab was not asked",
            "see what is in flight: git hotfix list   (or name what landed: git hotfix status <commit>)",
        ),
        _ => (
            "here or on GitLab",
            "see what is in flight: git hotfix list   (or begin one: git hotfix start <slug>)",
        ),
    };
    let mut hints = vec![hint.to_owned()];
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        hints.insert(0, format!("for the merge request of that number: git hotfix status '!{name}'"));
    }
    Some(Block { kind: Kind::Refused, what: format!("there is no hotfix `{name}` {place}"), hints })
}
