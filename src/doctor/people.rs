//! Whether there are enough people: GitLab lets whoever merged not approve, and each role needs a person
//! of its own.

use super::gate::rule_of;
use super::project::{DEVELOPER, HIDDEN, fits};
use super::read::There;
use super::{Finding, Seen};
use crate::config::Config;
use crate::error::Kind;
use crate::gitlab::{ApprovalRule, Member};

/// Self-approval, and who fills what.
pub fn checks(config: &Config, there: &There, page: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let settings = page("-/settings/ci_cd#js-protected-environments-settings");
    let own = there.project.allow_pipeline_trigger_approve_deployment;
    let mut findings = vec![match own {
        Some(true) => Finding::warn(
            "self-approval",
            "allowed: whoever merged may approve the deployment of it",
            format!("turn off `allow pipeline triggerer to approve deployment`: {settings}"),
        ),
        Some(false) => Finding::ok("self-approval", "not allowed: whoever merged cannot approve"),
        None => Finding::unknown("self-approval", HIDDEN),
    }];
    let Ok(rules) = there.rules() else { return findings };
    if rules.is_empty() || config.approvals.value.is_empty() {
        return findings;
    }
    let mut slots: Vec<(String, Seen<Vec<String>>)> = Vec::new();
    for role in &config.approvals.value {
        // A role without its rule is told elsewhere.
        let Some(rule) = rule_of(role, &rules) else { return findings };
        slots.push((role.name.clone(), approvers(there, rule)));
    }
    findings.extend(enough(&slots, &mergers(config, there), own == Some(true), &page("-/project_members")));
    findings
}

/// Who may approve under a rule.
fn approvers(there: &There, rule: &ApprovalRule) -> Seen<Vec<String>> {
    if let Some(group) = rule.group_id {
        let found = there.groups.iter().find(|(id, _)| *id == group).map(|(_, members)| members);
        return names(found.unwrap_or(&Err("its group was not read".to_owned())), |_| true);
    }
    names(&there.members, |member| match (rule.user_id, rule.access_level) {
        (Some(user), _) => member.id == user,
        (None, Some(level)) => member.access_level >= level,
        (None, None) => false,
    })
}

/// Who may merge to the production branch.
fn mergers(config: &Config, there: &There) -> Seen<Vec<String>> {
    let rules = there.protected.as_ref().map_err(Clone::clone)?;
    let production = &config.production.value;
    let levels: Vec<_> = rules
        .iter()
        .filter(|rule| fits(&rule.name, production))
        .flat_map(|rule| &rule.merge_access_levels)
        .collect();
    if levels.iter().any(|level| level.group_id.is_some()) {
        return Err("a group may merge, whose members were not read".to_owned());
    }
    let lowest = match levels.is_empty() {
        true => Some(DEVELOPER),
        false => levels.iter().filter_map(|level| level.access_level).filter(|level| *level > 0).min(),
    };
    names(&there.members, |member| {
        let by_level = lowest.is_some_and(|lowest| member.access_level >= lowest);
        by_level || levels.iter().any(|level| level.user_id == Some(member.id))
    })
}

fn names(members: &Seen<Vec<Member>>, keep: impl Fn(&Member) -> bool) -> Seen<Vec<String>> {
    let members = members.as_ref().map_err(Clone::clone)?;
    let active = |member: &&Member| member.state.as_deref().is_none_or(|state| state == "active");
    Ok(members
        .iter()
        .filter(active)
        .filter(|member| keep(member))
        .map(|member| member.username.clone())
        .collect())
}

/// Whether every role can have a person of its own, and another one merge (who could be one of them only
/// where self-approval is allowed). `page` is where people are added.
pub fn enough(
    slots: &[(String, Seen<Vec<String>>)],
    mergers: &Seen<Vec<String>>,
    own: bool,
    page: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sets: Vec<&[String]> = Vec::new();
    for (role, people) in slots {
        match people {
            Ok(people) => sets.push(people),
            Err(why) => {
                let name = format!("people for {role}");
                return vec![Finding::unknown(name, why)];
            }
        }
    }
    for ((role, _), people) in slots.iter().zip(&sets) {
        let name = format!("people for {role}");
        findings.push(match people {
            [] => Finding::fail(
                Kind::Refused,
                name,
                "nobody: this role can never approve",
                format!("add somebody to its group: {page}"),
            ),
            [one] => Finding::warn(
                name,
                format!(
                    "only {one}: nothing ships while {one} is away{}",
                    if own { "" } else { ", or has merged" }
                ),
                format!("add a second person: {page}"),
            ),
            many => Finding::ok(name, shortened(many)),
        });
    }
    if sets.iter().any(|people| people.is_empty()) {
        return findings;
    }
    const NAME: &str = "different people";
    let who: Vec<&str> = slots.iter().map(|(role, _)| role.as_str()).collect();
    let who = who.join(", ");
    if !distinct(&sets) {
        findings.push(Finding::fail(
            Kind::Refused,
            NAME,
            format!("{who} cannot each have a person of their own"),
            format!("add somebody who fills only one of them: {page}"),
        ));
        return findings;
    }
    if own {
        findings.push(Finding::ok(NAME, format!("{who} can be different people; one of them may merge")));
        return findings;
    }
    match mergers {
        Err(why) => findings.push(Finding::unknown(NAME, format!("who may merge is not known: {why}"))),
        Ok(mergers) => {
            sets.push(mergers);
            findings.push(match distinct(&sets) {
                true => Finding::ok(NAME, format!("merger, {who} can be different people")),
                false => Finding::fail(
                    Kind::Refused,
                    NAME,
                    format!("whoever merges ({}) is then missing among {who}", shortened(mergers)),
                    format!("let one more person merge or approve: {page}"),
                ),
            });
        }
    }
    findings
}

fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 if names.is_empty() => "nobody".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whether each set can give a person that no other gives.
fn distinct(sets: &[&[String]]) -> bool {
    fn place<'a>(
        sets: &[&'a [String]],
        at: usize,
        held: &mut Vec<(&'a str, usize)>,
        tried: &mut Vec<&'a str>,
    ) -> bool {
        let Some(set) = sets.get(at) else { return false };
        for person in *set {
            if tried.contains(&person.as_str()) {
                continue;
            }
            tried.push(person);
            let holder = held.iter().position(|(name, _)| *name == person.as_str());
            let free = match holder {
                None => true,
                Some(index) => {
                    let other = held[index].1;
                    let moved = place(sets, other, held, tried);
                    if moved {
                        held.retain(|(name, set)| *name != person.as_str() || *set != other);
                    }
                    moved
                }
            };
            if free {
                held.push((person, at));
                return true;
            }
        }
        false
    }
    let mut held = Vec::new();
    (0..sets.len()).all(|at| place(sets, at, &mut held, &mut Vec::new()))
}
