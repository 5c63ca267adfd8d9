//! Reads what the checks look at: the clone, the remote and the project, independent things in parallel.
//!
//! Nothing is judged here. What cannot be read is kept as the words that say why.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Seen;
use crate::error::Problem;
use crate::git::version::Version as GitVersion;
use crate::git::{Oid, Repo};
use crate::gitlab::{
    self, ApprovalRule, Client, Deployment, Environment, Label, Lint, Member, Project, ProtectedBranch,
    ProtectedEnvironment, TokenInfo, User, Version,
};

/// What is looked for by name.
#[derive(Debug, Clone)]
pub struct Names {
    /// The git remote.
    pub remote: String,
    /// The production branch.
    pub production: String,
    /// The protected environment.
    pub environment: String,
    /// Branches that must exist or must not: names, or patterns with `*`.
    pub branches: Vec<String>,
}

/// What the clone says, and the remote to git.
#[derive(Debug)]
pub struct Here {
    /// The version of git.
    pub git: Result<GitVersion, Problem>,
    /// The branches asked for that exist on the remote.
    pub branches: Result<BTreeSet<String>, Problem>,
    /// The production branch as last fetched.
    pub production: Option<Oid>,
    /// All files on it.
    pub paths: Seen<Vec<String>>,
    /// The pipeline file on it.
    pub ci_file: Option<String>,
}

/// What GitLab says.
#[derive(Debug)]
pub struct There {
    /// The instance.
    pub version: Seen<Version>,
    /// Whose token this is.
    pub me: Seen<User>,
    /// The token.
    pub token: Seen<TokenInfo>,
    /// The project.
    pub project: Arc<Project>,
    /// The branches asked for that exist, where there is no clone to ask git in.
    pub branches: Option<Seen<BTreeSet<String>>>,
    /// Protection rules of branches.
    pub protected: Seen<Vec<ProtectedBranch>>,
    /// Labels.
    pub labels: Seen<Vec<Label>>,
    /// The pipeline file, with everything it includes.
    pub lint: Seen<Lint>,
    /// The environment.
    pub environment: Seen<Option<Environment>>,
    /// Its protection in the project; its group may protect it as well.
    pub protection: Seen<Option<ProtectedEnvironment>>,
    /// Its last deployment, with the approval rules in force.
    pub last: Seen<Option<Deployment>>,
    /// Everybody in the project.
    pub members: Seen<Vec<Member>>,
    /// Members of the groups that approval rules name.
    pub groups: Vec<(u64, Seen<Vec<Member>>)>,
}

impl There {
    /// The approval rules in force.
    pub fn rules(&self) -> Seen<Vec<ApprovalRule>> {
        in_force(&self.last, &self.protection)
    }
}

/// The approval rules of an environment, read by themselves.
pub fn rules(gitlab: &Client, environment: &str) -> Seen<Vec<ApprovalRule>> {
    in_force(&last(gitlab, environment), &seen(gitlab.protected_environment(environment)))
}

/// Those that a deployment shows hold those of the group too.
fn in_force(
    last: &Seen<Option<Deployment>>,
    protection: &Seen<Option<ProtectedEnvironment>>,
) -> Seen<Vec<ApprovalRule>> {
    let shown = match last {
        Ok(Some(last)) => last.approval_summary.as_ref().map(|summary| summary.rules.clone()),
        _ => None,
    };
    match (shown, protection) {
        (Some(rules), _) if !rules.is_empty() => Ok(rules),
        (_, Ok(Some(protection))) => Ok(protection.approval_rules.clone()),
        (Some(none), _) => Ok(none),
        // GitLab without the feature shows no summary at all.
        (None, Ok(None)) => Ok(Vec::new()),
        (None, Err(why)) => Err(why.clone()),
    }
}

/// Reads the clone, and asks its remote for branches.
pub fn here(repo: &Repo, names: &Names) -> Here {
    let tracking = format!("refs/remotes/{}/{}", names.remote, names.production);
    let production = repo.ref_tip(&tracking).ok().flatten();
    let patterns: Vec<String> = names.branches.iter().map(|name| format!("refs/heads/{name}")).collect();
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let branches = repo.ls_remote(&names.remote, &patterns, None).map_err(Problem::from);
    let short = |(name, _): (String, Oid)| name.strip_prefix("refs/heads/").map(str::to_owned);
    Here {
        git: repo.git().version().map_err(Problem::from),
        branches: branches.map(|rows| rows.into_iter().filter_map(short).collect()),
        production,
        paths: match production {
            Some(tip) => paths(repo, tip),
            None => Err(format!("{}/{} was never fetched", names.remote, names.production)),
        },
        ci_file: production.and_then(|tip| {
            let bytes = repo.file_at(tip, ".gitlab-ci.yml".into()).ok().flatten()?;
            String::from_utf8(bytes).ok()
        }),
    }
}

/// All files of a commit; bytes that are not UTF-8 are replaced, which no pattern minds.
pub fn paths(repo: &Repo, tip: Oid) -> Seen<Vec<String>> {
    let paths = repo.paths_at(tip).map_err(|error| error.to_string())?;
    Ok(paths.into_iter().map(|path| path.to_string()).collect())
}

/// Reads the project; its own error when that cannot be read at all. `ask_branches`: where no clone can.
pub fn there(gitlab: &Client, names: &Names, ask_branches: bool) -> gitlab::Result<There> {
    let project = gitlab.project()?;
    let environment = names.environment.as_str();
    std::thread::scope(|scope| {
        let version = scope.spawn(|| seen(gitlab.version()));
        let me = scope.spawn(|| seen(gitlab.current_user()));
        let token = scope.spawn(|| seen(gitlab.token_info()));
        let protected = scope.spawn(|| seen(gitlab.protected_branches()));
        let labels = scope.spawn(|| seen(gitlab.labels()));
        let lint = scope.spawn(|| seen(gitlab.lint_at(&names.production)));
        let place = scope.spawn(|| seen(gitlab.environment(environment)));
        let members = scope.spawn(|| seen(gitlab.members(0)));
        let protection = scope.spawn(|| seen(gitlab.protected_environment(environment)));
        let branches = scope.spawn(|| ask_branches.then(|| branches(gitlab, &names.branches)));
        let last = last(gitlab, environment);
        let mut there = There {
            project: Arc::clone(&project),
            protection: joined(protection),
            last,
            groups: Vec::new(),
            version: joined(version),
            me: joined(me),
            token: joined(token),
            protected: joined(protected),
            labels: joined(labels),
            lint: joined(lint),
            environment: joined(place),
            members: joined(members),
            branches: branches.join().ok().flatten(),
        };
        let rules = there.rules().unwrap_or_default();
        let groups: BTreeSet<u64> = rules.iter().filter_map(|rule| rule.group_id).collect();
        let asked: Vec<_> = groups
            .into_iter()
            .map(|group| (group, scope.spawn(move || seen(gitlab.group_members(group)))))
            .collect();
        there.groups = asked.into_iter().map(|(group, answer)| (group, joined(answer))).collect();
        Ok(there)
    })
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Seen<T>>) -> Seen<T> {
    thread.join().unwrap_or_else(|_| Err("reading it stopped half-way".to_owned()))
}

fn seen<T>(answer: gitlab::Result<T>) -> Seen<T> {
    answer.map_err(|error| match error {
        gitlab::Error::Forbidden { .. } => "your role may not read it (Maintainers may)".to_owned(),
        error => error.to_string(),
    })
}

/// The newest deployment, read alone: a list shows no approval rules.
fn last(gitlab: &Client, environment: &str) -> Seen<Option<Deployment>> {
    let newest = seen(gitlab.deployments(environment, None, 1))?;
    newest.first().map(|row| seen(gitlab.deployment(row.id))).transpose()
}

fn branches(gitlab: &Client, names: &[String]) -> Seen<BTreeSet<String>> {
    const MOST: usize = 100;
    let mut found = BTreeSet::new();
    for name in names {
        match name.split_once('*') {
            Some((prefix, suffix)) => {
                let branches = seen(gitlab.branches(prefix, MOST))?;
                found.extend(branches.into_iter().map(|row| row.name).filter(|row| row.ends_with(suffix)));
            }
            None => found.extend(seen(gitlab.branch(name))?.map(|branch| branch.name)),
        }
    }
    Ok(found)
}
