//! What a run must leave as it was: the work tree byte by byte with modes and times, the index, HEAD, the
//! local branches, the stash and its log, the configuration; and nothing half done in `.git`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What stands in a clone, file by file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    files: BTreeMap<String, String>,
}

/// Files and folders of `.git` that belong to the user.
const KEPT: &[&str] = &[
    "HEAD",
    "index",
    "config",
    "config.worktree",
    "refs/heads",
    "refs/stash",
    "refs/tags",
    "logs/HEAD",
    "logs/refs/heads",
    "logs/refs/stash",
];

/// What a run never leaves behind.
const NEVER: &[&str] = &[
    "FETCH_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "AUTO_MERGE",
    "sequencer",
    "rebase-merge",
    "index.lock",
    "HEAD.lock",
    "config.lock",
    "packed-refs.lock",
    "refs/hotfix",
];

impl Manifest {
    pub(crate) fn of(clone: &Path) -> Manifest {
        let mut files = BTreeMap::new();
        walk(clone, clone, &mut files, &|path| path.ends_with(".git"));
        let git = clone.join(".git");
        for kept in KEPT {
            walk(&git, &git.join(kept), &mut files, &|_| false);
        }
        // Remote-tracking refs may be packed; branches and the stash may not move in there.
        let packed = std::fs::read_to_string(git.join("packed-refs")).unwrap_or_default();
        let own: Vec<&str> = packed.lines().filter(|line| !line.contains("refs/remotes/")).collect();
        files.insert("packed-refs".to_owned(), own.join("\n"));
        for never in NEVER {
            if git.join(never).symlink_metadata().is_ok() {
                files.insert(format!("left behind: {never}"), String::new());
            }
        }
        Manifest { files }
    }

    /// Everything below a folder, with all of `.git`, for what must not be touched at all.
    #[allow(dead_code, reason = "not every suite that takes manifests asks for this much")]
    pub(crate) fn whole(dir: &Path) -> Manifest {
        let mut files = BTreeMap::new();
        walk(dir, dir, &mut files, &|_| false);
        Manifest { files }
    }

    /// What differs, a line each.
    pub(crate) fn differences(&self, after: &Manifest) -> Vec<String> {
        let mut told = Vec::new();
        for (path, before) in &self.files {
            match after.files.get(path) {
                None => told.push(format!("{path} is gone")),
                Some(now) if now != before => told.push(format!("{path}: {before} -> {now}")),
                Some(_) => {}
            }
        }
        told.extend(
            after
                .files
                .keys()
                .filter(|path| !self.files.contains_key(*path))
                .map(|path| format!("{path} is new")),
        );
        told
    }
}

fn walk(root: &Path, at: &Path, into: &mut BTreeMap<String, String>, skip: &dyn Fn(&Path) -> bool) {
    let Ok(meta) = at.symlink_metadata() else { return };
    if skip(at) {
        return;
    }
    if meta.is_dir() {
        for entry in std::fs::read_dir(at).unwrap() {
            walk(root, &entry.unwrap().path(), into, skip);
        }
        return;
    }
    let content = match meta.is_symlink() {
        true => std::fs::read_link(at).unwrap().into_os_string().into_encoded_bytes(),
        false => std::fs::read(at).unwrap(),
    };
    let name = at.strip_prefix(root).unwrap().display().to_string();
    let told = format!(
        "mode {:o}, time {}.{}, {}",
        meta.mode(),
        meta.mtime(),
        meta.mtime_nsec(),
        String::from_utf8_lossy(&content)
    );
    into.insert(name, told);
}
