//! `git hotfix install`: put the manual, the completions and the program itself where git, man and the
//! shells look for them; and take them away again.
//!
//! Writes below the prefix only: no start-up file of a shell is touched, what one lacks is said.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::Exit;
use super::completion::Shell;
use crate::config::env;
use crate::context::Context;
use crate::error::{Kind, Problem, Result};
use crate::manual;

const PROGRAM: &str = "git-hotfix";
const MANUAL: &str = "share/man/man1";

/// Arguments of `install`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Below which directory (default: ~/.local)
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,
    /// Leave the completions of the shells alone
    #[arg(long)]
    pub no_completions: bool,
    /// Take everything away again
    #[arg(long)]
    pub uninstall: bool,
    /// Only say what would be written or removed
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// One change to the disk.
enum Change {
    Write { path: PathBuf, bytes: Vec<u8>, program: bool },
    Remove(PathBuf),
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let prefix = prefix(ctx, args.prefix.as_deref())?;
    let changes = match args.uninstall {
        true => removals(&prefix)?,
        false => additions(ctx, &prefix, &args)?,
    };
    if changes.is_empty() {
        ctx.ui.say(format!("nothing of git-hotfix is below {}", prefix.display()));
    }
    for change in &changes {
        let (verb, path) = match change {
            Change::Write { path, .. } => ("write", path),
            Change::Remove(path) => ("remove", path),
        };
        if args.dry_run {
            ctx.ui.line(format!("would {verb} {}", path.display()));
            continue;
        }
        make(change).map_err(|error| refused(verb, path, &error))?;
        ctx.ui.detail(format!("{verb} {}", path.display()));
        if args.uninstall {
            sweep(path, &prefix);
        }
    }
    if !args.dry_run && !changes.is_empty() {
        let what = if args.uninstall { "removed from" } else { "installed below" };
        ctx.ui.say(format!("git-hotfix {} {what} {}", env!("CARGO_PKG_VERSION"), prefix.display()));
        if !args.uninstall {
            advise(ctx, &prefix, args.no_completions);
        }
    }
    Ok(Exit::Done)
}

fn prefix(ctx: &Context, given: Option<&Path>) -> Result<PathBuf> {
    let chosen = match given {
        Some(dir) => dir.to_owned(),
        None => match ctx.env.get_os(env::HOME) {
            Some(home) => Path::new(home).join(".local"),
            None => {
                return Err(Problem::new(Kind::Config, "HOME is not set, so there is no default place")
                    .hint("name one: git hotfix install --prefix <dir>"));
            }
        },
    };
    let from = ctx.globals.directory.clone().unwrap_or_default();
    std::path::absolute(from.join(&chosen)).map_err(|error| {
        Problem::new(Kind::Usage, format!("“{}” is no place from here", chosen.display()))
            .because(error)
            .hint("git hotfix install --prefix ~/.local")
    })
}

/// Everything of this version, and away with the pages of commands that an older one had.
fn additions(ctx: &Context, prefix: &Path, args: &Args) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let running = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(|error| {
        Problem::new(Kind::Failed, "where this program stands could not be found out")
            .because(error)
            .hint("start it by its whole path: /path/to/git-hotfix install")
    })?;
    let program = prefix.join("bin").join(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
    let there = program.canonicalize().is_ok_and(|path| path == running);
    // What cargo or a package put on the PATH is not doubled, unless a place was named.
    let reachable = args.prefix.is_none() && running.parent().is_some_and(|dir| on_path(ctx, dir));
    if !there && !reachable {
        let bytes = std::fs::read(&running).map_err(|error| refused("read", &running, &error))?;
        changes.push(Change::Write { path: program, bytes, program: true });
    }
    let pages = manual::pages();
    let old = pages_below(prefix)?.into_iter().filter(|path| {
        !pages.iter().any(|page| path.file_name().is_some_and(|name| name == page.file_name.as_str()))
    });
    changes.extend(old.map(Change::Remove));
    let manual = prefix.join(MANUAL);
    changes.extend(pages.iter().map(|page| Change::Write {
        path: manual.join(&page.file_name),
        bytes: page.text.clone().into_bytes(),
        program: false,
    }));
    if !args.no_completions {
        changes.extend(Shell::value_variants().iter().map(|shell| Change::Write {
            path: prefix.join(shell.place()),
            bytes: shell.script().into(),
            program: false,
        }));
    }
    Ok(changes)
}

/// Everything of any version that is there.
fn removals(prefix: &Path) -> Result<Vec<Change>> {
    let mut paths = pages_below(prefix)?;
    paths.extend(Shell::value_variants().iter().map(|shell| prefix.join(shell.place())));
    paths.push(prefix.join("bin").join(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX)));
    Ok(paths.into_iter().filter(|path| path.symlink_metadata().is_ok()).map(Change::Remove).collect())
}

/// Away with the folders above it, below the prefix, that hold nothing any more.
fn sweep(path: &Path, prefix: &Path) {
    let below = path.ancestors().skip(1).take_while(|dir| *dir != prefix && dir.starts_with(prefix));
    for dir in below {
        if std::fs::remove_dir(dir).is_err() {
            break;
        }
    }
}

/// The manual pages that a version of this program wrote; those of others stay.
fn pages_below(prefix: &Path) -> Result<Vec<PathBuf>> {
    let dir = prefix.join(MANUAL);
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refused("read", &dir, &error)),
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            name.starts_with("git")
                && std::fs::read(path).is_ok_and(|page| page.starts_with(manual::MARK.as_bytes()))
        })
        .collect();
    found.sort();
    Ok(found)
}

fn make(change: &Change) -> std::io::Result<()> {
    match change {
        Change::Remove(path) => std::fs::remove_file(path),
        Change::Write { path, bytes, program } => {
            let dir = path.parent().unwrap_or(path);
            std::fs::create_dir_all(dir)?;
            // Beside it and then over it: whoever runs the old one goes on running it.
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(bytes)?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = if *program { 0o755 } else { 0o644 };
                file.as_file().set_permissions(PermissionsExt::from_mode(mode))?;
            }
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        }
    }
}

fn refused(verb: &str, path: &Path, error: &std::io::Error) -> Problem {
    let problem = Problem::new(Kind::Failed, format!("could not {verb} {}", path.display())).because(error);
    match error.kind() {
        ErrorKind::PermissionDenied => {
            problem.hint("name a place that is yours: git hotfix install --prefix ~/.local")
        }
        _ => problem.hint("mend that, then run the same command again"),
    }
}

fn on_path(ctx: &Context, dir: &Path) -> bool {
    let path = ctx.env.get_os(env::PATH).unwrap_or_default();
    std::env::split_paths(path)
        .any(|entry| entry == dir || entry.canonicalize().is_ok_and(|entry| entry == dir))
}

/// What the shells still need to be told.
fn advise(ctx: &Context, prefix: &Path, no_completions: bool) {
    let bin = prefix.join("bin");
    if !on_path(ctx, &bin) {
        // man finds the pages from the PATH too.
        ctx.ui.hint(&format!("git and man find it with: export PATH=\"{}:$PATH\"", bin.display()));
    }
    let usual = ["/usr", "/usr/local"].iter().any(|usual| prefix == Path::new(usual));
    if !no_completions && !usual {
        let functions = prefix.join("share/zsh/site-functions");
        ctx.ui.hint(&format!(
            "zsh completes with this line before compinit in ~/.zshrc: fpath=('{}' $fpath)",
            functions.display()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_refuses_is_said_whole() {
        let told = |kind: ErrorKind| refused("write", Path::new("/usr/bin/git-hotfix"), &kind.into()).whole();
        insta::assert_snapshot!(told(ErrorKind::PermissionDenied) + &told(ErrorKind::StorageFull), @"
        could not write /usr/bin/git-hotfix (1)
          caused by: permission denied
          hint: name a place that is yours: git hotfix install --prefix ~/.local
        could not write /usr/bin/git-hotfix (1)
          caused by: no storage space
          hint: mend that, then run the same command again
        ");
    }
}
