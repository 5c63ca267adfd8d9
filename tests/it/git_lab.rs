//! A throw-away repository and every git installed here, away from the user's configuration.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use git_hotfix::git::{Git, Oid, Repo};

/// The gits to test with: the first in `PATH`, the system's own where that is another one, and those that
/// `HOTFIX_GITS` lists, separated as in `PATH`.
pub(crate) fn gits() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests look for every git there is")]
    let (path, more) = (std::env::var_os("PATH").unwrap(), std::env::var_os("HOTFIX_GITS"));
    let mut gits = vec![Git::find(&path, Path::new("/")).unwrap().program().to_owned()];
    let listed = more.iter().flat_map(std::env::split_paths);
    for git in std::iter::once(PathBuf::from("/usr/bin/git")).chain(listed) {
        if git.exists() && !gits.contains(&git) {
            gits.push(git);
        }
    }
    for git in &gits {
        eprintln!("tested with {}: {}", git.display(), Git::at(git).version().unwrap());
    }
    gits
}

/// How many random cases a differential test tries.
pub(crate) fn cases() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "how long a test runs is for the environment to say")]
    std::env::var("HOTFIX_CASES").ok().and_then(|number| number.parse().ok()).unwrap_or(60)
}

/// A directory with a repository in it.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
    program: PathBuf,
    top: PathBuf,
}

impl Lab {
    /// A new repository with one branch, `main`, and no commit.
    pub(crate) fn new(program: &Path) -> Lab {
        Lab::with(program, &[])
    }

    /// As `new`, with options for `git init`.
    pub(crate) fn with(program: &Path, options: &[&str]) -> Lab {
        let dir = crate::room::tempdir();
        let top = dir.path().join("repo");
        std::fs::create_dir(&top).unwrap();
        let lab = Lab { dir, program: program.to_owned(), top };
        lab.git(&[&["init", "-q", "-b", "main"], options].concat());
        lab
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    /// The git of this lab as the library uses it.
    pub(crate) fn library_git(&self) -> Git {
        let mut git = Git::at(&self.program);
        for (name, value) in self.environment() {
            git = git.with_env(name, value);
        }
        git
    }

    pub(crate) fn repo(&self) -> Repo {
        self.repo_at(&self.top)
    }

    pub(crate) fn repo_at(&self, dir: &Path) -> Repo {
        Repo::discover(self.library_git(), Some(dir)).unwrap()
    }

    pub(crate) fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("HOME", self.dir.path().to_owned()),
            ("XDG_CONFIG_HOME", self.dir.path().to_owned()),
            ("GIT_CONFIG_GLOBAL", self.dir.path().join("gitconfig")),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_TEMPLATE_DIR", PathBuf::new()),
            ("GIT_AUTHOR_NAME", "Ana".into()),
            ("GIT_AUTHOR_EMAIL", "ana@example.com".into()),
            ("GIT_AUTHOR_DATE", "@1700000000 +0100".into()),
            ("GIT_COMMITTER_NAME", "Kim".into()),
            ("GIT_COMMITTER_EMAIL", "kim@example.com".into()),
            ("GIT_COMMITTER_DATE", "@1700000100 +0200".into()),
            ("LC_ALL", "C".into()),
        ]
    }

    pub(crate) fn command(&self, dir: &Path) -> Command {
        #[expect(clippy::disallowed_methods, reason = "tests drive git itself")]
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment()).current_dir(dir);
        command
    }

    /// Runs git in the top of the repository, however it ends.
    pub(crate) fn try_git<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        self.command(&self.top).args(args).output().unwrap()
    }

    /// Runs git in the top of the repository; must succeed.
    pub(crate) fn git<S: AsRef<OsStr> + std::fmt::Debug>(&self, args: &[S]) -> String {
        self.git_in(&self.top, args)
    }

    pub(crate) fn git_in<S: AsRef<OsStr> + std::fmt::Debug>(&self, dir: &Path, args: &[S]) -> String {
        let output = self.command(dir).args(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?} in {}: {stderr}", dir.display());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn id(&self, rev: &str) -> Oid {
        Oid::from_hex(self.git(&["rev-parse", "--verify", "-q", rev]).as_bytes()).unwrap()
    }

    /// Writes a file below the top, its directory too.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.top.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    /// Commits all there is.
    pub(crate) fn commit(&self, message: &str) -> Oid {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    /// Checks out a new branch at `at`.
    pub(crate) fn branch(&self, name: &str, at: Oid) {
        self.git(&["checkout", "-q", "-f", "-B", name, &at.to_string()]);
    }
}

/// The numbers of `range`, one a line.
pub(crate) fn lines(range: std::ops::RangeInclusive<u32>) -> String {
    range.map(|number| format!("line {number}\n")).collect()
}

/// All that belongs to the user: every file of the work tree and of `.git` that is not an object, with its
/// mode, bytes and time of change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest(std::collections::BTreeMap<PathBuf, (u32, Vec<u8>, std::time::SystemTime)>);

impl Manifest {
    pub(crate) fn of(top: &Path) -> Manifest {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::PermissionsExt;
        let mut files = std::collections::BTreeMap::new();
        let mut pending = vec![top.to_owned()];
        while let Some(dir) = pending.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(top).unwrap();
                // New objects, and the empty place for private directories, are all that a pick may leave.
                if [".git/objects", ".git/git-hotfix"].iter().any(|own| name.starts_with(own)) {
                    continue;
                }
                let meta = path.symlink_metadata().unwrap();
                if meta.is_dir() {
                    pending.push(path);
                    continue;
                }
                let content = match meta.is_symlink() {
                    true => std::fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec(),
                    false => std::fs::read(&path).unwrap(),
                };
                let mode = meta.permissions().mode();
                files.insert(name.to_owned(), (mode, content, meta.modified().unwrap()));
            }
        }
        Manifest(files)
    }
}

/// Runs `work` and asserts that nothing of the user's changed, and that no private directory is left.
#[track_caller]
pub(crate) fn untouched<T>(lab: &Lab, work: impl FnOnce() -> T) -> T {
    let before = Manifest::of(lab.top());
    let result = work();
    let after = Manifest::of(lab.top());
    for (path, file) in &after.0 {
        assert_eq!(before.0.get(path), Some(file), "{} changed", path.display());
    }
    assert_eq!(before, after);
    if let Ok(mut left) = std::fs::read_dir(lab.top().join(".git/git-hotfix")) {
        assert!(left.next().is_none(), "a private directory is left");
    }
    result
}
