//! Who must approve a deployment, found by the names of the environment's approval rules: pure.

use super::Args;
use super::draft::DEFAULT_APPROVALS;
use super::guess::{Answer, Guess, as_default};
use super::look::Looked;
use crate::command::usage_problem;
use crate::error::Result;

/// The roles with their rules, as far as they were found or given.
pub(super) fn approvals(looked: &Looked, args: &Args) -> Result<Guess> {
    let rules = looked.rules.as_deref().unwrap_or_default();
    let answer = if args.approval.is_empty() {
        match rules {
            [] => as_default("deploy.approvals"),
            rules => roles(rules),
        }
    } else {
        for pair in &args.approval {
            let well = pair.split_once('=').is_some_and(|(role, rule)| !role.is_empty() && !rule.is_empty());
            if !well {
                return Err(usage_problem(
                    format!("`{pair}` is no role with its rule"),
                    "git hotfix init --approval tech-lead=tech-leads --approval pm=product",
                ));
            }
        }
        Answer::Is(args.approval.clone())
    };
    Ok(Guess {
        key: "deploy.approvals",
        question: format!("who must approve, as tech-lead=<rule>,pm=<rule> (rules: {})", rules.join(", ")),
        flag: "--approval <role>=<rule>",
        answer,
    })
}

/// Finds the tech lead's and the PM's rule by their names; the second of two is the one that is left.
fn roles(rules: &[String]) -> Answer {
    let usual = DEFAULT_APPROVALS.iter().all(|pair| {
        let rule = pair.split_once('=').map_or("", |(_, rule)| rule);
        rules.iter().any(|known| known.eq_ignore_ascii_case(rule))
    });
    if usual {
        return as_default("deploy.approvals");
    }
    let only = |words: &[&str]| -> Option<&String> {
        let mut fitting = rules.iter().filter(|rule| {
            let rule = rule.to_lowercase();
            let mut parts = rule.split(|c: char| !c.is_alphanumeric());
            parts.any(|part| words.iter().any(|word| part.starts_with(word)))
        });
        fitting.next().filter(|_| fitting.next().is_none())
    };
    let (lead, pm) = (only(&["lead", "tech", "engineer", "architect"]), only(&["product", "pm", "owner"]));
    let left = |taken: &String| rules.iter().find(|rule| *rule != taken).filter(|_| rules.len() == 2);
    let pair = match (lead, pm) {
        (Some(lead), Some(pm)) if lead != pm => Some((lead, pm)),
        (Some(lead), None) => left(lead).map(|pm| (lead, pm)),
        (None, Some(pm)) => left(pm).map(|lead| (lead, pm)),
        _ => None,
    };
    match pair {
        Some((lead, pm)) => Answer::Is(vec![format!("tech-lead={lead}"), format!("pm={pm}")]),
        None => Answer::Ask(None),
    }
}
