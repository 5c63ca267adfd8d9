//! What a clone and GitLab tell about a project, before anybody is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Args;
use super::guess::{clear_environment, clear_production};
use crate::config::Config;
use crate::context::Context;
use crate::doctor::ci_file::CiFile;
use crate::doctor::gate::label;
use crate::doctor::read::{paths, rules};
use crate::error::{Kind, Problem, Result};
use crate::git::{Head, Repo};
use crate::gitlab::{Client, Project};

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Branches on the remote, as last fetched, or here where there is no remote.
    pub(super) branches: BTreeSet<String>,
    /// The branch that GitLab, or the remote's HEAD, calls the default one.
    pub(super) default_branch: Option<String>,
    /// The pipeline file.
    pub(super) ci: Option<CiFile>,
    /// All files of the commit that was looked at.
    pub(super) paths: Vec<String>,
    /// The labels of the approval rules, where they could be read.
    pub(super) rules: Option<Vec<String>>,
    /// What could not be looked at, in words.
    pub(super) notes: Vec<String>,
}

/// Looks; GitLab only where a token is at hand.
pub(super) fn look(ctx: &Context, repo: &Repo, args: &Args) -> Result<Looked> {
    let config = ctx.first()?;
    let mut looked = Looked::default();
    let remote = remote(repo, config)?;
    let prefix = match &remote {
        Some(remote) => format!("refs/remotes/{remote}/"),
        None => "refs/heads/".to_owned(),
    };
    let refs = repo.refs(&prefix)?;
    let names = refs.iter().filter_map(|(name, _)| name.strip_prefix(&prefix));
    looked.branches = names.filter(|name| *name != "HEAD").map(str::to_owned).collect();
    let gitlab = match remote {
        Some(_) => connect(ctx, &mut looked.notes),
        None => {
            looked.notes.push("there is no remote yet: branches were taken from this clone".to_owned());
            None
        }
    };
    looked.default_branch = gitlab.as_ref().and_then(|(_, project)| project.default_branch.clone());
    let production = clear_production(&looked, args).unwrap_or_else(|| config.production.value.clone());
    let head = match repo.head()? {
        Head::Branch { tip, .. } => tip,
        Head::Detached(tip) => Some(tip),
    };
    let main = format!("{prefix}{production}");
    let tip = refs.iter().find(|(name, _)| *name == main).map(|(_, tip)| *tip).or(head);
    let mut text = None;
    if let Some(tip) = tip {
        looked.paths = paths(repo, tip).unwrap_or_default();
        let bytes = repo.file_at(tip, ".gitlab-ci.yml".into())?;
        text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    }
    if let Some((gitlab, _)) = &gitlab {
        match gitlab.lint_at(&production) {
            Ok(lint) => text = lint.merged_yaml.or(text),
            Err(error) => looked.notes.push(format!("included pipeline files were not looked at: {error}")),
        }
    }
    match text.as_deref().map(CiFile::parse) {
        Some(Ok(file)) => looked.ci = Some(file),
        Some(Err(why)) => looked.notes.push(format!(".gitlab-ci.yml could not be read: {why}")),
        None => {}
    }
    if let Some((gitlab, _)) = &gitlab {
        let environment =
            clear_environment(&looked, args).unwrap_or_else(|| config.environment.value.clone());
        match rules(gitlab, &environment) {
            Ok(rules) if !rules.is_empty() => {
                looked.rules = Some(rules.iter().map(|rule| label(rule).to_owned()).collect());
            }
            Ok(_) => looked.notes.push(format!("{environment} has no approval rules yet")),
            Err(why) => looked.notes.push(format!("approval rules were not looked at: {why}")),
        }
    }
    Ok(looked)
}

/// The configured remote. One of another name is for the user's own configuration, not for the file.
fn remote(repo: &Repo, config: &Config) -> Result<Option<String>> {
    let remotes = repo.remotes()?;
    let wanted = &config.remote.value;
    match remotes.first() {
        None => Ok(None),
        Some(_) if remotes.contains(wanted) => Ok(Some(wanted.clone())),
        Some(first) => Err(Problem::new(Kind::Config, format!("there is no remote called {wanted}"))
            .because(format!("there is {}", remotes.join(", ")))
            .hint(format!(
                "name the one that is the project: git config hotfix.remote {first}   (then: git hotfix init)"
            ))),
    }
}

/// GitLab and the project, or a note that says why not.
fn connect<'a>(ctx: &'a Context, notes: &mut Vec<String>) -> Option<(&'a Client, Arc<Project>)> {
    let gitlab = match ctx.gitlab() {
        Ok(Some(gitlab)) => gitlab,
        Ok(None) => {
            notes
                .push("no token for GitLab: approval rules and included files were not looked at".to_owned());
            return None;
        }
        Err(problem) => {
            notes.push(format!("GitLab was not asked: {problem}"));
            return None;
        }
    };
    match gitlab.project() {
        Ok(project) => Some((gitlab, project)),
        Err(error) => {
            notes.push(format!("GitLab could not be asked: {error}"));
            None
        }
    }
}
