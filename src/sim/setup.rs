//! What a world is made of before its first request: names, rules, rights, lags and jobs, as data.
//!
//! Owns the defaults, which are the clean story. Holds no behaviour.

use std::path::PathBuf;

use jiff::Timestamp;

use super::limit::Limits;

/// How merge requests land (`merge_method` of the project).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMethod {
    /// A merge commit, whatever the history.
    Merge,
    /// A merge commit, only when the source is up to date with the target.
    RebaseMerge,
    /// No merge commit, only when the source is up to date with the target.
    FastForward,
}

impl MergeMethod {
    /// The name in the API.
    pub(super) fn name(self) -> &'static str {
        match self {
            MergeMethod::Merge => "merge",
            MergeMethod::RebaseMerge => "rebase_merge",
            MergeMethod::FastForward => "ff",
        }
    }
}

/// Whether merging squashes (`squash_option` of the project).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squash {
    /// Not possible.
    Never,
    /// Enforced.
    Always,
    /// On unless switched off in the merge request.
    DefaultOn,
    /// Off unless switched on in the merge request.
    DefaultOff,
}

impl Squash {
    /// The name in the API.
    pub(super) fn name(self) -> &'static str {
        match self {
            Squash::Never => "never",
            Squash::Always => "always",
            Squash::DefaultOn => "default_on",
            Squash::DefaultOff => "default_off",
        }
    }
}

/// Whom a rule or an access level means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The members of a group, by its path.
    Group(String),
    /// One user, by username.
    User(String),
    /// Everybody with at least this access level (30, 40 or 60).
    Level(u8),
}

/// One approval rule of the protected environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its id in the API.
    pub id: u64,
    /// Who can fill it.
    pub who: Who,
    /// How many approvals it asks for.
    pub required: usize,
}

/// How the production environment is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    Open,
    /// Protected: who may deploy, and which approvals are asked for (none when `rules` is empty).
    Protected {
        /// The approval rules.
        rules: Vec<Rule>,
        /// `deploy_access_levels`.
        deployers: Vec<Who>,
    },
}

/// How many reads of the API an effect of something stays invisible. A read is a `GET` below
/// `/api/v4`; with 0 the next request sees the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// A new merge request stays `preparing`.
    pub prepare: u64,
    /// A merge request stays `checking` after somebody who may update it looked.
    pub merge_check: u64,
    /// A merge request does not know of a push yet.
    pub refresh: u64,
    /// A pipeline does not exist yet.
    pub pipeline: u64,
    /// Each of pending and running of a job.
    pub job_step: u64,
    /// The deployment of a reached manual job does not exist yet; then as long again `created`.
    pub deployment: u64,
    /// The deployment does not follow its finished job yet.
    pub deployment_sync: u64,
}

impl Lag {
    /// Every effect is visible to the next request.
    pub fn none() -> Lag {
        Lag::all(0)
    }

    /// Every effect lags this many reads.
    pub fn all(reads: u64) -> Lag {
        Lag {
            prepare: reads,
            merge_check: reads,
            refresh: reads,
            pipeline: reads,
            job_step: reads,
            deployment: reads,
            deployment_sync: reads,
        }
    }
}

impl Default for Lag {
    fn default() -> Lag {
        Lag::all(1)
    }
}

/// When a job of the production pipeline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It is not in the pipeline.
    Never,
    /// Somebody plays it; nothing waits for it.
    Optional,
    /// Somebody plays it; the pipeline stops there until then (`allow_failure: false`).
    Manual,
    /// By itself.
    Automatic,
}

/// What a job does when it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing that anybody sees.
    Check,
    /// Moves what production runs to the pipeline's commit.
    Deploy,
    /// Puts production back to what it ran before, and records that as a deployment.
    Rollback,
    /// Picks what landed onto the integration branch and opens the merge request.
    Backport,
}

/// One job of a pipeline's template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// Its name.
    pub name: String,
    /// Its stage; stages run in the order of their first job.
    pub stage: String,
    /// The jobs it waits for, in place of the stages before its own.
    pub needs: Option<Vec<String>>,
    /// When it runs.
    pub start: Start,
    /// Whether the pipeline goes on without it.
    pub allow_failure: bool,
    /// What it does.
    pub body: Body,
    /// How many of its first attempts (over all pipelines of the template) fail.
    pub failures: u32,
}

impl JobSpec {
    /// A job that runs by itself and does nothing visible.
    pub fn check(name: &str, stage: &str) -> JobSpec {
        JobSpec {
            name: name.to_owned(),
            stage: stage.to_owned(),
            needs: None,
            start: Start::Automatic,
            allow_failure: false,
            body: Body::Check,
            failures: 0,
        }
    }
}

/// Where the repository's first commits come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seed {
    /// The shop: three apps, a main with history, a develop ahead of it.
    Story,
    /// A bare copy of the repository at this path.
    CopyOf(PathBuf),
}

/// Everything a world is made of. The default is the clean story.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The project's full path; subgroups are fine.
    pub project: String,
    /// A path the project had before it moved: answered with 301.
    pub former_project: Option<String>,
    /// The relative URL root, empty or as `/gitlab`.
    pub root: String,
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
    /// The version that the instance claims.
    pub version: String,
    /// Where the repository comes from.
    pub seed: Seed,
    /// The default branch: production's.
    pub production: String,
    /// The integration branch.
    pub integration: String,
    /// How merge requests land.
    pub merge_method: MergeMethod,
    /// Whether merging squashes.
    pub squash: Squash,
    /// "Pipelines must succeed".
    pub pipelines_must_succeed: bool,
    /// "All threads must be resolved".
    pub threads_must_be_resolved: bool,
    /// "Status checks must succeed".
    pub status_checks_must_pass: bool,
    /// "Require an associated issue from Jira".
    pub jira_issue_required: bool,
    /// What every title must match.
    pub title_rule: Option<String>,
    /// How many approvals a merge request needs.
    pub approvals_required: usize,
    /// Whether a push takes the approvals of the merge request away.
    pub reset_approvals_on_push: bool,
    /// The access level that merges into the protected branches.
    pub merge_level: u8,
    /// The access level that pushes to the protected branches.
    pub push_level: u8,
    /// Push rule: what each new commit's message must match, as an extended regular expression.
    pub commit_message_rule: Option<String>,
    /// Push rule: what the name of a pushed branch must match.
    pub branch_name_rule: Option<String>,
    /// "Allow Git push requests to the repository" with a job's token.
    pub job_token_push: bool,
    /// Who is in which group: username and group path.
    pub groups: Vec<(String, String)>,
    /// The apps that production's deploy job releases.
    pub apps: Vec<String>,
    /// The production environment's name.
    pub environment: String,
    /// How it is protected.
    pub protection: Protection,
    /// "Allow pipeline triggerer to approve deployment".
    pub triggerer_may_approve: bool,
    /// "Prevent outdated deployment jobs".
    pub forward_deployment: bool,
    /// The jobs of a merge request's pipeline.
    pub merge_request_jobs: Vec<JobSpec>,
    /// The jobs of production's pipeline.
    pub production_jobs: Vec<JobSpec>,
    /// The jobs of the integration branch's pipeline.
    pub integration_jobs: Vec<JobSpec>,
    /// How late effects become visible.
    pub lag: Lag,
    /// How often somebody may ask.
    pub limits: Limits,
    /// The wall clock when the world begins.
    pub start: Timestamp,
    /// How many seconds of it each exchange takes.
    pub pace: i64,
}

impl Setup {
    /// The job of that name in any template.
    pub fn job(&mut self, name: &str) -> Option<&mut JobSpec> {
        self.merge_request_jobs
            .iter_mut()
            .chain(&mut self.production_jobs)
            .chain(&mut self.integration_jobs)
            .find(|job| job.name == name)
    }
}

impl Default for Setup {
    fn default() -> Setup {
        let group = |id, path: &str| Rule { id, who: Who::Group(path.to_owned()), required: 1 };
        let optional = |job: JobSpec| JobSpec { allow_failure: true, ..job };
        let played = |name: &str, stage: &str, start, body| JobSpec {
            start,
            body,
            allow_failure: start == Start::Optional,
            ..JobSpec::check(name, stage)
        };
        let member = |who: &str, group: &str| (who.to_owned(), group.to_owned());
        Setup {
            project: "shop/web".to_owned(),
            former_project: None,
            root: String::new(),
            port: 0,
            version: "18.9.0-ee".to_owned(),
            seed: Seed::Story,
            production: "main".to_owned(),
            integration: "develop".to_owned(),
            merge_method: MergeMethod::Merge,
            squash: Squash::DefaultOff,
            pipelines_must_succeed: true,
            threads_must_be_resolved: true,
            status_checks_must_pass: false,
            jira_issue_required: false,
            title_rule: None,
            approvals_required: 0,
            reset_approvals_on_push: true,
            merge_level: 30,
            push_level: 40,
            commit_message_rule: None,
            branch_name_rule: None,
            job_token_push: false,
            groups: vec![member("bo", "tech-leads"), member("cleo", "product"), member("dan", "product")],
            apps: ["portal", "admin", "api-gateway"].map(str::to_owned).to_vec(),
            environment: "production".to_owned(),
            protection: Protection::Protected {
                rules: vec![group(1, "tech-leads"), group(2, "product")],
                deployers: vec![Who::Level(30)],
            },
            triggerer_may_approve: false,
            forward_deployment: true,
            merge_request_jobs: vec![
                JobSpec::check("lint", "check"),
                optional(JobSpec::check("trivy", "check")),
                JobSpec::check("build", "build"),
                JobSpec::check("coverage", "test"),
                optional(JobSpec::check("ai-review", "test")),
            ],
            production_jobs: vec![
                JobSpec::check("lint", "check"),
                JobSpec::check("build", "build"),
                played("deploy-prod-hotfix", "deploy", Start::Manual, Body::Deploy),
                played("run-migrations-prod", "after-deploy", Start::Optional, Body::Check),
                played("hotfix-backport", "after-deploy", Start::Never, Body::Backport),
                // Beside the deployment, not after it: what comes after a job that failed is skipped.
                played("rollback-prod-hotfix", "deploy", Start::Optional, Body::Rollback),
            ],
            integration_jobs: vec![JobSpec::check("lint", "check"), JobSpec::check("build", "build")],
            lag: Lag::default(),
            limits: Limits::default(),
            start: Timestamp::constant(1_772_334_000, 0),
            pace: 1,
        }
    }
}
