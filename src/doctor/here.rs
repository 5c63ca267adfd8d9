//! git, the remote, the branches and the paths of migrations: what a clone alone can tell.

use std::collections::BTreeSet;

use globset::GlobBuilder;

use super::read::Here;
use super::{Finding, Seen};
use crate::config::Config;
use crate::error::{Kind, Problem};

/// Names that no branch may have, since branches are made below them: git keeps both as paths.
pub fn reserved(config: &Config) -> Vec<String> {
    let first = |text: &str| text.split_once('/').map(|(first, _)| first.to_owned());
    let mut names = vec!["backport".to_owned()];
    names.extend(first(&config.prefix.value).filter(|name| name != "backport"));
    names
}

/// git and the remote.
pub fn git(config: &Config, here: &Here, url: Result<&str, &Problem>) -> Vec<Finding> {
    let mut findings = vec![match &here.git {
        Ok(version) => Finding::ok("git", version.to_string()),
        Err(problem) => Finding::of_problem("git", problem),
    }];
    let remote = &config.remote.value;
    findings.push(match (&here.branches, url) {
        (_, Err(problem)) => Finding::of_problem("remote", problem),
        (Ok(_), Ok(url)) => Finding::ok("remote", format!("{remote} answers: {url}")),
        (Err(problem), Ok(url)) => Finding::fail(
            Kind::Config,
            "remote",
            format!("git cannot read {url}: {problem}"),
            format!("make this work first: git ls-remote {remote}"),
        ),
    });
    findings
}

/// The branches that must be there, and those that must not.
pub fn branches(config: &Config, branches: &Seen<BTreeSet<String>>, local: &[String]) -> Vec<Finding> {
    let found = match branches {
        Ok(found) => found,
        Err(why) => return vec![Finding::unknown("branches", why)],
    };
    let mut findings = Vec::new();
    let production = &config.production.value;
    findings.push(match found.contains(production) {
        true => Finding::ok("production branch", production),
        false => Finding::fail(
            Kind::Config,
            "production branch",
            format!("there is no branch {production}"),
            // Not in the file: that is looked for on this very branch.
            "name yours: git config hotfix.productionBranch <branch>",
        ),
    });
    if config.targets.value.is_empty() {
        findings.push(Finding::warn(
            "backport targets",
            "none: what lands in production comes back to no branch",
            "name them: [branches] targets in .hotfix.toml",
        ));
    }
    for target in &config.targets.value {
        let matching = match target.split_once('*') {
            Some((prefix, suffix)) => {
                found.iter().filter(|name| name.starts_with(prefix) && name.ends_with(suffix)).count()
            }
            None => usize::from(found.contains(target)),
        };
        findings.push(match (matching, target.contains('*')) {
            _ if target == production => Finding::fail(
                Kind::Config,
                "backport target",
                format!("{target} is the production branch itself"),
                "name yours: [branches] targets in .hotfix.toml   (or: git hotfix init)",
            ),
            (0, false) => Finding::fail(
                Kind::Config,
                "backport target",
                format!("there is no branch {target}"),
                "name yours: [branches] targets in .hotfix.toml   (or: git hotfix init)",
            ),
            (0, true) => Finding::warn(
                "backport target",
                format!("{target} matches no branch"),
                "mend the pattern: [branches] targets in .hotfix.toml",
            ),
            (many, true) => Finding::ok("backport target", format!("{target} ({many} branches)")),
            (_, false) => Finding::ok("backport target", target),
        });
    }
    let reserved = reserved(config);
    let remote = &config.remote.value;
    let there = reserved.iter().filter(|name| found.contains(*name)).map(|name| {
        let mend = format!(
            "rename it: git push {remote} {remote}/{name}:refs/heads/{name}-old && git push {remote} --delete {name}"
        );
        (format!("a branch called {name} on {remote} leaves no room for {name}/…"), mend)
    });
    let here = reserved.iter().filter(|name| local.contains(name)).map(|name| {
        let mend = format!("rename it: git branch -m {name} {name}-old");
        (format!("a branch called {name} in this clone leaves no room for {name}/…"), mend)
    });
    let clashes: Vec<Finding> = there
        .chain(here)
        .map(|(found, mend)| Finding::fail(Kind::Refused, "branch names", found, mend))
        .collect();
    match clashes.is_empty() {
        true => {
            let free: Vec<String> = reserved.iter().map(|name| format!("{name}/…")).collect();
            findings.push(Finding::ok("branch names", format!("{} free", free.join(" and "))));
        }
        false => findings.extend(clashes),
    }
    findings
}

/// Migration patterns that match nothing find no migration either.
pub fn migrations(config: &Config, paths: &Seen<Vec<String>>) -> Vec<Finding> {
    const NAME: &str = "migration paths";
    let paths = match paths {
        Ok(paths) => paths,
        Err(why) => return vec![Finding::unknown(NAME, why)],
    };
    let mut counts = Vec::new();
    for pattern in &config.migrations_paths.value {
        counts.push((pattern, matching(pattern, paths)));
    }
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let each: Vec<String> = counts.iter().map(|(pattern, count)| format!("{pattern} ({count})")).collect();
    let each = each.join(", ");
    let mend = "mend the patterns: [migrations] paths in .hotfix.toml   ([] where there are none)";
    let unused = counts.iter().any(|(_, count)| *count == 0);
    let chosen = config.migrations_paths.source != crate::config::Source::Default;
    vec![match (counts.is_empty(), total) {
        (true, _) => Finding::ok(NAME, "none configured: no change counts as a migration"),
        (_, 0) => Finding::warn(NAME, format!("no file matches: {each}"), mend),
        // One of the default patterns is enough; of one's own, each should find something.
        _ if unused && chosen => Finding::warn(NAME, format!("some match nothing: {each}"), mend),
        _ => Finding::ok(NAME, each),
    }]
}

/// How many of the paths match a pattern.
pub fn matching(pattern: &str, paths: &[String]) -> usize {
    let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() else { return 0 };
    let matcher = glob.compile_matcher();
    paths.iter().filter(|path| matcher.is_match(path)).count()
}
