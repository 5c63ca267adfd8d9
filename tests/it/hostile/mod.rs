//! Hostile surroundings: servers, names, texts, repositories and configurations that mean harm.

mod front;
mod place;
mod text;
mod token;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Every spelling in which a secret could be found again.
fn spellings(secret: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let reserved =
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut all = vec![secret.to_owned(), percent.to_lowercase(), percent, reserved];
    for lead in ["", "x", "xx"] {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            // What does not depend on the neighbours.
            let encoded = engine.encode(format!("{lead}{secret}"));
            all.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    all
}

/// Nothing of the secret stands in these bytes.
#[track_caller]
fn assert_clean(secret: &str, what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for spelling in spellings(secret) {
        assert!(!text.contains(&spelling), "{what} holds the token as {spelling}:\n{text}");
    }
}

/// Puts a `git` first in the path that notes its arguments and environment in `<dir>/notes`, then is git.
fn shim(dir: &Path) -> std::ffi::OsString {
    #[expect(clippy::disallowed_methods, reason = "tests look for git")]
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|file| file.is_file()).unwrap();
    let bin = dir.join("shim");
    std::fs::create_dir(&bin).unwrap();
    let notes = dir.join("notes");
    let script = format!(
        "#!/bin/sh\n{{ echo '=='; printf '%s\\n' \"$@\"; echo '@@'; env; }} >>'{}'\nexec '{}' \"$@\"\n",
        notes.display(),
        real.display()
    );
    std::fs::write(bin.join("git"), script).unwrap();
    std::fs::set_permissions(bin.join("git"), PermissionsExt::from_mode(0o755)).unwrap();
    std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path))).unwrap()
}
