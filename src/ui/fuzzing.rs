//! Properties of the way out. Not in the program.

use super::clean::{clean, clean_bytes, clean_ci, clean_json, clean_line, clean_log, is_unsafe};
use super::redact::Redactor;
use super::{Block, Text};

/// No text reaches the screen with a character in it that moves, hides or reorders, and none is lost.
pub(crate) fn sanitiser(data: &[u8]) {
    let safe = |text: &str| !text.chars().any(is_unsafe);
    assert!(safe(&clean_bytes(data)) && safe(&clean_log(data)));
    let Ok(text) = std::str::from_utf8(data) else { return };
    let line = clean_line(text);
    assert!(safe(&clean(text)) && safe(&line) && !line.contains(['\n', '\t']));
    assert_eq!(clean_line(&line), line);
    let quiet = clean_ci(text);
    assert!(!quiet.contains("section_start:") && !quiet.contains("section_end:"));
    let document = serde_json::Value::from(text).to_string();
    let shown = clean_json(&document);
    assert!(safe(&shown));
    assert_eq!(serde_json::from_str::<String>(&shown).ok().as_deref(), Some(text));
    let block = Block::new().text(Text::from(text)).hanging(Text::from(text), 4);
    for columns in [1, 20, 80] {
        for laid in block.layout(columns, false) {
            assert!(safe(&laid.render(false, true)));
        }
    }
}

/// A secret does not survive, whatever stands around it.
pub(crate) fn redactor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((secret, around)) = text.split_once('\0') else { return };
    // As long as a secret is at least, and none that the stars themselves spell.
    if secret.len() < 8 || secret.contains('*') || around.contains('*') {
        return;
    }
    let mut redactor = Redactor::default();
    redactor.hide(secret);
    let shown = redactor.redact(&format!("{around}{secret}{around}")).into_owned();
    assert!(!shown.replace("********", "\0").contains(secret), "{shown}");
}
