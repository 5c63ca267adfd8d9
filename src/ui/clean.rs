//! The one sanitiser: makes text that others wrote safe for a terminal, a pipe, a log or JSON.
//!
//! Owns which characters may never leave the program raw, and how they are shown instead. It must
//! not know about colours, layout or secrets. Branch names, titles, job logs and git's own stderr
//! may hold escape sequences, direction overrides and invisible characters: git itself relayed a
//! raw `ESC ]0;…` from a server's hook until 2.55, and `serde_json` leaves DEL and C1 raw.

#![warn(clippy::indexing_slicing)]

use std::borrow::Cow;
use std::fmt::Write as _;

/// The markers of a foldable section in a job log, each with its harmless form.
const SECTION_MARKERS: [(&str, &str); 2] =
    [("section_start:", "section_start\\x3a"), ("section_end:", "section_end\\x3a")];

/// Makes text safe that may hold several lines: `\n` and `\t` stay, `\r\n` becomes `\n`, and every
/// other control, invisible or direction-changing character becomes a visible escape.
pub fn clean(text: &str) -> Cow<'_, str> {
    replace(text, |c, next| match c {
        '\n' | '\t' => Verdict::Keep,
        '\r' if next == Some('\n') => Verdict::Drop,
        _ if is_unsafe(c) => Verdict::Escape,
        _ => Verdict::Keep,
    })
}

/// Makes text safe that must stay on one line: as [`clean`], and `\n` and `\t` are shown as well.
pub fn clean_line(text: &str) -> Cow<'_, str> {
    replace(
        text,
        |c, _| if is_unsafe(c) || matches!(c, '\n' | '\t') { Verdict::Escape } else { Verdict::Keep },
    )
}

/// As [`clean`], for bytes of unknown encoding: what is not UTF-8 becomes `\xNN`.
pub fn clean_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return clean(text);
    }
    let mut whole = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        whole.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(whole, "\\x{byte:02x}");
        }
    }
    Cow::Owned(clean(&whole).into_owned())
}

/// A job's log: colours and section markers are the runner's own decoration and go; the rest is cleaned.
pub fn clean_log(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let plain = console::strip_ansi_codes(&text);
    let mut lines = Vec::new();
    for line in plain.split('\n') {
        // `section_start:<time>:<name>\r` stands before the line it opens.
        let line = match line.rsplit_once('\r') {
            Some((before, after)) if before.starts_with("section_") => after,
            _ => line,
        };
        lines.push(clean(line).into_owned());
    }
    lines.join("\n")
}

/// Takes the force from section markers that somebody forged for GitLab's job log viewer.
pub fn clean_ci(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for (marker, harmless) in SECTION_MARKERS {
        if text.contains(marker) {
            text = Cow::Owned(text.replace(marker, harmless));
        }
    }
    text
}

/// Escapes what `serde_json` leaves raw in a finished document; the value it stands for stays equal.
pub fn clean_json(document: &str) -> Cow<'_, str> {
    if !document.chars().any(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(document);
    }
    let mut safe = String::with_capacity(document.len() + 16);
    for c in document.chars() {
        if c == '\n' || !is_unsafe(c) {
            safe.push(c);
            continue;
        }
        // Outside strings JSON is plain ASCII, so this character stands inside one.
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    Cow::Owned(safe)
}

/// True for a character that may move the cursor, recolour, reorder or hide text. `\n` and `\t`
/// are not among them; the callers decide about those.
pub fn is_unsafe(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        ' '..='~' => false,
        // Invisible: soft hyphen, grapheme joiner, fillers, zero-width space and joiners, BOM.
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' => true,
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => true,
        // Direction: marks, embeddings, overrides, isolates, and their deprecated kin.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => true,
        // Line and paragraph separators, annotation anchors, tags and supplementary selectors.
        '\u{2028}' | '\u{2029}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

enum Verdict {
    Keep,
    Drop,
    Escape,
}

fn replace(text: &str, judge: impl Fn(char, Option<char>) -> Verdict) -> Cow<'_, str> {
    let next = |at: usize, c: char| text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
    let verdict_at = |at: usize, c: char| judge(c, next(at, c));
    let Some((first, _)) = text.char_indices().find(|&(at, c)| !matches!(verdict_at(at, c), Verdict::Keep))
    else {
        return Cow::Borrowed(text);
    };
    let mut safe = String::with_capacity(text.len() + 16);
    safe.push_str(text.get(..first).unwrap_or_default());
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < first) {
        match verdict_at(at, c) {
            Verdict::Keep => safe.push(c),
            Verdict::Drop => {}
            Verdict::Escape => escape(c, &mut safe),
        }
    }
    Cow::Owned(safe)
}

fn escape(c: char, into: &mut String) {
    let _ = match c {
        '\n' => into.write_str("\\n"),
        '\t' => into.write_str("\\t"),
        c if (c as u32) < 0x80 => write!(into, "\\x{:02x}", c as u32),
        c => write!(into, "\\u{{{:x}}}", c as u32),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_hides_or_moves_becomes_visible() {
        for (raw, shown) in [
            ("\u{1b}]0;pwn\u{7}", "\\x1b]0;pwn\\x07"),
            ("a\rb", "a\\x0db"),
            ("a\r\nb", "a\nb"),
            ("a\r\r\nb", "a\\x0d\nb"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("ad\u{200b}min", "ad\\u{200b}min"),
            ("a\u{2028}b", "a\\u{2028}b"),
            ("x\u{e0041}", "x\\u{e0041}"),
            ("\u{7f}", "\\x7f"),
        ] {
            assert_eq!(clean(raw), shown);
        }
        assert_eq!(clean_line("a\nb\tc\r\n"), "a\\nb\\tc\\x0d\\n");
        assert_eq!(clean_bytes(b"caf\xe9 \x1b[0m"), "caf\\xe9 \\x1b[0m");
    }

    #[test]
    fn what_people_write_stays_and_is_not_copied() {
        for text in ["Fix login 500", "naïve 日本語 ✓ · …", "tab\tand\nline", "עברית", "👍🏽", "e\u{301}"]
        {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn forged_sections_lose_their_force() {
        let forged = "section_start:1560896352:x\nsection_end:1:x";
        assert_eq!(clean_ci(forged), "section_start\\x3a1560896352:x\nsection_end\\x3a1:x");
        assert!(matches!(clean_ci("section of a page"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_escapes_keep_the_value() {
        let value = serde_json::json!({ "a\u{9b}": "\u{7f}\u{202e}\u{e0041}\u{1b}\n" });
        let document = serde_json::to_string_pretty(&value).unwrap();
        let safe = clean_json(&document);
        assert!(safe.contains("\\u007f\\u202e\\udb40\\udc41\\u001b\\n"), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    fn settles(clean: fn(&str) -> Cow<'_, str>, text: &str) -> bool {
        let once = clean(text);
        clean(&once) == once
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(is_unsafe));
            prop_assert!(!clean_line(&text).chars().any(|c| is_unsafe(c) || c == '\n' || c == '\t'));
        }

        #[test]
        fn nothing_unsafe_is_left_of_hostile_text(text in "[a\\n\\r\\t\\x00-\\x1f\\x7f-\\u{9f}\\u{200b}-\\u{206f}\\u{e0000}-\\u{e0fff}]{0,40}") {
            prop_assert!(!clean(&text).chars().any(is_unsafe));
            prop_assert!(settles(clean, &text));
        }

        #[test]
        fn cleaning_twice_changes_nothing_more(text in any::<String>()) {
            prop_assert!(settles(clean, &text) && settles(clean_line, &text) && settles(clean_ci, &text));
        }

        #[test]
        fn bytes_come_out_as_safe_text(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(!clean_bytes(&bytes).chars().any(is_unsafe));
        }

        #[test]
        fn plain_text_is_borrowed(text in "[ -~éß日本✓\\n\\t]{0,40}") {
            prop_assert!(matches!(clean(&text), Cow::Borrowed(_)));
        }

        #[test]
        fn json_stays_the_same_value(text in any::<String>()) {
            let document = serde_json::to_string(&text).unwrap();
            let safe = clean_json(&document);
            prop_assert!(!safe.chars().any(is_unsafe));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }
}
