//! Remotes: addresses as git resolves them, fetches that leave no trace, pushes with a lease, and clones that
//! lack history or files.

use std::path::Path;

use git_hotfix::git::commit;
use git_hotfix::git::incomplete::Completed;
use git_hotfix::git::landed::{Source, SourceError};
use git_hotfix::git::pick::{self, Coming, Outcome};
use git_hotfix::git::remote::{Deepen, Expect, Fetch, Push, PushOutcome};
use git_hotfix::git::{Git, GitError, Oid, Repo};

use super::git_lab::{Lab, gits, lines};

/// A lab whose `origin` is a bare repository beside it.
fn with_origin(program: &Path) -> (Lab, Oid) {
    let lab = Lab::new(program);
    lab.write("f", lines(1..=20));
    let root = lab.commit("root");
    let origin = lab.dir().join("origin.git");
    lab.git(&["clone", "-q", "--bare", ".", origin.to_str().unwrap()]);
    lab.git(&["remote", "add", "origin", origin.to_str().unwrap()]);
    lab.git(&["fetch", "-q", "origin"]);
    (lab, root)
}

fn at_origin(lab: &Lab, branch: &str) -> Option<String> {
    let origin = lab.dir().join("origin.git");
    let full = format!("refs/heads/{branch}");
    let output = lab.command(&origin).args(["rev-parse", "-q", "--verify", &full]).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn push<'a>(branch: &'a str, source: Oid, expect: Expect) -> Push<'a> {
    Push { remote: "origin", source: Some(source), branch, expect, hooks: false, credential: None }
}

/// A repository whose `git` runs `script` before it is git, with `$GIT` for the real one.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "puts a file down, and runs no git")]
pub(crate) fn through(lab: &Lab, program: &Path, script: &str) -> Repo {
    let (script_file, shim) = (lab.dir().join("git.sh"), lab.dir().join("git"));
    let text = format!("#!/bin/sh\nGIT='{0}'\n{script}\nexec \"$GIT\" \"$@\"\n", program.display());
    std::fs::write(&script_file, text).unwrap();
    // By another process: what this one has open for writing, a neighbour's child may keep busy.
    let install =
        std::process::Command::new("install").args(["-m", "755"]).args([&script_file, &shim]).status();
    assert!(install.unwrap().success());
    let mut git = Git::at(&shim);
    for (name, value) in lab.environment() {
        git = git.with_env(name, value);
    }
    Repo::discover(git, Some(lab.top())).unwrap()
}

#[cfg(unix)]
#[test]
fn a_fetch_that_meets_another_one_is_made_once_more() {
    let program = gits().remove(0);
    let (lab, root) = with_origin(&program);
    let calls = lab.dir().join("calls");
    for (locked, works) in [(1, true), (9, false)] {
        let script = format!(
            "case \"$*\" in *no-write-fetch-head*)\n  echo fetch >>'{calls}'\n  \
             if [ $(wc -l <'{calls}') -le {locked} ]; then echo \"error: cannot lock ref 'refs/x': is at 1 but \
             expected 2\" >&2; exit 1; fi ;;\nesac",
            calls = calls.display(),
        );
        let repo = through(&lab, &program, &script);
        let spec = format!("+refs/heads/main:refs/remotes/origin/locked-{locked}");
        let fetched = repo.fetch(&Fetch { remote: "origin", refspecs: &[spec], ..Fetch::default() });
        assert_eq!(fetched.is_ok(), works, "{fetched:?}");
        let there = repo.ref_tip(&format!("refs/remotes/origin/locked-{locked}")).unwrap();
        assert_eq!(there, works.then_some(root));
        assert_eq!(std::fs::read_to_string(&calls).unwrap().lines().count(), 2);
        std::fs::remove_file(&calls).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_push_is_stale_only_where_the_branch_is_seen_to_stand_elsewhere() {
    let program = gits().remove(0);
    let (lab, root) = with_origin(&program);
    lab.write("f", "more\n");
    let tip = lab.commit("more");
    let stale = "printf '!\\t%s\\t[rejected] (stale info)\\n' x:refs/heads/$branch; exit 1";
    let first = lab.dir().join("first");
    let says = |branch: &str, before: &str| {
        let once = format!("[ -e '{0}' ] || {{ touch '{0}'; {before} {stale}; }}", first.display());
        let script = format!("branch={branch}\ncase \"$*\" in *--porcelain*) {once} ;; esac");
        let _ = std::fs::remove_file(&first);
        through(&lab, &program, &script)
    };
    // It had landed, and git's own second try found it there.
    let repo = says("landed", "\"$GIT\" \"$@\" >/dev/null 2>&1;");
    assert_eq!(repo.push(&push("landed", tip, Expect::Absent)).unwrap(), PushOutcome::UpToDate);
    assert_eq!(at_origin(&lab, "landed"), Some(tip.to_string()));
    // Nothing was there to say so: it stands where it is expected.
    let repo = says("again", "");
    assert_eq!(repo.push(&push("again", tip, Expect::Absent)).unwrap(), PushOutcome::Created);
    assert_eq!(at_origin(&lab, "again"), Some(tip.to_string()));
    // Somebody else's.
    lab.git(&["push", "-q", "origin", &format!("{root}:refs/heads/taken")]);
    let repo = says("taken", "");
    assert_eq!(repo.push(&push("taken", tip, Expect::Absent)).unwrap(), PushOutcome::Stale);
    assert_eq!(at_origin(&lab, "taken"), Some(root.to_string()));
}

#[test]
fn addresses_are_what_git_resolves() {
    for program in gits() {
        let lab = Lab::new(&program);
        for (key, value) in [
            ("remote.origin.url", "short:shop/web"),
            ("remote.origin.pushurl", "push:shop/web"),
            ("remote.plain.url", "https://plain.example/x"),
            ("remote.two.url", "short:one"),
            ("url.https://git.example/.insteadOf", "short:"),
            ("url.https://longer.example/.insteadOf", "short:shop/"),
            ("url.ssh://git@push.example/.insteadOf", "push:"),
            ("url.ssh://git@write.example/.pushInsteadOf", "https://plain.example/"),
        ] {
            lab.git(&["config", key, value]);
        }
        lab.git(&["config", "--add", "remote.two.url", "https://second.example/"]);
        let repo = lab.repo();
        assert_eq!(repo.remotes().unwrap(), ["origin", "plain", "two"]);
        for remote in ["origin", "plain", "two"] {
            let fetch = lab.git(&["remote", "get-url", remote]);
            let push = lab.git(&["remote", "get-url", "--push", remote]);
            assert_eq!(repo.remote_url(remote).unwrap().unwrap(), fetch);
            assert_eq!(repo.push_url(remote).unwrap().unwrap(), push);
        }
        assert_eq!(repo.remote_url("none").unwrap(), None);
    }
}

#[test]
fn a_fetch_moves_what_it_was_told_and_nothing_else() {
    for program in gits() {
        let (lab, root) = with_origin(&program);
        let origin = lab.dir().join("origin.git");
        let other = lab.dir().join("other");
        lab.git(&["clone", "-q", origin.to_str().unwrap(), other.to_str().unwrap()]);
        lab.git_in(&other, &["commit", "-q", "--allow-empty", "-m", "elsewhere"]);
        lab.git_in(&other, &["tag", "v1"]);
        lab.git_in(&other, &["push", "-q", "origin", "main", "main:develop", "v1"]);
        lab.git(&["config", "fetch.prune", "true"]);
        lab.git(&["update-ref", "refs/remotes/origin/gone", &root.to_string()]);
        let repo = lab.repo();
        let fetch = |refspec: &str| {
            let refspecs = [refspec.to_owned()];
            repo.fetch(&Fetch { remote: "origin", refspecs: &refspecs, ..Fetch::default() })
        };
        let before = lab.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        fetch("+refs/heads/develop:refs/remotes/origin/develop").unwrap();
        let after = lab.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let new: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
        assert_eq!(new, [format!("refs/remotes/origin/develop {}", at_origin(&lab, "develop").unwrap())]);
        assert!(!lab.top().join(".git/FETCH_HEAD").exists() || before.contains("gone"));
        for bad in [
            "main:refs/heads/main",
            "+refs/heads/*:refs/heads/*",
            "main:main",
            "--upload-pack=touch x",
            "main:HEAD",
        ] {
            assert!(matches!(fetch(bad), Err(GitError::BadName { .. })), "{bad}");
        }
        let bad = Fetch { remote: "--upload-pack=x", ..Fetch::default() };
        assert!(matches!(repo.fetch(&bad), Err(GitError::BadName { .. })));
        let bad = Fetch { remote: "ssh://-oProxyCommand=x/y", ..Fetch::default() };
        assert!(matches!(repo.fetch(&bad), Err(GitError::BadName { .. })));
        let listed = repo.ls_remote("origin", &["refs/heads/dev*"], None).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].0, "refs/heads/develop");
        assert!(matches!(repo.ls_remote("nowhere", &[], None), Err(GitError::Failed { .. })));
    }
}

#[test]
fn a_push_happens_only_from_where_the_branch_was_seen() {
    for program in gits() {
        let (lab, root) = with_origin(&program);
        lab.write("g", "g");
        let one = lab.commit("one");
        lab.write("g", "h");
        let two = lab.commit("two");
        let repo = lab.repo();
        let push = |branch, source, expect| repo.push(&push(branch, source, expect)).unwrap();
        assert_eq!(push("b", one, Expect::Absent), PushOutcome::Created);
        assert_eq!(push("b", one, Expect::Absent), PushOutcome::UpToDate);
        assert_eq!(push("b", two, Expect::Absent), PushOutcome::Stale, "not even forward");
        assert_eq!(push("b", two, Expect::At(root)), PushOutcome::Stale);
        assert_eq!(at_origin(&lab, "b"), Some(one.to_string()));
        assert_eq!(push("b", two, Expect::At(one)), PushOutcome::Updated);
        assert_eq!(push("b", root, Expect::At(two)), PushOutcome::Updated, "back, with the lease");
        let delete = |expect| {
            repo.push(&Push {
                remote: "origin",
                source: None,
                branch: "b",
                expect,
                hooks: false,
                credential: None,
            })
        };
        assert_eq!(delete(Expect::At(two)).unwrap(), PushOutcome::Stale);
        assert_eq!(delete(Expect::At(root)).unwrap(), PushOutcome::Updated);
        assert_eq!(at_origin(&lab, "b"), None);
        for bad in ["-x", "a..b", "a b", "x/-y", "", "a\nb"] {
            let push = Push {
                remote: "origin",
                source: Some(one),
                branch: bad,
                expect: Expect::Absent,
                hooks: false,
                credential: None,
            };
            assert!(matches!(repo.push(&push), Err(GitError::BadName { .. })), "{bad}");
        }
    }
}

#[test]
fn of_many_pushers_one_creates_the_branch_and_the_rest_are_told() {
    for program in gits() {
        let (lab, _) = with_origin(&program);
        let commits: Vec<Oid> = (0..6).map(|number| lab.commit(&number.to_string())).collect();
        let repo = lab.repo();
        for round in 0..4 {
            let branch = format!("race-{round}");
            let (repo, branch) = (&repo, branch.as_str());
            let outcomes: Vec<PushOutcome> = std::thread::scope(|scope| {
                let pushers: Vec<_> = commits
                    .iter()
                    .map(|&id| scope.spawn(move || repo.push(&push(branch, id, Expect::Absent)).unwrap()))
                    .collect();
                pushers.into_iter().map(|pusher| pusher.join().unwrap()).collect()
            });
            let created = outcomes.iter().filter(|&outcome| *outcome == PushOutcome::Created).count();
            let stale = outcomes.iter().filter(|&outcome| *outcome == PushOutcome::Stale).count();
            assert_eq!((created, stale), (1, commits.len() - 1), "{outcomes:?}");
        }
    }
}

#[test]
fn a_refusal_brings_the_other_sides_words_and_the_users_hook_runs_when_asked() {
    use std::os::unix::fs::PermissionsExt;
    for program in gits() {
        let (lab, root) = with_origin(&program);
        let hook = |file: &Path, text: &str| {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
            std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).unwrap();
        };
        hook(&lab.top().join(".git/hooks/pre-push"), "#!/bin/sh\necho not today >&2\nexit 1\n");
        let repo = lab.repo();
        assert_eq!(repo.push(&push("quiet", root, Expect::Absent)).unwrap(), PushOutcome::Created);
        let refused = repo.push(&Push { hooks: true, ..push("loud", root, Expect::Absent) }).unwrap();
        let PushOutcome::Rejected { remote_lines, .. } = refused else { panic!("{refused:?}") };
        assert!(remote_lines.iter().any(|line| line.contains("not today")), "{remote_lines:?}");
        hook(&lab.dir().join("origin.git/hooks/update"), "#!/bin/sh\necho GitLab: protected\nexit 1\n");
        let refused = repo.push(&push("other", root, Expect::Absent)).unwrap();
        let PushOutcome::Rejected { reason, remote_lines } = refused else { panic!("{refused:?}") };
        assert_eq!(reason, "hook declined");
        assert!(remote_lines.contains(&"GitLab: protected".to_owned()), "{remote_lines:?}");
    }
}

#[test]
fn nothing_that_the_repository_configures_runs_unasked() {
    use std::os::unix::fs::PermissionsExt;
    for program in gits() {
        let (lab, root) = with_origin(&program);
        let log = lab.dir().join("ran");
        let script = lab.dir().join("evil");
        let text = format!("#!/bin/sh\necho \"$0 $@\" >> {}\n", log.display());
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        lab.branch("target", root);
        lab.write("g", "g");
        let target = lab.commit("target");
        lab.git(&["checkout", "-q", "main"]);
        lab.write("f", lines(1..=21));
        lab.write(".gitattributes", "* filter=evil diff=evil\n");
        let landed = lab.commit("fix");
        let evil = script.to_str().unwrap();
        for key in [
            "core.fsmonitor",
            "core.pager",
            "core.editor",
            "core.askPass",
            "diff.external",
            "diff.evil.command",
            "diff.evil.textconv",
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "gpg.program",
            "gpg.ssh.program",
            "sequence.editor",
            "interactive.diffFilter",
            "trailer.evil.cmd",
            "credential.helper",
        ] {
            lab.git(&["config", key, evil]);
        }
        std::fs::create_dir_all(lab.top().join(".git/hooks")).unwrap();
        for hook in [
            "pre-push",
            "reference-transaction",
            "post-commit",
            "pre-commit",
            "commit-msg",
            "prepare-commit-msg",
            "post-checkout",
            "post-merge",
            "post-index-change",
            "pre-auto-gc",
            "post-rewrite",
        ] {
            std::os::unix::fs::symlink(&script, lab.top().join(".git/hooks").join(hook)).unwrap();
        }
        let _ = std::fs::remove_file(&log);
        let repo = lab.repo();
        let source = Source::landed(&repo, landed, landed, None).unwrap();
        let picked = pick::pick(&repo, &source, &[target]).pop().unwrap().unwrap();
        let Outcome::Clean { trees, .. } = picked.outcome else { panic!("{picked:?}") };
        let tip = commit::write_picks(&repo, &source, target, &trees, &commit::Options::default()).unwrap();
        repo.set_ref("refs/hotfix/x", tip, None, "x").unwrap();
        assert_eq!(repo.push(&push("b", tip, Expect::Absent)).unwrap(), PushOutcome::Created);
        let refspecs = ["+refs/heads/b:refs/remotes/origin/b".to_owned()];
        repo.fetch(&Fetch { remote: "origin", refspecs: &refspecs, ..Fetch::default() }).unwrap();
        repo.ls_remote("origin", &[], None).unwrap();
        repo.delete_ref("refs/hotfix/x", tip).unwrap();
        repo.head().unwrap();
        repo.config().unwrap();
        repo.resolve("main").unwrap();
        assert!(!log.exists(), "{}", std::fs::read_to_string(&log).unwrap());
    }
}

/// A history of `count` commits at origin, `target` parting at the root; and the fix as its last commit.
fn long_history(program: &Path, count: u32) -> (Lab, Oid, Oid) {
    let lab = Lab::new(program);
    lab.write("f", lines(1..=20));
    lab.write("binary", b"\0big");
    lab.write("renamed", lines(50..=90));
    let root = lab.commit("root");
    lab.branch("target", root);
    lab.write("f", lines(1..=20).replace("line 2\n", "ours\n"));
    lab.git(&["mv", "renamed", "elsewhere"]);
    let target = lab.commit("ours");
    lab.git(&["checkout", "-q", "main"]);
    for number in 0..count {
        lab.commit(&format!("filler {number}"));
    }
    lab.write("f", lines(1..=20).replace("line 18\n", "theirs\n"));
    lab.write("renamed", lines(50..=90).replace("line 70\n", "theirs\n"));
    let landed = lab.commit("fix");
    for (key, value) in [("uploadpack.allowFilter", "true"), ("uploadpack.allowAnySHA1InWant", "true")] {
        lab.git(&["config", key, value]);
    }
    (lab, target, landed)
}

fn clone(lab: &Lab, name: &str, options: &[&str]) -> (std::path::PathBuf, Repo) {
    let dir = lab.dir().join(name);
    let url = format!("file://{}", lab.top().display());
    let mut args = vec!["clone", "-q", "--no-single-branch"];
    args.extend(options);
    args.extend([url.as_str(), dir.to_str().unwrap()]);
    lab.git(&args);
    let repo = lab.repo_at(&dir);
    (dir, repo)
}

fn tree_of(lab: &Lab, target: Oid, landed: Oid) -> Oid {
    let repo = lab.repo();
    let source = Source::landed(&repo, landed, landed, None).unwrap();
    match pick::pick(&repo, &source, &[target]).pop().unwrap().unwrap().outcome {
        Outcome::Clean { tree, .. } => tree,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_shallow_clone_is_deepened_by_just_enough() {
    for program in gits() {
        let (lab, target, landed) = long_history(&program, 120);
        let expected = tree_of(&lab, target, landed);
        let (dir, repo) = clone(&lab, "shallow", &["--depth=1"]);
        assert!(repo.is_shallow());
        let cut_off = Source::landed(&repo, landed, landed, None);
        assert!(matches!(cut_off, Err(SourceError::CutOff { .. })), "never taken for a root commit");
        let completed = Completed { repo: &repo, remote: "origin", credential: None };
        let source = completed.landed(landed, landed, None).unwrap();
        assert_eq!(lab.git_in(&dir, &["rev-list", "--count", "origin/main"]), "2");
        let picked = completed.pick(&source, &[target]).unwrap().pop().unwrap().unwrap();
        assert!(matches!(picked.outcome, Outcome::Clean { tree, .. } if tree == expected));
        // Whether a commit is contained is undecided until the history is there.
        assert!(matches!(repo.is_ancestor(target, landed), Err(GitError::Shallow)));
        assert!(matches!(repo.merge_base(target, landed), Err(GitError::Shallow)));
        let tips = [target, landed];
        assert!(!completed.decide(&tips, |repo| repo.is_ancestor(target, landed)).unwrap());
        let root = lab.id("main~121");
        assert_eq!(completed.decide(&tips, |repo| repo.merge_base(target, landed)).unwrap(), Some(root));
        assert!(repo.is_ancestor(root, landed).unwrap());
        assert_eq!(repo.range(landed, &[root], false, 200).unwrap().len(), 121);
    }
}

#[test]
fn a_shallow_clone_can_be_made_whole_and_is_one_object_from_many_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (lab, _, landed) = long_history(&gits()[0], 3);
    let (_, repo) = clone(&lab, "shallow", &["--depth=1"]);
    shared(&repo);
    let all = Fetch { remote: "origin", deepen: Some(Deepen::All), ..Fetch::default() };
    assert!(matches!(repo.fetch(&all), Err(GitError::BadName { .. })), "what to fetch is always said");
    repo.fetch(&Fetch { refspecs: &[landed.to_string()], ..all }).unwrap();
    assert!(!repo.is_shallow());
    assert_eq!(repo.range(landed, &[], false, 100).unwrap().len(), 5);
}

#[test]
fn a_partial_clone_gets_the_files_it_lacks_and_no_others() {
    for program in gits() {
        let (lab, target, landed) = long_history(&program, 1);
        let expected = tree_of(&lab, target, landed);
        for filter in ["--filter=blob:none", "--filter=tree:0"] {
            let (dir, repo) = clone(&lab, filter, &["--no-checkout", filter]);
            assert!(repo.is_partial().unwrap());
            let completed = Completed { repo: &repo, remote: "origin", credential: None };
            let source = completed.landed(landed, landed, None).unwrap();
            if filter.contains("blob") {
                // Without leave to fetch it is an error, never a guess and never a fetch behind one's back.
                let picked = pick::pick(&repo, &source, &[target]).pop().unwrap();
                assert!(matches!(picked, Err(GitError::MissingObject(_))), "{picked:?}");
            }
            let picked = completed.pick(&source, &[target]).unwrap().pop().unwrap();
            let outcome = picked.unwrap().outcome;
            assert!(matches!(outcome, Outcome::Clean { tree, .. } if tree == expected), "{outcome:?}");
            let missing = lab.git_in(&dir, &["rev-list", "--objects", "--all", "--missing=print"]);
            let untouched = lab.git(&["rev-parse", "main:binary"]);
            assert!(missing.contains(&format!("?{untouched}")), "fetched what nobody needed");
            assert!(!dir.join(".git/FETCH_HEAD").exists());
            let (_, repo) = clone(&lab, &format!("forecast{filter}"), &["--no-checkout", filter]);
            let completed = Completed { repo: &repo, remote: "origin", credential: None };
            let coming = completed.predict(target, landed).unwrap();
            assert!(matches!(coming, Coming::Merge(_)), "{coming:?}");
        }
    }
}
