//! `git hotfix start`: cut a hotfix branch from the fresh tip of the production branch.

use std::path::PathBuf;

use super::{Exit, usage_problem};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::commit::{Options, write_picks};
use crate::git::incomplete::Completed;
use crate::git::landed::Source;
use crate::git::pick::Outcome;
use crate::git::remote::Fetch;
use crate::git::worktree::beside;
use crate::git::{GitError, Head, Oid, Repo};
use crate::gitlab::{DeploymentStatus, Error};

/// GitLab's access level of a developer: the least that may push a branch.
const DEVELOPER: u64 = 30;

/// Arguments of `start`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What it is about, in a word or two: the branch becomes hotfix/<SLUG>
    #[arg(value_name = "SLUG")]
    pub slug: String,
    /// Begin with this commit, for a fix that is already on develop
    #[arg(long, value_name = "REV")]
    pub pick: Option<String>,
    /// Make a linked work tree instead of switching (default: beside this one)
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    pub worktree: Option<Option<PathBuf>>,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let repo = ctx.clone_here()?;
    let first = ctx.first()?;
    let (file, label) = ctx.file_on_production()?;
    let config = ctx.with_file(file.as_deref(), &label)?;
    let (remote, production) = (&first.remote.value, &first.production.value);
    let branch = branch_name(&config.prefix.value, &args.slug)?;
    if args.worktree.is_none() && repo.work_tree().is_none() {
        return Err(Problem::new(Kind::Refused, "this repository is bare: there is nothing to switch")
            .hint(format!("git hotfix start --worktree <dir> {}", args.slug)));
    }
    let full = format!("refs/heads/{branch}");
    if let Some(tip) = repo.ref_tip(&full)? {
        if args.pick.is_none() && args.worktree.is_none() && just_cut(repo, &branch, tip, remote, production)?
        {
            ctx.ui.line(format!(
                "{branch} is cut from {production} at {} already, and switched to",
                short(tip)
            ));
            ctx.ui.hint("commit the fix, then: git hotfix ship");
            return Ok(Exit::Done);
        }
        return Err(Problem::new(Kind::Refused, format!("{branch} exists already"))
            .hint(format!("go on with it: git switch {branch} && git hotfix status")));
    }
    let main = fresh_tip(repo, remote, production, &branch)?;
    let completed = Completed { repo, remote, credential: None };
    preflight(ctx, completed, &config.environment.value, production, main)?;
    let tip = match &args.pick {
        Some(rev) => picked(completed, rev, main, production, &args.slug)?,
        None => main,
    };
    match &args.worktree {
        Some(dir) => {
            let dir = match dir {
                Some(dir) => dir.clone(),
                None => beside(repo.work_tree().unwrap_or(repo.common_dir()), &args.slug),
            };
            repo.add_worktree(&dir, tip, Some(&branch)).inspect_err(|_| {
                // git makes the branch before it finds that the folder will not do. (If that fails: its words count.)
                let _ = repo.delete_ref(&full, tip);
            })?;
            made(repo.ref_tip(&full)? == Some(tip), &branch)?;
            ctx.ui.line(format!("{branch} cut from {production} at {} in {}", short(main), dir.display()));
            ctx.ui.hint(&format!("cd {} ; commit the fix, then: git hotfix ship", dir.display()));
        }
        None => {
            repo.create_and_switch(&branch, tip)
                .map_err(|error| lost_by_switching(error.into(), &args.slug))?;
            made(stands(repo, &branch)? && repo.ref_tip(&full)? == Some(tip), &branch)?;
            ctx.ui.line(format!("{branch} cut from {production} at {}, and switched to", short(main)));
            ctx.ui.hint(match args.pick {
                Some(_) => "look at it, then: git hotfix ship",
                None => "commit the fix, then: git hotfix ship",
            });
        }
    }
    Ok(Exit::Done)
}

/// Whether we stand on the branch and nothing was committed to it: what an interrupted run would have made.
fn just_cut(repo: &Repo, branch: &str, tip: Oid, remote: &str, production: &str) -> Result<bool> {
    let main = repo.ref_tip(&format!("refs/remotes/{remote}/{production}"))?;
    Ok(stands(repo, branch)? && main == Some(tip))
}

fn stands(repo: &Repo, branch: &str) -> Result<bool> {
    Ok(matches!(repo.head()?, Head::Branch { name, .. } if name == branch))
}

/// What is read after git said that it is done.
fn made(there: bool, branch: &str) -> Result<()> {
    match there {
        true => Ok(()),
        false => Err(Problem::new(Kind::Failed, format!("git told of no error, and did not make {branch}"))
            .because("the `git` that was found may be another program, or one that wraps it")
            .hint("see which one it is, and what it found: git hotfix doctor")),
    }
}

/// git switches over changes that it can carry along, and says which it cannot.
fn lost_by_switching(problem: Problem, slug: &str) -> Problem {
    match problem.causes.iter().any(|cause| cause.contains("would be overwritten")) {
        true => {
            Problem::new(Kind::Refused, "git does not switch: it would overwrite what is not committed here")
                .because(problem.causes.join("\n"))
                .hint(format!("git stash && git hotfix start {slug}"))
                .hint(format!("or leave this work tree as it is: git hotfix start {slug} --worktree"))
        }
        false => problem,
    }
}

/// A slug, or a whole branch name with the prefix.
fn branch_name(prefix: &str, slug: &str) -> Result<String> {
    let rest = slug.strip_prefix(prefix).unwrap_or(slug);
    let fits = !rest.is_empty()
        && !rest.starts_with(['-', '.', '/'])
        && !rest.ends_with(['.', '/'])
        && !rest.ends_with(".lock")
        && !rest.contains("..")
        && !rest.contains("//")
        && rest.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+'))
        && rest.len() <= 200;
    match fits {
        true => Ok(format!("{prefix}{rest}")),
        false => {
            let plain = rest.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            let plain = plain.take(8).collect::<Vec<_>>().join("-");
            let fitting = if plain.is_empty() { "login-500" } else { &plain };
            Err(usage_problem(
                format!("`{slug}` does not make a branch name"),
                format!("use letters, digits and dashes: git hotfix start {fitting}"),
            ))
        }
    }
}

/// The production branch as it is on the remote now.
fn fresh_tip(repo: &Repo, remote: &str, production: &str, branch: &str) -> Result<Oid> {
    let wanted = format!("refs/heads/{production}");
    let taken = format!("refs/heads/{branch}");
    let rows = repo.ls_remote(remote, &[&wanted, &taken], None)?;
    if rows.iter().any(|(name, _)| *name == taken) {
        return Err(Problem::new(Kind::Refused, format!("{branch} exists on {remote} already"))
            .hint(format!("go on with it: git fetch {remote} && git switch {branch} && git hotfix status")));
    }
    let Some((_, tip)) = rows.iter().find(|(name, _)| *name == wanted) else {
        return Err(Problem::new(Kind::Config, format!("{remote} has no branch {production}"))
            .hint("name the production branch: git config hotfix.productionBranch <branch>"));
    };
    let spec = format!("+{wanted}:refs/remotes/{remote}/{production}");
    repo.fetch(&Fetch { remote, refspecs: &[spec], deepen: None, credential: None })?;
    Ok(*tip)
}

/// A hotfix cut while main lacks what production runs would take production back. Rights and token are
/// looked at too; what is wrong there is said now, not at 3 a.m. when it is time to push.
fn preflight(
    ctx: &Context,
    completed: Completed<'_>,
    environment: &str,
    production: &str,
    main: Oid,
) -> Result<()> {
    let gitlab = match ctx.gitlab() {
        Ok(Some(gitlab)) => gitlab,
        Ok(None) => {
            ctx.ui.warn("no token for GitLab: what production runs was not looked at");
            return Ok(());
        }
        Err(problem) => {
            ctx.ui.warn(&format!("GitLab was not asked: {problem}"));
            return Ok(());
        }
    };
    let running = match gitlab.deployments(environment, Some(DeploymentStatus::Success), 1) {
        // A token that ran out is no worse than none: the branch can be cut, and by the push it is mended.
        Err(error @ Error::Unauthorized { .. }) => {
            ctx.ui.warn(&format!("what production runs was not looked at: {error}"));
            return Ok(());
        }
        running => running?,
    };
    if let Some(deployment) = running.first()
        && let Ok(commit) = Oid::from_hex(deployment.sha.as_bytes())
    {
        let holds = completed.decide(&[main], |repo| match repo.has_commit(commit)? {
            false if !repo.is_shallow() => Ok(false),
            _ => repo.is_ancestor(commit, main),
        });
        if matches!(holds, Err(GitError::Shallow)) {
            ctx.ui.warn("this clone is shallow: whether main holds what production runs cannot be told");
        } else if !holds? {
            let short = short(commit);
            return Err(Problem::new(
                Kind::Refused,
                format!("production runs {short}, which {production} does not contain"),
            )
            .because(format!("a hotfix cut from {production} would take production back when deployed"))
            .hint(format!("bring {short} to {production} first (your sync job, or a merge request)")));
        }
    }
    if gitlab.project()?.access_level().is_some_and(|level| level < DEVELOPER) {
        ctx.ui.warn("your role in the project does not allow pushing: ask a maintainer for Developer");
    }
    match gitlab.token_info() {
        Ok(token) if !token.scopes.iter().any(|scope| scope == "api") => {
            ctx.ui.warn("the token lacks the scope `api`: opening the merge request will be refused");
        }
        Ok(_) => {}
        // Project tokens and older GitLabs do not tell; the step itself will.
        Err(error) => ctx.ui.detail(format!("the token's scopes are not known: {error}")),
    }
    Ok(())
}

/// The fix from develop, picked onto main in memory.
fn picked(completed: Completed<'_>, rev: &str, main: Oid, production: &str, slug: &str) -> Result<Oid> {
    let Completed { repo, remote, .. } = completed;
    let commit = repo.resolve(rev)?.ok_or_else(|| {
        usage_problem(
            format!("`{rev}` names no commit"),
            format!("git log --oneline {remote}/develop   shows some"),
        )
    })?;
    let source = completed.landed(commit, commit, None)?;
    let unanswered =
        || GitError::Answer { subcommand: "merge-tree".into(), what: "nothing about the pick".into() };
    match completed.pick(&source, &[main])?.pop().ok_or_else(unanswered)??.outcome {
        Outcome::Clean { trees, .. } => Ok(write_picks(repo, &source, main, &trees, &Options::default())?),
        Outcome::AlreadyThere => {
            Err(Problem::new(Kind::Refused, format!("{production} has {} already", short(commit)))
                .hint("nothing is missing there; see what production runs: git hotfix status"))
        }
        Outcome::Conflicts { paths, .. } => {
            let paths: Vec<String> =
                paths.iter().map(|path| format!("{} ({})", path.path, path.kind.name())).collect();
            Err(Problem::new(
                Kind::Hands,
                format!("{} conflicts with {production} in {}", short(commit), paths.join(", ")),
            )
            .hint(by_hand(slug, &source, commit)))
        }
    }
}

/// What `--pick` would have done, for hands.
fn by_hand(slug: &str, source: &Source, commit: Oid) -> String {
    let mainline = source.picks.first().and_then(|pick| pick.mainline);
    let mainline = mainline.map(|parent| format!(" -m {parent}")).unwrap_or_default();
    format!("pick it by hand: git hotfix start {slug} && git cherry-pick -x{mainline} {}", short(commit))
}

fn short(oid: Oid) -> String {
    oid.to_hex_with_len(8).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_make_branch_names_or_are_refused() {
        assert_eq!(branch_name("hotfix/", "login-500").unwrap(), "hotfix/login-500");
        assert_eq!(branch_name("hotfix/", "hotfix/login-500").unwrap(), "hotfix/login-500");
        for bad in ["", "-x", "a b", "a..b", "a~1", "x.lock", "a//b", "a:b", "é\u{202e}", "$(id)"] {
            assert_eq!(branch_name("hotfix/", bad).unwrap_err().kind, Kind::Usage, "{bad}");
        }
    }
}
