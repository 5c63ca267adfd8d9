//! Where tests put their throw-away folders: in memory where that is possible, because making and removing
//! thousands of small files on a disk costs more than all else that the suite does.

use std::path::Path;
use std::sync::OnceLock;

/// A folder that is gone with its value. `TMPDIR` says where, else memory, else the system's own place.
#[expect(clippy::disallowed_methods, reason = "where tests may write is for the environment to say")]
pub(crate) fn tempdir() -> tempfile::TempDir {
    static IN_MEMORY: OnceLock<bool> = OnceLock::new();
    match *IN_MEMORY.get_or_init(|| std::env::var_os("TMPDIR").is_none() && has_room(MEMORY)) {
        true => tempfile::tempdir_in(MEMORY).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

const MEMORY: &str = "/dev/shm";

/// Whether a file system in memory is mounted there that runs programs (hooks are some) and is no toy:
/// containers often forbid the one and give 64 MiB of the other.
fn has_room(dir: &str) -> bool {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|mount| mount[1] == dir);
    let Some(mount) = mount.filter(|mount| mount[2] == "tmpfs") else { return false };
    let small = |size: &str| size.trim_end_matches('k').parse().is_ok_and(|size: u64| size < 1 << 20);
    mount[3].split(',').all(|option| option != "noexec" && !option.strip_prefix("size=").is_some_and(small))
}

/// Lets an embedded GitLab or Heroku record its exchanges where `HOTFIX_EXCHANGES` names a folder for it.
pub(crate) fn record(to: impl FnOnce(&Path) -> git_hotfix::error::Result<()>) {
    #[expect(clippy::disallowed_methods, reason = "whether to record is for the environment to say")]
    let Some(folder) = std::env::var_os("HOTFIX_EXCHANGES") else { return };
    let file = tempfile::Builder::new().prefix("exchanges-").suffix(".jsonl").tempfile_in(folder).unwrap();
    to(file.into_temp_path().keep().unwrap().as_path()).unwrap();
}
