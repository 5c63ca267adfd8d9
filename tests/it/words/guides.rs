//! Every `git hotfix …` that the program, its manual or the guides name is a command line that it takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use git_hotfix::cli::Cli;

use super::commands::{named, wrong, wrong_as_it_stands};

/// Words that follow the program's name in sentences about it.
const PROSE: [&str; 6] = ["pushes", "writes", "wrote", "is", "never", "complete"];

fn texts() -> Vec<(PathBuf, String)> {
    fn walk(at: &Path, into: &mut Vec<PathBuf>) {
        if at.is_dir() {
            let entries = std::fs::read_dir(at).expect("a folder");
            entries.for_each(|entry| walk(&entry.expect("an entry").path(), into));
        } else if at
            .extension()
            .is_some_and(|ext| ["rs", "md", "roff", "toml"].iter().any(|want| ext == *want))
        {
            into.push(at.to_owned());
        }
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    // The guides first: what both say counts as theirs.
    for part in ["docs", "README.md", "CONTRIBUTING.md", "src"] {
        walk(&top.join(part), &mut paths);
    }
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("text");
        let text = text.split("#[cfg(test)]").next().expect("a first part").to_owned();
        (path, text)
    };
    paths
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs") && !path.iter().any(|p| p == "tests"))
        .map(read)
        .collect()
}

#[test]
fn each_can_be_typed() {
    let known: Vec<String> =
        Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut seen: BTreeMap<Vec<String>, PathBuf> = BTreeMap::new();
    for (path, text) in texts() {
        for words in named(&text) {
            let prose = words.first().is_none_or(|first| PROSE.contains(&first.as_str()) || first == "x");
            if !prose {
                seen.entry(words).or_insert_with(|| path.clone());
            }
        }
    }
    let mut broken = Vec::new();
    for (words, path) in &seen {
        let first = &words[0];
        let why = match first.starts_with('-') || known.contains(first) {
            // What a guide shows is typed as it stands there; in the source a sentence may go on behind it.
            true if path.extension().is_some_and(|ext| ext == "md") => wrong_as_it_stands(words),
            true => wrong(words),
            false => Some(format!("there is no command {first}\n")),
        };
        if let Some(why) = why {
            broken.push(format!("{}: git hotfix {}\n  {why}", path.display(), words.join(" ")));
        }
    }
    let guides = seen.values().filter(|path| path.extension().is_some_and(|ext| ext == "md")).count();
    assert!(seen.len() > 80 && guides > 30, "only {} commands found, {guides} in the guides", seen.len());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
