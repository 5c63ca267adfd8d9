//! verify: a person confirmed the fix in production. A healthy answer from a server confirms nothing.

use super::{Check, Who};
use crate::error::Kind;
use crate::hotfix::goal::Goal;
use crate::hotfix::snapshot::{Fact, Snapshot};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot, goal: &Goal) -> Check {
    match (&s.confirmed, goal) {
        (Fact::Known(confirmation), _) => Check::done(format!("{}: {}", confirmation.by, confirmation.text)),
        (Fact::Unknown, _) => Check::unknown("notes on the merge request were not read"),
        (Fact::Absent, Goal::Verify { confirm: Some(text) }) => {
            match (s.merge_request.known(), s.landed.known()) {
                (Some(mr), Some(landed)) => Check::step(Step::Confirm {
                    iid: mr.iid,
                    commit: landed.commit.clone(),
                    text: text.clone(),
                }),
                _ => Check::blocked(
                    Kind::Refused,
                    "there is no merged merge request to record it on",
                    "name the hotfix: git hotfix verify --confirm <text> '!<iid>'",
                ),
            }
        }
        (Fact::Absent, _) => Check::wait(Who::People(Vec::new()), "somebody to see the fix in production"),
    }
}
