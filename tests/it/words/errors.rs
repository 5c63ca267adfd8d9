//! The whole text of what git and GitLab can do wrong below a command, as people read it.

use std::time::Duration;

use git_hotfix::ci::{Body, Job, Wishes, in_environment, template, token};
use git_hotfix::clock::SystemClock;
use git_hotfix::config::{Config, Env, Flags, Layers, env};
use git_hotfix::context::Context;
use git_hotfix::error::Problem;
use git_hotfix::git::commit::WriteError;
use git_hotfix::git::landed::SourceError;
use git_hotfix::git::{GitError, Oid};
use git_hotfix::gitlab;
use git_hotfix::hotfix::drive::World;
use git_hotfix::hotfix::site::{Selector, Settings, Site};
use git_hotfix::hotfix::step::{Acted, Step};
use insta::assert_snapshot;

use super::commands;
use crate::ladder::{policy, sha};

/// Message, exit code, causes and hints; every command in them can be typed.
#[track_caller]
pub(crate) fn said(problems: impl IntoIterator<Item = Problem>) -> String {
    let mut text = String::new();
    for problem in problems {
        text.push_str(&format!("{} ({})\n", problem.message, problem.kind.exit_code()));
        problem.causes.iter().for_each(|cause| text.push_str(&format!("  caused by: {cause}\n")));
        assert!(!problem.hints.is_empty(), "no way out: {text}");
        for hint in &problem.hints {
            let wrong: Vec<String> =
                commands::named(hint).iter().filter_map(|w| commands::wrong(w)).collect();
            assert!(wrong.is_empty(), "{hint}: {}", wrong.join("\n"));
            text.push_str(&format!("  hint: {hint}\n"));
        }
    }
    text
}

fn oid(byte: u8) -> Oid {
    Oid::from_hex(format!("{byte:02x}").repeat(20).as_bytes()).unwrap()
}

#[test]
fn of_git() {
    let subcommand = || "fetch".to_owned();
    let text = said(
        [
            GitError::NotFound,
            GitError::Failed { subcommand: subcommand(), status: 1, stderr: "fatal: no".into() },
            GitError::Signal { subcommand: subcommand(), signal: 9, stderr: String::new() },
            GitError::Answer { subcommand: subcommand(), what: "html".into() },
            GitError::MissingObject(oid(1)),
            GitError::Shallow,
            GitError::BadName { name: "--upload-pack".into(), role: "a remote" },
            GitError::RefMoved { name: "refs/heads/hotfix/x".into() },
            GitError::NoGitServer { remote: "origin".into() },
            GitError::Store { what: "read HEAD".into(), cause: "permission denied".into() },
            GitError::Io {
                what: "could not write a file".into(),
                source: std::io::ErrorKind::PermissionDenied.into(),
            },
        ]
        .map(Problem::from),
    );
    assert_snapshot!(text, @"
    git was not found in PATH (4)
      hint: install git 2.38 or newer and put it in PATH
    git fetch failed (exit code 1) (6)
      caused by: fatal: no
      hint: nothing was concluded; run the same command again
    git fetch was ended by signal 9 (6)
      hint: nothing was concluded; run the same command again
    git fetch answered something unexpected: html (1)
      hint: mend what git says, then run the same command again
    object 0101010101010101010101010101010101010101 is not in this repository (5)
      hint: git fetch
    this clone is shallow and its history ends before the answer (5)
      hint: git fetch --unshallow
    `--upload-pack` cannot be used as a remote (4)
      hint: give it an https or ssh address: git remote set-url <name> <url>
    refs/heads/hotfix/x moved meanwhile (5)
      hint: run the same command again
    origin does not answer as a git server does (6)
      hint: nothing was concluded; run the same command again
    could not read HEAD (1)
      caused by: permission denied
      hint: mend what is said above, then run the same command again
    could not write a file (1)
      caused by: permission denied
      hint: mend what is said above, then run the same command again
    ");
}

#[test]
fn of_the_network() {
    use git_hotfix::http::{Error, Origin};
    let origin = || Origin::of(&url("https://gitlab.example")).unwrap();
    let call = || "POST /projects/7/merge_requests".to_owned();
    let text = said(
        [
            Error::WrongOrigin { token: origin(), asked: Origin::of(&url("https://other.example")).unwrap() },
            Error::Plain { origin: Origin::of(&url("http://gitlab.example")).unwrap() },
            Error::Impossible { what: "`..` is no part of a path".into() },
            Error::Tls { origin: origin(), why: "unknown issuer".into() },
            Error::Unreachable { origin: origin(), why: "connection refused".into() },
            Error::Ambiguous { call: call(), why: "time-out".into() },
            Error::TooLarge { call: call(), cap: 1024 },
        ]
        .map(Problem::from),
    );
    assert_snapshot!(text, @"
    the token is for https://gitlab.example, not for https://other.example (4)
      hint: see which address and which token are used: git hotfix doctor
    refusing to send a token over plain http to http://gitlab.example (4)
      hint: see which address and which token are used: git hotfix doctor
    `..` is no part of a path (4)
      hint: see which address and which token are used: git hotfix doctor
    no secure connection to https://gitlab.example: unknown issuer (4)
      hint: certificates are checked against the system's trust store: add your company's there, then run the same command again
    https://gitlab.example could not be reached: connection refused (6)
      hint: nothing was concluded; run the same command again
    the outcome of POST /projects/7/merge_requests is unknown: time-out (6)
      hint: it may have been done; see what is true, then run the same command again
    the answer to POST /projects/7/merge_requests is longer than 1024 bytes (6)
      hint: nothing was concluded; run the same command again
    ");
}

fn url(text: &str) -> url::Url {
    url::Url::parse(text).unwrap()
}

#[test]
fn of_addresses() {
    let remotes = [
        "",
        "/srv/web.git",
        "https://gitlab.example",
        "https://gitlab.example:x/a/b",
        "ftp://x/a/b",
        "http://x/a/b",
    ];
    let wrong = remotes.map(|remote| gitlab::Address::of_remote(remote, None).unwrap_err().into());
    assert_snapshot!(said(wrong), @"
    the remote has no URL (4)
      hint: give the remote its address on GitLab: git remote set-url <name> <url>
      hint: or use another remote: git config hotfix.remote <name>
    not a GitLab URL: a path on this machine, or a transport of another kind (4)
      hint: give the remote its address on GitLab: git remote set-url <name> <url>
      hint: or use another remote: git config hotfix.remote <name>
    not a GitLab URL: it names no project (4)
      hint: give the remote its address on GitLab: git remote set-url <name> <url>
      hint: or use another remote: git config hotfix.remote <name>
    not a GitLab URL: its port is no port (4)
      hint: give the remote its address on GitLab: git remote set-url <name> <url>
      hint: or use another remote: git config hotfix.remote <name>
    not a GitLab URL: only https and ssh lead to one (4)
      hint: give the remote its address on GitLab: git remote set-url <name> <url>
      hint: or use another remote: git config hotfix.remote <name>
    http://x is plain http, over which no token may travel (4)
      hint: name the instance, as in: git config hotfix.url https://gitlab.example
    ");
}

fn environment(pairs: &[(&str, &str)]) -> Env {
    Env::from_lookup(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into()))
}

/// Everything at its default.
fn config() -> Config {
    let layers =
        Layers { flags: &Flags::default(), env: &environment(&[]), git: &|_| Vec::new(), file: None };
    Config::resolve(&layers).unwrap()
}

#[test]
fn of_a_template() {
    let wishes = Wishes {
        stage: "deploy".into(),
        image: None,
        tags: vec![],
        resource_group: None,
        scoped_migrations: false,
        migrating_app: None,
        command: vec![],
        gate: false,
    };
    let told = |change: &dyn Fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        template(&config, &wishes).unwrap_err()
    };
    let text = said([
        told(&|config| config.production.value = "it's \"it\"".into()),
        told(&|config| config.migrations_paths.value = vec!["db/**".to_owned(); 51]),
        told(&|config| config.rollback_job.value = "image".into()),
        told(&|config| config.rollback_job.value = config.migrations_job.value.clone()),
    ]);
    assert_snapshot!(text, @r#"
    no rule of GitLab's can name the branch it's "it" (4)
      hint: it holds both kinds of quotes; rename the branch: git branch -m <name>, then: git hotfix ci template
    51 patterns of migrations: GitLab takes at most 50 in one rule (4)
      hint: write fewer, broader ones: migrations.paths in .hotfix.toml, then: git hotfix ci template
    deploy.rollback_job: GitLab takes no job called `image` (4)
      hint: rename it: deploy.rollback_job in .hotfix.toml, then: git hotfix ci template
    deploy.rollback_job and migrations.job are both called `run-migrations-prod` (4)
      hint: rename it: migrations.job in .hotfix.toml, then: git hotfix ci template
    "#);
}

#[test]
fn of_a_job() {
    const JOB: [(&str, &str); 5] = [
        (env::GITLAB_CI, "true"),
        (env::CI_SERVER_URL, "https://gitlab.example/git"),
        (env::CI_PROJECT_PATH, "shop/web"),
        (env::CI_COMMIT_SHA, "9f3c1a7e9f3c1a7e9f3c1a7e9f3c1a7e9f3c1a7e"),
        (env::CI_COMMIT_BRANCH, "main"),
    ];
    const BODY: Body<'_> =
        Body { command: "git hotfix ci backport", elsewhere: "git hotfix backport <commit>" };
    let with = |name: &str, value: &str| {
        let job = JOB.map(|(known, own)| if known == name { (known, value) } else { (known, own) });
        environment(&job)
    };
    let around = |name, value| Job::around(&with(name, value), "main", None, BODY).unwrap_err();
    let placed = |value: &str| {
        let mut all = JOB.to_vec();
        all.push((env::CI_ENVIRONMENT_NAME, value));
        in_environment(&environment(&all), "production", None, BODY).unwrap_err()
    };
    let address = gitlab::Address::new(&url("https://gitlab.example/git"), "shop/web").unwrap();
    let text = said([
        around(env::GITLAB_CI, ""),
        around(env::CI_COMMIT_BRANCH, ""),
        around(env::CI_COMMIT_BRANCH, "develop"),
        around(env::CI_COMMIT_SHA, ""),
        around(env::CI_SERVER_URL, "ftp://gitlab.example"),
        placed("staging"),
        placed(""),
        token(&environment(&JOB), &address).unwrap_err(),
        token(&environment(&[(env::GITLAB_TOKEN, "glpat-x")]), &address).unwrap_err(),
    ]);
    assert_snapshot!(text, @"
    this is no GitLab job (GITLAB_CI is not set) (5)
      caused by: this is the body of a job in a pipeline of main
      hint: anywhere else: git hotfix backport <commit>
      hint: or with a reason: git hotfix ci backport --outside-pipeline <reason>
    this pipeline belongs to no branch (a merge request or a tag) (5)
      caused by: this is the body of a job in a pipeline of main
      hint: anywhere else: git hotfix backport <commit>
      hint: or with a reason: git hotfix ci backport --outside-pipeline <reason>
    this pipeline runs for develop, not for main (5)
      caused by: this is the body of a job in a pipeline of main
      hint: anywhere else: git hotfix backport <commit>
      hint: or with a reason: git hotfix ci backport --outside-pipeline <reason>
    CI_COMMIT_SHA is not set (4)
      hint: GitLab sets it in every job: take out whatever overrides it in .gitlab-ci.yml, then run the job again
    CI_SERVER_URL: “ftp://gitlab.example” is no address of a GitLab instance: a host or an https URL is expected (4)
      hint: GitLab sets it in every job: take out whatever overrides it in .gitlab-ci.yml, then run the job again
    this job is one of the environment staging, not of production (5)
      caused by: this is the body of a job of the environment production
      hint: anywhere else: git hotfix backport <commit>
      hint: or with a reason: git hotfix ci backport --outside-pipeline <reason>
    this job has no `environment: production` (5)
      caused by: this is the body of a job of the environment production
      hint: anywhere else: git hotfix backport <commit>
      hint: or with a reason: git hotfix ci backport --outside-pipeline <reason>
    there is no project token (GIT_HOTFIX_TOKEN) (4)
      caused by: the job's own token can open no merge request, and pushes with it start no pipeline
      hint: make a project access token, role Developer, scopes api and write_repository: https://gitlab.example/git/shop/web/-/settings/access_tokens
      hint: then add it to the project's CI/CD variables as GIT_HOTFIX_TOKEN, masked and protected, and run the job again
    there is no project token (GIT_HOTFIX_TOKEN) (4)
      caused by: the job's own token can open no merge request, and pushes with it start no pipeline
      caused by: GITLAB_TOKEN: it is for https://gitlab.com (where no variable names a host), not https://gitlab.example
      hint: make a project access token, role Developer, scopes api and write_repository: https://gitlab.example/git/shop/web/-/settings/access_tokens
      hint: then add it to the project's CI/CD variables as GIT_HOTFIX_TOKEN, masked and protected, and run the job again
    ");
}

/// What carries out a step in no clone and without GitLab.
fn nowhere(step: &Step) -> Problem {
    let settings = |_: Option<&[u8]>, _: &str| {
        Ok(Settings {
            policy: policy(),
            targets: vec![],
            migrations: Context::migrations(&config())?,
            remote: "origin".into(),
            offline: false,
            landed: None,
            signoff: false,
            no_fetch: false,
            refs_good_for: Duration::ZERO,
        })
    };
    let clock = SystemClock::new();
    let selector = Selector::Request(412);
    let mut site =
        Site::new(None, None, &clock, Box::new(settings), (None, String::new()), selector).unwrap();
    site.act(step, None).unwrap_err()
}

#[test]
fn of_steps() {
    let later = Acted::Limited("gitlab.example asks to slow down".into(), Duration::from_secs(30));
    let text = said([
        nowhere(&Step::Merge { iid: 412, head: sha(1), auto: false }),
        nowhere(&Step::Confirm { iid: 412, commit: sha(1), text: "seen".into() }),
        nowhere(&Step::Push { branch: "hotfix/x".into(), tip: sha(1), expect: None }),
        later.or_later().unwrap_err(),
    ]);
    assert_snapshot!(text, @"
    not confirmed: merge !412 (5)
      hint: it was not done; run the same command again when it is wanted
    this needs GitLab, and there is no token for it (4)
      hint: how to get one, and where it is looked for: git hotfix doctor
    this needs a clone of the repository (5)
      hint: run it in one: git clone <url>, then the same command there
    gitlab.example asks to slow down (6)
      hint: run the same command again in 30 s
    ");
}

#[test]
fn of_settings_and_signatures() {
    let mut config = config();
    config.migrations_paths.value = vec!["db/[".into()];
    let text = said([
        Context::migrations(&config).unwrap_err(),
        WriteError::Changed { commit: oid(1), part: "author" }.into(),
    ]);
    assert_snapshot!(text, @"
    migrations.paths cannot be used (4)
      caused by: error parsing glob 'db/[': unclosed character class; missing ']'
      hint: write them like `db/migrate/**`; where they are set: git hotfix doctor --config
    signing would change the author of 0101010101010101010101010101010101010101 (5)
      caused by: git re-encodes what it signs
      hint: leave this one unsigned: git -c commit.gpgSign=false hotfix backport
    ");
}

#[test]
fn of_what_cannot_be_picked() {
    let (commit, main) = (oid(1), oid(2));
    let text = said(
        [
            SourceError::Root(commit),
            SourceError::Octopus { commit, parents: 3 },
            SourceError::NotOn { commit, main },
            SourceError::MergeInSeries(commit),
            SourceError::NotBelow { commit, base: main },
            SourceError::CutOff { commit, parent: main },
        ]
        .map(Problem::from),
    );
    assert_snapshot!(text, @"
    0101010101010101010101010101010101010101 is a root commit: there is nothing to compare it with (5)
      hint: take it over by hand: git cherry-pick -x 0101010101010101010101010101010101010101
    0101010101010101010101010101010101010101 is an octopus merge of 3 parents (5)
      hint: say which parent is the main line, by hand: git cherry-pick -x -m 1 0101010101010101010101010101010101010101
    0101010101010101010101010101010101010101 is not on 0202020202020202020202020202020202020202 (5)
      hint: name the commit that landed: git hotfix backport --landed <sha>
    0101010101010101010101010101010101010101 is a merge inside the series (5)
      hint: pick one by one: git hotfix backport --landed <sha>
    0202020202020202020202020202020202020202 is not below 0101010101010101010101010101010101010101 (5)
      hint: pick one by one: git hotfix backport --landed <sha>
    0101010101010101010101010101010101010101 stands at the edge of this shallow clone: its parent 0202020202020202020202020202020202020202 is not here (5)
      hint: git fetch --deepen=1
    ");
}

#[test]
fn of_gitlab() {
    use gitlab::Error;
    let instance = || "https://gitlab.example/git".to_owned();
    let (host, call) = (|| "gitlab.example".to_owned(), || "POST /projects/7/merge_requests".to_owned());
    let text = said(
        [
            Error::Unreachable { host: host(), why: "connection refused".into() },
            Error::Connection { host: host(), why: "no secure connection: unknown issuer".into() },
            Error::Ambiguous { call: call(), why: "time-out".into() },
            Error::Unauthorized { instance: instance(), had_token: false, text: "401".into() },
            Error::Unauthorized { instance: instance(), had_token: true, text: "401".into() },
            Error::Forbidden { call: call(), text: "insufficient_scope".into() },
            Error::Forbidden { call: call(), text: "403 Forbidden".into() },
            Error::NotFound { call: call(), had_token: true, absent: false, text: "404".into() },
            Error::NotFound { call: call(), had_token: false, absent: false, text: "404".into() },
            Error::Refused { call: call(), status: 422, text: "Branch cannot be merged".into() },
            Error::RateLimited { host: host(), retry_after: Some(std::time::Duration::from_secs(30)) },
            Error::RateLimited { host: host(), retry_after: None },
            Error::Server { host: host(), status: 502, text: "an HTML page".into() },
            Error::Malformed { call: call(), what: "an HTML page".into() },
            Error::TooLarge { call: call(), limit: "more than 32 MiB".into() },
            Error::Moved { to: "other/web".into() },
            Error::Redirected { call: call(), to: "https://sso.example".into() },
        ]
        .map(Problem::from),
    );
    assert_snapshot!(text, @"
    gitlab.example could not be reached: connection refused (6)
      hint: nothing was concluded; run the same command again
    no secure connection: unknown issuer (4)
      hint: certificates come from the system's trust store; check the address with: git config hotfix.url
    the outcome of POST /projects/7/merge_requests is unknown: time-out (6)
      hint: it may have been done; see what is true with: git hotfix status
    https://gitlab.example/git asks for a token, and none was found (4)
      hint: create one with the scopes api and write_repository at https://gitlab.example/git/-/user_settings/personal_access_tokens
      hint: then: export GIT_HOTFIX_URL=https://gitlab.example/git GIT_HOTFIX_TOKEN=<token>
      hint: where it was looked for: git hotfix doctor
    https://gitlab.example/git does not accept the token: 401 (4)
      hint: which token was used and what is wrong with it: git hotfix doctor
      hint: create one with the scopes api and write_repository at https://gitlab.example/git/-/user_settings/personal_access_tokens
      hint: then: export GIT_HOTFIX_URL=https://gitlab.example/git GIT_HOTFIX_TOKEN=<token>
    POST /projects/7/merge_requests is forbidden: insufficient_scope (4)
      hint: the token lacks a scope; writes need `api`: git hotfix doctor
    POST /projects/7/merge_requests is forbidden: 403 Forbidden (4)
      hint: your rights in the project do not suffice: git hotfix doctor
    POST /projects/7/merge_requests: 404 (4)
      hint: GitLab also answers 404 for what the token's user may not see
      hint: which project and which user that is: git hotfix doctor
    POST /projects/7/merge_requests: 404 (4)
      hint: GitLab also answers 404 for a private project when no token is given
      hint: where a token was looked for: git hotfix doctor
    POST /projects/7/merge_requests was refused (422): Branch cannot be merged (5)
      hint: see what is true now with: git hotfix status
    gitlab.example asks to slow down (6)
      hint: run the same command again in 30 s
    gitlab.example asks to slow down (6)
      hint: run the same command again in a minute
    gitlab.example answered 502: an HTML page (6)
      hint: nothing was concluded; run the same command again
    the answer to POST /projects/7/merge_requests is an HTML page (6)
      hint: nothing was concluded; check that GitLab itself answers, with no sign-in page or proxy in between: git hotfix doctor
    the answer to POST /projects/7/merge_requests is too long (more than 32 MiB) (6)
      hint: nothing was concluded; check that GitLab itself answers, with no sign-in page or proxy in between: git hotfix doctor
    the project has moved to other/web (4)
      hint: tell git the new address: git remote set-url origin <url>
    POST /projects/7/merge_requests was redirected to https://sso.example (4)
      hint: redirects are not followed; set the final address: git config hotfix.url <url>
    ");
}
