//! Pipelines: of the project and of merge requests, with their jobs.

use super::advance::Effect;
use super::call::{Call, found, number, paged};
use super::respond::{Answer, Reply};
use super::world::{Job, Pipeline, State, World};

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let is = |name: &str, value: &str| call.text(name).is_none_or(|wanted| wanted == value);
    let mut matches: Vec<&Pipeline> = world
        .pipelines
        .iter()
        .filter(|found| is("sha", &found.sha) && is("ref", &found.reference) && is("source", found.source))
        .filter(|found| is("status", world.pipeline_status(found.id)))
        .collect();
    if call.text("sort").as_deref() != Some("asc") {
        matches.reverse();
    }
    paged(call, &world.origin, &matches, true, |found| world.pipeline_basic(found))
}

pub(super) fn one(world: &World, _call: &Call, id: &str) -> Reply {
    Ok(Answer::json(200, &world.pipeline_json(world.wanted_pipeline(id)?)))
}

pub(super) fn jobs(world: &World, call: &Call, id: &str) -> Reply {
    let pipeline = world.wanted_pipeline(id)?.id;
    let retried = call.flag("include_retried") == Some(true);
    let mut jobs: Vec<&Job> = world
        .jobs
        .iter()
        .filter(|job| job.pipeline == pipeline && (retried || !job.retried))
        .filter(|job| in_scope(call, job))
        .collect();
    jobs.reverse();
    paged(call, &world.origin, &jobs, true, |job| world.job_json(job))
}

/// Whether the `scope` parameter, one status or several, asks for this job.
pub(super) fn in_scope(call: &Call, job: &Job) -> bool {
    call.list("scope").is_none_or(|scope| scope.iter().any(|status| status == job.status.name()))
}

pub(super) fn bridges(world: &World, call: &Call, id: &str) -> Reply {
    world.wanted_pipeline(id)?;
    paged(call, &world.origin, &[] as &[Job], true, |job| world.job_json(job))
}

pub(super) fn of_merge_request(world: &World, call: &Call, iid: &str) -> Reply {
    let iid = world.wanted(iid)?.iid;
    let mut pipelines: Vec<&Pipeline> =
        world.pipelines.iter().filter(|found| found.merge_request == Some(iid)).collect();
    pipelines.reverse();
    paged(call, &world.origin, &pipelines, true, |found| world.pipeline_basic(found))
}

pub(super) fn create_for_merge_request(world: &mut World, call: &Call, iid: &str) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    let wanted = world.wanted(iid)?;
    if wanted.state != State::Opened {
        return Err(Answer::message(405, "405 Method Not Allowed"));
    }
    let (iid, sha) = (wanted.iid, wanted.sha.clone());
    let specs = world.setup.merge_request_jobs.clone();
    let reference = format!("refs/merge-requests/{iid}/head");
    let id = world.create_pipeline(&specs, &sha, None, &reference, "merge_request_event", user, Some(iid));
    world.after(world.setup.lag.pipeline, Effect::HeadPipeline { iid, pipeline: id });
    Ok(Answer::json(201, &world.pipeline_basic(found(world.pipeline(id), "")?)))
}

impl World {
    fn wanted_pipeline(&self, id: &str) -> Result<&Pipeline, Answer> {
        found(self.pipeline(number(id, "pipeline_id")?), "")
    }
}
