//! The commands: one file each, with its arguments and its `run`. A command names its goal and renders
//! what came of it.

pub mod abort;
pub mod approve;
pub mod ask;
pub mod backport;
pub mod ci;
pub mod complete;
pub mod completion;
pub mod demo;
pub mod deploy;
pub mod doctor;
mod flow;
pub mod help;
pub mod init;
pub mod install;
pub mod list;
pub mod merge;
pub mod migrate;
pub mod open;
mod resume;
pub mod revert;
pub mod rollback;
pub mod ship;
pub mod start;
pub mod status;
mod usage;
pub mod verify;
pub mod wait;

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::{Cli, Command};
use crate::config::{Env, env};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::trace;
use crate::ui::{Level, Streams, Terminal, Ui, Wishes};

/// How a command ended that did not fail: with exit 0, or with the code of a kind it has told already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Told already; only the exit code is left.
    As(Kind),
}

/// Runs the program and gives its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let env = Env::take();
    let args: Vec<OsString> = args.into_iter().collect();
    let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    trace::begin(env.get(env::GIT_TRACE2_EVENT), env.get(env::GIT_TRACE2_PARENT_SID), &words);
    let code = match Cli::try_parse_from(args) {
        Ok(cli) => carry_out(env, cli, &words),
        Err(error) => usage(&env, &error, &words),
    };
    trace::end(code);
    code
}

fn carry_out(env: Env, cli: Cli, words: &[String]) -> u8 {
    let json = wants_json(cli.command.as_ref());
    let ui = Ui::new(terminal(&env, cli.globals.color.as_deref(), cli.globals.ascii), level(&cli));
    let named = cli.command.as_ref().and_then(Command::hotfix).map(str::to_owned);
    let context = Context::new(ui, env, cli.globals).calling(
        usage::command(words),
        usage::typed(words),
        named.as_deref(),
    );
    let ended = context
        .ui
        .watch_signals(crate::git::forward_signal, crate::git::wait_for_end)
        .and_then(|()| dispatch(&context, cli.command))
        .and_then(|exit| context.ui.finish().map(|()| exit));
    match ended {
        Ok(Exit::Done) => 0,
        Ok(Exit::As(kind)) => kind.exit_code(),
        Err(problem) => {
            let problem = context.naming(problem);
            match json {
                true => context.ui.error_json(&problem),
                false => context.ui.error(&problem),
            }
            problem.kind.exit_code()
        }
    }
}

fn dispatch(context: &Context, command: Option<Command>) -> Result<Exit> {
    match command {
        Some(Command::Start(args)) => start::run(context, args),
        Some(Command::Open(args)) => open::run(context, args),
        Some(Command::Status(args)) => status::run(context, args),
        Some(Command::Wait(args)) => wait::run(context, args),
        Some(Command::Merge(args)) => merge::run(context, args),
        Some(Command::Approve(args)) => approve::run(context, args),
        Some(Command::Deploy(args)) => deploy::run(context, args),
        Some(Command::Migrate(args)) => migrate::run(context, args),
        Some(Command::Backport(args)) => backport::run(context, args),
        Some(Command::Ship(args)) => ship::run(context, args),
        Some(Command::Verify(args)) => verify::run(context, args),
        Some(Command::List(args)) => list::run(context, args),
        Some(Command::Abort(args)) => abort::run(context, args),
        Some(Command::Rollback(args)) => rollback::run(context, args),
        Some(Command::Revert(args)) => revert::run(context, args),
        Some(Command::Ci(args)) => ci::run(context, args),
        Some(Command::Demo(args)) => demo::run(context, args),
        Some(Command::Ask(args)) => ask::run(context, args),
        Some(Command::Init(args)) => init::run(context, args),
        Some(Command::Doctor(args)) => doctor::run(context, args),
        Some(Command::Install(args)) => install::run(context, args),
        Some(Command::Completion(args)) => completion::run(context, args),
        Some(Command::Help(args)) => help::run(context, args),
        Some(Command::Complete(args)) => complete::run(context, args),
        None => status::bare(context),
    }
}

fn wants_json(command: Option<&Command>) -> bool {
    match command {
        Some(Command::Status(args)) => args.json,
        Some(Command::Backport(args)) => args.json,
        Some(Command::List(args)) => args.json,
        Some(Command::Verify(args)) => args.json,
        Some(Command::Demo(args)) => args.json,
        Some(Command::Doctor(args)) => args.json,
        Some(Command::Ci(args)) => args.json(),
        _ => false,
    }
}

fn level(cli: &Cli) -> Level {
    match (cli.globals.quiet, cli.globals.verbose) {
        (true, _) => Level::Quiet,
        (_, true) => Level::Verbose,
        _ => Level::Normal,
    }
}

fn terminal(env: &Env, color: Option<&str>, ascii: bool) -> Terminal {
    Terminal::decide(
        Streams::of_process(),
        Wishes {
            color_flag: color,
            ascii,
            no_color: env.get(env::NO_COLOR),
            clicolor_force: env.get(env::CLICOLOR_FORCE),
            term: env.get(env::TERM),
            columns: env.get(env::COLUMNS),
            lc_all: env.get(env::LC_ALL),
            lc_ctype: env.get(env::LC_CTYPE),
            lang: env.get(env::LANG),
            pager_in_use: env.get(env::GIT_PAGER_IN_USE),
            gitlab_ci: env.get(env::GITLAB_CI),
        },
    )
}

/// Help is data; a wrong command line is talk and exit 2.
fn usage(env: &Env, error: &clap::Error, words: &[String]) -> u8 {
    let ui = Ui::new(terminal(env, None, false), Level::Normal);
    let text = error.render().to_string();
    if !error.use_stderr() {
        ui.document(&text);
        return 0;
    }
    match error.kind() {
        // Here the help is the answer, but not what was asked for.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ui.relay(&text),
        _ if words.iter().any(|word| word == "--json") => ui.error_json(&usage::problem(error, words)),
        _ => ui.error(&usage::problem(error, words)),
    }
    Kind::Usage.exit_code()
}

/// A usage problem with its mend.
fn usage_problem(message: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem::new(Kind::Usage, message).hint(hint)
}
