//! `git hotfix ci template`: the CI file with the jobs of a hotfix, written from the configuration.

use clap::builder::NonEmptyStringValueParser;

use crate::ci::{Wishes, template};
use crate::command::Exit;
use crate::context::Context;
use crate::error::Result;

/// Arguments of `ci template`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Run it in the clone, or with -R: names, branches, apps and migration paths come from .hotfix.toml on the
production branch there (where it has none, the defaults);
the comments in the file say what GitLab does with each choice. The same configuration gives the same file.

  git hotfix ci template > .gitlab/hotfix.yml
  git hotfix ci template --gate --image registry.example/hotfix:1 -- bin/rails db:migrate")]
pub struct Args {
    /// The stage of the jobs; one that the pipeline has, after those that build
    #[arg(long, value_name = "STAGE", default_value = "deploy", value_parser = NonEmptyStringValueParser::new())]
    pub stage: String,
    /// The image the jobs run in; with git 2.38 or newer and git-hotfix (default: the project's own)
    #[arg(long, value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    pub image: Option<String>,
    /// A tag of the runner; repeatable (default: the project's own)
    #[arg(long = "tag", value_name = "TAG", value_parser = NonEmptyStringValueParser::new())]
    pub tags: Vec<String>,
    /// What keeps two deployments from running at once; give it to the normal lane's job as well
    /// (default: the name of the environment)
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub resource_group: Option<String>,
    /// The migration job names the environment, for the variables in its scope; GitLab then makes it manual
    #[arg(long)]
    pub scoped_migrations: bool,
    /// The app whose image runs the migrations (default: the last one configured)
    #[arg(long, value_name = "APP")]
    pub migrate_app: Option<String>,
    /// Add hotfix-gate, which holds the normal lane up while a landed hotfix is missing on a target
    #[arg(long)]
    pub gate: bool,
    /// The command that migrates; without one the release phase of the image is taken to do it
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Runs it. Reads the last fetch and asks nobody.
pub(super) fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let (file, label) = ctx.file_on_production()?;
    let config = ctx.with_file(file.as_deref(), &label)?;
    let wishes = Wishes {
        stage: args.stage,
        image: args.image,
        tags: args.tags,
        resource_group: args.resource_group,
        scoped_migrations: args.scoped_migrations,
        migrating_app: args.migrate_app,
        command: args.command,
        gate: args.gate,
    };
    ctx.ui.document(&template(&config, &wishes)?);
    Ok(Exit::Done)
}
