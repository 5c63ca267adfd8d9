//! Repositories of every make: where they are, what they hold, and what they must not be mistaken for.

use std::collections::BTreeSet;

use bstr::ByteSlice;
use git_hotfix::git::landed::Source;
use git_hotfix::git::pick::{self, Outcome};
use git_hotfix::git::{Git, GitError, Head, Oid, Repo};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::git_lab::{Lab, cases, gits, lines, untouched};
use super::git_remote::through;

/// `target` and a fix on `main` that applies to it; tells the tree that `git cherry-pick` makes.
fn fixture(lab: &Lab) -> (Oid, Oid, Oid) {
    lab.write("f", lines(1..=20));
    let root = lab.commit("base");
    lab.branch("target", root);
    lab.write("f", lines(1..=20).replace("line 2\n", "ours\n"));
    let target = lab.commit("ours");
    lab.git(&["checkout", "-q", "main"]);
    lab.write("f", lines(1..=20).replace("line 18\n", "theirs\n"));
    let landed = lab.commit("fix");
    lab.git(&["checkout", "-q", "--detach", "target"]);
    lab.git(&["cherry-pick", "-x", "main"]);
    let tree = lab.id("HEAD^{tree}");
    lab.git(&["checkout", "-q", "main"]);
    (target, landed, tree)
}

fn assert_picks(repo: &Repo, (target, landed, expected): (Oid, Oid, Oid)) {
    let source = Source::landed(repo, landed, landed, None).unwrap();
    let picked = pick::pick(repo, &source, &[target]).pop().unwrap().unwrap();
    assert!(matches!(picked.outcome, Outcome::Clean { tree, .. } if tree == expected), "{picked:?}");
}

#[test]
fn picks_are_the_same_in_repositories_of_every_make() {
    for program in gits() {
        let lab = Lab::new(&program);
        let facts = fixture(&lab);
        untouched(&lab, || assert_picks(&lab.repo(), facts));
        std::fs::create_dir(lab.top().join("below")).unwrap();
        let below = lab.repo_at(&lab.top().join("below"));
        assert_eq!(below.work_tree().unwrap().canonicalize().unwrap(), lab.top().canonicalize().unwrap());
        assert_picks(&below, facts);
        assert_picks(&lab.repo_at(&lab.top().join(".git")), facts);

        let linked = lab.dir().join("linked");
        lab.git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
        let repo = lab.repo_at(&linked);
        assert_ne!(repo.git_dir(), repo.common_dir());
        assert_eq!(repo.head().unwrap(), Head::Detached(facts.1));
        assert_picks(&repo, facts);

        let bare = lab.dir().join("bare.git");
        lab.git(&["clone", "-q", "--mirror", ".", bare.to_str().unwrap()]);
        let repo = lab.repo_at(&bare);
        assert!(repo.is_bare() && repo.work_tree().is_none());
        assert_picks(&repo, facts);

        let borrowing = lab.dir().join("borrowing");
        lab.git(&["clone", "-q", "--shared", ".", borrowing.to_str().unwrap()]);
        assert_picks(&lab.repo_at(&borrowing), facts);
    }
}

#[test]
fn sha256_and_reftable_repositories_are_read_right() {
    for program in gits() {
        for options in [&["--object-format=sha256"][..], &["--ref-format=reftable"]] {
            if !lab_can(&program, options) {
                eprintln!("{} has no {options:?}: not tested", program.display());
                continue;
            }
            let lab = Lab::with(&program, options);
            let facts = fixture(&lab);
            let repo = lab.repo();
            assert_picks(&repo, facts);
            let main = Head::Branch { name: "main".to_owned(), tip: Some(facts.1) };
            assert_eq!(repo.head().unwrap(), main);
            assert_eq!(repo.ref_tip("refs/heads/target").unwrap(), Some(facts.0));
            assert_eq!(repo.ref_tip("refs/heads/none").unwrap(), None);
            lab.git(&["tag", "-a", "-m", "tag", "v1", "target"]);
            assert_eq!(repo.refs("refs/tags/").unwrap(), [("refs/tags/v1".to_owned(), facts.0)]);
            repo.set_ref("refs/hotfix/x", facts.0, None, "test").unwrap();
            assert_eq!(repo.ref_tip("refs/hotfix/x").unwrap(), Some(facts.0));
            lab.git(&["checkout", "-q", "--detach"]);
            assert_eq!(repo.head().unwrap(), Head::Detached(facts.1));
            lab.git(&["checkout", "-q", "--orphan", "unborn"]);
            let unborn = Head::Branch { name: "unborn".to_owned(), tip: None };
            assert_eq!(repo.head().unwrap(), unborn);
        }
    }
}

fn lab_can(program: &std::path::Path, options: &[&str]) -> bool {
    let lab = Lab::new(program);
    lab.try_git(&[&["init", "-q"], options, &["probe"]].concat()).status.success()
}

#[test]
fn a_hooks_environment_leads_nowhere_else() {
    let lab = Lab::new(&gits()[0]);
    let facts = fixture(&lab);
    let stranger = Lab::new(&gits()[0]);
    stranger.write("x", "x");
    stranger.commit("stranger");
    // As git exports it to a hook of this very repository.
    let mut git = lab.library_git();
    for (name, value) in [
        ("GIT_DIR", lab.top().join(".git")),
        ("GIT_INDEX_FILE", lab.top().join(".git/index.lock")),
        ("GIT_PREFIX", "below/".into()),
    ] {
        git = git.with_env(name, value);
    }
    let repo = Repo::discover(git, Some(stranger.top())).unwrap();
    assert_eq!(repo.git_dir().canonicalize().unwrap(), lab.top().join(".git").canonicalize().unwrap());
    untouched(&stranger, || assert_picks(&repo, facts));
}

#[test]
fn what_is_no_repository_is_said_in_gits_own_words() {
    let lab = Lab::new(&gits()[0]);
    let Err(GitError::NotARepository { stderr }) = Repo::discover(lab.library_git(), Some(lab.dir())) else {
        panic!()
    };
    assert!(stderr.contains("not a git repository"), "{stderr}");
    // git's own knob to act as if the repository were somebody else's.
    let git = lab.library_git().with_env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    let Err(GitError::NotARepository { stderr }) = Repo::discover(git, Some(lab.top())) else { panic!() };
    assert!(stderr.contains("safe.directory"), "{stderr}");
}

#[test]
fn names_resolve_as_git_reads_them_and_never_as_options() {
    let lab = Lab::new(&gits()[0]);
    let (target, landed, _) = fixture(&lab);
    lab.git(&["tag", "-a", "-m", "tag", "v1", "target"]);
    let repo = lab.repo();
    let resolve = |rev: &str| repo.resolve(rev).unwrap();
    assert_eq!(resolve("main"), Some(landed));
    assert_eq!(resolve("v1"), Some(target));
    assert_eq!(resolve(&landed.to_string()[..8]), Some(landed));
    assert_eq!(resolve("main^"), Some(lab.id("main~1")));
    for none in ["none", "-x", "--all", "", "main..target", "main:f", "a b", "\n", "HEAD@{99}"] {
        assert_eq!(resolve(none), None, "{none:?}");
    }
    // A git that fails does not know.
    let full = "case \"$*\" in *--verify*) echo 'fatal: no space left' >&2; exit 128 ;; esac";
    let error = through(&lab, &gits()[0], full).resolve("main").unwrap_err();
    assert!(matches!(error, GitError::Failed { status: 128, .. }), "{error:?}");
    assert_eq!(repo.ref_tip("main").unwrap(), None, "a short name is not a full one");
    assert!(repo.has_commit(landed).unwrap());
    assert!(!repo.has_commit(lab.id("main^{tree}")).unwrap());
    assert!(!repo.has_commit(Oid::from_hex("1".repeat(40).as_bytes()).unwrap()).unwrap());
    assert_eq!(repo.changed_paths(target, landed).unwrap(), ["f"]);
    assert_eq!(repo.file_at(landed, b"f".as_bstr()).unwrap().unwrap().len(), lines(1..=20).len() - 1);
    assert_eq!(repo.file_at(landed, b"f/below".as_bstr()).unwrap(), None);
}

#[test]
fn a_reference_moves_only_from_where_it_was_seen() {
    for program in gits() {
        let lab = Lab::new(&program);
        let (target, landed, _) = fixture(&lab);
        let repo = lab.repo();
        let name = "refs/heads/backport/x";
        repo.set_ref(name, target, None, "hotfix: backport").unwrap();
        assert!(lab.git(&["reflog", "show", name]).contains("hotfix: backport"));
        assert!(matches!(repo.set_ref(name, landed, None, "x"), Err(GitError::RefMoved { .. })));
        assert!(matches!(repo.set_ref(name, landed, Some(landed), "x"), Err(GitError::RefMoved { .. })));
        repo.set_ref(name, landed, Some(target), "x").unwrap();
        assert!(matches!(repo.delete_ref(name, target), Err(GitError::RefMoved { .. })));
        repo.delete_ref(name, landed).unwrap();
        assert_eq!(repo.ref_tip(name).unwrap(), None);
        for bad in ["HEAD", "refs/heads/-x", "refs/heads/a..b", "refs/heads/a\nb", "heads/x", ""] {
            assert!(matches!(repo.set_ref(bad, target, None, "x"), Err(GitError::BadName { .. })), "{bad:?}");
        }
    }
}

#[test]
fn configuration_is_what_git_says_with_its_scope() {
    let lab = Lab::new(&gits()[0]);
    std::fs::write(lab.dir().join("gitconfig"), "[hotfix]\n\ttarget = global\n[include]\n\tpath = more\n")
        .unwrap();
    std::fs::write(lab.dir().join("more"), "[hotfix]\n\tnotify\n").unwrap();
    lab.git(&["config", "hotfix.target", "local"]);
    let git = lab.library_git().with_env("GIT_CONFIG_PARAMETERS", "'hotfix.target'='command'");
    let repo = Repo::discover(git, Some(lab.top())).unwrap();
    let config = repo.config().unwrap();
    assert_eq!(config.get("hotfix.target").unwrap(), "command");
    let scopes: Vec<String> = config.all("hotfix.target").map(|entry| entry.scope.to_string()).collect();
    assert_eq!(scopes, ["global", "local", "command"]);
    assert_eq!(config.get_bool("hotfix.notify"), Some(true));
    assert!(config.entry("hotfix.notify").unwrap().origin.ends_with(b"/more"));
    assert!(Git::at("/nonexistent/git").version().is_err());
}

/// Commits in order: each with one or two of the earlier as parents, and its time.
type Shape = [(u16, Option<u16>, u32)];

#[test]
fn history_is_walked_as_git_walks_it() {
    let lab = Lab::new(&gits()[0]);
    let tree = lab.git(&["write-tree"]);
    let shape = prop::collection::vec((any::<u16>(), prop::option::of(any::<u16>()), 0..60_u32), 1..24);
    let picks = (any::<u16>(), any::<u16>());
    let config = Config { cases: cases() / 6, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&(shape, picks, any::<bool>()), |(shape, (one, two), in_order)| {
            walked_alike(&lab, &tree, &shape, one, two, in_order)
        })
        .unwrap();
}

#[test]
fn a_base_below_another_is_none_where_clocks_ran_backwards() {
    let lab = Lab::new(&gits()[0]);
    let tree = lab.git(&["write-tree"]);
    // Found at random, and what it shrank to: gix names two merge bases here, one below the other.
    let mut shape = vec![(0, None, 0); 22];
    for (number, commit) in [
        (2, (0, None, 5)),
        (3, (13236, Some(29538), 0)),
        (4, (11098, None, 0)),
        (5, (22264, Some(34400), 0)),
        (8, (55894, None, 0)),
        (14, (46727, Some(28834), 0)),
        (21, (38395, None, 0)),
    ] {
        shape[number] = commit;
    }
    shape.push((0, None, 0));
    walked_alike(&lab, &tree, &shape, 42094, 22124, false).unwrap();
}

/// Whether we answer what git does on a history of this shape, its times perhaps running backwards.
fn walked_alike(
    lab: &Lab,
    tree: &str,
    shape: &Shape,
    one: u16,
    two: u16,
    in_order: bool,
) -> Result<(), TestCaseError> {
    let mut ids: Vec<Oid> = Vec::new();
    for (number, (first, second, time)) in shape.iter().enumerate() {
        let mut args = vec!["commit-tree".to_owned(), tree.to_owned(), "-m".into(), number.to_string()];
        let mut parents: Vec<Oid> = Vec::new();
        for parent in std::iter::once(first).chain(second) {
            let id = ids.get(usize::from(*parent) % (number + 1));
            parents.extend(id.filter(|id| !parents.contains(id)).copied().into_iter().collect::<Vec<_>>());
        }
        parents.iter().for_each(|parent| args.extend(["-p".into(), parent.to_string()]));
        let date = format!("@{} +0000", 1_700_000_000 + if in_order { number as u32 } else { *time });
        let output = lab.command(lab.top()).env("GIT_COMMITTER_DATE", date).args(&args).output().unwrap();
        ids.push(Oid::from_hex(output.stdout.trim()).unwrap());
    }
    let repo = lab.repo();
    let one = ids[usize::from(one) % ids.len()];
    let two = ids[usize::from(two) % ids.len()];
    let ancestor = lab.try_git(&["merge-base", "--is-ancestor", &one.to_string(), &two.to_string()]);
    prop_assert_eq!(repo.is_ancestor(one, two).unwrap(), ancestor.status.success());
    let sorted = |text: &str| {
        let mut ids: Vec<String> = text.lines().map(str::to_owned).collect();
        ids.sort();
        ids
    };
    let bases = lab.try_git(&["merge-base", "--all", &one.to_string(), &two.to_string()]);
    let ours: Vec<String> = repo.merge_bases(one, two).unwrap().iter().map(ToString::to_string).collect();
    prop_assert_eq!(sorted(&ours.join("\n")), sorted(bases.stdout.to_str().unwrap()));
    // The truth by counting: where clocks ran backwards git itself names a commit too many at times,
    // and so may we; never one too few.
    let monotone = ids.iter().all(|&id| {
        let commit = repo.commit(id).unwrap();
        let after = |parent: &Oid| repo.commit(*parent).unwrap().committer.seconds;
        commit.parents.iter().all(|parent| after(parent) <= commit.committer.seconds)
    });
    let below = |tip: Oid, first_parent: bool| {
        let (mut seen, mut pending) = (BTreeSet::new(), vec![tip]);
        while let Some(id) = pending.pop() {
            if seen.insert(id) {
                let parents = repo.commit(id).unwrap().parents;
                pending.extend(parents.iter().take(if first_parent { 1 } else { usize::MAX }));
            }
        }
        seen
    };
    let hidden = below(one, false);
    for first_parent in [false, true] {
        let expected: BTreeSet<Oid> = match first_parent {
            false => below(two, false).difference(&hidden).copied().collect(),
            true => below(two, true).difference(&hidden).copied().collect(),
        };
        let ours: BTreeSet<Oid> =
            repo.range_ids(two, &[one], first_parent, 1000).unwrap().into_iter().collect();
        prop_assert!(ours.is_superset(&expected), "first parents only: {}", first_parent);
        if monotone {
            prop_assert_eq!(ours, expected, "first parents only: {}", first_parent);
        }
    }
    Ok(())
}

#[test]
fn a_git_that_babbles_tells_nothing_of_work_trees() {
    let lab = Lab::new(&gits()[0]);
    let (target, ..) = fixture(&lab);
    for asked in ["worktree list", "ls-files", "diff --cached --quiet"] {
        let babbles = format!("case \"$*\" in *'{asked}'*) echo 'what a lovely day'; exit 0 ;; esac");
        let repo = through(&lab, &gits()[0], &babbles);
        let error = match asked {
            "worktree list" => repo.worktrees().unwrap_err(),
            _ => repo.pick_state(target).unwrap_err(),
        };
        assert!(matches!(error, GitError::Answer { .. }), "{asked}: {error:?}");
    }
}
