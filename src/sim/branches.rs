//! Branches and their protection.

use serde_json::{Value, json};

use super::call::{Call, found, paged};
use super::respond::{Answer, Reply};
use super::world::World;

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let search = call.text("search").unwrap_or_default();
    // `^` anchors the start and `$` the end, as in GitLab.
    let matches = |name: &str| match (search.strip_prefix('^'), search.strip_suffix('$')) {
        (Some(start), _) => name.starts_with(start),
        (_, Some(end)) => name.ends_with(end),
        _ => name.to_lowercase().contains(&search.to_lowercase()),
    };
    let names: Vec<&String> = world.branches.keys().filter(|name| matches(name)).collect();
    paged(call, &world.origin, &names, true, |name| world.branch_json(name, call))
}

pub(super) fn one(world: &World, call: &Call, name: &str) -> Reply {
    found(world.branches.get(name), "Branch")?;
    Ok(Answer::json(200, &world.branch_json(name, call)))
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    let [branch, from] = call.required(["branch", "ref"])?;
    if world.branches.contains_key(&branch) {
        return Err(Answer::message(400, "Branch already exists"));
    }
    let Some(id) = world.branch(&from).or_else(|| world.repository.resolve(&from)) else {
        return Err(Answer::message(400, format!("Invalid reference name: {from}")));
    };
    world.move_branch(&branch, Some(&id), user)?;
    Ok(Answer::json(201, &world.branch_json(&branch, call)))
}

pub(super) fn delete(world: &mut World, call: &Call, name: &str) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    found(world.branches.get(name), "Branch")?;
    if name == world.setup.production || world.protected.contains(name) {
        return Err(Answer::forbidden());
    }
    world.move_branch(name, None, user)?;
    Ok(Answer::empty(204))
}

pub(super) fn protected(world: &World, call: &Call) -> Reply {
    let names: Vec<&String> = world.protected.iter().collect();
    paged(call, &world.origin, &names, true, |name| world.protected_json(name))
}

pub(super) fn protected_one(world: &World, _call: &Call, name: &str) -> Reply {
    found(world.protected.get(name), "")?;
    Ok(Answer::json(200, &world.protected_json(name)))
}

impl World {
    fn branch_json(&self, name: &str, call: &Call) -> Value {
        let tip = self.branch(name).unwrap_or_default();
        let protected = self.protected.contains(name);
        let merged = name != self.setup.production
            && self
                .branch(&self.setup.production)
                .is_some_and(|main| self.repository.is_ancestor(&tip, &main));
        let level = if protected { self.setup.push_level } else { 30 };
        json!({
            "name": name,
            "commit": self.commit_of(&tip),
            "merged": merged,
            "protected": protected,
            "developers_can_push": protected && self.setup.push_level <= 30,
            "developers_can_merge": protected && self.setup.merge_level <= 30,
            "can_push": self.at_least(call.user, level).is_ok(),
            "default": name == self.setup.production,
            "web_url": format!("{}/-/tree/{name}", self.project_web()),
        })
    }

    fn protected_json(&self, name: &str) -> Value {
        let level = |id: u64, level: u8| {
            let text = if level >= 40 { "Maintainers" } else { "Developers + Maintainers" };
            json!([{
                "id": id,
                "access_level": level,
                "access_level_description": text,
                "deploy_key_id": null,
                "user_id": null,
                "group_id": null,
            }])
        };
        json!({
            "id": self.protected.iter().position(|other| other == name).map(|at| at + 1),
            "name": name,
            "push_access_levels": level(1, self.setup.push_level),
            "merge_access_levels": level(2, self.setup.merge_level),
            "allow_force_push": false,
            "unprotect_access_levels": [],
            "code_owner_approval_required": false,
            "inherited": false,
        })
    }
}
