//! `git hotfix ci check`: how a CI file differs from what the hotfix lane needs.

use std::path::PathBuf;

use crate::command::{Exit, doctor};
use crate::context::Context;
use crate::doctor::ci_file::CiFile;
use crate::doctor::lane;
use crate::error::{Kind, Problem, Result};

/// Arguments of `ci check`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Jobs are known by their configured names, else by what they do. Reads the file as it stands, and nothing that
it includes. Exit 0 where nothing stops a hotfix, 5 where something does; every difference with its mend.")]
pub struct Args {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// For scripts: one JSON document, version 1
    #[arg(long)]
    pub json: bool,
}

/// Runs it. Offline.
pub(super) fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let path = match &ctx.globals.directory {
        Some(directory) => directory.join(&args.file),
        None => args.file.clone(),
    };
    let shown = args.file.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::new(Kind::Config, format!("cannot read {shown}"))
            .because(error)
            .hint("name a CI file: git hotfix ci check .gitlab-ci.yml")
    })?;
    let file = CiFile::parse(&text).map_err(|what| {
        Problem::new(Kind::Config, format!("{shown} is no CI file: {what}"))
            .hint("see what GitLab says of it: glab ci lint   (or print a new one: git hotfix ci template)")
    })?;
    let (toml, label) = ctx.file_on_production()?;
    let config = ctx.with_file(toml.as_deref(), &label)?;
    let report = lane::check(&config, &file);
    match args.json {
        true => ctx.ui.json(&report.json()),
        false => {
            ctx.ui.data(&doctor::view(&report));
            ctx.ui.say(doctor::summary(&report));
        }
    }
    Ok(report.kind().map_or(Exit::Done, Exit::As))
}
