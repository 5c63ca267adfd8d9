//! Where work trees are touched: `start`, and finishing a conflict in a linked one.

use git_hotfix::git::landed::Source;
use git_hotfix::git::worktree::PickState;
use git_hotfix::git::{GitError, Head, Oid, Repo};

use super::git_lab::{Lab, gits, lines};

#[test]
fn start_carries_changes_over_where_git_would() {
    for program in gits() {
        let lab = Lab::new(&program);
        lab.write("f", "f\n");
        lab.write("g", "g\n");
        let root = lab.commit("root");
        lab.write("f", "main\n");
        let main = lab.commit("main");
        lab.branch("work", root);
        let repo = lab.repo();
        assert!(!repo.is_dirty().unwrap());
        lab.write("untracked", "u");
        assert!(!repo.is_dirty().unwrap());
        lab.write("g", "changed\n");
        assert!(repo.is_dirty().unwrap());
        repo.create_and_switch("hotfix/x", main).unwrap();
        let head = Head::Branch { name: "hotfix/x".to_owned(), tip: Some(main) };
        assert_eq!(repo.head().unwrap(), head);
        assert_eq!(std::fs::read_to_string(lab.top().join("g")).unwrap(), "changed\n");
        lab.write("f", "in the way\n");
        let Err(GitError::Failed { stderr, .. }) = repo.create_and_switch("hotfix/y", root) else { panic!() };
        assert!(stderr.contains("would be overwritten"), "{stderr}");
        assert_eq!(repo.ref_tip("refs/heads/hotfix/y").unwrap(), None);
        let refused = repo.create_and_switch("-x", root);
        assert!(matches!(refused, Err(GitError::BadName { .. })));
        let dir = lab.dir().join("linked");
        repo.add_worktree(&dir, main, Some("hotfix/z")).unwrap();
        let trees = repo.worktrees().unwrap();
        assert_eq!(trees[1].branch.as_deref(), Some("hotfix/z"));
        assert_eq!(trees[1].head, Some(main));
    }
}

/// A conflicting fix, a linked work tree at the target, and the repository as seen from there.
fn conflict(lab: &Lab) -> (Oid, Source, Repo) {
    lab.write("f", lines(1..=9));
    lab.write("g", lines(1..=9));
    let root = lab.commit("base");
    lab.branch("target", root);
    lab.write("f", lines(1..=9).replace("line 5\n", "ours\n"));
    let target = lab.commit("ours");
    lab.branch("fix", root);
    lab.write("f", lines(1..=9).replace("line 5\n", "theirs\n"));
    lab.commit("fix");
    lab.git(&["checkout", "-q", "main"]);
    lab.git(&["merge", "-q", "--no-ff", "-m", "Merge fix", "fix"]);
    let landed = lab.id("HEAD");
    let repo = lab.repo();
    let source = Source::landed(&repo, landed, landed, None).unwrap();
    let dir = lab.dir().join("linked");
    repo.add_worktree(&dir, target, None).unwrap();
    (target, source, lab.repo_at(&dir))
}

#[test]
fn a_conflict_is_finished_whichever_way_people_go() {
    type Finish = fn(&Lab, &Repo, Oid);
    let ways: [Finish; 3] = [
        |_, repo, target| {
            let state = repo.continue_pick(target).unwrap();
            assert!(matches!(state, PickState::Committed(_)), "{state:?}");
        },
        |lab, repo, _| drop(lab.git_in(repo.work_tree().unwrap(), &["commit", "-q", "--no-edit"])),
        |lab, repo, _| {
            let args = ["-c", "core.editor=:", "cherry-pick", "--continue"];
            drop(lab.git_in(repo.work_tree().unwrap(), &args));
        },
    ];
    for program in gits() {
        for finish in ways {
            let lab = Lab::new(&program);
            let (target, source, repo) = conflict(&lab);
            let dir = repo.work_tree().unwrap().to_owned();
            assert_eq!(repo.pick_state(target).unwrap(), PickState::NotStarted);
            let state = repo.start_pick(&source).unwrap();
            assert_eq!(state, PickState::Unresolved(vec!["f".into()]));
            assert!(matches!(repo.continue_pick(target), Err(GitError::Failed { .. })));
            lab.git_in(&dir, &["add", "f"]);
            assert_eq!(repo.pick_state(target).unwrap(), PickState::MarkersLeft(vec!["f".into()]));
            std::fs::write(dir.join("f"), lines(1..=9).replace("line 5\n", "both\n")).unwrap();
            lab.git_in(&dir, &["add", "f"]);
            assert_eq!(repo.pick_state(target).unwrap(), PickState::Resolved);
            finish(&lab, &repo, target);
            let PickState::Committed(tip) = repo.pick_state(target).unwrap() else { panic!() };
            let commit = repo.commit(tip).unwrap();
            assert_eq!(commit.parents, [target]);
            assert!(commit.message.to_string().contains("(cherry picked from commit "));
            lab.repo().remove_worktree(&dir).unwrap();
            assert!(!dir.exists());
            assert_eq!(lab.repo().worktrees().unwrap().len(), 1);
        }
    }
}

#[test]
fn an_abandoned_pick_is_seen_as_not_started() {
    let lab = Lab::new(&gits()[0]);
    let (target, source, repo) = conflict(&lab);
    repo.start_pick(&source).unwrap();
    lab.git_in(repo.work_tree().unwrap(), &["cherry-pick", "--abort"]);
    assert_eq!(repo.pick_state(target).unwrap(), PickState::NotStarted);
    let bare = lab.dir().join("bare.git");
    lab.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    assert!(matches!(lab.repo_at(&bare).is_dirty(), Err(GitError::NotARepository { .. })));
}
