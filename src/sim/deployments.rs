//! Deployments with their approvals, the environment, and how it is protected.
//!
//! Texts of the refusals are GitLab's (`ee/app/services/deployments/approval_service.rb`).

use serde_json::{Value, json};

use super::call::{Call, found, number, paged};
use super::present::time;
use super::respond::{Answer, Reply};
use super::setup::{Protection, Rule, Who};
use super::world::{Approval, Deployment, MergeRequest, Status, World};

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let is = |name: &str, value: &str| call.text(name).is_none_or(|wanted| wanted == value);
    let mut matches: Vec<&Deployment> = world
        .deployments
        .iter()
        .filter(|found| is("environment", &world.setup.environment) && is("status", found.status))
        .collect();
    match call.text("order_by").as_deref() {
        Some("updated_at") => matches.sort_by_key(|found| (found.updated_at, found.id)),
        Some("finished_at") => matches.sort_by_key(|found| (found.finished_at, found.id)),
        _ => {}
    }
    if call.text("sort").as_deref() == Some("desc") {
        matches.reverse();
    }
    paged(call, &world.origin, &matches, true, |found| world.deployment_json(found, true))
}

pub(super) fn one(world: &World, _call: &Call, id: &str) -> Reply {
    let deployment = found(world.deployment(number(id, "deployment_id")?), "Deployment")?;
    let mut json = world.deployment_json(deployment, true);
    if world.setup.version.contains("-ee") {
        json["pending_approval_count"] = world.pending_approvals(deployment.id).into();
        json["approvals"] = deployment
            .approvals
            .iter()
            .map(|approval| world.approval_json(approval))
            .collect::<Vec<_>>()
            .into();
        let rules: Vec<Value> = world
            .rules()
            .iter()
            .map(|rule| {
                let mut json = world.rule_json(rule);
                json["deployment_approvals"] = deployment
                    .approvals
                    .iter()
                    .filter(|approval| approval.rule == rule.id)
                    .map(|approval| world.approval_json(approval))
                    .collect::<Vec<_>>()
                    .into();
                json
            })
            .collect();
        json["approval_summary"] = json!({ "rules": rules });
    }
    Ok(Answer::json(200, &json))
}

/// The merge requests that a deployment brought to production.
pub(super) fn merge_requests(world: &World, call: &Call, id: &str) -> Reply {
    let deployment = found(world.deployment(number(id, "deployment_id")?), "Deployment")?;
    let earlier =
        |other: &&Deployment| other.status == "success" && other.finished_at < deployment.finished_at;
    let before = world.deployments.iter().filter(earlier).max_by_key(|other| (other.finished_at, other.id));
    let holds = |commit: &str, head: &str| world.repository.is_ancestor(head, commit);
    let shipped: Vec<&MergeRequest> = world
        .merge_requests
        .iter()
        .filter(|found| deployment.status == "success" && found.merged.is_some())
        .filter(|found| {
            let landed = found.merge_commit_sha.as_ref().or(found.squash_commit_sha.as_ref());
            let landed = landed.unwrap_or(&found.sha);
            holds(&deployment.sha, landed) && !before.is_some_and(|before| holds(&before.sha, landed))
        })
        .collect();
    paged(call, &world.origin, &shipped, true, |found| world.merge_request_basic(found))
}

pub(super) fn approve(world: &mut World, call: &Call, id: &str) -> Reply {
    let user = world.at_least(call.user, 20)?.id;
    let deployment = found(world.deployment(number(id, "deployment_id")?), "Deployment")?.clone();
    let [status] = call.required(["status"])?;
    let approved = match status.as_str() {
        "approved" => true,
        "rejected" => false,
        _ => return Err(Answer::parameter("status does not have a valid value")),
    };
    let comment = call.text("comment").unwrap_or_default();
    if comment.chars().count() > 255 {
        return Err(Answer::message(400, json!({"comment": ["is too long (maximum is 255 characters)"]})));
    }
    let refused = |text: &str| Err(Answer::message(400, text));
    match &world.setup.protection {
        Protection::Open => return refused("This environment is not protected."),
        Protection::Protected { rules, .. } if rules.is_empty() => {
            return refused("Deployment approvals is not configured for this environment.");
        }
        Protection::Protected { .. } => {}
    }
    if world.pending_approvals(deployment.id) == 0 {
        return refused("This deployment is not waiting for approvals.");
    }
    if approved && deployment.user == user && !world.setup.triggerer_may_approve {
        return refused(
            "You cannot approve your own deployment. This configuration can be adjusted in the protected \
             environment settings.",
        );
    }
    let own: Vec<&Rule> = world.rules().iter().filter(|rule| world.is_one_of(user, &rule.who)).collect();
    if own.is_empty() {
        return refused(
            "You don't have permission to approve this deployment. Contact the project or group owner for help.",
        );
    }
    let role = call.text("represented_as").filter(|role| !role.is_empty());
    let Some(rule) = own
        .iter()
        .find(|rule| role.as_ref().is_none_or(|role| world.rule_label(rule).contains(role.as_str())))
        .map(|rule| rule.id)
    else {
        return refused(
            "There are no approval rules for the given `represent_as` parameter. Use a valid User/Group/Role \
             name instead.",
        );
    };
    let approval = Approval { user, rule, approved, comment, created_at: world.now() };
    let answer = Answer::json(201, &world.approval_json(&approval));
    let (id, job, now) = (deployment.id, deployment.job, world.now());
    if let Some(found) = world.deployments.iter_mut().find(|found| found.id == id) {
        // One answer per person and rule: a second one replaces the first.
        found.approvals.retain(|old| (old.user, old.rule) != (user, rule));
        found.approvals.push(approval);
        found.updated_at = now;
    }
    if let (false, Some(job)) = (approved, job) {
        world.end_job(job, Status::Failed, Some("deployment_rejected"));
    }
    Ok(answer)
}

pub(super) fn environments(world: &World, call: &Call) -> Reply {
    let name = call.text("name");
    let search = call.text("search").unwrap_or_default();
    let own = &world.setup.environment;
    let shown = name.is_none_or(|name| name == *own) && own.contains(&search);
    let environments: &[()] = if shown { &[()] } else { &[] };
    paged(call, &world.origin, environments, true, |()| world.environment_json())
}

pub(super) fn environment(world: &World, _call: &Call, id: &str) -> Reply {
    if id != "1" {
        return Err(Answer::not_found("Environment"));
    }
    let mut json = world.environment_json();
    json["last_deployment"] = world.in_production().map(|found| world.deployment_json(found, false)).into();
    Ok(Answer::json(200, &json))
}

pub(super) fn protected(world: &World, call: &Call) -> Reply {
    world.at_least(call.user, 40)?;
    let shown: Vec<Value> = world.protection_json().into_iter().collect();
    paged(call, &world.origin, &shown, true, Value::clone)
}

pub(super) fn protected_one(world: &World, call: &Call, name: &str) -> Reply {
    world.at_least(call.user, 40)?;
    let json = world.protection_json().filter(|_| name == world.setup.environment);
    Ok(Answer::json(200, &found(json, "")?))
}

fn level_name(level: u8) -> &'static str {
    match level {
        60 => "Administrators",
        40 => "Maintainers",
        _ => "Developers + Maintainers",
    }
}

impl World {
    pub(super) fn rules(&self) -> &[Rule] {
        match &self.setup.protection {
            Protection::Open => &[],
            Protection::Protected { rules, .. } => rules,
        }
    }

    pub(super) fn is_one_of(&self, user: u64, who: &Who) -> bool {
        let Some(user) = self.user(user) else { return false };
        match who {
            Who::Group(path) => user.groups.contains(path),
            Who::User(name) => user.username == *name,
            Who::Level(level) => user.has(*level),
        }
    }

    /// `pending_approval_count`: over all rules, what is asked less what was given; 0 unless blocked.
    pub(super) fn pending_approvals(&self, id: u64) -> usize {
        let Some(found) = self.deployment(id).filter(|found| found.status == "blocked") else { return 0 };
        let given = |rule: &Rule| {
            found.approvals.iter().filter(|approval| approval.rule == rule.id && approval.approved).count()
        };
        self.rules().iter().map(|rule| rule.required.saturating_sub(given(rule))).sum()
    }

    /// Whether a deploy job may not start yet. Where its deployment does not show yet, it may not.
    pub(super) fn awaits_approval(&self, job: u64) -> bool {
        let deploys = self.job(job).is_some_and(|job| job.spec.body == super::setup::Body::Deploy);
        deploys
            && self.needs_approvals()
            && match self.deployment_of(job) {
                Some(found) => found.status == "created" || self.pending_approvals(found.id) > 0,
                None => true,
            }
    }

    /// What the web page calls a rule: `represented_as` is a part of it.
    pub(super) fn rule_label(&self, rule: &Rule) -> String {
        self.who_label(&rule.who)
    }

    fn who_label(&self, who: &Who) -> String {
        match who {
            Who::Group(path) => path.clone(),
            Who::User(name) => self.user_named(name).map_or_else(|| name.clone(), |user| user.name.clone()),
            Who::Level(level) => level_name(*level).to_owned(),
        }
    }

    fn who_json(&self, id: u64, who: &Who) -> Value {
        json!({
            "id": id,
            "user_id": match who {
                Who::User(name) => self.user_named(name).map(|user| user.id),
                _ => None,
            },
            "group_id": match who {
                Who::Group(path) => self.group_id(path),
                _ => None,
            },
            "access_level": match who {
                Who::Level(level) => Some(*level),
                _ => None,
            },
            "access_level_description": self.who_label(who),
            "group_inheritance_type": 0,
        })
    }

    fn rule_json(&self, rule: &Rule) -> Value {
        let mut json = self.who_json(rule.id, &rule.who);
        json["required_approvals"] = rule.required.into();
        json
    }

    fn approval_json(&self, approval: &Approval) -> Value {
        json!({
            "user": self.user_json(approval.user),
            "status": if approval.approved { "approved" } else { "rejected" },
            "created_at": time(approval.created_at),
            "comment": approval.comment,
        })
    }

    fn protection_json(&self) -> Option<Value> {
        let Protection::Protected { rules, deployers } = &self.setup.protection else { return None };
        let deployers: Vec<Value> =
            deployers.iter().zip(1..).map(|(who, id)| self.who_json(id, who)).collect();
        Some(json!({
            "name": self.setup.environment,
            "deploy_access_levels": deployers,
            "required_approval_count": 0,
            "approval_rules": rules.iter().map(|rule| self.rule_json(rule)).collect::<Vec<_>>(),
        }))
    }

    pub(super) fn environment_basic(&self) -> Value {
        let name = &self.setup.environment;
        json!({
            "id": 1,
            "name": name,
            "slug": name.replace('/', "-"),
            "external_url": null,
            "created_at": time(self.setup.start),
            "updated_at": time(self.setup.start),
        })
    }

    fn environment_json(&self) -> Value {
        let mut json = self.environment_basic();
        json["tier"] = "production".into();
        json["state"] = "available".into();
        json["description"] = Value::Null;
        json["auto_stop_at"] = Value::Null;
        json["auto_stop_setting"] = "always".into();
        json["kubernetes_namespace"] = Value::Null;
        json["flux_resource_path"] = Value::Null;
        json
    }
}
