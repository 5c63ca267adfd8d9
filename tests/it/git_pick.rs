//! Picks by kind: what conflicts and how it is named, which attributes and settings count, what is refused.

use git_hotfix::git::adopt::{self, Adoption};
use git_hotfix::git::commit::{self, Options};
use git_hotfix::git::conflict::{self, ConflictKind};
use git_hotfix::git::landed::{self, Contained, Source, SourceError};
use git_hotfix::git::pick::{self, Coming, Outcome};
use git_hotfix::git::{Git, GitError, Oid, Repo};

use super::git_lab::{Lab, gits, lines, untouched};

/// `main` and `target` part at a common commit; each edits the work tree in its own way.
fn parted(lab: &Lab, base: impl Fn(&Lab), ours: impl Fn(&Lab), theirs: impl Fn(&Lab)) -> (Oid, Oid) {
    base(lab);
    let root = lab.commit("base");
    lab.branch("target", root);
    ours(lab);
    let target = lab.commit("ours");
    lab.branch("main", root);
    theirs(lab);
    (target, lab.commit("theirs"))
}

fn pick(lab: &Lab, target: Oid, landed: Oid) -> Outcome {
    let repo = lab.repo();
    let source = Source::landed(&repo, landed, landed, None).unwrap();
    pick::pick(&repo, &source, &[target]).pop().unwrap().unwrap().outcome
}

fn kinds(outcome: Outcome) -> Vec<(String, ConflictKind)> {
    match outcome {
        Outcome::Conflicts { paths, .. } => {
            paths.into_iter().map(|found| (found.path.to_string(), found.kind)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn edit(lab: &Lab, path: &str, from: &str, to: &str) {
    let old = std::fs::read_to_string(lab.top().join(path)).unwrap();
    lab.write(path, old.replacen(from, to, 1));
}

#[test]
fn each_kind_of_conflict_has_its_name() {
    type Side = fn(&Lab);
    type Row = (&'static str, Side, Side, Side, &'static [(&'static str, ConflictKind)]);
    let table: [Row; 10] = [
        (
            "content",
            |lab| lab.write("f", lines(1..=9)),
            |lab| edit(lab, "f", "line 5\n", "ours\n"),
            |lab| edit(lab, "f", "line 5\n", "theirs\n"),
            &[("f", ConflictKind::Content)],
        ),
        (
            "add/add",
            |lab| lab.write("f", "f"),
            |lab| lab.write("g", "ours\n"),
            |lab| lab.write("g", "theirs\n"),
            &[("g", ConflictKind::AddAdd)],
        ),
        (
            "deleted on the target",
            |lab| lab.write("f", lines(1..=9)),
            |lab| std::fs::remove_file(lab.top().join("f")).unwrap(),
            |lab| edit(lab, "f", "line 5\n", "theirs\n"),
            &[("f", ConflictKind::DeletedOnTarget)],
        ),
        (
            "deleted by the change",
            |lab| lab.write("f", lines(1..=9)),
            |lab| edit(lab, "f", "line 5\n", "ours\n"),
            |lab| std::fs::remove_file(lab.top().join("f")).unwrap(),
            &[("f", ConflictKind::DeletedByChange)],
        ),
        (
            "binary",
            |lab| lab.write("f", b"\0base"),
            |lab| lab.write("f", b"\0ours"),
            |lab| lab.write("f", b"\0theirs"),
            &[("f", ConflictKind::Binary)],
        ),
        (
            "renamed here, deleted there",
            |lab| lab.write("f", lines(1..=9)),
            |lab| std::fs::rename(lab.top().join("f"), lab.top().join("g")).unwrap(),
            |lab| std::fs::remove_file(lab.top().join("f")).unwrap(),
            &[("g", ConflictKind::RenameDelete)],
        ),
        (
            "renamed on both sides",
            |lab| lab.write("f", lines(1..=9)),
            |lab| std::fs::rename(lab.top().join("f"), lab.top().join("g")).unwrap(),
            |lab| std::fs::rename(lab.top().join("f"), lab.top().join("h")).unwrap(),
            &[
                ("f", ConflictKind::RenameRename),
                ("g", ConflictKind::RenameRename),
                ("h", ConflictKind::RenameRename),
            ],
        ),
        (
            "a file here, a directory there",
            |lab| lab.write("f", "f"),
            |lab| lab.write("g/inside", "ours\n"),
            |lab| lab.write("g", "theirs\n"),
            &[("g", ConflictKind::FileDirectory)],
        ),
        (
            "a file here, a link there",
            |lab| lab.write("f", "f"),
            |lab| lab.write("g", "ours\n"),
            |lab| std::os::unix::fs::symlink("f", lab.top().join("g")).unwrap(),
            &[("g", ConflictKind::Type)],
        ),
        (
            "a file in a directory that was renamed",
            |lab| (1..5).for_each(|number| lab.write(&format!("d/{number}"), lines(number..=number + 20))),
            |lab| std::fs::rename(lab.top().join("d"), lab.top().join("e")).unwrap(),
            |lab| lab.write("d/new", "theirs\n"),
            &[("e/new", ConflictKind::DirectoryRename)],
        ),
    ];
    for program in gits() {
        for (name, base, ours, theirs, expected) in &table {
            let lab = Lab::new(&program);
            let (target, landed) = parted(&lab, base, ours, theirs);
            let found = untouched(&lab, || kinds(pick(&lab, target, landed)));
            assert!(found.iter().all(|(_, kind)| ConflictKind::named(kind.name()) == *kind));
            let found: Vec<(&str, ConflictKind)> =
                found.iter().map(|(path, kind)| (path.as_str(), *kind)).collect();
            assert_eq!(&found, expected, "{name}");
        }
    }
}

#[test]
fn a_submodule_that_moved_on_both_sides_conflicts() {
    for program in gits() {
        let lab = Lab::new(&program);
        let at = |lab: &Lab, digit: &str| {
            lab.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", digit.repeat(40))]);
        };
        let commit = |lab: &Lab, digit| {
            at(lab, digit);
            lab.git(&["commit", "-q", "-m", digit]);
            lab.id("HEAD")
        };
        let base = commit(&lab, "1");
        let ours = commit(&lab, "2");
        lab.git(&["reset", "-q", "--hard", &base.to_string()]);
        let theirs = commit(&lab, "3");
        assert_eq!(kinds(pick(&lab, ours, theirs)), [("sub".to_owned(), ConflictKind::Submodule)]);
        assert!(matches!(pick(&lab, base, theirs), Outcome::Clean { .. }));
    }
}

#[test]
fn a_submodule_that_merely_moved_on_is_clean_as_in_a_work_tree() {
    for program in gits() {
        let lab = Lab::new(&program);
        let inner = lab.dir().join("inner");
        lab.git(&["init", "-q", "-b", "main", inner.to_str().unwrap()]);
        let step = |message: &str| {
            lab.git_in(&inner, &["commit", "-q", "--allow-empty", "-m", message]);
            lab.git_in(&inner, &["rev-parse", "HEAD"])
        };
        let (_, second, third) = (step("one"), step("two"), step("three"));
        lab.git_in(&inner, &["checkout", "-q", "HEAD~2"]);
        let inner_url = inner.to_str().unwrap();
        lab.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", inner_url, "sub"]);
        let base = lab.commit("base");
        let at = |id: &str| {
            lab.git(&["-C", "sub", "checkout", "-q", id]);
            lab.commit(id)
        };
        let ours = at(&second);
        lab.branch("main", base);
        let theirs = at(&third);
        let Outcome::Clean { tree, .. } = pick(&lab, ours, theirs) else { panic!() };
        lab.git(&["checkout", "-q", &ours.to_string()]);
        lab.git(&["submodule", "-q", "update"]);
        lab.git(&["cherry-pick", &theirs.to_string()]);
        assert_eq!(lab.id("HEAD^{tree}"), tree);
    }
}

/// Each with edits far apart in `f` and `d/f`, which merge cleanly unless something forbids it.
fn far_apart(lab: &Lab, ours: impl Fn(&Lab), theirs: impl Fn(&Lab)) -> (Oid, Oid) {
    parted(
        lab,
        |lab| {
            lab.write("f", lines(1..=20));
            lab.write("d/f", lines(1..=20));
        },
        |lab| {
            edit(lab, "f", "line 2\n", "ours\n");
            edit(lab, "d/f", "line 2\n", "ours\n");
            ours(lab);
        },
        |lab| {
            edit(lab, "f", "line 18\n", "theirs\n");
            edit(lab, "d/f", "line 18\n", "theirs\n");
            theirs(lab);
        },
    )
}

#[test]
fn the_targets_own_attributes_count_wherever_they_stand() {
    for program in gits() {
        let none = |_: &Lab| {};
        let top = |lab: &Lab| lab.write(".gitattributes", "f -merge\n");
        let nested = |lab: &Lab| lab.write("d/.gitattributes", "f -merge\n");
        let both = ["d/f", "f"];
        type Side<'a> = &'a dyn Fn(&Lab);
        let table: [(Side<'_>, Side<'_>, &[&str]); 4] =
            [(&none, &none, &[]), (&top, &none, &both), (&nested, &none, &["d/f"]), (&none, &top, &[])];
        for (ours, theirs, expected) in table {
            let lab = Lab::new(&program);
            let (target, landed) = far_apart(&lab, ours, theirs);
            let found = match pick(&lab, target, landed) {
                Outcome::Clean { .. } => Vec::new(),
                outcome => kinds(outcome).into_iter().map(|(path, _)| path).collect(),
            };
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn drivers_union_and_renormalize_work_as_in_a_work_tree() {
    for program in gits() {
        let lab = Lab::new(&program);
        lab.git(&["config", "merge.mine.driver", "cp %B %A && touch driver-ran"]);
        let clash = |attributes: &'static str| {
            move |lab: &Lab| {
                lab.write("f", lines(1..=9));
                lab.write(".gitattributes", attributes);
            }
        };
        let ours = |lab: &Lab| edit(lab, "f", "line 5\n", "ours\n");
        let theirs = |lab: &Lab| edit(lab, "f", "line 5\n", "theirs\n");
        for (attributes, expected) in [("f merge=mine\n", "theirs"), ("f merge=union\n", "ours\ntheirs")] {
            let (target, landed) = parted(&lab, clash(attributes), ours, theirs);
            let Outcome::Clean { tree, .. } = untouched(&lab, || pick(&lab, target, landed)) else {
                panic!("{attributes}")
            };
            let content = lab.git(&["cat-file", "blob", &format!("{tree}:f")]);
            assert!(content.contains(&format!("line 4\n{expected}\nline 6")), "{content}");
            assert!(!lab.top().join("driver-ran").exists());
        }
        // The target turned a file to CRLF; with renormalize that is no change.
        let lab = Lab::new(&program);
        lab.git(&["config", "merge.renormalize", "true"]);
        lab.git(&["config", "core.safecrlf", "false"]);
        let (target, landed) = parted(
            &lab,
            |lab| lab.write("f", lines(1..=9).replace('\n', "\r\n")),
            |lab| {
                lab.write(".gitattributes", "* text\n");
                lab.write("f", lines(1..=9));
            },
            |lab| edit(lab, "f", "line 5\r\n", "theirs\r\n"),
        );
        assert!(matches!(pick(&lab, target, landed), Outcome::Clean { .. }));
    }
}

/// Git counts attributes that only the merge brings where it renormalizes, and only there.
#[test]
fn attributes_that_the_change_brings_count_where_git_renormalizes() {
    for program in gits() {
        let lab = Lab::new(&program);
        let (target, landed) = parted(
            &lab,
            |lab| lab.write("f", lines(1..=9)),
            |lab| edit(lab, "f", "line 1\n", "ours\n"),
            |lab| {
                lab.write(".gitattributes", "f -merge\n");
                edit(lab, "f", "line 9\n", "theirs\n");
            },
        );
        for (setting, clean) in [("true", false), ("false", true)] {
            lab.git(&["config", "merge.renormalize", setting]);
            let by_git = {
                lab.git(&["checkout", "-q", "--detach", &target.to_string()]);
                let done = lab.try_git(&["cherry-pick", &landed.to_string()]).status.success();
                lab.try_git(&["cherry-pick", "--abort"]);
                done
            };
            let ours = matches!(pick(&lab, target, landed), Outcome::Clean { .. });
            assert_eq!((by_git, ours), (clean, clean), "{} {setting}", program.display());
        }
    }
}

/// Git forgets the base's attributes, where it renormalizes, once it has looked into files for renames.
#[test]
fn attributes_of_the_base_count_where_git_renormalizes_and_looks_for_no_renames() {
    for program in gits() {
        for renames in [false, true] {
            let lab = Lab::new(&program);
            lab.git(&["config", "merge.renormalize", "true"]);
            lab.git(&["config", "core.splitIndex", "true"]);
            let (target, main) = parted(
                &lab,
                |lab| (1..=3).for_each(|number| lab.write(&format!("{number}"), lines(number..=number + 9))),
                |lab| {
                    edit(lab, "2", "line 5\n", "ours\n");
                    edit(lab, "3", "line 3\n", "ours\n");
                },
                |lab| lab.write(".gitattributes", "* text=auto\n"),
            );
            // The fix turns a file to CRLF in the repository itself.
            lab.git(&["checkout", "-q", "-f", "--detach", &main.to_string()]);
            lab.write("crlf", lines(3..=12).replace('\n', "\r\n"));
            let crlf = lab.git(&["hash-object", "-w", "--no-filters", "crlf"]);
            lab.git(&["update-index", "--cacheinfo", &format!("100644,{crlf},3")]);
            if renames {
                lab.git(&["rm", "-q", "--cached", "2"]);
                lab.write("new", "something else\n");
                lab.git(&["add", "new"]);
            }
            let tree = lab.git(&["write-tree"]);
            let fix = lab.git(&["commit-tree", &tree, "-p", &main.to_string(), "-m", "fix"]);
            lab.git(&["reset", "-q", "--hard"]);
            lab.git(&["clean", "-q", "-fd"]);
            let fix = Oid::from_hex(fix.as_bytes()).unwrap();
            lab.branch("main", fix);
            let by_git = {
                lab.git(&["checkout", "-q", "-f", "--detach", &target.to_string()]);
                lab.try_git(&["cherry-pick", "--keep-redundant-commits", &fix.to_string()]);
                let unmerged = lab.git(&["ls-files", "-u"]);
                lab.try_git(&["cherry-pick", "--abort"]);
                ["2", "3"].map(|path| unmerged.lines().any(|line| line.ends_with(path)))
            };
            let ours = match untouched(&lab, || pick(&lab, target, fix)) {
                Outcome::Conflicts { paths, .. } => {
                    ["2", "3"].map(|path| paths.iter().any(|found| found.path == path))
                }
                _ => [false, false],
            };
            assert_eq!((by_git, ours), ([renames; 2], [renames; 2]), "{} {renames}", program.display());
        }
    }
}

#[test]
fn merge_settings_are_the_users() {
    for program in gits() {
        let lab = Lab::new(&program);
        let (target, landed) = parted(
            &lab,
            |lab| (1..5).for_each(|number| lab.write(&format!("d/{number}"), lines(number..=number + 20))),
            |lab| std::fs::rename(lab.top().join("d"), lab.top().join("e")).unwrap(),
            |lab| lab.write("d/new", "theirs\n"),
        );
        for (setting, path) in [("true", "e/new"), ("false", "d/new")] {
            lab.git(&["config", "merge.directoryRenames", setting]);
            let Outcome::Clean { tree, .. } = pick(&lab, target, landed) else { panic!("{setting}") };
            lab.git(&["cat-file", "-e", &format!("{tree}:{path}")]);
        }
    }
}

#[test]
fn an_octopus_a_root_and_a_stranger_are_refused() {
    let lab = Lab::new(&gits()[0]);
    lab.write("f", "f");
    let root = lab.commit("root");
    let tree = lab.git(&["rev-parse", "HEAD^{tree}"]);
    let on = |parents: &[Oid], message: &str| {
        let mut args = vec!["commit-tree".to_owned(), tree.clone(), "-m".into(), message.into()];
        parents.iter().for_each(|parent| args.extend(["-p".into(), parent.to_string()]));
        Oid::from_hex(lab.git(&args).as_bytes()).unwrap()
    };
    let (one, two) = (on(&[root], "one"), on(&[root], "two"));
    let octopus = on(&[root, one, two], "octopus");
    let merge = on(&[one, two], "merge");
    let repo = lab.repo();
    let landed = |commit, main, base| Source::landed(&repo, commit, main, base);
    assert!(matches!(landed(root, root, None), Err(SourceError::Root(_))));
    assert!(matches!(landed(octopus, octopus, None), Err(SourceError::Octopus { parents: 3, .. })));
    assert!(matches!(landed(one, two, None), Err(SourceError::NotOn { .. })));
    assert!(matches!(landed(merge, merge, Some(root)), Err(SourceError::MergeInSeries(_))));
    assert!(matches!(landed(two, merge, Some(one)), Err(SourceError::NotBelow { .. })));
    assert_eq!(landed(merge, merge, None).unwrap().picks[0].mainline, Some(1));
}

#[test]
fn many_targets_are_one_answer_each() {
    for program in gits() {
        let lab = Lab::new(&program);
        let (conflicting, landed) = parted(
            &lab,
            |lab| lab.write("f", lines(1..=20)),
            |lab| edit(lab, "f", "line 5\n", "ours\n"),
            |lab| edit(lab, "f", "line 5\n", "theirs\n"),
        );
        let clean = lab.id(&format!("{landed}^"));
        lab.branch("attributes", clean);
        lab.write(".gitattributes", "f -merge\n");
        edit(&lab, "f", "line 15\n", "ours\n");
        let by_attribute = lab.commit("attributes");
        let missing = Oid::from_hex("1".repeat(40).as_bytes()).unwrap();
        let repo = lab.repo();
        let source = Source::landed(&repo, landed, landed, None).unwrap();
        let targets = [clean, conflicting, missing, landed, by_attribute, clean];
        let picked = untouched(&lab, || pick::pick(&repo, &source, &targets));
        let outcomes: Vec<_> = picked.into_iter().map(|picked| picked.map(|picked| picked.outcome)).collect();
        assert!(
            matches!(
                &outcomes[..],
                [
                    Ok(Outcome::Clean { .. }),
                    Ok(Outcome::Conflicts { .. }),
                    Err(GitError::MissingObject(_)),
                    Ok(Outcome::AlreadyThere),
                    Ok(Outcome::Conflicts { .. }),
                    Ok(Outcome::Clean { .. }),
                ]
            ),
            "{outcomes:?}"
        );
    }
}

#[test]
fn a_forecast_is_the_pick_of_the_merge_to_come() {
    for program in gits() {
        let lab = Lab::new(&program);
        let (target, head) = parted(
            &lab,
            |lab| lab.write("f", lines(1..=20)),
            |lab| edit(lab, "f", "line 5\n", "ours\n"),
            |lab| edit(lab, "f", "line 15\n", "fix\n"),
        );
        let base = lab.id(&format!("{head}^"));
        lab.branch("elsewhere", base);
        lab.write("g", "new on main");
        let main = lab.commit("main moved on");
        let repo = lab.repo();
        let coming = untouched(&lab, || pick::predict(&repo, head, main).unwrap());
        let Coming::Merge(source) = coming else { panic!("{coming:?}") };
        let picked = pick::pick(&repo, &source, &[target]).pop().unwrap().unwrap();
        let Outcome::Clean { tree, .. } = picked.outcome else { panic!("{picked:?}") };
        assert_eq!(lab.git(&["ls-tree", "--name-only", &tree.to_string()]), "f");
        assert_eq!(pick::predict(&repo, base, main).unwrap(), Coming::Nothing);
        edit(&lab, "f", "line 15\n", "other\n");
        let other = lab.commit("in the way");
        let Coming::Conflicts(paths) = pick::predict(&repo, head, other).unwrap() else { panic!() };
        assert_eq!(paths[0].path, "f");
    }
}

#[cfg(unix)]
#[test]
fn a_git_that_breaks_on_renames_gets_a_second_chance_and_costs_no_neighbour() {
    use std::os::unix::fs::PermissionsExt;
    // Aborts as git 2.47 does, unless directory renames are off; and always among several rows.
    let program = gits().remove(0);
    let lab = Lab::new(&program);
    let shim = lab.dir().join("git");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *directoryRenames=false*) ;; *merge-tree*) kill -ABRT $$ ;; esac\nexec {} \"$@\"\n",
        program.display()
    );
    std::fs::write(&shim, text).unwrap();
    std::fs::set_permissions(&shim, PermissionsExt::from_mode(0o755)).unwrap();
    let (target, landed) = far_apart(&lab, |_| {}, |_| {});
    let mut git = Git::at(&shim);
    for (name, value) in lab.environment() {
        git = git.with_env(name, value);
    }
    let repo = Repo::discover(git, Some(lab.top())).unwrap();
    let source = Source::landed(&repo, landed, landed, None).unwrap();
    for picked in pick::pick(&repo, &source, &[target, target]) {
        let picked = picked.unwrap();
        assert!(matches!(picked.outcome, Outcome::Clean { .. }));
        assert!(picked.directory_renames_off);
    }
    // Any other end is a failure, never a conflict.
    std::fs::write(
        &shim,
        format!(
            "#!/bin/sh\ncase \"$*\" in *merge-tree*) exit 1 ;; esac\nexec {} \"$@\"\n",
            program.display()
        ),
    )
    .unwrap();
    let picked = pick::pick(&repo, &source, &[target]).pop().unwrap();
    assert!(matches!(picked, Err(GitError::Answer { .. })), "{picked:?}");
}

#[test]
fn what_a_target_holds_is_found_by_history_and_by_line() {
    let lab = Lab::new(&gits()[0]);
    let (target, landed) =
        parted(&lab, |lab| lab.write("f", "f"), |lab| lab.write("g", "g"), |lab| lab.write("h", "h"));
    let repo = lab.repo();
    let source = Source::landed(&repo, landed, landed, None).unwrap();
    let contained = |at| landed::contained(&repo, at, &source).unwrap();
    assert_eq!(contained(target), None);
    assert_eq!(contained(landed), Some(Contained::Ancestor));
    lab.git(&["checkout", "-q", "target"]);
    lab.git(&["cherry-pick", "-x", &landed.to_string()]);
    let picked = lab.id("HEAD");
    assert_eq!(contained(picked), Some(Contained::CherryPickedLine(picked)));
    lab.git(&["revert", "--no-edit", "HEAD"]);
    assert_eq!(contained(lab.id("HEAD")), None, "what was reverted is not there");
    lab.git(&["checkout", "-q", "main"]);
    assert_eq!(landed::reverted_by(&repo, lab.id("HEAD"), &source).unwrap(), None);
    lab.git(&["revert", "--no-edit", "HEAD"]);
    let revert = lab.id("HEAD");
    assert_eq!(landed::reverted_by(&repo, revert, &source).unwrap().unwrap().id, revert);
    lab.git(&["revert", "--no-edit", "HEAD"]);
    assert_eq!(landed::reverted_by(&repo, lab.id("HEAD"), &source).unwrap(), None);
}

#[test]
fn who_touched_a_path_is_who_git_log_names() {
    let lab = Lab::new(&gits()[0]);
    let (_, landed) = parted(
        &lab,
        |lab| lab.write("f", lines(1..=20)),
        |lab| edit(lab, "f", "line 5\n", "ours\n"),
        |lab| edit(lab, "f", "line 5\n", "theirs\n"),
    );
    lab.git(&["checkout", "-q", "target"]);
    lab.write("g", "g");
    lab.commit("elsewhere");
    edit(&lab, "f", "line 9\n", "again\n");
    lab.commit("again");
    lab.git(&["checkout", "-q", "-b", "side", "HEAD~2"]);
    lab.write("s", "s");
    lab.commit("side");
    lab.git(&["checkout", "-q", "target"]);
    lab.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let (target, base) = (lab.id("HEAD"), lab.id(&format!("{landed}^")));
    let found = conflict::touched_by(&lab.repo(), base, target, &["f".into(), "g".into(), "none".into()], 10)
        .unwrap();
    let subjects: Vec<Vec<String>> =
        found.iter().map(|commits| commits.iter().map(|commit| commit.subject()).collect()).collect();
    assert_eq!(subjects, [vec!["again", "ours"], vec!["elsewhere"], vec![]]);
}

#[test]
fn a_branch_is_adopted_by_its_trees_never_by_its_ids() {
    for program in gits() {
        let lab = Lab::new(&program);
        let (target, landed) = parted(
            &lab,
            |lab| lab.write("f", lines(1..=20)),
            |lab| edit(lab, "f", "line 5\n", "ours\n"),
            |lab| edit(lab, "f", "line 15\n", "theirs\n"),
        );
        let repo = lab.repo();
        let source = Source::landed(&repo, landed, landed, None).unwrap();
        let inspect = |tip: Oid| adopt::inspect(&repo, tip, target, &source).unwrap();
        lab.git(&["checkout", "-q", "-B", "backport", &target.to_string()]);
        lab.git(&["cherry-pick", &landed.to_string()]);
        assert_eq!(inspect(lab.id("HEAD")), Adoption::Recomputes);
        lab.write("extra", "extra");
        assert!(matches!(inspect(lab.commit("extra")), Adoption::Foreign { .. }));
        let paths = [];
        let placeholder =
            commit::write_placeholder(&repo, &source, target, &paths, &Options::default()).unwrap();
        assert_eq!(inspect(placeholder), Adoption::Placeholder);
        lab.git(&["checkout", "-q", "-B", "backport", &placeholder.to_string()]);
        lab.git(&["cherry-pick", &landed.to_string()]);
        assert_eq!(inspect(lab.id("HEAD")), Adoption::PlaceholderWithWorkOnTop);
        // A tool that wrote no trailer.
        lab.git(&["checkout", "-q", "-B", "backport", &target.to_string()]);
        let old = lab.commit("Backport conflicts, please resolve");
        assert_eq!(inspect(old), Adoption::Placeholder);
        lab.write("f", "resolved");
        assert_eq!(inspect(lab.commit("resolve")), Adoption::PlaceholderWithWorkOnTop);
        assert!(matches!(inspect(target), Adoption::Foreign { .. }));
        // A spoofed line over another content.
        lab.git(&["checkout", "-q", "-B", "backport", &target.to_string()]);
        lab.write("f", "spoof");
        let spoof = lab.commit(&format!("fix\n\n(cherry picked from commit {landed})"));
        assert!(matches!(inspect(spoof), Adoption::Foreign { .. }));
    }
}
