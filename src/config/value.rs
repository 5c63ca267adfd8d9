//! What the values of settings may be: durations, addresses, names of branches and jobs, patterns.
//!
//! Owns the checks; each returns in words what is wrong. It does not know where a value came from.

use std::time::Duration;

use url::Url;

use crate::http::Origin;

/// Reads `2s`, `500ms`, `1m`, `1h`, or a bare number of seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = match unit.trim() {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => 0,
    };
    match number.parse::<u64>() {
        Ok(number) if millis > 0 && number <= 1_000_000 => Ok(Duration::from_millis(number * millis)),
        _ => Err(format!("“{text}” is no duration, as in 5s, 500ms or 2m")),
    }
}

/// A duration that leaves time for an answer.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| match time.is_zero() {
        true => Err("no answer comes in no time: give at least 1ms".to_owned()),
        false => Ok(time),
    })
}

/// A small number of times.
pub(super) fn count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number @ 1..=100) => Ok(number),
        _ => Err(format!("“{text}” is no number from 1 to 100")),
    }
}

/// Reads the address of an instance: a host (with a port), or a URL with its path.
pub fn instance_url(text: &str) -> Result<Url, String> {
    address(text, "a GitLab instance")
}

/// Reads the address of a part of Heroku.
pub(super) fn heroku_url(text: &str) -> Result<Url, String> {
    address(text, "a part of Heroku")
}

fn address(text: &str, of_what: &str) -> Result<Url, String> {
    // Somebody may have put a password into it.
    let shown = if text.contains('@') { "what is set".to_owned() } else { format!("“{text}”") };
    let bad = |why: &str| Err(format!("{shown} is no address of {of_what}: {why}"));
    let strange = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '?' | '#' | '@' | '%');
    if text.contains(strange) {
        return bad("a host or an https URL is expected");
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let Ok(url) = Url::parse(&whole) else { return bad("a host or an https URL is expected") };
    match Origin::of(&url) {
        Some(origin) if origin.is_private() => Ok(url),
        Some(_) => bad("plain http would show the token to everyone on the way"),
        None => bad("a host or an https URL is expected"),
    }
}

/// A name of a job, label, environment, app or remote: one line that no program takes for an option.
pub(super) fn name(text: &str) -> Result<String, String> {
    let bad = text.is_empty() || text.trim() != text || text.starts_with('-') || text.len() > 255;
    if bad || text.chars().any(char::is_control) {
        return Err(format!("“{text}” is no usable name"));
    }
    Ok(text.to_owned())
}

/// A label: a name without a comma, which separates labels in GitLab.
pub(super) fn label(text: &str) -> Result<String, String> {
    if text.contains(',') {
        return Err(format!("“{text}” is no label: GitLab separates them by commas"));
    }
    name(text)
}

/// A branch, or the beginning of one.
pub(super) fn branch(text: &str) -> Result<String, String> {
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    if text.contains(forbidden) || text.contains("..") || text.contains("@{") || text.starts_with('/') {
        return Err(format!("“{text}” is no name of a branch"));
    }
    name(text).map_err(|_| format!("“{text}” is no name of a branch"))
}

/// A branch that may hold `*`.
pub(super) fn target(text: &str) -> Result<String, String> {
    branch(&text.replace('*', "x")).map_err(|_| format!("“{text}” is no name or pattern of a branch"))?;
    Ok(text.to_owned())
}

/// A pattern of paths inside the repository.
pub(super) fn path_pattern(text: &str) -> Result<String, String> {
    let outside = text.starts_with('/') || text.split('/').any(|part| part == "..") || text.contains('\\');
    if outside || text.is_empty() || text.chars().any(char::is_control) || text.contains(':') {
        return Err(format!("“{text}” is no path inside the repository"));
    }
    match globset::Glob::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            Err(format!("“{text}” is no pattern of paths ({}); write it like db/migrate/**", error.kind()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in
            [("0", 0), ("5", 5000), ("500ms", 500), ("2 s", 2000), ("1m", 60_000), ("2h", 7_200_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "-1s", "1.5s", "5 days", "1000001h", "99999999999999999999", "５s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn instances() {
        for (text, url) in [
            ("gitlab.example", "https://gitlab.example/"),
            ("gitlab.example:8443", "https://gitlab.example:8443/"),
            ("gitlab.example/gitlab", "https://gitlab.example/gitlab"),
            ("https://GitLab.example/gitlab/", "https://gitlab.example/gitlab/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("localhost:3000", "https://localhost:3000/"),
        ] {
            assert_eq!(instance_url(text).unwrap().as_str(), url);
        }
        for bad in [
            "",
            "http://gitlab.example",
            "ssh://gitlab.example",
            "https://user@gitlab.example",
            "file:///x",
            "https://gitlab.example\\@evil",
            "https://a?b",
            "https://a#b",
            "a b",
            "https://",
            "javascript://x",
        ] {
            assert!(instance_url(bad).is_err(), "{bad}");
        }
        assert!(!instance_url("https://ana:hunter2@gitlab.example").unwrap_err().contains("hunter2"));
        for zero in ["0", "0ms"] {
            assert!(timeout(zero).is_err());
        }
        for bad in ["0", "-1", "x", "101", ""] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_branches_and_patterns() {
        for bad in ["", "-x", " x", "x ", "a\nb", "a\u{9b}b"] {
            assert!(name(bad).is_err() && branch(bad).is_err(), "{bad:?}");
        }
        for bad in ["a..b", "a b", "a~1", "a^", "a:b", "a@{1}", "/a", "release/*"] {
            assert!(branch(bad).is_err(), "{bad:?}");
        }
        assert!(name("deploy prod: ü").is_ok() && branch("hotfix/").is_ok() && target("release/*").is_ok());
        assert!(label("a,b").is_err());
        for bad in ["/etc/*", "../x", "a/../b", "", "a\\b", "C:x", "a[", "{a"] {
            assert!(path_pattern(bad).is_err(), "{bad:?}");
        }
        assert!(path_pattern("**/migrations/**").is_ok());
    }
}
