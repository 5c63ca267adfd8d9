//! A lab's own children: they see nothing of the machine's configuration but `PATH`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// A program in `dir`, at home below `lab`: its `home/gitconfig` and its `tmp` count.
#[expect(clippy::disallowed_methods, reason = "the tests' own children, scrubbed")]
pub(crate) fn scrubbed(program: impl AsRef<OsStr>, lab: &Path, dir: &Path) -> Command {
    let home = lab.join("home");
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", &home)
        .env("GIT_CONFIG_GLOBAL", home.join("gitconfig"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C.UTF-8")
        .env("TMPDIR", lab.join("tmp"))
        .env("TZ", "UTC");
    command
}
