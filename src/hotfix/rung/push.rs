//! push: the remote branch has the local tip.

use super::{Block, Check};
use crate::error::Kind;
use crate::hotfix::goal::merged;
use crate::hotfix::snapshot::{Fact, Snapshot};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot) -> Check {
    if merged(s) {
        return Check::done("merged");
    }
    let (Some(branch), Some(local)) = (&s.branch, s.local.known()) else {
        // Seen from another clone: whatever is on the remote is the hotfix.
        return match (&s.remote, s.merge_request.known()) {
            (Fact::Known(tip), _) => Check::done(format!("{} on the remote", tip.short())),
            (_, Some(mr)) => Check::done(format!("{} on the remote", mr.head.short())),
            (Fact::Absent, None) => Check::blocked(
                Kind::Refused,
                "the branch is neither here nor on the remote",
                "see what is in flight: git hotfix list",
            ),
            (Fact::Unknown, None) => Check::unknown("the remote branch was not read"),
        };
    };
    match &s.remote {
        Fact::Unknown => Check::unknown("the remote branch was not read"),
        Fact::Known(tip) if *tip == local.tip => Check::done(format!("{} on the remote", tip.short())),
        Fact::Known(tip) if !s.local_contains_remote.yes() => {
            let remote = &s.policy.remote;
            Check::Blocked(Block {
                kind: Kind::Refused,
                what: format!("{branch} on the remote holds what yours does not ({})", tip.short()),
                hints: vec![
                    format!("if somebody pushed to it, take that over: git pull --rebase {remote} {branch}"),
                    format!(
                        "if you rewrote yours (rebase, amend): git push --force-with-lease={branch}:{} {remote} {branch}",
                        tip.short()
                    ),
                ],
            })
        }
        Fact::Known(tip) => Check::step(Step::Push {
            branch: branch.clone(),
            tip: local.tip.clone(),
            expect: Some(tip.clone()),
        }),
        Fact::Absent => {
            Check::step(Step::Push { branch: branch.clone(), tip: local.tip.clone(), expect: None })
        }
    }
}
