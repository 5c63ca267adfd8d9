//! The gate before production: the protected environment, its approval rules, and the roles they stand for.

use super::Finding;
use super::read::There;
use crate::config::{Config, Role};
use crate::error::Kind;
use crate::gitlab::ApprovalRule;

/// What GitLab shows a rule as; how roles are matched with rules.
pub fn label(rule: &ApprovalRule) -> &str {
    rule.access_level_description.as_deref().unwrap_or_default().trim()
}

/// The rule that stands for a role.
pub fn rule_of<'a>(role: &Role, rules: &'a [ApprovalRule]) -> Option<&'a ApprovalRule> {
    rules.iter().find(|rule| label(rule).eq_ignore_ascii_case(role.rule.trim()))
}

/// The environment, its rules and its deployers.
pub fn checks(config: &Config, there: &There, page: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let environment = &config.environment.value;
    let settings = page("-/settings/ci_cd#js-protected-environments-settings");
    let mut findings = Vec::new();
    findings.push(match &there.environment {
        Ok(Some(_)) => Finding::ok("environment", environment),
        Ok(None) => Finding::fail(
            Kind::Config,
            "environment",
            format!("there is no environment called {environment}"),
            format!(
                "make it: {}   (or name yours: [deploy] environment in .hotfix.toml)",
                page("-/environments/new")
            ),
        ),
        Err(why) => Finding::unknown("environment", why),
    });
    let rules = match there.rules() {
        Ok(rules) => rules,
        Err(why) => {
            findings.push(Finding::unknown("approval rules", why));
            return findings;
        }
    };
    findings.extend(roles(config, there, &rules, &settings));
    findings.push(deployers(there, &settings));
    findings
}

fn roles(config: &Config, there: &There, rules: &[ApprovalRule], settings: &str) -> Vec<Finding> {
    const NAME: &str = "approval rules";
    let environment = &config.environment.value;
    let roles = &config.approvals.value;
    let unified = there.protection.as_ref().ok().and_then(|protection| protection.as_ref());
    if roles.is_empty() {
        return vec![Finding::warn(
            NAME,
            "no role is asked for: whoever may deploy ships alone",
            "name them: [deploy.approvals] in .hotfix.toml on the production branch",
        )];
    }
    if rules.is_empty() {
        let wanted: Vec<&str> = roles.iter().map(|role| role.rule.as_str()).collect();
        let found = match unified.and_then(|protection| protection.required_approval_count).unwrap_or(0) {
            0 => format!("none: nobody is asked before {environment} changes"),
            count => format!("{count} approval(s) of anybody, the old kind: roles cannot be told apart"),
        };
        let mend = format!("add one rule each for {}: {settings}", wanted.join(" and "));
        return vec![Finding::fail(Kind::Refused, NAME, found, mend)];
    }
    let labels: Vec<&str> = rules.iter().map(label).collect();
    let mut findings = Vec::new();
    for role in roles {
        findings.push(match rule_of(role, rules) {
            Some(rule) if rule.required_approvals == 0 => Finding::fail(
                Kind::Refused,
                &role.name,
                format!("the rule {} asks for no approval at all", label(rule)),
                format!("ask for one: {settings}"),
            ),
            Some(rule) if rule.required_approvals > 1 => Finding::ok(
                &role.name,
                format!("rule {}, {} approvals", label(rule), rule.required_approvals),
            ),
            Some(rule) => Finding::ok(&role.name, format!("rule {}", label(rule))),
            None => Finding::fail(
                Kind::Config,
                &role.name,
                format!("no rule is called `{}` (rules: {})", role.rule, labels.join(", ")),
                format!(
                    "set [deploy.approvals] {} in .hotfix.toml to one of these, or add the rule: {settings}",
                    role.name
                ),
            ),
        });
    }
    let extra: Vec<&str> = rules
        .iter()
        .filter(|rule| !roles.iter().any(|role| label(rule).eq_ignore_ascii_case(role.rule.trim())))
        .map(label)
        .collect();
    if !extra.is_empty() {
        findings.push(Finding::warn(
            NAME,
            format!("GitLab also asks {}, which stands for no role here", extra.join(", ")),
            "name them too: [deploy.approvals] in .hotfix.toml",
        ));
    }
    findings
}

/// Approvers are not deployers by themselves.
fn deployers(there: &There, settings: &str) -> Finding {
    const NAME: &str = "may deploy";
    let protection = match &there.protection {
        Ok(Some(protection)) => protection,
        Ok(None) => {
            return Finding::warn(
                NAME,
                "the project does not protect the environment: every developer may start the job",
                format!("protect it (its group may do so already): {settings}"),
            );
        }
        Err(why) => return Finding::unknown(NAME, why),
    };
    let names: Vec<&str> = protection
        .deploy_access_levels
        .iter()
        .filter_map(|level| level.access_level_description.as_deref())
        .collect();
    match names.is_empty() {
        true => Finding::fail(
            Kind::Refused,
            NAME,
            "nobody: the job can be approved, but never started",
            format!("allow those who ship: {settings}"),
        ),
        false => Finding::ok(NAME, names.join(", ")),
    }
}
