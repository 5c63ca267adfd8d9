//! `ci template`: what it prints for several configurations, and what it refuses.
//!
//! The expected files stand in `tests/data/ci-template`, where `tests/ci-template/run` holds them against
//! GitLab's schema. `UPDATE=1 cargo test ci_template` rewrites them.

use std::path::Path;

use crate::cli_lab::{Clone, Ran};

/// What a clone with this `.hotfix.toml` on main prints.
fn printed(file: &str, args: &[&str]) -> Ran {
    let files: &[(&str, &str)] = &[(".hotfix.toml", file)];
    let clone = Clone::new(if file.is_empty() { &[] } else { files });
    clone.git(&["push", "-q", "origin", "main:trunk"]);
    clone.git(&["fetch", "-q"]);
    clone.run(&[&["ci", "template"], args].concat())
}

#[track_caller]
fn expect(name: &str, file: &str, args: &[&str]) -> String {
    let ran = printed(file, args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/ci-template/{name}.yml"));
    #[expect(
        clippy::disallowed_methods,
        reason = "whether files are rewritten is for the environment to say"
    )]
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &ran.out).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(
        ran.out == expected,
        "{name}.yml is old; rewrite it: UPDATE=1 cargo test ci_template\n{}",
        ran.out
    );
    assert_eq!(printed(file, args).out, expected, "the same twice");
    expected
}

const RENAMED: &str = r#"
[branches]
production = "trunk"
targets = ["develop", "release/*"]

[deploy]
job = ["Deploy: production", "deploy-emergency"]
rollback_job = "yes"
environment = "prod/eu"
apps = ["shop front", "api"]

[migrations]
job = "migrate # prod"
paths = ["sql/**", "**/*.sql", "schema.rb"]

[backport]
job = "back-port"
"#;

#[test]
fn with_nothing_configured_the_names_are_the_defaults() {
    expect("default", "", &[]);
}

#[test]
fn names_that_yaml_would_misread_stay_what_they_are() {
    let args = [
        "--stage",
        "release",
        "--image",
        "registry.example/tools/hotfix:1.2",
        "--tag",
        "prod",
        "--tag",
        "no",
        "--resource-group",
        "production",
        "--scoped-migrations",
        "--migrate-app",
        "shop front",
        "--gate",
        "--",
        "sh",
        "-c",
        "it's: $HOME # run",
    ];
    let file = expect("renamed", RENAMED, &args);
    assert!(
        file.contains("git hotfix ci migrate --app 'shop front' -- sh -c 'it'\\\\''s: $HOME # run'"),
        "{file}"
    );
}

#[test]
fn what_a_project_does_not_have_is_not_in_the_file() {
    let file =
        expect("bare", "[branches]\ntargets = []\n[migrations]\npaths = []\n[deploy]\napps = []\n", &[]);
    for absent in ["migrat", "hotfix-backport", "CI_COMMIT_TITLE"] {
        assert!(!file.to_lowercase().contains(&absent.to_lowercase()), "{absent}:\n{file}");
    }
}

#[test]
fn what_no_file_can_hold_is_refused() {
    let errors = [
        ("[deploy]\nrollback_job = \"deploy-prod-hotfix\"\n", &[][..]),
        ("[migrations]\njob = \"stages\"\n", &[]),
        ("[backport]\njob = \".hidden\"\n", &[]),
        ("[branches]\nproduction = \"main\"\ntargets = []\n", &["--gate"]),
    ]
    .map(|(file, args)| {
        let ran = printed(file, args);
        assert!(ran.out.is_empty(), "{}", ran.out);
        format!("exit {}\n{}", ran.code, ran.err.trim_end())
    });
    insta::assert_snapshot!(errors.join("\n--\n"), @"
    exit 4
    error: deploy.job and deploy.rollback_job are both called `deploy-prod-hotfix`
    hint: rename it: deploy.rollback_job in .hotfix.toml, then: git hotfix ci template
    --
    exit 4
    error: migrations.job: GitLab takes no job called `stages`
    hint: rename it: migrations.job in .hotfix.toml, then: git hotfix ci template
    --
    exit 4
    error: backport.job: GitLab takes no job called `.hidden`
    hint: rename it: backport.job in .hotfix.toml, then: git hotfix ci template
    --
    exit 2
    error: --gate has nothing to look at: there are no backport targets
    hint: leave --gate out, or name targets: [branches] targets in .hotfix.toml
    ");
}
