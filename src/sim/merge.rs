//! Whether a merge request can be merged, and merging it with real git.
//!
//! The order of the blockers and the sha fields per merge method are GitLab's (18.9).

use crate::error::{Kind, Problem, Result};

use super::objects::Merged;
use super::repository::Signature;
use super::setup::{MergeMethod, Squash};
use super::world::{AutoMerge, Check, MergeRequest, State, World};

/// What a merge may say about how it lands.
#[derive(Debug, Clone, Default)]
pub(super) struct Landing {
    pub(super) squash: Option<bool>,
    pub(super) remove_source: Option<bool>,
    pub(super) merge_message: Option<String>,
    pub(super) squash_message: Option<String>,
}

impl World {
    /// Who and when, for a commit made on the server.
    pub(super) fn signature(&self, user: u64) -> Signature {
        let (name, email) = self.user(user).map(|user| (user.name.clone(), user.email())).unwrap_or_default();
        Signature { name, email, date: format!("@{} +0000", self.now().as_second()) }
    }

    /// Takes the diff's references from where source and target are now.
    pub(super) fn take_diff(&mut self, iid: u64) {
        let Some(found) = self.merge_request(iid) else { return };
        let Some(start) = self.branch(&found.target) else { return };
        let base = self.repository.merge_base(&start, &found.sha).map(|base| (base, start));
        let head = format!("refs/merge-requests/{iid}/head");
        // A ref that cannot be written only costs the clients that fetch it.
        let _ = self.repository.set_ref(&head, &found.sha);
        if let Some(found) = self.merge_request_mut(iid) {
            found.base = base;
        }
    }

    /// Ends the check: does it merge?
    pub(super) fn check_merge(&mut self, iid: u64) {
        let Some(found) = self.merge_request(iid).filter(|found| found.check == Check::Checking) else {
            return;
        };
        let merges = self
            .branch(&found.target)
            .and_then(|target| self.repository.merge_trees(&target, &found.sha).ok())
            .is_some_and(|merged| matches!(merged, Merged::Clean(_)));
        if let Some(found) = self.merge_request_mut(iid) {
            found.check = if merges { Check::Can } else { Check::Cannot };
        }
    }

    fn needs_rebase(&self, found: &MergeRequest) -> bool {
        self.setup.merge_method != MergeMethod::Merge
            && self
                .branch(&found.target)
                .is_some_and(|target| !self.repository.is_ancestor(&target, &found.sha))
    }

    /// The first failing check that is about the merge request's state, CI aside.
    fn state_blocker(&self, found: &MergeRequest) -> Option<&'static str> {
        let has_commits = self.branches.contains_key(&found.source)
            && found.base.as_ref().is_some_and(|base| base.0 != found.sha);
        let held = |reason: &str| found.held.contains(reason);
        match () {
            () if found.state != State::Opened => Some("not_open"),
            () if found.merge_after.is_some_and(|at| at > self.now()) => Some("merge_time"),
            () if found.draft() => Some("draft_status"),
            () if !has_commits => Some("commits_status"),
            () if self.setup.threads_must_be_resolved && self.has_open_thread(found) => {
                Some("discussions_not_resolved")
            }
            () if self.breaks_title_rule(found) => Some("title_regex"),
            () if held("locked_lfs_files") => Some("locked_lfs_files"),
            () if held("requested_changes") => Some("requested_changes"),
            () if held("approvals_syncing") => Some("approvals_syncing"),
            () if found.approvals.len() < self.setup.approvals_required => Some("not_approved"),
            () if self.waits_for_another(found) => Some("merge_request_blocked"),
            () if self.lacks_jira_issue(found) => Some("jira_association_missing"),
            () if held("security_policy_violations") => Some("security_policy_violations"),
            () if self.lacks_status_check(found) => Some("status_checks_must_pass"),
            () if held("locked_paths") => Some("locked_paths"),
            () => None,
        }
    }

    fn git_blocker(&self, found: &MergeRequest) -> Option<&'static str> {
        match found.check {
            Check::Preparing => Some("preparing"),
            Check::Checking => Some("checking"),
            Check::Unchecked => Some("unchecked"),
            Check::Cannot => Some("conflict"),
            Check::Can if self.needs_rebase(found) => Some("need_rebase"),
            Check::Can => None,
        }
    }

    /// The head pipeline's status, if that pipeline is the head's.
    fn head_status(&self, found: &MergeRequest) -> Option<&'static str> {
        let pipeline = self.pipeline(found.head_pipeline?)?;
        (pipeline.sha == found.sha).then(|| self.pipeline_status(pipeline.id))
    }

    fn ci_blocker(&self, found: &MergeRequest) -> Option<&'static str> {
        if !self.setup.pipelines_must_succeed {
            return None;
        }
        match self.head_status(found) {
            Some("success" | "skipped") => None,
            Some("pending" | "running") => Some("ci_still_running"),
            _ => Some("ci_must_pass"),
        }
    }

    /// `detailed_merge_status`: only one blocker is ever shown.
    pub(super) fn detailed_merge_status(&self, found: &MergeRequest) -> &'static str {
        if found.state != State::Opened {
            return "not_open";
        }
        let transient =
            self.git_blocker(found).filter(|_| !matches!(found.check, Check::Can | Check::Cannot));
        transient
            .or_else(|| self.state_blocker(found))
            .or_else(|| self.git_blocker(found))
            .or_else(|| self.ci_blocker(found))
            .unwrap_or("mergeable")
    }

    /// What refuses a merge right now: 405 for the state, 422 for git, in GitLab's order.
    pub(super) fn merge_refusal(&self, found: &MergeRequest) -> Option<u16> {
        match () {
            () if self.state_blocker(found).is_some() || self.ci_blocker(found).is_some() => Some(405),
            () if self.git_blocker(found).is_some() => Some(422),
            () => None,
        }
    }

    /// Whether auto-merge has something to wait for.
    pub(super) fn can_wait_to_merge(&self, found: &MergeRequest) -> bool {
        let waits = matches!(self.state_blocker(found), None | Some("not_approved" | "draft_status"));
        let runs = matches!(self.head_status(found), Some("created" | "pending" | "running"));
        found.state == State::Opened && found.check != Check::Cannot && waits && runs
    }

    /// Merges what waited for its pipeline.
    pub(super) fn auto_merge(&mut self) {
        let ready: Vec<(u64, AutoMerge)> = self
            .merge_requests
            .iter()
            .filter(|found| found.auto_merge.is_some() && found.state == State::Opened)
            .filter(|found| self.head_status(found) == Some("success"))
            .filter_map(|found| Some((found.iid, found.auto_merge.clone()?)))
            .collect();
        for (iid, auto) in ready {
            // Auto-merge looks for itself, it waits for nobody's GET.
            if let Some(found) = self.merge_request_mut(iid)
                && found.check != Check::Preparing
            {
                found.check = Check::Checking;
            }
            self.check_merge(iid);
            if self.merge_request(iid).is_some_and(|found| self.merge_refusal(found).is_none()) {
                let landing =
                    Landing { squash: auto.squash, remove_source: auto.remove_source, ..Landing::default() };
                // A merge that fails stays open and says so by its check, as in GitLab.
                let _ = self.land(iid, auto.user, &landing);
            }
        }
    }

    /// Merges, as the project's merge method and squash option say.
    pub(super) fn land(&mut self, iid: u64, user: u64, landing: &Landing) -> Result<()> {
        let gone = || Problem::new(Kind::Failed, "the merge request or its target is gone");
        let found = self.merge_request(iid).cloned().ok_or_else(gone)?;
        let target = self.branch(&found.target).ok_or_else(gone)?;
        let squash = match self.setup.squash {
            Squash::Never => false,
            Squash::Always => true,
            Squash::DefaultOn | Squash::DefaultOff => landing.squash.unwrap_or(found.squash),
        };
        let merger = self.signature(user);
        let base = self.repository.merge_base(&target, &found.sha).ok_or_else(gone)?;
        let squashed = match squash && found.sha != base {
            false => None,
            true => {
                let message = landing.squash_message.clone().unwrap_or_else(|| found.title.clone());
                let author = Signature { date: merger.date.clone(), ..self.signature(found.author) };
                let tree = self.repository.tree(&found.sha)?;
                Some(self.repository.commit_tree(&tree, &[&base], &message, &author, &merger)?)
            }
        };
        let head = squashed.clone().unwrap_or_else(|| found.sha.clone());
        let landed = match self.setup.merge_method {
            MergeMethod::FastForward => head,
            MergeMethod::Merge | MergeMethod::RebaseMerge => {
                let Merged::Clean(tree) = self.repository.merge_trees(&target, &head)? else {
                    return Err(Problem::new(Kind::Failed, "the merge request conflicts"));
                };
                let message = landing.merge_message.clone().unwrap_or_else(|| {
                    format!(
                        "Merge branch '{}' into '{}'\n\n{}\n\nSee merge request {}!{iid}\n",
                        found.source, found.target, found.title, self.setup.project
                    )
                });
                self.repository.commit_tree(&tree, &[&target, &head], &message, &merger, &merger)?
            }
        };
        let merge_commit = (self.setup.merge_method != MergeMethod::FastForward).then(|| landed.clone());
        self.mark_merged(iid, user, merge_commit, squashed);
        self.move_branch(&found.target, Some(&landed), user)?;
        if landing.remove_source.unwrap_or(found.remove_source) && !self.protected.contains(&found.source) {
            self.move_branch(&found.source, None, user)?;
        }
        Ok(())
    }

    fn mark_merged(&mut self, iid: u64, user: u64, merge_commit: Option<String>, squashed: Option<String>) {
        let now = self.now();
        if let Some(found) = self.merge_request_mut(iid) {
            found.state = State::Merged;
            found.merged = Some((user, now));
            found.updated_at = now;
            found.auto_merge = None;
            found.merge_commit_sha = merge_commit;
            found.squash_commit_sha = squashed;
            found.check = Check::Can;
        }
    }

    /// Sets or removes a branch on the server, with all that follows from a push.
    pub(super) fn move_branch(&mut self, branch: &str, to: Option<&str>, user: u64) -> Result<()> {
        let reference = format!("refs/heads/{branch}");
        let old = self.branch(branch);
        match to {
            Some(id) => {
                self.repository.set_ref(&reference, id)?;
                self.branches.insert(branch.to_owned(), id.to_owned());
            }
            None => {
                self.repository.delete_ref(&reference)?;
                self.branches.remove(branch);
            }
        }
        self.branch_moved(branch, old, user, false);
        Ok(())
    }

    /// Whether a push to the target from `old` to `tip` brought the merge request's head along.
    pub(super) fn came_in(&self, found: &MergeRequest, old: &str, tip: &str) -> bool {
        found.check != Check::Preparing
            && self.repository.is_ancestor(&found.sha, tip)
            && !self.repository.is_ancestor(&found.sha, old)
    }

    /// A push merged it: GitLab notices and marks it so.
    pub(super) fn pushed_merge(&mut self, iid: u64, old: &str, tip: &str, user: u64) {
        let Some(sha) = self.merge_request(iid).map(|found| found.sha.clone()) else { return };
        let range = format!("{old}..{tip}");
        let brought = self.repository.log(&["--first-parent"], &range, &[], 1000).unwrap_or_default();
        let brought = brought.iter().rfind(|commit| self.repository.is_ancestor(&sha, &commit.id));
        let merge_commit = brought.map(|commit| commit.id.clone());
        self.mark_merged(iid, user, merge_commit, None);
    }

    /// Rebases the source branch onto the target, commit by commit. `false` on a conflict.
    pub(super) fn rebase(&mut self, iid: u64, user: u64) -> Result<bool> {
        let gone = || Problem::new(Kind::Failed, "the merge request or its target is gone");
        let found = self.merge_request(iid).cloned().ok_or_else(gone)?;
        let mut onto = self.branch(&found.target).ok_or_else(gone)?;
        let range = format!("{onto}..{}", found.sha);
        let mut commits = self.repository.log(&["--no-merges", "--topo-order"], &range, &[], 1000)?;
        commits.reverse();
        let committer = self.signature(user);
        for commit in commits {
            let Some(parent) = commit.parents.first() else { return Ok(false) };
            let Merged::Clean(tree) = self.repository.apply(parent, &commit.id, &onto)? else {
                return Ok(false);
            };
            onto =
                self.repository.commit_tree(&tree, &[&onto], &commit.message, &commit.author, &committer)?;
        }
        self.move_branch(&found.source, Some(&onto), user)?;
        Ok(true)
    }
}
