//! `git hotfix completion`: print the completion script of a shell. The scripts ask `git hotfix complete`.

use clap::{ValueEnum, builder::PossibleValue};

use super::Exit;
use crate::context::Context;
use crate::error::Result;

/// Arguments of `completion`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// A shell that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

impl Shell {
    /// Its script.
    pub fn script(self) -> &'static str {
        match self {
            Shell::Bash => include_str!("../../completions/git-hotfix.bash"),
            Shell::Zsh => include_str!("../../completions/_git-hotfix"),
            Shell::Fish => include_str!("../../completions/git-hotfix.fish"),
        }
    }

    /// Where the shell, and git's completion in it, looks for the script below a prefix.
    pub(super) fn place(self) -> &'static str {
        match self {
            // Without a suffix: git's completion loads it by the name of the command.
            Shell::Bash => "share/bash-completion/completions/git-hotfix",
            Shell::Zsh => "share/zsh/site-functions/_git-hotfix",
            Shell::Fish => "share/fish/vendor_conf.d/git-hotfix.fish",
        }
    }
}

impl ValueEnum for Shell {
    fn value_variants<'a>() -> &'a [Self] {
        &[Shell::Bash, Shell::Zsh, Shell::Fish]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        }))
    }
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    ctx.ui.document(args.shell.script());
    Ok(Exit::Done)
}
