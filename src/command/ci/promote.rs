//! `git hotfix ci promote`: the body of `deploy-prod-hotfix`, and with `--rollback` of `rollback-prod-hotfix`.

use std::path::{Path, PathBuf};

use super::ground::{self, Ground, Strictness, stand};
use super::take_back;
use super::watch::Watch;
use crate::ci::heroku::Heroku;
use crate::ci::promote::{
    self, Forward, Images, Limits, RECEIPT, ROLLBACK_RECEIPT, Ready, Receipt, Site, Target, preflight, short,
};
use crate::ci::registry::{self, Login, Registries};
use crate::ci::{Body, in_environment, shell_word};
use crate::command::{Exit, usage_problem};
use crate::config::{Config, env};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::gitlab;
use crate::http::Secret;

/// Arguments of `ci promote`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Brings the images of CI_COMMIT_SHA from the project's registry to Heroku, for all apps of [deploy] apps, and
releases them one after the other. No docker daemon is needed. Every app is looked at before one is touched;
the first that fails stops the rest, and what each app runs then is said. Run again, it goes on: an app that
runs the image already is only verified.

Reads CI_REGISTRY_IMAGE, CI_REGISTRY_USER and CI_REGISTRY_PASSWORD (or CI_JOB_TOKEN), which GitLab sets, and
HEROKU_API_KEY. The apps stand in .hotfix.toml on the production branch:

  [apps.portal]
  heroku = \"acme-portal-prod\"
  image = \"portal\"              # below the project's registry; default: the app's name
  tag = \"{sha}\"                 # or {short_sha}; default {sha}
  processes = [\"web\"]           # default web; release is one, too
  health = { url = \"https://portal.example/health\", identity = \"x-revision\" }
                                # or field = \"build.commit\"; status = 200

The receipt is promote-receipt.json with promote-receipt.md beside it, also after a failure; that of a rollback
by a named one is rollback-receipt.json. The whole job:

  deploy-prod-hotfix:
    environment: production
    resource_group: production
    when: manual
    allow_failure: false
    script: git hotfix ci promote
    artifacts: { when: always, paths: [promote-receipt.*] }")]
pub struct Args {
    /// Only this app; repeatable (default: every app of the configuration, or of the receipt)
    #[arg(long, value_name = "APP")]
    pub app: Vec<String>,
    /// Look at everything, print the plan, touch nothing; runs anywhere
    #[arg(long)]
    pub dry_run: bool,
    /// Take the apps of this receipt back to what they ran before (default: the one that this pipeline's
    /// deploy job left)
    #[arg(long, value_name = "RECEIPT", conflicts_with = "dry_run", num_args = 0..=1)]
    pub rollback: Option<Option<PathBuf>>,
    /// Where to write the receipt
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Run outside the production job's pipeline; the reason goes into the receipt
    #[arg(long, value_name = "REASON")]
    pub outside_pipeline: Option<String>,
}

const BODY: Body<'_> = Body {
    command: "git hotfix ci promote",
    elsewhere: "git hotfix deploy   (to see the plan: git hotfix ci promote --dry-run)",
};

/// Runs it.
pub(super) fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let outside = args.outside_pipeline.as_deref();
    if args.receipt.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "md")) {
        return Err(usage_problem(
            "the receipt is JSON; its Markdown is written beside it, with the ending .md",
            "git hotfix ci promote --receipt <file>.json",
        ));
    }
    let strictness = match args.dry_run {
        true => Strictness::Anywhere,
        false => Strictness::Production(outside),
    };
    let body = if args.rollback.is_some() { take_back::BODY } else { BODY };
    let ground = stand(ctx, strictness, body)?;
    let environment = &ground.config.environment.value;
    if !args.dry_run {
        in_environment(&ctx.env, environment, outside, body)?;
        // A rollback is no deployment to GitLab: recorded as one, it would be one of the commit it takes away.
        if args.rollback.is_none() {
            known_to_gitlab(ctx, environment, outside)?;
        }
    }
    let path = |name: &str| args.receipt.clone().unwrap_or_else(|| name.into());
    let (by, path) = match &args.rollback {
        None => return forward(ctx, &ground, &args, &path(RECEIPT)),
        // Not over the receipt that it goes by.
        Some(Some(from)) => (Receipt::read(from)?, path(ROLLBACK_RECEIPT)),
        Some(None) => (take_back::left_here(ctx, &ground)?, path(RECEIPT)),
    };
    take_back::run(ctx, &ground, by, &args.app, &path, outside)
}

fn forward(ctx: &Context, ground: &Ground<'_>, args: &Args, path: &Path) -> Result<Exit> {
    let config = &ground.config;
    let images = Images::of(&ctx.env)?;
    let targets = promote::targets(config, &args.app, &images, &ground.commit)?;
    let heroku = ground::heroku(ctx, config)?;
    let registries = registries(ctx, config, &images, &targets)?;
    let secrets = secrets(ctx);
    let keep = |receipt: &Receipt| receipt.write(path, &secrets);
    let siblings = promote::siblings(config, &targets);
    let (again, back) = ways(config, path, args.outside_pipeline.is_some());
    let site = site(ctx, config, &heroku, &keep, &again);
    let forward = Forward { registries: &registries, siblings: &siblings, back: &back };
    let mut watch = Watch::new(ctx);
    ctx.ui.say(format!("{} to {}", short(&ground.commit), names(&targets)));
    let ready = {
        watch.begin("", "preflight");
        let found = preflight(&site, &registries, targets, &ground.commit, &mut |event| watch.tell(event));
        watch.end();
        found?
    };
    if args.dry_run {
        return plan(ctx, &ready);
    }
    let mut receipt = Receipt::begin(&ground.commit, &who(ctx, ground), ctx.clock.now(), &ready);
    receipt.outside_pipeline = args.outside_pipeline.clone();
    receipt.job = ctx.env.get(env::CI_JOB_URL).map(str::to_owned);
    keep(&receipt)?;
    let so_far = format!("{again}; the receipt so far is {}", path.display());
    ctx.ui.in_flight().set("promoting", so_far);
    let done = promote::promote(&site, &forward, &ready, &mut receipt, &mut |event| watch.tell(event));
    ctx.ui.in_flight().clear();
    drop(watch);
    done.inspect_err(|_| ctx.ui.say(format!("the receipt is {}", path.display())))?;
    ctx.ui.line(format!("{} is live on {}", short(&ground.commit), list(&ready)));
    ctx.ui.say(format!("the receipt is {}", path.display()));
    Ok(Exit::Done)
}

/// Asks GitLab, where a token allows it, whether this job is a deployment to the environment: variables can be
/// set by hand, deployments cannot.
fn known_to_gitlab(ctx: &Context, environment: &str, outside: Option<&str>) -> Result<()> {
    let job = ctx.env.get(env::CI_JOB_ID).and_then(|id| id.parse::<u64>().ok());
    let (Some(job), None, Some(_)) = (job, outside, ctx.env.get(env::TOKEN)) else { return Ok(()) };
    let Some(client) = ctx.gitlab()? else { return Ok(()) };
    let rows = match client.deployments(environment, None, LOOKED_AT) {
        Ok(rows) => rows,
        // What the token may is not the question here.
        Err(
            error @ (gitlab::Error::Unauthorized { .. }
            | gitlab::Error::Forbidden { .. }
            | gitlab::Error::NotFound { .. }),
        ) => {
            ctx.ui.warn(&format!(
                "whether GitLab knows this job as one that deploys to {environment} was not checked: {error}"
            ));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if rows.iter().any(|row| row.deployable.as_ref().is_some_and(|own| own.id == job)) {
        return Ok(());
    }
    let what = match rows.len() < LOOKED_AT {
        true => format!("GitLab knows no deployment of job {job} to {environment}"),
        false => format!("none of the last {LOOKED_AT} deployments to {environment} is one of job {job}"),
    };
    Err(Problem::new(Kind::Refused, what)
        .because("only a job with `environment:` waits for the approvals")
        .hint("play the deploy job of the production branch's pipeline: git hotfix deploy"))
}

/// How many deployments are looked at.
const LOOKED_AT: usize = 100;

fn registries(ctx: &Context, config: &Config, images: &Images<'_>, targets: &[Target]) -> Result<Registries> {
    let http = config.http_options();
    let options = registry::Options {
        connect: http.connect,
        stall: http.read,
        // Five minutes, where nothing is configured: some registries move a blob before they answer.
        commit: 5 * http.total,
        retry: http.retry,
        ..registry::Options::default()
    };
    let mut registries = Registries::new(options, ctx.clock.clone());
    if let Some(first) = targets.first() {
        images.log_in(&mut registries, &first.source)?;
    }
    registries.login(Login::new(&config.promote.heroku_registry.value, "_", ground::key(ctx)?)?);
    Ok(registries)
}

/// How a person goes on after a promotion that stopped halfway, and how one takes back what it did.
fn ways(config: &Config, path: &Path, outside: bool) -> (String, String) {
    let reason = "--outside-pipeline <reason>";
    let receipt = shell_word(&path.display().to_string());
    let here = format!("{} --rollback {receipt} {reason}", BODY.command);
    match outside {
        true => ("run the same command again".to_owned(), here),
        // The rollback job finds the receipt among the artifacts of this one.
        false => (
            "run the job again (git hotfix deploy --again)".to_owned(),
            format!(
                "play {} (git hotfix rollback); or with the receipt at hand: {here}",
                config.rollback_job.value
            ),
        ),
    }
}

pub(super) fn site<'a>(
    ctx: &Context,
    config: &'a Config,
    heroku: &'a Heroku,
    keep: &'a dyn Fn(&Receipt) -> Result<()>,
    again: &'a str,
) -> Site<'a> {
    let times = &config.promote;
    Site {
        heroku,
        limits: Limits {
            poll_min: config.poll_min.value,
            poll_max: config.poll_max.value,
            settle: config.settle.value,
            release: times.release_deadline.value,
            boot: times.boot_deadline.value,
            health: times.health_deadline.value,
            answer: times.health_timeout.value,
            check_min: times.health_min.value,
            check_max: times.health_max.value,
            streak: times.health_streak.value,
        },
        clock: ctx.clock.clone(),
        keep,
        again,
    }
}

fn plan(ctx: &Context, ready: &[Ready]) -> Result<Exit> {
    for app in ready {
        let target = &app.target;
        let processes: Vec<&str> = target.processes.iter().map(|process| process.name.as_str()).collect();
        let runs = app.runs.as_ref().map_or("nothing".to_owned(), |release| format!("v{}", release.version));
        let line = format!(
            "{}: {} ({:.1} MB) to {} as {}, now {runs}",
            target.name,
            app.image.source,
            app.image.size() as f64 / 1e6,
            target.heroku,
            processes.join(", "),
        );
        ctx.ui.line(line);
        ctx.ui.line(format!("  image {}", app.image.config_digest));
        match &target.health {
            Some(health) => ctx.ui.line(format!("  health {}", health.url)),
            None => ctx.ui.line("  no health check"),
        }
    }
    ctx.ui.say("nothing was touched");
    Ok(Exit::Done)
}

/// Who started it, as far as is known.
pub(super) fn who(ctx: &Context, ground: &Ground<'_>) -> String {
    if let Some(login) = ctx.env.get(env::GITLAB_USER_LOGIN) {
        return login.to_owned();
    }
    let config = ground.repo.config().ok();
    let name = config.and_then(|config| config.get("user.email").or_else(|| config.get("user.name")));
    name.unwrap_or_else(|| "unknown".to_owned())
}

/// What must not stand in a receipt.
pub(super) fn secrets(ctx: &Context) -> Vec<Secret> {
    let names = [env::HEROKU_API_KEY, env::CI_REGISTRY_PASSWORD, env::CI_JOB_TOKEN, env::TOKEN];
    names.iter().filter_map(|name| Secret::new(ctx.env.get(name)?)).collect()
}

fn names(targets: &[Target]) -> String {
    targets.iter().map(|target| target.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn list(ready: &[Ready]) -> String {
    ready.iter().map(|app| app.target.name.as_str()).collect::<Vec<_>>().join(", ")
}
