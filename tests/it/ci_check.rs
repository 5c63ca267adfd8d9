//! `ci check`: what stops a hotfix in somebody's own CI file, and that our own file has none of it.

use crate::cli_lab::{Clone, Ran};

fn checked(toml: &str, file: &str, args: &[&str]) -> Ran {
    let files: &[(&str, &str)] = &[("ci.yml", file), (".hotfix.toml", toml)];
    let clone = Clone::new(if toml.is_empty() { &files[..1] } else { files });
    clone.run(&[&["ci", "check", "ci.yml"], args].concat())
}

#[test]
fn what_ci_template_writes_has_no_difference() {
    for (toml, args) in [
        ("", &["--gate"][..]),
        ("[deploy]\njob = \"go: live\"\nrollback_job = \"no\"\nenvironment = \"prod/eu\"\n", &["--gate"]),
        ("[branches]\ntargets = []\n[migrations]\npaths = []\n", &[]),
    ] {
        let files: &[(&str, &str)] = &[(".hotfix.toml", toml)];
        let clone = Clone::new(if toml.is_empty() { &[] } else { files });
        let made = clone.run(&[&["ci", "template"], args].concat());
        std::fs::write(clone.top.join("ci.yml"), made.out).unwrap();
        let ran = clone.run(&["ci", "check", "ci.yml"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, "all is as it must be"), "{}", ran.out);
    }
}

#[test]
fn other_names_are_found_by_what_the_jobs_do() {
    let ran = checked(
        "",
        r#"
stages: [test, ship, later]
.prod: {environment: production, resource_group: prod, rules: [{if: '$CI_COMMIT_BRANCH == "main"', when: manual}]}
release-normal: {extends: .prod, stage: ship, script: x}
emergency:
  extends: .prod
  stage: ship
  script: git hotfix ci promote
  artifacts: {when: always}
db-migrate: {stage: later, script: make migrate, rules: [{if: '$CI_COMMIT_BRANCH == "main"'}]}
roll-back: {stage: ship, needs: [], script: x, resource_group: prod, when: manual}
back: {needs: [emergency], script: git hotfix ci backport}
gate: {script: git hotfix list --missing}
"#,
        &[],
    );
    insta::assert_snapshot!(format!("exit {}\n{}\n{}", ran.code, ran.out, ran.err), @"");
    let named = "[deploy]\njob = \"emergency\"\nrollback_job = \"roll-back\"\n[migrations]\njob = \"db-migrate\"\n[backport]\njob = \"back\"\n";
    let ran = checked(
        named,
        r#"
stages: [test, ship, later]
emergency:
  environment: production
  resource_group: prod
  rules: [{if: '$CI_COMMIT_BRANCH == "main"', when: manual}]
  stage: ship
  script: git hotfix ci promote
  artifacts: {when: always}
db-migrate: {stage: later, script: make migrate, rules: [{if: '$CI_COMMIT_BRANCH == "main"'}]}
roll-back: {stage: ship, needs: [], script: x, resource_group: prod, when: manual}
back: {needs: [emergency], script: git hotfix ci backport}
gate: {script: git hotfix list --missing}
"#,
        &[],
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, "all is as it must be"), "{}", ran.out);
}

#[test]
fn each_difference_is_named_with_its_mend() {
    let ran = checked(
        "",
        r#"
stages: [test, deploy, after]
default: {retry: 2}
deploy-prod-hotfix: {stage: deploy, script: git hotfix ci promote, environment: production, when: manual}
release: {stage: deploy, script: x, environment: production, resource_group: other, retry: 0}
run-migrations-prod: {stage: deploy, script: x, environment: production}
hotfix-backport: {stage: deploy, script: x, environment: {name: production, action: access}}
rollback-prod-hotfix:
  stage: after
  script: x
  environment: production
  when: manual
  allow_failure: false
"#,
        &["--json"],
    );
    assert_eq!(ran.code, 5, "{}", ran.err);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["version"], &report["exit"]), (&1.into(), &5.into()));
    let rows: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            format!("{} {}: {}\n    {}", text("state"), text("name"), text("found"), text("mend"))
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @"");
}

#[test]
fn what_is_not_there_or_no_ci_file_is_said() {
    let clone =
        Clone::new(&[("words.yml", "just words\n"), ("empty.yml", ""), ("other.yml", "include: [a.yml]\n")]);
    let rows = ["absent.yml", "words.yml", "empty.yml", "other.yml"].map(|file| {
        let ran = clone.run(&["ci", "check", file]);
        format!("{file}: exit {}\n{}{}", ran.code, ran.out, ran.err)
    });
    insta::assert_snapshot!(rows.join("\n"), @"");
    assert_eq!(clone.run(&["ci", "check"]).code, 2);
}
