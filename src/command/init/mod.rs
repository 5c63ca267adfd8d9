//! `git hotfix init`: find out how this project works, ask for the rest, and write `.hotfix.toml`.
//!
//! It asks only what neither the clone nor the pipeline file nor GitLab tells, shows the file before it
//! writes it, and writes only what differs from the defaults.

mod approvals;
mod draft;
mod guess;
mod look;

use std::io::Write as _;
use std::path::Path;

use draft::Draft;
use guess::{Answer, guess};
use look::Looked;

use super::Exit;
use crate::config::FILE_NAME;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};

/// Arguments of `init`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// The branch that production is deployed from
    #[arg(long, value_name = "BRANCH")]
    pub production: Option<String>,
    /// A branch that hotfixes are backported to (repeatable)
    #[arg(long, value_name = "BRANCH")]
    pub target: Vec<String>,
    /// Backport to no branch at all
    #[arg(long, conflicts_with = "target")]
    pub no_target: bool,
    /// The manual job that deploys
    #[arg(long, value_name = "JOB")]
    pub deploy_job: Option<String>,
    /// The manual job that rolls back
    #[arg(long, value_name = "JOB")]
    pub rollback_job: Option<String>,
    /// The job that runs migrations
    #[arg(long, value_name = "JOB")]
    pub migrations_job: Option<String>,
    /// The protected environment
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Who must approve, as in pm=product: a role and its approval rule (repeatable)
    #[arg(long, value_name = "ROLE=RULE")]
    pub approval: Vec<String>,
    /// An app that is deployed (repeatable)
    #[arg(long, value_name = "NAME")]
    pub app: Vec<String>,
    /// A pattern of the paths that hold migrations (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub migrations_path: Vec<String>,
    /// Replace the file that is there
    #[arg(long)]
    pub force: bool,
    /// Do not ask: take what was found out
    #[arg(short, long)]
    pub yes: bool,
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let repo = ctx.clone_here()?;
    let Some(top) = repo.work_tree() else {
        return Err(Problem::new(
            Kind::Refused,
            format!("this repository is bare: {FILE_NAME} has no place here"),
        )
        .hint("run it in a clone with a work tree: git clone <url> && cd <dir> && git hotfix init"));
    };
    let path = top.join(FILE_NAME);
    if !args.force && path.symlink_metadata().is_ok() {
        return Err(Problem::new(Kind::Refused, format!("{} exists already", path.display()))
            .hint("see what it says: git hotfix doctor --config")
            .hint("or replace it: git hotfix init --force"));
    }
    let looked = look::look(ctx, repo, &args)?;
    let draft = settle(ctx, &looked, &args)?;
    let text = draft.text();
    // What is written must be what is read.
    let config = ctx.with_file(Some(text.as_bytes()), FILE_NAME)?;
    Context::migrations(&config)?;
    ctx.ui.document(&text);
    if !args.yes && !ctx.ui.confirm(&format!("write {}?", path.display()), &format!("{} --yes", ctx.typed))? {
        return Err(Problem::declined(format!("write {}", path.display())));
    }
    write(&path, &text, args.force)?;
    ctx.ui.say(format!("wrote {}", path.display()));
    for note in &looked.notes {
        ctx.ui.say(note.as_str());
    }
    ctx.ui.hint(&format!(
        "it counts once it is on {}: git add {FILE_NAME} && git commit",
        config.production.value
    ));
    let production = &config.production.value;
    if *production != ctx.first()?.production.value {
        ctx.ui.hint(&format!(
            "a clone finds {production} through the file on main, or on the remote's default branch; where it is on neither: git config hotfix.productionBranch {production}"
        ));
    }
    ctx.ui.hint("then check everything: git hotfix doctor");
    Ok(Exit::Done)
}

/// Turns guesses into answers, asking where there is more than one, or none.
fn settle(ctx: &Context, looked: &Looked, args: &Args) -> Result<Draft> {
    let guesses = guess(looked, args)?;
    let mut draft = Draft::default();
    for guess in guesses {
        let values = match guess.answer {
            Answer::Is(values) => values,
            Answer::OneOf(choices) if !args.yes => {
                let index =
                    ctx.ui.select(&guess.question, &choices, 0, &format!("{} {}", ctx.typed, guess.flag))?;
                choices.into_iter().skip(index).take(1).collect()
            }
            Answer::OneOf(choices) => {
                return Err(open(&ctx.typed, &guess.question, guess.flag).because(choices.join(", ")));
            }
            Answer::Ask(Some(fallback)) if args.yes => fallback,
            Answer::Ask(None) if args.yes => return Err(open(&ctx.typed, &guess.question, guess.flag)),
            Answer::Ask(_) => {
                let line = ctx.ui.input(&guess.question, None, &format!("{} {}", ctx.typed, guess.flag))?;
                line.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
        };
        draft.set(guess.key, values);
    }
    Ok(draft)
}

/// A question that `--yes` does not answer.
fn open(typed: &str, question: &str, flag: &str) -> Problem {
    Problem::new(Kind::Refused, format!("could not be found out: {question}"))
        .hint(format!("answer it on the command line: {typed} {flag}"))
}

fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let failed = |error: std::io::Error| {
        Problem::new(Kind::Failed, format!("could not write {}", path.display()))
            .because(error)
            .hint("make room or rights there, then: git hotfix init")
    };
    if force {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    // Created anew: never through a link, never over what somebody else made meanwhile.
    let mut file = std::fs::File::options().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_stays_open_is_said_whole() {
        insta::assert_snapshot!(open("git hotfix init", "which branch is production?", "--production <branch>").whole(), @"
        could not be found out: which branch is production? (5)
          hint: answer it on the command line: git hotfix init --production <branch>
        ");
    }
}
