//! Finds the `git hotfix …` commands that a text names, and tells whether the program takes them.

use clap::Parser;
use clap::error::ErrorKind;
use git_hotfix::cli::Cli;

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
            '`' | '"' | '\\' | '(' | ')' | ';' | ',' | '#' | '&' | '\n' | '…' | '[' | '|' | '·' | '>'
            | '\u{1b}' => break,
            _ => word.push(c),
        }
    }
    words.push(word);
    words.iter().map(|word| word.trim_end_matches(['.', ':']).to_owned()).filter(|w| !w.is_empty()).collect()
}

/// Why this is no command line of the program, word for word.
pub(super) fn wrong_as_it_stands(words: &[String]) -> Option<String> {
    let line = std::iter::once("git-hotfix").chain(words.iter().map(String::as_str));
    let error = Cli::try_parse_from(line).err()?;
    (error.kind() != ErrorKind::DisplayHelp).then(|| error.to_string())
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
            ErrorKind::MissingRequiredArgument if !words.iter().any(|word| word.starts_with('-')) => {
                return None;
            }
            ErrorKind::InvalidValue if error.to_string().contains("none was supplied") => return None,
            ErrorKind::UnknownArgument if words.last().is_some_and(|word| !word.starts_with('-')) => {
                words.pop();
            }
            _ => return Some(error.to_string()),
        }
    }
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
    let stands = |text: &str| wrong_as_it_stands(&named(text)[0]).is_none();
    assert!(stands("| `git hotfix status '!412'` | where it stands |") && stands("git hotfix ship   # go"));
    assert!(
        !stands("git hotfix merge merges it")
            && !stands("git hotfix start")
            && !stands("git hotfix ship --fast")
    );
}
