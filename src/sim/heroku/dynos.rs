//! Dynos: those of the formation, and one-off ones that run a command.

use serde_json::{Value, json};

use super::platform::{App, Dyno, Platform, Script};
use super::route::{Ask, refusal, refused};
use crate::sim::respond::{Answer, Reply};

fn present(rendezvous: &str, app: &App, dyno: &Dyno) -> Value {
    let release = app.releases.iter().find(|release| release.version == dyno.release);
    json!({
        "attach_url": dyno.script.as_ref().map(|_| format!("{rendezvous}/{}", dyno.id)),
        "command": dyno.command,
        "created_at": dyno.created_at.to_string(),
        "id": dyno.id,
        "name": dyno.name,
        "release": {"id": release.map(|release| release.id.as_str()), "version": dyno.release},
        "app": {"id": app.id, "name": app.name},
        "size": "standard-1X",
        "state": dyno.state,
        "type": dyno.process,
        "updated_at": dyno.created_at.to_string(),
    })
}

pub(super) fn list(platform: &mut Platform, name: &str) -> Reply {
    let rendezvous = platform.rendezvous.clone();
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let rows = app.dynos.iter().map(|dyno| present(&rendezvous, app, dyno)).collect();
    Ok(Answer::json(200, &Value::Array(rows)))
}

pub(super) fn one(platform: &mut Platform, name: &str, which: &str) -> Reply {
    let rendezvous = platform.rendezvous.clone();
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let found = app.dynos.iter().find(|dyno| dyno.id == which || dyno.name == which);
    let found = found.ok_or_else(|| refused(404, "not_found", "Couldn't find that process."))?;
    Ok(Answer::json(200, &present(&rendezvous, app, found)))
}

/// Starts a one-off dyno; what it says is fetched at its rendezvous.
pub(super) fn start(platform: &mut Platform, name: &str, ask: &Ask) -> Reply {
    let (rendezvous, created_at, id) = (platform.rendezvous.clone(), platform.now(), platform.fresh_id());
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let Some(command) = ask.body["command"].as_str() else {
        return Err(refused(422, "invalid_params", "command is missing"));
    };
    if app.conflicts > 0 {
        app.conflicts -= 1;
        return Err(refused(409, "conflict", "Release was not found, try again later."));
    }
    let number = 1000 + app.dynos.len();
    let said = Script { lines: vec!["done".to_owned()], exit: Some(0) };
    let script = app.scripts.pop_front().unwrap_or(said);
    let release = app.current().map_or(0, |release| release.version);
    app.dynos.push(Dyno {
        id,
        name: format!("run.{number}"),
        process: "run".to_owned(),
        command: command.to_owned(),
        release,
        state: "starting",
        left: 0,
        script: (ask.body["attach"] == json!(true)).then_some(script),
        created_at,
    });
    let app = platform.app(name).ok_or_else(|| refusal(404))?;
    let started = app.dynos.last().ok_or_else(|| refusal(500))?;
    Ok(Answer::json(201, &present(&rendezvous, app, started)))
}
