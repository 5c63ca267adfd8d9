//! The writes that end a conflict: the resolved pick takes the placeholder's place, and the merge request
//! becomes what a clean one would have been.

use super::{answer, gitlab, push};
use crate::error::{Kind, Problem, Result};
use crate::git::Oid;
use crate::git::commit;
use crate::git::landed::Source;
use crate::git::remote::Expect;
use crate::gitlab::{MergeRequestChange, NewMergeRequest};
use crate::hotfix::describe;
use crate::hotfix::observe::{of_landed, oid, sha};
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{BackportRequest, Landed, Lane, Policy, Sha, Snapshot};
use crate::hotfix::step::{Acted, Written};

impl Site<'_> {
    /// What is picked, as the engine wants it.
    pub fn source(&self, s: &Snapshot, landed: &Landed) -> Result<Source> {
        let repo = super::clone(self)?;
        let main = s.main.known().map_or_else(|| oid(&landed.commit), oid)?;
        of_landed(repo, landed, main)
    }

    /// Where two commits part, fetching the history that a shallow clone lacks for the answer.
    pub fn merge_base(&self, one: Oid, two: Oid) -> Result<Option<Oid>> {
        Ok(match self.completed() {
            Some(completed) => completed.decide(&[two], |repo| repo.merge_base(one, two))?,
            None => super::clone(self)?.merge_base(one, two)?,
        })
    }

    /// Pushes the resolved pick over the placeholder, with lease. Where that is denied, it goes on top:
    /// a merge of the two with the resolved content, which is a plain fast-forward.
    pub fn replace_placeholder(
        &mut self,
        branch: &str,
        resolved: Oid,
        placeholder: Option<&Sha>,
    ) -> Result<Acted> {
        self.forget_refs();
        let Some(placeholder) = placeholder.map(oid).transpose()? else {
            return push(self, branch, Some(resolved), Expect::Absent, false);
        };
        match push(self, branch, Some(resolved), Expect::At(placeholder), false) {
            Err(problem) if problem.kind == Kind::Refused => {
                let repo = super::clone(self)?;
                let message = format!(
                    "Resolve the backport's conflicts\n\nPuts {resolved} in the placeholder's place.\n"
                );
                let on_top = commit::write_on_top(repo, placeholder, resolved, &message)?;
                push(self, branch, Some(on_top), Expect::At(placeholder), false)
            }
            pushed => pushed,
        }
    }

    /// Drops the draft mark and the `conflicts` label, adds what a clean one has, and takes the warning
    /// out of the description. Says whether it was so already: what was just written is to be read again.
    pub fn mark_resolved(&self, request: &BackportRequest, policy: &Policy) -> Result<bool> {
        let gitlab = gitlab(self)?;
        let now = gitlab.merge_request(request.iid)?;
        let bare = now.title.strip_prefix("Draft:").map_or(now.title.as_str(), str::trim_start);
        let change = MergeRequestChange {
            title: (bare != now.title).then(|| bare.to_owned()),
            description: now.description.as_deref().and_then(describe::without_warning),
            add_labels: missing(&policy.backport_labels, &now.labels),
            remove_labels: superfluous(policy, &now.labels),
            ..MergeRequestChange::default()
        };
        if change == MergeRequestChange::default() {
            return Ok(true);
        }
        answer(gitlab.update_merge_request(request.iid, &change).map(|_| Written::Plain), &[])?.or_later()?;
        Ok(false)
    }

    /// Opens the merge request of a resolved branch that has none.
    pub fn open_resolved(&self, s: &Snapshot, landed: &Landed, lane: &Lane) -> Result<u64> {
        let hotfix = s.merge_request.known().map_or_else(String::new, |mr| format!(" of !{}", mr.iid));
        let new = NewMergeRequest {
            source_branch: lane.branch.clone().unwrap_or_default(),
            target_branch: lane.target.clone(),
            title: describe::backport_title(&lane.target, landed, false),
            description: format!(
                "Backport{hotfix} ({}) to `{}`, resolved by hand.\n",
                landed.commit, lane.target
            ),
            labels: s.policy.backport_labels.clone(),
            assignee_ids: Vec::new(),
            reviewer_ids: Vec::new(),
            squash: Some(false),
            remove_source_branch: Some(true),
        };
        let made = gitlab(self)?.create_merge_request(&new);
        let target = lane.target.clone();
        match answer(made.map(|mr| Written::Backport { target, iid: mr.iid }), &[409])?.or_later()? {
            Acted::Changed(Written::Backport { iid, .. }) => Ok(iid),
            _ => Err(Problem::new(
                Kind::Refused,
                "the branch is pushed; its merge request is there or on its way",
            )
            .hint("git hotfix backport   (adopts it)")),
        }
    }
}

fn missing(wanted: &[String], there: &[String]) -> Vec<String> {
    wanted.iter().filter(|label| !there.contains(label)).cloned().collect()
}

/// The labels of a conflict that a clean backport has not.
fn superfluous(policy: &Policy, there: &[String]) -> Vec<String> {
    let conflict_only = policy.conflict_labels.iter().filter(|label| !policy.backport_labels.contains(label));
    conflict_only.filter(|label| there.contains(label)).cloned().collect()
}

/// The written tip, for messages.
pub(super) fn written(branch: &str, tip: Oid) -> Written {
    Written::Branch { name: branch.to_owned(), tip: sha(tip) }
}
