//! The pipeline's jobs as a file to include: written from the configuration, with the reason for each choice.
//!
//! Pure: the same configuration and wishes give the same bytes. What it writes is read back by `ci check`
//! in the tests, so that the two can not disagree.

mod lane;
mod yaml;

use super::shell_word;
use crate::config::Config;
use crate::error::{Kind, Problem, Result};
use lane::{GATE, Names, condition, pattern};
use yaml::scalar;

/// GitLab takes no more patterns in one `changes`.
const MOST_PATTERNS: usize = 50;

/// What the configuration does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// The stage of all jobs.
    pub stage: String,
    /// The image they run in; the project's own where none is given.
    pub image: Option<String>,
    /// Tags of the runner; the project's own where none are given.
    pub tags: Vec<String>,
    /// What keeps two deployments from running at once; the environment's name where none is given.
    pub resource_group: Option<String>,
    /// Whether the migration job names the environment.
    pub scoped_migrations: bool,
    /// The app that migrates; the last one where none is given.
    pub migrating_app: Option<String>,
    /// The command that migrates; none where the image's release phase does it.
    pub command: Vec<String>,
    /// Whether the normal lane is held up by a missing backport.
    pub gate: bool,
}

/// Writes the file.
pub fn template(config: &Config, wishes: &Wishes) -> Result<String> {
    let names = Names::of(config, wishes)?;
    let mut text = head(config, wishes, &names);
    text.push_str(&shared(config, wishes)?);
    text.push_str(&deploy(config, &names));
    if names.migrates {
        text.push_str(&migrations(config, wishes, &names)?);
    }
    if names.backports {
        text.push_str(&backport(config, &names));
    }
    text.push_str(&rollback(config, &names));
    if wishes.gate {
        text.push_str(&gate(config, wishes));
    }
    Ok(text)
}

fn head(config: &Config, wishes: &Wishes, names: &Names) -> String {
    let more = match config.deploy_jobs.value.len() {
        0 | 1 => String::new(),
        _ => format!(
            "#\n# Of the configured deploy jobs ({}) this file holds the first.\n",
            config.deploy_jobs.value.join(", ")
        ),
    };
    let key = match names.migrates && !wishes.scoped_migrations {
        true => "masked and protected, in no environment's scope: the migration job names none".to_owned(),
        false => format!("masked and protected, in the scope of {}", config.environment.value),
    };
    format!(
        "\
# The hotfix lane of {main}. Written by `git hotfix ci template`; write it again after a change of .hotfix.toml.
#
# Keep it as .gitlab/hotfix.yml and add to .gitlab-ci.yml:
#
#   include:
#     - local: .gitlab/hotfix.yml
#
# Variables (Settings > CI/CD):
#
#   HEROKU_API_KEY     {key}
#   GIT_HOTFIX_TOKEN   project access token, role Developer, scopes api and write_repository; masked and
#                      protected, in no environment's scope. The job's own token can open no merge request,
#                      and its pushes start no pipeline.
#
# A push to {main} that is no hotfix (a sync job after a normal release) should start no such jobs: push it
# with `-o ci.skip`, or with `-o ci.variable=\"HOTFIX_LANE=normal\"`.
{more}",
        main = config.production.value,
    )
}

fn shared(config: &Config, wishes: &Wishes) -> Result<String> {
    let stage = scalar(&wishes.stage);
    let condition = condition(config)?;
    Ok(format!(
        "
.hotfix:
  stage: {stage}
{place}  # In place of the project's own, which may need what this image lacks; and it says early if the program does.
  before_script:
    - git hotfix --version
  after_script: []
  # A `default: retry` of the project would deploy a second time by itself.
  retry: 0
  interruptible: false
  # CI_COMMIT_BRANCH is not set in pipelines of merge requests and tags: they never hold these jobs.
  # The rule has no `when`, so each job's own counts.
  rules:
    - if: {condition}
",
        place = place(wishes),
    ))
}

/// Where the jobs run.
fn place(wishes: &Wishes) -> String {
    let image = match &wishes.image {
        Some(image) => format!("  image: {}\n", scalar(image)),
        None => "  # The project's own image, which must hold git 2.38 or newer and git-hotfix.\n".to_owned(),
    };
    match wishes.tags.as_slice() {
        [] => image,
        tags => format!("{image}  tags:\n{}", list("    ", tags)),
    }
}

/// The items of a list.
fn list(indent: &str, items: &[String]) -> String {
    items.iter().map(|item| format!("{indent}- {}\n", scalar(item))).collect()
}

fn deploy(config: &Config, names: &Names) -> String {
    let apps = match config.apps.value.as_slice() {
        [] => "all apps of [apps.*]".to_owned(),
        apps => apps.join(", "),
    };
    format!(
        "
# Deploys {apps}: every time all of them.
{deploy}:
  extends: .hotfix
  # A deployment of a protected environment: GitLab lets nobody play it before every approval rule is filled,
  # and starts nothing by itself afterwards. Without `environment` it would ask nobody.
  environment:
    name: {environment}
  # One at a time. Give the production job of the normal lane the same group, or the two may overtake each other.
  resource_group: {group}
  # By hand. At job level `when: manual` alone would mean allow_failure: true, and the pipeline would turn green
  # without any deployment; false makes it wait (\"blocked\") until somebody plays the job.
  when: manual
  allow_failure: false
  script:
    - git hotfix ci promote
  # What was released, from what, by whom: also after a failure, since {rollback} goes back by it.
  artifacts:
    when: always
    access: developer
    expire_in: 1 year
    paths:
      - promote-receipt.json
      - promote-receipt.md
",
        deploy = names.deploy,
        environment = names.environment,
        group = names.group,
        rollback = names.rollback,
    )
}

fn migrations(config: &Config, wishes: &Wishes, names: &Names) -> Result<String> {
    let paths = &config.migrations_paths.value;
    if paths.len() > MOST_PATTERNS {
        return Err(Problem::new(
            Kind::Config,
            format!(
                "{} patterns of migrations: GitLab takes at most {MOST_PATTERNS} in one rule",
                paths.len()
            ),
        )
        .hint("write fewer, broader ones: migrations.paths in .hotfix.toml, then: git hotfix ci template"));
    }
    let condition = condition(config)?;
    let changes = list("          ", &paths.iter().map(|path| changes(path)).collect::<Vec<_>>());
    let place = match wishes.scoped_migrations {
        true => format!(
            "  # Named for the variables in its scope; `access` makes no deployment. But where the environment has approval
  # rules, GitLab makes any job that names it manual, whatever stands here: `git hotfix migrate` plays it.
  environment:
    name: {environment}
    action: access
",
            environment = names.environment
        ),
        false => format!(
            "  # No `environment: {environment}`, on purpose: where that has approval rules, GitLab would make this job manual.
  # The price: variables in the scope of {environment} are not there. What it needs (HEROKU_API_KEY) must be a
  # protected variable without that scope; or write this file with --scoped-migrations and play the job.
",
            environment = names.environment
        ),
    };
    let app = match wishes.migrating_app.as_ref().or(config.apps.value.last()) {
        Some(app) => format!(" --app {}", shell_word(app)),
        None => String::new(),
    };
    let command = match wishes.command.as_slice() {
        [] => String::new(),
        words => format!(" -- {}", words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")),
    };
    Ok(format!(
        "
# By itself after the deployment where the push brought migrations; else by hand. A rollback undoes none of them.
{migrations}:
  extends: .hotfix
  needs:
    - {deploy}
{place}  resource_group: {group}
  rules:
    # GitLab compares with the push before; the job itself looks at all since the last production release.
    - if: {condition}
      changes:
        paths:
{changes}      when: on_success
    - if: {condition}
      when: manual
      allow_failure: true
  script:
    - {script}
",
        migrations = names.migrations,
        deploy = names.deploy,
        group = names.group,
        script = scalar(&format!("git hotfix ci migrate{app}{command}")),
    ))
}

/// A pattern as GitLab reads it: there `**` crosses directories only before a slash.
fn changes(path: &str) -> String {
    match path.strip_suffix("/**") {
        Some(above) => format!("{above}/**/*"),
        None if path == "**" => "**/*".to_owned(),
        None => path.to_owned(),
    }
}

fn backport(config: &Config, names: &Names) -> String {
    format!(
        "
# Brings what was deployed back to {targets}. A laptop may do the same at the same moment: there is one branch
# and one merge request.
{backport}:
  extends: .hotfix
  # After a deployment that succeeded; of one that failed there is nothing to bring back yet.
  needs:
    - {deploy}
  script:
    - git hotfix ci backport
  # Conflicts end with 3, after the draft merge request was opened: yellow, not red.
  allow_failure:
    exit_codes:
      - 3
",
        targets = config.targets.value.join(", "),
        backport = names.backport,
        deploy = names.deploy,
    )
}

fn rollback(config: &Config, names: &Names) -> String {
    let migrations = match names.migrates {
        true => " Migrations stay as they are.",
        false => "",
    };
    format!(
        "
# Takes every app back to the release that the receipt names as the one before.{migrations}
{rollback}:
  extends: .hotfix
  # It must not need {deploy}: GitLab skips a manual job for good when what it needs failed,
  # and that is when this one is wanted. So it can be played at any time, fetches the receipt from the
  # deployment's job by itself (with GIT_HOTFIX_TOKEN), and refuses where there is none.
  needs: []
  # `access`, since a deployment here would be recorded as one of this very commit: GitLab would say that
  # production runs what was just taken away. It would also wait for approvals of its own.
  environment:
    name: {environment}
    action: access
  resource_group: {group}
  when: manual
  # Never in the way of a pipeline that needs no rollback.
  allow_failure: true
  script:
    - git hotfix ci promote --rollback
  artifacts:
    when: always
    access: developer
    expire_in: 1 year
    paths:
      - promote-receipt.json
      - promote-receipt.md
# The next deployment is a new merge request to {main}: this job does not touch git.
",
        rollback = names.rollback,
        deploy = names.deploy,
        environment = names.environment,
        group = names.group,
        main = config.production.value,
    )
}

fn gate(config: &Config, wishes: &Wishes) -> String {
    format!(
        "
# For the normal lane: fails while a hotfix that landed is not on {targets}, since the next normal release would
# undo it. Add `needs: [{GATE}]` (or a later stage) to the job that begins that release. It does not run in
# merge requests, so the backport itself is never held up. Needs GIT_HOTFIX_TOKEN, which as a protected
# variable is there on protected branches only.
{GATE}:
  stage: {stage}
{place}  before_script:
    - git hotfix --version
  needs: []
  rules:
    - if: $CI_COMMIT_BRANCH =~ /^({pattern})$/
  script:
    - git hotfix list --missing
",
        targets = config.targets.value.join(", "),
        stage = scalar(&wishes.stage),
        place = place(wishes),
        pattern = pattern(config),
    )
}
