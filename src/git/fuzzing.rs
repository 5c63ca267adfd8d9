//! Properties of what git prints, whoever has a hand in it. Not in the program.

use bstr::{BString, ByteSlice};

use super::Oid;
use super::config::Config;
use super::merge_answer::{Fields, parse_row};
use super::merge_tree::{Merged, Row};
use super::reference::check_name;
use super::remote::{PushOutcome, check_remote, outcome, rewrite};
use super::run::{Exit, Output};
use super::trailer::{Rules, append, ends_in_trailers};

const NAME: &str = "refs/heads/backport/develop-9f3c1a7e";

/// A push counts as done only where git ended well and said so of this very branch.
pub(crate) fn push_porcelain(data: &[u8]) {
    let Some((&code, rest)) = data.split_first() else { return };
    let (stdout, stderr) = rest.split_once_str(b"\0").unwrap_or((rest, b""));
    let exit = match code {
        200.. => Exit::Signal(i32::from(code) - 199),
        code => Exit::Code(i32::from(code % 4)),
    };
    let stderr = String::from_utf8_lossy(stderr).into_owned();
    let said = Output { exit, stdout: stdout.to_vec(), stderr };
    if let Ok(PushOutcome::Created | PushOutcome::Updated | PushOutcome::UpToDate) =
        outcome(said, NAME, false)
    {
        assert_eq!(exit, Exit::Code(0));
        assert!(stdout.contains_str(NAME));
    }
}

/// A merge is clean only where git said so, and its tree is the one that git named first.
pub(crate) fn merge_tree(data: &[u8]) {
    let Some((&clean, stdout)) = data.split_first() else { return };
    let clean = clean % 2 == 0;
    let null = Oid::null(gix::hash::Kind::Sha1);
    let row = Row { base: None, ours: null, theirs: null, attributes: null };
    let mut fields = Fields::new(stdout);
    match parse_row(&mut fields, &row, clean) {
        Some(Merged::Clean(tree)) => {
            let first = stdout.split_once_str(b"\0").map(|(first, _)| first.to_ascii_lowercase());
            assert!(clean && first.as_deref() == Some(tree.to_string().as_bytes()), "{tree}");
        }
        Some(Merged::Conflicts { paths, .. }) => {
            assert!(!clean && paths.is_sorted_by(|a, b| a.path < b.path));
        }
        None => {}
    }
    assert!(stdout.ends_with(fields.rest));
}

/// Configuration is read whole or not at all, and a rewritten address begins with what it was rewritten to.
pub(crate) fn git_config(data: &[u8]) {
    let Ok(config) = Config::parse(data) else { return };
    let rules = Rules::of(&config);
    let _ = ends_in_trailers(data, &rules);
    for name in config.subsections("remote", "url") {
        let Some(address) = config.get(&format!("remote.{name}.url")) else { continue };
        if let Some(whole) = rewrite(&config, &address, "insteadof") {
            let bases = config.subsections("url", "insteadof");
            assert!(bases.iter().any(|base| whole.starts_with(&base.to_str_lossy().into_owned())), "{whole}");
        }
        if check_remote(&address).is_ok() {
            let command = ["-", "ext::", "fd::"].iter().any(|start| address.starts_with(start));
            assert!(!command && !address.contains('\0'), "{address}");
        }
    }
}

/// A trailer comes last, and nothing of the message is lost.
pub(crate) fn trailers(data: &[u8]) {
    const LINE: &[u8] = b"(cherry picked from commit 9f3c1a7e9f3c1a7e9f3c1a7e9f3c1a7e9f3c1a7e)";
    let mut message = BString::from(data);
    append(&mut message, LINE, &Rules::default());
    assert!(message.starts_with(data));
    assert!(message.strip_suffix(b"\n").and_then(|rest| rest.strip_suffix(LINE)).is_some());
    assert!(message.len() <= data.len() + LINE.len() + 3);
}

/// A name that is used is one that git accepts; what git accepts is refused only for a dash in front.
pub(crate) fn ref_name(data: &[u8]) {
    let Ok(name) = std::str::from_utf8(data) else { return };
    if name.contains('\0') || name.len() > 300 {
        return;
    }
    let dash = name.split('/').any(|part| part.starts_with('-'));
    let expected = name.starts_with("refs/") && !dash && git_accepts(name);
    assert_eq!(check_name(name).is_ok(), expected, "{name:?}");
}

#[expect(clippy::disallowed_methods, reason = "git's own judgement, to compare with")]
fn git_accepts(name: &str) -> bool {
    let judged = std::process::Command::new("git").args(["check-ref-format", name]).status();
    judged.is_ok_and(|status| status.success())
}
