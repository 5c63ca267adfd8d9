//! The whole text of what `ci promote --rollback` says when something is in the way of going back.

use git_hotfix::sim::heroku::Ending;
use git_hotfix::sim::{Fault, What};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::promote::{job, next};
use super::refusals::Told;
use crate::ci_yard::{OLD_IMAGE, Yard};
use crate::sim_lab::client;

#[test]
fn the_way_back() {
    let yard = Yard::new(0);
    yard.promoted(0);
    let mut told = Told::new();
    let good = yard.receipt();
    let mut back = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        std::fs::write(yard.runner.dir.join(name), receipt.to_string()).unwrap();
        job(&mut told, &yard, &["ci", "promote", "--rollback", name]);
    };
    back("newer.json", &|receipt| receipt["version"] = json!(2));
    back("of-a-rollback.json", &|receipt| receipt["work"] = json!("rollback"));
    back("elsewhere.json", &|receipt| receipt["apps"][1]["heroku"] = json!("acme-other"));
    back("moved.json", &|receipt| receipt["apps"][1]["after"]["id"] = json!("another-release"));
    back("first.json", &|receipt| receipt["apps"][1]["before"] = Value::Null);
    yard.heroku.with_platform(|platform| {
        platform.app("acme-admin").unwrap().endings.push_back(Ending::Fails);
        platform.deploy("acme-admin", OLD_IMAGE);
    });
    let releases = format!("{}/apps/acme-admin/releases", yard.heroku.url());
    let asked = client().get(releases).header("accept", "application/vnd.heroku+json; version=3");
    let releases: Value = asked.bearer_auth(yard.heroku.token()).send().unwrap().json().unwrap();
    let failed = releases.as_array().unwrap().iter().find(|release| release["status"] == "failed").unwrap();
    back("too-old.json", &|receipt| receipt["apps"][1]["before"]["id"] = failed["id"].clone());
    assert_eq!(yard.writes("/releases"), 0);
    next(&yard, "POST", "/acme-admin/releases", Fault::before(What::Reset));
    back("lost.json", &|_| ());
    job(&mut told, &yard, &["ci", "promote", "--rollback", "nowhere.json"]);
    job(&mut told, &yard, &["ci", "promote", "--rollback"]);
    let token = yard.gitlab.server.token("mia");
    let mut yard = yard.set("GIT_HOTFIX_TOKEN", &token).set("CI_PIPELINE_ID", "424242");
    job(&mut told, &yard, &["ci", "promote", "--rollback"]);
    let of_merge_request = "pipelines?source=merge_request_event";
    for (name, pipelines) in
        [("<merge request's pipeline>", of_merge_request), ("<pipeline>", "pipelines?ref=main")]
    {
        let pipeline = yard.gitlab.project(pipelines)[0]["id"].to_string();
        yard = yard.set("CI_PIPELINE_ID", &pipeline);
        job(&mut told, &yard, &["ci", "promote", "--rollback"]);
        told.0 = told.0.replace(&pipeline, name);
    }
    let text = told.0;
    assert_snapshot!(text, @"
    $ git hotfix ci promote --rollback newer.json
    error: newer.json is no receipt that can be used
      caused by: it is of version 2, which this program does not know
    hint: take promote-receipt.json from the artifacts of the job that deployed
    [4]
    $ git hotfix ci promote --rollback of-a-rollback.json
    error: this is the receipt of a rollback
    hint: git hotfix ci promote --rollback promote-receipt.json
    [2]
    $ git hotfix ci promote --rollback elsewhere.json
    error: the receipt takes acme-other for admin
      caused by: .hotfix.toml on the production branch does not
    hint: take promote-receipt.json from the artifacts of the job that deployed
    [5]
    $ git hotfix ci promote --rollback moved.json
    error: admin: it runs v3, which this receipt knows nothing of
      caused by: Deployed web
      caused by: going back now would undo that as well
      caused by: nothing was touched
    hint: heroku releases -a acme-admin; to go back all the same: heroku rollback -a acme-admin v2
    hint: or take the others back without it: git hotfix ci promote --rollback <receipt> --outside-pipeline <reason> --app portal --app api-gateway
    [5]
    $ git hotfix ci promote --rollback first.json
    error: admin: the receipt does not know what it ran before
      caused by: it runs v3 now
      caused by: nothing was touched
    hint: choose a release: heroku releases -a acme-admin; heroku rollback -a acme-admin v<n>
    hint: or take the others back without it: git hotfix ci promote --rollback <receipt> --outside-pipeline <reason> --app portal --app api-gateway
    [5]
    $ git hotfix ci promote --rollback too-old.json
    error: admin: Heroku does not go back to v4 any more
      caused by: nothing was touched
    hint: revert instead: git hotfix revert
    hint: or take the others back without it: git hotfix ci promote --rollback <receipt> --outside-pipeline <reason> --app portal --app api-gateway
    [5]
    $ git hotfix ci promote --rollback lost.json
    error: admin: whether Heroku took the rollback is not known
      caused by: the outcome of POST /apps/acme-admin/releases is unknown: Connection reset by peer (os error 104)
      caused by: portal runs v4 (rolled back)
      caused by: admin runs v3 (failed)
      caused by: api-gateway runs v4 (rolled back)
    hint: heroku releases -a acme-admin
    hint: play the job again (git hotfix rollback --again): what is back already is only verified
    [6]
    $ git hotfix ci promote --rollback nowhere.json
    error: nowhere.json is no receipt that can be used
      caused by: No such file or directory (os error 2)
    hint: take promote-receipt.json from the artifacts of the job that deployed
    [4]
    $ git hotfix ci promote --rollback
    error: CI_PIPELINE_ID names no pipeline
    hint: name one: git hotfix ci promote --rollback promote-receipt.json
    hint: or go back by hand: heroku releases -a <app>; heroku rollback -a <app> v<n>
    [5]
    $ git hotfix ci promote --rollback
    error: GET /projects/shop%2Fweb/pipelines/424242/jobs: 404 Not found
    hint: GitLab also answers 404 for what the token's user may not see
    hint: which project and which user that is: git hotfix doctor
    [4]
    $ git hotfix ci promote --rollback
    error: pipeline <merge request's pipeline> has no job deploy-prod-hotfix
    hint: name one: git hotfix ci promote --rollback promote-receipt.json
    hint: or go back by hand: heroku releases -a <app>; heroku rollback -a <app> v<n>
    [5]
    $ git hotfix ci promote --rollback
    error: deploy-prod-hotfix (job 1025) left no promote-receipt.json
    hint: name one: git hotfix ci promote --rollback promote-receipt.json
    hint: or go back by hand: heroku releases -a <app>; heroku rollback -a <app> v<n>
    [5]
    ");
}

#[test]
fn some_of_the_way_back() {
    let yard = Yard::new(0);
    yard.promoted(0);
    let back = ["ci", "promote", "--rollback", "promote-receipt.json"];
    let mut told = Told::new();
    job(&mut told, &yard, &[&back[..], &["--app", "shop"]].concat());
    // Nothing runs any more.
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().empty());
    job(&mut told, &yard, &back);
    assert_eq!(yard.writes("/releases"), 0);
    // What was taken back goes on answering, and the other cannot go.
    yard.heroku.with_platform(|platform| {
        platform.app("acme-portal").unwrap().stays_old = true;
        platform.app("acme-api-gateway").unwrap().endings.push_back(Ending::Fails);
    });
    let yard = yard.set("GIT_HOTFIX_HEALTH_DEADLINE", "100ms");
    job(&mut told, &yard, &[&back[..], &["--app", "portal", "--app", "api-gateway"]].concat());
    assert_snapshot!(told.0, @"
    $ git hotfix ci promote --rollback promote-receipt.json --app shop
    error: the receipt knows no app called shop
      caused by: it is of portal, admin, api-gateway
    hint: git hotfix ci promote --rollback --app portal
    [2]
    $ git hotfix ci promote --rollback promote-receipt.json
    error: admin: nothing runs, so there is nothing to go back from
      caused by: nothing was touched
    hint: heroku releases -a acme-admin
    hint: or take the others back without it: git hotfix ci promote --rollback <receipt> --outside-pipeline <reason> --app portal --app api-gateway
    [5]
    $ git hotfix ci promote --rollback promote-receipt.json --app portal --app api-gateway
    error: api-gateway: the release v4 failed
      caused by: its release phase did not end well, so what ran before keeps running
      caused by: portal: not healthy after N s: <heroku>/health/acme-portal: x-revision still says <commit>
      caused by: portal runs v4 (failed)
      caused by: api-gateway runs v3 (failed)
    hint: heroku releases:output v4 -a acme-api-gateway
    hint: play the job again (git hotfix rollback --again): what is back already is only verified
    [7]
    ");
}

#[test]
fn somewhere_else() {
    let yard = Yard::new(0);
    yard.promoted(0);
    let yard = yard.set("GITLAB_CI", "");
    let reason = ["--outside-pipeline", "runner down"];
    let back = ["ci", "promote", "--rollback", "promote-receipt.json"];
    let mut told = Told::new();
    job(&mut told, &yard, &back);
    job(&mut told, &yard, &[&back[..], &["--outside-pipeline", " "]].concat());
    next(&yard, "POST", "/acme-admin/releases", Fault::before(What::Status(403)));
    job(&mut told, &yard, &[&back[..], &reason].concat());
    assert_snapshot!(told.0, @r#"
    $ git hotfix ci promote --rollback promote-receipt.json
    error: this is no GitLab job (GITLAB_CI is not set)
      caused by: this is the body of a job in a pipeline of main
    hint: anywhere else: git hotfix rollback
    hint: or with a reason: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    [5]
    $ git hotfix ci promote --rollback promote-receipt.json --outside-pipeline ' '
    error: --outside-pipeline needs a reason
    hint: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline "runner down, agreed with bo"
    [2]
    $ git hotfix ci promote --rollback promote-receipt.json --outside-pipeline 'runner down'
    error: admin: Heroku answered POST /apps/acme-admin/releases with 403 forbidden: You do not have access to this app.
      caused by: portal runs v4 (rolled back)
      caused by: admin runs v3 (failed)
      caused by: api-gateway runs v4 (rolled back)
    hint: give the account of HEROKU_API_KEY the rights to deploy and operate the app, then run the same command again
    [4]
    "#);
}
