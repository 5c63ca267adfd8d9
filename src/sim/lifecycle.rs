//! The life of pipelines: jobs are created, start, run and end; deployments follow their jobs.
//!
//! Later steps go onto the queue in `advance`.

use std::collections::BTreeMap;

use super::advance::Effect;
use super::receipt;
use super::setup::{Body, JobSpec, Protection, Start};
use super::world::{Deployment, Job, Pipeline, Status, World};

/// How a job's script ended.
pub(super) struct Ended {
    pub(super) failed: bool,
    pub(super) log: String,
}

impl World {
    #[expect(clippy::too_many_arguments, reason = "each is one field of the record it makes")]
    pub(super) fn create_pipeline(
        &mut self,
        specs: &[JobSpec],
        sha: &str,
        before_sha: Option<String>,
        reference: &str,
        source: &'static str,
        user: u64,
        merge_request: Option<u64>,
    ) -> u64 {
        let (id, now) = (self.fresh_id(), self.now());
        self.pipelines.push(Pipeline {
            id,
            iid: self.pipelines.len() as u64 + 1,
            sha: sha.to_owned(),
            before_sha,
            reference: reference.to_owned(),
            source,
            user,
            merge_request,
            created_at: now,
            updated_at: now,
            started_at: None,
            finished_at: None,
        });
        for spec in specs.iter().filter(|spec| spec.start != Start::Never) {
            self.create_job(id, spec.clone(), user);
        }
        self.after(self.setup.lag.job_step, Effect::Process(id));
        id
    }

    pub(super) fn create_job(&mut self, pipeline: u64, spec: JobSpec, user: u64) -> u64 {
        let (id, now) = (self.fresh_id(), self.now());
        self.jobs.push(Job {
            id,
            pipeline,
            spec,
            status: Status::Created,
            user,
            failure_reason: None,
            retried: false,
            created_at: now,
            started_at: None,
            finished_at: None,
            log: String::new(),
            artifacts: BTreeMap::new(),
        });
        id
    }

    /// The jobs of a pipeline that no retry replaced.
    pub(super) fn latest_jobs(&self, pipeline: u64) -> Vec<&Job> {
        self.jobs.iter().filter(|job| job.pipeline == pipeline && !job.retried).collect()
    }

    /// The stages of a pipeline, in the order they run.
    pub(super) fn stages(&self, pipeline: u64) -> Vec<String> {
        let mut stages = Vec::new();
        for job in self.jobs.iter().filter(|job| job.pipeline == pipeline) {
            if !stages.contains(&job.spec.stage) {
                stages.push(job.spec.stage.clone());
            }
        }
        stages
    }

    /// Starts what the stages before allow, and skips what they rule out.
    pub(super) fn process(&mut self, pipeline: u64) {
        let (mut open, mut failed) = (true, false);
        for stage in self.stages(pipeline) {
            let jobs: Vec<(u64, Status, bool)> = self
                .latest_jobs(pipeline)
                .iter()
                .filter(|job| job.spec.stage == stage)
                .map(|job| (job.id, job.status, job.spec.allow_failure))
                .collect();
            for &(id, ..) in jobs.iter().filter(|(_, status, _)| *status == Status::Created) {
                let (ready, ruled_out) = self.needs_of(id).unwrap_or((open && !failed, failed));
                if ruled_out {
                    self.set_status(id, Status::Skipped);
                } else if ready {
                    self.start(id, false);
                }
            }
            for (id, _, optional) in jobs {
                match self.job(id).map(|job| job.status) {
                    Some(Status::Success | Status::Skipped) => {}
                    Some(Status::Failed | Status::Canceled) => failed |= !optional,
                    Some(Status::Manual) => open &= optional,
                    _ => open = false,
                }
            }
        }
        let (now, status) = (self.now(), self.pipeline_status(pipeline));
        if let Some(found) = self.pipelines.iter_mut().find(|found| found.id == pipeline) {
            found.updated_at = now;
            let ended = matches!(status, "success" | "failed" | "canceled" | "skipped");
            found.finished_at = ended.then(|| found.finished_at.unwrap_or(now));
        }
    }

    /// For a job with `needs`: whether they are met, and whether they never will be.
    fn needs_of(&self, id: u64) -> Option<(bool, bool)> {
        let job = self.job(id)?;
        let needs = job.spec.needs.as_ref()?;
        let needed: Vec<&Job> = self
            .latest_jobs(job.pipeline)
            .into_iter()
            .filter(|other| needs.contains(&other.spec.name))
            .collect();
        let good = |job: &&Job| match job.status {
            Status::Success => true,
            Status::Failed | Status::Canceled => job.spec.allow_failure,
            _ => false,
        };
        let bad = |job: &&Job| job.status == Status::Skipped || job.status.is_complete() && !good(job);
        Some((needed.iter().all(good), needed.iter().any(bad)))
    }

    fn set_status(&mut self, job: u64, status: Status) {
        if let Some(job) = self.job_mut(job) {
            job.status = status;
        }
    }

    /// A job's turn has come: it waits for a person, or for a runner. `played` skips the person, but
    /// never the approvals of the environment.
    pub(super) fn start(&mut self, id: u64, played: bool) {
        let lag = self.setup.lag;
        let Some(job) = self.job(id) else { return };
        let deploys = job.spec.body == Body::Deploy;
        let by_hand = job.spec.start != Start::Automatic && !played;
        if by_hand || (deploys && self.needs_approvals() && self.awaits_approval(id)) {
            self.set_status(id, Status::Manual);
            if deploys && self.deployment_of(id).is_none() {
                self.after(lag.deployment, Effect::Deployment(id));
            }
            return;
        }
        if deploys && self.deployment_of(id).is_none() {
            self.create_deployment(id);
        }
        self.set_status(id, Status::Pending);
        self.after(lag.job_step, Effect::Run(id));
    }

    pub(super) fn run(&mut self, id: u64) {
        let (now, lag) = (self.now(), self.setup.lag.job_step);
        let Some(job) = self.job_mut(id).filter(|job| job.status == Status::Pending) else { return };
        job.status = Status::Running;
        job.started_at = Some(now);
        let (pipeline, name) = (job.pipeline, job.spec.name.clone());
        if let Some(pipeline) = self.pipelines.iter_mut().find(|found| found.id == pipeline) {
            pipeline.started_at.get_or_insert(now);
        }
        if let Some(deployment) = self.deployment_of_mut(id) {
            deployment.status = "running";
            deployment.updated_at = now;
        }
        if !self.runners_work.contains(&name) {
            self.after(lag, Effect::Finish(id));
        }
    }

    pub(super) fn finish(&mut self, id: u64) {
        let Some(job) = self.job(id).filter(|job| job.status == Status::Running).cloned() else { return };
        let attempts = self.jobs.iter().filter(|other| {
            other.spec.name == job.spec.name && other.spec.failures > 0 && other.status.is_complete()
        });
        let mut failed = (attempts.count() as u32) < job.spec.failures;
        let mut log = String::new();
        if failed {
            log.push_str("the script ended with exit code 1\n");
        } else {
            match job.spec.body {
                Body::Check | Body::Deploy => {}
                Body::Rollback => failed = self.roll_back(&job, &mut log).is_none(),
                Body::Backport => failed = self.run_backport(&job, &mut log).is_err(),
            }
        }
        if job.spec.body == Body::Deploy {
            let receipt = self.receipt(&job, failed);
            if let Some(job) = self.job_mut(id) {
                job.artifacts.insert(receipt::NAME.to_owned(), receipt);
            }
        }
        self.conclude(id, Ended { failed, log });
    }

    /// A job's script is over.
    pub(super) fn conclude(&mut self, id: u64, ended: Ended) {
        let now = self.now();
        let Some(job) = self.job_mut(id) else { return };
        job.status = if ended.failed { Status::Failed } else { Status::Success };
        job.failure_reason = ended.failed.then_some("script_failure");
        job.finished_at = Some(now);
        job.log = ended.log;
        let pipeline = job.pipeline;
        if self.deployment_of(id).is_some() {
            self.after(self.setup.lag.deployment_sync, Effect::Sync(id));
        }
        self.process(pipeline);
    }

    /// Ends a job from outside: canceled, or dropped for a reason.
    pub(super) fn end_job(&mut self, id: u64, status: Status, reason: Option<&'static str>) {
        let now = self.now();
        let Some(job) = self.job_mut(id) else { return };
        job.status = status;
        job.failure_reason = reason;
        job.finished_at = Some(now);
        let pipeline = job.pipeline;
        self.sync_deployment(id);
        self.process(pipeline);
    }

    pub(super) fn create_deployment(&mut self, job: u64) {
        let Some(found) = self.job(job).filter(|found| !found.status.is_complete()) else { return };
        let Some(pipeline) = self.pipeline(found.pipeline) else { return };
        let (sha, reference, user) = (pipeline.sha.clone(), pipeline.reference.clone(), pipeline.user);
        self.record_deployment(&sha, &reference, user, Some(job));
        self.after(self.setup.lag.deployment, Effect::Block(job));
    }

    pub(super) fn record_deployment(&mut self, sha: &str, reference: &str, user: u64, job: Option<u64>) {
        let (id, now) = (self.fresh_id(), self.now());
        self.deployments.push(Deployment {
            id,
            iid: self.deployments.len() as u64 + 1,
            sha: sha.to_owned(),
            reference: reference.to_owned(),
            user,
            job,
            status: if job.is_some() { "created" } else { "success" },
            approvals: Vec::new(),
            created_at: now,
            updated_at: now,
            finished_at: job.is_none().then_some(now),
            taken_back: false,
        });
    }

    pub(super) fn sync_deployment(&mut self, job: u64) {
        let now = self.now();
        let Some(status) = self.job(job).map(|job| job.status).filter(|status| status.is_complete()) else {
            return;
        };
        if let Some(deployment) = self.deployment_of_mut(job) {
            deployment.status = status.name();
            deployment.updated_at = now;
            deployment.finished_at = Some(now);
        }
    }

    /// Puts back what ran before. Its job has `action: access`: no deployment is recorded.
    fn roll_back(&mut self, job: &Job, log: &mut String) -> Option<()> {
        let deployed =
            self.latest_jobs(job.pipeline).into_iter().find(|job| job.spec.body == Body::Deploy)?;
        if deployed.artifacts.is_empty() {
            log.push_str("there is no receipt: nothing was deployed by this pipeline\n");
            return None;
        }
        if deployed.status == Status::Failed {
            // GitLab never heard of what it released.
            log.push_str("every app runs again what it ran before\n");
            return Some(());
        }
        let runs = self.on_the_apps().map(|found| (found.job, found.sha.clone()));
        if let Some((_, sha)) = runs.filter(|(of, _)| *of != Some(deployed.id)) {
            log.push_str(&format!("production runs {sha} by now: that was not deployed by this pipeline\n"));
            return None;
        }
        self.take_back(job.pipeline);
        let before = self.on_the_apps().map_or("nothing", |found| found.sha.as_str());
        log.push_str(&format!("production runs {before} again\n"));
        Some(())
    }

    /// What a pipeline brought is on the apps no more, nor what an earlier attempt of it brought.
    pub(super) fn take_back(&mut self, pipeline: u64) {
        let jobs: Vec<u64> =
            self.jobs.iter().filter(|job| job.pipeline == pipeline).map(|job| job.id).collect();
        for deployment in &mut self.deployments {
            let brought = deployment.status == "success";
            deployment.taken_back |= brought && deployment.job.is_some_and(|job| jobs.contains(&job));
        }
    }

    /// Whether production's environment asks for approvals at all.
    pub(super) fn needs_approvals(&self) -> bool {
        matches!(&self.setup.protection, Protection::Protected { rules, .. } if !rules.is_empty())
    }

    /// The pipeline's status, composed as `Gitlab::Ci::Status::Composite` does.
    pub(super) fn pipeline_status(&self, pipeline: u64) -> &'static str {
        let jobs: Vec<&'static str> = self
            .latest_jobs(pipeline)
            .iter()
            .map(|job| match (job.status, job.spec.allow_failure) {
                (Status::Manual, true) => "ignored",
                (Status::Failed | Status::Canceled, true) => "warned",
                (status, _) => status.name(),
            })
            .collect();
        let only = |allowed: &[&str]| jobs.iter().all(|status| allowed.contains(status));
        let any = |wanted: &[&str]| jobs.iter().any(|status| wanted.contains(status));
        match () {
            () if only(&["skipped", "ignored"]) => "skipped",
            () if only(&["success", "skipped", "warned", "ignored"]) => "success",
            () if only(&["created", "warned", "ignored"]) => "created",
            () if only(&["canceled", "success", "skipped", "warned", "ignored"]) => "canceled",
            () if only(&["pending", "created", "skipped", "warned", "ignored"]) => "pending",
            () if any(&["running", "pending"]) => "running",
            () if any(&["manual"]) => "manual",
            () if any(&["created"]) => "running",
            () => "failed",
        }
    }
}
