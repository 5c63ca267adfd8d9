//! The README and the guides: every command in them is one that can be typed.

use std::path::Path;

use clap::CommandFactory as _;
use git_hotfix::cli::Cli;

/// The commands that a text names, each as what follows `git hotfix`.
fn commands(text: &str) -> Vec<String> {
    let ends = |c: char| matches!(c, '`' | '\n' | '#' | '|' | ';' | '&' | '(' | '…' | '>' | '·');
    // Placeholders are values; their brackets would be a redirection to the shell.
    let text = text.replace("<branch>", "BRANCH").replace("<iid>", "1").replace("<commit>", "abc");
    let text = text.replace("<command>", "status").replace("<slug>", "slug").replace("<dir>", "dir");
    text.match_indices("git hotfix ")
        .map(|(at, name)| {
            let rest = &text[at + name.len()..];
            rest[..rest.find(ends).unwrap_or(rest.len())].trim().to_owned()
        })
        .filter(|command| !command.is_empty())
        .collect()
}

/// A command line as a shell splits it.
fn words(command: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_in_the_guides_can_be_typed() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> =
        std::fs::read_dir(top.join("docs")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "md"));
    files.extend(["README.md", "CONTRIBUTING.md"].map(|name| top.join(name)));
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in files {
        for command in commands(&std::fs::read_to_string(&file).unwrap()) {
            seen += 1;
            let mut line = vec!["git-hotfix".to_owned()];
            line.extend(words(&command));
            let parsed = Cli::command().try_get_matches_from(&line);
            if let Err(error) = parsed.map_err(|error| (error.kind(), error.to_string()))
                && error.0 != clap::error::ErrorKind::DisplayHelp
            {
                wrong.push(format!("{}: git hotfix {command}\n{}", file.display(), error.1));
            }
        }
    }
    assert!(seen > 40, "only {seen} commands found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_a_command_that_is_not_there() {
    assert_eq!(commands("`git hotfix status '!412'` then git hotfix ship   # go"), ["status '!412'", "ship"]);
    assert!(Cli::command().try_get_matches_from(["git-hotfix", "ship", "--fast"]).is_err());
}
