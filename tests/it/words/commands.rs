//! Every `git hotfix …` that the program, its manual or the guides name is a command line that it takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use git_hotfix::cli::Cli;

/// Words that follow the program's name in sentences about it.
const PROSE: [&str; 5] = ["pushes", "writes", "is", "never", "complete"];

/// The command lines a text names, as words; what stands for something (`<branch>`, `{}`) is `x`.
pub(super) fn named(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\-", "-").replace("\\(aq", "'");
    text.match_indices("git hotfix").map(|(at, name)| words(&text[at + name.len()..])).collect()
}

/// The words up to where the command ends.
fn words(rest: &str) -> Vec<String> {
    if !rest.starts_with(' ') || rest.starts_with("  ") {
        return Vec::new();
    }
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut rest = rest.trim_start().chars().peekable();
    while let Some(c) = rest.next() {
        let closing = match c {
            '<' => Some('>'),
            '{' => Some('}'),
            '\'' => Some('\''),
            _ => None,
        };
        match c {
            _ if closing.is_some() => {
                let inside: String = rest.by_ref().take_while(|c| Some(*c) != closing).collect();
                match c {
                    // What is glued to a word is a part that may be empty.
                    '{' if !word.is_empty() => {}
                    '\'' if !inside.contains(['<', '{']) => word.push_str(&inside),
                    _ => word.push('x'),
                }
            }
            // Two spaces, or a sign of the sentence around it, end the command.
            ' ' if rest.peek() == Some(&' ') => break,
            ' ' => words.push(std::mem::take(&mut word)),
            '`' | '"' | '\\' | '(' | ')' | ';' | ',' | '#' | '&' | '\n' | '…' | '[' | '\u{1b}' => break,
            _ => word.push(c),
        }
    }
    words.push(word);
    words.iter().map(|word| word.trim_end_matches(['.', ':']).to_owned()).filter(|w| !w.is_empty()).collect()
}

/// Why this is no command line of the program; a sentence that goes on behind it does not count.
pub(super) fn wrong(words: &[String]) -> Option<String> {
    let mut words = words.to_vec();
    loop {
        let error = match Cli::try_parse_from(
            std::iter::once("git-hotfix").chain(words.iter().map(String::as_str)),
        ) {
            Ok(_) => return None,
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
                return None;
            }
            // A command by its name alone, and a value on the next line of the text.
            ErrorKind::MissingRequiredArgument if words.len() == 1 => return None,
            ErrorKind::InvalidValue if error.to_string().contains("none was supplied") => return None,
            ErrorKind::UnknownArgument if words.last().is_some_and(|word| !word.starts_with('-')) => {
                words.pop();
            }
            _ => return Some(error.to_string()),
        }
    }
}

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
    for part in ["src", "docs", "README.md", "CONTRIBUTING.md"] {
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
            true => wrong(words),
            false => Some(format!("there is no command {first}\n")),
        };
        if let Some(why) = why {
            broken.push(format!("{}: git hotfix {}\n  {why}", path.display(), words.join(" ")));
        }
    }
    assert!(seen.len() > 80, "only {} commands found", seen.len());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_wrong_one_is_seen() {
    let why = |text: &str| named(text).first().and_then(|words| wrong(words)).is_some();
    assert!(!why("then: git hotfix backport --continue '!{}'   (adopts it)"));
    assert!(!why("hint: git hotfix wait build, then approve"));
    assert!(!why("git hotfix migrate plays it"));
    assert!(why("git hotfix backport --continnue"));
    assert!(why("git hotfix staus"));
    assert!(why("git hotfix start --worktree {slug}"));
    assert!(why("git hotfix deploy --again --never"));
}
