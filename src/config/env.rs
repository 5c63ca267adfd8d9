//! The environment: every variable this program reads, by name, and one snapshot of them.
//!
//! Nothing else reads the environment. The snapshot is taken once, so that a run cannot see two
//! values of one variable, and tests can give their own. It has no `Debug`: some values are tokens.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Declares the variables as constants and as one documented table.
macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $constant:ident = $name:literal;)+) => {
        $($(#[doc = $doc])+ pub const $constant: &str = $name;)+

        /// Every variable that is read, with what it does; the manual is made from this.
        pub const VARIABLES: &[(&str, &str)] = &[$(($name, concat!($($doc),+))),+];
    };
}

variables! {
    /// The API token for the instance named by GIT_HOTFIX_URL, GITLAB_HOST or CI_SERVER_URL, else
    /// gitlab.com.
    TOKEN = "GIT_HOTFIX_TOKEN";
    /// The web address of the GitLab instance, as in https://gitlab.example:8443/gitlab.
    URL = "GIT_HOTFIX_URL";
    /// The git remote that is the project; default origin.
    REMOTE = "GIT_HOTFIX_REMOTE";
    /// The branch that production is deployed from; default main.
    PRODUCTION_BRANCH = "GIT_HOTFIX_PRODUCTION_BRANCH";
    /// What the names of new hotfix branches begin with; default hotfix/.
    BRANCH_PREFIX = "GIT_HOTFIX_BRANCH_PREFIX";
    /// The branches to backport to, separated by commas; default develop.
    TARGETS = "GIT_HOTFIX_TARGETS";
    /// The name of the manual job that deploys, or several separated by commas.
    DEPLOY_JOB = "GIT_HOTFIX_DEPLOY_JOB";
    /// The protected environment; default production.
    ENVIRONMENT = "GIT_HOTFIX_ENVIRONMENT";
    /// The production apps, separated by commas.
    APPS = "GIT_HOTFIX_APPS";
    /// The name of the manual job that rolls back.
    ROLLBACK_JOB = "GIT_HOTFIX_ROLLBACK_JOB";
    /// The name of the manual job that runs migrations.
    MIGRATIONS_JOB = "GIT_HOTFIX_MIGRATIONS_JOB";
    /// Patterns of the paths that hold migrations, separated by commas.
    MIGRATIONS_PATHS = "GIT_HOTFIX_MIGRATIONS_PATHS";
    /// The name of the job that makes the backport in the pipeline.
    BACKPORT_JOB = "GIT_HOTFIX_BACKPORT_JOB";
    /// The labels of a clean backport, separated by commas.
    BACKPORT_LABELS = "GIT_HOTFIX_BACKPORT_LABELS";
    /// The labels of a conflicted backport, separated by commas.
    CONFLICT_LABELS = "GIT_HOTFIX_CONFLICT_LABELS";
    /// The shortest pause between two looks at GitLab, as in 5s or 500ms; default 5s.
    POLL_MIN = "GIT_HOTFIX_POLL_MIN";
    /// The longest pause between two looks at GitLab; default 30s.
    POLL_MAX = "GIT_HOTFIX_POLL_MAX";
    /// The first pause before a failed read is tried again; it doubles; default 500ms.
    RETRY_BASE = "GIT_HOTFIX_RETRY_BASE";
    /// How long a read may be tried again before it is given up; default 60s.
    RETRY_BUDGET = "GIT_HOTFIX_RETRY_BUDGET";
    /// How long a run that waits puts up with a server that does not answer; default 30m.
    RETRY_OUTAGE = "GIT_HOTFIX_RETRY_OUTAGE";
    /// How long one request may take; default 60s.
    TIMEOUT = "GIT_HOTFIX_TIMEOUT";
    /// How long what was just written is looked for before it counts as missing; default 10s.
    SETTLE = "GIT_HOTFIX_SETTLE";

    /// The address of Heroku's Platform API, which HEROKU_API_KEY is sent to; default https://api.heroku.com.
    HEROKU_URL = "GIT_HOTFIX_HEROKU_URL";
    /// Heroku's container registry; default https://registry.heroku.com.
    HEROKU_REGISTRY = "GIT_HOTFIX_HEROKU_REGISTRY";
    /// How long a release of ci promote may be pending before it counts as failed; default 1h.
    RELEASE_DEADLINE = "GIT_HOTFIX_RELEASE_DEADLINE";
    /// How long the dynos of a release may take until all are up; default 300s.
    BOOT_DEADLINE = "GIT_HOTFIX_BOOT_DEADLINE";
    /// How long an app may take until its health page is good; default 300s.
    HEALTH_DEADLINE = "GIT_HOTFIX_HEALTH_DEADLINE";
    /// How long one answer of a health page may take; default 5s.
    HEALTH_TIMEOUT = "GIT_HOTFIX_HEALTH_TIMEOUT";
    /// The first pause between two health checks; it doubles; default 2s.
    HEALTH_MIN = "GIT_HOTFIX_HEALTH_MIN";
    /// The longest pause between two health checks; default 10s.
    HEALTH_MAX = "GIT_HOTFIX_HEALTH_MAX";
    /// How many good answers in a row make an app healthy; default 3.
    HEALTH_STREAK = "GIT_HOTFIX_HEALTH_STREAK";
    /// The longest silence of a migration before it is given up; default 1h.
    MIGRATION_SILENCE = "GIT_HOTFIX_MIGRATION_SILENCE";

    /// The API token that other GitLab tools use too; bound like GIT_HOTFIX_TOKEN.
    GITLAB_TOKEN = "GITLAB_TOKEN";
    /// The instance that the token variables belong to: a host or a URL.
    GITLAB_HOST = "GITLAB_HOST";
    /// Where glab keeps its configuration.
    GLAB_CONFIG_DIR = "GLAB_CONFIG_DIR";
    /// Where programs keep their configuration; for glab's.
    XDG_CONFIG_HOME = "XDG_CONFIG_HOME";
    /// The home directory; for glab's configuration.
    HOME = "HOME";
    /// Where git is found.
    PATH = "PATH";

    /// The committer's name, for git.
    COMMITTER_NAME = "GIT_COMMITTER_NAME";
    /// The committer's mail address, for git.
    COMMITTER_EMAIL = "GIT_COMMITTER_EMAIL";
    /// The committer's date, for git.
    COMMITTER_DATE = "GIT_COMMITTER_DATE";
    /// The time zone, for git.
    TZ = "TZ";

    /// The width of the terminal where it cannot be asked for it.
    COLUMNS = "COLUMNS";
    /// Where set, nothing is coloured.
    NO_COLOR = "NO_COLOR";
    /// Where set to something else than 0, output is coloured even when it is no terminal.
    CLICOLOR_FORCE = "CLICOLOR_FORCE";
    /// The kind of terminal; dumb means no colour and no moving lines.
    TERM = "TERM";
    /// Set by git where standard output is its pager, as with git -p hotfix; colour stays on then.
    GIT_PAGER_IN_USE = "GIT_PAGER_IN_USE";
    /// The locale, first choice; decides whether symbols beyond ASCII are shown.
    LC_ALL = "LC_ALL";
    /// The locale, second choice.
    LC_CTYPE = "LC_CTYPE";
    /// The locale, third choice.
    LANG = "LANG";

    /// Where git's trace goes; this program adds its own steps and requests to it.
    GIT_TRACE2_EVENT = "GIT_TRACE2_EVENT";
    /// Which process of that trace this one belongs to; set by git.
    GIT_TRACE2_PARENT_SID = "GIT_TRACE2_PARENT_SID";

    /// Set by GitLab in every job.
    GITLAB_CI = "GITLAB_CI";
    /// The job's instance.
    CI_SERVER_URL = "CI_SERVER_URL";
    /// The job's project, as a number.
    CI_PROJECT_ID = "CI_PROJECT_ID";
    /// The job's project, as a path.
    CI_PROJECT_PATH = "CI_PROJECT_PATH";
    /// The job's number.
    CI_JOB_ID = "CI_JOB_ID";
    /// The job's name.
    CI_JOB_NAME = "CI_JOB_NAME";
    /// The job's page.
    CI_JOB_URL = "CI_JOB_URL";
    /// The job's own token; it reads the registry.
    CI_JOB_TOKEN = "CI_JOB_TOKEN";
    /// The pipeline's number.
    CI_PIPELINE_ID = "CI_PIPELINE_ID";
    /// What started the pipeline.
    CI_PIPELINE_SOURCE = "CI_PIPELINE_SOURCE";
    /// The commit the job runs for.
    CI_COMMIT_SHA = "CI_COMMIT_SHA";
    /// The branch the job runs for.
    CI_COMMIT_BRANCH = "CI_COMMIT_BRANCH";
    /// Whether that branch is protected.
    CI_COMMIT_REF_PROTECTED = "CI_COMMIT_REF_PROTECTED";
    /// The environment of the job.
    CI_ENVIRONMENT_NAME = "CI_ENVIRONMENT_NAME";
    /// The host of the registry.
    CI_REGISTRY = "CI_REGISTRY";
    /// Where the project's images are.
    CI_REGISTRY_IMAGE = "CI_REGISTRY_IMAGE";
    /// The user for the registry.
    CI_REGISTRY_USER = "CI_REGISTRY_USER";
    /// The password for the registry.
    CI_REGISTRY_PASSWORD = "CI_REGISTRY_PASSWORD";
    /// Who started the job.
    GITLAB_USER_LOGIN = "GITLAB_USER_LOGIN";
    /// The token for Heroku's Platform API.
    HEROKU_API_KEY = "HEROKU_API_KEY";
}

/// The variables of [`VARIABLES`] as they were at the start. An empty variable counts as not set.
#[derive(Clone, Default)]
pub struct Env {
    values: BTreeMap<&'static str, OsString>,
}

impl Env {
    /// Takes the snapshot.
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
    pub fn take() -> Env {
        Env::from_lookup(|name| std::env::var_os(name))
    }

    /// A snapshot from another source. Names that are not in [`VARIABLES`] are not asked for.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Env {
        let value = |(name, _): &(&'static str, &str)| Some((*name, lookup(name)?));
        let values = VARIABLES.iter().filter_map(value).filter(|(_, value)| !value.is_empty()).collect();
        Env { values }
    }

    /// The value of a variable, if it is set and is Unicode.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_os(name)?.to_str()
    }

    /// The value of a variable that may be a path.
    pub fn get_os(&self, name: &str) -> Option<&OsStr> {
        self.values.get(name).map(OsString::as_os_str)
    }
}

impl Env {
    /// Whether git finds the committer in its configuration, and the time zone in the machine's.
    pub fn leaves_committer_alone(&self) -> bool {
        [COMMITTER_NAME, COMMITTER_EMAIL, COMMITTER_DATE, TZ].iter().all(|name| self.get_os(name).is_none())
    }
}

#[cfg(test)]
impl Env {
    /// A snapshot of exactly these.
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Env {
        for (name, _) in pairs {
            assert!(VARIABLES.iter().any(|(known, _)| known == name), "{name} is not in the table");
        }
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
        Env::from_lookup(|name| find(name).map(|(_, value)| OsString::from(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        let mut names: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for (name, doc) in VARIABLES {
            assert!(doc.trim().ends_with('.') && doc.len() > 10, "{name}: {doc}");
        }
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let env = Env::of(&[(NO_COLOR, ""), (TERM, "dumb")]);
        assert_eq!((env.get(NO_COLOR), env.get(TERM), env.get(HOME)), (None, Some("dumb"), None));
    }
}
