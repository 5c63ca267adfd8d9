//! `ci migrate`: whether there is anything to do, the command in a one-off dyno to its exit status, and the
//! release phase as the other way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use git_hotfix::sim::heroku::{Ending, Script};
use git_hotfix::sim::{Fault, FaultPlan, What};

use crate::ci_backport::{ends, land};
use crate::ci_yard::Yard;

const COMMAND: [&str; 7] = ["ci", "migrate", "--app", "api-gateway", "--", "rake", "db:migrate"];

/// A yard whose job runs for a commit with a migration, production having run the one before.
pub(crate) fn migrating() -> (Yard, String) {
    let yard = Yard::new(0);
    let before = yard.commit.clone();
    let landed = land(&yard.gitlab, "hotfix/table", "apps/api/db/migrations/7_table.rb", "create table\n");
    (at(yard, &landed), before)
}

/// The same yard with a job for another commit.
fn at(yard: Yard, commit: &str) -> Yard {
    yard.set("CI_COMMIT_SHA", commit)
}

fn script(yard: &Yard, lines: &[&str], exit: Option<u8>) {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    yard.heroku.with_platform(|platform| {
        platform.app("acme-api-gateway").unwrap().scripts.push_back(Script { lines, exit });
    });
}

#[test]
fn without_migrations_there_is_nothing_to_do() {
    let yard = Yard::new(0);
    let before = yard.commit.clone();
    let landed = land(&yard.gitlab, "hotfix/text", "apps/portal/app/login.rb", "# fixed\n");
    let yard = at(yard, &landed);
    let since = ["ci", "migrate", "--since", &before];
    let log = ends(&yard.runner.runs(&[&since[..], &["--app", "admin", "--", "rake"]].concat()), 0);
    assert!(log.contains("no migrations since") && log.contains("nothing to do"), "{log}");
    assert!(!log.contains("warning"), "{log}");
    // What is wrong with the job is said before the day it matters.
    for (args, wrong) in [
        (&["--app", "shop"][..], "which app shop is on Heroku is not configured"),
        (&["--", "rake"], "3 apps are configured, and the command runs in one of them"),
    ] {
        let log = ends(&yard.runner.runs(&[&since[..], args].concat()), 0);
        assert!(log.contains("nothing to do"), "{log}");
        assert!(log.contains(&format!("warning: with migrations this job would fail: {wrong}")), "{log}");
    }
    assert!(yard.heroku.requests().is_empty());
}

#[test]
fn what_ran_before_is_asked_of_gitlab_or_said() {
    let (yard, _) = migrating();
    let log = ends(&yard.runner.runs(&COMMAND), 4);
    assert!(
        log.contains("what production ran before is not known") && log.contains("--since <commit>"),
        "{log}"
    );
    let token = yard.gitlab.server.token("mia");
    let yard = yard.set("GIT_HOTFIX_TOKEN", &token);
    // Production runs the story's first commit, and this one is beyond it.
    let log = ends(&yard.runner.runs(&COMMAND), 0);
    assert!(log.contains("7_table.rb"), "{log}");
    assert!(log.contains("api-gateway: the migration ended with 0"), "{log}");
}

/// Deploys a landed commit in the pipeline, or takes it back.
fn played(yard: &Yard, commit: &str, name: &str) {
    let lab = &yard.gitlab;
    let job = lab.job(commit, name);
    if name == "deploy-prod-hotfix" {
        let deployment = lab.deployment(&job);
        for user in ["bo", "cleo"] {
            let voted = lab.approve(user, &deployment);
            assert_eq!(voted.status, 201, "{}", voted.text);
        }
    }
    assert_eq!(lab.play("mia", &job).status, 200);
    assert_eq!(lab.project(&format!("jobs/{}", job["id"]))["status"], "success");
}

#[test]
fn the_migrations_of_what_was_taken_back_come_with_the_next_one() {
    let (yard, _) = migrating();
    let token = yard.gitlab.server.token("mia");
    let yard = yard.set("GIT_HOTFIX_TOKEN", &token);
    let taken_back =
        yard.gitlab.project("repository/branches/main")["commit"]["id"].as_str().unwrap().to_owned();
    played(&yard, &taken_back, "deploy-prod-hotfix");
    let next = land(&yard.gitlab, "hotfix/text", "apps/portal/app/login.rb", "# fixed\n");
    let yard = at(yard, &next);
    let log = ends(&yard.runner.runs(&COMMAND), 0);
    assert!(log.contains("nothing to do"), "while it stands, there are none since: {log}");
    assert_eq!(yard.writes("/dynos"), 0);

    played(&yard, &taken_back, "rollback-prod-hotfix");
    let newest = &yard.gitlab.project("deployments?status=success&order_by=id&sort=desc")[0];
    assert_eq!(newest["sha"], taken_back.as_str(), "GitLab goes on naming it");
    let log = ends(&yard.runner.runs(&COMMAND), 0);
    assert!(log.contains("7_table.rb") && log.contains("the migration ended with 0"), "{log}");
    assert_eq!(yard.writes("/dynos"), 1);
}

#[test]
fn the_command_runs_to_its_exit_status() {
    let (yard, before) = migrating();
    let args = |rest: &[&'static str]| [&["ci", "migrate", "--since", before.as_str()][..], rest].concat();
    script(&yard, &["== CreateTable: migrating", "== done"], Some(0));
    yard.heroku.with_platform(|platform| platform.app("acme-api-gateway").unwrap().conflicts = 2);
    let log = ends(&yard.runner.runs(&args(&COMMAND[2..])), 0);
    assert!(log.contains("api-gateway | == CreateTable: migrating"), "{log}");
    assert!(!log.contains("heroku-command-exit-status"), "{log}");
    assert_eq!(yard.writes("/dynos"), 3, "two were told to come again");

    script(&yard, &["rake aborted!"], Some(3));
    let log = ends(&yard.runner.runs(&args(&COMMAND[2..])), 7);
    assert!(
        log.contains("the migration ended with 3") && log.contains("api-gateway | rake aborted!"),
        "{log}"
    );

    script(&yard, &["half of it"], None);
    let log = ends(&yard.runner.runs(&args(&COMMAND[2..])), 7);
    assert!(log.contains("how the migration in run.") && log.contains("is not known"), "{log}");
    assert!(log.contains("is still there, up") || log.contains("is still there, starting"), "{log}");
    let started = yard.writes("/dynos");
    // It may still be at work: no second one beside it.
    let log = ends(&yard.runner.runs(&args(&COMMAND[2..])), 5);
    assert!(log.contains("this command runs already, as run."), "{log}");
    assert_eq!(yard.writes("/dynos"), started);
}

#[test]
fn a_lost_answer_starts_nothing_twice() {
    let (yard, before) = migrating();
    yard.heroku.inject(FaultPlan::next("POST", "/dynos", Fault::after(What::Reset)));
    let args = [&["ci", "migrate", "--since", before.as_str()][..], &COMMAND[2..]].concat();
    let log = ends(&yard.runner.runs(&args), 7);
    assert!(log.contains("whether the migration was started is not known"), "{log}");
    assert!(log.contains("runs it"), "{log}");
    assert_eq!(yard.writes("/dynos"), 1);
}

#[test]
fn one_of_several_apps_has_to_be_named() {
    let (yard, before) = migrating();
    let log = ends(&yard.runner.runs(&["ci", "migrate", "--since", &before, "--", "rake"]), 2);
    assert!(log.contains("3 apps are configured"), "{log}");
}

#[test]
fn the_release_phase_may_have_done_it() {
    let (yard, before) = migrating();
    let args = ["ci", "migrate", "--since", before.as_str()];
    let log = ends(&yard.runner.runs(&args), 0);
    assert!(log.contains("the release phase of v2 ran and ended well"), "{log}");
    assert!(log.contains("is not checked"), "without a receipt that is said: {log}");
    yard.heroku.with_platform(|platform| {
        platform.app("acme-api-gateway").unwrap().endings.push_back(Ending::Fails);
        platform.deploy("acme-api-gateway", &yard.images[2]);
    });
    let log = ends(&yard.runner.runs(&args), 7);
    assert!(log.contains("the release phase of v3 did not end well (failed)"), "{log}");
}

#[test]
fn it_refuses_another_pipeline() {
    let (yard, _) = migrating();
    let yard = yard.set("CI_COMMIT_BRANCH", "develop");
    let log = ends(&yard.runner.runs(&COMMAND), 5);
    assert!(log.contains("this pipeline runs for develop, not for main"), "{log}");
}

/// Stands before the rendezvous and speaks TLS, as Heroku's does: a dyno is met at `localhost` then, which only
/// an address in numbers would be met at in plain.
fn behind_tls(yard: &Yard) {
    let key = include_bytes!("../data/tls/localhost.key.der").to_vec();
    let certificate = include_bytes!("../data/tls/localhost.der").to_vec();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key).into();
    let config =
        config.unwrap().with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("rendezvous://localhost:{}", listener.local_addr().unwrap().port());
    let plain = yard.heroku.with_platform(|platform| platform.meet_at(address));
    let (plain, config) = (plain.trim_start_matches("rendezvous://").to_owned(), Arc::new(config));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut wire = BufReader::new(rustls::StreamOwned::new(connection, stream.unwrap()));
            let (mut secret, mut said) = (String::new(), Vec::new());
            // Whoever does not trust the certificate says no more.
            if wire.read_line(&mut secret).is_ok() {
                let mut dyno = TcpStream::connect(&plain).unwrap();
                dyno.write_all(secret.as_bytes()).unwrap();
                dyno.read_to_end(&mut said).unwrap();
                wire.get_mut().write_all(&said).unwrap();
            }
        }
    });
}

#[test]
#[cfg(target_os = "linux")] // Elsewhere the system's own store decides, and no file is asked.
fn a_dyno_is_met_over_tls_where_its_certificate_is_trusted() {
    let (yard, before) = migrating();
    behind_tls(&yard);
    let args = [&["ci", "migrate", "--since", before.as_str()][..], &COMMAND[2..]].concat();
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/authority.pem");
    let yard = yard.set("SSL_CERT_FILE", authority);
    script(&yard, &["== CreateTable: migrating"], Some(0));
    let log = ends(&yard.runner.runs(&args), 0);
    assert!(log.contains("api-gateway | == CreateTable: migrating"), "{log}");
    script(&yard, &["rake aborted!"], Some(3));
    let log = ends(&yard.runner.runs(&args), 7);
    assert!(log.contains("the migration ended with 3"), "{log}");

    // Where only another authority is trusted, nothing is read from it, and nothing started again.
    let stranger = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/stranger.pem");
    let yard = yard.set("SSL_CERT_FILE", stranger);
    script(&yard, &["not to be seen"], Some(0));
    let log = ends(&yard.runner.runs(&args), 7);
    assert!(log.contains("how the migration in run.") && log.contains("is not known"), "{log}");
    assert!(log.contains("invalid peer certificate: UnknownIssuer"), "{log}");
    assert!(!log.contains("not to be seen"), "{log}");
    assert_eq!(yard.writes("/dynos"), 3);
}
