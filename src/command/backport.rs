//! `git hotfix backport`: bring what landed back to develop, or forecast how that will go.

use serde_json::{Value, json};

use super::{Exit, flow, usage_problem};
use crate::cli::Named;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::{Oid, Repo};
use crate::hotfix::drive::World;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Goal;
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{BranchContent, Fact, Lane, Pick, RequestState, Sha, Snapshot};
use crate::ui::follow::Answers;
use crate::ui::status_json;
use crate::ui::{Block, Row, Style, Symbol, Text};

/// What the reflog of a local branch says.
const REFLOG: &str = "git hotfix backport";

/// Arguments of `backport`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// The target branch; repeatable, `release/*` allowed (default: as configured, develop)
    #[arg(long, value_name = "BRANCH")]
    pub to: Vec<String>,
    /// Only say how it will go, also before the merge; writes no ref
    #[arg(short = 'n', long, conflicts_with_all = ["resume", "abort"])]
    pub dry_run: bool,
    /// Resolve a conflicting backport in a work tree of its own; run it again when resolved
    #[arg(long = "continue", conflicts_with = "abort")]
    pub resume: bool,
    /// Leave off resolving: remove that work tree
    #[arg(long)]
    pub abort: bool,
    /// Make the local branch only
    #[arg(long, conflicts_with_all = ["resume", "abort"])]
    pub no_push: bool,
    /// Take the remote-tracking refs as they are
    #[arg(long)]
    pub no_fetch: bool,
    /// The commit that landed, where GitLab does not tell
    #[arg(long, value_name = "COMMIT")]
    pub landed: Option<String>,
    /// Add a Signed-off-by line
    #[arg(short, long)]
    pub signoff: bool,
    /// For scripts: one JSON document, version 1
    #[arg(long)]
    pub json: bool,
}

/// How a lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Clean,
    Conflicts,
    AlreadyThere,
    /// An open merge request brings what a person made of it.
    ByHand,
    NotNeeded,
    Failed,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Clean => "clean",
            Verdict::Conflicts => "conflicts",
            Verdict::AlreadyThere => "already-there",
            Verdict::ByHand => "by-hand",
            Verdict::NotNeeded => "not-needed",
            Verdict::Failed => "failed",
        }
    }

    fn of(lane: &Lane) -> Verdict {
        let content = lane.remote.known().map(|branch| &branch.content);
        match (&lane.pick, content, &lane.contained) {
            (_, _, Fact::Known(_)) | (Fact::Known(Pick::AlreadyThere), _, _) => Verdict::AlreadyThere,
            (_, Some(BranchContent::Recomputes | BranchContent::Resolved), _) => Verdict::Clean,
            (_, Some(BranchContent::Placeholder), _) | (Fact::Known(Pick::Conflicts(_)), _, _) => {
                Verdict::Conflicts
            }
            (Fact::Known(Pick::Clean { .. }), _, _) => Verdict::Clean,
            _ => match lane.merge_request.known().map(|mr| &mr.state) {
                Some(RequestState::Merged) => Verdict::AlreadyThere,
                Some(RequestState::Opened) if matches!(content, Some(BranchContent::Foreign(_))) => {
                    Verdict::ByHand
                }
                _ => Verdict::Failed,
            },
        }
    }
}

/// A lane, and what was made for it here.
struct Ended {
    lane: Lane,
    result: Verdict,
    commit: Option<String>,
    branch: Option<String>,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let repo = ctx.clone_here()?;
    if args.resume {
        return super::resume::run(ctx, &args);
    }
    if args.abort {
        return super::resume::abort(ctx, &args);
    }
    let production = &ctx.first()?.production.value;
    if args.to.contains(production) {
        return Err(usage_problem(
            format!("{production} is the production branch: what landed there needs no backport to it"),
            "git hotfix backport --to <branch>",
        ));
    }
    let local = args.dry_run || args.no_push;
    if args.no_push && !args.dry_run {
        repo.expect_ref(REFLOG);
    }
    let options = flow::Options {
        answers: Answers { again: "git hotfix backport".to_owned(), ..Answers::default() },
        to: args.to.clone(),
        landed: args.landed.clone(),
        signoff: args.signoff,
        no_fetch: args.no_fetch,
        without_gitlab: local,
        ..flow::Options::default()
    };
    let named = args.named.hotfix.as_deref();
    let (s, ended) = match local {
        true => {
            let mut site = flow::site(ctx, named, &options)?;
            let s = match site.observe(&Goal::Backport, &Floor::default()) {
                // The refs as they are need no server; what it knows beyond them is missing then.
                Err(problem) if problem.kind == Kind::Unreachable && args.no_fetch => {
                    ctx.ui.warn(&format!("{problem}; going by what was fetched last"));
                    site = flow::site(ctx, named, &flow::Options { offline: true, ..options })?;
                    site.observe(&Goal::Backport, &Floor::default())?
                }
                observed => observed?,
            };
            flow::exists(&s)?;
            let ended = if args.dry_run { looked_at(&s) } else { write_local(&site, repo, &s)? };
            (s, ended)
        }
        false => {
            let ran = flow::run(ctx, named, &Goal::Backport, options)?;
            flow::exists(&ran.outcome.snapshot)?;
            return told(ctx, ran, args.json);
        }
    };
    tell(ctx, &s, &ended, None, args.json)
}

/// Shows how a run of the goal ended, lane by lane, and says with which exit code.
pub(super) fn told(ctx: &Context, ran: flow::Ran, json: bool) -> Result<Exit> {
    let s = &ran.outcome.snapshot;
    tell(ctx, s, &looked_at(s), ran.problem(), json)
}

fn tell(ctx: &Context, s: &Snapshot, ended: &[Ended], problem: Option<Problem>, json: bool) -> Result<Exit> {
    if ended.is_empty() {
        return Err(problem.unwrap_or_else(|| {
            Problem::new(Kind::Config, "there is no branch to backport to")
                .hint("name one: git hotfix backport --to <branch>")
        }));
    }
    if let Some(by) = reverted(s) {
        ctx.ui.warn(&format!(
            "{} took it back on {}: what is reverted needs no backport",
            by.short(),
            s.policy.production_branch
        ));
    }
    let some_failed = ended.iter().any(|lane| lane.result == Verdict::Failed);
    match json {
        true => ctx.ui.json(&document(s, ended)),
        false => ctx.ui.data(&view(s, ended)),
    }
    if let Some(problem) = problem.map(|problem| ctx.naming(problem)) {
        // The lanes are told; what stopped one of them is told after them.
        if !json {
            ctx.ui.error(&problem);
        }
        return Ok(Exit::As(problem.kind));
    }
    let conflicting = ended.iter().any(|lane| lane.result == Verdict::Conflicts);
    Ok(match (conflicting, some_failed) {
        (true, _) => Exit::As(Kind::Hands),
        (false, true) => Exit::As(Kind::Failed),
        (false, false) => Exit::Done,
    })
}

/// The commit on the production branch that took what landed back.
fn reverted(s: &Snapshot) -> Option<&Sha> {
    s.landed.known().and_then(|landed| landed.reverted_by.as_ref())
}

fn looked_at(s: &Snapshot) -> Vec<Ended> {
    let lanes = s.lanes.iter().cloned();
    lanes
        .map(|lane| Ended {
            result: match reverted(s) {
                Some(_) => Verdict::NotNeeded,
                None => Verdict::of(&lane),
            },
            commit: lane.remote.known().map(|branch| branch.tip.to_string()),
            branch: lane.branch.clone(),
            lane,
        })
        .collect()
}

/// `--no-push`: the local branch, created only; one that is there already with the same content is kept.
fn write_local(site: &Site<'_>, repo: &Repo, s: &Snapshot) -> Result<Vec<Ended>> {
    let mut ended = looked_at(s);
    for lane in &mut ended {
        let (Some(landed), Some(branch), Fact::Known(tip), Fact::Known(pick)) =
            (s.landed.known(), &lane.branch, &lane.lane.tip, &lane.lane.pick)
        else {
            continue;
        };
        if reverted(s).is_some() || lane.lane.contained.known().is_some() {
            continue;
        }
        let Some(made) = site.write_backport(tip, landed, pick)? else { continue };
        let name = format!("refs/heads/{branch}");
        let kept = match repo.ref_tip(&name)? {
            None => {
                repo.set_ref(&name, made, None, REFLOG)?;
                made
            }
            Some(there) if same_content(repo, there, made)? => there,
            Some(_) => {
                let again = format!("git branch -D {branch} && git hotfix backport --no-push");
                return Err(Problem::new(
                    Kind::Refused,
                    format!("the local branch {branch} is there already, with other content"),
                )
                .hint(format!("look at it, then remove it: {again}")));
            }
        };
        lane.commit = Some(kept.to_string());
    }
    Ok(ended)
}

/// Made twice, two commits differ in their committer's date only.
fn same_content(repo: &Repo, one: Oid, other: Oid) -> Result<bool> {
    let (one, other) = (repo.commit(one)?, repo.commit(other)?);
    Ok(one.tree == other.tree && one.parents.len() == other.parents.len() && one.message == other.message)
}

fn tree(lane: &Lane) -> Option<String> {
    match &lane.pick {
        Fact::Known(Pick::Clean { trees }) => trees.last().map(ToString::to_string),
        _ => None,
    }
}

fn document(s: &Snapshot, ended: &[Ended]) -> Value {
    json!({
        "version": 1,
        "source": status_json::source(s, s.landed.known()),
        "targets": ended.iter().map(|lane| json!({
            "target": lane.lane.target,
            "result": lane.result.name(),
            "branch": lane.branch,
            "commit": lane.commit,
            "tree": tree(&lane.lane),
            "conflicts": match &lane.lane.pick {
                Fact::Known(Pick::Conflicts(paths)) => paths.iter().map(status_json::conflict).collect(),
                _ => Vec::new(),
            },
            "clean_once": lane.lane.clean_once,
            "directory_renames": !lane.lane.directory_renames_off,
            "merge_request": lane.lane.merge_request.known().map(|mr| json!({
                "iid": mr.iid, "web_url": mr.web_url,
            })),
        })).collect::<Vec<_>>(),
    })
}

fn view(s: &Snapshot, ended: &[Ended]) -> Block {
    let mut block = Block::new();
    for lane in ended {
        let symbol = match lane.result {
            Verdict::Clean | Verdict::AlreadyThere | Verdict::ByHand | Verdict::NotNeeded => Symbol::Done,
            Verdict::Conflicts => Symbol::Attention,
            Verdict::Failed => Symbol::Failed,
        };
        let request = lane.lane.merge_request.known();
        let mut detail = Text::from(match lane.result {
            Verdict::Clean if s.landed.known().is_none() => "will be clean",
            Verdict::Clean => "clean",
            Verdict::AlreadyThere => "already there",
            Verdict::ByHand => "by hand",
            Verdict::Conflicts if s.landed.known().is_none() => "will conflict",
            Verdict::Conflicts => "conflicts",
            Verdict::NotNeeded => "not needed",
            Verdict::Failed => "failed",
        });
        if let (Some(branch), Some(commit)) = (&lane.branch, &lane.commit) {
            let short: String = commit.chars().take(8).collect();
            detail = detail.plain(format!("  {branch} at {short}"));
        }
        match (&lane.lane.pick, &lane.lane.tip) {
            (Fact::Known(Pick::Failed(why)), _) => detail = detail.plain(format!(": {why}")),
            (_, Fact::Absent) => detail = detail.plain(": the remote has no such branch"),
            (_, Fact::Unknown) => {
                detail = detail.plain(": no such branch is known here; leave out --no-fetch")
            }
            _ => {}
        }
        if let Some(mr) = request {
            detail = detail.plain(format!("  !{}", mr.iid));
        }
        block = block.row(Row::new(symbol, &lane.lane.target, detail));
        if let Some(mr) = request {
            block = block.hanging(Text::new().plain("      ").with(Style::Link, &mr.web_url), 6);
        }
        if let Fact::Known(Pick::Conflicts(paths)) = &lane.lane.pick {
            for path in paths {
                let touched = path.touched_by.first().map_or_else(Text::new, |commit| {
                    Text::new().with(
                        Style::Dim,
                        format!("{} {} {}", commit.id.short(), commit.author, commit.subject),
                    )
                });
                block = block.cells("      ", [Text::from(&path.path), Text::from(&path.kind), touched]);
            }
        }
        if lane.lane.directory_renames_off {
            let said = "      git broke on the renames here; picked with merge.directoryRenames=false: \
                        look where new files went";
            block = block.hanging(Text::new().plain(said), 6);
        }
        if let Some(name) = lane.lane.clean_once.as_ref().filter(|_| lane.result == Verdict::Conflicts) {
            block = block.hanging(Text::new().plain(format!("      clean once {name} merges")), 6);
        }
        if lane.lane.tip.is_absent() {
            let command = format!("git ls-remote --heads {}", s.policy.remote);
            let line = Text::new().plain("      those it has: ").with(Style::Command, command);
            block = block.hanging(line, 12);
        }
        if lane.result == Verdict::Conflicts && request.is_some() {
            block = block.hanging(
                Text::new().plain("      next: ").with(
                    Style::Command,
                    format!("git hotfix backport --continue '!{}'", request.map_or(0, |mr| mr.iid)),
                ),
                12,
            );
        }
    }
    block
}
