//! Random histories, picked by us and by `git cherry-pick` in a work tree: same verdict, same tree, same
//! paths in conflict. `HOTFIX_CASES` sets how many; every git installed here is asked.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;

use git_hotfix::git::landed::Source;
use git_hotfix::git::pick::{self, Outcome};
use git_hotfix::git::{Oid, Repo};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::git_lab::{Lab, cases, gits};

/// One change to a tree.
#[derive(Debug, Clone)]
enum Edit {
    Line { file: usize, line: usize, text: u8 },
    Insert { file: usize, line: usize, text: u8 },
    Add { file: usize, text: u8 },
    Remove { file: usize },
    Rename { file: usize, to: usize },
    RenameDir { dir: usize, to: usize },
    Mode { file: usize },
    Link { file: usize, text: u8 },
    Binary { file: usize, text: u8 },
    Module { file: usize, text: u8 },
    Attribute { dir: usize, which: usize },
    Directory { file: usize },
    Crlf { file: usize },
}

const DIRS: [&str; 5] = ["", "a/", "b/", "a/deep/", "c/"];
const NAMES: [&[u8]; 5] = [b"one", b"two", b"three.txt", b"caf\xe9", b"with space"];
const ATTRIBUTES: [&str; 7] = [
    "* -merge\n",
    "*.txt merge=union\n",
    "one binary\n",
    "two merge=swap\n",
    "",
    "* text=auto\n",
    "*.txt eol=crlf\n",
];

fn path(index: usize) -> Vec<u8> {
    let dir = DIRS[(index / NAMES.len()) % DIRS.len()];
    [dir.as_bytes(), NAMES[index % NAMES.len()]].concat()
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = 0..DIRS.len() * NAMES.len();
    let (line, text) = (0..24usize, any::<u8>());
    prop_oneof![
        8 => (file.clone(), line.clone(), text).prop_map(|(file, line, text)| Edit::Line { file, line, text }),
        4 => (file.clone(), line, text).prop_map(|(file, line, text)| Edit::Insert { file, line, text }),
        2 => (file.clone(), text).prop_map(|(file, text)| Edit::Add { file, text }),
        2 => file.clone().prop_map(|file| Edit::Remove { file }),
        3 => (file.clone(), file.clone()).prop_map(|(file, to)| Edit::Rename { file, to }),
        1 => (1..DIRS.len(), 1..DIRS.len()).prop_map(|(dir, to)| Edit::RenameDir { dir, to }),
        1 => file.clone().prop_map(|file| Edit::Mode { file }),
        1 => (file.clone(), text).prop_map(|(file, text)| Edit::Link { file, text }),
        1 => (file.clone(), text).prop_map(|(file, text)| Edit::Binary { file, text }),
        1 => (file.clone(), text).prop_map(|(file, text)| Edit::Module { file, text }),
        1 => (0..DIRS.len(), 0..ATTRIBUTES.len()).prop_map(|(dir, which)| Edit::Attribute { dir, which }),
        1 => file.clone().prop_map(|file| Edit::Directory { file }),
        1 => file.prop_map(|file| Edit::Crlf { file }),
    ]
}

/// How the change reaches `main`.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Single,
    Merge,
    Series,
}

#[derive(Debug, Clone)]
struct Case {
    base: Vec<Edit>,
    target: Vec<Vec<Edit>>,
    main: Vec<Edit>,
    fix: Vec<Vec<Edit>>,
    shape: Shape,
}

fn case() -> impl Strategy<Value = Case> {
    let edits = |most| prop::collection::vec(edit(), 1..=most);
    (
        prop::collection::vec(edit(), 0..4),
        prop::collection::vec(edits(4), 1..=2),
        edits(2),
        prop::collection::vec(edits(3), 1..=3),
        prop_oneof![Just(Shape::Single), Just(Shape::Merge), Just(Shape::Series)],
    )
        .prop_map(|(base, target, main, fix, shape)| Case { base, target, main, fix, shape })
}

/// A tree: path to mode and content.
type Files = std::collections::BTreeMap<Vec<u8>, (&'static str, Vec<u8>)>;

fn seed() -> Files {
    let mut files = Files::new();
    for index in (0..DIRS.len() * NAMES.len()).filter(|index| index % 3 != 2) {
        let text: String = (0..24).map(|line| format!("file {index} line {line}\n")).collect();
        files.insert(path(index), ("100644", text.into_bytes()));
    }
    files
}

fn apply(files: &mut Files, edit: &Edit) {
    match edit {
        Edit::Line { file, line, text } | Edit::Insert { file, line, text } => {
            let Some((mode, content)) = files.get_mut(&path(*file)) else { return };
            if !mode.starts_with("100") {
                return;
            }
            let mut lines: Vec<Vec<u8>> =
                content.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            let at = (*line).min(lines.len());
            let new = format!("changed {text}\n").into_bytes();
            match edit {
                Edit::Line { .. } if at < lines.len() => lines[at] = new,
                _ => lines.insert(at, new),
            }
            *content = lines.concat();
        }
        Edit::Add { file, text } => {
            let content = format!("new {text}\n").repeat(4).into_bytes();
            files.insert(path(*file), ("100644", content));
        }
        Edit::Remove { file } => {
            files.remove(&path(*file));
        }
        Edit::Rename { file, to } => {
            if let Some(content) = files.remove(&path(*file)) {
                files.insert(path(*to), content);
            }
        }
        Edit::RenameDir { dir, to } => {
            let (from, to) = (DIRS[*dir].as_bytes(), DIRS[*to].as_bytes());
            let moved: Vec<Vec<u8>> = files.keys().filter(|name| name.starts_with(from)).cloned().collect();
            for name in moved {
                let content = files.remove(&name).unwrap();
                files.insert([to, &name[from.len()..]].concat(), content);
            }
        }
        Edit::Mode { file } => {
            if let Some((mode, _)) = files.get_mut(&path(*file)) {
                *mode = match *mode {
                    "100644" => "100755",
                    "100755" => "100644",
                    other => other,
                };
            }
        }
        Edit::Link { file, text } => {
            files.insert(path(*file), ("120000", format!("target{text}").into_bytes()));
        }
        Edit::Binary { file, text } => {
            files.insert(path(*file), ("100644", [b"\0\x01binary".as_slice(), &[*text]].concat()));
        }
        Edit::Module { file, text } => {
            files.insert(path(*file), ("160000", format!("{:040x}", u32::from(*text) + 1).into_bytes()));
        }
        Edit::Attribute { dir, which } => {
            let name = [DIRS[*dir].as_bytes(), b".gitattributes"].concat();
            files.insert(name, ("100644", ATTRIBUTES[*which].as_bytes().to_vec()));
        }
        Edit::Crlf { file } => {
            let Some((mode, content)) = files.get_mut(&path(*file)) else { return };
            if mode.starts_with("100") && !content.contains(&b'\r') {
                *content = content
                    .iter()
                    .flat_map(|&byte| match byte {
                        b'\n' => vec![b'\r', b'\n'],
                        other => vec![other],
                    })
                    .collect();
            }
        }
        Edit::Directory { file } => {
            if let Some(content) = files.remove(&path(*file)) {
                files.insert([&path(*file)[..], b"/inside"].concat(), content);
            }
        }
    }
    // A name cannot be a file and a directory at once.
    let names: Vec<Vec<u8>> = files.keys().cloned().collect();
    for name in &names {
        let below = [name, b"/".as_slice()].concat();
        if names.iter().any(|other| other.starts_with(&below)) {
            files.remove(name);
        }
    }
}

/// Writes the history with fast-import; the marks are numbered in order.
struct Import {
    stream: Vec<u8>,
    marks: usize,
}

impl Import {
    fn commit(&mut self, branch: &str, files: &Files, parents: &[usize]) -> usize {
        self.marks += 1;
        let mark = self.marks;
        let message = format!("commit {mark}\n");
        self.stream.extend_from_slice(
            format!(
                "commit refs/heads/{branch}\nmark :{mark}\nauthor A <a@b> 1700000000 +0000\n\
                 committer C <c@d> {} +0000\ndata {}\n{message}",
                1_700_000_000 + mark,
                message.len()
            )
            .as_bytes(),
        );
        for (index, parent) in parents.iter().enumerate() {
            let word = if index == 0 { "from" } else { "merge" };
            self.stream.extend_from_slice(format!("{word} :{parent}\n").as_bytes());
        }
        self.stream.extend_from_slice(b"deleteall\n");
        for (name, (mode, content)) in files {
            let quoted: Vec<u8> = name.iter().flat_map(|byte| format!("\\{byte:03o}").into_bytes()).collect();
            if *mode == "160000" {
                self.stream.extend_from_slice(b"M 160000 ");
                self.stream.extend_from_slice(content);
            } else {
                self.stream.extend_from_slice(format!("M {mode} inline").as_bytes());
            }
            self.stream.extend_from_slice(b" \"");
            self.stream.extend_from_slice(&quoted);
            self.stream.extend_from_slice(b"\"\n");
            if *mode != "160000" {
                self.stream.extend_from_slice(format!("data {}\n", content.len()).as_bytes());
                self.stream.extend_from_slice(content);
                self.stream.push(b'\n');
            }
        }
        mark
    }
}

struct History {
    target: Oid,
    landed: Oid,
    series_base: Option<Oid>,
    commits: Vec<Oid>,
}

fn build(lab: &Lab, case: &Case) -> History {
    let mut import = Import { stream: b"feature done\n".to_vec(), marks: 0 };
    let mut base = seed();
    case.base.iter().for_each(|edit| apply(&mut base, edit));
    let root = import.commit("target", &base, &[]);
    let (mut files, mut target) = (base.clone(), root);
    for edits in &case.target {
        edits.iter().for_each(|edit| apply(&mut files, edit));
        target = import.commit("target", &files, &[target]);
    }
    let mut main_files = base.clone();
    case.main.iter().for_each(|edit| apply(&mut main_files, edit));
    let main = import.commit("main", &main_files, &[root]);
    let mut fix_files = main_files;
    let (mut fix, mut commits) = (main, Vec::new());
    let steps: Vec<&[Edit]> = match case.shape {
        Shape::Single => vec![&case.fix[0]],
        _ => case.fix.iter().map(Vec::as_slice).collect(),
    };
    for edits in steps {
        edits.iter().for_each(|edit| apply(&mut fix_files, edit));
        fix = import.commit("fix", &fix_files, &[fix]);
        commits.push(fix);
    }
    let landed = match case.shape {
        Shape::Merge => {
            let merge = import.commit("main", &fix_files, &[main, fix]);
            commits = vec![merge];
            merge
        }
        _ => fix,
    };
    import.stream.extend_from_slice(b"done\n");
    let marks_file = lab.dir().join("marks");
    let mut child = lab
        .command(lab.top())
        .args(["fast-import", "--quiet", "--force"])
        .arg(format!("--export-marks={}", marks_file.display()))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &import.stream).unwrap();
    assert!(child.wait().unwrap().success());
    let marks: std::collections::HashMap<usize, Oid> = std::fs::read_to_string(marks_file)
        .unwrap()
        .lines()
        .map(|line| {
            let (mark, id) = line[1..].split_once(' ').unwrap();
            (mark.parse().unwrap(), Oid::from_hex(id.as_bytes()).unwrap())
        })
        .collect();
    History {
        target: marks[&target],
        landed: marks[&landed],
        series_base: matches!(case.shape, Shape::Series).then(|| marks[&main]),
        commits: commits.iter().map(|mark| marks[mark]).collect(),
    }
}

/// What a pick comes to, in terms that both sides share.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Tree(Oid),
    Conflicts(Oid, BTreeSet<Vec<u8>>),
    Broken,
}

fn by_git(lab: &Lab, history: &History) -> Verdict {
    lab.git(&["checkout", "-q", "-f", "--detach", &history.target.to_string()]);
    lab.git(&["clean", "-q", "-ffdx"]);
    for commit in &history.commits {
        let id = commit.to_string();
        let is_merge = lab.git(&["rev-list", "--parents", "-1", &id]).split(' ').count() == 3;
        let mut args = vec!["cherry-pick", "--allow-empty", "--keep-redundant-commits", "-x"];
        if is_merge {
            args.extend(["-m", "1"]);
        }
        args.push(&id);
        let output = lab.try_git(&args);
        match output.status.code() {
            Some(0) => {}
            // Without a pick under way git refused to begin: a checkout that its own conversion makes dirty.
            Some(1) if lab.top().join(".git/CHERRY_PICK_HEAD").exists() => {
                let unmerged = lab.try_git(&["ls-files", "-u", "-z"]).stdout;
                let paths = unmerged
                    .split(|&byte| byte == 0)
                    .filter(|entry| !entry.is_empty())
                    .map(|entry| entry.splitn(2, |&byte| byte == b'\t').nth(1).unwrap())
                    .map(real_path)
                    .collect();
                lab.try_git(&["reset", "-q", "--hard"]);
                lab.try_git(&["cherry-pick", "--quit"]);
                return Verdict::Conflicts(*commit, paths);
            }
            _ => {
                // Git aborts on an assertion now and then, and leaves its lock.
                let _ = std::fs::remove_file(lab.top().join(".git/index.lock"));
                lab.try_git(&["reset", "-q", "--hard"]);
                lab.try_git(&["cherry-pick", "--quit"]);
                return Verdict::Broken;
            }
        }
    }
    Verdict::Tree(lab.id("HEAD^{tree}"))
}

/// cherry-pick moves a file out of a directory's way as `<name>~HEAD` or `<name>~<id> (<subject>)`.
fn real_path(path: &[u8]) -> Vec<u8> {
    let at = path.iter().rposition(|&byte| byte == b'~');
    at.map_or(path, |at| &path[..at]).to_vec()
}

fn by_us(repo: &Repo, history: &History) -> Verdict {
    let source = Source::landed(repo, history.landed, history.landed, history.series_base).unwrap();
    let picked = pick::pick(repo, &source, &[history.target]).pop().unwrap();
    match picked.map(|picked| picked.outcome) {
        Ok(Outcome::Clean { tree, .. }) => Verdict::Tree(tree),
        Ok(Outcome::AlreadyThere) => Verdict::Tree(repo.commit(history.target).unwrap().tree),
        Ok(Outcome::Conflicts { at, paths, .. }) => {
            Verdict::Conflicts(at, paths.into_iter().map(|conflict| conflict.path.into()).collect())
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn compare_with(program: &Path, renormalize: &str, cases: u32) {
    let lab = Lab::new(program);
    for setting in [
        ["merge.renormalize", renormalize],
        ["merge.swap.driver", "cp %B %A"],
        ["gc.auto", "0"],
        ["advice.mergeConflict", "false"],
        ["core.precomposeUnicode", "false"],
    ] {
        lab.git(&["config", setting[0], setting[1]]);
    }
    let repo = lab.repo();
    let (clean, conflicts, broken) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let count = |counter: &Cell<u32>| counter.set(counter.get() + 1);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let result = TestRunner::new(config).run(&case(), |case| {
        let history = build(&lab, &case);
        let expected = by_git(&lab, &history);
        if expected == Verdict::Broken {
            count(&broken);
            return Ok(());
        }
        match expected {
            Verdict::Tree(_) => count(&clean),
            _ => count(&conflicts),
        }
        let mut ours = by_us(&repo, &history);
        // A directory renamed in several ways leaves no path unmerged; git's messages alone name any.
        if let (Verdict::Conflicts(_, paths), Verdict::Conflicts(_, theirs)) = (&mut ours, &expected)
            && theirs.is_empty()
        {
            paths.clear();
        }
        prop_assert_eq!(ours, expected, "{:?}", history.commits);
        Ok(())
    });
    eprintln!(
        "{} (renormalize {renormalize}): {} clean, {} conflicts, {} where git itself failed",
        program.display(),
        clean.get(),
        conflicts.get(),
        broken.get()
    );
    result.unwrap();
}

#[test]
fn a_pick_is_what_cherry_pick_makes_of_it() {
    for program in gits() {
        compare_with(&program, "false", cases());
        compare_with(&program, "true", cases() / 2);
    }
}
