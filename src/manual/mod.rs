//! The manual: one page for the program and one for each command, as man(1) reads them.
//!
//! What can be typed comes from the clap tree, settings and variables from `config`; the rest is written
//! by hand, in `git-hotfix.roff` and `command.rs`. Makes text, writes no file.

mod command;

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::Cli;
use crate::config::{KEYS, env::VARIABLES};

/// The first line of every page; by it an older version's pages are known.
pub const MARK: &str = ".\\\" git-hotfix: made from its command line, changes are lost\n";

/// What roff writes before every piece; once is enough.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// As in `git-hotfix-start.1`.
    pub file_name: String,
    /// The roff.
    pub text: String,
}

/// Every page, the program's own first.
pub fn pages() -> Vec<Page> {
    let mut tree = Cli::command();
    tree.build();
    let mut pages = vec![page(tree.clone(), &[program()])];
    below(&tree, &mut pages);
    pages
}

fn below(parent: &clap::Command, pages: &mut Vec<Page>) {
    for command in parent.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let by_hand = command::sections(name.strip_prefix("git-hotfix-").unwrap_or(name));
        // They stand once, in git-hotfix(1).
        let own = command.clone().mut_args(|arg| {
            let hidden = arg.is_hide_set() || arg.is_global_set();
            arg.hide(hidden)
        });
        let mut made = page(own, &[by_hand]);
        made.text.push_str(SEE_PROGRAM);
        // `git help hotfix-start` takes a name that is no command of its own for a guide, and leaves the
        // dash out.
        let guide = made.file_name.replacen("git-", "git", 1);
        let text = format!("{MARK}.so man1/{}\n", made.file_name);
        pages.extend([made, Page { file_name: guide, text }]);
        below(command, pages);
    }
}

const SEE_PROGRAM: &str = ".SH \"SEE ALSO\"\n\
    .BR git\\-hotfix (1)\n\
    tells the whole flow, the options of every command, the settings and the exit codes.\n";

fn page(command: clap::Command, sections: &[String]) -> Page {
    let sub = command.get_name() != "git-hotfix";
    let has_commands = command.get_subcommands().any(|command| !command.is_hide_set());
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let synopsis = synopsis(&command);
    let man = Man::new(command.subcommand_help_heading("COMMANDS"));
    let (mut above, mut below): (Vec<u8>, Vec<u8>) = Default::default();
    // Writing to memory does not fail.
    let _ = man.render_name_section(&mut above);
    if has_commands {
        let _ = man.render_subcommands_section(&mut below);
    }
    let _ = man.render_options_section(&mut below);
    let read = |roff: &[u8]| String::from_utf8_lossy(roff).replace(PREAMBLE, "");
    // Without a date: the same source makes the same page.
    let version = env!("CARGO_PKG_VERSION");
    let title = format!(".TH {name} 1 \"\" \"git\\-hotfix {version}\" \"Git Hotfix Manual\"\n.nh\n.ad l\n");
    // A command tells what it is for before its options; the program has its own order.
    let (first, last) = match sub {
        true => (sections.concat(), String::new()),
        false => (String::new(), sections.concat()),
    };
    let text = format!("{MARK}{PREAMBLE}{title}{}{synopsis}{first}{}{last}", read(&above), read(&below));
    Page { file_name: format!("{name}.1"), text }
}

/// As git writes it: each option with its value.
fn synopsis(command: &clap::Command) -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let mut line = vec![bold(command.get_bin_name().unwrap_or(command.get_name()))];
    let shown = |arg: &&clap::Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    for arg in command.get_arguments().filter(|arg| shown(arg) && !arg.is_positional()) {
        let names = [
            arg.get_short().map(|short| format!("-{short}")),
            arg.get_long().map(|long| format!("--{long}")),
        ];
        line.extend([roman(" ["), bold(names.into_iter().flatten().collect::<Vec<_>>().join("|"))]);
        let range = arg.get_num_args().filter(|range| range.takes_values());
        if let (Some(range), Some([value, ..])) = (range, arg.get_value_names()) {
            let (open, close) = if range.min_values() == 0 { (" [<", ">]") } else { (" <", ">") };
            line.push(roman(format!("{open}{value}{close}")));
        }
        let again = matches!(arg.get_action(), clap::ArgAction::Append);
        line.push(roman(if again { "]..." } else { "]" }));
    }
    for arg in command.get_positionals().filter(shown) {
        let value = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
        line.push(roman(if arg.is_required_set() { format!(" <{value}>") } else { format!(" [<{value}>]") }));
    }
    if command.has_subcommands() {
        line.push(roman(if command.is_subcommand_required_set() { " <command>" } else { " [<command>]" }));
    }
    roff.text(line);
    plain(&roff)
}

/// The sections of git-hotfix(1) that no tree tells.
fn program() -> String {
    include_str!("git-hotfix.roff")
        .replace("@TOML@\n", &TOML.replace('\\', "\\e").replace('-', "\\-"))
        .replace("@SETTINGS@\n", &settings())
        .replace("@VARIABLES@\n", &variables())
}

/// Every section of `.hotfix.toml`, with the defaults.
const TOML: &str = include_str!("hotfix.toml");

fn settings() -> String {
    let mut roff = Roff::new();
    for key in KEYS {
        roff.control("TP", []).text([bold(key.git)]);
        let default = match key.default {
            "" => String::new(),
            default => format!("; default {default}"),
        };
        let file =
            match key.name.contains('.') && !["poll", "retry"].iter().any(|own| key.name.starts_with(own)) {
                true => format!("{} in .hotfix.toml, ", key.name),
                false => String::new(),
            };
        roff.text([roman(format!("{file}{}{default}", key.variable))]);
    }
    plain(&roff)
}

fn variables() -> String {
    let mut roff = Roff::new();
    for (name, about) in VARIABLES {
        roff.control("TP", []).text([bold(*name)]).text([roman(about.trim())]);
    }
    plain(&roff)
}

/// A piece without the preamble, which each page has once.
fn plain(roff: &Roff) -> String {
    roff.render().replace(PREAMBLE, "")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn every_command_line_of_the_manual_can_be_typed() {
        let mut seen = 0;
        for page in pages() {
            let examples = page.text.split_once("\n.SH EXAMPLES\n").map_or("", |(_, below)| below);
            for line in examples.lines().take_while(|line| !line.starts_with(".SH")) {
                let line = line
                    .replace("\\fB", "")
                    .replace("\\fR", "")
                    .replace("\\-", "-")
                    .replace("\\*(Aq", "'")
                    .replace("\\(aq", "'")
                    .replace("\\&", "");
                let Some(rest) = line.trim().strip_prefix("git hotfix ") else { continue };
                let mut words = vec!["git-hotfix".to_owned()];
                words.extend(rest.split('"').enumerate().flat_map(|(at, part)| match at % 2 {
                    0 => part.split_whitespace().map(str::to_owned).collect(),
                    _ => vec![part.to_owned()],
                }));
                let parsed =
                    Cli::try_parse_from(words.iter().map(|word| word.trim_matches('\'').replace("\\!", "!")));
                assert!(parsed.is_ok(), "{}: {line}: {}", page.file_name, parsed.unwrap_err());
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn every_exit_code_is_told() {
        let page = program();
        for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 130] {
            assert!(page.contains(&format!("\n.B {code}\n")), "{code}");
        }
    }

    #[test]
    fn every_setting_and_variable_is_told() {
        let page = program();
        let told = |name: &str| page.contains(&format!("\\fB{name}\\fR\n"));
        assert!(KEYS.iter().all(|key| told(key.git)));
        assert!(VARIABLES.iter().all(|(name, _)| told(name)));
    }

    #[test]
    fn the_file_of_the_manual_is_a_good_one() {
        let file = crate::config::File::parse(TOML.as_bytes(), "manual");
        assert!(file.is_ok(), "{}", file.unwrap_err());
    }

    #[test]
    fn by_hand_is_written_about_commands_that_exist() {
        let tree = Cli::command();
        for name in command::names() {
            assert!(tree.find_subcommand(name).is_some(), "{name}");
        }
    }
}
