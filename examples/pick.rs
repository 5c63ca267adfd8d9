//! Picks as the program does it, for scripts that compare or measure: reads lines `<commit> <target>`, writes
//! for each `<commit> <target> clean <tree>`, `… same`, `… conflict <path>…` (NUL-separated) or `… error <why>`.
//!
//! With `write` as its second argument a clean pick is also committed and `refs/hotfix/bench` set to it.

use std::io::{BufRead, Write};
use std::path::Path;

use git_hotfix::git::commit::{self, Options};
use git_hotfix::git::landed::Source;
use git_hotfix::git::pick::{self, Outcome};
use git_hotfix::git::{Git, Oid, Repo};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let program = std::env::args().nth(1).ok_or("usage: pick <path of git> [write] < pairs")?;
    let write = std::env::args().nth(2).is_some_and(|word| word == "write");
    let repo = Repo::discover(Git::at(Path::new(&program)).with_time(git_hotfix::clock::local), None)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (commit, target) = line.split_once(' ').ok_or("a line is <commit> <target>")?;
        let (commit, target) = (Oid::from_hex(commit.as_bytes())?, Oid::from_hex(target.as_bytes())?);
        write!(out, "{commit} {target} ")?;
        let source = Source::landed(&repo, commit, commit, None)?;
        if write {
            repo.expect_ref("bench");
        }
        let picked = pick::pick(&repo, &source, &[target]).pop().ok_or("no answer")?;
        match picked.map(|picked| picked.outcome) {
            Ok(Outcome::Clean { tree, trees }) => {
                if write {
                    let tip = commit::write_picks(&repo, &source, target, &trees, &Options::default())?;
                    repo.set_ref("refs/hotfix/bench", tip, None, "bench")?;
                }
                write!(out, "clean {tree}")?;
            }
            Ok(Outcome::AlreadyThere) => write!(out, "same")?,
            Ok(Outcome::Conflicts { paths, .. }) => {
                write!(out, "conflict ")?;
                for conflict in paths {
                    out.write_all(&conflict.path)?;
                    out.write_all(b"\0")?;
                }
            }
            Err(error) => write!(out, "error {}", error.to_string().replace('\n', " "))?,
        }
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}
