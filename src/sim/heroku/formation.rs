//! Apps and their formation: which image each process type runs.
//!
//! Not known of the real API, and decided here: the body that answers the PATCH (the formation); what an image
//! that is no digest of a configuration is answered (422); and that an image whose last release failed makes a
//! new release, since what runs is another one.

use serde_json::{Value, json};

use super::platform::{App, OWNER, OWNERS_EMAIL, Platform, id_of};
use super::route::{Ask, refusal, refused};
use crate::sim::respond::{Answer, Reply};

/// The media type under which a process type takes an image.
const DOCKER: &str = "application/vnd.heroku+json; version=3.docker-releases";

pub(super) fn app(platform: &mut Platform, name: &str) -> Reply {
    let at = platform.now().to_string();
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let called = |name: &str| json!({"id": id_of(name), "name": name});
    Ok(Answer::json(
        200,
        &json!({
            "acm": false,
            "archived_at": null,
            "build_stack": called(&app.stack),
            "buildpack_provided_description": null,
            "created_at": at,
            "generation": called("cedar"),
            "git_url": format!("https://git.heroku.com/{}.git", app.name),
            "id": app.id,
            "internal_routing": null,
            "maintenance": false,
            "name": app.name,
            "organization": null,
            "owner": {"id": OWNER, "email": OWNERS_EMAIL},
            "region": called("eu"),
            "released_at": at,
            "repo_size": null,
            "slug_size": null,
            "space": null,
            "stack": called(&app.stack),
            "team": null,
            "updated_at": at,
            "web_url": format!("https://{}.herokuapp.com/", app.name),
        }),
    ))
}

fn rows(app: &App, at: &str) -> Value {
    let rows = app.processes.iter().filter(|(process, _)| *process != "release");
    rows.map(|(process, quantity)| {
        json!({
            "app": {"id": app.id, "name": app.name},
            "command": format!("run {process}"),
            "created_at": at,
            "dyno_size": {"id": id_of("standard-1X"), "name": "Standard-1X"},
            "id": id_of(&format!("{} {process}", app.id)),
            "type": process,
            "quantity": quantity,
            "size": "standard-1X",
            "updated_at": at,
        })
    })
    .collect()
}

pub(super) fn list(platform: &mut Platform, name: &str) -> Reply {
    let at = platform.now().to_string();
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    Ok(Answer::json(200, &rows(app, &at)))
}

pub(super) fn update(platform: &mut Platform, name: &str, ask: &Ask) -> Reply {
    let wrong = |message: &str| refused(422, "invalid_params", message);
    let updates = ask.body["updates"].as_array().cloned().ok_or_else(|| wrong("updates is missing"))?;
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    if app.stack != "container" {
        return Err(wrong("This app is not on the container stack."));
    }
    let mut images = app.current().map(|release| release.images.clone()).unwrap_or_default();
    let mut types = Vec::new();
    for update in &updates {
        let (Some(process), Some(image)) = (update["type"].as_str(), update["docker_image"].as_str()) else {
            return Err(wrong("type and docker_image are needed"));
        };
        let digest = image.strip_prefix("sha256:").unwrap_or_default();
        let hex = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !ask.accept.starts_with(DOCKER) || !hex {
            return Err(wrong("docker_image is invalid"));
        }
        images.insert(process.to_owned(), image.to_owned());
        types.push(process.to_owned());
    }
    for process in &types {
        app.processes.entry(process.clone()).or_insert(1);
    }
    // An image that is on its way, or runs, makes no release.
    let coming = app.releases.last().filter(|release| release.status == "pending");
    let known = coming.or(app.current()).is_some_and(|release| release.images == images);
    if !known {
        platform.release(name, images, &format!("Deployed {}", types.join(", ")));
    }
    let at = platform.now().to_string();
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    Ok(Answer::json(200, &rows(app, &at)))
}
