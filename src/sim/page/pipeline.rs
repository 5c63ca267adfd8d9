//! A pipeline as its stages with their jobs, and one job with its log and buttons.

use serde_json::json;

use super::deployment;
use super::frame::{Frame, clock};
use super::html::{Html, without_colours};
use crate::sim::respond::Answer;
use crate::sim::world::{Job, Status, World};

/// How much of a job's log is shown, from its end.
const LOG: usize = 100_000;

/// The page of a pipeline.
pub(super) fn page(frame: &Frame, id: u64) -> Option<Answer> {
    let world = frame.world;
    let found = world.pipeline(id)?;
    let moves = matches!(world.pipeline_status(id), "created" | "pending" | "running")
        || world.latest_jobs(id).iter().any(|job| is_moving(frame, job));
    Some(frame.page(&format!("Pipeline #{id}"), moves, |html| {
        html.words("h1", &[], format!("Pipeline #{id}"));
        html.element("p", &[("class", "faint")], |html| {
            let (tone, words) = frame.pipeline_state(id);
            frame.state(html, tone, words);
            html.text(format!(" · {} · ", found.reference));
            frame.commit(html, &found.sha);
            html.text(format!(" · by {} at {}", frame.name(found.user), clock(found.created_at)));
        });
        if let Some(iid) = found.merge_request {
            html.element("p", &[], |html| {
                html.text("Of merge request ")
                    .link(&frame.to(&format!("merge_requests/{iid}")), format!("!{iid}"));
            });
        }
        graph(frame, html, id);
        // Only what still waits is shown here whole; what is done has its own page.
        for job in world.latest_jobs(id) {
            if let Some(found) = world.deployment_of(job.id).filter(|_| job.status == Status::Manual) {
                deployment::section(frame, html, found);
            }
        }
    }))
}

/// The stages, in their order, each with its jobs.
pub(super) fn graph(frame: &Frame, html: &mut Html, pipeline: u64) {
    let world = frame.world;
    for stage in world.stages(pipeline) {
        html.words("h2", &[], &stage);
        html.element("ul", &[("class", "rows")], |html| {
            let jobs = world.latest_jobs(pipeline);
            for job in jobs.into_iter().filter(|job| job.spec.stage == stage) {
                html.element("li", &[("class", "job")], |html| row(frame, html, job));
            }
        });
    }
}

fn row(frame: &Frame, html: &mut Html, job: &Job) {
    html.element("span", &[], |html| {
        html.link(&frame.to(&format!("jobs/{}", job.id)), &job.spec.name);
        if job.spec.allow_failure {
            html.words("span", &[("class", "faint")], " optional");
        }
    });
    let (tone, words) = frame.job_state(job);
    frame.state(html, tone, words);
    buttons(frame, html, job);
}

/// Play, retry, cancel: as the job stands.
pub(super) fn buttons(frame: &Frame, html: &mut Html, job: &Job) {
    let to = |deed: &str| frame.to(&format!("jobs/{}/{deed}", job.id));
    if job.retried {
        return;
    }
    match job.status {
        Status::Manual if !frame.world.awaits_approval(job.id) => {
            frame.button(html, &to("play"), "main", "Play");
        }
        Status::Failed | Status::Canceled => frame.button(html, &to("retry"), "", "Retry"),
        Status::Pending | Status::Running => frame.button(html, &to("cancel"), "", "Cancel"),
        _ => {}
    }
}

/// Whether a job, or the deployment that follows it, will soon stand differently by itself.
fn is_moving(frame: &Frame, job: &Job) -> bool {
    let deployment = frame.world.deployment_of(job.id).map(|found| found.status);
    match job.status {
        Status::Pending | Status::Running => true,
        Status::Manual => frame.world.awaits_approval(job.id) && !matches!(deployment, Some("blocked")),
        _ => matches!(deployment, Some("created" | "running")),
    }
}

/// The page of a job; of one that deploys, with the approvals, because that is where approvers are sent.
pub(super) fn job_page(frame: &Frame, id: u64) -> Option<Answer> {
    let world = frame.world;
    let job = world.job(id)?;
    let moves = is_moving(frame, job);
    Some(frame.page(&format!("{} #{id}", job.spec.name), moves, |html| {
        html.words("h1", &[], &job.spec.name);
        html.element("p", &[("class", "faint")], |html| {
            let (tone, words) = frame.job_state(job);
            frame.state(html, tone, words);
            html.text(format!(" · job #{id} of "));
            let pipeline = job.pipeline;
            html.link(&frame.to(&format!("pipelines/{pipeline}")), format!("pipeline #{pipeline}"));
        });
        if job.retried {
            let newest = world.jobs.iter().rfind(|other| {
                other.pipeline == job.pipeline && other.spec.name == job.spec.name && !other.retried
            });
            html.element("p", &[("class", "card notice")], |html| {
                html.text("It was run again");
                if let Some(newest) = newest {
                    html.text(": ")
                        .link(&frame.to(&format!("jobs/{}", newest.id)), format!("#{}", newest.id));
                }
            });
        }
        match world.deployment_of(id) {
            Some(found) => deployment::section(frame, html, found),
            None => {
                html.element("div", &[("class", "rungs")], |html| buttons(frame, html, job));
            }
        }
        let log = log(world, frame.viewer.map_or("", |user| &user.username), id);
        if !log.is_empty() {
            html.words("h2", &[], "Log").words("pre", &[], log);
        }
    }))
}

/// The end of the log, as the API gives it.
fn log(world: &World, who: &str, job: u64) -> String {
    let answer = world.clone().call_as(who, "GET", &format!("jobs/{job}/trace"), json!({}));
    if !answer.is_success() {
        return String::new();
    }
    let from = answer.body.len().saturating_sub(LOG);
    without_colours(&String::from_utf8_lossy(answer.body.get(from..).unwrap_or_default()))
}
