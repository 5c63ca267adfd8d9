//! `git hotfix demo`: the whole flow on an embedded GitLab, nothing to set up.
//!
//! Runs the program itself, as a user would type it, in a sandbox below the temporary folder.

mod sandbox;
mod story;

use std::time::Duration;

use serde_json::json;

use super::{Exit, usage_problem};
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::hotfix::rung::typed;
use crate::sim::{Scenario, Server, World};
use crate::ui::{Block, Style, Text};
use sandbox::Sandbox;
use story::Act;

/// Arguments of `demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which story to tell (see --list)
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Leave the server and the sandbox up, to play with, until interrupted
    #[arg(long, conflicts_with = "list")]
    pub serve: bool,
    /// With --serve: one line of JSON, version 1
    #[arg(long, requires = "serve")]
    pub json: bool,
    /// Record every exchange with the embedded GitLab's API in this file, one JSON object a line
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub record: Option<std::path::PathBuf>,
    /// List the stories, with the exit code each ends with
    #[arg(long, conflicts_with = "scenario")]
    pub list: bool,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    if args.list {
        let mut block = Block::new();
        for scenario in Scenario::all() {
            let code = story::of(scenario.name).map_or(0, |story| story.ends_with);
            block = block.cells(
                "",
                [
                    Text::new().with(Style::Strong, scenario.name),
                    Text::from(code.to_string()),
                    Text::from(scenario.about),
                ],
            );
        }
        ctx.ui.data(&block);
        return Ok(Exit::Done);
    }
    let name = args.scenario.as_deref().unwrap_or("clean");
    let (Some(scenario), Some(story)) = (Scenario::named(name), story::of(name)) else {
        let names: Vec<&str> = Scenario::all().iter().map(|scenario| scenario.name).collect();
        return Err(usage_problem(
            format!("there is no scenario `{name}`"),
            format!("there are {}; what each tells: git hotfix demo --list", names.join(", ")),
        ));
    };
    let git = ctx.git()?;
    let dir = sandbox::new_dir()?;
    let server = Server::start(World::new(&dir.join("gitlab"), scenario.setup.clone())?)?;
    if let Some(file) = &args.record {
        server.record(file)?;
    }
    let sandbox = Sandbox::set_up(git, dir, &server)?;
    if args.serve {
        if args.scenario.is_some() {
            server.with_world(|world| world.expect(scenario.events.clone()));
        }
        return serve(ctx, &server, &sandbox, args.json);
    }
    tell(ctx, &server, &sandbox, &scenario, &story)
}

fn tell(
    ctx: &Context,
    server: &Server,
    sandbox: &Sandbox,
    scenario: &Scenario,
    story: &story::Story,
) -> Result<Exit> {
    let started = ctx.clock.elapsed();
    ctx.ui.line(Text::new().with(Style::Strong, format!("{}: {}", scenario.name, scenario.about)));
    ctx.ui.line(format!(
        "an embedded GitLab at {}, project shop/web; nothing leaves this machine",
        server.url()
    ));
    ctx.ui.line(format!("sandbox: {}", sandbox.dir().display()));
    if story.colleagues {
        server.with_world(|world| world.expect(scenario.events.clone()));
    }
    let mut last = 0;
    for act in &story.acts {
        ctx.ui.line("");
        match act {
            Act::Say(words) => ctx.ui.line(Text::new().with(Style::Dim, format!("# {words}"))),
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
            Act::Resolve => {
                let (dir, paths) = sandbox.resolve()?;
                show(ctx, "dev", &format!("$EDITOR {0} && git add {0}   # in {dir}", paths.join(" ")));
            }
            Act::Web(who, deed, words) => {
                ctx.ui.line(Text::new().with(Style::Dim, format!("# {who}, in the web page: {words}")));
                server.with_world(|world| deed(world, who)).map_err(|why| broken(words, &why))?;
            }
            Act::Run { who, args, code } => {
                let args = sandbox.fill(args, server);
                show(ctx, who, &format!("git hotfix {}", quoted(&args)));
                last = sandbox.run(who, &args, server)?;
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
    ctx.ui.line(format!(
        "told in {}; {} requests. The sandbox is in {}",
        crate::ui::age::elapsed(took),
        server.requests().len(),
        sandbox.dir().display()
    ));
    ctx.ui.hint("play with it yourself: git hotfix demo --serve   (other stories: git hotfix demo --list)");
    Ok(match Kind::of_exit_code(last) {
        None => Exit::Done,
        Some(kind) => Exit::As(kind),
    })
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

/// Who can be played, as scripts know them.
const ROLES: [(&str, &str); 4] = [("developer", "dev"), ("tech-lead", "bo"), ("pm", "cleo"), ("bot", "bot")];

fn serve(ctx: &Context, server: &Server, sandbox: &Sandbox, as_json: bool) -> Result<Exit> {
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
            ctx.ui.line(format!("GitLab    {}", server.url()));
            ctx.ui.line(format!("project   {project}"));
            ctx.ui.line(format!("clone     {}", server.project_url()));
            ctx.ui.line(format!("workdir   {workdir}"));
            for (role, user) in ROLES {
                ctx.ui.line(format!("token     {:<10} {}   ({user})", role, server.token(user)));
            }
            ctx.ui.line("");
            ctx.ui.line("in another terminal, as the developer (whose token git knows there):");
            ctx.ui.line(format!("  cd {workdir}"));
            ctx.ui.line("  git hotfix start login-500   # fix something, commit, then: git hotfix ship");
            ctx.ui.line("as somebody else:");
            ctx.ui.line(format!("  export GIT_HOTFIX_URL={} GIT_HOTFIX_TOKEN=<token>", server.url()));
            ctx.ui.line("  git hotfix approve <branch>");
        }
    }
    ctx.ui.in_flight().set("serving", "git hotfix demo --serve");
    loop {
        ctx.clock.sleep(Duration::from_secs(3600));
    }
}
