//! `git hotfix ci migrate`: the body of `run-migrations-prod`.

use std::path::Path;

use super::ground::{self, Ground, Strictness, stand};
use crate::ci::heroku::Status;
use crate::ci::migrate::{OneOff, Told, migrations};
use crate::ci::promote::{RECEIPT, Receipt, short};
use crate::ci::{Body, shell_line};
use crate::command::{Exit, usage_problem};
use crate::config::App;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::git::incomplete::Completed;
use crate::git::{GitError, Oid, Repo};
use crate::gitlab::DeploymentStatus;
use crate::hotfix::standing::{LaneJobs, Names};

/// Arguments of `ci migrate`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
There is something to do where the change since the last production release touches migrations.paths; else it
says so and ends with 0. What production ran before is read from GitLab's deployments (GIT_HOTFIX_TOKEN), or
given with --since.

With a command, it runs in a one-off dyno of the app, its output is shown, and its exit status decides. The API
tells none, so the command is made to print it; where it is not seen, the job fails (exit 7) and starts nothing
a second time. Without a command, the release phase is expected to have run the migrations: every app whose
processes hold `release` is looked at. It is the surer way, since Heroku itself tells how it ended.

Reads HEROKU_API_KEY. The whole job:

  run-migrations-prod:
    needs: [deploy-prod-hotfix]
    script: git hotfix ci migrate --app api-gateway -- rake db:migrate")]
pub struct Args {
    /// The app that runs the command (default: the only one)
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// What production ran before, instead of asking GitLab
    #[arg(long, value_name = "COMMIT")]
    pub since: Option<String>,
    /// Run outside a pipeline of the production branch; the reason goes into the log
    #[arg(long, value_name = "REASON")]
    pub outside_pipeline: Option<String>,
    /// The command; without one, the release phase did it
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

const BODY: Body<'_> = Body { command: "git hotfix ci migrate", elsewhere: "git hotfix migrate" };

/// How many deployments are looked at.
const LOOKED_AT: usize = 100;

/// Runs it.
pub(super) fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let ground = stand(ctx, Strictness::Production(args.outside_pipeline.as_deref()), BODY)?;
    let before = match &args.since {
        Some(since) => Some(named(ground.repo, since)?),
        None => before(ctx, &ground)?,
    };
    let changed = changed(&ground, before)?;
    let found = migrations(&changed, &Context::migrations(&ground.config)?);
    let since = before.map_or("the beginning".to_owned(), |id| short(&id.to_string()).to_owned());
    let range = format!("since {since}, which production ran before {}", short(&ground.commit));
    let apps = runs_in(&ground, &args);
    if found.is_empty() {
        ctx.ui.line(format!("no migrations {range}: nothing to do"));
        if let Err(problem) = apps {
            ctx.ui.warn(&format!("with migrations this job would fail: {problem}"));
        }
        return Ok(Exit::Done);
    }
    ctx.ui.say(format!("{} migrations {range}:", found.len()));
    for path in &found {
        ctx.ui.say(format!("  {path}"));
    }
    match (args.command.as_slice(), apps?.as_slice()) {
        (command @ [_, ..], [(app, name)]) => by_command(ctx, &ground, app, name, &shell_line(command)),
        (_, apps) => by_release_phase(ctx, &ground, apps),
    }
}

/// The apps that are looked at, or the one that a command runs in.
fn runs_in<'a>(ground: &'a Ground<'_>, args: &Args) -> Result<Vec<(&'a App, &'a str)>> {
    let apps = apps(ground, args.app.as_deref())?;
    match apps.len() {
        1 => Ok(apps),
        _ if args.command.is_empty() => Ok(apps),
        several => Err(usage_problem(
            format!("{several} apps are configured, and the command runs in one of them"),
            "git hotfix ci migrate --app <app> -- <command>",
        )),
    }
}

fn named(repo: &Repo, since: &str) -> Result<Oid> {
    repo.resolve(since)?
        .ok_or_else(|| usage_problem(format!("{since} is no commit here"), "git log --oneline"))
}

/// What production ran before this commit: the newest deployment of another one that stands. What a rollback
/// took away is none: its migrations may never have run, or not in what runs now.
fn before(ctx: &Context, ground: &Ground<'_>) -> Result<Option<Oid>> {
    let gitlab = ground::gitlab(ctx).map_err(|problem| {
        Problem {
            message: format!("what production ran before is not known: {}", problem.message),
            ..problem
        }
        .hint("or say it: git hotfix ci migrate --since <commit>")
    })?;
    let config = &ground.config;
    let names = Names {
        deploy: &config.deploy_jobs.value,
        rollback: &config.rollback_job.value,
        migration: &config.migrations_job.value,
    };
    let rows = gitlab.deployments(&config.environment.value, Some(DeploymentStatus::Success), LOOKED_AT)?;
    let mut jobs = LaneJobs::default();
    for row in rows.iter().filter(|row| row.sha != ground.commit) {
        if jobs.stands(gitlab, names, row)? {
            let before = Oid::from_hex(row.sha.as_bytes()).map_err(|_| {
                Problem::new(Kind::Unreachable, "GitLab names a deployed commit that is no commit id")
                    .hint("say it: git hotfix ci migrate --since <commit>")
            })?;
            return Ok(Some(before));
        }
    }
    match rows.len() < LOOKED_AT {
        true => Ok(None),
        false => Err(Problem::new(
            Kind::Refused,
            format!("none of the last {LOOKED_AT} deployments tells what production ran before"),
        )
        .hint("say it: git hotfix ci migrate --since <commit>")),
    }
}

/// The paths that differ from what production ran before; all of them where it ran nothing.
fn changed(ground: &Ground<'_>, before: Option<Oid>) -> Result<Vec<String>> {
    let commit = Oid::from_hex(ground.commit.as_bytes()).map_err(|_| {
        Problem::new(Kind::Config, format!("{} is no commit id", ground.commit)).hint("git rev-parse HEAD")
    })?;
    let remote = &ground.config.remote.value;
    let completed = Completed { repo: ground.repo, remote, credential: None };
    let paths = completed.decide(&[ground.production], |repo| match before {
        None => repo.paths_at(commit),
        Some(before) => match repo.has_commit(before)? {
            true => repo.changed_paths(before, commit),
            false if repo.is_shallow() => Err(GitError::Shallow),
            false => Err(GitError::MissingObject(before)),
        },
    });
    let said = "or say what production ran before: git hotfix ci migrate --since <commit>";
    let paths = paths.map_err(|error| Problem::from(error).hint(said))?;
    Ok(paths.into_iter().map(|path| path.to_string()).collect())
}

/// The apps that are on Heroku, or the one that is named.
fn apps<'a>(ground: &'a Ground<'_>, named: Option<&str>) -> Result<Vec<(&'a App, &'a str)>> {
    let known = ground.config.app_details.iter().filter_map(|app| Some((app, app.heroku.as_deref()?)));
    let known: Vec<(&App, &str)> = known.collect();
    match named {
        None => Ok(known),
        Some(name) => match known.iter().find(|(app, _)| app.name == name) {
            Some(found) => Ok(vec![*found]),
            None => Err(Problem::new(
                Kind::Config,
                format!("which app {name} is on Heroku is not configured"),
            )
            .hint(format!(
                "add to .hotfix.toml on the production branch: [apps.{name}] heroku = \"<name on Heroku>\""
            ))),
        },
    }
}

fn by_command(
    ctx: &Context,
    ground: &Ground<'_>,
    app: &App,
    heroku_app: &str,
    command: &str,
) -> Result<Exit> {
    let heroku = ground::heroku(ctx, &ground.config)?;
    let http = ground.config.http_options();
    let one_off = OneOff {
        heroku: &heroku,
        app: heroku_app,
        command,
        connect: http.connect,
        silence: ground.config.promote.migration_silence.value,
        settle: ground.config.settle.value,
        pause: ground.config.poll_min.value,
        clock: ctx.clock.clone(),
    };
    let start = ctx.clock.elapsed();
    ctx.ui.open_section(SECTION, &format!("migrate {}", app.name), ctx.clock.now().as_second());
    let ended = one_off.run(&mut |told| match told {
        Told::Started(dyno) => {
            ctx.ui.say(format!("{}: {dyno} runs {command}", app.name));
            let next = format!("heroku ps -a {heroku_app}   ({dyno} keeps running)");
            ctx.ui.in_flight().set("a migration runs", next);
        }
        Told::Line(line) => ctx.ui.say(format!("{} | {line}", app.name)),
    });
    ctx.ui.in_flight().clear();
    ctx.ui.close_section(SECTION, ctx.clock.now().as_second());
    let took = ctx.clock.elapsed().saturating_sub(start).as_secs();
    match ended? {
        0 => {
            ctx.ui.line(format!("{}: the migration ended with 0 after {took} s", app.name));
            Ok(Exit::Done)
        }
        status => {
            Err(Problem::new(Kind::Rejected, format!("the migration ended with {status} after {took} s"))
                .because(format!("it ran on {heroku_app}: {command}"))
                .hint("what it did before it failed stays; read its log above, then mend forward")
                .hint("the app runs the new release; to take that back: git hotfix rollback"))
        }
    }
}

const SECTION: &str = "git_hotfix_migrate";

/// Looks whether the release phase of what runs now ended well: with it, the migrations did.
fn by_release_phase(ctx: &Context, ground: &Ground<'_>, apps: &[(&App, &str)]) -> Result<Exit> {
    let releases = |(app, _): &&(&App, &str)| app.processes.iter().any(|process| process == "release");
    let apps: Vec<_> = apps.iter().filter(releases).collect();
    if apps.is_empty() {
        return Err(usage_problem(
            "there are migrations, and nothing is said to run them",
            "git hotfix ci migrate --app <app> -- <command>",
        )
        .hint("or let the release phase run them: `release` among the processes of an app in .hotfix.toml"));
    }
    let receipt = Path::new(RECEIPT).exists().then(|| Receipt::read(Path::new(RECEIPT))).transpose()?;
    if receipt.is_none() {
        ctx.ui.warn(&format!("there is no {RECEIPT} here: that what runs is of this commit is not checked"));
    }
    let heroku = ground::heroku(ctx, &ground.config)?;
    for (app, name) in apps {
        let releases = heroku.releases(name, 20)?;
        let hint = format!("heroku releases -a {name}");
        let Some(newest) = releases.first() else {
            return Err(Problem::new(Kind::Rejected, format!("{}: it was never released", app.name))
                .hint(hint)
                .hint("deploy it first: git hotfix deploy"));
        };
        let of_this = receipt.as_ref().is_none_or(|receipt| {
            let row = receipt.apps.iter().find(|row| row.name == app.name);
            let after = row.and_then(|row| row.after.as_ref());
            receipt.commit == ground.commit && after.is_some_and(|after| after.id == newest.id)
        });
        let version = newest.version;
        if !of_this {
            return Err(Problem::new(
                Kind::Rejected,
                format!("{}: v{version} is not what {RECEIPT} says was released", app.name),
            )
            .hint(hint)
            .hint("deploy it again, and its release phase migrates: git hotfix deploy --again"));
        }
        match (&newest.status, newest.current) {
            (Status::Succeeded, true) => {
                ctx.ui.line(format!("{}: the release phase of v{version} ran and ended well", app.name));
            }
            (Status::Pending, _) => {
                return Err(Problem::new(
                    Kind::Pending,
                    format!("{}: v{version} is still pending", app.name),
                )
                .hint(hint)
                .hint("when it has ended, run the job again: git hotfix migrate"));
            }
            (status, _) => {
                return Err(Problem::new(
                    Kind::Rejected,
                    format!("{}: the release phase of v{version} did not end well ({status})", app.name),
                )
                .hint(format!("heroku releases:output v{version} -a {name}"))
                .hint("mend forward and deploy that: git hotfix start <slug>"));
            }
        }
    }
    Ok(Exit::Done)
}
