//! What `git merge-tree -z` says: a tree, and on a conflict the stages of each path and git's messages.

use bstr::{BStr, BString, ByteSlice};

use super::Oid;
use super::conflict::{ConflictKind, ConflictPath, Stages};
use super::merge_tree::{Merged, Row};

/// NUL-terminated fields.
pub(super) struct Fields<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Fields { rest: bytes }
    }

    pub(super) fn next(&mut self) -> Option<&'a [u8]> {
        let (field, rest) = self.rest.split_once_str("\0")?;
        self.rest = rest;
        Some(field)
    }
}

/// Reads the tree, and on a conflict the stages of each path and the messages, up to the empty field or the
/// end that closes them.
pub(super) fn parse_row(fields: &mut Fields<'_>, row: &Row, clean: bool) -> Option<Merged> {
    let tree = Oid::from_hex(fields.next()?).ok()?;
    if clean {
        // Alone, a clean merge ends here; from --stdin an empty field follows.
        return match fields.rest.is_empty() {
            true => Some(Merged::Clean(tree)),
            false => fields.next().filter(|end| end.is_empty()).map(|_| Merged::Clean(tree)),
        };
    }
    let mut stages: Vec<(&[u8], Stages)> = Vec::new();
    loop {
        let entry = fields.next()?;
        if entry.is_empty() {
            break;
        }
        let (meta, path) = entry.split_once_str("\t")?;
        if stages.last().is_none_or(|(last, _)| *last != path) {
            stages.push((path, Stages::default()));
        }
        let (_, stage) = stages.last_mut()?;
        match meta.last()? {
            b'1' => stage.base = true,
            b'2' => stage.ours = true,
            b'3' => stage.theirs = true,
            _ => return None,
        }
    }
    let mut messages: Vec<(Vec<&[u8]>, &str)> = Vec::new();
    // Without a NUL the rest is advice about submodules, which git 2.39 prints here.
    while let Some(count) = fields.next().filter(|count| !count.is_empty()) {
        let count: usize = count.to_str().ok()?.parse().ok()?;
        let mut paths = Vec::new();
        for _ in 0..count {
            paths.push(fields.next()?);
        }
        let kind = fields.next()?.to_str().ok()?;
        fields.next()?;
        if kind.starts_with("CONFLICT") || kind.starts_with("ERROR") {
            messages.push((paths, kind));
        }
    }
    let mut paths: Vec<ConflictPath> = stages
        .iter()
        .map(|&(path, stages)| {
            let message = messages.iter().find(|(paths, _)| paths.contains(&path));
            let kind = message.map_or(ConflictKind::Other, |(_, kind)| ConflictKind::of(kind, stages));
            ConflictPath { path: real_path(path, row), kind }
        })
        .collect();
    if paths.is_empty() {
        // A conflict that leaves no stage behind, such as a directory renamed in several ways.
        for (named, kind) in &messages {
            let kind = ConflictKind::of(kind, Stages::default());
            paths.extend(named.iter().map(|path| ConflictPath { path: real_path(path, row), kind }));
        }
    }
    paths.sort_by(|a, b| a.path.cmp(&b.path));
    paths.dedup_by(|a, b| a.path == b.path);
    Some(Merged::Conflicts { tree, paths })
}

/// Where a file and a directory want the same name, git moves the file to `<name>~<side>`; people know it
/// by its name.
fn real_path(path: &[u8], row: &Row) -> BString {
    let path: &BStr = path.into();
    // As git was told them: the last one by its entry in the index.
    for side in [row.ours.to_string(), row.theirs.to_string(), format!(":{}", row.theirs)] {
        let mark = format!("~{side}");
        if let Some(at) = path.rfind(&mark) {
            // The mark may be followed by `_0` where even that name was taken.
            if !path[at + mark.len()..].contains(&b'/') {
                return path[..at].into();
            }
        }
    }
    path.to_owned()
}
