//! One `git merge-tree` process: rows in, trees or conflicts out. Knows git's options and versions, and
//! nothing of what the merges are for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use super::Oid;
use super::attributes::Attributes;
use super::conflict::ConflictPath;
use super::error::GitError;
use super::merge_answer::{Fields, parse_row};
use super::repo::Repo;
use super::run::{Call, Exit, Output};
use super::version::Version;

/// With this code git refuses an option or argument that it does not know.
const USAGE: i32 = 129;

/// A three-way merge. Each side is a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// The merge base; `None` lets git find it.
    pub(super) base: Option<Oid>,
    pub(super) ours: Oid,
    pub(super) theirs: Oid,
    /// The commit whose attributes count, as if it were checked out.
    pub(super) attributes: Oid,
}

/// How a merge came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Merged {
    Clean(Oid),
    Conflicts { tree: Oid, paths: Vec<ConflictPath> },
}

/// A merge's result, and whether directory renames had to be ignored to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) merged: Merged,
    pub(super) directory_renames_off: bool,
}

/// How git learns of the attributes that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attr {
    /// It is told their commit, where it can be; the quicker way.
    Named,
    /// They stand as files where it runs, and it has read an index, as after a checkout.
    CheckedOut,
}

/// Merges every row; one process for all rows whose attributes agree.
///
/// A row that git itself breaks on costs its neighbours nothing: the rows are then run one by one.
pub(super) fn merge(repo: &Repo, rows: &[Row]) -> Vec<Result<Answer, GitError>> {
    let answers = merge_all(repo, rows);
    // Where it renormalizes, git also heeds attributes that only the merge brings, where no file says otherwise;
    // beside a commit that it is told it does not. And once it has looked into files for renames it heeds them no
    // more, but only with an index. (Read meanwhile, the configuration costs no time here.)
    match repo.config().is_ok_and(|config| config.get_bool("merge.renormalize") == Some(true)) {
        true => rows.iter().map(|row| merge_one(repo, row, Attr::CheckedOut)).collect(),
        false => answers,
    }
}

fn merge_all(repo: &Repo, rows: &[Row]) -> Vec<Result<Answer, GitError>> {
    let mut answers: Vec<Option<Result<Answer, GitError>>> = rows.iter().map(|_| None).collect();
    if rows.len() > 1 {
        // Whatever goes wrong here is said by the single runs below, for the row that it concerns.
        let _ = merge_together(repo, rows, &mut answers);
    }
    rows.iter()
        .zip(answers)
        .map(|(row, answer)| answer.unwrap_or_else(|| merge_one(repo, row, Attr::Named)))
        .collect()
}

fn merge_together(
    repo: &Repo,
    rows: &[Row],
    answers: &mut [Option<Result<Answer, GitError>>],
) -> Result<(), GitError> {
    let version = repo.git().presumed_version();
    if version < Version::MERGE_BASE {
        return Ok(());
    }
    let mut groups: Vec<(Attributes, Vec<usize>)> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let attributes = Attributes::of(repo, row.attributes)?;
        match groups.iter_mut().find(|(known, _)| *known == attributes) {
            Some((_, members)) => members.push(index),
            None => groups.push((attributes, vec![index])),
        }
    }
    for (attributes, members) in groups.iter().filter(|(_, members)| members.len() > 1) {
        let group: Vec<Row> = members.iter().filter_map(|&index| rows.get(index).copied()).collect();
        let Some(first) = group.first() else { continue };
        let place = Place::new(repo, first.attributes, version, Attr::Named, Some(attributes))?;
        let mut input = String::new();
        for row in &group {
            if let Some(base) = row.base {
                input.push_str(&format!("{base} -- "));
            }
            input.push_str(&format!("{} {}\n", row.ours, row.theirs));
        }
        let call = place.call(repo, "merge-tree", false).args(["--write-tree", "-z", "--stdin"]);
        let output = place.run(repo, call.stdin(input))?;
        match output.exit {
            Exit::Code(0) => {}
            // As in a single run: perhaps it is older than it was taken for.
            Exit::Code(USAGE) if repo.git().version()? < version => {
                return merge_together(repo, rows, answers);
            }
            _ => continue,
        }
        let mut fields = Fields::new(&output.stdout);
        let merged = group
            .iter()
            .map(|row| {
                // Anything else is a text that some version mixes in.
                let clean = match fields.next()? {
                    b"0" => false,
                    b"1" => true,
                    _ => return None,
                };
                let merged = parse_row(&mut fields, row, clean)?;
                Some(Ok(Answer { merged, directory_renames_off: false }))
            })
            .collect::<Option<Vec<_>>>();
        // Half-read output is no output.
        if let Some(merged) = merged.filter(|_| fields.rest.is_empty()) {
            for (&index, answer) in members.iter().zip(merged) {
                if let Some(slot) = answers.get_mut(index) {
                    *slot = Some(answer);
                }
            }
        }
    }
    Ok(())
}

fn merge_one(repo: &Repo, row: &Row, attr: Attr) -> Result<Answer, GitError> {
    match merge_once(repo, row, attr, false) {
        // git 2.47 aborts on an assertion in its rename code for about one pick in 6,000; without
        // directory renames it gets through.
        Err(GitError::Signal { signal: 6, .. }) => {
            merge_once(repo, row, attr, true).map(|merged| Answer { merged, directory_renames_off: true })
        }
        merged => merged.map(|merged| Answer { merged, directory_renames_off: false }),
    }
}

fn merge_once(repo: &Repo, row: &Row, attr: Attr, directory_renames_off: bool) -> Result<Merged, GitError> {
    let presumed = repo.git().presumed_version();
    match attempt(repo, row, attr, directory_renames_off, presumed) {
        // How git refuses an option: perhaps it is older than it was taken for.
        Err(GitError::Failed { status: USAGE, .. }) if repo.git().version()? < presumed => {
            attempt(repo, row, attr, directory_renames_off, repo.git().version()?)
        }
        answer => answer,
    }
}

fn attempt(
    repo: &Repo,
    row: &Row,
    attr: Attr,
    directory_renames_off: bool,
    version: Version,
) -> Result<Merged, GitError> {
    let place = Place::new(repo, row.attributes, version, attr, None)?;
    let mut call = place.call(repo, "merge-tree", directory_renames_off).args(["--write-tree", "-z"]);
    let mut sides = *row;
    match row.base {
        Some(base) if version >= Version::MERGE_BASE => {
            call = call.arg(format!("--merge-base={base}"));
        }
        Some(base) => sides = with_common_parent(repo, row, base)?,
        None => {}
    }
    let theirs = match attr {
        Attr::Named => sides.theirs.to_string(),
        Attr::CheckedOut => place.indexed(repo, sides.theirs)?,
    };
    let output = place.run(repo, call.args([sides.ours.to_string(), theirs]))?;
    let merged = match output.exit {
        Exit::Code(code @ (0 | 1)) => parse_row(&mut Fields::new(&output.stdout), &sides, code == 0),
        _ => None,
    };
    // Exit code 1 is not only "conflict": without a tree on the first line it is a failure.
    merged.ok_or_else(|| failure(repo, output))
}

fn failure(repo: &Repo, output: Output) -> GitError {
    // Whatever the words around it: an object that git names and that is not here is what it lacked.
    let words = output.stderr.split(|char: char| !char.is_ascii_hexdigit());
    let mut named = words.filter_map(|word| Oid::from_hex(word.as_bytes()).ok());
    if let (Ok(store), Exit::Code(_)) = (repo.store(), output.exit)
        && let Some(id) = named.find(|id| !store.has_object(id))
    {
        return GitError::MissingObject(id);
    }
    match output.exit {
        Exit::Code(0 | 1) if output.stderr.is_empty() => {
            GitError::Answer { subcommand: "merge-tree".into(), what: "no tree".into() }
        }
        _ => output.into_error("merge-tree"),
    }
}

/// git 2.38 and 2.39 cannot be told the base: commits of the same trees that have it as their parent.
fn with_common_parent(repo: &Repo, row: &Row, base: Oid) -> Result<Row, GitError> {
    let base = repo.make_up(base, &[])?;
    Ok(Row {
        base: Some(base),
        ours: repo.make_up(row.ours, &[base])?,
        theirs: repo.make_up(row.theirs, &[base])?,
        attributes: row.attributes,
    })
}

/// Where a merge runs: an empty directory of its own. A merge driver that is killed leaves its litter where
/// it stands, and that must not be the user's work tree.
struct Place {
    dir: tempfile::TempDir,
    /// The commit to read attributes from, where git can be told.
    source: Option<Oid>,
}

impl Place {
    fn new(
        repo: &Repo,
        commit: Oid,
        version: Version,
        attr: Attr,
        known: Option<&Attributes>,
    ) -> Result<Place, GitError> {
        let dir = private_dir(repo)?;
        // By which git finds the repositories of submodules, to see whether one merely moved on.
        if let Some(modules) = repo.file_at(commit, b".gitmodules".as_bstr())? {
            let file = dir.path().join(".gitmodules");
            std::fs::write(&file, modules)
                .map_err(|error| GitError::io(format!("could not write {}", file.display()), error))?;
        }
        if attr == Attr::Named && version >= Version::ATTR_SOURCE {
            return Ok(Place { dir, source: Some(commit) });
        }
        let attributes = match known {
            Some(attributes) => attributes,
            None => &Attributes::of(repo, commit)?,
        };
        attributes.write(repo, dir.path())?;
        Ok(Place { dir, source: None })
    }

    /// The name of a commit that makes git read the index: the one entry there, a submodule that stands at it.
    fn indexed(&self, repo: &Repo, commit: Oid) -> Result<String, GitError> {
        let entry = format!("160000,{commit},{commit}");
        self.call(repo, "update-index", false).args(["--add", "--cacheinfo", &entry]).ok()?;
        Ok(format!(":{commit}"))
    }

    fn call(&self, repo: &Repo, subcommand: &str, directory_renames_off: bool) -> Call {
        // Neither a shared index beside the user's own, nor a daemon that watches this directory.
        let mut options: Vec<OsString> =
            ["-c", "core.splitIndex=false", "-c", "core.fsmonitor=false"].map(OsString::from).into();
        if directory_renames_off {
            options.extend(["-c".into(), "merge.directoryRenames=false".into()]);
        }
        if let Some(source) = self.source {
            options.push(format!("--attr-source={source}").into());
        }
        let mut work_tree = OsString::from("--work-tree=");
        work_tree.push(self.dir.path());
        options.push(work_tree);
        let call = repo.call_with(options, subcommand).cwd(self.dir.path());
        let call = call.env("GIT_INDEX_FILE", self.dir.path().join(".index"));
        // What a partial clone lacks is fetched before, where people can see it, or not at all. Git before 2.45
        // heeds the variable only with the fixes of 2024; none reaches out without a protocol.
        call.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "none")
    }

    /// Runs it. While git merges, it costs no time to make ready what writing a clean pick needs, nor to remove
    /// what a killed run left beside.
    fn run(&self, repo: &Repo, call: Call) -> Result<Output, GitError> {
        call.beside(|| {
            repo.ready_writer();
            // Whoever needs it asks again, and hears why it cannot be read.
            let _ = repo.config();
            sweep(self.dir.path());
        })
    }
}

/// A directory for one merge, below the repository's own.
fn private_dir(repo: &Repo) -> Result<tempfile::TempDir, GitError> {
    let parent: PathBuf = repo.common_dir().join("git-hotfix");
    let failed = |error| GitError::io(format!("could not make a directory in {}", parent.display()), error);
    std::fs::create_dir_all(&parent).map_err(failed)?;
    tempfile::Builder::new().prefix("merge-").tempdir_in(&parent).map_err(failed)
}

/// Removes what stands beside `fresh` and is a day older. Best effort: nothing depends on it.
fn sweep(fresh: &Path) {
    const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
    let modified = |path: &Path| path.symlink_metadata().and_then(|meta| meta.modified()).ok();
    let (Some(now), Some(parent)) = (modified(fresh), fresh.parent()) else { return };
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let old = modified(&entry.path()).and_then(|then| now.duration_since(then).ok());
        if old.is_some_and(|age| age > DAY) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
