//! What the streams can show: terminal or not, width, colour, symbols.
//!
//! Owns the decision, made once from given values. It must not read the environment or git's
//! configuration: `config` does, and hands the words in.

use std::io::IsTerminal as _;

/// The width of a stream that has none of its own, as in git.
const DEFAULT_COLUMNS: usize = 80;

/// What may be written where, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// Standard input is a terminal.
    pub stdin_tty: bool,
    /// Standard output is a terminal.
    pub stdout_tty: bool,
    /// Standard error is a terminal.
    pub stderr_tty: bool,
    /// Width to lay out for.
    pub columns: usize,
    /// Where that width comes from.
    pub width: Width,
    /// The terminal can move its cursor (`TERM` is not `dumb`).
    pub moves: bool,
    /// Colour on standard output.
    pub stdout_color: bool,
    /// Colour on standard error.
    pub stderr_color: bool,
    /// The command line said when to colour: git's configuration has no say then.
    pub color_given: bool,
    /// Symbols in their ASCII form.
    pub ascii: bool,
    /// The output is a GitLab job log, whose section markers must not be forged.
    pub ci: bool,
}

/// Where a width comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// The user gave it in `COLUMNS`.
    Given,
    /// The terminal told; it may tell another one later.
    Measured,
    /// Nobody told. Views are laid out for 80 columns, sentences are not broken: what reads them
    /// is a log or a script.
    Assumed,
}

/// What the three standard streams are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streams {
    /// Standard input is a terminal.
    pub stdin_tty: bool,
    /// Standard output is a terminal.
    pub stdout_tty: bool,
    /// Standard error is a terminal.
    pub stderr_tty: bool,
    /// Columns of that terminal, where it tells.
    pub columns: Option<usize>,
}

/// What the user asked for, word by word as flags and the environment say it. What git's configuration
/// says is learned later, with the repository: [`configured_color`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes<'a> {
    /// `--color`.
    pub color_flag: Option<&'a str>,
    /// `--ascii` or its setting.
    pub ascii: bool,
    /// `NO_COLOR`.
    pub no_color: Option<&'a str>,
    /// `CLICOLOR_FORCE`.
    pub clicolor_force: Option<&'a str>,
    /// `TERM`.
    pub term: Option<&'a str>,
    /// `COLUMNS`.
    pub columns: Option<&'a str>,
    /// `LC_ALL`.
    pub lc_all: Option<&'a str>,
    /// `LC_CTYPE`.
    pub lc_ctype: Option<&'a str>,
    /// `LANG`.
    pub lang: Option<&'a str>,
    /// `GIT_PAGER_IN_USE`: standard output is git's pager (`git -p hotfix`, `pager.hotfix`).
    pub pager_in_use: Option<&'a str>,
    /// `GITLAB_CI`.
    pub gitlab_ci: Option<&'a str>,
}

impl Streams {
    /// Asks the process's own streams.
    pub fn of_process() -> Self {
        Streams {
            stdin_tty: std::io::stdin().is_terminal(),
            stdout_tty: std::io::stdout().is_terminal(),
            stderr_tty: std::io::stderr().is_terminal(),
            columns: measure(),
        }
    }
}

/// The width of the terminal that the process writes to, now.
pub(crate) fn measure() -> Option<usize> {
    let size = console::Term::stdout().size_checked().or_else(|| console::Term::stderr().size_checked());
    size.map(|(_, columns)| usize::from(columns))
}

/// Drops what was typed and not read yet.
pub(super) fn forget_typed() {
    #[cfg(unix)]
    let _ = rustix::termios::tcflush(rustix::stdio::stdin(), rustix::termios::QueueSelector::IFlush);
}

impl Terminal {
    /// Decides. A flag beats `NO_COLOR` and `CLICOLOR_FORCE`, and those beat what the stream is.
    pub fn decide(streams: Streams, wishes: Wishes<'_>) -> Self {
        let set = |word: Option<&str>| word.is_some_and(|word| !word.is_empty());
        let dumb = wishes.term == Some("dumb");
        let wish = wishes.color_flag.and_then(color);
        let paged = wishes.pager_in_use.is_some_and(|word| word == "true" || word == "1");
        let color = |tty: bool| match wish {
            Some(wish) => wish,
            None if set(wishes.no_color) => false,
            None if set(wishes.clicolor_force) && wishes.clicolor_force != Some("0") => true,
            None => tty && !dumb,
        };
        let locale =
            [wishes.lc_all, wishes.lc_ctype, wishes.lang].into_iter().find(|word| set(*word)).flatten();
        let utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let asked = wishes.columns.and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
        Terminal {
            stdin_tty: streams.stdin_tty,
            stdout_tty: streams.stdout_tty,
            stderr_tty: streams.stderr_tty,
            columns: asked.or(streams.columns).unwrap_or(DEFAULT_COLUMNS),
            width: match (asked, streams.columns) {
                (Some(_), _) => Width::Given,
                (None, Some(_)) => Width::Measured,
                (None, None) => Width::Assumed,
            },
            moves: !dumb,
            stdout_color: color(streams.stdout_tty || paged),
            stderr_color: color(streams.stderr_tty),
            color_given: wish.is_some(),
            ascii: wishes.ascii || dumb || !utf8,
            ci: set(wishes.gitlab_ci),
        }
    }
}

/// What git's configuration says about colour, `color.hotfix` before `color.ui`: always or never, which both
/// beat `NO_COLOR` (as no-color.org asks), or nothing.
pub(super) fn configured_color(color_hotfix: Option<&str>, color_ui: Option<&str>) -> Option<bool> {
    color_hotfix.or(color_ui).and_then(color)
}

/// A colour word as git reads it; `None` is `auto`, which `true` means as well.
fn color(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "always" => Some(true),
        "never" | "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTY: Streams = Streams { stdin_tty: true, stdout_tty: true, stderr_tty: true, columns: Some(120) };
    const UTF8: Wishes<'static> = Wishes {
        color_flag: None,
        ascii: false,
        no_color: None,
        clicolor_force: None,
        term: Some("xterm"),
        columns: None,
        lc_all: None,
        lc_ctype: None,
        lang: Some("en_US.UTF-8"),
        pager_in_use: None,
        gitlab_ci: None,
    };

    #[test]
    fn git_s_configuration_says_always_never_or_nothing() {
        let cases = [
            (None, None, None),
            (None, Some("always"), Some(true)),
            (None, Some("false"), Some(false)),
            (Some("true"), Some("false"), None),
            (Some("auto"), Some("never"), None),
            (Some("never"), Some("always"), Some(false)),
        ];
        for (hotfix, ui, expected) in cases {
            assert_eq!(configured_color(hotfix, ui), expected, "{hotfix:?} {ui:?}");
        }
    }

    #[test]
    fn colour_follows_flag_then_environment_then_stream() {
        let pipe = Streams { stdout_tty: false, ..TTY };
        let cases = [
            (TTY, UTF8, true),
            (pipe, UTF8, false),
            (TTY, Wishes { no_color: Some("1"), ..UTF8 }, false),
            (TTY, Wishes { no_color: Some(""), ..UTF8 }, true),
            (TTY, Wishes { term: Some("dumb"), ..UTF8 }, false),
            (pipe, Wishes { clicolor_force: Some("1"), ..UTF8 }, true),
            (pipe, Wishes { clicolor_force: Some("0"), ..UTF8 }, false),
            (pipe, Wishes { clicolor_force: Some("1"), no_color: Some("1"), ..UTF8 }, false),
            (pipe, Wishes { pager_in_use: Some("true"), ..UTF8 }, true),
            (pipe, Wishes { pager_in_use: Some("true"), no_color: Some("1"), ..UTF8 }, false),
            (pipe, Wishes { color_flag: Some("always"), no_color: Some("1"), ..UTF8 }, true),
            (TTY, Wishes { color_flag: Some("never"), clicolor_force: Some("1"), ..UTF8 }, false),
        ];
        for (number, (streams, wishes, expected)) in cases.into_iter().enumerate() {
            assert_eq!(Terminal::decide(streams, wishes).stdout_color, expected, "case {number}");
        }
        assert!(Terminal::decide(pipe, UTF8).stderr_color);
    }

    #[test]
    fn symbols_need_a_locale_that_can_show_them() {
        let ascii = |wishes| Terminal::decide(TTY, wishes).ascii;
        assert!(!ascii(UTF8));
        assert!(ascii(Wishes { lc_all: Some("C"), ..UTF8 }));
        assert!(!ascii(Wishes { lc_all: Some(""), lc_ctype: Some("C.utf8"), lang: None, ..UTF8 }));
        assert!(ascii(Wishes { lang: None, ..UTF8 }));
        assert!(ascii(Wishes { term: Some("dumb"), ..UTF8 }));
        assert!(ascii(Wishes { ascii: true, ..UTF8 }));
    }

    #[test]
    fn columns_are_asked_for_measured_or_eighty() {
        let columns = |streams, wishes| {
            let terminal = Terminal::decide(streams, wishes);
            (terminal.columns, terminal.width)
        };
        assert_eq!(columns(TTY, UTF8), (120, Width::Measured));
        assert_eq!(columns(TTY, Wishes { columns: Some("60"), ..UTF8 }), (60, Width::Given));
        assert_eq!(columns(TTY, Wishes { columns: Some("0"), ..UTF8 }), (120, Width::Measured));
        assert_eq!(columns(Streams { columns: None, ..TTY }, UTF8), (80, Width::Assumed));
    }
}
