//! The house rules that a machine can check: which room may use which, and how long a file may be.

use std::path::{Path, PathBuf};

/// A room (a path prefix below `src/`) and what it may use from the crate.
///
/// The first prefix that matches counts, so narrower rooms come first.
const RULES: &[(&str, &[&str])] = &[
    ("main.rs", &["git_hotfix"]),
    ("lib.rs", &[]),
    ("error.rs", &[]),
    ("clock.rs", &[]),
    ("trace.rs", &["clock"]),
    ("fuzzing.rs", &["config", "doctor", "git", "gitlab", "http", "ui"]),
    ("cli.rs", &["command", "error", "config"]),
    ("context.rs", &["clock", "config", "error", "git", "gitlab", "http", "ui", "cli", "trace"]),
    (
        "command/",
        &[
            "cli", "clock", "config", "context", "error", "git", "gitlab", "hotfix", "ci", "sim", "ui",
            "command", "http", "manual", "doctor", "trace",
        ],
    ),
    ("hotfix/observe", &["hotfix", "git", "gitlab", "config", "error", "clock"]),
    ("hotfix/act", &["hotfix", "git", "gitlab", "config", "error", "clock"]),
    ("hotfix/site.rs", &["hotfix", "git", "gitlab", "error", "clock"]),
    ("hotfix/drive.rs", &["hotfix", "error", "clock"]),
    ("hotfix/", &["hotfix", "error"]),
    ("git/child.rs", &["git", "error", "clock"]),
    ("git/", &["git", "error"]),
    ("http", &["http", "error", "clock", "trace"]),
    ("gitlab/", &["gitlab", "http", "error", "clock"]),
    ("config/", &["config", "http", "error"]),
    ("doctor/read.rs", &["doctor", "git", "gitlab", "error"]),
    ("doctor/", &["doctor", "git", "gitlab", "config", "error"]),
    ("ui/", &["ui", "hotfix", "error"]),
    ("manual/", &["cli", "config"]),
    ("sim/", &["sim", "error"]),
    ("ci/", &["ci", "git", "gitlab", "http", "config", "error", "clock"]),
];

/// Lines a file may have; a file one can read in one sitting.
const LONGEST: usize = 420;

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("src is readable") {
            let path = entry.expect("entry").path();
            match path.is_dir() {
                true => walk(&path, into),
                false if path.extension().is_some_and(|ext| ext == "rs") => into.push(path),
                false => {}
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&src, &mut paths);
    assert!(paths.len() > 20, "only {} files found", paths.len());
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("source is text");
            (path.strip_prefix(&src).expect("below src").to_path_buf(), text)
        })
        .collect()
}

/// The rooms a file names through `crate::` (or, in the binary, through the library's name).
fn used(text: &str) -> Vec<String> {
    let body = text.split("#[cfg(test)]").next().unwrap_or(text);
    let mut rooms = Vec::new();
    for line in body.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for name in names {
                let room: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !room.is_empty() && room.chars().all(|c| !c.is_uppercase()) {
                    rooms.push(room);
                }
            }
        }
    }
    rooms
}

#[test]
fn imports_go_one_way() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let name = path.to_string_lossy().replace('\\', "/");
        let Some((_, allowed)) = RULES.iter().find(|(prefix, _)| name.starts_with(prefix)) else {
            broken.push(format!("{name}: no room has this file"));
            continue;
        };
        for room in used(&text) {
            if !allowed.contains(&room.as_str()) {
                broken.push(format!("{name} uses {room}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_import_check_sees_a_wrong_import() {
    assert_eq!(used("use crate::ui::Ui;\n// crate::sim\nuse crate::{git, http::X};"), ["ui", "git", "http"]);
}

#[test]
fn every_file_has_a_header_and_fits_in_one_sitting() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{} has no header", path.display());
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_file_is_a_drawer_for_everything() {
    for (path, _) in sources() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "helpers", "common", "manager", "misc"].contains(&name.as_str()),
            "{name}"
        );
    }
}
