//! approve: every configured role, each a rule of its own filled by a person of its own, has approved
//! the deployment.
//!
//! No rules at all is Blocked, not approved. One rejection ends the deployment. Nothing starts by itself
//! after the last approval.

use std::collections::BTreeSet;

use super::{Block, Check, Who, deploy};
use crate::error::Kind;
use crate::hotfix::goal::{Ballot, Goal};
use crate::hotfix::snapshot::{DeployStatus, Deployment, Fact, Role, Rule, RunStatus, Snapshot, Vote};
use crate::hotfix::step::Step;

/// One role's slot on a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot<'a> {
    /// The role as configured.
    pub role: &'a Role,
    /// The rule that stands for it on this deployment.
    pub rule: Option<&'a Rule>,
    /// Who filled it: a person who fills no other role.
    pub filled_by: Option<&'a str>,
}

/// The slots of a deployment, filled so that as many roles as possible have a person of their own.
pub fn slots<'a>(roles: &'a [Role], rules: &'a [Rule]) -> Vec<Slot<'a>> {
    let mut slots: Vec<Slot<'a>> = roles
        .iter()
        .map(|role| Slot { role, rule: rules.iter().find(|rule| names(rule, role)), filled_by: None })
        .collect();
    for index in 0..slots.len() {
        let mut tried = BTreeSet::new();
        fill(&mut slots, index, &mut tried);
    }
    slots
}

/// Whether a rule is the one the role means. GitLab shows groups, users and levels by name.
fn names(rule: &Rule, role: &Role) -> bool {
    rule.label.trim().eq_ignore_ascii_case(role.rule.trim())
}

/// One augmenting path of the matching between roles and people; roles are few.
fn fill<'a>(slots: &mut [Slot<'a>], index: usize, tried: &mut BTreeSet<&'a str>) -> bool {
    let Some(rule) = slots.get(index).and_then(|slot| slot.rule) else { return false };
    for vote in rule.votes.iter().filter(|vote| vote.approved) {
        let person = vote.by.as_str();
        if !tried.insert(person) {
            continue;
        }
        let holder = slots.iter().position(|slot| slot.filled_by == Some(person));
        if holder.is_none_or(|other| other != index && fill(slots, other, tried)) {
            if let Some(slot) = slots.get_mut(index) {
                slot.filled_by = Some(person);
            }
            return true;
        }
    }
    false
}

pub(super) fn check(s: &Snapshot, goal: &Goal) -> Check {
    if let Goal::Approve(ballot) = goal
        && let Some(check) = too_late(s, ballot)
    {
        return check;
    }
    if s.production.known().is_some_and(|p| p.has_fix.yes() || p.had_fix.yes()) {
        return Check::done("deployed");
    }
    let Some(deployment) = s.deployment.known() else {
        return Check::unknown("the deployment was not read");
    };
    if let Some(block) = rejection(deployment) {
        return match goal {
            Goal::Deploy { again: true } => Check::done("starting over"),
            Goal::Approve(ballot) if !ballot.approve => Check::done(block.what),
            _ => Check::Blocked(block),
        };
    }
    if !matches!(deployment.job.status, RunStatus::Manual | RunStatus::Created) {
        return Check::done(format!("{} {}", deployment.job.name, deployment.job.status.words()));
    }
    if let Some(block) = deploy::reverted(s).filter(|_| !rejects(goal)) {
        return Check::Blocked(block);
    }
    let Fact::Known(rules) = &deployment.rules else {
        return Check::unknown(format!("approval rules of deployment {} could not be read", deployment.id));
    };
    if rules.is_empty() && !s.policy.roles.is_empty() {
        return Check::blocked(
            Kind::Refused,
            format!("the environment {} has no approval rules: nobody is asked", s.policy.environment),
            "a maintainer adds one rule for each role in the environment's protection; then: git hotfix doctor",
        );
    }
    let slots = slots(&s.policy.roles, rules);
    if let Some(slot) = slots.iter().find(|slot| slot.rule.is_none()) {
        let labels: Vec<&str> = rules.iter().map(|rule| rule.label.as_str()).collect();
        return Check::blocked(
            Kind::Refused,
            format!(
                "no approval rule of {} is called `{}`, which stands for {} (rules: {})",
                s.policy.environment,
                slot.role.rule,
                slot.role.name,
                labels.join(", ")
            ),
            format!("set deploy.approvals.{} in .hotfix.toml, then: git hotfix doctor", slot.role.name),
        );
    }
    if let Goal::Approve(ballot) = goal {
        return vote(s, deployment, &slots, ballot);
    }
    let open: Vec<&Slot> = slots.iter().filter(|slot| slot.filled_by.is_none()).collect();
    let left = deployment.approvals_left.known().copied();
    match (open.as_slice(), left) {
        ([], Some(0)) => Check::done(filled(&slots)),
        // The file on the production branch names no role, and this GitLab counts no approvals.
        ([], None) if rules.is_empty() && deployment.approvals_left.is_absent() => {
            Check::done("no role must approve, and the environment asks nobody")
        }
        // GitLab counts more rules than there are roles, or its count lags behind the votes.
        ([], _) => Check::wait(
            Who::People(Vec::new()),
            match left {
                Some(left) => format!("{left} more approval(s) that {} asks for", s.policy.environment),
                None => "GitLab's count of missing approvals".to_owned(),
            },
        ),
        (open, _) => {
            let mut people: Vec<String> = Vec::new();
            let mut each = Vec::new();
            for slot in open {
                let may = slot.rule.into_iter().flat_map(|rule| &rule.may);
                let may: Vec<&str> =
                    may.map(String::as_str).filter(|person| *person != deployment.triggered_by).collect();
                each.push(match may.is_empty() {
                    true => slot.role.name.clone(),
                    false => format!("{} ({})", slot.role.name, may.join(" or ")),
                });
                people.extend(may.into_iter().map(str::to_owned));
            }
            people.sort();
            people.dedup();
            Check::wait(Who::People(people), format!("approval by {}", each.join(" and ")))
        }
    }
}

fn filled(slots: &[Slot]) -> String {
    let each: Vec<String> = slots
        .iter()
        .filter_map(|slot| slot.filled_by.map(|person| format!("{} {person}", slot.role.name)))
        .collect();
    each.join(", ")
}

fn rejects(goal: &Goal) -> bool {
    matches!(goal, Goal::Approve(ballot) if !ballot.approve)
}

/// Once its job began, GitLab takes no vote. One of this user's that it took before stands.
fn too_late(s: &Snapshot, ballot: &Ballot) -> Option<Check> {
    let deployment = s.deployment.known();
    let production = s.production.known();
    let begun = deployment
        .filter(|deployment| !matches!(deployment.job.status, RunStatus::Manual | RunStatus::Created))
        .filter(|deployment| rejection(deployment).is_none())
        .map(|deployment| format!("{} is {} already", deployment.job.name, deployment.job.status.words()));
    let what = match production {
        Some(production) if production.has_fix.yes() => "it is live already".to_owned(),
        Some(production) if production.had_fix.yes() => "it was in production already".to_owned(),
        _ => begun?,
    };
    let votes = deployment.and_then(|deployment| deployment.rules.known()).into_iter().flatten();
    let mine = |vote: &&Vote| vote.approved && s.me.known().is_some_and(|me| me.username == vote.by);
    Some(match votes.flat_map(|rule| &rule.votes).find(mine) {
        Some(vote) if ballot.approve => Check::done(format!("{} approved; {what}", vote.by)),
        _ => Check::blocked(
            Kind::Refused,
            format!("{what}: no vote is taken any more"),
            match ballot.approve {
                true => "git hotfix status",
                false => "git hotfix status   (to take it back: git hotfix rollback)",
            },
        ),
    })
}

/// A rejection ends the deployment for good; only a new job starts over.
fn rejection(deployment: &Deployment) -> Option<Block> {
    let votes = deployment.rules.known().into_iter().flatten().flat_map(|rule| &rule.votes);
    let rejected = votes.clone().find(|vote| !vote.approved);
    let dropped = deployment.job.failure_reason.as_deref() == Some("deployment_rejected");
    if rejected.is_none() && !(dropped && deployment.status == DeployStatus::Failed) {
        return None;
    }
    let what = match rejected {
        Some(vote) => match vote.comment.as_deref().filter(|comment| !comment.is_empty()) {
            Some(comment) => {
                format!("{} rejected deployment {}: \"{comment}\"", vote.by, deployment.id)
            }
            None => format!("{} rejected deployment {}", vote.by, deployment.id),
        },
        None => format!("deployment {} was rejected", deployment.id),
    };
    Some(Block {
        kind: Kind::Rejected,
        what,
        hints: vec![
            "settle why, then start over with a new job (approvals start from zero): git hotfix deploy --again"
                .to_owned(),
        ],
    })
}

/// This user's own vote.
fn vote(s: &Snapshot, deployment: &Deployment, slots: &[Slot], ballot: &Ballot) -> Check {
    let Some(me) = s.me.known() else {
        return Check::unknown("whose token this is could not be read");
    };
    let refused = |what: String, hint: String| Check::blocked(Kind::Refused, what, hint);
    let given = slots.iter().find(|slot| {
        let mine =
            slot.rule.into_iter().flat_map(|rule| &rule.votes).any(|v| v.by == me.username && v.approved);
        mine && ballot.role.as_deref().is_none_or(|role| role == slot.role.name)
    });
    if let (Some(slot), true) = (given, ballot.approve) {
        return Check::done(format!("{} approved as {}", me.username, slot.role.name));
    }
    let slot = match &ballot.role {
        Some(role) => match slots.iter().find(|slot| slot.role.name == *role) {
            Some(slot) => slot,
            None => {
                let known: Vec<&str> = slots.iter().map(|slot| slot.role.name.as_str()).collect();
                return Check::blocked(
                    Kind::Usage,
                    format!("there is no role `{role}` (roles: {})", known.join(", ")),
                    format!("git hotfix approve --as {}", known.first().unwrap_or(&"<role>")),
                );
            }
        },
        None => {
            let may = |slot: &&Slot| slot.rule.is_some_and(|rule| rule.may.contains(&me.username));
            let names: Vec<&str> = slots.iter().filter(may).map(|slot| slot.role.name.as_str()).collect();
            match (slots.iter().find(may), names.as_slice()) {
                (Some(Slot { role, filled_by: Some(person), .. }), [_]) if ballot.approve => {
                    return refused(
                        format!("{} is filled by {person} already", role.name),
                        "git hotfix status".to_owned(),
                    );
                }
                (Some(slot), [_]) => slot,
                (Some(_), [first, ..]) => {
                    return refused(
                        format!("{} can fill several roles ({})", me.username, names.join(", ")),
                        format!("name one: git hotfix approve --as {first}"),
                    );
                }
                _ => {
                    let hidden = |slot: &&Slot| {
                        slot.filled_by.is_none() && slot.rule.is_some_and(|rule| rule.may.is_empty())
                    };
                    if let Some(Slot { role: Role { name, .. }, .. }) = slots.iter().find(hidden) {
                        // Not being shown the members of a group is no word about who is in it.
                        return Check::blocked(
                            Kind::Config,
                            format!("GitLab shows nobody who can fill {name}"),
                            format!("if it is you who can, say so: git hotfix approve --as {name}"),
                        );
                    }
                    return refused(
                        format!("{} can fill none of the roles that must approve", me.username),
                        "ask those who can: git hotfix ask --post   (who that is: git hotfix status)"
                            .to_owned(),
                    );
                }
            }
        }
    };
    if ballot.approve
        && deployment.triggered_by == me.username
        && (s.self_approval.no() || s.self_approval.is_absent())
    {
        return refused(
            format!(
                "GitLab does not let {} approve: it is your own deployment, since you merged",
                me.username
            ),
            format!(
                "somebody else of {} must approve: git hotfix ask",
                slot.rule.map_or(slot.role.rule.as_str(), |rule| rule.label.as_str())
            ),
        );
    }
    let ships = match (&s.ships, ballot.approve) {
        (Fact::Known(ships), _) => ships.clone(),
        // Nobody answers for what was not shown.
        (_, true) => return Check::unknown("what this deployment ships could not be told"),
        (_, false) => Vec::new(),
    };
    Check::step(Step::Vote {
        deployment: deployment.id,
        commit: deployment.commit.clone(),
        role: slot.role.name.clone(),
        rule: slot.rule.map(|rule| rule.label.clone()).unwrap_or_default(),
        approve: ballot.approve,
        comment: ballot.comment.clone(),
        ships,
    })
}
