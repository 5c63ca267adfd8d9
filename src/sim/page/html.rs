//! Writes HTML: markup comes from literals only, and everything else is escaped.
//!
//! `&'static str` is the guard: a title from a merge request cannot become a tag or an attribute's name.

use std::fmt::Display;

/// A page, or a piece of one.
#[derive(Debug, Default)]
pub(super) struct Html(String);

/// An attribute: its name, and a value that gets escaped.
pub(super) type Attribute<'a> = (&'static str, &'a str);

impl Html {
    /// What was written so far.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Markup that we wrote ourselves.
    pub(super) fn markup(&mut self, literal: &'static str) -> &mut Html {
        self.0.push_str(literal);
        self
    }

    /// Anything, escaped.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Html {
        escape(&text.to_string(), &mut self.0);
        self
    }

    /// An element and what is in it.
    pub(super) fn element(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute],
        inside: impl FnOnce(&mut Html),
    ) -> &mut Html {
        self.open(tag, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
        self
    }

    /// An element that holds nothing but text.
    pub(super) fn words(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute],
        text: impl Display,
    ) -> &mut Html {
        self.element(tag, attributes, |html| {
            html.text(text);
        })
    }

    /// An element without an end, as `<input>`.
    pub(super) fn open(&mut self, tag: &'static str, attributes: &[Attribute]) -> &mut Html {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            escape(value, &mut self.0);
            self.0.push('"');
        }
        self.0.push('>');
        self
    }

    /// A link. Addresses are ours, so that no `javascript:` gets in.
    pub(super) fn link(&mut self, to: &str, text: impl Display) -> &mut Html {
        self.words("a", &[("href", to)], text)
    }
}

/// Text that is safe between tags and between double quotes. What cannot be seen, or would turn what
/// follows around, becomes a visible sign.
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '\n' | '\t' => into.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => into.push('\u{fffd}'),
            c if c.is_control() => into.push('\u{fffd}'),
            c => into.push(c),
        }
    }
}

/// A log without the terminal's colours.
pub(super) fn without_colours(log: &str) -> String {
    let mut plain = String::with_capacity(log.len());
    let mut chars = log.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                // The sequence's last byte is the first that is a letter or a sign from `@` on.
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            '\r' => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_put_in_comes_out_as_text() {
        let mut html = Html::default();
        html.words("p", &[("title", "\"><script>")], "<script>alert('&')</script>\u{202e}\u{1b}[31m");
        assert_eq!(
            html.into_text(),
            "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\u{fffd}\u{fffd}[31m</p>"
        );
    }

    #[test]
    fn colours_leave_a_log() {
        assert_eq!(
            without_colours("\u{1b}[0KRunning\u{1b}[32;1m on\u{1b}[0;m sim\r\nend\u{1b}["),
            "Running on sim\nend"
        );
    }
}
