//! Puts how the hotfix was called into the commands that hints name: whoever named one may stand on another
//! branch, where a bare `git hotfix status` means something else, or nothing.

use crate::hotfix::rung::{Rung, typed};

/// The commands that take a hotfix.
const TAKE_ONE: [&str; 14] = [
    "open", "status", "wait", "merge", "approve", "deploy", "migrate", "backport", "ship", "verify", "abort",
    "rollback", "revert", "ask",
];

/// Commands about a project, which take none.
const OF_A_PROJECT: [&str; 2] = ["doctor", "list"];

/// Those of the first that need a clone, so that `-R` does not go with them.
const NEED_CLONE: [&str; 4] = ["open", "backport", "ship", "revert"];

/// Their options that take a value of its own.
const VALUED: [&str; 15] = [
    "--as",
    "--assignee",
    "--comment",
    "-m",
    "--confirm",
    "--description",
    "--label",
    "--landed",
    "--reviewer",
    "--timeout",
    "--title",
    "--to",
    "--with",
    "-R",
    "--host",
];

/// How a hotfix was called on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    hotfix: Option<String>,
    place: Option<String>,
}

impl Called {
    /// As the words were typed.
    pub fn new(hotfix: Option<&str>, repo: Option<&str>, host: Option<&str>) -> Called {
        let host = host.map(|host| format!(" --host {host}")).unwrap_or_default();
        Called { hotfix: hotfix.map(typed), place: repo.map(|repo| format!("-R {repo}{host}")) }
    }

    /// The options of `git hotfix <verb>` that name the project.
    pub fn place_of(&self, verb: &str) -> Vec<String> {
        let place = self.place.iter().filter(|_| !NEED_CLONE.contains(&verb));
        place.flat_map(|place| place.split(' ')).map(str::to_owned).collect()
    }

    /// A text whose commands name the hotfix. Those that name one already stay as they are.
    pub fn put(&self, text: &str) -> String {
        if *self == Called::default() {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(NAME) {
            let (before, command) = rest.split_at(at + NAME.len());
            out.push_str(before);
            let verb = command.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
            let (head, tail) = command.split_at(verb.len());
            out.push_str(head);
            rest = tail;
            let takes_one = TAKE_ONE.contains(&verb);
            if !takes_one && !OF_A_PROJECT.contains(&verb) {
                continue;
            }
            let words = words(tail);
            if let Some(place) = self.place.as_ref().filter(|_| !NEED_CLONE.contains(&verb))
                && !words.contains(&"-R")
            {
                out.push_str(&format!(" {place}"));
            }
            let rung = words.first().filter(|word| verb == "wait" && Rung::WAITABLE.contains(word));
            let skipped = usize::from(rung.is_some());
            if let Some(rung) = rung {
                let (given, after) = tail.split_at(rung.len() + 1);
                out.push_str(given);
                rest = after;
            }
            if let Some(hotfix) = self.hotfix.as_ref().filter(|_| takes_one && !names_one(&words[skipped..]))
            {
                out.push_str(&format!(" {hotfix}"));
            }
        }
        out + rest
    }
}

const NAME: &str = "git hotfix ";

/// The words of a command behind its verb, up to where the sentence around it goes on.
fn words(mut rest: &str) -> Vec<&str> {
    let mut words = Vec::new();
    while let Some(word) = rest.strip_prefix(' ') {
        let end = match word.chars().next() {
            None | Some(' ' | '(' | '&' | ';') => break,
            Some(open @ ('\'' | '"' | '<')) => {
                let close = if open == '<' { '>' } else { open };
                word[1..].find(close).map_or(word.len(), |at| at + 2)
            }
            Some(_) => word.find([' ', '(', ')', ',', ';', '`']).unwrap_or(word.len()),
        };
        words.push(&word[..end]);
        rest = &word[end..];
    }
    words
}

/// Whether one of the words is neither an option nor the value of one.
fn names_one(words: &[&str]) -> bool {
    let mut value = false;
    words.iter().any(|word| {
        let own = !value && !word.starts_with('-');
        value = VALUED.contains(word);
        own
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn commands_name_what_was_named() {
        let called = Called::new(Some("!412"), None, None);
        for (hint, with_name) in [
            ("git hotfix status", "git hotfix status '!412'"),
            (
                "git hotfix wait   (or see: git hotfix status)",
                "git hotfix wait '!412'   (or see: git hotfix status '!412')",
            ),
            ("git hotfix wait build, then approve", "git hotfix wait build '!412', then approve"),
            (
                "look, then: git hotfix verify --confirm <what you saw>",
                "look, then: git hotfix verify '!412' --confirm <what you saw>",
            ),
            ("git hotfix approve --as pm", "git hotfix approve '!412' --as pm"),
            (
                "git fetch && git hotfix backport --abort && git hotfix ship",
                "git fetch && git hotfix backport '!412' --abort && git hotfix ship '!412'",
            ),
            ("`git hotfix deploy`", "`git hotfix deploy '!412'`"),
        ] {
            assert_eq!(called.put(hint), with_name);
            assert_eq!(called.put(with_name), with_name, "twice");
            assert_eq!(Called::default().put(hint), hint);
        }
        for whole in [
            "git hotfix ship '!414'",
            "git hotfix backport --continue '!413'",
            "git hotfix status <branch | !iid | url | commit>   (in flight: git hotfix list)",
            "git hotfix start <slug>",
            "git hotfix doctor",
            "git hotfix status hotfix/login --json",
            "ask whoever they belong to",
        ] {
            assert_eq!(called.put(whole), whole);
        }
    }

    #[test]
    fn another_project_is_named_where_that_goes() {
        let called = Called::new(Some("fix"), Some("shop/web"), Some("git.example"));
        assert_eq!(called.put("git hotfix approve"), "git hotfix approve -R shop/web --host git.example fix");
        assert_eq!(called.put("git hotfix ship"), "git hotfix ship fix");
        assert_eq!(called.put("git hotfix doctor"), "git hotfix doctor -R shop/web --host git.example");
        assert_eq!(
            called.put("git hotfix wait deploy"),
            "git hotfix wait -R shop/web --host git.example deploy fix"
        );
    }

    #[test]
    fn the_lists_are_those_of_the_command_line() {
        let tree = crate::cli::Cli::command();
        for command in tree.get_subcommands().filter(|command| !command.is_hide_set()) {
            let takes = command.get_positionals().any(|arg| arg.get_id() == "hotfix");
            assert_eq!(TAKE_ONE.contains(&command.get_name()), takes, "{}", command.get_name());
            let valued = command.get_opts().filter(|arg| takes && arg.get_action().takes_values());
            for name in valued.filter_map(|arg| arg.get_long()) {
                assert!(VALUED.contains(&format!("--{name}").as_str()), "--{name}");
            }
        }
    }
}
