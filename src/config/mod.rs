//! Configuration: layers, their order, and where each value came from.
//!
//! A flag stands before a `GIT_HOTFIX_*` variable, that before `git config hotfix.*`, that before
//! `.hotfix.toml`, that before the defaults. This room reads the environment, and glab's file for a
//! token; git's configuration and the bytes of `.hotfix.toml` are given to it. No network.
//!
//! Not everything may be set everywhere. The file of a repository cannot name the instance or the
//! remote; and who must approve can only be said in the file, which for that is read from the
//! protected branch: neither a variable nor a clone's own configuration can lower it.

pub mod env;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod key;
mod promote;
#[cfg(test)]
mod tests;
mod token;
mod value;

use std::fmt;
use std::time::Duration;

use url::Url;

use key::*;

use crate::error::{Kind, Problem};
use crate::http::{Options, Retry};

pub use env::Env;
pub use file::{App, FILE_NAME, File, Health, Role, names_an_image};
pub use key::{KEYS, Key};
pub use promote::Promote;
pub use token::{Search, TokenSource, find as find_token};
pub use value::instance_url;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag(&'static str),
    /// The environment.
    Variable(&'static str),
    /// git's configuration.
    Git(&'static str),
    /// `.hotfix.toml`, by its label.
    File(String),
    /// Built in.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(name) | Source::Variable(name) => f.write_str(name),
            Source::Git(key) => write!(f, "git config {key}"),
            Source::File(label) => f.write_str(label),
            Source::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// What the command line says; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--remote`.
    pub remote: Option<String>,
    /// `--host`, a host or a URL.
    pub host: Option<String>,
    /// `--to`, repeatable.
    pub to: Vec<String>,
}

/// Everything resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The git remote that is the project.
    pub remote: Setting<String>,
    /// The instance, where the remote does not tell it.
    pub url: Setting<Option<Url>>,
    /// Where hotfixes are cut and land.
    pub production: Setting<String>,
    /// What the names of new hotfix branches begin with.
    pub prefix: Setting<String>,
    /// Where landed hotfixes are backported to: names, or patterns with `*`.
    pub targets: Setting<Vec<String>>,
    /// The manual jobs that deploy.
    pub deploy_jobs: Setting<Vec<String>>,
    /// The manual job that rolls back.
    pub rollback_job: Setting<String>,
    /// The protected environment.
    pub environment: Setting<String>,
    /// The production apps.
    pub apps: Setting<Vec<String>>,
    /// Who must approve, in the order they are shown.
    pub approvals: Setting<Vec<Role>>,
    /// The manual job that runs migrations.
    pub migrations_job: Setting<String>,
    /// Patterns of the paths that hold migrations.
    pub migrations_paths: Setting<Vec<String>>,
    /// The pipeline's backport job.
    pub backport_job: Setting<String>,
    /// The labels of a clean backport.
    pub backport_labels: Setting<Vec<String>>,
    /// The labels of a conflicted one.
    pub conflict_labels: Setting<Vec<String>>,
    /// The `[apps.*]` sections of the file.
    pub app_details: Vec<App>,
    /// The shortest pause between two looks at GitLab.
    pub poll_min: Setting<Duration>,
    /// The longest one.
    pub poll_max: Setting<Duration>,
    /// The first pause before a read is tried again.
    pub retry_base: Setting<Duration>,
    /// How long reads are tried again.
    pub retry_budget: Setting<Duration>,
    /// How long a run that waits puts up with a server that does not answer.
    pub retry_outage: Setting<Duration>,
    /// How long one request may take.
    pub timeout: Setting<Duration>,
    /// How long what was just written is looked for before it counts as missing.
    pub settle: Setting<Duration>,
    /// What the pipeline's side needs.
    pub promote: Promote,
}

/// The layers, from the first to the last that is asked.
pub struct Layers<'a> {
    /// The command line.
    pub flags: &'a Flags,
    /// The environment.
    pub env: &'a Env,
    /// All values of a key of git's configuration, in git's order; the case of the key does not matter
    /// to git, so it must not matter here.
    pub git: &'a dyn Fn(&str) -> Vec<String>,
    /// `.hotfix.toml`, where there is one.
    pub file: Option<&'a File>,
}

impl Config {
    /// Resolves every setting; the first value that cannot be used is an error that names its source.
    pub fn resolve(layers: &Layers<'_>) -> Result<Config, Problem> {
        use value::{branch, duration, label, name, path_pattern, target, timeout};
        let flags = layers.flags;
        let remote = flags.remote.clone().map(|remote| ("--remote", vec![remote]));
        let host = flags.host.clone().map(|host| ("--host", vec![host]));
        let to = Some(("--to", flags.to.clone())).filter(|(_, to)| !to.is_empty());
        let url = layers.list(&URL, host, instance_url)?;
        Ok(Config {
            remote: layers.one(&REMOTE, remote, name)?,
            url: Setting { value: url.value.into_iter().next_back(), source: url.source },
            production: layers.one(&PRODUCTION, None, branch)?,
            prefix: layers.one(&PREFIX, None, branch)?,
            targets: layers.list(&TARGETS, to, target)?,
            deploy_jobs: layers.some(&DEPLOY_JOB, name)?,
            rollback_job: layers.one(&ROLLBACK_JOB, None, name)?,
            environment: layers.one(&ENVIRONMENT, None, name)?,
            apps: layers.list(&APPS, None, name)?,
            approvals: layers.approvals(),
            migrations_job: layers.one(&MIGRATIONS_JOB, None, name)?,
            migrations_paths: layers.list(&MIGRATIONS_PATHS, None, path_pattern)?,
            backport_job: layers.one(&BACKPORT_JOB, None, name)?,
            backport_labels: layers.list(&BACKPORT_LABELS, None, label)?,
            conflict_labels: layers.list(&CONFLICT_LABELS, None, label)?,
            app_details: layers.file.map(|file| file.apps.clone()).unwrap_or_default(),
            poll_min: layers.one(&POLL_MIN, None, duration)?,
            poll_max: layers.one(&POLL_MAX, None, duration)?,
            retry_base: layers.one(&RETRY_BASE, None, duration)?,
            retry_budget: layers.one(&RETRY_BUDGET, None, duration)?,
            retry_outage: layers.one(&RETRY_OUTAGE, None, duration)?,
            timeout: layers.one(&TIMEOUT, None, timeout)?,
            settle: layers.one(&SETTLE, None, duration)?,
            promote: Promote::resolve(layers)?,
        })
    }

    /// How the HTTP client shall behave.
    pub fn http_options(&self) -> Options {
        let defaults = Options::default();
        let total = self.timeout.value;
        let retry = Retry { base: self.retry_base.value, budget: self.retry_budget.value, ..defaults.retry };
        Options { connect: defaults.connect.min(total), read: defaults.read.min(total), total, retry }
    }

    /// Every setting as name, value and source, for `doctor --config`.
    pub fn rows(&self) -> Vec<(&'static str, String, String)> {
        fn row<T>(
            key: &'static str,
            setting: &Setting<T>,
            text: impl Fn(&T) -> String,
        ) -> (&'static str, String, String) {
            (key, text(&setting.value), setting.source.to_string())
        }
        let list = |values: &Vec<String>| values.join(", ");
        let time = |time: &Duration| match time.subsec_millis() {
            0 => format!("{}s", time.as_secs()),
            _ => format!("{}ms", time.as_millis()),
        };
        let url = |url: &Option<Url>| url.as_ref().map(Url::to_string).unwrap_or_default();
        let roles = |roles: &Vec<Role>| {
            roles.iter().map(|role| format!("{} = {}", role.name, role.rule)).collect::<Vec<_>>().join(", ")
        };
        vec![
            row(REMOTE.name, &self.remote, String::clone),
            row(URL.name, &self.url, url),
            row(PRODUCTION.name, &self.production, String::clone),
            row(PREFIX.name, &self.prefix, String::clone),
            row(TARGETS.name, &self.targets, list),
            row(DEPLOY_JOB.name, &self.deploy_jobs, list),
            row(ROLLBACK_JOB.name, &self.rollback_job, String::clone),
            row(ENVIRONMENT.name, &self.environment, String::clone),
            row(APPS.name, &self.apps, list),
            row("deploy.approvals", &self.approvals, roles),
            row(MIGRATIONS_JOB.name, &self.migrations_job, String::clone),
            row(MIGRATIONS_PATHS.name, &self.migrations_paths, list),
            row(BACKPORT_JOB.name, &self.backport_job, String::clone),
            row(BACKPORT_LABELS.name, &self.backport_labels, list),
            row(CONFLICT_LABELS.name, &self.conflict_labels, list),
            row(POLL_MIN.name, &self.poll_min, time),
            row(POLL_MAX.name, &self.poll_max, time),
            row(RETRY_BASE.name, &self.retry_base, time),
            row(RETRY_BUDGET.name, &self.retry_budget, time),
            row(RETRY_OUTAGE.name, &self.retry_outage, time),
            row(TIMEOUT.name, &self.timeout, time),
            row(SETTLE.name, &self.settle, time),
            row(promote::HEROKU_URL.name, &self.promote.heroku_url, Url::to_string),
            row(promote::HEROKU_REGISTRY.name, &self.promote.heroku_registry, Url::to_string),
            row(promote::RELEASE_DEADLINE.name, &self.promote.release_deadline, time),
            row(promote::BOOT_DEADLINE.name, &self.promote.boot_deadline, time),
            row(promote::HEALTH_DEADLINE.name, &self.promote.health_deadline, time),
            row(promote::HEALTH_TIMEOUT.name, &self.promote.health_timeout, time),
            row(promote::HEALTH_MIN.name, &self.promote.health_min, time),
            row(promote::HEALTH_MAX.name, &self.promote.health_max, time),
            row(promote::HEALTH_STREAK.name, &self.promote.health_streak, u32::to_string),
            row(promote::MIGRATION_SILENCE.name, &self.promote.migration_silence, time),
        ]
    }
}

type Flag = Option<(&'static str, Vec<String>)>;

impl Layers<'_> {
    /// The texts of the first layer that says anything.
    fn texts(&self, key: &Key, flag: Flag) -> (Vec<String>, Source) {
        let split = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        if let Some((name, values)) = flag {
            return (values, Source::Flag(name));
        }
        if let Some(text) = self.env.get(key.variable) {
            return (split(text), Source::Variable(key.variable));
        }
        let values = (self.git)(key.git);
        if !values.is_empty() {
            // An empty value clears what came before it, as everywhere in git.
            let from = values.iter().rposition(String::is_empty).map_or(0, |at| at + 1);
            return (values.get(from..).unwrap_or_default().to_vec(), Source::Git(key.git));
        }
        if let Some((file, values)) = self.file.and_then(|file| Some((file, file.get(key.name)?))) {
            return (values.to_vec(), Source::File(file.label.clone()));
        }
        (split(key.default), Source::Default)
    }

    fn list<T>(
        &self,
        key: &Key,
        flag: Flag,
        check: fn(&str) -> Result<T, String>,
    ) -> Result<Setting<Vec<T>>, Problem> {
        let (texts, source) = self.texts(key, flag);
        let values = texts.iter().map(|text| check(text)).collect::<Result<Vec<T>, String>>();
        match values {
            Ok(value) => Ok(Setting { value, source }),
            Err(what) => Err(self.unusable(&source, what)),
        }
    }

    /// A list that must not be empty.
    fn some<T>(&self, key: &Key, check: fn(&str) -> Result<T, String>) -> Result<Setting<Vec<T>>, Problem> {
        let setting = self.list(key, None, check)?;
        if setting.value.is_empty() {
            return Err(self.unusable(&setting.source, format!("{} needs a value", key.name)));
        }
        Ok(setting)
    }

    fn one<T>(
        &self,
        key: &Key,
        flag: Flag,
        check: fn(&str) -> Result<T, String>,
    ) -> Result<Setting<T>, Problem> {
        let Setting { mut value, source } = self.list(key, flag, check)?;
        // Of several values of one key, git takes the last.
        match value.pop() {
            Some(value) => Ok(Setting { value, source }),
            None => Err(self.unusable(&source, format!("{} needs a value", key.name))),
        }
    }

    fn approvals(&self) -> Setting<Vec<Role>> {
        if let Some((file, roles)) = self.file.and_then(|file| Some((file, file.approvals.as_ref()?))) {
            return Setting { value: roles.clone(), source: Source::File(file.label.clone()) };
        }
        let role = |name: &str, rule: &str| Role { name: name.to_owned(), rule: rule.to_owned() };
        Setting {
            value: vec![role("tech-lead", "tech-leads"), role("pm", "product")],
            source: Source::Default,
        }
    }

    fn unusable(&self, source: &Source, what: String) -> Problem {
        Problem::new(Kind::Config, format!("{source}: {what}"))
            .hint("see every setting and its source with: git hotfix doctor --config")
    }
}
