//! Releases: the list with its Range, one of them, the stream of its release phase, and going back.

use serde_json::{Value, json};

use super::platform::{App, OWNER, OWNERS_EMAIL, Platform, Release, id_of};
use super::route::{Ask, refusal, refused};
use crate::sim::respond::{Answer, Reply};

fn present(origin: &str, app: &App, release: &Release) -> Value {
    let current = app.current().is_some_and(|current| current.version == release.version);
    let mut artifacts: Vec<&String> = release.images.values().collect();
    artifacts.dedup();
    json!({
        "addon_plan_names": [],
        "artifacts": artifacts.iter().map(|image| json!({"type": "oci-image", "id": id_of(image)})).collect::<Value>(),
        "app": {"id": app.id, "name": app.name},
        "created_at": release.created_at.to_string(),
        "description": release.description,
        "id": release.id,
        "updated_at": release.created_at.to_string(),
        "slug": null,
        "status": release.status,
        "user": {"id": OWNER, "email": OWNERS_EMAIL},
        "version": release.version,
        "current": current,
        "output_stream_url": release.output.as_ref().map(|(stream, _)| format!("{origin}/streams/{stream}")),
        "eligible_for_rollback": release.status == "succeeded",
    })
}

/// `version ..; max=10, order=desc`: how many, and whether the newest come first.
fn asked(range: &str) -> (usize, bool) {
    let options = range.split_once(';').map(|(_, options)| options).unwrap_or_default();
    let mut asked = (200, false);
    for option in options.split(',').map(str::trim) {
        match option.split_once('=') {
            Some(("max", most)) => asked.0 = most.parse().unwrap_or(asked.0),
            Some(("order", order)) => asked.1 = order == "desc",
            _ => {}
        }
    }
    asked
}

pub(super) fn list(platform: &mut Platform, name: &str, ask: &Ask) -> Reply {
    let origin = platform.origin.clone();
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let (most, newest_first) = asked(&ask.range);
    let mut rows: Vec<Value> = app.releases.iter().map(|release| present(&origin, app, release)).collect();
    if newest_first {
        rows.reverse();
    }
    let all = rows.len();
    rows.truncate(most);
    let status = if rows.len() < all { 206 } else { 200 };
    let version = |row: Option<&Value>| row.map(|row| row["version"].to_string()).unwrap_or_default();
    let shown = format!("version {}..{}", version(rows.first()), version(rows.last()));
    Ok(Answer::json(status, &Value::Array(rows)).with("content-range", shown))
}

pub(super) fn one(platform: &mut Platform, name: &str, which: &str) -> Reply {
    let origin = platform.origin.clone();
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let found = app.releases.iter().find(|one| one.id == which || one.version.to_string() == which);
    let found = found.ok_or_else(|| refused(404, "not_found", "Couldn't find that release."))?;
    Ok(Answer::json(200, &present(&origin, app, found)))
}

pub(super) fn roll_back(platform: &mut Platform, name: &str, ask: &Ask) -> Reply {
    let origin = platform.origin.clone();
    let wrong = |message: &str| refused(422, "invalid_params", message);
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let id = ask.body["release"].as_str().ok_or_else(|| wrong("release is missing"))?;
    let target = app.releases.iter().find(|one| one.id == id || one.version.to_string() == id).cloned();
    let target = target.ok_or_else(|| refused(404, "not_found", "Couldn't find that release."))?;
    if target.status != "succeeded" {
        return Err(wrong("Cannot rollback to a release that had errors."));
    }
    platform.release(name, target.images, &format!("Rollback to v{}", target.version));
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let made = app.releases.last().ok_or_else(|| refusal(500))?;
    Ok(Answer::json(201, &present(&origin, app, made)))
}

/// The output of a release phase, from a byte on where `Range` asks for one.
pub(super) fn stream(platform: &mut Platform, stream: &str, range: &str) -> Reply {
    let absent = || Answer::text(404, "Channel is not registered.");
    for app in &mut platform.apps {
        let output = app.output.clone();
        for release in &mut app.releases {
            let Some((_, left)) = release.output.as_mut().filter(|(name, _)| name == stream) else {
                continue;
            };
            if *left > 0 {
                *left -= 1;
                return Err(absent());
            }
            let from =
                range.strip_prefix("bytes=").and_then(|range| range.trim_end_matches('-').parse().ok());
            return match from {
                None => Ok(Answer::text(200, output)),
                Some(from) if from < output.len() => Ok(Answer::text(206, &output.as_bytes()[from..])),
                Some(_) => Err(Answer::text(416, "")),
            };
        }
    }
    Err(absent())
}
