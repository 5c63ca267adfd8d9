//! The project token of a job. The job's own token cannot open a merge request, and pushes with it start no
//! pipeline, so it is never taken in its place.

use crate::config::{Env, env, find_token};
use crate::error::{Kind, Problem, Result};
use crate::git::remote::Credential;
use crate::gitlab::Address;

/// The token from `GIT_HOTFIX_TOKEN` (or `GITLAB_TOKEN`), as git's credential for the project's host.
pub fn token(env: &Env, address: &Address) -> Result<Credential> {
    let missing = || {
        Problem::new(Kind::Config, "there is no project token (GIT_HOTFIX_TOKEN)")
            .because("the job's own token can open no merge request, and pushes with it start no pipeline")
            .hint(format!(
                "make a project access token, role Developer, scopes api and write_repository: {}",
                address.page("-/settings/access_tokens")
            ))
            .hint("then add it to the project's CI/CD variables as GIT_HOTFIX_TOKEN, masked and protected, and run the job again")
    };
    let origin = address.origin().ok_or_else(missing)?;
    // git's own credentials hold the job token here.
    let search = find_token(&origin, env, &|_| Ok(None));
    let mut problem = missing();
    for (source, why) in search.skipped {
        problem = problem.because(format!("{source}: {why}"));
    }
    let (secret, _) = search.found.ok_or(problem)?;
    if env.get(env::CI_JOB_TOKEN) == Some(secret.expose()) {
        return Err(missing());
    }
    Ok(Credential {
        origin: origin.to_string(),
        username: "oauth2".to_owned(),
        secret: secret.expose().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::instance_url;

    fn found(pairs: &[(&str, &str)]) -> Result<Credential> {
        let address =
            Address::new(&instance_url("https://gitlab.example:8443").unwrap(), "shop/web").unwrap();
        token(&Env::of(pairs), &address)
    }

    #[test]
    fn the_token_is_for_the_projects_host() {
        let server = (env::CI_SERVER_URL, "https://gitlab.example:8443");
        let credential = found(&[server, (env::TOKEN, "glpat-canary")]).unwrap();
        assert_eq!(credential.origin, "https://gitlab.example:8443");
        assert_eq!(credential.secret, "glpat-canary");
        assert!(
            found(&[(env::CI_SERVER_URL, "https://other.example"), (env::TOKEN, "glpat-canary")]).is_err()
        );
    }

    #[test]
    fn the_jobs_own_token_never_takes_its_place() {
        let server = (env::CI_SERVER_URL, "https://gitlab.example:8443");
        let job = (env::CI_JOB_TOKEN, "glcbt-64_canary");
        for pairs in [vec![server, job], vec![server, job, (env::TOKEN, "glcbt-64_canary")]] {
            let problem = found(&pairs).unwrap_err();
            assert_eq!(problem.kind, Kind::Config);
            assert!(
                problem.hints[0].contains("https://gitlab.example:8443/shop/web/-/settings/access_tokens")
            );
        }
    }
}
