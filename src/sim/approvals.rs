//! Approvals of merge requests (not of deployments).

use serde_json::{Value, json};

use super::call::{Call, found};
use super::present::time;
use super::respond::{Answer, Reply};
use super::world::{MergeRequest, State, World};

pub(super) fn one(world: &World, call: &Call, iid: &str) -> Reply {
    Ok(Answer::json(200, &world.approvals_json(world.wanted(iid)?, call.user)))
}

pub(super) fn state(world: &World, _call: &Call, iid: &str) -> Reply {
    let found = world.wanted(iid)?;
    let required = world.setup.approvals_required;
    let by: Vec<u64> = found.approvals.iter().map(|(user, _)| *user).collect();
    let rules = json!([{
        "id": 1,
        "name": "All Members",
        "rule_type": "any_approver",
        "report_type": null,
        "eligible_approvers": [],
        "approvals_required": required,
        "users": [],
        "groups": [],
        "contains_hidden_groups": false,
        "section": null,
        "source_rule": null,
        "overridden": false,
        "code_owner": false,
        "approved_by": world.users_json(&by),
        "approved": by.len() >= required,
    }]);
    let rules = if required > 0 { rules } else { json!([]) };
    Ok(Answer::json(200, &json!({"approval_rules_overwritten": false, "rules": rules})))
}

pub(super) fn approve(world: &mut World, call: &Call, iid: &str) -> Reply {
    let user = call.user()?;
    let wanted = world.wanted(iid)?;
    if !world.can_approve(wanted, user) {
        return Err(Answer::unauthorized());
    }
    if call.text("sha").is_some_and(|sha| sha != wanted.sha) {
        let text = format!("SHA does not match HEAD of source branch: {}", wanted.sha);
        return Err(Answer::message(409, text));
    }
    let (iid, now) = (wanted.iid, world.now());
    found(world.merge_request_mut(iid), "")?.approvals.push((user, now));
    world.note(iid, user, "approved this merge request", true);
    Ok(Answer::json(201, &world.approvals_json(world.wanted(&iid.to_string())?, Some(user))))
}

pub(super) fn unapprove(world: &mut World, call: &Call, iid: &str) -> Reply {
    let user = call.user()?;
    let iid = world.wanted(iid)?.iid;
    let wanted = found(world.merge_request_mut(iid), "")?;
    let before = wanted.approvals.len();
    wanted.approvals.retain(|(by, _)| *by != user);
    if wanted.approvals.len() == before {
        return Err(Answer::not_found(""));
    }
    world.note(iid, user, "unapproved this merge request", true);
    Ok(Answer::json(201, &world.approvals_json(world.wanted(&iid.to_string())?, Some(user))))
}

impl World {
    /// Authors cannot approve their own, nobody twice, and it takes a developer.
    fn can_approve(&self, wanted: &MergeRequest, user: u64) -> bool {
        wanted.state == State::Opened
            && wanted.author != user
            && !wanted.approvals.iter().any(|(by, _)| *by == user)
            && self.at_least(Some(user), 30).is_ok()
    }

    fn approvals_json(&self, found: &MergeRequest, user: Option<u64>) -> Value {
        let required = self.setup.approvals_required;
        let left = required.saturating_sub(found.approvals.len());
        let by: Vec<Value> = found
            .approvals
            .iter()
            .map(|(user, at)| json!({"user": self.user_json(*user), "approved_at": time(*at)}))
            .collect();
        let mut json = json!({
            "id": found.id,
            "iid": found.iid,
            "project_id": super::world::PROJECT_ID,
            "title": found.title,
            "state": found.state.name(),
            "created_at": time(found.created_at),
            "updated_at": time(found.updated_at),
            "merge_status": self.merge_request_basic(found)["merge_status"],
            "user_has_approved": found.approvals.iter().any(|(by, _)| Some(*by) == user),
            "user_can_approve": user.is_some_and(|user| self.can_approve(found, user)),
            "approved_by": by,
        });
        match self.setup.version.contains("-ee") {
            true => {
                json["approved"] = (left == 0).into();
                json["approvals_required"] = required.into();
                json["approvals_left"] = left.into();
                json["require_password_to_approve"] = false.into();
                json["suggested_approvers"] = json!([]);
                json["approvers"] = json!([]);
                json["approver_groups"] = json!([]);
                json["approval_rules_left"] = match left {
                    0 => json!([]),
                    _ => json!([{"id": 1, "name": "All Members", "rule_type": "any_approver"}]),
                };
                json["has_approval_rules"] = (required > 0).into();
                json["multiple_approval_rules_available"] = true.into();
                json["invalid_approvers_rules"] = json!([]);
            }
            // Free: approved means that somebody did.
            false => json["approved"] = (!found.approvals.is_empty()).into(),
        }
        json
    }
}
