//! Jobs: read, play, retry, cancel, log.
//!
//! Play is not idempotent: on a finished manual job it makes a new one, as GitLab does.

use serde_json::json;

use super::call::{Call, found, number, paged};
use super::pipelines::in_scope;
use super::respond::{Answer, Reply};
use super::setup::{Body, Protection, Start};
use super::world::{Job, Status, World};

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let jobs: Vec<&Job> = world.jobs.iter().rev().filter(|job| !job.retried && in_scope(call, job)).collect();
    match call.text("pagination").as_deref() {
        Some("keyset") => Ok(by_key(world, call, jobs)),
        _ => paged(call, &world.origin, &jobs, false, |job| world.job_json(job)),
    }
}

/// A page after a key instead of a number: no page headers, only the link to the next.
fn by_key(world: &World, call: &Call, mut jobs: Vec<&Job>) -> Answer {
    let (size, after) = (call.number("per_page").unwrap_or(20).clamp(1, 100) as usize, call.number("cursor"));
    jobs.sort_by_key(|job| std::cmp::Reverse(job.id));
    jobs.retain(|job| after.is_none_or(|after| job.id < after));
    let more = jobs.len() > size;
    jobs.truncate(size);
    let shown: Vec<serde_json::Value> = jobs.iter().map(|job| world.job_json(job)).collect();
    let answer = Answer::json(200, &shown.into());
    match jobs.last().filter(|_| more) {
        None => answer,
        Some(last) => {
            let path = call.target.split('?').next().unwrap_or_default();
            let query = format!("pagination=keyset&order_by=id&sort=desc&per_page={size}&cursor={}", last.id);
            answer.with("link", format!("<{}{path}?{query}>; rel=\"next\"", world.origin))
        }
    }
}

/// The job whose token asks.
pub(super) fn of_token(world: &World, call: &Call) -> Reply {
    call.user()?;
    let token = world.tokens.iter().find(|token| Some(token.id) == call.token);
    let job = token.and_then(|token| world.job(token.job?)).ok_or_else(Answer::unauthorized)?;
    Ok(Answer::json(200, &world.job_json(job)))
}

pub(super) fn one(world: &World, _call: &Call, id: &str) -> Reply {
    Ok(Answer::json(200, &world.job_json(world.wanted_job(id)?)))
}

pub(super) fn trace(world: &World, _call: &Call, id: &str) -> Reply {
    let job = world.wanted_job(id)?;
    let sha = world.pipeline(job.pipeline).map(|found| found.sha.clone()).unwrap_or_default();
    let mut log = String::new();
    if job.started_at.is_some() {
        log.push_str("\u{1b}[0KRunning with gitlab-runner 18.9.0 on sim\u{1b}[0;m\n");
        log.push_str(&format!("\u{1b}[32;1mChecking out {sha} as detached HEAD\u{1b}[0;m\n"));
        log.push_str(&format!("\u{1b}[32;1m$ make {}\u{1b}[0;m\n", job.spec.name));
        if job.spec.body == Body::Deploy {
            for app in &world.setup.apps {
                log.push_str(&format!("{app}: retag, push, release\n"));
            }
        }
        log.push_str(&job.log);
    }
    match job.status {
        Status::Success => log.push_str("\u{1b}[32;1mJob succeeded\u{1b}[0;m\n"),
        Status::Failed => log.push_str("\u{1b}[31;1mERROR: Job failed: exit code 1\u{1b}[0;m\n"),
        _ => {}
    }
    Ok(Answer::text(200, log))
}

/// One file of the archive; the archive as a whole is not kept here.
pub(super) fn artifact(world: &World, _call: &Call, id: &str, path: &[&str]) -> Reply {
    let job = world.wanted_job(id)?;
    if path.is_empty() {
        return Err(Answer::json(
            501,
            &json!({"error": "501 Not Implemented", "message": "no whole archives here"}),
        ));
    }
    let file = found(job.artifacts.get(&path.join("/")), "")?;
    Ok(Answer::text(200, file.clone()).with("content-disposition", "attachment"))
}

pub(super) fn play(world: &mut World, call: &Call, id: &str) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    let job = world.wanted_job(id)?.clone();
    world.check_may_run(user, &job)?;
    let playable =
        job.spec.start != Start::Automatic && (job.status == Status::Manual || job.status.is_complete());
    if !playable || world.awaits_approval(job.id) && job.status == Status::Manual {
        return Err(Answer::bad_request("Unplayable Job"));
    }
    let id = match job.status {
        Status::Manual => job.id,
        _ => world.replace(&job, user),
    };
    if let Some(job) = world.job_mut(id) {
        job.user = user;
    }
    world.start(id, true);
    world.process(job.pipeline);
    Ok(Answer::json(200, &world.job_json(found(world.job(id), "")?)))
}

pub(super) fn retry(world: &mut World, call: &Call, id: &str) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    let job = world.wanted_job(id)?.clone();
    world.check_may_run(user, &job)?;
    if !job.status.is_complete() || job.retried {
        return Err(Answer::forbidden_because("Job is not retryable"));
    }
    let id = world.replace(&job, user);
    world.process(job.pipeline);
    Ok(Answer::json(201, &world.job_json(found(world.job(id), "")?)))
}

pub(super) fn cancel(world: &mut World, call: &Call, id: &str) -> Reply {
    world.at_least(call.user, 30)?;
    let job = world.wanted_job(id)?;
    let id = job.id;
    if matches!(job.status, Status::Created | Status::Pending | Status::Running) {
        world.end_job(id, Status::Canceled, None);
    }
    Ok(Answer::json(201, &world.job_json(found(world.job(id), "")?)))
}

impl World {
    fn wanted_job(&self, id: &str) -> Result<&Job, Answer> {
        found(self.job(number(id, "job_id")?), "")
    }

    /// Deployers of a protected environment, else who may merge to the branch; and never an
    /// outdated deployment.
    fn check_may_run(&self, user: u64, job: &Job) -> Result<(), Answer> {
        let Some(pipeline) = self.pipeline(job.pipeline) else { return Err(Answer::not_found("")) };
        if job.spec.body != Body::Deploy {
            let branch = &pipeline.reference;
            let may = !self.branches.contains_key(branch) || self.can_merge(user, branch);
            return if may { Ok(()) } else { Err(Answer::forbidden()) };
        }
        if let Protection::Protected { deployers, .. } = &self.setup.protection
            && !deployers.iter().any(|who| self.is_one_of(user, who))
        {
            return Err(Answer::forbidden());
        }
        let own = self.deployment_of(job.id).map(|found| found.id);
        let newer = self
            .deployments
            .iter()
            .any(|other| other.status == "success" && own.is_some_and(|own| other.id > own));
        // A finished job comes back as a newer deployment, so only a waiting one can be outdated.
        match newer && job.status == Status::Manual && self.setup.forward_deployment {
            true => Err(Answer::forbidden()),
            false => Ok(()),
        }
    }

    /// A new job in the place of a finished one; jobs skipped because of it get another chance.
    fn replace(&mut self, job: &Job, user: u64) -> u64 {
        if let Some(old) = self.job_mut(job.id) {
            old.retried = true;
        }
        for other in self.jobs.iter_mut().filter(|other| other.pipeline == job.pipeline) {
            if other.status == Status::Skipped {
                other.status = Status::Created;
            }
        }
        self.create_job(job.pipeline, job.spec.clone(), user)
    }
}
