//! Reading a half-typed command line: what may stand at the cursor.
//!
//! Pure, over the clap tree: a new command or option is completed without a line here.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};

use crate::cli::Globals;

/// What the line says up to the cursor.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// What a candidate must begin with.
    pub(super) typed: &'a str,
    /// What stands before it in the same word, as `--color=`.
    pub(super) lead: &'a str,
    /// What may stand there.
    pub(super) slot: Slot<'a>,
    /// The options of every command that decide where names are looked for.
    pub(super) globals: Globals,
}

/// What may stand at the cursor.
#[derive(Debug)]
pub(super) enum Slot<'a> {
    /// An option of this command, but for those given already.
    Option(&'a Command, Vec<&'a str>),
    /// A command below this one.
    Command(&'a Command),
    /// A value of this argument.
    Value(&'a Arg),
    /// Nothing that is known.
    Nothing,
}

/// Reads the words after the program's name; the last one is being typed.
pub(super) fn read<'a>(tree: &'a Command, words: &'a [String]) -> Line<'a> {
    let (typed, before) = match words.split_last() {
        Some((typed, before)) => (typed.as_str(), before),
        None => ("", words),
    };
    let mut at = At { command: tree, place: 0, plain: false, pending: None, given: Vec::new() };
    let mut globals = Globals::default();
    for word in before {
        if let Some((arg, value)) = at.take(word) {
            match arg.get_id().as_str() {
                "directory" => globals.directory = Some(PathBuf::from(value)),
                "repo" => globals.repo = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    let (lead, typed, slot) = at.slot(typed);
    Line { typed, lead, slot, globals }
}

/// How far the line has been read.
struct At<'a> {
    command: &'a Command,
    /// How many words without a dash this command has had.
    place: usize,
    /// `--` was there: no more options.
    plain: bool,
    /// The option whose value comes next.
    pending: Option<&'a Arg>,
    given: Vec<&'a str>,
}

impl<'a> At<'a> {
    /// Reads one finished word; an option that got its value with it is returned.
    fn take(&mut self, word: &'a str) -> Option<(&'a Arg, &'a str)> {
        if let Some(arg) = self.pending.take()
            && (needs_value(arg) || !word.starts_with('-'))
        {
            return Some((arg, word));
        }
        if !self.plain && word == "--" {
            self.plain = true;
        } else if !self.plain
            && let Some(long) = word.strip_prefix("--")
        {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let arg = self.long(name)?;
            self.given.push(arg.get_id().as_str());
            match value {
                Some(value) => return Some((arg, value)),
                None if takes_value(arg) => self.pending = Some(arg),
                None => {}
            }
        } else if !self.plain && word.len() > 1 && word.starts_with('-') {
            return self.cluster(word.strip_prefix('-')?);
        } else if self.place == 0
            && let Some(command) = self.command.find_subcommand(word)
        {
            self.command = command;
            self.given.clear();
        } else {
            self.place += 1;
        }
        None
    }

    /// Short options, several in one word.
    fn cluster(&mut self, letters: &'a str) -> Option<(&'a Arg, &'a str)> {
        for (at, letter) in letters.char_indices() {
            let arg = self.command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
            self.given.push(arg.get_id().as_str());
            if takes_value(arg) {
                let rest = letters.get(at + letter.len_utf8()..).unwrap_or_default();
                if !rest.is_empty() {
                    return Some((arg, rest.strip_prefix('=').unwrap_or(rest)));
                }
                self.pending = Some(arg);
            }
        }
        None
    }

    fn long(&self, name: &str) -> Option<&'a Arg> {
        self.command.get_arguments().find(|arg| arg.get_long() == Some(name))
    }

    /// What the unfinished word may become: its settled part, its open part, and of what kind that is.
    fn slot(self, typed: &'a str) -> (&'a str, &'a str, Slot<'a>) {
        if let Some(arg) = self.pending
            && (needs_value(arg) || !typed.starts_with('-'))
        {
            return ("", typed, Slot::Value(arg));
        }
        if !self.plain && typed.starts_with('-') {
            return match (typed.starts_with("--"), typed.find('=')) {
                (true, Some(at)) => {
                    let (lead, value) = typed.split_at(at + 1);
                    let name = lead.trim_start_matches('-').trim_end_matches('=');
                    let known = self.long(name).filter(|arg| takes_value(arg));
                    (lead, value, known.map_or(Slot::Nothing, Slot::Value))
                }
                _ => ("", typed, Slot::Option(self.command, self.given)),
            };
        }
        if self.place == 0 && self.command.has_subcommands() {
            return ("", typed, Slot::Command(self.command));
        }
        let mut places = self.command.get_positionals();
        // The last one may be repeatable.
        let last = self.command.get_positionals().last().filter(|arg| repeatable(arg));
        let arg = places.nth(self.place).or(last);
        ("", typed, arg.map_or(Slot::Nothing, Slot::Value))
    }
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.takes_values())
}

fn needs_value(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.min_values() > 0)
}

/// Whether an argument may be given more than once.
pub(super) fn repeatable(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append | ArgAction::Count)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// The slot in words.
    fn slot(line: &str) -> String {
        let mut tree = crate::cli::Cli::command();
        tree.build();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let line = read(&tree, &words);
        let what = match line.slot {
            Slot::Option(command, given) => format!("option of {} without {given:?}", command.get_name()),
            Slot::Command(command) => format!("command of {}", command.get_name()),
            Slot::Value(arg) => format!("value of {}", arg.get_id()),
            Slot::Nothing => "nothing".to_owned(),
        };
        let place = line.globals.directory.map(|dir| format!(" in {}", dir.display())).unwrap_or_default();
        format!("{}|{}: {what}{place}", line.lead, line.typed)
    }

    #[test]
    fn the_cursor_knows_where_it_is() {
        for (line, expected) in [
            ("", "|: command of git-hotfix"),
            ("sta", "|sta: command of git-hotfix"),
            ("-C /x sta", "|sta: command of git-hotfix in /x"),
            ("-C/x -q sta", "|sta: command of git-hotfix in /x"),
            ("-C", "|-C: option of git-hotfix without []"),
            ("-C /x", "|/x: value of directory"),
            ("--color al", "|al: value of color"),
            ("--color=al", "--color=|al: value of color"),
            ("--nothing=al", "--nothing=|al: nothing"),
            ("status ", "|: value of hotfix"),
            ("status --json --o", "|--o: option of status without [\"json\"]"),
            ("status a ", "|: nothing"),
            ("status -- --x", "|--x: value of hotfix"),
            ("wait deploy !4", "|!4: value of hotfix"),
            ("backport --to dev", "|dev: value of to"),
            ("backport --to develop hot", "|hot: value of hotfix"),
            ("approve -ym hello --as t", "|t: value of role"),
            ("approve -mhello --as=t", "--as=|t: value of role"),
            ("start --worktree ../x log", "|log: value of slug"),
            ("start --worktree --pick de", "|de: value of pick"),
            ("frobnicate x", "|x: nothing"),
        ] {
            assert_eq!(slot(line), expected, "{line}");
        }
    }
}
