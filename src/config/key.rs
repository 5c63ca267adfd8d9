//! The settings that have a name in more than one layer: what each is called there, and its default.

use super::{env, promote};

/// One setting: its names in each layer.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in `.hotfix.toml`, where it may stand there, and in lists for people.
    pub name: &'static str,
    /// The environment variable; lists are separated by commas there.
    pub variable: &'static str,
    /// The key of git's configuration; lists have several values, an empty one clears those before.
    pub git: &'static str,
    /// The default, as text; lists are separated by commas.
    pub default: &'static str,
}

pub(super) const fn key(
    name: &'static str,
    variable: &'static str,
    git: &'static str,
    default: &'static str,
) -> Key {
    Key { name, variable, git, default }
}

pub(super) const REMOTE: Key = key("remote", env::REMOTE, "hotfix.remote", "origin");
pub(super) const URL: Key = key("url", env::URL, "hotfix.url", "");
pub(super) const PRODUCTION: Key =
    key("branches.production", env::PRODUCTION_BRANCH, "hotfix.productionBranch", "main");
pub(super) const PREFIX: Key = key("branches.prefix", env::BRANCH_PREFIX, "hotfix.branchPrefix", "hotfix/");
pub(super) const TARGETS: Key = key("branches.targets", env::TARGETS, "hotfix.target", "develop");
pub(super) const DEPLOY_JOB: Key =
    key("deploy.job", env::DEPLOY_JOB, "hotfix.deployJob", "deploy-prod-hotfix");
pub(super) const ROLLBACK_JOB: Key =
    key("deploy.rollback_job", env::ROLLBACK_JOB, "hotfix.rollbackJob", "rollback-prod-hotfix");
pub(super) const ENVIRONMENT: Key =
    key("deploy.environment", env::ENVIRONMENT, "hotfix.environment", "production");
pub(super) const APPS: Key = key("deploy.apps", env::APPS, "hotfix.app", "portal,admin,api-gateway");
pub(super) const MIGRATIONS_JOB: Key =
    key("migrations.job", env::MIGRATIONS_JOB, "hotfix.migrationsJob", "run-migrations-prod");
pub(super) const MIGRATIONS_PATHS: Key =
    key("migrations.paths", env::MIGRATIONS_PATHS, "hotfix.migrationsPath", "**/migrations/**,db/migrate/**");
pub(super) const BACKPORT_JOB: Key =
    key("backport.job", env::BACKPORT_JOB, "hotfix.backportJob", "hotfix-backport");
pub(super) const BACKPORT_LABELS: Key =
    key("backport.labels", env::BACKPORT_LABELS, "hotfix.backportLabel", "backport,auto-backport");
pub(super) const CONFLICT_LABELS: Key =
    key("backport.conflict_labels", env::CONFLICT_LABELS, "hotfix.conflictLabel", "backport,conflicts");
pub(super) const POLL_MIN: Key = key("poll.min", env::POLL_MIN, "hotfix.pollMin", "5s");
pub(super) const POLL_MAX: Key = key("poll.max", env::POLL_MAX, "hotfix.pollMax", "30s");
pub(super) const RETRY_BASE: Key = key("retry.base", env::RETRY_BASE, "hotfix.retryBase", "500ms");
pub(super) const RETRY_BUDGET: Key = key("retry.budget", env::RETRY_BUDGET, "hotfix.retryBudget", "60s");
pub(super) const RETRY_OUTAGE: Key = key("retry.outage", env::RETRY_OUTAGE, "hotfix.retryOutage", "30m");
pub(super) const TIMEOUT: Key = key("timeout", env::TIMEOUT, "hotfix.timeout", "60s");
pub(super) const SETTLE: Key = key("settle", env::SETTLE, "hotfix.settle", "10s");

/// Every setting that has a name in more than one layer, for the manual and for `doctor --config`.
pub const KEYS: &[&Key] = &[
    &REMOTE,
    &URL,
    &PRODUCTION,
    &PREFIX,
    &TARGETS,
    &DEPLOY_JOB,
    &ROLLBACK_JOB,
    &ENVIRONMENT,
    &APPS,
    &MIGRATIONS_JOB,
    &MIGRATIONS_PATHS,
    &BACKPORT_JOB,
    &BACKPORT_LABELS,
    &CONFLICT_LABELS,
    &POLL_MIN,
    &POLL_MAX,
    &RETRY_BASE,
    &RETRY_BUDGET,
    &RETRY_OUTAGE,
    &TIMEOUT,
    &SETTLE,
    &promote::HEROKU_URL,
    &promote::HEROKU_REGISTRY,
    &promote::RELEASE_DEADLINE,
    &promote::BOOT_DEADLINE,
    &promote::HEALTH_DEADLINE,
    &promote::HEALTH_TIMEOUT,
    &promote::HEALTH_MIN,
    &promote::HEALTH_MAX,
    &promote::HEALTH_STREAK,
    &promote::MIGRATION_SILENCE,
];
