//! The committed manual is the one that the program makes. `UPDATE=1 cargo test generated` rewrites it.

use std::collections::BTreeMap;
use std::path::Path;

use clap::ValueEnum;
use git_hotfix::command::completion::Shell;
use git_hotfix::manual;

/// A page without its version, which changes with every release.
fn unversioned(page: &str) -> String {
    let line = |line: &str| match line.split_once(" \"git\\-hotfix ") {
        Some((title, _)) if title.starts_with(".TH ") => format!("{title}\n"),
        _ => format!("{line}\n"),
    };
    page.lines().map(line).collect()
}

#[test]
fn the_committed_manual_is_what_the_command_line_says() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let made: BTreeMap<String, String> =
        manual::pages().into_iter().map(|page| (page.file_name, page.text)).collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "whether pages are rewritten is for the environment to say"
    )]
    let update = std::env::var_os("UPDATE").is_some();
    if update {
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        made.iter().for_each(|(name, text)| std::fs::write(dir.join(name), text).unwrap());
    }
    let committed: BTreeMap<String, String> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(&committed), names(&made), "rewrite them: UPDATE=1 cargo test generated");
    for (name, text) in &made {
        assert!(
            unversioned(&committed[name]) == unversioned(text),
            "man/{name} is old; rewrite it: UPDATE=1 cargo test generated"
        );
    }
}

#[test]
fn a_page_has_one_title_no_date_and_no_hidden_command() {
    for page in manual::pages() {
        assert!(page.text.starts_with(manual::MARK), "{}", page.file_name);
        if page.text.lines().nth(1).is_some_and(|line| line.starts_with(".so man1/git-hotfix-")) {
            continue;
        }
        let titles: Vec<&str> = page.text.lines().filter(|line| line.starts_with(".TH ")).collect();
        let name = page.file_name.trim_end_matches(".1");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(titles, [format!(".TH {name} 1 \"\" \"git\\-hotfix {version}\" \"Git Hotfix Manual\"")]);
        assert!(!page.file_name.contains("complete."), "{}", page.file_name);
    }
}

#[test]
fn the_printed_scripts_are_the_committed_ones() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let names = ["git-hotfix.bash", "_git-hotfix", "git-hotfix.fish"];
    for (shell, name) in Shell::value_variants().iter().zip(names) {
        let shell_name = name.trim_start_matches("_git-hotfix").trim_start_matches("git-hotfix.");
        let printed = assert_cmd::Command::cargo_bin("git-hotfix")
            .unwrap()
            .args(["completion", if shell_name.is_empty() { "zsh" } else { shell_name }])
            .output()
            .unwrap();
        assert!(printed.status.success());
        // Nothing in them is changed on the way to the screen.
        let committed = std::fs::read_to_string(dir.join(name)).unwrap();
        assert_eq!(String::from_utf8(printed.stdout).unwrap(), committed, "{name}");
        assert_eq!(shell.script(), committed, "{name}");
    }
}
