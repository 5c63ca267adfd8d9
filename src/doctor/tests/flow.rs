//! Jobs, branches, migrations, tokens, and what a report comes to.

use super::*;

#[test]
fn jobs_are_there_and_wait_for_people() {
    let file = |text: &str| ci_file::CiFile::parse(text).unwrap();
    let check = |text: &str| show(&pipeline::jobs(&config(""), &file(text)));
    insta::assert_snapshot!(check(r"
deploy-prod-hotfix: {script: x, environment: production, rules: [{if: a, when: manual}]}
run-migrations-prod: {script: x}
rollback-prod-hotfix: {script: x, when: manual}
hotfix-backport: {script: x}
"), @"
    ok deploy-prod-hotfix: manual, allow_failure: false, to production
    ok run-migrations-prod: runs by itself after the deployment
    ok rollback-prod-hotfix: manual
    ok hotfix-backport: the pipeline makes the backport as well
    ");
    insta::assert_snapshot!(check("deploy-prod-hotfix: {script: x, environment: staging, when: manual}\nrollback-prod-hotfix: {script: x}"), @r#"
    fail (4) deploy-prod-hotfix: it deploys to staging, not to production
          set [deploy] environment = "staging" in .hotfix.toml, or mend the job
    fail (4) deploy-prod-hotfix: allow_failure is true: the pipeline goes on and turns green without any deployment
          give it `allow_failure: false` beside `when: manual`
    warn run-migrations-prod: no job of this name
          name yours: [migrations] job in .hotfix.toml   (none yet: git hotfix ci template)
    fail (5) rollback-prod-hotfix: it may start without anybody asking: production would be taken back after each deployment
          give it `when: manual` in each of its rules
    ok hotfix-backport: not there: backports are made from a clone, by ship or backport
    "#);
    insta::assert_snapshot!(check("deploy-prod-hotfx: {script: x}"), @"
    fail (4) deploy-prod-hotfix: no job of this name (nearest: deploy-prod-hotfx)
          name yours: [deploy] job in .hotfix.toml   (none yet: git hotfix ci template)
    warn run-migrations-prod: no job of this name
          name yours: [migrations] job in .hotfix.toml   (none yet: git hotfix ci template)
    warn rollback-prod-hotfix: no job of this name (nearest: deploy-prod-hotfx)
          name yours: [deploy] rollback_job in .hotfix.toml   (none yet: git hotfix ci template)
    ok hotfix-backport: not there: backports are made from a clone, by ship or backport
    ");
    insta::assert_snapshot!(check("deploy-prod-hotfix: {script: x}\ninclude: [a]"), @"
    fail (4) deploy-prod-hotfix: it names no environment, so GitLab makes no deployment and asks nobody
          give it `environment: production` in the pipeline file
    fail (4) deploy-prod-hotfix: it starts on_success: not by hand only
          give it `when: manual` in each of its rules
    unknown run-migrations-prod: not in the file itself; it may be in one that it includes
    unknown rollback-prod-hotfix: not in the file itself; it may be in one that it includes
    ok hotfix-backport: not there: backports are made from a clone, by ship or backport
    ");
}

#[test]
fn the_pipeline_file_comes_from_gitlab_or_from_the_clone() {
    let lint = |value: Value| -> Seen<crate::gitlab::Lint> { Ok(from(value)) };
    let say = |lint: Option<&Seen<crate::gitlab::Lint>>, local: Option<&str>| {
        show(&[pipeline::file(lint, local).0])
    };
    let lines = [
        say(Some(&lint(json!({"valid": true, "merged_yaml": "a: {script: x}"}))), None),
        say(
            Some(&lint(json!({"valid": false, "errors": ["jobs:a config is empty"]}))),
            Some("a: {script: x}"),
        ),
        say(Some(&Err("your role may not read it".to_owned())), Some("a: {script: x}\ninclude: b")),
        say(None, Some("a: [")),
        say(None, None),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    ok pipeline file: 1 jobs, as GitLab merges it
    fail (4) pipeline file: GitLab cannot use it: jobs:a config is empty
          mend .gitlab-ci.yml on the production branch, then: git hotfix doctor
    ok pipeline file: 1 jobs, .gitlab-ci.yml as last fetched, without what it includes
    unknown pipeline file: .gitlab-ci.yml as last fetched could not be read: while parsing a node, did not find expected node content at byte 4 line 2 column 1
    unknown pipeline file: there is no .gitlab-ci.yml to read
    ");
}

#[test]
fn branches_must_exist_and_leave_room() {
    let found = |names: &[&str]| -> Seen<BTreeSet<String>> {
        Ok(names.iter().map(|name| (*name).to_owned()).collect())
    };
    let odd = config("[branches]\ntargets = [\"develop\", \"release/*\", \"old/*\"]\n");
    let lines = [
        show(&here::branches(&config(""), &found(&["main", "develop"]), &[])),
        show(&here::branches(&odd, &found(&["release/1", "release/2", "backport"]), &["hotfix".to_owned()])),
        show(&here::branches(&config("[branches]\ntargets = []\n"), &found(&["main"]), &[])),
    ];
    insta::assert_snapshot!(lines.join("\n--\n"), @"
    ok production branch: main
    ok backport target: develop
    ok branch names: backport/… and hotfix/… free
    --
    fail (4) production branch: there is no branch main
          name yours: git config hotfix.productionBranch <branch>
    fail (4) backport target: there is no branch develop
          name yours: [branches] targets in .hotfix.toml   (or: git hotfix init)
    ok backport target: release/* (2 branches)
    warn backport target: old/* matches no branch
          mend the pattern: [branches] targets in .hotfix.toml
    fail (5) branch names: a branch called backport on origin leaves no room for backport/…
          rename it: git push origin origin/backport:refs/heads/backport-old && git push origin --delete backport
    fail (5) branch names: a branch called hotfix in this clone leaves no room for hotfix/…
          rename it: git branch -m hotfix hotfix-old
    --
    ok production branch: main
    warn backport targets: none: what lands in production comes back to no branch
          name them: [branches] targets in .hotfix.toml
    ok branch names: backport/… and hotfix/… free
    ");
}

#[test]
fn migration_patterns_find_something() {
    let paths =
        |paths: &[&str]| -> Seen<Vec<String>> { Ok(paths.iter().map(|path| (*path).to_owned()).collect()) };
    let check = |file: &str, found: &[&str]| show(&here::migrations(&config(file), &paths(found)));
    let own = "[migrations]\npaths = [\"sql/**\", \"old/**\"]\n";
    let lines = [
        check("", &["db/migrate/1.rb"]),
        check("", &["src/a.rs"]),
        check(own, &["sql/1.sql"]),
        check("[migrations]\npaths = []\n", &[]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    ok migration paths: **/migrations/** (0), db/migrate/** (1)
    warn migration paths: no file matches: **/migrations/** (0), db/migrate/** (0)
          mend the patterns: [migrations] paths in .hotfix.toml   ([] where there are none)
    warn migration paths: some match nothing: sql/** (1), old/** (0)
          mend the patterns: [migrations] paths in .hotfix.toml   ([] where there are none)
    ok migration paths: none configured: no change counts as a migration
    ");
}

#[test]
fn tokens_say_what_they_lack() {
    let token = token::Token {
        source: Some("GIT_HOTFIX_TOKEN".to_owned()),
        skipped: vec!["GITLAB_TOKEN: it is for y".to_owned()],
        page: "PAGE",
        base: "https://gl",
    };
    let today: jiff::civil::Date = "2026-11-24".parse().unwrap();
    let me = Ok(from(json!({"id": 1, "username": "ana"})));
    let check = |info: Value| show(&token::checks(&token, &Ok(from(info)), &me, today)[1..]);
    let lines = [
        show(&token::missing(&token)),
        show(&token::checks(&token, &Err("401".to_owned()), &me, today)),
        check(json!({"scopes": ["api"]})),
        check(json!({"scopes": ["read_api"], "expires_at": "2026-11-30"})),
        check(json!({"scopes": [], "expires_at": "2026-11-01"})),
        check(json!({"scopes": ["api"], "revoked": true})),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    fail (4) token: none for https://gl: only start, backport --no-push, --dry-run and status --offline work; GITLAB_TOKEN: it is for y
          make one with the scopes api and write_repository at PAGE, then: export GIT_HOTFIX_URL=https://gl GIT_HOTFIX_TOKEN=<token>
    ok token: ana from GIT_HOTFIX_TOKEN; passed over GITLAB_TOKEN: it is for y
    unknown scopes: GitLab tells them of access tokens only, not of OAuth and job tokens: 401
    ok scopes: api
    ok expiry: never
    fail (4) scopes: read_api; without `api` GitLab refuses open, merge, approve, deploy, migrate, ask --post and the merge request of backport
          make one with the scopes api and write_repository at PAGE
    warn expiry: 2026-11-30, in 6 days
          make a new one at PAGE
    fail (4) scopes: none; without `api` GitLab refuses every command that asks GitLab
          make one with the scopes api and write_repository at PAGE
    fail (4) expiry: it expired on 2026-11-01
          make a new one at PAGE
    ok scopes: api
    fail (4) expiry: it was revoked
          make a new one at PAGE
    ");
}

#[test]
fn the_gravest_finding_decides_the_exit() {
    let mut report = Report::default();
    assert_eq!(report.kind(), None);
    report.add("a", vec![Finding::warn("x", "y", "z"), Finding::unknown("x", "y")]);
    assert_eq!(report.json()["exit"], 0);
    report.add("b", vec![Finding::fail(Kind::Refused, "x", "y", "z")]);
    assert_eq!(report.kind(), Some(Kind::Refused));
    report.add("c", vec![Finding::fail(Kind::Config, "x", "y", "z")]);
    assert_eq!(report.json()["exit"], 4);
    assert_eq!(report.count("fail"), 2);
}
