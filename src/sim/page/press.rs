//! What the buttons do: each is one request to the API in the reader's name, and the page again.

use serde_json::{Value, json};

use super::guard::{Asked, WHO};
use super::show;
use crate::sim::respond::Answer;
use crate::sim::world::World;

/// A form that came from our own page.
pub(super) fn post(world: &mut World, asked: &Asked, segments: &[&str]) -> Answer {
    if segments == ["whoami"] {
        return become_somebody(world, asked);
    }
    let viewer = asked.viewer(world);
    let done = match segments {
        ["merge_requests", iid, "merge"] => {
            // The web page checks while somebody looks at it.
            if let Ok(iid) = iid.parse() {
                world.check_now(iid);
            }
            let seen = json!({ "sha": asked.field("sha") });
            world.api_as(&viewer, "PUT", &format!("merge_requests/{iid}/merge"), seen)
        }
        ["merge_requests", iid, "close"] => {
            world.api_as(&viewer, "PUT", &format!("merge_requests/{iid}"), json!({"state_event": "close"}))
        }
        ["merge_requests", iid, "ready"] => {
            let title = asked.field("title");
            world.api_as(&viewer, "PUT", &format!("merge_requests/{iid}"), json!({ "title": title }))
        }
        ["merge_requests", iid, "approve"] => {
            let seen = json!({ "sha": asked.field("sha") });
            world.api_as(&viewer, "POST", &format!("merge_requests/{iid}/approve"), seen)
        }
        ["jobs", id, deed @ ("play" | "retry" | "cancel")] => {
            world.api_as(&viewer, "POST", &format!("jobs/{id}/{deed}"), json!({}))
        }
        ["deployments", id, "approval"] => {
            let (status, comment, role) =
                (asked.field("status"), asked.field("comment"), asked.field("represented_as"));
            let body = json!({"status": status, "comment": comment, "represented_as": role});
            world.api_as(&viewer, "POST", &format!("deployments/{id}/approval"), body)
        }
        _ => return Answer::text(501, "the embedded GitLab has no such button\n"),
    };
    let page = segments.get(..2).unwrap_or_default();
    if done.is_success() {
        // A job that was played or retried again is a new one; its page is where the reader goes.
        let id = done.value()["id"].as_u64().filter(|_| page.first() == Some(&"jobs"));
        let last = id
            .map_or_else(|| page.last().map(|id| (*id).to_owned()).unwrap_or_default(), |id| id.to_string());
        let to = format!(
            "{}/{}/-/{}/{last}",
            world.setup.root,
            world.setup.project,
            page.first().copied().unwrap_or_default()
        );
        return Answer::text(303, "").with("location", to);
    }
    let why = reason(&done);
    let status = done.status;
    Answer { status, ..show(world, asked, page, Some(&why)) }
}

/// Chooses whom to play, and goes back to where the reader was.
fn become_somebody(world: &World, asked: &Asked) -> Answer {
    let who = asked.field("who");
    if world.user_named(&who).is_none() {
        return Answer::text(400, "there is nobody of that name\n");
    }
    // Only a path of our own: `//host` would be another site's.
    let own = format!("{}/{}", world.setup.root, world.setup.project);
    let back = Some(asked.field("back")).filter(|back| *back == own || back.starts_with(&format!("{own}/")));
    Answer::text(303, "")
        .with("location", back.unwrap_or(own))
        .with("set-cookie", format!("{WHO}={who}; Path=/; HttpOnly; SameSite=Strict"))
}

/// Why GitLab refused, in its own words.
fn reason(answer: &Answer) -> String {
    let body = answer.value();
    let words = [&body["message"], &body["error_description"], &body["error"]];
    let said = words.iter().find(|value| !value.is_null()).map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    match (answer.status, said) {
        (401, _) => "Your role does not allow this.".to_owned(),
        (405, _) => "It cannot be merged as it stands.".to_owned(),
        (_, Some(said)) => said,
        (status, None) => format!("GitLab answered {status}."),
    }
}
