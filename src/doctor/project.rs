//! The project's settings that decide how a hotfix lands: rights, protection, merge, labels.

use super::read::There;
use super::{Finding, Seen};
use crate::config::Config;
use crate::error::Kind;
use crate::gitlab::{AccessLevel, Label, MergeMethod, ProtectedBranch, SquashOption};

/// GitLab's access level of a developer: the least that may push a branch and open a merge request.
pub const DEVELOPER: u64 = 30;

/// A setting that GitLab's answer does not hold.
pub const HIDDEN: &str = "GitLab does not show it (Maintainers may see it)";

/// The name of an access level.
pub fn level_name(level: u64) -> &'static str {
    match level {
        0..10 => "no role",
        10..20 => "Guest",
        20..30 => "Reporter",
        30..40 => "Developer",
        40..50 => "Maintainer",
        _ => "Owner",
    }
}

/// All checks of the project. `page` makes the address of a page of the project.
pub fn checks(config: &Config, there: &There, page: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let mut findings = vec![access(there, page), instance(there)];
    findings.extend(protection(config, &there.protected, there.project.access_level(), page));
    findings.extend(merging(there, page));
    findings.push(labels(config, &there.labels, page));
    findings
}

fn access(there: &There, page: &dyn Fn(&str) -> String) -> Finding {
    const NAME: &str = "project";
    let project = &there.project;
    let path = &project.path_with_namespace;
    if project.archived == Some(true) {
        let mend = format!("an owner unarchives it: {}", page("edit#js-project-advanced-settings"));
        return Finding::fail(Kind::Refused, NAME, format!("{path} is archived and takes no writes"), mend);
    }
    match project.access_level() {
        Some(level) if level < DEVELOPER => Finding::fail(
            Kind::Config,
            NAME,
            format!("{path}: as {} you may neither push nor open a merge request", level_name(level)),
            format!("ask a maintainer for the role Developer: {}", page("-/project_members")),
        ),
        Some(level) => Finding::ok(NAME, format!("{path}, as {}", level_name(level))),
        // GitLab does not tell administrators their role, nor some bots.
        None => Finding::ok(NAME, format!("{path}; GitLab does not tell your role")),
    }
}

fn instance(there: &There) -> Finding {
    match &there.version {
        Ok(version) if version.enterprise == Some(false) => Finding::fail(
            Kind::Refused,
            "GitLab",
            format!("{}: the community edition has no deployment approvals", version.version),
            "asking several people takes GitLab Premium or Ultimate",
        ),
        Ok(version) => Finding::ok("GitLab", &version.version),
        Err(why) => Finding::unknown("GitLab", why),
    }
}

fn protection(
    config: &Config,
    protected: &Seen<Vec<ProtectedBranch>>,
    mine: Option<u64>,
    page: &dyn Fn(&str) -> String,
) -> Vec<Finding> {
    let production = &config.production.value;
    let name = format!("protection of {production}");
    let rules = match protected {
        Ok(rules) => rules,
        Err(why) => return vec![Finding::unknown(name, why)],
    };
    let settings = page("-/settings/repository#js-protected-branches-settings");
    let matching: Vec<&ProtectedBranch> = rules.iter().filter(|rule| fits(&rule.name, production)).collect();
    let mut findings = Vec::new();
    if matching.is_empty() {
        findings.push(Finding::warn(
            name,
            "not protected: every developer may push to it, with no merge request",
            format!("protect it, push for nobody: {settings}"),
        ));
    } else {
        let merge = matching.iter().flat_map(|rule| &rule.merge_access_levels);
        let who = labels_of(merge.clone());
        let push = labels_of(matching.iter().flat_map(|rule| &rule.push_access_levels));
        if matching.iter().any(|rule| rule.allow_force_push == Some(true)) {
            findings.push(Finding::warn(
                &name,
                "force pushes are allowed: what production runs could vanish from it",
                format!("turn them off: {settings}"),
            ));
        }
        let lowest = merge.clone().filter_map(|level| level.access_level).filter(|level| *level > 0).min();
        let by_level = merge.clone().all(|level| level.user_id.is_none() && level.group_id.is_none());
        let mine = mine.unwrap_or(u64::MAX);
        findings.push(match lowest {
            Some(lowest) if by_level && mine < lowest => Finding::warn(
                name,
                format!("merge: {who}; push: {push}. You are {}, so another must merge", level_name(mine)),
                format!("ask one of them when the time comes, or ask for the role: {settings}"),
            ),
            _ => Finding::ok(name, format!("merge: {who}; push: {push}")),
        });
    }
    // Rules for other branches can stand in the way of pushing ours.
    let ours = [format!("{}x", config.prefix.value), "backport/x".to_owned()];
    for rule in rules.iter().filter(|rule| ours.iter().any(|branch| fits(&rule.name, branch))) {
        let lowest = rule.push_access_levels.iter().filter_map(|level| level.access_level).min();
        if lowest.is_some_and(|lowest| lowest == 0 || mine.is_some_and(|mine| mine < lowest)) {
            findings.push(Finding::warn(
                format!("protection of {}", rule.name),
                format!("push: {}, which you are not", labels_of(rule.push_access_levels.iter())),
                format!("let developers push to it: {settings}"),
            ));
        }
    }
    findings
}

/// Whether a protection rule, a name or a pattern with `*`, is for this branch.
pub fn fits(rule: &str, branch: &str) -> bool {
    let mut parts = rule.split('*');
    let Some(mut rest) = parts.next().and_then(|first| branch.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn labels_of<'a>(levels: impl Iterator<Item = &'a AccessLevel>) -> String {
    let mut names: Vec<&str> =
        levels.map(|level| level.access_level_description.as_deref().unwrap_or("somebody")).collect();
    names.dedup();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

fn merging(there: &There, page: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let project = &there.project;
    let settings = page("-/settings/merge_requests");
    let mut findings = Vec::new();
    findings.push(match (&project.merge_method, project.merge_trains_enabled) {
        (_, Some(true)) => Finding::warn(
            "merge method",
            "merge trains: a hotfix queues behind other merges, and lands as another commit",
            format!("let hotfixes skip the train, or turn it off for them: {settings}"),
        ),
        (None, _) => Finding::unknown("merge method", HIDDEN),
        (Some(MergeMethod::Other(word)), _) => {
            Finding::unknown("merge method", format!("`{word}`, which this version does not know"))
        }
        (Some(method), _) => Finding::ok(
            "merge method",
            match method {
                MergeMethod::Merge => "merge commit: picked with -m 1",
                MergeMethod::RebaseMerge => "merge commit on a rebased branch: picked with -m 1",
                _ => "fast-forward: each commit is picked in order",
            },
        ),
    });
    findings.push(match &project.squash_option {
        None => Finding::unknown("squash", HIDDEN),
        Some(SquashOption::Other(word)) => {
            Finding::unknown("squash", format!("`{word}`, which this version does not know"))
        }
        Some(option) => Finding::ok(
            "squash",
            match option {
                SquashOption::Never => "never",
                SquashOption::Always => "always: the fix lands as one commit",
                SquashOption::DefaultOn => "on, unless somebody turns it off",
                _ => "off, unless somebody turns it on",
            },
        ),
    });
    const PIPELINES: &str = "pipelines must succeed";
    findings.push(
        match (project.only_allow_merge_if_pipeline_succeeds, project.allow_merge_on_skipped_pipeline) {
            (None, _) => Finding::unknown(PIPELINES, HIDDEN),
            (Some(false), _) => Finding::warn(
                PIPELINES,
                "off: the web page merges with a red pipeline (git hotfix merge does not)",
                format!("turn it on under merge checks: {settings}"),
            ),
            (Some(true), Some(true)) => Finding::warn(
                PIPELINES,
                "on, but a skipped pipeline counts as a good one",
                format!("turn `skipped pipelines are considered successful` off: {settings}"),
            ),
            (Some(true), _) => Finding::ok(PIPELINES, "on"),
        },
    );
    const OUTDATED: &str = "outdated deployments";
    findings.push(match project.ci_forward_deployment_enabled {
        None => Finding::unknown(OUTDATED, HIDDEN),
        Some(true) => Finding::ok(OUTDATED, "prevented"),
        Some(false) => Finding::warn(
            OUTDATED,
            "not prevented: an older job could take production back after a newer one",
            format!(
                "turn on `prevent outdated deployment jobs`: {}",
                page("-/settings/ci_cd#js-general-pipeline-settings")
            ),
        ),
    });
    findings
}

fn labels(config: &Config, labels: &Seen<Vec<Label>>, page: &dyn Fn(&str) -> String) -> Finding {
    let known = match labels {
        Ok(known) => known,
        Err(why) => return Finding::unknown("labels", why),
    };
    let mut wanted: Vec<&String> = Vec::new();
    for label in config.backport_labels.value.iter().chain(&config.conflict_labels.value) {
        if !wanted.contains(&label) {
            wanted.push(label);
        }
    }
    let list = |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let missing: Vec<&String> =
        wanted.iter().filter(|name| !known.iter().any(|label| label.name == ***name)).copied().collect();
    match missing.is_empty() {
        true => Finding::ok("labels", list(&wanted)),
        false => Finding::warn(
            "labels",
            format!("{} not there yet; the first backport makes them if its user may", list(&missing)),
            format!("make them: {}", page("-/labels/new")),
        ),
    }
}
