//! Runs one goal for a command: finds the hotfix that is meant, loops, and turns the end into words.

use std::time::Duration;

use jiff::Timestamp;

use super::resume::resolved_here;
use super::usage_problem;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::Head;
use crate::git::reference::is_branch_name;
use crate::git::remote::Credential;
use crate::hotfix::drive::{End, Outcome, Timing, drive};
use crate::hotfix::goal::Goal;
use crate::hotfix::rung::{Rung, Wait, missing};
use crate::hotfix::site::{Selector, Settings, Site};
use crate::hotfix::snapshot::{Policy, Role, Sha, Snapshot};
use crate::hotfix::step::declined;
use crate::ui::follow::{Answers, Follower};
use crate::ui::status::{Moment, screen};
use crate::ui::way_back;

/// How long something that may never come (a pipeline) is waited for.
const GRACE: Duration = Duration::from_secs(180);

/// Of every command that waits for others.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Patience {
    /// Give up waiting after so long (90s, 15m, 2h): exit 8
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
}

/// Of every command that asks before it acts.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Assent {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Of the commands that play one job and follow it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Followed {
    /// Show the end of the job's log
    #[arg(long)]
    pub log: bool,
    /// How long it waits.
    #[command(flatten)]
    pub patience: Patience,
    /// Whether it asks.
    #[command(flatten)]
    pub assent: Assent,
}

/// How a goal is run.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    /// What the user said beforehand.
    pub(super) answers: Answers,
    /// Whether to wait for others.
    pub(super) waits: bool,
    /// Bounds the wait.
    pub(super) timeout: Option<Duration>,
    /// Backport targets instead of the configured ones.
    pub(super) to: Vec<String>,
    /// The landed commit, named by the user.
    pub(super) landed: Option<String>,
    /// Sign off backport commits.
    pub(super) signoff: bool,
    /// Ask neither GitLab nor the remote.
    pub(super) offline: bool,
    /// Leave the remote alone, but ask GitLab.
    pub(super) no_fetch: bool,
    /// Go on without a token, as far as git goes.
    pub(super) without_gitlab: bool,
    /// What a pipeline's job has in place of a user.
    pub(super) runner: Option<Runner>,
}

/// What a pipeline's job has in place of a user.
#[derive(Debug, Clone)]
pub(super) struct Runner {
    /// For fetches and pushes.
    pub(super) credential: Credential,
    /// Who commits, where the job's git does not know.
    pub(super) committer: Option<(String, String)>,
    /// The checkout is the runner's own, and nobody keeps it.
    pub(super) throwaway: bool,
}

/// What came of it.
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    pub(super) now: Timestamp,
    pub(super) named: String,
    offline: bool,
}

/// Runs a goal on the hotfix that is meant.
pub(super) fn run(ctx: &Context, named: Option<&str>, goal: &Goal, options: Options) -> Result<Ran> {
    let mut site = site(ctx, named, &options)?;
    let config = ctx.first()?;
    let timing = Timing {
        poll: config.poll_min.value,
        poll_max: config.poll_max.value,
        settle: config.settle.value,
        grace: GRACE,
        outage: config.retry_outage.value,
        timeout: options.timeout,
        waits: options.waits,
    };
    let clock = ctx.clock.clone();
    let started = clock.elapsed();
    let mut answers = options.answers;
    if answers.again.is_empty() {
        answers.again = "git hotfix status".to_owned();
    }
    answers.again = ctx.called.put(&answers.again);
    answers.typed.clone_from(&ctx.typed);
    let outcome = {
        let mut follower = Follower::new(&ctx.ui, answers, || clock.elapsed().saturating_sub(started));
        drive(&mut site, goal, ctx.clock.as_ref(), timing, &mut follower)?
    };
    ctx.ui.in_flight().clear();
    if let Some(gitlab) = site.gitlab {
        ctx.ui.detail(format!("{} requests to {}", gitlab.requests(), gitlab.host()));
    }
    let now = site.gitlab.map_or_else(|| ctx.clock.now(), |gitlab| gitlab.server_now());
    Ok(Ran { outcome, now, named: named.unwrap_or_default().to_owned(), offline: options.offline })
}

/// The run's view of the world.
pub(super) fn site<'a>(ctx: &'a Context, named: Option<&str>, options: &Options) -> Result<Site<'a>> {
    site_for(ctx, selector(ctx, named)?, options)
}

/// The same, for a hotfix that was found already.
pub(super) fn site_for<'a>(ctx: &'a Context, selector: Selector, options: &Options) -> Result<Site<'a>> {
    let repo = ctx.repo()?;
    let gitlab = match (options.offline, options.without_gitlab) {
        (true, _) => None,
        // Where git suffices, a remote that is no GitLab is no obstacle.
        (false, true) => ctx.gitlab().ok().flatten(),
        (false, false) => Some(ctx.gitlab_required()?),
    };
    let landed = match &options.landed {
        Some(text) => Some(commit(ctx, text)?),
        None => None,
    };
    let (to, offline, no_fetch, signoff) =
        (options.to.clone(), options.offline, options.no_fetch, options.signoff);
    let configure = move |file: Option<&[u8]>, label: &str| -> Result<Settings> {
        let config = ctx.with_file(file, label)?;
        Ok(Settings {
            policy: policy(&config),
            targets: if to.is_empty() { config.targets.value.clone() } else { to.clone() },
            migrations: Context::migrations(&config)?,
            remote: config.remote.value.clone(),
            offline,
            no_fetch,
            landed: landed.clone(),
            signoff,
            refs_good_for: config.poll_max.value,
        })
    };
    let (file, label) = ctx.file_on_production()?;
    let mut site = Site::new(repo, gitlab, ctx.clock.as_ref(), Box::new(configure), (file, label), selector)?;
    if let Some(runner) = options.runner.clone() {
        site.credential = Some(runner.credential);
        site.committer = runner.committer;
        site.throwaway = runner.throwaway;
    }
    Ok(site)
}

fn policy(config: &crate::config::Config) -> Policy {
    let roles = config.approvals.value.iter();
    Policy {
        remote: config.remote.value.clone(),
        production_branch: config.production.value.clone(),
        environment: config.environment.value.clone(),
        deploy_jobs: config.deploy_jobs.value.clone(),
        apps: config.apps.value.clone(),
        roles: roles.map(|role| Role { name: role.name.clone(), rule: role.rule.clone() }).collect(),
        rollback_job: config.rollback_job.value.clone(),
        migration_job: config.migrations_job.value.clone(),
        backport_labels: config.backport_labels.value.clone(),
        conflict_labels: config.conflict_labels.value.clone(),
    }
}

/// A commit that the user named, whole.
pub(super) fn commit(ctx: &Context, text: &str) -> Result<Sha> {
    if let Some(sha) = Sha::parse(text) {
        return Ok(sha);
    }
    let found = match ctx.repo()? {
        Some(repo) => repo.resolve(text)?,
        None => None,
    };
    found
        .map(|oid| Sha::of_bytes(oid.as_bytes()))
        .ok_or_else(|| usage_problem(format!("`{text}` names no commit"), "git log --oneline   shows some"))
}

/// Which hotfix is meant.
fn selector(ctx: &Context, named: Option<&str>) -> Result<Selector> {
    let first = ctx.first()?;
    let Some(text) = named else { return current(ctx) };
    let unfit = || usage_problem(format!("`{text}` can name no hotfix"), name_it(ctx));
    if text.trim().is_empty() {
        return Err(unfit());
    }
    if let Some(iid) = text.strip_prefix('!') {
        return iid.parse().map(Selector::Request).map_err(|_| {
            usage_problem(
                format!("`{text}` is no merge request number"),
                format!(
                    "name it like this: git hotfix {} '!412'   (in flight: git hotfix list)",
                    ctx.command
                ),
            )
        });
    }
    if text.contains("://") {
        let address = ctx.address()?;
        return address.merge_request_url(text).map(Selector::Request).ok_or_else(|| {
            usage_problem(
                format!("`{text}` is no merge request of {}", address.page("")),
                format!("name one of this project: git hotfix {} '!<iid>'", ctx.command),
            )
            .hint("or run it in a clone of that project: git hotfix -C <dir> status")
        });
    }
    if let Some(repo) = ctx.repo()? {
        // The production branch itself stands for its tip.
        if *text == first.production.value
            && let Some(oid) = repo.resolve(text)?
        {
            return Ok(Selector::Commit(Sha::of_bytes(oid.as_bytes())));
        }
        let names = [format!("refs/heads/{text}"), format!("refs/remotes/{}/{text}", first.remote.value)];
        // A revision (`HEAD~1`) is no name; nor is HEAD, though a remote has one.
        let name_like = text != "HEAD" && !text.contains('@') && is_branch_name(text);
        for name in names.into_iter().filter(|_| name_like) {
            if repo.ref_tip(&name)?.is_some() {
                return Ok(Selector::Branch(text.to_owned()));
            }
        }
        if let Some(oid) = repo.resolve(text)? {
            return Ok(Selector::Commit(Sha::of_bytes(oid.as_bytes())));
        }
    }
    match Sha::parse(text) {
        Some(sha) => Ok(Selector::Commit(sha)),
        None if is_branch_name(text) => Ok(Selector::Branch(text.to_owned())),
        None => Err(unfit()),
    }
}

fn name_it(ctx: &Context) -> String {
    format!(
        "name it: git hotfix {} <branch | !iid | url | commit>   (in flight: git hotfix list)",
        ctx.command
    )
}

fn current(ctx: &Context) -> Result<Selector> {
    let first = ctx.first()?;
    let hint = name_it(ctx);
    let Some(repo) = ctx.repo()? else {
        return Err(usage_problem("with -R, say which hotfix is meant", hint));
    };
    match repo.head()? {
        Head::Branch { name, .. } => {
            let main = &first.production.value;
            if name == *main || first.targets.value.contains(&name) {
                return Err(usage_problem(format!("{name} is checked out, which is no hotfix"), hint)
                    .hint("or begin one: git hotfix start <slug>"));
            }
            Ok(Selector::Branch(name))
        }
        Head::Detached(_) => match (repo.rebased_branch(), resolved_here(repo)?) {
            (Some(branch), _) => {
                let message = format!("{branch} is being rebased: what it will be is not settled");
                Err(Problem::new(Kind::Refused, message).hint("see what is left of it: git status").hint(
                    format!("or name the branch, as it was before: git hotfix {} {branch}", ctx.command),
                ))
            }
            (None, Some(commit)) => Ok(Selector::Commit(commit)),
            (None, None) => Err(usage_problem("no branch is checked out (detached HEAD)", hint)),
        },
    }
}

impl Ran {
    /// For views.
    pub(super) fn moment<'a>(&self, ctx: &'a Context, zone: &'a jiff::tz::TimeZone) -> Moment<'a> {
        Moment { now: self.now, zone, called: &ctx.called, offline: self.offline }
    }

    /// Shows the status screen as data: of everything, whatever the goal was.
    pub(super) fn show(&self, ctx: &Context) {
        let zone = ctx.zone();
        ctx.ui.data(&screen(&self.outcome.snapshot, &self.whole_plan(), &self.moment(ctx, &zone)));
    }

    /// After a deployment that failed or was taken back: what each app runs, and whether one can go back.
    pub(super) fn show_way_back(&self, ctx: &Context) {
        if let Some(card) = way_back::card(&self.outcome.snapshot, &ctx.called) {
            ctx.ui.say_block(&card);
        }
    }

    /// What the last look means for the whole flow.
    pub(super) fn whole_plan(&self) -> crate::hotfix::plan::Plan {
        crate::hotfix::plan::plan(&self.outcome.snapshot, &Goal::Look)
    }

    /// What the end means for the exit code, unless it is done.
    pub(super) fn problem(&self) -> Option<Problem> {
        problem(&self.outcome.end)
    }
}

/// Refuses a name that stands for nothing, for commands that do without a plan.
pub(super) fn exists(s: &Snapshot) -> Result<()> {
    let end = missing(s).map(|block| End::Blocked(vec![(Rung::Start, block)]));
    end.as_ref().and_then(problem).map_or(Ok(()), Err)
}

/// An end that is not the goal, as a problem.
pub(super) fn problem(end: &End) -> Option<Problem> {
    match end {
        End::Done => None,
        End::Blocked(blocks) => {
            // The gravest first: rejected over there counts more than what needs hands here.
            let (_, first) = blocks.iter().min_by_key(|(_, block)| block.kind.exit_code() != 7)?;
            let mut problem = Problem::new(first.kind, first.what.clone());
            for (_, other) in blocks.iter().filter(|(_, block)| block != first) {
                problem = problem.because(format!("also: {}", other.what));
            }
            problem.hints = std::iter::once(first)
                .chain(blocks.iter().map(|(_, b)| b).filter(|b| *b != first))
                .flat_map(|b| b.hints.clone())
                .collect();
            Some(problem)
        }
        End::Pending(waits) => Some(
            Problem::new(Kind::Pending, format!("still waiting for {}", waiting(waits)))
                .hint("git hotfix wait   (or see: git hotfix status)"),
        ),
        End::Yours(step) => Some(
            Problem::new(Kind::Refused, format!("it waits for you to {}", step.words()))
                .hint(format!("git hotfix {}", crate::hotfix::plan::command_for(step).join(" "))),
        ),
        End::Declined(step) => Some(declined(step)),
    }
}

fn waiting(waits: &[(Rung, Wait)]) -> String {
    let each: Vec<&str> = waits.iter().map(|(_, wait)| wait.what.as_str()).collect();
    each.join("; ")
}

/// A duration as people type it: `90`, `90s`, `15m`, `2h`.
pub(super) fn duration(text: &str) -> std::result::Result<Duration, String> {
    let (number, factor) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .map(Duration::from_secs)
        .ok_or_else(|| "say it like 90s, 15m or 2h".to_owned())
}
