//! The lane's names, checked to be ones that GitLab takes, and when a pipeline is one of a hotfix.

use super::Wishes;
use super::yaml::scalar;
use crate::ci::shell_word;
use crate::config::Config;
use crate::error::{Kind, Problem, Result};

/// Names as they stand in the file.
pub(super) struct Names {
    pub(super) deploy: String,
    pub(super) migrations: String,
    pub(super) backport: String,
    pub(super) rollback: String,
    pub(super) environment: String,
    pub(super) group: String,
    pub(super) migrates: bool,
    pub(super) backports: bool,
}

impl Names {
    pub(super) fn of(config: &Config, wishes: &Wishes) -> Result<Names> {
        let deploy = config.deploy_jobs.value.first().map(String::as_str).unwrap_or_default();
        let migrates = !config.migrations_paths.value.is_empty();
        let backports = !config.targets.value.is_empty();
        let mut used: Vec<(&str, &str)> =
            vec![("deploy.job", deploy), ("deploy.rollback_job", &config.rollback_job.value)];
        used.extend(migrates.then_some(("migrations.job", config.migrations_job.value.as_str())));
        used.extend(backports.then_some(("backport.job", config.backport_job.value.as_str())));
        used.extend(wishes.gate.then_some(("the gate", GATE)));
        for (index, (key, name)) in used.iter().enumerate() {
            if name.starts_with('.') || GLOBALS.contains(name) {
                return Err(unusable(format!("{key}: GitLab takes no job called `{name}`"), key));
            }
            if let Some((other, _)) = used.iter().take(index).find(|(_, before)| before == name) {
                return Err(unusable(format!("{other} and {key} are both called `{name}`"), key));
            }
        }
        if wishes.gate && !backports {
            return Err(Problem::new(
                Kind::Usage,
                "--gate has nothing to look at: there are no backport targets",
            )
            .hint("leave --gate out, or name targets: [branches] targets in .hotfix.toml"));
        }
        let apps = &config.apps.value;
        if let Some(stranger) = wishes.migrating_app.as_ref().filter(|app| !apps.contains(app)) {
            return Err(Problem::new(Kind::Usage, format!("there is no app called {stranger}"))
                .because(format!("configured are {}", apps.join(", ")))
                .hint(match apps.last() {
                    Some(app) => format!("git hotfix ci template --migrate-app {}", shell_word(app)),
                    None => "name it in .hotfix.toml on the production branch: [deploy] apps".to_owned(),
                }));
        }
        let group = wishes.resource_group.as_deref().unwrap_or(&config.environment.value);
        Ok(Names {
            deploy: scalar(deploy),
            migrations: scalar(&config.migrations_job.value),
            backport: scalar(&config.backport_job.value),
            rollback: scalar(&config.rollback_job.value),
            environment: scalar(&config.environment.value),
            group: scalar(group),
            migrates,
            backports,
        })
    }
}

/// The job that holds the normal lane up.
pub(super) const GATE: &str = "hotfix-gate";

/// Keys of a CI file that are no jobs.
const GLOBALS: &[&str] = &[
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "pages",
    "services",
    "spec",
    "stages",
    "true",
    "false",
    "nil",
    "types",
    "variables",
    "workflow",
];

fn unusable(what: String, key: &str) -> Problem {
    Problem::new(Kind::Config, what)
        .hint(format!("rename it: {key} in .hotfix.toml, then: git hotfix ci template"))
}

/// When a pipeline is one of a hotfix.
pub(super) fn condition(config: &Config) -> Result<String> {
    let main = quoted(&config.production.value)?;
    let mut condition = format!(
        "$CI_COMMIT_BRANCH == {main} && $CI_PIPELINE_SOURCE != \"schedule\" && $HOTFIX_LANE != \"normal\""
    );
    let normal = pattern(config);
    if !normal.is_empty() {
        condition.push_str(&format!(" && $CI_COMMIT_TITLE !~ /^Merge branch '({normal})' into /"));
    }
    Ok(condition)
}

/// The targets as a regular expression between slashes.
pub(super) fn pattern(config: &Config) -> String {
    let one = |target: &String| -> String {
        let special = |c: char| "\\.+?()[]{}|^$/".contains(c);
        target
            .chars()
            .map(|c| match c {
                '*' => ".*".to_owned(),
                c if special(c) => format!("\\{c}"),
                c => c.to_string(),
            })
            .collect()
    };
    config.targets.value.iter().map(one).collect::<Vec<_>>().join("|")
}

/// A string of GitLab's rules, which know no escapes.
fn quoted(text: &str) -> Result<String> {
    match (text.contains('"'), text.contains('\'')) {
        (false, _) => Ok(format!("\"{text}\"")),
        (true, false) => Ok(format!("'{text}'")),
        (true, true) => {
            Err(Problem::new(Kind::Config, format!("no rule of GitLab's can name the branch {text}"))
                .hint("it holds both kinds of quotes; rename the branch: git branch -m <name>, then: git hotfix ci template"))
        }
    }
}
