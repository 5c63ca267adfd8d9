//! Properties of what servers and names can do to requests and answers. Not in the program.

use super::{Method, Request, Secret, retry};

/// Names stay in their segments, whatever they hold; the parser of URLs agrees.
pub(crate) fn path_segments(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let segments: Vec<&str> = text.split('\0').collect();
    let request = Request::new(Method::Get, &segments);
    let Ok(path) = request.path else {
        assert!(segments.iter().any(|segment| matches!(*segment, "" | "." | "..")));
        return;
    };
    let Ok(mut url) = url::Url::parse("https://gitlab.example/root/api/v4") else { return };
    let whole = format!("{}{path}", url.path());
    url.set_path(&whole);
    assert_eq!(url.path(), whole, "{text:?}");
    assert!(url.query().is_none() && url.fragment().is_none() && url.host_str() == Some("gitlab.example"));
    let seen: Vec<_> = url.path_segments().into_iter().flatten().skip(3).collect();
    assert_eq!(seen.len(), segments.len(), "{text:?}");
    for (seen, meant) in seen.iter().zip(&segments) {
        let seen: Vec<u8> = percent_encoding::percent_decode_str(seen).collect();
        assert_eq!(seen, meant.as_bytes());
    }
}

/// A wait is a number of seconds, or one until a date; nonsense is none.
pub(crate) fn retry_after(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (value, date) = text.split_once('\n').unwrap_or((text, ""));
    let date = retry::http_date(date);
    let wait = retry::retry_after(value, date, jiff::Timestamp::UNIX_EPOCH);
    if let Ok(seconds) = value.trim().parse::<u64>()
        && !value.contains('+')
    {
        assert_eq!(wait.map(|wait| wait.as_secs()), Some(seconds));
    }
    let options = super::Options::default();
    if let Some(pause) = options.retry.pause(1, std::time::Duration::ZERO, wait) {
        assert!(pause <= options.retry.budget);
    }
}

/// A secret does not survive in any of the spellings that it is looked for in.
pub(crate) fn redactor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((value, around)) = text.split_once('\0') else { return };
    // Short ones and ones made of the mask itself stand in ordinary text.
    let Some(secret) = Secret::new(value).filter(|secret| secret.expose().len() >= 8) else { return };
    let value = secret.expose();
    if super::MASK.contains(value) || around.contains(super::MASK) {
        return;
    }
    let shown = secret.redact(&format!("{around}{value}{around}"));
    assert!(!shown.replace(super::MASK, "\0").contains(value), "{shown}");
}
