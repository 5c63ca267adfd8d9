//! How time moves the world: effects that become visible after some reads, and what follows.
//!
//! One queue, one clock counted in reads. After each exchange [`World::settle`] runs what is due.

use super::scenario::Deed;
use super::world::{Check, MergeRequest, State, Status, World};

/// Something that happens by itself a little later.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    /// The merge request's first preparation ends.
    Prepared(u64),
    /// The check against the target branch ends.
    Checked(u64),
    /// Merge requests hear of a push to this branch, which was at `old` before.
    /// `silent` starts no pipelines.
    Refresh { branch: String, old: Option<String>, user: u64, silent: bool },
    /// The merge request's pipeline appears.
    MergeRequestPipeline { iid: u64, user: u64 },
    /// The merge request takes up a pipeline that somebody started for it.
    HeadPipeline { iid: u64, pipeline: u64 },
    /// The branch's pipeline appears.
    PushPipeline { branch: String, old: Option<String>, sha: String, user: u64 },
    /// A new pipeline starts its first jobs.
    Process(u64),
    /// A pending job gets a runner.
    Run(u64),
    /// A running job ends.
    Finish(u64),
    /// The deployment of a manual job appears.
    Deployment(u64),
    /// That deployment becomes blocked.
    Block(u64),
    /// The deployment follows its job's end.
    Sync(u64),
    /// A colleague does something.
    Deed { who: String, deed: Deed },
}

/// An effect and the count of reads at which it happens.
#[derive(Debug, Clone)]
pub(super) struct Due {
    at: u64,
    effect: Effect,
}

impl World {
    pub(super) fn after(&mut self, lag: u64, effect: Effect) {
        self.due.push(Due { at: self.reads + lag, effect });
    }

    /// Lets everything happen that is due, and what follows from it at once.
    pub(super) fn settle(&mut self) {
        loop {
            self.auto_merge();
            self.fire_events();
            let Some(next) = self.due.iter().position(|due| due.at <= self.reads) else { return };
            let due = self.due.remove(next);
            self.happen(due.effect);
        }
    }

    fn happen(&mut self, effect: Effect) {
        let now = self.now();
        match effect {
            Effect::Prepared(iid) => {
                self.take_diff(iid);
                if let Some(merge_request) = self.merge_request_mut(iid) {
                    merge_request.prepared_at = Some(now);
                    merge_request.check = Check::Unchecked;
                }
            }
            Effect::Checked(iid) => self.check_merge(iid),
            Effect::Refresh { branch, old, user, silent } => {
                self.refresh(&branch, old.as_deref(), user, silent);
            }
            Effect::MergeRequestPipeline { iid, user } => self.merge_request_pipeline(iid, user),
            Effect::HeadPipeline { iid, pipeline } => {
                if let Some(found) = self.merge_request_mut(iid) {
                    found.head_pipeline = Some(pipeline);
                }
            }
            Effect::PushPipeline { branch, old, sha, user } => self.push_pipeline(&branch, old, &sha, user),
            Effect::Process(pipeline) => self.process(pipeline),
            Effect::Run(job) => self.run(job),
            Effect::Finish(job) => self.finish(job),
            Effect::Deployment(job) => self.create_deployment(job),
            Effect::Block(job) => {
                let manual = self.job(job).is_some_and(|job| job.status == Status::Manual);
                if let Some(deployment) = self.deployment_of_mut(job).filter(|_| manual)
                    && deployment.status == "created"
                {
                    deployment.status = "blocked";
                }
            }
            Effect::Sync(job) => self.sync_deployment(job),
            Effect::Deed { who, deed } => self.carry_out(&who, &deed),
        }
    }

    /// What a push, or a merge, to a branch sets off; no pipelines where it is `silent`.
    pub(super) fn branch_moved(&mut self, branch: &str, old: Option<String>, user: u64, silent: bool) {
        let lag = self.setup.lag;
        let effect = Effect::Refresh { branch: branch.to_owned(), old: old.clone(), user, silent };
        self.after(lag.refresh, effect);
        let watched = branch == self.setup.production || branch == self.setup.integration;
        if let Some(sha) = self.branch(branch).filter(|_| watched && !silent) {
            let message =
                self.repository.commit(&sha).map(|commit| commit.message.clone()).unwrap_or_default();
            if !message.contains("[ci skip]") && !message.contains("[skip ci]") {
                self.after(lag.pipeline, Effect::PushPipeline { branch: branch.to_owned(), old, sha, user });
            }
        }
    }

    fn refresh(&mut self, branch: &str, old: Option<&str>, user: u64, silent: bool) {
        let tip = self.branch(branch);
        let open: Vec<MergeRequest> =
            self.merge_requests.iter().filter(|found| found.state == State::Opened).cloned().collect();
        for merge_request in open {
            let iid = merge_request.iid;
            match &tip {
                Some(tip) if merge_request.source == branch && merge_request.sha != *tip => {
                    let (reset, lag) = (self.setup.reset_approvals_on_push, self.setup.lag.pipeline);
                    if let Some(found) = self.merge_request_mut(iid) {
                        found.sha.clone_from(tip);
                        found.auto_merge = None;
                        if reset {
                            found.approvals.clear();
                        }
                    }
                    self.unchecked(iid);
                    self.take_diff(iid);
                    if !silent {
                        self.after(lag, Effect::MergeRequestPipeline { iid, user });
                    }
                }
                Some(tip) if merge_request.target == branch => match old {
                    Some(old) if self.came_in(&merge_request, old, tip) => {
                        self.pushed_merge(iid, old, tip, user)
                    }
                    _ => self.unchecked(iid),
                },
                None if merge_request.source == branch => self.unchecked(iid),
                _ => {}
            }
        }
    }

    fn unchecked(&mut self, iid: u64) {
        if let Some(found) = self.merge_request_mut(iid)
            && found.check != Check::Preparing
        {
            found.check = Check::Unchecked;
        }
    }

    fn merge_request_pipeline(&mut self, iid: u64, user: u64) {
        let Some(found) = self.merge_request(iid).filter(|found| found.state == State::Opened).cloned()
        else {
            return;
        };
        let specs = self.setup.merge_request_jobs.clone();
        let reference = format!("refs/merge-requests/{iid}/head");
        let id = self.create_pipeline(
            &specs,
            &found.sha,
            None,
            &reference,
            "merge_request_event",
            user,
            Some(iid),
        );
        if let Some(found) = self.merge_request_mut(iid) {
            found.head_pipeline = Some(id);
        }
    }

    fn push_pipeline(&mut self, branch: &str, old: Option<String>, sha: &str, user: u64) {
        let specs = match branch == self.setup.production {
            true => self.setup.production_jobs.clone(),
            false => self.setup.integration_jobs.clone(),
        };
        self.create_pipeline(&specs, sha, old, branch, "push", user, None);
    }
}
