//! The pages that a browser sees at the embedded GitLab's own addresses, and the buttons on them.
//!
//! Server-rendered, without scripts. What a button does goes through the API's own handlers in the name of
//! whoever the reader chose to be, so a page can do exactly what GitLab lets that person do.

mod deployment;
mod frame;
mod guard;
mod html;
mod merge_request;
mod overview;
mod pipeline;
mod press;

use frame::Frame;
pub(super) use guard::{Asked, token};

use super::respond::Answer;
use super::world::{Check, World};

const STYLE: &str = include_str!("style.css");

/// Answers a browser; `None` where the address is none of a page's.
pub(super) fn answer(world: &mut World, asked: &Asked) -> Option<Answer> {
    let project = format!("/{}", world.setup.project);
    let below = match asked.path.as_str() {
        "/" => {
            let to = format!("{}{project}", world.setup.root);
            return (asked.method == "GET").then(|| Answer::text(302, "").with("location", to));
        }
        "/-/page.css" => {
            let style = Answer { status: 200, headers: Vec::new(), body: STYLE.as_bytes().to_vec() };
            return Some(style.with("content-type", "text/css; charset=utf-8"));
        }
        "/-/whoami" => "whoami",
        path => match path.strip_prefix(&project)? {
            "" | "/" => "",
            below => below.strip_prefix("/-/")?,
        },
    };
    let segments: Vec<&str> = below.split('/').filter(|segment| !segment.is_empty()).collect();
    if let Err(refusal) = asked.check(&world.page_token) {
        return Some(refusal);
    }
    Some(match asked.method.as_str() {
        "GET" => show(world, asked, &segments, None),
        "POST" => press::post(world, asked, &segments),
        _ => Answer::text(405, "a page takes GET and POST\n"),
    })
}

/// A page, with why the last button did nothing where it was refused.
fn show(world: &mut World, asked: &Asked, segments: &[&str], refused: Option<&str>) -> Answer {
    let viewer = asked.viewer(world);
    if let ["merge_requests", iid, ..] = segments
        && let Some(iid) = iid.parse().ok()
        && world.merge_request(iid).is_some_and(|found| found.check == Check::Unchecked)
    {
        // A look starts the check, as in GitLab.
        world.check_now(iid);
    }
    world.reads += 1;
    world.settle();
    let frame = Frame::new(world, viewer, segments, refused);
    if !frame.is_member() {
        return frame.missing(404, "There is no such project, or it is none of yours.");
    }
    let number = |text: &str| text.parse::<u64>().ok();
    let page = match segments {
        [] | ["merge_requests" | "pipelines" | "environments" | "deployments" | "jobs"] => {
            Some(overview::page(&frame))
        }
        ["merge_requests", iid] | ["merge_requests", iid, "diffs" | "commits" | "pipelines"] => {
            number(iid).and_then(|iid| merge_request::page(&frame, iid))
        }
        ["pipelines", id] => number(id).and_then(|id| pipeline::page(&frame, id)),
        ["jobs", id] => number(id).and_then(|id| pipeline::job_page(&frame, id)),
        ["environments", _, "deployments", id] | ["deployments", id] => {
            number(id).and_then(|id| deployment::page(&frame, id))
        }
        ["commit", sha] => overview::commit_page(&frame, sha),
        _ => return frame.missing(501, "The embedded GitLab has no page for this; its settings are data."),
    };
    page.unwrap_or_else(|| frame.missing(404, "There is nothing at this address."))
}
