//! Words as YAML takes them.

/// A value or key of a block: plain where that can only be read as this very text, else quoted.
pub(super) fn scalar(text: &str) -> String {
    const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let first = text.chars().next();
    let begins = first.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '$' | '/'));
    let ends = text.chars().next_back().is_some_and(|c| !matches!(c, ':' | ' '));
    let odd = text.contains(": ") || text.contains(" #") || text.chars().any(char::is_control);
    match begins && ends && !odd && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        true => text.to_owned(),
        // The quoted strings of JSON are YAML's as well.
        false => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_would_read_as_something_else_is_quoted() {
        for plain in ["deploy-prod", "$CI_REGISTRY/x:1", "rake db:migrate", "a & b", "Deploy (prod)", "über"]
        {
            let expected = if plain.is_ascii() { plain.to_owned() } else { format!("\"{plain}\"") };
            assert_eq!(scalar(plain), expected);
        }
        for quoted in
            ["", "yes", "True", "1.5", "012", "a: b", "a #b", "a:", "*x", "&x", "- x", "!x", "{a}", "#a"]
        {
            assert_eq!(scalar(quoted), format!("\"{quoted}\""));
        }
        assert_eq!(scalar("\"a\""), r#""\"a\"""#);
    }
}
