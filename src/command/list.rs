//! `git hotfix list`: hotfixes in flight, and landed ones whose backport is missing or open.

use serde_json::{Value, json};

use super::{Exit, flow};
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::git::Oid;
use crate::gitlab::{MergeRequest, MergeRequestFilter, MergeRequestState};
use crate::hotfix::drive::World;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::{Check, Rung};
use crate::hotfix::site::{Selector, Site};
use crate::hotfix::snapshot::{Fact, Sha};
use crate::ui::{Block, Style, Text};

/// How many merge requests are looked through.
const MOST: usize = 50;

/// Arguments of `list`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only landed ones whose backport is missing or open (exit 3 where there are any)
    #[arg(long)]
    pub missing: bool,
    /// For scripts: one JSON document, version 1
    #[arg(long)]
    pub json: bool,
}

struct Line {
    iid: u64,
    title: String,
    branch: String,
    by: String,
    state: &'static str,
    /// Whether production lacks it, where that can be told.
    waits: Option<bool>,
    lanes: Vec<Gap>,
}

/// A target that is not known to hold it.
struct Gap {
    target: String,
    how: String,
    /// False where it could not be told: without a clone not everything can be read.
    told: bool,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let gitlab = ctx.gitlab_required()?;
    let options = flow::Options::default();
    let mut site = flow::site_for(ctx, Selector::Request(0), &options)?;
    let policy = site.settings.policy.clone();
    let ask = |state: MergeRequestState| MergeRequestFilter {
        target_branch: Some(policy.production_branch.clone()),
        state: Some(state),
        ..MergeRequestFilter::default()
    };
    let mut lines = Vec::new();
    let mut all = true;
    if !args.missing {
        let (open, whole) = gitlab.newest_merge_requests(&ask(MergeRequestState::Opened), MOST)?;
        all = whole;
        for mr in open {
            if is_hotfix(&mr, &site.settings.targets) {
                lines.push(line(&mr, "open", None, Vec::new()));
            }
        }
    }
    let (merged, whole) = gitlab.newest_merge_requests(&ask(MergeRequestState::Merged), MOST)?;
    all &= whole;
    let mut running: Option<Fact<Sha>> = args.missing.then_some(Fact::Unknown);
    for mr in merged {
        if !is_hotfix(&mr, &site.settings.targets) {
            continue;
        }
        site.selector = Selector::Request(mr.iid);
        let s = match site.observe(&Goal::Backport, &Floor::default()) {
            // One that no pick brings must not hide the others.
            Err(problem) if problem.kind == Kind::Refused => {
                let target = site.settings.targets.join(", ");
                let gap = Gap { target, how: problem.to_string(), told: true };
                lines.push(line(&mr, "landed", None, vec![gap]));
                continue;
            }
            observed => observed?,
        };
        let mut lanes = Vec::new();
        for (index, lane) in s.lanes.iter().enumerate() {
            let how = match Rung::Backport(index).check(&s, &Goal::Look) {
                Check::Done(detail) => match Rung::Close(index).check(&s, &Goal::Look) {
                    Check::Done(_) => continue,
                    Check::Blocked(block) => block.what,
                    _ if lane.merge_request.known().is_none() => continue,
                    _ => detail,
                },
                Check::Blocked(block) => block.what,
                Check::Unknown(what) => {
                    let how = format!("could not be told: {what}");
                    lanes.push(Gap { target: lane.target.clone(), how, told: false });
                    continue;
                }
                Check::Do(_) | Check::Wait(_) => match lane.merge_request.known() {
                    Some(mr) => format!("!{} open to {}", mr.iid, lane.target),
                    None => "missing".to_owned(),
                },
            };
            lanes.push(Gap { target: lane.target.clone(), how, told: true });
        }
        let running = match &running {
            Some(running) => running,
            None => running.insert(runs(&mut site)?),
        };
        let waits = match (running.known(), s.landed.known()) {
            (Some(running), Some(landed)) if landed.reverted_by.is_none() => {
                lacks(ctx, running, &landed.commit)?
            }
            _ => None,
        };
        if !lanes.is_empty() || waits == Some(true) {
            lines.push(line(&mr, "landed", waits, lanes));
        }
    }
    let missing = lines.iter().flat_map(|line| &line.lanes).any(|gap| gap.told);
    let told = lines.iter().flat_map(|line| &line.lanes).all(|gap| gap.told);
    match args.json {
        true => ctx.ui.json(&json!({
            "version": 1,
            "complete": all && told,
            "hotfixes": lines.iter().map(as_json).collect::<Vec<_>>(),
        })),
        false if lines.is_empty() && args.missing => ctx.ui.say("no landed hotfix lacks its backport"),
        false if lines.is_empty() => ctx.ui.say("no hotfix is in flight"),
        false => ctx.ui.data(&view(&lines)),
    }
    if !all {
        let main = &policy.production_branch;
        ctx.ui.warn(&format!("only the newest {MOST} merge requests to {main} of each state were looked at"));
    }
    Ok(match (args.missing, missing, told) {
        (true, true, _) => Exit::As(Kind::Hands),
        // Nothing was concluded about these.
        (true, false, false) => Exit::As(Kind::Unreachable),
        _ => Exit::Done,
    })
}

/// What production runs, whatever hotfix is looked at; what was rolled back does not count.
fn runs(site: &mut Site<'_>) -> Result<Fact<Sha>> {
    let s = site.observe(&Goal::Open(Box::default()), &Floor::default())?;
    Ok(s.production.known().map_or(Fact::Unknown, |production| Fact::Known(production.commit.clone())))
}

/// Whether the commit that production runs lacks this one; `None` where the clone cannot tell.
fn lacks(ctx: &Context, running: &Sha, landed: &Sha) -> Result<Option<bool>> {
    let id = |sha: &Sha| Oid::from_hex(sha.as_str().as_bytes());
    let ids = (id(running), id(landed));
    let (Some(repo), (Ok(running), Ok(landed))) = (ctx.repo()?, ids) else { return Ok(None) };
    if repo.is_shallow() || !repo.has_commit(running)? || !repo.has_commit(landed)? {
        return Ok(None);
    }
    Ok(Some(!repo.is_ancestor(landed, running)?))
}

/// A merge of develop or a release branch into main is the normal lane, no hotfix.
fn is_hotfix(mr: &MergeRequest, targets: &[String]) -> bool {
    let fits = |pattern: &String| match pattern.split_once('*') {
        Some((prefix, suffix)) => mr.source_branch.starts_with(prefix) && mr.source_branch.ends_with(suffix),
        None => mr.source_branch == *pattern,
    };
    !targets.iter().any(fits)
}

fn line(mr: &MergeRequest, state: &'static str, waits: Option<bool>, lanes: Vec<Gap>) -> Line {
    Line {
        iid: mr.iid,
        title: mr.title.clone(),
        branch: mr.source_branch.clone(),
        by: mr.author.as_ref().map(|user| user.username.clone()).unwrap_or_default(),
        state,
        waits,
        lanes,
    }
}

fn as_json(line: &Line) -> Value {
    json!({
        "iid": line.iid,
        "title": line.title,
        "branch": line.branch,
        "author": line.by,
        "state": line.state,
        "in_production": line.waits.map(|waits| !waits),
        "missing": line.lanes.iter().map(|gap| json!({"target": gap.target, "detail": gap.how})).collect::<Vec<_>>(),
    })
}

fn view(lines: &[Line]) -> Block {
    let mut block = Block::new();
    for line in lines {
        block = block.cells(
            "",
            [
                Text::new().with(Style::Strong, format!("!{}", line.iid)),
                Text::from(line.state),
                Text::from(&line.branch),
                Text::from(&line.title),
                Text::new().with(Style::Dim, &line.by),
            ],
        );
        if line.waits == Some(true) {
            let words = Text::new().plain("      ").with(Style::Warn, "production").plain(": not there yet");
            block = block.hanging(words, 6);
        }
        for Gap { target, how, .. } in &line.lanes {
            block = block
                .hanging(Text::new().plain("      ").with(Style::Warn, target).plain(format!(": {how}")), 6);
        }
    }
    block
}
