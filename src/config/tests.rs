//! Layers, and the errors of `.hotfix.toml` as people see them.

use super::*;

const FULL: &str = r#"
[branches]
production = "trunk"
prefix = "fix/"
targets = ["develop", "release/*"]

[deploy]
job = ["deploy-a", "deploy-b"]
environment = "live"
apps = ["portal"]

[deploy.approvals]
zeta = "leads"
alpha = "Product Managers"

[migrations]
job = "migrate"
paths = ["db/**"]

[backport]
job = "pick"
labels = ["b"]
conflict_labels = []

[apps.portal]
heroku = "acme-portal-prod"
image = "shop_2/web--a__b.c"
tag = "v-{sha}"
processes = ["web", "worker"]
health = { url = "https://portal.example/health", identity = "X-Revision" }

[apps.admin]
"#;

fn nothing(_: &str) -> Vec<String> {
    Vec::new()
}

fn file(text: &str) -> File {
    File::parse(text.as_bytes(), ".hotfix.toml").unwrap()
}

fn rows(config: &Config) -> String {
    let row = |(name, value, source): &(&str, String, String)| format!("{name}: {value} [{source}]");
    config.rows().iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_any_configuration_the_defaults_hold() {
    let layers = Layers { flags: &Flags::default(), env: &Env::default(), git: &nothing, file: None };
    let config = Config::resolve(&layers).unwrap();
    insta::assert_snapshot!(rows(&config), @r"
    remote: origin [default]
    url:  [default]
    branches.production: main [default]
    branches.prefix: hotfix/ [default]
    branches.targets: develop [default]
    deploy.job: deploy-prod-hotfix [default]
    deploy.rollback_job: rollback-prod-hotfix [default]
    deploy.environment: production [default]
    deploy.apps: portal, admin, api-gateway [default]
    deploy.approvals: tech-lead = tech-leads, pm = product [default]
    migrations.job: run-migrations-prod [default]
    migrations.paths: **/migrations/**, db/migrate/** [default]
    backport.job: hotfix-backport [default]
    backport.labels: backport, auto-backport [default]
    backport.conflict_labels: backport, conflicts [default]
    poll.min: 5s [default]
    poll.max: 30s [default]
    retry.base: 500ms [default]
    retry.budget: 60s [default]
    retry.outage: 1800s [default]
    timeout: 60s [default]
    settle: 10s [default]
    heroku_url: https://api.heroku.com/ [default]
    heroku_registry: https://registry.heroku.com/ [default]
    release_deadline: 3600s [default]
    boot_deadline: 300s [default]
    health_deadline: 300s [default]
    health_timeout: 5s [default]
    health_min: 2s [default]
    health_max: 10s [default]
    health_streak: 3 [default]
    migrations_silence: 3600s [default]
    ");
    assert_eq!(config.http_options(), Options::default());
}

#[test]
fn the_file_can_rename_everything() {
    let file = file(FULL);
    let layers = Layers { flags: &Flags::default(), env: &Env::default(), git: &nothing, file: Some(&file) };
    let config = Config::resolve(&layers).unwrap();
    insta::assert_snapshot!(rows(&config), @r"
    remote: origin [default]
    url:  [default]
    branches.production: trunk [.hotfix.toml]
    branches.prefix: fix/ [.hotfix.toml]
    branches.targets: develop, release/* [.hotfix.toml]
    deploy.job: deploy-a, deploy-b [.hotfix.toml]
    deploy.rollback_job: rollback-prod-hotfix [default]
    deploy.environment: live [.hotfix.toml]
    deploy.apps: portal [.hotfix.toml]
    deploy.approvals: zeta = leads, alpha = Product Managers [.hotfix.toml]
    migrations.job: migrate [.hotfix.toml]
    migrations.paths: db/** [.hotfix.toml]
    backport.job: pick [.hotfix.toml]
    backport.labels: b [.hotfix.toml]
    backport.conflict_labels:  [.hotfix.toml]
    poll.min: 5s [default]
    poll.max: 30s [default]
    retry.base: 500ms [default]
    retry.budget: 60s [default]
    retry.outage: 1800s [default]
    timeout: 60s [default]
    settle: 10s [default]
    heroku_url: https://api.heroku.com/ [default]
    heroku_registry: https://registry.heroku.com/ [default]
    release_deadline: 3600s [default]
    boot_deadline: 300s [default]
    health_deadline: 300s [default]
    health_timeout: 5s [default]
    health_min: 2s [default]
    health_max: 10s [default]
    health_streak: 3 [default]
    migrations_silence: 3600s [default]
    ");
    let names: Vec<&str> = config.app_details.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(names, ["portal", "admin"], "in the order of the file");
    let portal = &config.app_details[0];
    assert_eq!(portal.heroku.as_deref(), Some("acme-portal-prod"));
    assert_eq!(
        (portal.image.as_deref(), portal.tag.as_deref()),
        (Some("shop_2/web--a__b.c"), Some("v-{sha}"))
    );
    assert_eq!(portal.processes, ["web", "worker"]);
    let health = portal.health.as_ref().unwrap();
    assert_eq!(
        (health.url.as_str(), health.identity.as_deref()),
        ("https://portal.example/health", Some("x-revision"))
    );
}

#[test]
fn the_first_layer_that_speaks_wins() {
    let file = file(
        "[branches]\nproduction='from-file'\nprefix='from-file/'\ntargets=['from-file']\n[deploy]\nenvironment='from-file'",
    );
    let git = |key: &str| match key {
        "hotfix.productionBranch" => vec!["first".to_owned(), "from-git".to_owned()],
        "hotfix.branchPrefix" => vec!["from-git/".to_owned()],
        "hotfix.target" => vec!["a".to_owned(), String::new(), "b,c".to_owned(), "d".to_owned()],
        "hotfix.app" => vec![String::new()],
        _ => Vec::new(),
    };
    let env = Env::of(&[(env::BRANCH_PREFIX, "from-env/"), (env::POLL_MIN, "0"), (env::APPS, "")]);
    let flags = Flags { host: Some("gitlab.example".to_owned()), ..Flags::default() };
    let mut layers = Layers { flags: &flags, env: &env, git: &git, file: Some(&file) };
    let config = Config::resolve(&layers).unwrap();
    let shown = |value: &str, source: Source| (value.to_owned(), source);
    let one = |setting: &Setting<String>| (setting.value.clone(), setting.source.clone());
    assert_eq!(one(&config.production), shown("from-git", Source::Git("hotfix.productionBranch")));
    assert_eq!(one(&config.prefix), shown("from-env/", Source::Variable("GIT_HOTFIX_BRANCH_PREFIX")));
    assert_eq!(one(&config.environment), shown("from-file", Source::File(".hotfix.toml".to_owned())));
    assert_eq!(config.targets.value, ["b,c", "d"]);
    assert_eq!(config.apps.value, [""; 0]);
    assert_eq!(config.poll_min.value, Duration::ZERO);
    assert_eq!(config.url.value.unwrap().as_str(), "https://gitlab.example/");
    assert_eq!(config.url.source, Source::Flag("--host"));
    let flags = Flags { to: vec!["x".to_owned()], ..Flags::default() };
    layers.flags = &flags;
    assert_eq!(Config::resolve(&layers).unwrap().targets.value, ["x"]);
}

#[test]
fn a_value_that_cannot_be_used_names_its_source() {
    let show = |pairs: &[(&str, &str)], git: &dyn Fn(&str) -> Vec<String>| {
        let layers = Layers { flags: &Flags::default(), env: &Env::of(pairs), git, file: None };
        Config::resolve(&layers).unwrap_err().message
    };
    let url = |key: &str| if key == "hotfix.url" { vec!["http://gitlab.example".to_owned()] } else { vec![] };
    let empty = |key: &str| if key == "hotfix.deployJob" { vec!["-x".to_owned()] } else { vec![] };
    let unset = |key: &str| if key == "hotfix.remote" { vec![String::new()] } else { vec![] };
    let shown = [
        show(&[(env::POLL_MIN, "soon")], &nothing),
        show(&[(env::TARGETS, "develop, a b")], &nothing),
        show(&[(env::REMOTE, ",")], &nothing),
        show(&[], &url),
        show(&[], &empty),
        show(&[], &unset),
        show(&[(env::DEPLOY_JOB, " ,")], &nothing),
    ];
    insta::assert_snapshot!(shown.join("\n"), @"
    GIT_HOTFIX_POLL_MIN: “soon” is no duration, as in 5s, 500ms or 2m
    GIT_HOTFIX_TARGETS: “a b” is no name or pattern of a branch
    GIT_HOTFIX_REMOTE: remote needs a value
    git config hotfix.url: “http://gitlab.example” is no address of a GitLab instance: plain http would show the token to everyone on the way
    git config hotfix.deployJob: “-x” is no usable name
    git config hotfix.remote: remote needs a value
    GIT_HOTFIX_DEPLOY_JOB: deploy.job needs a value
    ");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place() {
    let long = format!("# {}", "x".repeat(70_000));
    let shown = [
        "brnches = 1",
        "[branches]\nproduction = 'main'\n  targts = ['x']",
        "[deploy]\ncommand = 'rm -rf /'",
        "[gitlab]\nurl = 'https://evil.example'",
        "[apps.portal]\nhealth = { url = 'https://x.example', cert = 'x' }",
        "[apps.portal.hooks]\npost = 'x'",
        "[branches]\nproduction = 1",
        "[branches]\nproduction = '-x'",
        "[branches]\ntargets = 'develop'",
        "[branches]\nproduction = 'a'\nproduction = 'b'",
        "[deploy]\njob = 7",
        "[deploy]\njob = ['a', '']",
        "[deploy]\napprovals = ['x']",
        "[deploy.approvals]\ntech-lead = 'x'\npm = 'x'",
        "[migrations]\npaths = ['ok/**', '../secrets/**']",
        "[backport]\nlabels = ['a,b']",
        "[apps.portal]\nimage = '../../other/image'",
        "[apps.portal]\nimage = 'registry.evil.example:5000/x'",
        "[apps.portal]\nimage = 'web/a..b'",
        "[apps.portal]\nimage = 'web-'",
        "[apps.portal]\ntag = 'a b'",
        "[apps.portal]\nheroku = 'x/../y'",
        "[apps.portal]\nhealth = { url = 'http://portal.example' }",
        "[apps.portal]\nhealth = { url = 'https://u:p@portal.example' }",
        "[apps.portal]\nhealth = {}",
        "[branches\n",
        "'é' = 'ü' x",
        long.as_str(),
    ]
    .map(|text| {
        let problem = File::parse(text.as_bytes(), ".hotfix.toml").unwrap_err();
        assert_eq!(problem.kind, Kind::Config);
        let (last, hints) = problem.hints.split_last().unwrap();
        assert_eq!(last, "what may stand in it: git help hotfix");
        let hints: String = hints.iter().map(|hint| format!(" ({hint})")).collect();
        format!("{}{hints}", problem.message.trim_start_matches(".hotfix.toml: "))
    });
    insta::assert_snapshot!(shown.join("\n"), @r#"
    line 1, column 1: unknown key brnches (did you mean branches?)
    line 3, column 3: unknown key targts (did you mean targets?)
    line 2, column 1: unknown key command (known here: job, rollback_job, environment, apps, approvals)
    line 1, column 2: unknown key gitlab (known here: branches, deploy, migrations, backport, apps)
    line 2, column 39: unknown key cert (known here: url, identity, field, status)
    line 1, column 14: unknown key hooks (known here: heroku, image, tag, processes, health)
    line 2, column 14: invalid type: integer `1`, expected a string
    line 2, column 14: “-x” is no name of a branch
    line 2, column 11: invalid type: string "develop", expected a sequence
    line 3, column 1: duplicate key
    line 2, column 7: expected a string or a list of strings
    line 2, column 7: “” is no usable name
    line 2, column 13: invalid type: sequence, expected a map
    line 3, column 6: “x” already stands for another role
    line 2, column 19: “../secrets/**” is no path inside the repository
    line 2, column 11: “a,b” is no label: GitLab separates them by commas
    line 2, column 9: “../../other/image” is no image below the project's registry
    line 2, column 9: “registry.evil.example:5000/x” is no image below the project's registry
    line 2, column 9: “web/a..b” is no image below the project's registry
    line 2, column 9: “web-” is no image below the project's registry
    line 2, column 7: “a b” is no tag, as in {sha} or prod-{sha}
    line 2, column 10: “x/../y” is no name of an app or process type on Heroku
    line 2, column 18: “http://portal.example” is no https address
    line 2, column 18: “https://u:p@portal.example” is no https address
    line 2, column 10: missing field `url`
    line 1, column 10: unclosed table, expected `]`
    line 1, column 11: unexpected key or value, expected newline, `#`
    longer than 64 KiB
    "#);
    let problem = File::parse(b"a = '\n\xff'", "x").unwrap_err();
    assert_eq!(problem.message, "x: line 2, column 1: not UTF-8");
}

#[test]
fn a_deep_file_does_not_overflow() {
    let deep = format!("x = {}", "[".repeat(60_000));
    assert!(File::parse(deep.as_bytes(), "x").is_err());
    let deep = format!("x{} = 1", ".x".repeat(30_000));
    assert!(File::parse(deep.as_bytes(), "x").is_err());
}

#[test]
fn every_key_has_names_of_its_own() {
    let layers = Layers { flags: &Flags::default(), env: &Env::default(), git: &nothing, file: None };
    let rows = Config::resolve(&layers).unwrap().rows();
    for (at, key) in KEYS.iter().enumerate() {
        assert!(rows.iter().any(|(name, ..)| *name == key.name), "{}", key.name);
        for other in &KEYS[at + 1..] {
            assert!(key.name != other.name && key.variable != other.variable && key.git != other.git);
        }
    }
    assert_eq!(rows.len(), KEYS.len() + 1, "and deploy.approvals, which only the file can say");
}
