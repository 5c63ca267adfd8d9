//! `git hotfix demo`: the whole flow on an embedded GitLab, nothing to set up.
//!
//! Runs the program itself, as a user would type it, in a sandbox below the temporary folder.

mod drill;
mod here;
mod sandbox;

use std::time::Duration;

use serde_json::json;

use super::{Exit, usage_problem};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::hotfix::rung::typed;
use crate::sim::{Act, Scenario, Server, World};
use crate::ui::{Block, Style, Text};
use sandbox::Sandbox;

/// Arguments of `demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which story to tell (see --list)
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Leave the server up until interrupted, and the sandbox to play with
    #[arg(long, conflicts_with = "list")]
    pub serve: bool,
    /// With --serve: one line of JSON, version 1
    #[arg(long, requires = "serve")]
    pub json: bool,
    /// Record every exchange with the embedded GitLab's API in this file, one JSON object a line
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub record: Option<std::path::PathBuf>,
    /// Rehearse on a copy of the repository you are in, with its own names; neither it nor its remote is
    /// touched
    #[arg(long, conflicts_with = "list")]
    pub here: bool,
    /// List the stories, with the exit code each ends with
    #[arg(long, conflicts_with = "scenario")]
    pub list: bool,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    if args.list {
        let mut block = Block::new();
        for scenario in Scenario::all() {
            block = block.cells(
                "",
                [
                    Text::new().with(Style::Strong, scenario.name),
                    Text::from(scenario.ends_with().to_string()),
                    Text::from(scenario.about),
                ],
            );
        }
        ctx.ui.data(&block);
        return Ok(Exit::Done);
    }
    let name = args.scenario.as_deref().unwrap_or("clean");
    let Some(scenario) = Scenario::named(name) else {
        let names: Vec<&str> = Scenario::all().iter().map(|scenario| scenario.name).collect();
        return Err(usage_problem(
            format!("there is no scenario `{name}`"),
            format!("there are {}; what each tells: git hotfix demo --list", names.join(", ")),
        ));
    };
    if args.here {
        here::fits(&scenario)?;
    }
    let git = ctx.git()?;
    let place = sandbox::new_dir()?;
    let dir = place.path().to_owned();
    let here = match args.here {
        true => Some(here::look(ctx, &dir, &scenario.setup)?),
        false => None,
    };
    let setup = here.as_ref().map_or(&scenario.setup, |here| &here.setup).clone();
    let server = Server::start(World::new(&dir.join("gitlab"), setup)?)?;
    if let Some(file) = &args.record {
        server.record(file)?;
    }
    let sandbox = Sandbox::set_up(git, dir, &server, here.as_ref())?;
    let scenario = match &here {
        Some(here) => drill::of(scenario, here)?,
        None => scenario,
    };
    for note in here.iter().flat_map(|here| &here.notes) {
        ctx.ui.warn(note);
    }
    if args.serve {
        if args.scenario.is_some() {
            server.with_world(|world| world.expect(scenario.events.clone()));
        }
        // A signal ends it, and whoever plays may want to keep what they made.
        let _ = place.keep();
        return serve(ctx, &server, &sandbox, scenario.slug, args.json);
    }
    tell(ctx, &server, &sandbox, &scenario, here.is_some()).map_err(|problem| {
        problem.because(format!("what the story made is kept in {}", place.keep().display()))
    })
}

fn tell(ctx: &Context, server: &Server, sandbox: &Sandbox, scenario: &Scenario, here: bool) -> Result<Exit> {
    let started = ctx.clock.elapsed();
    match here {
        false => {
            ctx.ui.line(Text::new().with(Style::Strong, format!("{}: {}", scenario.name, scenario.about)))
        }
        true => {
            ctx.ui.line(Text::new().with(
                Style::Strong,
                format!("a fire drill on a copy of this repository: {}", scenario.about),
            ))
        }
    }
    ctx.ui.line(format!(
        "an embedded GitLab at {}, project {}; nothing leaves this machine",
        server.url(),
        sandbox.project()
    ));
    ctx.ui.line(
        "its jobs only tell what yours would do: nothing is built, no image is copied, no Heroku is asked",
    );
    if !scenario.by_hand {
        server.with_world(|world| world.expect(scenario.events.clone()));
    }
    let (mut last, mut steps) = (0, Vec::new());
    for act in &scenario.acts {
        ctx.ui.line("");
        match act {
            Act::Say(words) => ctx.ui.line(Text::new().with(Style::Dim, format!("# {words}"))),
            Act::Fix if here => {
                let file = sandbox.write_drill()?;
                let message = format!("Fire drill: a line in {file}");
                show(ctx, "dev", &format!("git commit -am \"{message}\""));
                sandbox.commit(&message)?;
            }
            Act::Fix => {
                let files = sandbox.write_fix(scenario)?;
                ctx.ui.line(Text::new().with(Style::Dim, format!("# the fix, in {}", files.join(", "))));
                show(
                    ctx,
                    "dev",
                    &format!("git commit -am \"{}\"", scenario.message.lines().next().unwrap_or_default()),
                );
                sandbox.commit(scenario.message)?;
            }
            Act::Resolve => resolve(ctx, sandbox)?,
            Act::Web(who, click, words) => {
                ctx.ui.line(Text::new().with(Style::Dim, format!("# {who}, in the web page: {words}")));
                if let Some(refused) = server.with_world(|world| world.click(who, *click)) {
                    return Err(broken(words, &format!("GitLab answered {}", refused.status)));
                }
            }
            Act::Run { who, args, code } => {
                let args = sandbox.fill(args, server);
                show(ctx, who, &format!("git hotfix {}", quoted(&args)));
                let began = ctx.clock.elapsed();
                last = sandbox.run(who, &args, server)?;
                steps.push((
                    format!("git hotfix {}", quoted(&args)),
                    ctx.clock.elapsed().saturating_sub(began),
                ));
                // In the user's own repository the pick may well conflict: that is what a drill is to show.
                if here && *code == 0 && last == 3 {
                    ctx.ui.line(Text::new().with(
                        Style::Dim,
                        "# exit 3: your branches conflict here; this is how it is finished",
                    ));
                    last = finish_conflicts(ctx, server, sandbox, &mut steps)?;
                }
                if last != *code {
                    return Err(broken(
                        &format!("git hotfix {}", args.join(" ")),
                        &format!("it ended with exit {last}, and {code} was to come"),
                    ));
                }
                if last != 0 {
                    ctx.ui.line(Text::new().with(Style::Dim, format!("# exit {last}")));
                }
            }
        }
    }
    let took = ctx.clock.elapsed().saturating_sub(started);
    ctx.ui.line("");
    if here {
        where_it_went(ctx, &steps, took);
    }
    ctx.ui.line(format!("told in {}; {} requests", crate::ui::age::elapsed(took), server.requests().len()));
    match here {
        false => ctx
            .ui
            .hint("play with it yourself: git hotfix demo --serve   (other stories: git hotfix demo --list)"),
        true => ctx.ui.hint("play with it yourself: git hotfix demo --here --serve"),
    }
    Ok(match Kind::of_exit_code(last) {
        None => Exit::Done,
        Some(kind) => Exit::As(kind),
    })
}

/// Resolves what the backport's work tree holds, as a developer would.
fn resolve(ctx: &Context, sandbox: &Sandbox) -> Result<()> {
    let (dir, paths) = sandbox.resolve()?;
    show(ctx, "dev", &format!("$EDITOR {0} && git add {0}   # in {dir}", paths.join(" ")));
    Ok(())
}

/// Every backport that conflicted, to its end; gives the last exit code.
fn finish_conflicts(
    ctx: &Context,
    server: &Server,
    sandbox: &Sandbox,
    steps: &mut Vec<(String, Duration)>,
) -> Result<u8> {
    let mut last = 3;
    for iid in server.with_world(|world| world.conflicted_backports()) {
        for resolved in [false, true] {
            if resolved {
                resolve(ctx, sandbox)?;
            }
            let args = ["backport".to_owned(), "--continue".to_owned(), format!("!{iid}")];
            show(ctx, "dev", &format!("git hotfix {}", quoted(&args)));
            let began = ctx.clock.elapsed();
            last = sandbox.run("dev", &args, server)?;
            steps.push((format!("git hotfix {}", quoted(&args)), ctx.clock.elapsed().saturating_sub(began)));
        }
    }
    Ok(last)
}

/// Where the time of a drill went, and what it leaves out.
fn where_it_went(ctx: &Context, steps: &[(String, Duration)], took: Duration) {
    let mut block = Block::new();
    for (step, took) in steps {
        block = block.cells("  ", [Text::from(seconds(*took)), Text::from(step.as_str())]);
    }
    let typed: Duration = steps.iter().map(|(_, took)| *took).sum();
    let rest = seconds(took.saturating_sub(typed));
    block = block.cells("  ", [Text::from(rest), Text::from("the fix, and setting the stage")]);
    ctx.ui.line(Text::new().with(Style::Strong, "where the time went"));
    ctx.ui.data(&block);
    ctx.ui.line(
        "pipelines and people answer at once here: add what yours take. Your repository was only read.",
    );
}

fn seconds(took: Duration) -> String {
    format!("{:.1}s", took.as_secs_f64())
}

fn show(ctx: &Context, who: &str, command: &str) {
    let prompt = if who == "dev" { "$ ".to_owned() } else { format!("{who}$ ") };
    ctx.ui.line(Text::new().with(Style::Dim, prompt).with(Style::Strong, command));
}

fn quoted(args: &[String]) -> String {
    let quote = |arg: &String| match arg.contains(' ') {
        true => format!("\"{arg}\""),
        false => typed(arg),
    };
    args.iter().map(quote).collect::<Vec<_>>().join(" ")
}

fn broken(what: &str, why: &str) -> Problem {
    Problem::new(Kind::Failed, format!("the story broke at `{what}`"))
        .because(why)
        .hint("this is a defect of git-hotfix: please report it with the output above")
}

/// What the file system refused.
fn failed(what: &str, error: &std::io::Error) -> Problem {
    Problem::new(Kind::Failed, format!("could not {what}"))
        .because(error)
        .hint("free some room or name another folder: TMPDIR=<dir> git hotfix demo")
}

/// Who can be played, as scripts know them.
const ROLES: [(&str, &str); 4] = [("developer", "dev"), ("tech-lead", "bo"), ("pm", "cleo"), ("bot", "bot")];

fn serve(ctx: &Context, server: &Server, sandbox: &Sandbox, slug: &str, as_json: bool) -> Result<Exit> {
    let tokens: serde_json::Map<String, serde_json::Value> =
        ROLES.iter().map(|(role, user)| ((*role).to_owned(), json!(server.token(user)))).collect();
    let project = sandbox.project();
    let workdir = sandbox.clone_dir().display().to_string();
    match as_json {
        true => ctx.ui.line(
            json!({
                "version": 1,
                "url": server.url(),
                "project": project,
                "clone": server.project_url(),
                "workdir": workdir,
                "tokens": tokens,
            })
            .to_string(),
        ),
        false => {
            ctx.ui.line(format!("GitLab    {}   (open it in a browser)", server.url()));
            ctx.ui.line(format!("project   {project}"));
            ctx.ui.line(format!("clone     {}", server.project_url()));
            ctx.ui.line(format!("workdir   {workdir}"));
            ctx.ui.line(format!("sandbox   {}   (yours to remove)", sandbox.dir().display()));
            for (role, user) in ROLES {
                ctx.ui.line(format!("token     {:<10} {}   ({user})", role, server.token(user)));
            }
            ctx.ui.line("");
            ctx.ui.line("in another terminal, as the developer (whose token git knows there):");
            ctx.ui.line(format!("  cd {workdir}"));
            ctx.ui
                .line(format!("  git hotfix start {slug}   # fix something, commit, then: git hotfix ship"));
            ctx.ui.line("as somebody else:");
            ctx.ui.line(format!("  export GIT_HOTFIX_URL={} GIT_HOTFIX_TOKEN=<token>", server.url()));
            ctx.ui.line(format!("  git hotfix approve -R {project} '!<iid>'"));
        }
    }
    ctx.ui.in_flight().set("serving", "git hotfix demo --serve");
    loop {
        ctx.clock.sleep(Duration::from_secs(3600));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_that_breaks_is_said_whole() {
        let full = std::io::ErrorKind::StorageFull.into();
        let told =
            broken("git hotfix ship", "exit code 1").whole() + &failed("make the clone", &full).whole();
        insta::assert_snapshot!(told, @"
        the story broke at `git hotfix ship` (1)
          caused by: exit code 1
          hint: this is a defect of git-hotfix: please report it with the output above
        could not make the clone (1)
          caused by: no storage space
          hint: free some room or name another folder: TMPDIR=<dir> git hotfix demo
        ");
    }
}
