//! The whole text of what `ci migrate` says when something is in the way, and when how it ended is not known.

use git_hotfix::sim::heroku::{Ending, Script};
use git_hotfix::sim::{Fault, FaultPlan, What};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::promote::{job, next};
use super::refusals::Told;
use crate::ci_migrate::migrating;

#[test]
fn a_migration() {
    let (yard, before) = migrating();
    let since = ["ci", "migrate", "--since", before.as_str()];
    let rake = [&since[..], &["--app", "api-gateway", "--", "rake", "db:migrate"]].concat();
    let script = |lines: &[&str], exit| {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        yard.heroku.with_platform(|platform| {
            platform.app("acme-api-gateway").unwrap().scripts.push_back(Script { lines, exit });
        });
    };
    let mut told = Told::new();
    job(&mut told, &yard, &["ci", "migrate", "--app", "api-gateway", "--", "rake", "db:migrate"]);
    job(&mut told, &yard, &["ci", "migrate", "--since", "yesterday"]);
    job(&mut told, &yard, &[&since[..], &["--", "rake"]].concat());
    job(&mut told, &yard, &[&since[..], &["--app", "shop", "--", "rake"]].concat());
    job(&mut told, &yard, &[&since[..], &["--app", "admin"]].concat());
    script(&["rake aborted!"], Some(3));
    job(&mut told, &yard, &rake);
    next(&yard, "POST", "/dynos", Fault::before(What::Reset));
    job(&mut told, &yard, &rake);
    script(&["half of it"], None);
    job(&mut told, &yard, &rake);
    job(&mut told, &yard, &rake);
    yard.heroku.with_platform(|platform| {
        platform.app("acme-api-gateway").unwrap().endings.extend([Ending::Fails, Ending::Hangs]);
        platform.deploy("acme-api-gateway", &yard.images[2]);
    });
    job(&mut told, &yard, &since);
    yard.heroku.with_platform(|platform| platform.deploy("acme-api-gateway", &yard.images[2]));
    job(&mut told, &yard, &since);
    let other = json!({"version": 1, "work": "promote", "outcome": "live", "commit": before, "who": "mia",
        "started_at": "2026-03-01T03:00:00Z", "apps": []});
    std::fs::write(yard.runner.dir.join("promote-receipt.json"), other.to_string()).unwrap();
    yard.heroku.with_platform(|platform| platform.app("acme-api-gateway").unwrap().finish(Ending::Succeeds));
    job(&mut told, &yard, &since);
    std::fs::remove_file(yard.runner.dir.join("promote-receipt.json")).unwrap();
    yard.heroku.with_platform(|platform| platform.app("acme-api-gateway").unwrap().empty());
    job(&mut told, &yard, &since);
    let text = told.0.replace(&before, "<before>");
    assert_snapshot!(text, @r#"
    $ git hotfix ci migrate --app api-gateway -- rake db:migrate
    error: what production ran before is not known: there is no project token (GIT_HOTFIX_TOKEN)
      caused by: the job's own token can open no merge request, and pushes with it start no pipeline
    hint: make a project access token, role Developer, scopes api and write_repository: <gitlab>/shop/web/-/settings/access_tokens
    hint: then add it to the project's CI/CD variables as GIT_HOTFIX_TOKEN, masked and protected, and run the job again
    hint: or say it: git hotfix ci migrate --since <commit>
    [4]
    $ git hotfix ci migrate --since yesterday
    error: yesterday is no commit here
    hint: git log --oneline
    [2]
    $ git hotfix ci migrate --since <before> -- rake
    error: 3 apps are configured, and the command runs in one of them
    hint: git hotfix ci migrate --app <app> -- <command>
    [2]
    $ git hotfix ci migrate --since <before> --app shop -- rake
    error: which app shop is on Heroku is not configured
    hint: add to .hotfix.toml on the production branch: [apps.shop] heroku = "<name on Heroku>"
    [4]
    $ git hotfix ci migrate --since <before> --app admin
    error: there are migrations, and nothing is said to run them
    hint: git hotfix ci migrate --app <app> -- <command>
    hint: or let the release phase run them: `release` among the processes of an app in .hotfix.toml
    [2]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake db:migrate
    error: the migration ended with 3 after N s
      caused by: it ran on acme-api-gateway: rake db:migrate
    hint: what it did before it failed stays; read its log above, then mend forward
    hint: the app runs the new release; to take that back: git hotfix rollback
    [7]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake db:migrate
    error: whether the migration was started is not known
      caused by: the outcome of POST /apps/acme-api-gateway/dynos is unknown: Connection reset by peer (os error 104)
      caused by: no dyno runs it now
    hint: see what it did: heroku logs --process-type run -a acme-api-gateway
    hint: then decide; run the job again only if its migrations may run twice
    [7]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake db:migrate
    error: how the migration in run.1002 ended is not known
      caused by: it ended without telling its exit status
      caused by: run.1002 is still there, starting
    hint: see what it did: heroku logs --dyno-name run.1002 -a acme-api-gateway
    hint: then decide; run the job again only if its migrations may run twice
    [7]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake db:migrate
    error: this command runs already, as run.1002
      caused by: two migrations at once could harm each other
    hint: wait for it: heroku ps -a acme-api-gateway
    [5]
    $ git hotfix ci migrate --since <before>
    error: api-gateway: the release phase of v3 did not end well (failed)
    hint: heroku releases:output v3 -a acme-api-gateway
    hint: mend forward and deploy that: git hotfix start <slug>
    [7]
    $ git hotfix ci migrate --since <before>
    error: api-gateway: v4 is still pending
    hint: heroku releases -a acme-api-gateway
    hint: when it has ended, run the job again: git hotfix migrate
    [8]
    $ git hotfix ci migrate --since <before>
    error: api-gateway: v4 is not what promote-receipt.json says was released
    hint: heroku releases -a acme-api-gateway
    hint: deploy it again, and its release phase migrates: git hotfix deploy --again
    [7]
    $ git hotfix ci migrate --since <before>
    error: api-gateway: it was never released
    hint: heroku releases -a acme-api-gateway
    hint: deploy it first: git hotfix deploy
    [7]
    "#);
}

#[test]
fn what_cannot_be_followed() {
    let (yard, before) = migrating();
    let rake = ["ci", "migrate", "--since", &before, "--app", "api-gateway", "--", "rake"];
    let mut told = Told::new();
    let ran_before = Fault::after(What::Swapped("command", "\"another one\""));
    next(&yard, "POST", "/dynos", Fault::after(What::Swapped("attach_url", "null")));
    job(&mut told, &yard, &rake);
    for address in ["rendezvous://127.0.0.1:1", "rendezvous://localhost", "https://127.0.0.1:1"] {
        next(&yard, "GET", "/dynos", ran_before.clone());
        yard.heroku.with_platform(|platform| platform.meet_at(address.to_owned()));
        job(&mut told, &yard, &rake);
    }
    next(&yard, "GET", "/dynos", ran_before);
    next(&yard, "POST", "/dynos", Fault::before(What::Status(422)));
    job(&mut told, &yard, &rake);
    let text = told.0.replace(&before, "<before>");
    assert_snapshot!(text, @"
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake
    error: Heroku gave no way to follow run.1002
    hint: see what it did: heroku logs --dyno-name run.1002 -a acme-api-gateway
    hint: then decide; run the job again only if its migrations may run twice
    [7]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake
    error: how the migration in run.1003 ended is not known
      caused by: could not reach the rendezvous at 127.0.0.1:1: Connection refused (os error 111)
      caused by: run.1003 is still there, starting
    hint: see what it did: heroku logs --dyno-name run.1003 -a acme-api-gateway
    hint: then decide; run the job again only if its migrations may run twice
    [7]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake
    error: how the migration in run.1004 ended is not known
      caused by: the rendezvous names no port
      caused by: run.1004 is still there, starting
    hint: see what it did: heroku logs --dyno-name run.1004 -a acme-api-gateway
    hint: then decide; run the job again only if its migrations may run twice
    [7]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake
    error: how the migration in run.1005 ended is not known
      caused by: the rendezvous is of another kind
      caused by: run.1005 is still there, starting
    hint: see what it did: heroku logs --dyno-name run.1005 -a acme-api-gateway
    hint: then decide; run the job again only if its migrations may run twice
    [7]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake
    error: Heroku answered POST /apps/acme-api-gateway/dynos with 422 invalid_params: Request had invalid parameters.
    hint: nothing was done by this request; mend what Heroku says, then run the same command again
    [7]
    ");
}

#[test]
fn what_ran_before() {
    let (yard, _) = migrating();
    let landed = yard.gitlab.project("repository/branches/main")["commit"]["id"].as_str().unwrap().to_owned();
    let token = yard.gitlab.server.token("mia");
    let yard = yard.set("GIT_HOTFIX_TOKEN", &token);
    let deployments = |count: usize, commit: &str| -> &'static str {
        let row = |id: usize| {
            json!({"id": id, "iid": id, "ref": "main", "sha": commit, "status": "success",
                "created_at": "2026-03-01T03:00:00Z", "updated_at": "2026-03-01T03:00:00Z",
                "deployable": null, "environment": {"id": 1, "name": "production"}})
        };
        Value::from((1..=count).map(row).collect::<Vec<Value>>()).to_string().leak()
    };
    let rake = ["ci", "migrate", "--app", "api-gateway", "--", "rake"];
    let mut told = Told::new();
    for rows in [deployments(100, &landed), deployments(1, "main"), deployments(1, &"0".repeat(40))] {
        let fault = Fault::before(What::Body(rows));
        yard.gitlab.server.inject(FaultPlan::next("GET", "/deployments", fault));
        job(&mut told, &yard, &rake);
    }
    assert_snapshot!(told.0, @"
    $ git hotfix ci migrate --app api-gateway -- rake
    error: none of the last 100 deployments tells what production ran before
    hint: say it: git hotfix ci migrate --since <commit>
    [5]
    $ git hotfix ci migrate --app api-gateway -- rake
    error: GitLab names a deployed commit that is no commit id
    hint: say it: git hotfix ci migrate --since <commit>
    [6]
    $ git hotfix ci migrate --app api-gateway -- rake
    error: object 0000000000000000000000000000000000000000 is not in this repository
    hint: git fetch
    hint: or say what production ran before: git hotfix ci migrate --since <commit>
    [5]
    ");
}
