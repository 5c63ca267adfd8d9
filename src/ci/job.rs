//! The job that runs: its project, its commit, and whether its pipeline is one of the production branch.

use crate::config::{Env, env, instance_url};
use crate::error::{Kind, Problem, Result};
use crate::gitlab::Address;

/// What the work is done for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The project; none outside GitLab's jobs, where the remote tells it.
    pub address: Option<Address>,
    /// The commit; none outside GitLab's jobs, where HEAD is meant.
    pub commit: Option<String>,
    /// Whose checkout it is.
    pub checkout: Checkout,
}

/// Whose checkout it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkout {
    /// The runner's; nobody keeps it.
    Runner,
    /// A person's.
    Person,
}

/// What a body says where it stands in the wrong place.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    /// Its command, as in `git hotfix ci backport`.
    pub command: &'a str,
    /// What to type anywhere else.
    pub elsewhere: &'a str,
}

impl Job {
    /// The job around us, if its pipeline is one of the branch `production`. `outside` is a person's reason
    /// to do its work anyway.
    pub fn around(env: &Env, production: &str, outside: Option<&str>, body: Body<'_>) -> Result<Job> {
        let Body { command, .. } = body;
        if outside.is_some_and(|reason| reason.trim().is_empty()) {
            return Err(Problem::new(Kind::Usage, "--outside-pipeline needs a reason")
                .hint(format!("{command} --outside-pipeline \"runner down, agreed with bo\"")));
        }
        let in_job = env.get(env::GITLAB_CI).is_some();
        if let (Some(why), None) = (misplaced(env, in_job, production), outside) {
            return Err(refused(why, &format!("in a pipeline of {production}"), body));
        }
        if !in_job {
            return Ok(Job { address: None, commit: None, checkout: Checkout::Person });
        }
        let url = needed(env, env::CI_SERVER_URL)?;
        let url = instance_url(url).map_err(|why| {
            Problem::new(Kind::Config, format!("{}: {why}", env::CI_SERVER_URL)).hint(GIVEN)
        })?;
        let address = Address::new(&url, needed(env, env::CI_PROJECT_PATH)?)?;
        let commit = needed(env, env::CI_COMMIT_SHA)?.to_owned();
        Ok(Job { address: Some(address), commit: Some(commit), checkout: Checkout::Runner })
    }
}

/// Refuses a job that is none of the environment, as GitLab tells it. Only such a job waits for approvals, and
/// only there are the environment's variables.
pub fn in_environment(env: &Env, environment: &str, outside: Option<&str>, body: Body<'_>) -> Result<()> {
    if outside.is_some() {
        return Ok(());
    }
    let why = match env.get(env::CI_ENVIRONMENT_NAME) {
        Some(name) if name == environment => return Ok(()),
        Some(name) => format!("this job is one of the environment {name}, not of {environment}"),
        None => format!("this job has no `environment: {environment}`"),
    };
    Err(refused(why, &format!("of the environment {environment}"), body))
}

fn refused(why: String, which: &str, body: Body<'_>) -> Problem {
    Problem::new(Kind::Refused, why)
        .because(format!("this is the body of a job {which}"))
        .hint(format!("anywhere else: {}", body.elsewhere))
        .hint(format!("or with a reason: {} --outside-pipeline <reason>", body.command))
}

const GIVEN: &str =
    "GitLab sets it in every job: take out whatever overrides it in .gitlab-ci.yml, then run the job again";

fn needed<'a>(env: &'a Env, name: &str) -> Result<&'a str> {
    env.get(name).ok_or_else(|| Problem::new(Kind::Config, format!("{name} is not set")).hint(GIVEN))
}

/// Why this is not a pipeline of the production branch.
fn misplaced(env: &Env, in_job: bool, production: &str) -> Option<String> {
    if !in_job {
        return Some("this is no GitLab job (GITLAB_CI is not set)".to_owned());
    }
    match env.get(env::CI_COMMIT_BRANCH) {
        None => Some("this pipeline belongs to no branch (a merge request or a tag)".to_owned()),
        Some(branch) if branch != production => {
            Some(format!("this pipeline runs for {branch}, not for {production}"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: [(&str, &str); 5] = [
        (env::GITLAB_CI, "true"),
        (env::CI_SERVER_URL, "https://gitlab.example/git"),
        (env::CI_PROJECT_PATH, "shop/web"),
        (env::CI_COMMIT_SHA, "9f3c1a7e9f3c1a7e9f3c1a7e9f3c1a7e9f3c1a7e"),
        (env::CI_COMMIT_BRANCH, "main"),
    ];

    const BODY: Body<'_> =
        Body { command: "git hotfix ci backport", elsewhere: "git hotfix backport <commit>" };

    fn with(name: &str, value: &str) -> Env {
        Env::of(&JOB.map(|(known, own)| if known == name { (known, value) } else { (known, own) }))
    }

    #[test]
    fn a_job_of_the_production_branch_knows_its_project_and_commit() {
        let job = Job::around(&Env::of(&JOB), "main", None, BODY).unwrap();
        assert_eq!(job.address.unwrap().page(""), "https://gitlab.example/git/shop/web");
        assert_eq!(job.commit.as_deref(), Some(JOB[3].1));
        assert_eq!(job.checkout, Checkout::Runner);
    }

    #[test]
    fn anywhere_else_it_takes_a_reason() {
        for (name, value, why) in [
            (env::GITLAB_CI, "", "this is no GitLab job (GITLAB_CI is not set)"),
            (env::CI_COMMIT_BRANCH, "", "this pipeline belongs to no branch (a merge request or a tag)"),
            (env::CI_COMMIT_BRANCH, "develop", "this pipeline runs for develop, not for main"),
        ] {
            let refused = Job::around(&with(name, value), "main", None, BODY).unwrap_err();
            assert_eq!((refused.kind, refused.message.as_str()), (Kind::Refused, why));
            assert!(refused.hints.iter().any(|hint| hint.contains("--outside-pipeline")));
            assert!(Job::around(&with(name, value), "main", Some("agreed with bo"), BODY).is_ok());
            assert_eq!(
                Job::around(&with(name, value), "main", Some(" "), BODY).unwrap_err().kind,
                Kind::Usage
            );
        }
    }

    #[test]
    fn a_job_of_another_environment_takes_a_reason_too() {
        let env = |name| Env::of(&[(env::CI_ENVIRONMENT_NAME, name)]);
        assert!(in_environment(&env("production"), "production", None, BODY).is_ok());
        for other in ["staging", ""] {
            let refused = in_environment(&env(other), "production", None, BODY).unwrap_err();
            assert_eq!(refused.kind, Kind::Refused);
            assert!(in_environment(&env(other), "production", Some("agreed"), BODY).is_ok());
        }
    }

    #[test]
    fn what_gitlab_always_sets_is_named_where_it_lacks() {
        for name in [env::CI_SERVER_URL, env::CI_PROJECT_PATH, env::CI_COMMIT_SHA] {
            let problem = Job::around(&with(name, ""), "main", None, BODY).unwrap_err();
            assert_eq!((problem.kind, problem.message), (Kind::Config, format!("{name} is not set")));
        }
    }
}
