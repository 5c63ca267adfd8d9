//! `git hotfix status`: where a hotfix stands, who must act next, and the exact next command.

use std::time::Duration;

use clap::CommandFactory;

use super::{Exit, flow};
use crate::cli::{Cli, Named};
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::hotfix::drive::World;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::Goal;
use crate::hotfix::plan::{State, plan};
use crate::hotfix::rung::Rung;
use crate::ui::Stream;
use crate::ui::status::{Moment, porcelain, screen};
use crate::ui::status_json;

/// Arguments of `status`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Which hotfix.
    #[command(flatten)]
    pub named: Named,
    /// Stay and show every change
    #[arg(short, long, conflicts_with_all = ["json", "porcelain", "offline"])]
    pub watch: bool,
    /// For scripts: one JSON document, version 1
    #[arg(long)]
    pub json: bool,
    /// For scripts: one line for each rung, format v1
    #[arg(long, conflicts_with = "json")]
    pub porcelain: bool,
    /// From the last fetch, without the network
    #[arg(long)]
    pub offline: bool,
}

/// Runs it. Waiting and blocked are answers here, not failures.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let named = args.named.hotfix.as_deref();
    if args.watch {
        return watch(ctx, named);
    }
    let options = flow::Options { offline: args.offline, ..flow::Options::default() };
    let ran = flow::run(ctx, named, &Goal::Look, options)?;
    let (s, plan) = (&ran.outcome.snapshot, &ran.outcome.plan);
    // A name that stands for nothing: a script must not take its ladder for one that waits.
    let nothing = s.local.is_absent() && plan.state(Rung::Start) == Some(State::Blocked);
    if let Some(problem) = ran.problem().filter(|_| nothing) {
        return Err(problem);
    }
    match (args.json, args.porcelain) {
        (true, _) => ctx.ui.json(&status_json::document(s, plan, &ran.named, &ctx.called)),
        (_, true) => porcelain(s, plan, &ctx.called).into_iter().for_each(|line| ctx.ui.line(line)),
        _ => ran.show(ctx),
    }
    Ok(Exit::Done)
}

/// `git hotfix` alone: the status where there is a hotfix, else short help.
pub fn bare(ctx: &Context) -> Result<Exit> {
    let first = ctx.first()?;
    let on_hotfix = match ctx.repo()? {
        Some(repo) => match repo.head()? {
            crate::git::Head::Branch { name, .. } => {
                name != first.production.value && !first.targets.value.contains(&name)
            }
            crate::git::Head::Detached(_) => false,
        },
        None => false,
    };
    if on_hotfix {
        return run(ctx, Args::default());
    }
    ctx.ui.document(&Cli::command().render_help().to_string());
    Ok(Exit::Done)
}

/// Says how old the view is when the server does not answer, and goes on.
fn watch(ctx: &Context, named: Option<&str>) -> Result<Exit> {
    let mut site = flow::site(ctx, named, &flow::Options::default())?;
    let config = ctx.first()?;
    let zone = ctx.zone();
    let mut live = ctx.ui.live(Stream::Data);
    let mut interval = config.poll_min.value;
    let mut last: Option<(Duration, crate::hotfix::snapshot::Snapshot)> = None;
    ctx.ui.in_flight().set("watching", ctx.called.put("git hotfix status --watch"));
    while !ctx.ui.closed() {
        match site.observe(&Goal::Look, &Floor::default()) {
            Ok(snapshot) => {
                let plan = plan(&snapshot, &Goal::Look);
                let now = site.gitlab.map_or_else(|| ctx.clock.now(), |gitlab| gitlab.server_now());
                let moment = Moment { now, zone: &zone, called: &ctx.called, offline: false };
                live.draw(screen(&snapshot, &plan, &moment));
                if plan.next == crate::hotfix::plan::Next::Done {
                    live.finish();
                    return Ok(Exit::Done);
                }
                let changed = last.as_ref().is_none_or(|(_, before)| *before != snapshot);
                interval = if changed {
                    config.poll_min.value
                } else {
                    interval.mul_f64(1.5).min(config.poll_max.value)
                };
                last = Some((ctx.clock.elapsed(), snapshot));
            }
            Err(problem) if problem.kind == Kind::Unreachable && last.is_some() => {
                let age =
                    last.as_ref().map(|(at, _)| ctx.clock.elapsed().saturating_sub(*at)).unwrap_or_default();
                ctx.ui.warn(&format!("{problem}; what is shown is {} old", crate::ui::age::roughly(age)));
            }
            Err(problem) => return Err(problem),
        }
        ctx.clock.sleep(interval);
    }
    Ok(Exit::Done)
}
