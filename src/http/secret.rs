//! Secrets: values that cannot be printed by accident, and taking them out of text.
//!
//! Owns the masking of tokens. A secret has no `Debug`, `Display` or serialisation; the one way to
//! its value is [`Secret::expose`], so that every use can be found by its name.

#![warn(clippy::indexing_slicing)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands where a secret stood. It keeps nothing of the value, not even its length.
pub const MASK: &str = "[redacted]";

/// Prefixes that GitLab and Heroku give their tokens; what follows them is masked even when the
/// token is not one we know.
const PREFIXES: [&str; 15] = [
    "glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-",
    "glwt-", "glsoat-", "glffct-", "gldp-", "HRKU-",
];

/// Shorter runs after a prefix are names of branches and the like; real tokens have 20 or more.
const SHORTEST_TOKEN: usize = 16;

/// A token or password.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a value as it was read: surrounding white space is dropped. `None` when nothing is
    /// left, or when it holds a character that no header may carry.
    pub fn new(value: &str) -> Option<Secret> {
        let value = value.trim();
        let fits = !value.is_empty() && value.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        fits.then(|| Secret(value.to_owned()))
    }

    /// The value itself, for a header or a pipe. Never for text, argv, URLs or files.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Takes this secret out of a text: raw, percent-encoded and base64 (also in the middle of
    /// something longer, such as `user:token`), and with it anything that looks like a token.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for spelling in self.spellings() {
            if text.contains(&spelling) {
                text = text.replace(&spelling, MASK);
            }
        }
        mask_prefixes(&text)
    }

    /// Every way the value may appear in a text, longest first.
    fn spellings(&self) -> Vec<String> {
        let value = self.0.as_bytes();
        let every_byte: String = value.iter().map(|byte| format!("%{byte:02X}")).collect();
        let mut spellings = vec![
            self.0.clone(),
            percent_encoding::utf8_percent_encode(&self.0, percent_encoding::NON_ALPHANUMERIC).to_string(),
            super::request::encode(&self.0),
            every_byte.to_lowercase(),
            every_byte,
        ];
        // base64 has three alignments; the characters at both ends also depend on the neighbours,
        // so they are left out of what is looked for.
        for lead in 0..3_usize {
            let padded: Vec<u8> = std::iter::repeat_n(0, lead).chain(value.iter().copied()).collect();
            let from = lead.div_ceil(3) * 4;
            for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                let to = padded.len() / 3 * 4;
                // A few characters would match ordinary words.
                if let Some(middle) = encoded.get(from..to).filter(|middle| middle.len() >= 8) {
                    spellings.push(middle.to_owned());
                }
            }
        }
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        spellings.dedup();
        spellings
    }
}

/// Masks what follows a token prefix, keeping the prefix.
pub fn mask_prefixes(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    let mut before: Option<char> = None;
    while let Some(next) = rest.chars().next() {
        let at_start = !before.is_some_and(|c| c.is_ascii_alphanumeric());
        let found = PREFIXES.iter().filter(|_| at_start).find(|prefix| rest.starts_with(**prefix));
        if let Some(prefix) = found {
            let tail = rest.strip_prefix(prefix).unwrap_or_default();
            let length = tail.find(|c: char| !is_token_character(c)).unwrap_or(tail.len());
            if length >= SHORTEST_TOKEN {
                masked.push_str(prefix);
                masked.push_str(MASK);
                rest = tail.get(length..).unwrap_or_default();
                before = None;
                continue;
            }
        }
        masked.push(next);
        before = Some(next);
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    masked
}

fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "glpat-Abc_123-xyzXYZ.0a/b+c";

    fn secret() -> Secret {
        Secret::new(VALUE).unwrap()
    }

    #[test]
    fn the_value_is_taken_out_in_every_spelling() {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("oauth2:{VALUE}"));
        let query = url::form_urlencoded::byte_serialize(VALUE.as_bytes()).collect::<String>();
        let all: String = VALUE.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for text in [VALUE, &basic, &query, &all, &URL_SAFE_NO_PAD.encode(VALUE)] {
            let redacted = secret().redact(&format!("before {text} after"));
            assert!(!redacted.contains(text), "{redacted}");
            assert!(redacted.contains(MASK), "{redacted}");
            assert!(redacted.starts_with("before ") && redacted.ends_with(" after"));
        }
    }

    #[test]
    fn every_alignment_of_base64_is_found() {
        for user in ["", "a", "ab", "abc", "abcd"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{user}:{VALUE}!"));
            let redacted = secret().redact(&encoded);
            let kept: usize = redacted.replace(MASK, "").len();
            assert!(kept <= encoded.len() - VALUE.len(), "{encoded} -> {redacted}");
        }
    }

    #[test]
    fn other_tokens_keep_their_prefix_only() {
        assert_eq!(
            mask_prefixes("revoked glpat-ABCDEFGHIJKLMNOPQRST, new"),
            format!("revoked glpat-{MASK}, new")
        );
        assert_eq!(mask_prefixes("glrtr-0123456789abcdefghij"), format!("glrtr-{MASK}"));
        for harmless in ["glpat-", "hotfix/gldt-fix", "glrt-login", "widgetgldt-0123456789abcdefghij", "é"] {
            assert_eq!(mask_prefixes(harmless), harmless);
        }
    }

    #[test]
    fn a_secret_is_one_clean_word() {
        assert_eq!(Secret::new(" abc\n").unwrap().expose(), "abc");
        for bad in ["", " \n", "a b", "a\r\nHost: evil", "tökén", "a\0b"] {
            assert!(Secret::new(bad).is_none(), "{bad:?}");
        }
    }
}
