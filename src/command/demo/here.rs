//! `demo --here`: what a rehearsal on the user's own repository is made of.
//!
//! Reads the clone and its settings and writes below the sandbox only. The remote is not asked for anything:
//! branches are taken as last fetched.

use std::path::{Path, PathBuf};

use crate::config::{Config, Role};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::Repo;
use crate::git::run::Call;
use crate::sim::{Body, JobSpec, Protection, Rule, Scenario, Seed, Setup, Who};

/// Who can fill a role in a rehearsal, in this order.
const APPROVERS: [&str; 4] = ["bo", "cleo", "dan", "mia"];

/// The user's repository as a world to rehearse in.
pub(super) struct Here {
    /// The embedded GitLab, named as the team names things.
    pub(super) setup: Setup,
    /// A bare repository in the sandbox that the developer's clone may borrow objects from.
    pub(super) borrow: Option<PathBuf>,
    /// Entries of git's configuration for the developer's clone: what the team says outside `.hotfix.toml`.
    pub(super) settings: Vec<(String, String)>,
    /// Each role that must approve, and who plays it.
    pub(super) roles: Vec<(String, &'static str)>,
    /// Whether there is a branch to bring the fix back to.
    pub(super) has_target: bool,
    /// What the user must know before it begins.
    pub(super) notes: Vec<String>,
}

/// Looks at the clone, and makes the sandbox's copy of its branches below `dir`.
pub(super) fn look(ctx: &Context, dir: &Path, setup: &Setup) -> Result<Here> {
    let repo = ctx.clone_here()?;
    let (remote, production) = (&ctx.first()?.remote.value, ctx.first()?.production.value.clone());
    if repo.is_partial()? {
        return Err(Problem::new(
            Kind::Refused,
            "this is a partial clone: what it lacks is only on the remote",
        )
        .because("a rehearsal contacts nobody but itself")
        .hint("rehearse in a whole clone: git clone <url> <dir> && git -C <dir> hotfix demo --here"));
    }
    let mut notes = Vec::new();
    let Some(main) = branch(repo, remote, &production)? else {
        return Err(Problem::new(
            Kind::Config,
            format!("there is no branch {production} here, and none from {remote} either"),
        )
        .hint("name the production branch: git -c hotfix.productionBranch=<name> hotfix demo --here"));
    };
    let (file, label) = match main.starts_with("refs/heads/") {
        // Nothing was ever fetched: the branch here is all there is.
        true => {
            let tip = repo.ref_tip(&main)?;
            let file = tip.map(|tip| repo.file_at(tip, ".hotfix.toml".into())).transpose()?.flatten();
            (file, format!("{production}:.hotfix.toml"))
        }
        false => ctx.file_on_production()?,
    };
    let config = ctx.with_file(file.as_deref(), &label)?;
    let mut branches = vec![(production.clone(), main)];
    for target in &config.targets.value {
        let found = matching(repo, remote, target)?;
        if found.is_empty() {
            notes.push(format!(
                "there is no branch {target} here or on {remote} as last fetched: no backport to it is rehearsed"
            ));
        }
        branches.extend(found.into_iter().filter(|(name, _)| *name != production));
    }
    let targets: Vec<String> = branches.iter().skip(1).map(|(name, _)| name.clone()).collect();
    let seed = dir.join("seed.git");
    let borrow = match repo.is_shallow() {
        false => copy(repo, &seed, &branches).map(|()| Some(seed.clone()))?,
        true => {
            notes.push("history is cut off here: the copy's commits have other ids than yours".to_owned());
            rewrite(repo, &seed, &branches)?;
            None
        }
    };
    let roles = roles(&config.approvals.value)?;
    Ok(Here {
        setup: named(setup.clone(), ctx, &config, &production, &targets, Seed::CopyOf(seed)),
        borrow,
        settings: settings(&config, &production, &targets),
        roles,
        has_target: !targets.is_empty(),
        notes,
    })
}

/// A branch as last fetched, else as it stands here: its full name.
fn branch(repo: &Repo, remote: &str, name: &str) -> Result<Option<String>> {
    for full in [format!("refs/remotes/{remote}/{name}"), format!("refs/heads/{name}")] {
        if repo.ref_tip(&full)?.is_some() {
            return Ok(Some(full));
        }
    }
    Ok(None)
}

/// The branches that a target means: one, or those that fit its `*`.
fn matching(repo: &Repo, remote: &str, target: &str) -> Result<Vec<(String, String)>> {
    let Some((begin, end)) = target.split_once('*') else {
        return Ok(branch(repo, remote, target)?.map(|full| (target.to_owned(), full)).into_iter().collect());
    };
    let prefix = format!("refs/remotes/{remote}/");
    let names = repo.refs(&prefix)?.into_iter().map(|(full, _)| full);
    Ok(names
        .filter_map(|full| Some((full.strip_prefix(&prefix)?.to_owned(), full.clone())))
        .filter(|(name, _)| name.len() >= begin.len() + end.len())
        .filter(|(name, _)| name.starts_with(begin) && name.ends_with(end))
        .collect())
}

/// A git child on this git directory, whatever the user thinks of bare ones that are found by chance.
fn call(repo: &Repo, git_dir: &Path, subcommand: &str) -> Call {
    repo.git().call(subcommand).env("GIT_DIR", git_dir).cwd(git_dir)
}

fn new_bare(repo: &Repo, seed: &Path) -> Result<()> {
    let format = call(repo, repo.git_dir(), "rev-parse").arg("--show-object-format").ok()?;
    let format = format!("--object-format={}", String::from_utf8_lossy(&format).trim());
    repo.git().call("init").args(["--quiet", "--bare", "--template=", &format]).arg(seed).ok()?;
    Ok(())
}

/// A copy of the branches. Not borrowed and not linked: git renews the time of an object that it would write
/// again, wherever it lies.
fn copy(repo: &Repo, seed: &Path, branches: &[(String, String)]) -> Result<()> {
    new_bare(repo, seed)?;
    let mut fetch = call(repo, seed, "fetch").args(["--quiet", "--no-tags", "--no-write-fetch-head"]);
    fetch = fetch.arg("--no-auto-maintenance").arg(repo.common_dir());
    for (name, full) in branches {
        fetch = fetch.arg(format!("{full}:refs/heads/{name}"));
    }
    fetch.ok()?;
    Ok(())
}

/// A cut-off history cannot be served whole: its commits are written anew, beginning where it is cut.
fn rewrite(repo: &Repo, seed: &Path, branches: &[(String, String)]) -> Result<()> {
    new_bare(repo, seed)?;
    let names: Vec<&str> = branches.iter().map(|(_, full)| full.as_str()).collect();
    let export = call(repo, repo.git_dir(), "fast-export").arg("--signed-tags=strip").args(&names);
    call(repo, seed, "fast-import").args(["--quiet", "--force"]).stdin(export.ok()?).ok()?;
    for (name, full) in branches {
        call(repo, seed, "update-ref").args([&format!("refs/heads/{name}"), full]).ok()?;
    }
    Ok(())
}

/// Each role with a person of its own.
fn roles(asked: &[Role]) -> Result<Vec<(String, &'static str)>> {
    if asked.len() > APPROVERS.len() {
        let message =
            format!("{} roles must approve; a rehearsal has people for {}", asked.len(), APPROVERS.len());
        return Err(Problem::new(Kind::Config, message).hint("see them with: git hotfix doctor --config"));
    }
    Ok(asked.iter().zip(APPROVERS).map(|(role, who)| (role.name.clone(), who)).collect())
}

/// The world with the team's names in it.
fn named(
    mut setup: Setup,
    ctx: &Context,
    config: &Config,
    production: &str,
    targets: &[String],
    seed: Seed,
) -> Setup {
    let approvals = &config.approvals.value;
    let rule = |(role, id): (&Role, u64)| Rule { id, who: Who::Group(role.rule.clone()), required: 1 };
    setup.protection = Protection::Protected {
        rules: approvals.iter().zip(1..).map(rule).collect(),
        deployers: vec![Who::Level(30)],
    };
    let members = approvals.iter().zip(APPROVERS);
    setup.groups = members.map(|(role, who)| (who.to_owned(), role.rule.clone())).collect();
    for (name, new) in [
        ("run-migrations-prod", &config.migrations_job.value),
        ("hotfix-backport", &config.backport_job.value),
        ("rollback-prod-hotfix", &config.rollback_job.value),
    ] {
        if let Some(job) = setup.job(name) {
            job.name.clone_from(new);
        }
    }
    let jobs = std::mem::take(&mut setup.production_jobs);
    for job in jobs {
        match job.body {
            Body::Deploy => setup.production_jobs.extend(
                config.deploy_jobs.value.iter().map(|name| JobSpec { name: name.clone(), ..job.clone() }),
            ),
            _ => setup.production_jobs.push(job),
        }
    }
    if let Ok(address) = ctx.address() {
        setup.project = address.project().to_owned();
    }
    setup.production = production.to_owned();
    setup.integration = targets.first().map_or_else(|| "develop".to_owned(), String::clone);
    setup.environment.clone_from(&config.environment.value);
    setup.apps.clone_from(&config.apps.value);
    setup.seed = seed;
    setup
}

/// What the developer's clone must be told, because the copy's `.hotfix.toml` alone does not say it.
fn settings(config: &Config, production: &str, targets: &[String]) -> Vec<(String, String)> {
    let mut settings = vec![("hotfix.productionBranch".to_owned(), production.to_owned())];
    // An empty value first: it clears the list, and is all of it where no target is there.
    settings.push(("hotfix.target".to_owned(), String::new()));
    settings.extend(targets.iter().map(|target| ("hotfix.target".to_owned(), target.clone())));
    let mut list = |key: &str, values: &[String]| {
        settings.extend(values.iter().map(|value| (key.to_owned(), value.clone())));
    };
    let one = |value: &String| vec![value.clone()];
    list("hotfix.branchPrefix", &one(&config.prefix.value));
    list("hotfix.deployJob", &config.deploy_jobs.value);
    list("hotfix.rollbackJob", &one(&config.rollback_job.value));
    list("hotfix.environment", &one(&config.environment.value));
    list("hotfix.app", &config.apps.value);
    list("hotfix.migrationsJob", &one(&config.migrations_job.value));
    list("hotfix.migrationsPath", &config.migrations_paths.value);
    list("hotfix.backportJob", &one(&config.backport_job.value));
    list("hotfix.backportLabel", &config.backport_labels.value);
    list("hotfix.conflictLabel", &config.conflict_labels.value);
    settings
}

/// Refuses a story that would mean nothing in another repository.
pub(super) fn fits(scenario: &Scenario) -> Result<()> {
    let Some(why) = scenario.shops_own else { return Ok(()) };
    let all = Scenario::all();
    let fitting = all.iter().filter(|other| other.shops_own.is_none()).map(|other| other.name);
    Err(super::usage_problem(
        format!("the story `{}` is about the shop's own files: {why}", scenario.name),
        format!("with --here, one of: {}", fitting.collect::<Vec<_>>().join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_roles_than_there_are_people_is_said_whole() {
        let asked = ["a", "b", "c", "d", "e"].map(|name| Role { name: name.into(), rule: name.into() });
        insta::assert_snapshot!(roles(&asked).unwrap_err().whole(), @"
        5 roles must approve; a rehearsal has people for 4 (4)
          hint: see them with: git hotfix doctor --config
        ");
    }
}
