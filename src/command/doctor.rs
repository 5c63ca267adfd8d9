//! `git hotfix doctor`: check everything the flow needs, each finding with its mend.

use jiff::tz::TimeZone;
use serde_json::json;

use super::Exit;
use crate::config::{Config, FILE_NAME};
use crate::context::Context;
use crate::doctor::read::{Here, Names, There};
use crate::doctor::token::Token;
use crate::doctor::{Finding, Report, Seen, State, gate, here, people, pipeline, project, read, token};
use crate::error::{Kind, Problem, Result};
use crate::git::Repo;
use crate::gitlab::Error;
use crate::ui::{Block, Row, Style, Symbol, Text};

/// Arguments of `doctor`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Each setting with its value and its source instead; works offline
    #[arg(long)]
    pub config: bool,
    /// For scripts: one JSON document, version 1
    #[arg(long)]
    pub json: bool,
}

/// Runs it. Findings are data; the exit code says whether the flow would be stopped.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    if args.config {
        return settings(ctx, args.json).map_err(|mut problem| {
            // The usual hint for a value that cannot be used leads here.
            problem.hints.retain(|hint| !hint.contains("doctor --config"));
            match ctx.repo() {
                Ok(_) => problem.hint("mend it where it is set, then: git hotfix doctor --config"),
                Err(_) => problem,
            }
        });
    }
    let report = examine(ctx)?;
    match args.json {
        true => ctx.ui.json(&report.json()),
        false => {
            ctx.ui.data(&view(&report));
            ctx.ui.say(summary(&report));
        }
    }
    Ok(report.kind().map_or(Exit::Done, Exit::As))
}

/// Every setting, offline.
fn settings(ctx: &Context, as_json: bool) -> Result<Exit> {
    let (file, label) = ctx.file_on_production()?;
    let rows = ctx.with_file(file.as_deref(), &label)?.rows();
    if as_json {
        let rows = rows
            .iter()
            .map(|(name, value, source)| json!({ "name": name, "value": value, "source": source }));
        ctx.ui.json(&json!({ "version": 1, "settings": rows.collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    let block = rows.iter().fold(Block::new(), |block, (name, value, source)| {
        let value = if value.is_empty() { "-" } else { value };
        let source = Text::new().with(Style::Dim, format!("({source})"));
        // The longest comes last, where it may wrap.
        block.cells("", [Text::from(*name), source, Text::new().with(Style::Strong, value)])
    });
    ctx.ui.data(&block);
    if let (None, Some(here)) = (&file, unmerged(ctx)?) {
        ctx.ui.warn(&format!("{here} counts once it is on the production branch ({label} is not there)"));
    }
    Ok(Exit::Done)
}

/// The file of the work tree, where there is one.
fn unmerged(ctx: &Context) -> Result<Option<String>> {
    let top = ctx.repo()?.and_then(Repo::work_tree);
    let file = top.map(|top| top.join(FILE_NAME)).filter(|file| file.is_file());
    Ok(file.map(|_| FILE_NAME.to_owned()))
}

fn examine(ctx: &Context) -> Result<Report> {
    let repo = ctx.repo()?;
    let mut report = Report::default();
    let (config, file) = configuration(ctx)?;
    let names = Names {
        remote: config.remote.value.clone(),
        production: config.production.value.clone(),
        environment: config.environment.value.clone(),
        branches: [
            vec![config.production.value.clone()],
            config.targets.value.clone(),
            here::reserved(&config),
        ]
        .concat(),
    };
    let address = ctx.address();
    // Credential helpers may talk to the user: before the threads begin.
    let gitlab = match &address {
        Ok(_) => ctx.gitlab(),
        Err(_) => Ok(None),
    };
    let (local, remote) = std::thread::scope(|scope| {
        let local = repo.map(|repo| scope.spawn(|| read::here(repo, &names)));
        let remote = match &gitlab {
            Ok(Some(gitlab)) => Some(read::there(gitlab, &names, repo.is_none())),
            _ => None,
        };
        (local.and_then(|thread| thread.join().ok()), remote)
    });
    if let (Some(repo), Some(local)) = (repo, &local) {
        report.add("git", of_clone(&config, repo, local, &address)?);
    }
    report.add("configuration", file);
    let local_ci = local.as_ref().and_then(|local| local.ci_file.as_deref());
    let address = match address {
        Ok(address) => address,
        // Told with the remote, where there is one.
        Err(problem) if repo.is_none() => return Err(problem),
        Err(_) => {
            report.add("pipeline", jobs(&config, None, local_ci));
            return Ok(report);
        }
    };
    let page = |below: &str| address.page(below);
    let base = address.instance();
    let tokens = format!("{base}/-/user_settings/personal_access_tokens");
    let look = ctx.token_look();
    let token = Token {
        source: look.found.map(|source| source.to_string()),
        skipped: look.skipped.iter().map(|(source, why)| format!("{source}: {why}")).collect(),
        page: &tokens,
        base,
    };
    let there = match (&gitlab, remote) {
        (Err(problem), _) => {
            report.add("token", vec![Finding::of_problem("token", problem)]);
            None
        }
        (Ok(_), None) => {
            report.add("token", token::missing(&token));
            None
        }
        (Ok(_), Some(Err(error))) => {
            let refused = matches!(error, Error::Unauthorized { .. });
            let problem = Problem::from(error);
            match refused {
                true => report.add("token", token::refused(&token, &problem)),
                false => report.add("project", vec![Finding::of_problem(address.project(), &problem)]),
            }
            None
        }
        (Ok(gitlab), Some(Ok(there))) => {
            let now = gitlab.map_or_else(|| ctx.clock.now(), |gitlab| gitlab.server_now());
            let today = now.to_zoned_datetime(TimeZone::UTC).date();
            report.add("token", token::checks(&token, &there.token, &there.me, today));
            Some(there)
        }
    };
    if let Some(there) = &there {
        if let Some(branches) = &there.branches {
            report.add("branches", here::branches(&config, branches, &[]));
        }
        report.add("project", project::checks(&config, there, &page));
    }
    report.add("pipeline", jobs(&config, there.as_ref(), local_ci));
    if let Some(there) = &there {
        report.add("production", gate::checks(&config, there, &page));
        report.add("people", people::checks(&config, there, &page));
    }
    Ok(report)
}

/// The configuration in force, and the findings about where it stands.
fn configuration(ctx: &Context) -> Result<(Config, Vec<Finding>)> {
    let (file, label) = match ctx.file_on_production() {
        Ok(read) => read,
        // Without a clone the file is GitLab's to give, which is looked at below.
        Err(problem) if ctx.repo()?.is_none() => {
            return Ok((ctx.with_file(None, "")?, vec![Finding::unknown(FILE_NAME, problem.to_string())]));
        }
        Err(problem) => return Err(problem),
    };
    let config = match ctx.with_file(file.as_deref(), &label) {
        Ok(config) => config,
        Err(problem) => {
            let mut finding = Finding::of_problem(FILE_NAME, &problem);
            finding.mend.get_or_insert_with(|| format!("mend {FILE_NAME} on the production branch"));
            return Ok((ctx.with_file(None, "")?, vec![finding]));
        }
    };
    let here = match ctx.repo()?.and_then(Repo::work_tree) {
        Some(top) => std::fs::read(top.join(FILE_NAME)).ok(),
        None => None,
    };
    let mut findings = vec![standing(file.as_deref(), &label, here.as_deref())];
    // What counts nowhere yet is best mended before it counts.
    if let Some(here) = here.as_deref().filter(|here| file.as_deref() != Some(here))
        && let Err(problem) = ctx.with_file(Some(here), FILE_NAME)
    {
        let mend = "mend it before it comes to the production branch: every command would stop there";
        findings.push(Finding::warn(FILE_NAME, format!("the one checked out here: {problem}"), mend));
    }
    Ok((config, findings))
}

fn standing(file: Option<&[u8]>, label: &str, here: Option<&[u8]>) -> Finding {
    match (file, here) {
        (Some(_), None) => Finding::ok(FILE_NAME, label),
        (Some(file), Some(here)) if file == here => Finding::ok(FILE_NAME, label),
        (Some(_), Some(_)) => Finding::warn(
            FILE_NAME,
            format!("{label} counts; the one checked out here is another"),
            format!(
                "see the difference: git diff {} -- {FILE_NAME}",
                label.split(':').next().unwrap_or(label)
            ),
        ),
        (None, Some(_)) => Finding::warn(
            FILE_NAME,
            format!("the one here counts only once it is on the production branch ({label} is not there)"),
            "commit it, and bring it to the production branch",
        ),
        (None, None) => Finding::ok(FILE_NAME, "none, so the defaults hold (git hotfix init writes one)"),
    }
}

fn of_clone(
    config: &Config,
    repo: &Repo,
    local: &Here,
    address: &Result<crate::gitlab::Address>,
) -> Result<Vec<Finding>> {
    let url = repo.remote_url(&config.remote.value)?;
    let shown = match (address, &url) {
        (Ok(address), _) => Ok(address.page("")),
        (Err(problem), _) => Err(problem),
    };
    let mut findings = here::git(config, local, shown.as_deref().map_err(|problem| *problem));
    let branches: Seen<_> = local.branches.clone().map_err(|_| "git cannot read the remote".to_owned());
    let heads = repo.refs("refs/heads/")?;
    let heads: Vec<String> = heads
        .into_iter()
        .filter_map(|(name, _)| name.strip_prefix("refs/heads/").map(str::to_owned))
        .collect();
    findings.extend(here::branches(config, &branches, &heads));
    findings.extend(here::migrations(config, &local.paths));
    Ok(findings)
}

fn jobs(config: &Config, there: Option<&There>, local: Option<&str>) -> Vec<Finding> {
    let (finding, file) = pipeline::file(there.map(|there| &there.lint), local);
    let mut findings = vec![finding];
    findings.extend(file.iter().flat_map(|file| pipeline::jobs(config, file)));
    findings
}

pub(super) fn view(report: &Report) -> Block {
    let mut block = Block::new();
    for (index, (title, findings)) in report.groups.iter().enumerate() {
        if index > 0 {
            block = block.blank();
        }
        block = block.text(Text::new().with(Style::Strong, title));
        for finding in findings {
            let symbol = match finding.state {
                State::Ok => Symbol::Done,
                State::Warn => Symbol::Attention,
                State::Fail(_) => Symbol::Failed,
                State::Unknown => Symbol::Later,
            };
            block = block.row(Row::new(symbol, &finding.name, &finding.found));
            if let Some(mend) = &finding.mend {
                block = block.hanging(Text::new().plain("      ").with(Style::Warn, mend), 6);
            }
        }
    }
    block
}

pub(super) fn summary(report: &Report) -> String {
    let count = |state: &str, words: &str| match report.count(state) {
        0 => None,
        count => Some(format!("{count} {words}")),
    };
    let parts: Vec<String> =
        [count("fail", "to mend"), count("warn", "to know"), count("unknown", "could not be looked at")]
            .into_iter()
            .flatten()
            .collect();
    match (report.kind(), parts.is_empty()) {
        (_, true) => "all is as it must be".to_owned(),
        (None, false) => format!("nothing stops a hotfix; {}", parts.join(", ")),
        (Some(Kind::Unreachable), false) => {
            format!("GitLab did not answer, run it again; {}", parts.join(", "))
        }
        (Some(_), false) => parts.join(", "),
    }
}
