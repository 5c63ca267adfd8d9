//! What is wrong with a command line, as a problem like any other: its hints say what to type.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};

use crate::ci::shell_word;
use crate::cli::Cli;
use crate::error::{Kind, Problem};

/// How the commands that cannot do without an argument are typed.
const EXAMPLES: [(&str, &str); 3] = [
    ("start", "git hotfix start login-500"),
    ("completion", "git hotfix completion bash"),
    ("ci check", "git hotfix ci check .gitlab-ci.yml"),
];

/// The problem, for the words that were typed (the program's own name first).
pub(super) fn problem(error: &clap::Error, words: &[String]) -> Problem {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let lines: Vec<&str> = first.lines().map(str::trim).collect();
    let message = lines.join(" ");
    let mut problem = Problem::new(Kind::Usage, message.trim_start_matches("error: "));
    let command = command(words);
    let meant = meant(error, words);
    let example = EXAMPLES.iter().find(|(name, _)| *name == command).map(|(_, example)| example);
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    problem.hints = match (meant.is_empty(), example, usage) {
        (false, ..) => meant,
        (true, Some(example), _) => vec![format!("for example: {example}")],
        (true, None, Some(usage)) => vec![format!("usage: {usage}")],
        (true, None, None) => Vec::new(),
    };
    problem.hint(match command.as_str() {
        "" => "all that it takes: git hotfix -h".to_owned(),
        command => format!("all that it takes: git hotfix {command} -h"),
    })
}

/// What was typed, with what the wrong word may have been meant to be.
fn meant(error: &clap::Error, words: &[String]) -> Vec<String> {
    let pairs = [
        (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand),
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        (ContextKind::InvalidValue, ContextKind::SuggestedValue),
    ];
    let mut lines = Vec::new();
    for (wrong, right) in pairs {
        let Some(ContextValue::String(wrong)) = error.get(wrong) else { continue };
        let rights = match error.get(right) {
            Some(ContextValue::Strings(rights)) => rights.clone(),
            Some(ContextValue::String(right)) => vec![right.clone()],
            _ => continue,
        };
        // The best comes last.
        for right in rights.iter().rev() {
            let right = right.split(' ').next().unwrap_or(right);
            let mended = |word: &String| match (word.strip_prefix(wrong.as_str()), word.split_once('=')) {
                (Some(rest), _) if rest.is_empty() || rest.starts_with('=') => format!("{right}{rest}"),
                (_, Some((option, value))) if value == wrong => format!("{option}={right}"),
                _ => word.clone(),
            };
            let meant: Vec<String> = words.iter().map(mended).collect();
            lines.push(format!("did you mean: {}", typed(&meant)));
        }
    }
    lines
}

/// The words as a line that can be typed again.
pub(super) fn typed(words: &[String]) -> String {
    let words = words.iter().skip(1).map(|word| shell_word(word));
    std::iter::once("git hotfix".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// The names of the commands among the words.
pub(super) fn command(words: &[String]) -> String {
    let mut at = Cli::command();
    let mut names = Vec::new();
    for word in words.iter().skip(1) {
        if let Some(below) = at.find_subcommand(word).filter(|below| !below.is_hide_set()).cloned() {
            names.push(word.as_str());
            at = below;
        }
    }
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn hints(line: &[&str]) -> Vec<String> {
        let words: Vec<String> =
            std::iter::once(&"git-hotfix").chain(line).map(|w| (*w).to_owned()).collect();
        let problem = problem(&Cli::try_parse_from(&words).unwrap_err(), &words);
        assert_eq!(problem.kind, Kind::Usage);
        problem.hints
    }

    #[test]
    fn the_line_is_said_again_as_it_may_have_been_meant() {
        assert_eq!(hints(&["-q", "depoly", "!412"])[0], "did you mean: git hotfix -q deploy '!412'");
        assert_eq!(hints(&["--color=alwys", "list"])[0], "did you mean: git hotfix --color=always list");
        assert_eq!(
            hints(&["verify", "--confrim=it's"])[0],
            r"did you mean: git hotfix verify '--confirm=it'\''s'"
        );
    }

    #[test]
    fn what_is_missing_has_an_example_that_the_program_takes() {
        for (name, example) in EXAMPLES {
            let line: Vec<&str> = name.split(' ').collect();
            assert_eq!(hints(&line)[0], format!("for example: {example}"));
            assert!(Cli::try_parse_from(example.split(' ').skip(1)).is_ok(), "{example}");
        }
    }
}
