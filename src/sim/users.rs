//! The instance, accounts, tokens and groups.

use serde_json::{Value, json};

use super::call::{Call, found, paged};
use super::present::time;
use super::respond::{Answer, Reply};
use super::world::{User, World};

pub(super) fn version(world: &World, call: &Call) -> Reply {
    call.user()?;
    Ok(Answer::json(200, &json!({"version": world.setup.version, "revision": "5d82bcce"})))
}

pub(super) fn metadata(world: &World, call: &Call) -> Reply {
    call.user()?;
    Ok(Answer::json(
        200,
        &json!({
            "version": world.setup.version,
            "revision": "5d82bcce",
            "kas": {"enabled": false, "externalUrl": null, "externalK8sProxyUrl": null, "version": null},
            "enterprise": world.setup.version.contains("-ee"),
        }),
    ))
}

pub(super) fn current(world: &World, call: &Call) -> Reply {
    let id = call.user()?;
    let user = found(world.user(id), "User")?;
    let mut json = world.user_json(id);
    let since = time(world.setup.start);
    for (name, value) in [
        ("email", json!(user.email())),
        ("commit_email", json!(user.email())),
        ("created_at", json!(since)),
        ("confirmed_at", json!(since)),
        ("last_sign_in_at", json!(since)),
        ("current_sign_in_at", json!(since)),
        ("bio", json!("")),
        ("location", Value::Null),
        ("linkedin", json!("")),
        ("twitter", json!("")),
        ("website_url", json!("")),
        ("organization", Value::Null),
        ("color_scheme_id", json!(1)),
        ("projects_limit", json!(10)),
        ("identities", json!([])),
        ("can_create_group", json!(false)),
        ("can_create_project", json!(false)),
        ("two_factor_enabled", json!(true)),
        ("external", json!(false)),
        ("bot", json!(user.username == "bot")),
    ] {
        json[name] = value;
    }
    Ok(Answer::json(200, &json))
}

pub(super) fn list(world: &World, call: &Call) -> Reply {
    call.user()?;
    let username = call.text("username");
    let matches: Vec<&User> = world
        .users
        .iter()
        .filter(|user| username.as_ref().is_none_or(|name| user.username.eq_ignore_ascii_case(name)))
        .collect();
    paged(call, &world.origin, &matches, true, |user| world.user_json(user.id))
}

pub(super) fn token(world: &World, call: &Call) -> Reply {
    call.user()?;
    let token = found(world.tokens.iter().find(|token| Some(token.id) == call.token), "Token")?;
    Ok(Answer::json(
        200,
        &json!({
            "id": token.id,
            "name": "rehearsal",
            "revoked": token.revoked,
            "created_at": time(world.setup.start),
            "description": null,
            "scopes": token.scopes,
            "user_id": token.user,
            "last_used_at": time(world.now()),
            "active": !token.revoked && !world.is_expired(token),
            "expires_at": token.expires_at,
        }),
    ))
}

/// Everything below `/groups/:id`.
pub(super) fn group(world: &World, call: &Call, group: &str, path: &[&str]) -> Reply {
    call.user()?;
    let id = found(world.group_id(group), "Group")?;
    let name = world.group_paths().into_iter().nth(id as usize - 1).unwrap_or_default();
    match (call.method.as_str(), path) {
        ("GET", []) => Ok(Answer::json(
            200,
            &json!({
                "id": id,
                "name": name,
                "path": name,
                "full_path": name,
                "web_url": format!("{}/groups/{name}", world.base()),
            }),
        )),
        ("GET", ["members"] | ["members", "all"]) => {
            let members: Vec<&User> = world.users.iter().filter(|user| user.groups.contains(&name)).collect();
            paged(call, &world.origin, &members, true, |user| world.member_json(user))
        }
        // Environments are protected in the project only; the group's list is for maintainers.
        ("GET", ["protected_environments"]) => {
            world.at_least(call.user, 40)?;
            Ok(Answer::json(200, &json!([])))
        }
        _ => Err(Answer::json(
            501,
            &json!({"message": format!("the embedded GitLab does not know {} {}", call.method, call.target)}),
        )),
    }
}

impl World {
    /// The groups' paths; an id is the position, counted from one.
    fn group_paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.users.iter().flat_map(|user| user.groups.clone()).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// A group's id, by id or path.
    pub(super) fn group_id(&self, name: &str) -> Option<u64> {
        let paths = self.group_paths();
        paths
            .iter()
            .position(|path| path == name)
            .map(|at| at as u64 + 1)
            .or_else(|| name.parse().ok().filter(|&id: &u64| id >= 1 && id <= paths.len() as u64))
    }

    pub(super) fn member_json(&self, user: &User) -> Value {
        let mut json = self.user_json(user.id);
        json["access_level"] = user.level.unwrap_or(20).into();
        json["created_at"] = time(self.setup.start).into();
        json["expires_at"] = Value::Null;
        json["membership_state"] = "active".into();
        json
    }
}
