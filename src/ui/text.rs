//! A line of text with meaning: styles by what they say, symbols with an ASCII form, width, wrapping.
//!
//! Every word is sanitised when it enters a [`Text`], so nothing can reach a terminal around
//! [`clean_line`]. Owns how a style looks. It must not write, and must not know what is a secret.

use super::clean::clean_line;

/// What a piece of text means; how that looks is decided in one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// Nothing special.
    #[default]
    Plain,
    /// What the eye should find first.
    Strong,
    /// Secondary.
    Dim,
    /// Done, healthy.
    Good,
    /// Failed, refused.
    Bad,
    /// Needs attention.
    Warn,
    /// An address to open.
    Link,
    /// A command to type. Never wrapped.
    Command,
}

impl Style {
    fn ansi(self) -> Option<console::Style> {
        let style = console::Style::new().force_styling(true);
        match self {
            Style::Plain => None,
            Style::Strong => Some(style.bold()),
            Style::Dim => Some(style.dim()),
            Style::Good => Some(style.green()),
            Style::Bad => Some(style.red().bold()),
            Style::Warn => Some(style.yellow()),
            Style::Link => Some(style.underlined()),
            // No colour: in cyan it cannot be read on white.
            Style::Command => Some(style.bold()),
        }
    }
}

/// A sign with the same meaning in Unicode and in ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    /// Done: `✓`, `ok`.
    Done,
    /// Where it stands now: `●`, `*`.
    Now,
    /// Still to come: `○`, `o`.
    Later,
    /// Needs somebody: `!`.
    Attention,
    /// Failed: `✗`, `x`.
    Failed,
    /// Between two things of one kind: `·`, `-`.
    Dot,
    /// Something was left out: `…`, `...`.
    Ellipsis,
    /// From one to the other: `→`, `->`.
    Arrow,
}

impl Symbol {
    /// Its form.
    pub fn glyph(self, ascii: bool) -> &'static str {
        let (unicode, plain) = match self {
            Symbol::Done => ("✓", "ok"),
            Symbol::Now => ("●", "*"),
            Symbol::Later => ("○", "o"),
            Symbol::Attention => ("!", "!"),
            Symbol::Failed => ("✗", "x"),
            Symbol::Dot => ("·", "-"),
            Symbol::Ellipsis => ("…", "..."),
            Symbol::Arrow => ("→", "->"),
        };
        if ascii { plain } else { unicode }
    }

    fn style(self) -> Style {
        match self {
            Symbol::Done => Style::Good,
            Symbol::Now => Style::Strong,
            Symbol::Attention => Style::Warn,
            Symbol::Failed => Style::Bad,
            Symbol::Later | Symbol::Dot | Symbol::Ellipsis | Symbol::Arrow => Style::Dim,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Word(String),
    Symbol(Symbol),
}

/// One line of styled text. Built from anything; what comes in is sanitised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    spans: Vec<(Style, Piece)>,
}

impl Text {
    /// Nothing yet.
    pub fn new() -> Self {
        Text::default()
    }

    /// Adds unstyled words.
    pub fn plain(self, words: impl AsRef<str>) -> Self {
        self.with(Style::Plain, words)
    }

    /// Adds words with a meaning.
    pub fn with(mut self, style: Style, words: impl AsRef<str>) -> Self {
        self.push(style, clean_line(words.as_ref()).as_ref());
        self
    }

    /// Adds a symbol.
    pub fn symbol(mut self, symbol: Symbol) -> Self {
        self.spans.push((symbol.style(), Piece::Symbol(symbol)));
        self
    }

    /// Adds another text.
    pub fn then(mut self, other: Text) -> Self {
        self.spans.extend(other.spans);
        self
    }

    /// True if it shows nothing.
    pub fn is_empty(&self) -> bool {
        self.spans.iter().all(|(_, piece)| matches!(piece, Piece::Word(word) if word.is_empty()))
    }

    /// How many columns it takes.
    pub fn width(&self, ascii: bool) -> usize {
        self.words(ascii).map(|(_, word)| console::measure_text_width(word)).sum()
    }

    /// The finished string, with colour or without.
    pub fn render(&self, color: bool, ascii: bool) -> String {
        let mut out = String::new();
        for (style, word) in self.words(ascii) {
            match style.ansi().filter(|_| color && !word.is_empty()) {
                Some(ansi) => out.push_str(&ansi.apply_to(word).to_string()),
                None => out.push_str(word),
            }
        }
        out
    }

    /// Breaks it at spaces into lines of at most `columns`, all but the first indented by `hang`.
    /// Commands (by style or in backquotes) and words stay whole, even where they are too wide:
    /// a command or an address that was cut cannot be copied.
    pub fn wrap(&self, columns: usize, hang: usize, ascii: bool) -> Vec<Text> {
        let mut lines = Vec::new();
        let mut line = Text::new();
        let mut used = 0;
        for chunk in self.chunks(ascii) {
            let width = chunk.text.width(ascii);
            // Behind a line no longer than the hang, a new one gains the gap at most.
            let gains = used > hang || (used + chunk.gap > hang && hang + width <= columns);
            if used + chunk.gap + width > columns && chunk.breakable && gains {
                lines.push(std::mem::take(&mut line));
                line.push(Style::Plain, &" ".repeat(hang));
                used = hang;
            } else {
                line.push(chunk.gap_style, &" ".repeat(chunk.gap));
                used += chunk.gap;
            }
            chunk.text.words(ascii).for_each(|(style, word)| line.push(style, word));
            used += width;
        }
        lines.push(line);
        lines
    }

    /// The same text with spaces up to `columns` behind it.
    pub(crate) fn padded(mut self, columns: usize, ascii: bool) -> Text {
        let missing = columns.saturating_sub(self.width(ascii));
        self.push(Style::Plain, &" ".repeat(missing));
        self
    }

    /// The same text with every word passed through `mask`.
    pub(crate) fn masked(&self, mask: impl Fn(&str) -> String) -> Text {
        let masked = |piece: &Piece| match piece {
            Piece::Word(word) => Piece::Word(mask(word)),
            symbol => symbol.clone(),
        };
        Text { spans: self.spans.iter().map(|(style, piece)| (*style, masked(piece))).collect() }
    }

    fn words(&self, ascii: bool) -> impl Iterator<Item = (Style, &str)> {
        self.spans.iter().map(move |(style, piece)| match piece {
            Piece::Word(word) => (*style, word.as_str()),
            Piece::Symbol(symbol) => (*style, symbol.glyph(ascii)),
        })
    }

    /// Appends words that are clean already, joining what has one style.
    fn push(&mut self, style: Style, words: &str) {
        match self.spans.last_mut() {
            _ if words.is_empty() => {}
            Some((last, Piece::Word(word))) if *last == style => word.push_str(words),
            _ => self.spans.push((style, Piece::Word(words.to_owned()))),
        }
    }

    /// The text cut at the spaces where a line may break.
    fn chunks(&self, ascii: bool) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut open = false;
        let (mut gap, mut gap_style) = (0, Style::Plain);
        let mut quotes_left = self.words(ascii).map(|(_, word)| word.matches('`').count()).sum::<usize>();
        let mut quoted = false;
        for (style, word) in self.words(ascii) {
            for part in word.split_inclusive([' ', '`']).flat_map(split_last) {
                if part == "`" {
                    quotes_left -= 1;
                    // A quote that nothing closes is just a character.
                    quoted = !quoted && quotes_left > 0;
                }
                if part == " " && !quoted && !(style == Style::Command && open) {
                    (gap, gap_style, open) = (gap + 1, style, false);
                    continue;
                }
                if !open {
                    let breakable = chunks.last().is_some();
                    chunks.push(Chunk { gap, gap_style, breakable, text: Text::new() });
                    (gap, open) = (0, true);
                }
                if let Some(chunk) = chunks.last_mut() {
                    chunk.text.push(style, part);
                }
            }
        }
        chunks
    }
}

/// Splits `"word "` into `"word"` and `" "`, and the same for a backquote.
fn split_last(part: &str) -> impl Iterator<Item = &str> {
    let cut = if part.ends_with([' ', '`']) { part.len() - 1 } else { part.len() };
    [&part[..cut], &part[cut..]].into_iter().filter(|part| !part.is_empty())
}

struct Chunk {
    gap: usize,
    gap_style: Style,
    breakable: bool,
    text: Text,
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Text::new().plain(words)
    }
}

impl From<&String> for Text {
    fn from(words: &String) -> Self {
        Text::new().plain(words)
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Text::new().plain(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    fn wrapped(text: &Text, columns: usize, hang: usize) -> String {
        text.wrap(columns, hang, false)
            .iter()
            .map(|line| line.render(false, false))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn every_style_can_be_read_on_black_and_on_white() {
        use Style::{Bad, Command, Dim, Good, Link, Strong, Warn};
        for style in [Strong, Dim, Good, Bad, Warn, Link, Command] {
            let shown = Text::new().with(style, "x").render(true, false);
            let codes = shown.split("\u{1b}[").filter_map(|part| part.split_once('m'));
            for code in codes.map(|(code, _)| code.parse::<u8>().unwrap()) {
                // Black is 30, white 37, and from 90 on they are bright: nothing is seen of one on either.
                assert!(code < 90 && ![30, 37].contains(&code), "{style:?} has {code}");
                // What is to be read, and does not only mark what stands beside it, has the terminal's own colour.
                assert!(code < 30 || matches!(style, Good | Bad | Warn), "{style:?} has {code}");
            }
        }
    }

    #[test]
    fn colour_and_symbols_follow_what_is_shown() {
        let text = Text::new().symbol(Symbol::Done).plain(" merge ").with(Style::Strong, "9f3c\u{1b}[0m");
        assert_snapshot!(text.render(false, false), @r"✓ merge 9f3c\x1b[0m");
        assert_snapshot!(text.render(false, true), @r"ok merge 9f3c\x1b[0m");
        assert_eq!(text.render(true, false), "\u{1b}[32m✓\u{1b}[0m merge \u{1b}[1m9f3c\\x1b[0m\u{1b}[0m");
        assert_eq!((text.width(false), text.width(true)), (19, 20));
        assert_eq!(Text::from("日本").width(false), 4);
    }

    #[test]
    fn long_text_breaks_at_spaces_and_hangs() {
        let text = Text::from("the branch hotfix/login-500 is behind main, which has moved since it was cut");
        assert_snapshot!(wrapped(&text, 40, 4), @r"
        the branch hotfix/login-500 is behind
            main, which has moved since it was
            cut
        ");
    }

    #[test]
    fn a_command_is_never_cut() {
        let text = Text::from("run `git hotfix backport --continue !415` in a clone of it");
        assert_snapshot!(wrapped(&text, 30, 2), @r"
        run
          `git hotfix backport --continue !415`
          in a clone of it
        ");
        let text = Text::from("so: ")
            .with(Style::Command, "git hotfix backport --continue !415")
            .plain(" then wait");
        assert_snapshot!(wrapped(&text, 30, 2), @r"
        so:
          git hotfix backport --continue !415
          then wait
        ");
        let text = Text::from("a lone ` holds nothing together at all, so it breaks");
        assert_snapshot!(wrapped(&text, 30, 2), @r"
        a lone ` holds nothing
          together at all, so it
          breaks
        ");
    }

    #[test]
    fn a_line_as_short_as_the_hang_breaks_where_that_makes_room() {
        assert_eq!(wrapped(&Text::from("  aaa aaaaaaaaaaaaaaa"), 20, 5), "  aaa\n     aaaaaaaaaaaaaaa");
    }

    #[test]
    fn inner_spacing_stays_where_the_line_does() {
        assert_eq!(wrapped(&Text::from("  a   b"), 20, 0), "  a   b");
    }

    proptest! {
        #[test]
        fn wrapping_loses_no_word(text in "[a-z日` ]{0,80}", columns in 1usize..40, hang in 0usize..8) {
            let whole = Text::from(text.as_str());
            let lines = wrapped(&whole, columns, hang);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&lines), words(&text));
        }

        #[test]
        fn lines_fit_where_words_do(text in "[a-z ]{0,80}", hang in 0usize..8) {
            let widest = text.split(' ').map(str::len).max().unwrap_or(0);
            let leading = text.len() - text.trim_start().len();
            let columns = (widest + hang.max(leading)).max(20);
            for line in Text::from(text.as_str()).wrap(columns, hang, false) {
                prop_assert!(line.width(false) <= columns);
            }
        }

        #[test]
        fn nothing_raw_enters(text in any::<String>()) {
            let shown = Text::from(text).render(false, false);
            prop_assert!(!shown.chars().any(|c| super::super::clean::is_unsafe(c) || c == '\n' || c == '\t'));
        }
    }
}
