//! Which git is taken, and which is not.

use super::*;

#[cfg(unix)]
#[test]
fn a_repository_cannot_bring_its_own_git() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let plant = |place: &Path| {
        std::fs::create_dir_all(place).unwrap();
        let file = place.join("git");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        file
    };
    let repo = dir.path().join("repo");
    plant(&repo.join("bin"));
    std::fs::create_dir_all(repo.join(".git")).unwrap();
    let good = plant(&dir.path().join("usr"));
    let path =
        std::env::join_paths([Path::new(""), Path::new("bin"), &repo.join("bin"), &dir.path().join("usr")])
            .unwrap();
    assert_eq!(Git::find(&path, &repo).unwrap().program(), good);
    let only = std::env::join_paths([&repo.join("bin")]).unwrap();
    assert!(matches!(Git::find(&only, &repo), Err(GitError::NotFound)));
}

#[cfg(unix)]
#[test]
fn an_old_git_is_refused_by_name() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("git");
    std::fs::write(&file, "#!/bin/sh\necho git version 2.30.2\n").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    let error = Git::at(file).version().unwrap_err();
    assert!(error.to_string().contains("2.30.2"), "{error}");
}
