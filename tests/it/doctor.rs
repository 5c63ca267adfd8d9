//! `doctor`: first without any GitLab, then against the embedded one.

use git_hotfix::sim::{Lag, MergeMethod, Protection, Rule, Setup, Squash, Who};
use serde_json::{Value, json};

use crate::cli_lab::{Clone, about, hotfix, in_lab};
use crate::sim_lab::Lab;

#[test]
fn without_a_repository_it_says_what_git_says() {
    let dir = crate::room::tempdir();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for args in [&["doctor"][..], &["doctor", "--config"], &["init", "--yes"], &["ask"]] {
        let ran = hotfix(&empty, &[], args);
        assert!(ran.err.contains("not a git repository"), "{args:?}: {}", ran.err);
        assert!(ran.code != 0 && ran.out.is_empty(), "{args:?}: {} {}", ran.code, ran.out);
    }
}

#[test]
fn without_a_gitlab_the_clone_is_looked_at() {
    let clone =
        Clone::new(&[(".gitlab-ci.yml", "deploy-prod-hotfix: {script: x, environment: production}\n")]);
    let ran = clone.run(&["doctor"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    let git = about(&ran.out, "git  ");
    insta::assert_snapshot!(ran.out.replace(&git, "(git)"), @"
    git
      (git)
      ✗ remote                not a GitLab URL: a path on this machine, or a transport of another kind
          give the remote its address on GitLab: git remote set-url <name> <url>
      ✓ production branch     main
      ✓ backport target       develop
      ✓ branch names          backport/… and hotfix/… free
      ! migration paths       no file matches: **/migrations/** (0), db/migrate/** (0)
          mend the patterns: [migrations] paths in .hotfix.toml   ([] where there are none)

    configuration
      ✓ .hotfix.toml          none, so the defaults hold (git hotfix init writes one)

    pipeline
      ✓ pipeline file         1 jobs, .gitlab-ci.yml as last fetched
      ✗ deploy-prod-hotfix    it starts on_success: not by hand only
          give it `when: manual` in each of its rules
      ! run-migrations-prod   no job of this name
          name yours: [migrations] job in .hotfix.toml   (none yet: git hotfix ci template)
      ! rollback-prod-hotfix  no job of this name (nearest: deploy-prod-hotfix)
          name yours: [deploy] rollback_job in .hotfix.toml   (none yet: git hotfix ci template)
      ✓ hotfix-backport       not there: backports are made from a clone, by ship or backport
    ");
    insta::assert_snapshot!(ran.err, @"2 to mend, 3 to know");
}

#[test]
fn without_a_token_it_says_what_still_works() {
    let clone = Clone::new(&[]);
    clone.git(&["remote", "set-url", "origin", "https://gitlab.invalid/shop/web.git"]);
    let env = [("GITLAB_TOKEN", "glpat-canary0123456789"), ("GIT_CONFIG_COUNT", "0")];
    let ran = hotfix(&clone.top, &env, &["doctor"]);
    assert_eq!(ran.code, 4);
    assert!(!ran.out.contains("canary"));
    insta::assert_snapshot!(about(&ran.out, "token"), @"
    token
    ✗ token            none for https://gitlab.invalid: only start, backport --no-push, --dry-run and
    https://gitlab.invalid/-/user_settings/personal_access_tokens, then: export
    GIT_HOTFIX_URL=https://gitlab.invalid GIT_HOTFIX_TOKEN=<token>
    ");
}

#[test]
fn a_branch_called_backport_leaves_no_room() {
    let clone = Clone::new(&[]);
    clone.git(&["push", "-q", "origin", "main:backport"]);
    clone.git(&["branch", "hotfix"]);
    let ran = clone.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["version"], 1);
    let found: Vec<&Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["name"] == "branch names")
        .collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap(), @r#"
    [
      {
        "group": "git",
        "name": "branch names",
        "state": "fail",
        "kind": "refused",
        "found": "a branch called backport on origin leaves no room for backport/…",
        "mend": "rename it: git push origin origin/backport:refs/heads/backport-old && git push origin --delete backport"
      },
      {
        "group": "git",
        "name": "branch names",
        "state": "fail",
        "kind": "refused",
        "found": "a branch called hotfix in this clone leaves no room for hotfix/…",
        "mend": "rename it: git branch -m hotfix hotfix-old"
      }
    ]
    "#);
}

#[test]
fn each_setting_tells_its_source_offline() {
    let clone = Clone::new(&[(".hotfix.toml", "[deploy]\nenvironment = \"prod\"\n")]);
    clone.git(&["config", "hotfix.deployJob", "ship"]);
    clone.git(&["remote", "set-url", "origin", "https://gitlab.invalid/shop/web.git"]);
    let ran = hotfix(&clone.top, &[("GIT_HOTFIX_TIMEOUT", "9s")], &["doctor", "--config"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @"
    remote                    (default)                      origin
    url                       (default)                      -
    branches.production       (default)                      main
    branches.prefix           (default)                      hotfix/
    branches.targets          (default)                      develop
    deploy.job                (git config hotfix.deployJob)  ship
    deploy.rollback_job       (default)                      rollback-prod-hotfix
    deploy.environment        (origin/main:.hotfix.toml)     prod
    deploy.apps               (default)                      portal, admin, api-gateway
    deploy.approvals          (default)                      tech-lead = tech-leads, pm = product
    migrations.job            (default)                      run-migrations-prod
    migrations.paths          (default)                      **/migrations/**, db/migrate/**
    backport.job              (default)                      hotfix-backport
    backport.labels           (default)                      backport, auto-backport
    backport.conflict_labels  (default)                      backport, conflicts
    poll.min                  (default)                      5s
    poll.max                  (default)                      30s
    retry.base                (default)                      500ms
    retry.budget              (default)                      60s
    retry.outage              (default)                      1800s
    timeout                   (GIT_HOTFIX_TIMEOUT)           9s
    settle                    (default)                      10s
    heroku_url                (default)                      https://api.heroku.com/
    heroku_registry           (default)                      https://registry.heroku.com/
    release_deadline          (default)                      3600s
    boot_deadline             (default)                      300s
    health_deadline           (default)                      300s
    health_timeout            (default)                      5s
    health_min                (default)                      2s
    health_max                (default)                      10s
    health_streak             (default)                      3
    migrations_silence        (default)                      3600s
    ");
    let ran = clone.run(&["doctor", "--config", "--json"]);
    let rows: Value = serde_json::from_str(&ran.out).unwrap();
    let job = rows["settings"].as_array().unwrap().iter().find(|row| row["name"] == "deploy.job").unwrap();
    assert_eq!(*job, json!({"name": "deploy.job", "value": "ship", "source": "git config hotfix.deployJob"}));
}

#[test]
fn a_setting_that_cannot_be_used_does_not_send_one_in_circles() {
    let clone = Clone::new(&[]);
    let ran = hotfix(&clone.top, &[("GIT_HOTFIX_TIMEOUT", "soon")], &["doctor", "--config"]);
    assert_eq!(ran.code, 4);
    insta::assert_snapshot!(ran.err, @"
    error: GIT_HOTFIX_TIMEOUT: “soon” is no duration, as in 5s, 500ms or 2m
    hint: mend it where it is set, then: git hotfix doctor --config
    ");
}

#[test]
fn a_broken_file_on_production_is_a_finding() {
    let clone = Clone::new(&[(".hotfix.toml", "[deploy]\nenviroment = \"prod\"\n")]);
    let ran = clone.run(&["doctor"]);
    assert_eq!(ran.code, 4);
    insta::assert_snapshot!(about(&ran.out, "enviro"), @"
    ✗ .hotfix.toml       origin/main:.hotfix.toml: line 2, column 1: unknown key enviroment
    did you mean environment?
    ");
}

#[test]
fn a_good_project_stops_nothing() {
    let lab = Lab::at_once();
    let ran = in_lab(&lab, "mia", &["doctor"]);
    let git = about(&ran.out, "git  ");
    insta::assert_snapshot!(ran.out.replace(&git, "(git)"), @"
    git
      (git)
      ✓ remote                  origin answers: GITLAB/shop/web
      ✓ production branch       main
      ✓ backport target         develop
      ✓ branch names            backport/… and hotfix/… free
      ! migration paths         some match nothing: **/migrations/** (0), db/migrate/** (1)
          mend the patterns: [migrations] paths in .hotfix.toml   ([] where there are none)

    configuration
      ✓ .hotfix.toml            origin/main:.hotfix.toml

    token
      ✓ token                   mia from GIT_HOTFIX_TOKEN
      ✓ scopes                  api
      ✓ expiry                  2099-12-31

    project
      ✓ project                 shop/web, as Maintainer
      ✓ GitLab                  18.9.0-ee
      ✓ protection of main      merge: Developers + Maintainers; push: Maintainers
      ✓ merge method            merge commit: picked with -m 1
      ✓ squash                  off, unless somebody turns it on
      ✓ pipelines must succeed  on
      ✓ outdated deployments    prevented
      ! labels                  backport, auto-backport, conflicts not there yet; the first backport
                                makes them if its user may
          make them: GITLAB/shop/web/-/labels/new

    pipeline
      ✓ pipeline file           7 jobs, as GitLab merges it
      ✓ deploy-prod-hotfix      manual, allow_failure: false, to production
      ✓ run-migrations-prod     manual: git hotfix migrate plays it
      ✓ rollback-prod-hotfix    manual
      ✓ hotfix-backport         not there: backports are made from a clone, by ship or backport

    production
      ✓ environment             production
      ✓ tech-lead               rule tech-leads
      ✓ pm                      rule product
      ✓ may deploy              Developers + Maintainers

    people
      ○ self-approval           GitLab does not show it (Maintainers may see it)
      ! people for tech-lead    only bo: nothing ships while bo is away, or has merged
          add a second person: GITLAB/shop/web/-/project_members
      ✓ people for pm           cleo, dan
      ✓ different people        merger, tech-lead, pm can be different people
    ");
    insta::assert_snapshot!(ran.err, @"nothing stops a hotfix; 3 to know, 1 could not be looked at");
    assert_eq!(ran.code, 0);
}

#[test]
fn a_developer_is_told_what_is_hidden() {
    let lab = Lab::at_once();
    let ran = in_lab(&lab, "dev", &["doctor"]);
    insta::assert_snapshot!(about(&ran.out, "○"), @"
    ○ outdated deployments    GitLab does not show it (Maintainers may see it)
    ○ may deploy              your role may not read it (Maintainers may)
    ○ self-approval           GitLab does not show it (Maintainers may see it)
    ");
}

#[test]
fn an_environment_that_asks_nobody_is_refused() {
    let setup = Setup {
        lag: Lag::none(),
        protection: Protection::Open,
        triggerer_may_approve: true,
        ..Setup::default()
    };
    let lab = Lab::new(setup);
    let ran = in_lab(&lab, "mia", &["doctor"]);
    assert_eq!(ran.code, 5, "{}", ran.out);
    insta::assert_snapshot!(about(&ran.out, "approv"), @"
    ✗ approval rules          none: nobody is asked before production changes
    ○ self-approval           GitLab does not show it (Maintainers may see it)
    ");
}

#[test]
fn a_token_that_may_only_read_is_told() {
    let lab = Lab::at_once();
    let clone = lab.clone_as("dev");
    let token = lab.server.with_world(|world| world.add_token("dev", &["read_api"], None)).unwrap();
    let url = lab.server.url();
    let ran = hotfix(&clone, &[("GIT_HOTFIX_URL", &url), ("GIT_HOTFIX_TOKEN", &token)], &["doctor"]);
    assert_eq!(ran.code, 4, "{}", ran.out);
    insta::assert_snapshot!(about(&ran.out, "scopes"), @"
    ✗ scopes                  read_api; without `api` GitLab refuses open, merge, approve, deploy,
    make one with the scopes api and write_repository at
    ");
    let ran = hotfix(
        &clone,
        &[("GIT_HOTFIX_URL", &url), ("GIT_HOTFIX_TOKEN", "glpat-wrong0123456789")],
        &["doctor"],
    );
    assert_eq!(ran.code, 4, "{}", ran.out);
    let out = ran.out.replace(url.trim_start_matches("http://"), "GITLAB").replace("http://GITLAB", "GITLAB");
    insta::assert_snapshot!(about(&out, "oken"), @"
    token
    ✗ token                 from GIT_HOTFIX_TOKEN: GITLAB does not accept the token:
    GITLAB/-/user_settings/personal_access_tokens, then: export
    GIT_HOTFIX_URL=GITLAB GIT_HOTFIX_TOKEN=<token>
    ");
}

#[test]
fn doctor_works_without_a_clone_and_without_an_answer() {
    let lab = Lab::at_once();
    let (url, token) = (lab.server.url(), lab.server.token("mia"));
    let dir = lab.dir().join("nowhere");
    std::fs::create_dir(&dir).unwrap();
    let env = [
        ("GIT_HOTFIX_URL", url.as_str()),
        ("GIT_HOTFIX_TOKEN", token.as_str()),
        ("GIT_HOTFIX_RETRY_BUDGET", "0s"),
    ];
    let ran = hotfix(&dir, &env, &["doctor", "-R", "shop/web", "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{} {}", ran.out, ran.err));
    let names: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|found| found["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"production branch") && names.contains(&"people for pm"), "{names:?}");
    let clone = lab.clone_as("mia");
    drop(lab.server);
    let ran = hotfix(&clone, &env, &["doctor"]);
    assert_eq!(ran.code, 6, "{}", ran.out);
    assert!(ran.out.contains("could not be reached"), "{}", ran.out);
}

#[test]
fn whatever_is_set_wrong_is_told_with_its_mend() {
    let setup = Setup {
        merge_method: MergeMethod::FastForward,
        squash: Squash::Always,
        pipelines_must_succeed: false,
        merge_level: 60,
        push_level: 30,
        protection: Protection::Protected {
            rules: vec![Rule { id: 1, who: Who::User("bo".into()), required: 1 }],
            deployers: vec![],
        },
        triggerer_may_approve: false,
        forward_deployment: false,
        lag: Lag::none(),
        ..Setup::default()
    };
    let lab = Lab::new(setup);
    let jobs = "deploy-prod-hotfix:\n  script: ship\n  when: manual\nrollback-prod-hotfix:\n  script: back\n";
    let file = |name: &str, text: &str| (name.to_owned(), Some(text.to_owned()));
    let files = [file(".hotfix.toml", "[migrations]\npaths = [\"sql/**\"]\n"), file(".gitlab-ci.yml", jobs)];
    lab.server.with_world(|world| world.push_as("mia", "main", "Say where migrations are", &files)).unwrap();
    let ran = in_lab(&lab, "mia", &["doctor"]);
    insta::assert_snapshot!(about_not(&ran.out, "✓"), @"
    git
      ! migration paths         no file matches: sql/** (0)
          mend the patterns: [migrations] paths in .hotfix.toml   ([] where there are none)
    configuration
    token
    project
      ! protection of main      merge: Maintainers; push: Developers + Maintainers. You are Maintainer,
                                so another must merge
          ask one of them when the time comes, or ask for the role:
          GITLAB/shop/web/-/settings/repository#js-protected-branches-settings
      ! pipelines must succeed  off: the web page merges with a red pipeline (git hotfix merge does not)
          turn it on under merge checks: GITLAB/shop/web/-/settings/merge_requests
      ! outdated deployments    not prevented: an older job could take production back after a newer one
          turn on `prevent outdated deployment jobs`:
          GITLAB/shop/web/-/settings/ci_cd#js-general-pipeline-settings
      ! labels                  backport, auto-backport, conflicts not there yet; the first backport
                                makes them if its user may
          make them: GITLAB/shop/web/-/labels/new
    pipeline
      ✗ deploy-prod-hotfix      it names no environment, so GitLab makes no deployment and asks nobody
          give it `environment: production` in the pipeline file
      ✗ deploy-prod-hotfix      allow_failure is true: the pipeline goes on and turns green without any
                                deployment
          give it `allow_failure: false` beside `when: manual`
      ! run-migrations-prod     no job of this name
          name yours: [migrations] job in .hotfix.toml   (none yet: git hotfix ci template)
      ✗ rollback-prod-hotfix    it may start without anybody asking: production would be taken back
                                after each deployment
          give it `when: manual` in each of its rules
    production
      ✗ tech-lead               no rule is called `tech-leads` (rules: Bo Lindqvist)
          set [deploy.approvals] tech-lead in .hotfix.toml to one of these, or add the rule:
          GITLAB/shop/web/-/settings/ci_cd#js-protected-environments-settings
      ✗ pm                      no rule is called `product` (rules: Bo Lindqvist)
          set [deploy.approvals] pm in .hotfix.toml to one of these, or add the rule:
          GITLAB/shop/web/-/settings/ci_cd#js-protected-environments-settings
      ! approval rules          GitLab also asks Bo Lindqvist, which stands for no role here
          name them too: [deploy.approvals] in .hotfix.toml
      ✗ may deploy              nobody: the job can be approved, but never started
          allow those who ship:
          GITLAB/shop/web/-/settings/ci_cd#js-protected-environments-settings
    people
      ○ self-approval           GitLab does not show it (Maintainers may see it)
    ");
    insta::assert_snapshot!(ran.err, @"6 to mend, 7 to know, 1 could not be looked at");
}

/// The findings that do not begin so.
fn about_not(report: &str, symbol: &str) -> String {
    let lines = report.lines().filter(|line| !line.trim_start().starts_with(symbol) && !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
