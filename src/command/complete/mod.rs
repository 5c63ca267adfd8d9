//! `git hotfix complete`: what the shells ask at each Tab. Hidden; its answer is for the scripts of
//! `completions/`, which are of one version with it.
//!
//! One candidate a line, with a description after a tab; `:paths` alone leaves it to the shell. Reads
//! references and the nearest history, never the network, and never says anything else.

mod line;

use clap::{Arg, CommandFactory, ValueHint};

use self::line::{Line, Slot, read, repeatable};
use super::Exit;
use crate::cli::Cli;
use crate::config::Config;
use crate::context::Context;
use crate::error::Result;
use crate::git::Repo;
use crate::hotfix::rung::Rung;

/// How many commits back merge requests are looked for.
const DEPTH: usize = 200;
/// How many commits are offered.
const COMMITS: usize = 20;

/// Arguments of `complete`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The words after the program's name; the last one is being typed
    #[arg(value_name = "WORD", last = true)]
    pub words: Vec<String>,
}

/// A word that fits, and what it is.
type Candidate = (String, String);

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let mut tree = Cli::command();
    tree.build();
    let line = read(&tree, &args.words);
    // Outside a repository there are no names to offer, and a message would land in what is being typed.
    let found = candidates(ctx, &line).unwrap_or_default();
    let mut page = String::new();
    for (word, about) in found {
        if word == PATHS {
            page.push_str(PATHS);
        } else if word.starts_with(line.typed) && !word.contains(char::is_whitespace) {
            page.push_str(&format!("{}{word}", line.lead));
            if !about.is_empty() {
                page.push('\t');
                page.extend(about.chars().map(|c| if c.is_control() { ' ' } else { c }));
            }
        } else {
            continue;
        }
        page.push('\n');
    }
    if !page.is_empty() {
        ctx.ui.document(&page);
    }
    Ok(Exit::Done)
}

/// Leaves it to the shell; no branch and no option begins with a colon.
const PATHS: &str = ":paths";

fn candidates(ctx: &Context, line: &Line<'_>) -> Result<Vec<Candidate>> {
    match &line.slot {
        Slot::Nothing => Ok(Vec::new()),
        Slot::Command(command) => {
            let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
            Ok(visible.map(|command| (command.get_name().to_owned(), text(command.get_about()))).collect())
        }
        Slot::Option(command, given) => Ok(command
            .get_arguments()
            .filter(|arg| !arg.is_hide_set() && !arg.is_positional())
            .filter(|arg| repeatable(arg) || !given.contains(&arg.get_id().as_str()))
            .filter_map(|arg| {
                let name = match (arg.get_long(), arg.get_short()) {
                    (Some(long), _) => format!("--{long}"),
                    (None, short) => format!("-{}", short?),
                };
                Some((name, text(arg.get_help())))
            })
            .collect()),
        Slot::Value(arg) => values(ctx, line, arg),
    }
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

/// The values of an argument: the fixed ones, paths, or what its name in the help stands for.
fn values(ctx: &Context, line: &Line<'_>, arg: &Arg) -> Result<Vec<Candidate>> {
    let fixed = arg.get_possible_values();
    if !fixed.is_empty() {
        let visible = fixed.iter().filter(|value| !value.is_hide_set());
        return Ok(visible.map(|value| (value.get_name().to_owned(), text(value.get_help()))).collect());
    }
    if matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::DirPath | ValueHint::FilePath) {
        return Ok(vec![(PATHS.to_owned(), String::new())]);
    }
    let known = || Known::open(ctx, line);
    match arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str()) {
        "HOTFIX" => known()?.hotfixes(line.typed),
        "RUNG" => {
            let rungs = Rung::WAITABLE.map(|rung| (rung.to_owned(), "rung".to_owned()));
            Ok(rungs
                .into_iter()
                .chain(known().and_then(|known| known.hotfixes(line.typed)).unwrap_or_default())
                .collect())
        }
        "BRANCH" => known()?.targets(line.typed),
        "ROLE" => {
            Ok(known()?.config.approvals.value.into_iter().map(|role| (role.name, role.rule)).collect())
        }
        "COMMIT" => known()?.commits(|known| known.tracking(&known.config.production.value)),
        "REV" => known()?.commits(|known| known.tracking(known.config.targets.value.first()?)),
        _ => Ok(Vec::new()),
    }
}

/// What the clone knows.
struct Known {
    ctx: Context,
    config: Config,
}

impl Known {
    /// Looks where the line says (`-C`, `-R`), not where this command stands.
    fn open(ctx: &Context, line: &Line<'_>) -> Result<Known> {
        let mut globals = ctx.globals.clone();
        globals.directory = line.globals.directory.clone().or(globals.directory);
        globals.repo = line.globals.repo.clone();
        let ctx = Context::new(ctx.ui.clone(), ctx.env.clone(), globals);
        // Nothing is known of a project without a clone, and GitLab is never asked.
        ctx.clone_here()?;
        let (file, label) = ctx.file_on_production()?;
        let config = ctx.with_file(file.as_deref(), &label)?;
        Ok(Known { ctx, config })
    }

    fn repo(&self) -> Result<&Repo> {
        self.ctx.clone_here()
    }

    fn tracking(&self, branch: &str) -> Option<String> {
        Some(format!("refs/remotes/{}/{branch}", self.config.remote.value))
    }

    /// Hotfix branches, here and on the remote as of the last fetch; and merge requests that landed.
    fn hotfixes(&self, typed: &str) -> Result<Vec<Candidate>> {
        if typed.starts_with('!') {
            return self.landed();
        }
        let prefix = &self.config.prefix.value;
        let mut found: Vec<Candidate> = Vec::new();
        for below in ["refs/heads/".to_owned(), format!("refs/remotes/{}/", self.config.remote.value)] {
            for name in self.repo()?.ref_names(&format!("{below}{prefix}"))? {
                let Some(branch) = name.strip_prefix(&below) else { continue };
                if !found.iter().any(|(known, _)| known == branch) {
                    found.push((branch.to_owned(), "hotfix branch".to_owned()));
                }
            }
        }
        if typed.is_empty() {
            found.extend(self.landed()?);
        }
        Ok(found)
    }

    /// Merge requests that the merge commits of the production branch name.
    fn landed(&self) -> Result<Vec<Candidate>> {
        let repo = self.repo()?;
        let tip = self.tracking(&self.config.production.value).map(|name| repo.ref_tip(&name)).transpose()?;
        let Some(tip) = tip.flatten() else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for commit in repo.range(tip, &[], true, DEPTH)? {
            if let Some((iid, title)) = merge_request(&commit.message.to_string()) {
                found.push((format!("!{iid}"), title));
            }
        }
        Ok(found)
    }

    /// The configured targets; when none of them fits, the branches of the remote that do.
    fn targets(&self, typed: &str) -> Result<Vec<Candidate>> {
        let below = format!("refs/remotes/{}/", self.config.remote.value);
        let named = |beginning: &str| -> Result<Vec<String>> {
            let folder = beginning.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let names = self.repo()?.ref_names(&format!("{below}{folder}"))?;
            let names = names.iter().filter_map(|name| name.strip_prefix(&below));
            Ok(names.filter(|name| *name != "HEAD").map(str::to_owned).collect())
        };
        let mut found: Vec<String> = Vec::new();
        for target in &self.config.targets.value {
            match target.split_once('*') {
                Some((head, tail)) => {
                    let fits = |name: &String| name.starts_with(head) && name.ends_with(tail);
                    found.extend(named(head)?.into_iter().filter(fits));
                }
                None if self.repo()?.ref_tip(&format!("{below}{target}"))?.is_some() => {
                    found.push(target.clone());
                }
                None => {}
            }
        }
        if !found.iter().any(|name| name.starts_with(typed)) {
            found = named(typed)?;
        }
        Ok(found.into_iter().map(|name| (name, String::new())).collect())
    }

    /// The latest commits of a branch, by their short names.
    fn commits(&self, of: impl Fn(&Known) -> Option<String>) -> Result<Vec<Candidate>> {
        let repo = self.repo()?;
        let tip = of(self).map(|name| repo.ref_tip(&name)).transpose()?;
        let Some(tip) = tip.flatten() else { return Ok(Vec::new()) };
        let commits = repo.range(tip, &[], true, COMMITS)?;
        Ok(commits
            .iter()
            .map(|commit| (commit.id.to_hex_with_len(8).to_string(), commit.subject()))
            .collect())
    }
}

/// The number and the title of the merge request that GitLab's merge commit names.
fn merge_request(message: &str) -> Option<(u64, String)> {
    let (above, reference) = message.rsplit_once("See merge request ")?;
    let (_, number) = reference.lines().next()?.rsplit_once('!')?;
    let iid = number.trim().parse().ok()?;
    // GitLab's subject only repeats the branches; the title follows it.
    let title = above.lines().skip(1).find(|line| !line.trim().is_empty()).unwrap_or_default();
    Some((iid, title.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_commits_name_their_merge_request() {
        let message = "Merge branch 'hotfix/login-500' into 'main'\n\nFix login 500\n\nSee merge request shop/web!412\n";
        assert_eq!(merge_request(message), Some((412, "Fix login 500".to_owned())));
        assert_eq!(merge_request("Fix\n\nSee merge request shop/web!x"), None);
        assert_eq!(merge_request("Fix !412"), None);
    }
}
