//! merge: the change is on the production branch, verified in the fetched history.

use super::{Check, Who};
use crate::error::Kind;
use crate::hotfix::goal::Goal;
use crate::hotfix::snapshot::{Fact, RequestState, Snapshot};
use crate::hotfix::step::Step;

pub(super) fn check(s: &Snapshot, goal: &Goal) -> Check {
    let main = &s.policy.production_branch;
    if let Some(landed) = s.landed.known() {
        let by = s.merge_request.known().and_then(|mr| mr.merged_by.as_deref());
        let by = by.map(|name| format!(", by {name}")).unwrap_or_default();
        return Check::done(format!("{} on {main}{by}", landed.commit.short()));
    }
    let Some(mr) = s.merge_request.known() else {
        return Check::unknown("the merge request was not read");
    };
    match &mr.state {
        RequestState::Merged if s.landed.is_absent() => Check::blocked(
            Kind::Refused,
            format!("!{} is merged, but none of the commits GitLab names for it is on {main}", mr.iid),
            format!("find the commit on {main} and name it: git hotfix backport --landed <sha>"),
        ),
        RequestState::Merged => Check::wait(Who::GitLab, format!("the landed commit of !{}", mr.iid)),
        RequestState::Locked => Check::wait(Who::GitLab, format!("!{} is being merged", mr.iid)),
        RequestState::Opened => open(s, goal, mr),
        RequestState::Closed | RequestState::Other(_) => Check::blocked(
            Kind::Refused,
            format!("!{} is not open", mr.iid),
            format!("look at {}", mr.web_url),
        ),
    }
}

fn open(s: &Snapshot, goal: &Goal, mr: &crate::hotfix::snapshot::MergeRequest) -> Check {
    if mr.auto_merge {
        return Check::wait(
            Who::GitLab,
            format!("GitLab merges !{} when it can (auto-merge is set)", mr.iid),
        );
    }
    // A production commit that main lacks would be taken back by the next deployment of main.
    match &s.production {
        Fact::Unknown => return Check::unknown("what production runs could not be read"),
        Fact::Known(production) if production.on_main.no() => {
            return Check::Blocked(super::deploy::main_lacks_production(s, production));
        }
        Fact::Known(production) if production.on_main.is_unknown() => {
            return Check::unknown("whether the production branch holds what production runs");
        }
        Fact::Known(_) | Fact::Absent => {}
    }
    let auto = matches!(goal, Goal::Merge { auto: true });
    Check::step(Step::Merge { iid: mr.iid, head: mr.head.clone(), auto })
}
