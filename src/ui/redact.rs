//! Keeps secrets out of everything that is written: by value, and by the prefix of GitLab's tokens.
//!
//! Owns which spellings of a secret are looked for. It must not write anything.

#![warn(clippy::indexing_slicing)]

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands where a secret was. Of a fixed length: the length of a secret is nobody's business.
const STARS: &str = "********";

/// The prefixes of GitLab's tokens.
const PREFIXES: [&str; 13] = [
    "glpat-", "gloas-", "gldt-", "glrtr-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-",
    "glwt-", "glsoat-", "glffct-",
];

/// Shorter than this, a "secret" would blank out ordinary words.
const SHORTEST: usize = 4;

/// Knows the secrets of this run.
#[derive(Default)]
pub(crate) struct Redactor {
    /// Every spelling, longest first, so that no shorter one leaves a rest behind.
    spellings: Vec<String>,
}

impl Redactor {
    /// From now on `secret` is masked: raw, percent-encoded and inside any base64.
    pub(crate) fn hide(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        self.spellings.extend([secret.to_owned(), percent.to_ascii_lowercase(), percent]);
        for engine in [&STANDARD, &URL_SAFE] {
            let whole = engine.encode(secret);
            self.spellings.push(whole.trim_end_matches('=').to_owned());
            let cores = (0..3).map(|lead| core_of(engine, secret, lead));
            self.spellings.extend(cores.filter(|core| core.len() > SHORTEST));
        }
        self.spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.spellings.dedup();
    }

    /// `text` with every known secret and everything that looks like a token masked.
    pub(crate) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for spelling in &self.spellings {
            if text.contains(spelling.as_str()) {
                text = Cow::Owned(text.replace(spelling.as_str(), STARS));
            }
        }
        match mask_tokens(&text) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        }
    }

    /// The same for every string and key of a JSON value.
    pub(crate) fn redact_json(&self, value: &serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.redact(text).into_owned()),
            Value::Array(items) => items.iter().map(|item| self.redact_json(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, item)| (self.redact(key).into_owned(), self.redact_json(item)))
                .collect(),
            other => other.clone(),
        }
    }
}

/// The part of the base64 of `secret` that does not depend on what stands around it, when `lead`
/// bytes (modulo three) come before: a Basic header encodes `user:secret` as one.
fn core_of(engine: &impl base64::Engine, secret: &str, lead: usize) -> String {
    let mut bytes = vec![0; lead];
    bytes.extend_from_slice(secret.as_bytes());
    let whole_bits = bytes.len() * 8;
    let encoded = engine.encode(&bytes);
    encoded.get((lead * 8).div_ceil(6)..whole_bits / 6).unwrap_or_default().to_owned()
}

fn mask_tokens(text: &str) -> Option<String> {
    if !text.contains("gl") {
        return None;
    }
    let mut masked = String::new();
    let mut rest = text;
    while let Some((at, prefix)) = next_token(rest) {
        let (before, body) = rest.split_at_checked(at + prefix.len()).unwrap_or((rest, ""));
        masked.push_str(before);
        masked.push_str(STARS);
        rest = body.trim_start_matches(is_token_char);
    }
    (rest.len() < text.len()).then(|| masked + rest)
}

/// The first prefix that is followed by at least one character of a token.
fn next_token(text: &str) -> Option<(usize, &'static str)> {
    PREFIXES
        .iter()
        .filter_map(|prefix| {
            let body = |at: usize| text.get(at + prefix.len()..).unwrap_or_default();
            let followed = |at: &usize| body(*at).starts_with(is_token_char);
            text.match_indices(prefix).map(|(at, _)| at).find(followed).map(|at| (at, *prefix))
        })
        .min_by_key(|(at, _)| *at)
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_are_masked_by_prefix_without_a_rest() {
        let redactor = Redactor::default();
        for (raw, shown) in [
            ("Bearer glpat-abc_DEF-123.01.xy!", "Bearer glpat-********!"),
            ("glrtr-aa glrt-bb gldt-cc", "glrtr-******** glrt-******** gldt-********"),
            ("https://oauth2:glpat-x@host/p.git", "https://oauth2:glpat-********@host/p.git"),
            ("glpat-glpat-x", "glpat-********"),
            ("set GITLAB_TOKEN to a glpat- token", "set GITLAB_TOKEN to a glpat- token"),
            ("glpat-********", "glpat-********"),
            ("glow", "glow"),
        ] {
            assert_eq!(redactor.redact(raw), shown);
        }
    }

    #[test]
    fn a_secret_is_masked_in_every_spelling() {
        let mut redactor = Redactor::default();
        redactor.hide("pa/ss w+rd?&");
        for lead in ["", "u:", "oauth2:", "ab:"] {
            let basic = STANDARD.encode(format!("{lead}pa/ss w+rd?&"));
            let shown = redactor.redact(&basic).into_owned();
            assert!(shown.contains(STARS), "{basic} {shown}");
        }
        assert_eq!(redactor.redact("x=pa%2Fss%20w%2Brd%3F%26;"), "x=********;");
        assert_eq!(redactor.redact("x=pa%2fss%20w%2brd%3f%26;"), "x=********;");
        assert_eq!(redactor.redact("<pa/ss w+rd?&>"), "<********>");
    }

    #[test]
    fn json_is_masked_in_values_and_keys() {
        let mut redactor = Redactor::default();
        redactor.hide("hunter2");
        let value = serde_json::json!({ "hunter2": ["a hunter2", 1, null, { "t": "glpat-x" }] });
        assert_eq!(
            redactor.redact_json(&value),
            serde_json::json!({ "********": ["a ********", 1, null, { "t": "glpat-********" }] })
        );
    }

    proptest! {
        #[test]
        fn no_secret_survives(secret in "[!-~]{6,40}", before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let mut redactor = Redactor::default();
            redactor.hide(&secret);
            prop_assume!(!STARS.contains(&secret));
            let shown = redactor.redact(&format!("{before}{secret}{after}")).into_owned();
            prop_assert!(shown.contains(STARS));
            // What stands around may by chance complete the secret once more around the stars.
            prop_assert!(!shown.replace(STARS, "\0").contains(&secret));
        }
    }
}
