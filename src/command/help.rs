//! `git hotfix help`: the help of the program or of a command. The manual is git's to show: `git help hotfix`.

use clap::CommandFactory;

use super::{Exit, usage_problem};
use crate::cli::Cli;
use crate::context::Context;
use crate::error::Result;

/// Arguments of `help`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The command; all of them in short when left out
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Runs it. Needs no repository.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let mut whole = Cli::command();
    whole.build();
    let mut at = &mut whole;
    for word in &args.command {
        at = at.find_subcommand_mut(word).ok_or_else(|| {
            usage_problem(format!("there is no command `{word}`"), "see those there are: git hotfix help")
        })?;
    }
    ctx.ui.document(&at.render_help().to_string());
    let page: Vec<&str> = std::iter::once("hotfix").chain(args.command.iter().map(String::as_str)).collect();
    ctx.ui.hint(&format!("the whole manual: git help {}", page.join("-")));
    Ok(Exit::Done)
}
