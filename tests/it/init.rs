//! `init`, and the schema of what it writes.

use std::path::Path;

use git_hotfix::config::File;
use git_hotfix::sim::{Lag, Protection, Rule, Setup, Who};
use serde_json::Value;

use crate::cli_lab::{Clone, in_lab};
use crate::sim_lab::Lab;

#[test]
fn init_finds_things_out_and_writes_what_differs() {
    let ci = "ship-prod: {script: x, environment: prod-eu, when: manual}\nmigrate-prod: {script: x}\n";
    let files = [(".gitlab-ci.yml", ci), ("apps/web/x", ""), ("sql/db/migration/V1.sql", "")];
    let clone = Clone::new(&files);
    let ran = clone.run(&["init"]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("--yes") && !clone.top.join(".hotfix.toml").exists(), "{}", ran.err);

    let ran = clone.run(&["init", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r#"
    # How `git hotfix` works in this project. It counts as it stands on the production branch.
    # What is left out has its default; every value and its source: git hotfix doctor --config

    [deploy]
    job = "ship-prod"
    environment = "prod-eu"
    apps = ["web"]

    [migrations]
    job = "migrate-prod"
    paths = ["**/db/migration/**"]
    "#);
    insta::assert_snapshot!(ran.err, @"
    wrote TMP/clone/.hotfix.toml
    GitLab was not asked: not a GitLab URL: a path on this machine, or a transport of another kind
    hint: it counts once it is on main: git add .hotfix.toml && git commit
    hint: then check everything: git hotfix doctor
    ");
    let written = std::fs::read(clone.top.join(".hotfix.toml")).unwrap();
    assert_eq!(String::from_utf8_lossy(&written).trim_end(), ran.out.trim_end());
    File::parse(&written, "written").unwrap();

    let ran = clone.run(&["init", "--yes"]);
    assert_eq!(ran.code, 5);
    insta::assert_snapshot!(ran.err, @"
    error: TMP/clone/.hotfix.toml exists already
    hint: see what it says: git hotfix doctor --config
    hint: or replace it: git hotfix init --force
    ");
    let ran = clone.run(&["init", "--yes", "--force", "--environment", "x", "--approval", "boss=Bosses"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = std::fs::read_to_string(clone.top.join(".hotfix.toml")).unwrap();
    assert!(
        text.contains("environment = \"x\"\n") && text.contains("\n[deploy.approvals]\nboss = \"Bosses\"\n"),
        "{text}"
    );
}

#[test]
fn init_never_guesses_what_could_harm() {
    let clone = Clone::new(&[]);
    clone.git(&["push", "-q", "origin", "--delete", "develop"]);
    clone.git(&["fetch", "-q", "--prune"]);
    let ran = clone.run(&["init", "--yes"]);
    assert_eq!(ran.code, 5);
    insta::assert_snapshot!(ran.err, @"
    error: could not be found out: which branches are hotfixes backported to, separated by commas (none:
           --no-target)
    hint: answer it on the command line: git hotfix init --yes --target <branch>
    ");
    assert_eq!(clone.run(&["init", "--yes", "--no-target"]).code, 0);
    clone.git(&["remote", "rename", "origin", "upstream"]);
    let ran = clone.run(&["init", "--yes", "--force"]);
    assert_eq!(ran.code, 4);
    insta::assert_snapshot!(ran.err, @"
    error: there is no remote called origin
      caused by: there is upstream
    hint: name the one that is the project: git config hotfix.remote upstream   (then: git hotfix init)
    ");
}

#[test]
fn a_production_branch_of_another_name_is_said_to_git_too() {
    let clone = Clone::new(&[]);
    clone.git(&["push", "-q", "origin", "main:master"]);
    clone.git(&["push", "-q", "origin", "--delete", "main"]);
    clone.git(&["fetch", "-q", "--prune"]);
    let ran = clone.run(&["init", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("production = \"master\""), "{}", ran.out);
    assert!(ran.err.contains("a clone finds master through the file on main"), "{}", ran.err);
    clone.git(&["config", "hotfix.productionBranch", "master"]);
    assert!(!clone.run(&["init", "--yes", "--force"]).err.contains("a clone finds"));
}

#[test]
fn init_replaces_a_link_and_does_not_write_through_it() {
    let clone = Clone::new(&[]);
    let elsewhere = clone.top.join("../elsewhere");
    std::fs::write(&elsewhere, "mine").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&elsewhere, clone.top.join(".hotfix.toml")).unwrap();
    assert_eq!(clone.run(&["init", "--yes"]).code, 5);
    assert_eq!(clone.run(&["init", "--yes", "--force"]).code, 0);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
}

/// The keys that the reader of the file knows in a table, by its own words.
fn known_keys(table: &str) -> Vec<String> {
    let text = format!("{table}\nno_such_key_anywhere_at_all = 1\n");
    let problem = File::parse(text.as_bytes(), "x").unwrap_err();
    let hint = problem.hints.first().unwrap_or_else(|| panic!("{table}: {problem}"));
    let mut keys: Vec<String> =
        hint.strip_prefix("known here: ").unwrap().split(", ").map(str::to_owned).collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_for_editors_knows_the_same_keys_as_the_reader() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hotfix.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut tables = 0;
    let mut check = |pointer: &str, table: &str| {
        let object = schema.pointer(pointer).unwrap();
        let mut keys: Vec<String> = object["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, known_keys(table), "{pointer}");
        assert_eq!(object["additionalProperties"], false, "{pointer}");
        tables += 1;
    };
    check("", "");
    for table in ["branches", "deploy", "migrations", "backport"] {
        check(&format!("/properties/{table}"), &format!("[{table}]"));
    }
    check("/properties/apps/additionalProperties", "[apps.x]");
    check("/properties/apps/additionalProperties/properties/health", "[apps.x.health]");
    assert_eq!(tables, 7);
    // And the defaults that editors show are the real ones.
    for key in git_hotfix::config::KEYS.iter().filter(|key| key.name.contains('.')) {
        let (table, name) = key.name.split_once('.').unwrap();
        let Some(shown) = schema.pointer(&format!("/properties/{table}/properties/{name}/default")) else {
            assert!(["poll", "retry"].contains(&table), "{}", key.name);
            continue;
        };
        let shown = match shown {
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().unwrap()).collect::<Vec<_>>().join(",")
            }
            other => other.as_str().unwrap().to_owned(),
        };
        assert_eq!(shown, key.default, "{}", key.name);
    }
}

#[test]
fn init_learns_the_approval_rules_from_gitlab() {
    let rule = |id, who| Rule { id, who, required: 1 };
    let protection = Protection::Protected {
        rules: vec![rule(1, Who::Level(40)), rule(2, Who::Group("product".to_owned()))],
        deployers: vec![Who::Level(40)],
    };
    let lab = Lab::new(Setup { lag: Lag::none(), protection, ..Setup::default() });
    let clone = lab.clone_as("mia");
    std::fs::remove_file(clone.join(".hotfix.toml")).unwrap();
    let ran = in_lab(&lab, "mia", &["init", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(format!("{}\n{}", ran.out, ran.err), @r#"
    # How `git hotfix` works in this project. It counts as it stands on the production branch.
    # What is left out has its default; every value and its source: git hotfix doctor --config

    [deploy.approvals]
    tech-lead = "Maintainers"
    pm = "product"
    wrote TMP/clone-mia/.hotfix.toml
    hint: it counts once it is on main: git add .hotfix.toml && git commit
    hint: then check everything: git hotfix doctor
    "#);
}
