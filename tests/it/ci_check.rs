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
    insta::assert_snapshot!(format!("exit {}\n{}\n{}", ran.code, ran.out, ran.err), @r#"
    exit 5
    deployment
      ✗ deploy-prod-hotfix  no job of this name; these deploy to production: release-normal, emergency
          name the hotfix's own: [deploy] job in .hotfix.toml   (none yet: git hotfix ci template)

    migrations
      ✗ db-migrate          it is configured as run-migrations-prod
          name it: [migrations] job = "db-migrate" in .hotfix.toml

    backport
      ✗ back                it is configured as hotfix-backport
          name it: [backport] job = "back" in .hotfix.toml

    rollback
      ✗ roll-back           it is configured as rollback-prod-hotfix
          name it: [deploy] rollback_job = "roll-back" in .hotfix.toml

    normal lane
      ✓ gate                fails while a landed hotfix is missing on a target
    4 to mend
    "#);
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
deploy-prod-hotfix: {stage: deploy, script: git hotfix ci promote, environment: production, when: manual, parallel: 3}
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
    insta::assert_snapshot!(rows.join("\n"), @r#"
    fail deploy-prod-hotfix: allow_failure is true: the pipeline goes on and turns green without any deployment
        give it `allow_failure: false` beside `when: manual`
    fail deploy-prod-hotfix: it comes into pipelines of every branch, tag and merge request
        give each of its rules `if: $CI_COMMIT_BRANCH == "main"`
    fail deploy-prod-hotfix: nothing keeps two deployments from running at once (no resource_group)
        give it `resource_group: production`, and every other job that deploys there the same
    fail deploy-prod-hotfix: GitLab starts it again by itself when it fails: a second deployment that nobody asked for
        give it `retry: 0`
    fail deploy-prod-hotfix: GitLab makes several jobs of it, of other names, and each would deploy
        take `parallel` out
    fail deploy-prod-hotfix: a deployment that fails leaves no receipt, and the rollback goes back by it
        give it `artifacts: {when: always, paths: [promote-receipt.json, promote-receipt.md]}`
    fail run-migrations-prod: GitLab records it as a deployment of its commit to production, and asks for approvals
        give it `environment: {name: production, action: access}`
    fail run-migrations-prod: it may run before deploy-prod-hotfix, or without it
        give it `needs: [deploy-prod-hotfix]`
    warn hotfix-backport: it does not wait for deploy-prod-hotfix: what never reached production is backported too
        give it `needs: [deploy-prod-hotfix]`
    fail hotfix-backport: it names production, so it waits for the approvals of a deployment
        take `environment` out, and give GIT_HOTFIX_TOKEN no environment's scope
    fail rollback-prod-hotfix: allow_failure is false: every pipeline waits until somebody rolls back
        give it `allow_failure: true`
    fail rollback-prod-hotfix: it comes after deploy-prod-hotfix: when that fails, GitLab skips it for good
        put it into the stage deploy with `needs: []`, for it fetches the receipt itself: git hotfix ci promote --rollback
    fail rollback-prod-hotfix: GitLab records it as a deployment of its commit to production, and asks for approvals
        give it `environment: {name: production, action: access}`
    warn gate: nothing keeps the next normal release from undoing a hotfix that is not back yet
        print one: git hotfix ci template --gate
    "#);
}

#[test]
fn what_is_not_there_or_no_ci_file_is_said() {
    let clone =
        Clone::new(&[("words.yml", "just words\n"), ("empty.yml", ""), ("other.yml", "include: [a.yml]\n")]);
    let rows = ["absent.yml", "words.yml", "empty.yml", "other.yml"].map(|file| {
        let ran = clone.run(&["ci", "check", file]);
        format!("{file}: exit {}\n{}{}", ran.code, ran.out, ran.err)
    });
    insta::assert_snapshot!(rows.join("\n"), @"
    absent.yml: exit 4
    error: cannot read absent.yml
      caused by: No such file or directory (os error 2)
    hint: name a CI file: git hotfix ci check .gitlab-ci.yml
    words.yml: exit 4
    error: words.yml is no CI file: it holds no jobs
    hint: see what GitLab says of it: glab ci lint   (or print a new one: git hotfix ci template)
    empty.yml: exit 4
    error: empty.yml is no CI file: it holds no jobs
    hint: see what GitLab says of it: glab ci lint   (or print a new one: git hotfix ci template)
    other.yml: exit 0
    deployment
      ○ deploy-prod-hotfix    not in the file itself; it may be in one that it includes

    migrations
      ○ run-migrations-prod   not in the file itself; it may be in one that it includes

    backport
      ○ hotfix-backport       not in the file itself; it may be in one that it includes

    rollback
      ○ rollback-prod-hotfix  not in the file itself; it may be in one that it includes

    normal lane
      ○ gate                  not in the file itself; it may be in one that it includesnothing stops a hotfix; 5 could not be looked at
    ");
    assert_eq!(clone.run(&["ci", "check"]).code, 2);
}
