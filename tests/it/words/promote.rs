//! The whole text of what the bodies of the production jobs say when something is in the way: of the images, of
//! Heroku, of the receipt to go back by.

use git_hotfix::sim::heroku::{Ending, Script};
use git_hotfix::sim::{Fault, FaultPlan, What};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::refusals::Told;
use crate::ci_backport::land;
use crate::ci_yard::{OLD_IMAGE, Yard};
use crate::sim_lab::client;

/// Where a deadline is to be missed, only what never comes may meet it.
const SHORT: &str = "100ms";

/// What the job says once it fails, without what is another thing in every run.
#[track_caller]
fn job(told: &mut Told, yard: &Yard, args: &[&str]) {
    let done = yard.runner.runs(args);
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let at = err.find("error: ").unwrap_or_else(|| panic!("{args:?} said no error: {out}{err}"));
    let mut text = err[at..].replace(&yard.commit, "<commit>").replace(&yard.commit[..8], "<commit>");
    for (url, name) in [
        (yard.heroku.url(), "<heroku>"),
        (yard.source.url(), "<registry>"),
        (yard.target.url(), "<heroku's registry>"),
        (yard.gitlab.server.url(), "<gitlab>"),
    ] {
        text = text.replace(&url, name).replace(url.trim_start_matches("http://"), name);
    }
    told.add(args, done.status.code().unwrap(), &out, &timeless(&text));
}

/// However slow the machine is.
fn timeless(text: &str) -> String {
    let mut parts = text.split(" after ");
    let mut whole = parts.next().unwrap().to_owned();
    for part in parts {
        let number = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let seconds = number.len() < part.len() && number.starts_with(" s");
        whole.push_str(&format!(" after {}", if seconds { format!("N{number}") } else { part.to_owned() }));
    }
    whole
}

const PROMOTE: &[&str] = &["ci", "promote"];
const ADMIN: &[&str] = &["ci", "promote", "--app", "admin"];

fn stack(yard: &Yard, app: &str, stack: &str) {
    yard.heroku.with_platform(|platform| platform.app(app).unwrap().stack = stack.to_owned());
}

fn next(yard: &Yard, method: &'static str, path: &'static str, fault: Fault) {
    yard.heroku.inject(FaultPlan::next(method, path, fault));
}

#[test]
fn before_anything_is_touched() {
    let yard = Yard::new(0);
    let mut told = Told::new();
    job(&mut told, &yard, &["ci", "promote", "--app", "shop"]);
    let (token, image) = (yard.gitlab.server.token("mia"), format!("{}/shop/web", yard.source.url()));
    let yard = yard.set("CI_JOB_ID", "424242").set("GIT_HOTFIX_TOKEN", &token);
    job(&mut told, &yard, PROMOTE);
    let yard = yard.set("CI_JOB_ID", "").set("GIT_HOTFIX_TOKEN", "").set("CI_REGISTRY_IMAGE", "");
    job(&mut told, &yard, PROMOTE);
    let yard = yard.set("CI_REGISTRY_IMAGE", "registry.example/Shop Web");
    job(&mut told, &yard, PROMOTE);
    let (key, yard) = (yard.heroku.token(), yard.set("CI_REGISTRY_IMAGE", &image).set("HEROKU_API_KEY", ""));
    job(&mut told, &yard, PROMOTE);
    let yard = yard.set("HEROKU_API_KEY", &key);
    stack(&yard, "acme-admin", "heroku-24");
    job(&mut told, &yard, PROMOTE);
    stack(&yard, "acme-portal", "heroku-22");
    job(&mut told, &yard, PROMOTE);
    stack(&yard, "acme-admin", "container");
    stack(&yard, "acme-portal", "container");
    job(&mut told, &yard, &["ci", "promote", "--receipt", "apps"]);
    let other = "0123456789abcdef0123456789abcdef01234567";
    yard.source.with_store(|store| store.add_image("shop/web/admin", &yard.commit, &[b"layer"], Some(other)));
    job(&mut told, &yard, ADMIN);
    land(&yard.gitlab, "hotfix/no-heroku", ".hotfix.toml", "[apps.portal]\nheroku = \"acme-portal\"\n");
    job(&mut told, &yard, ADMIN);
    land(&yard.gitlab, "hotfix/no-apps", ".hotfix.toml", "[deploy]\napps = []\n");
    job(&mut told, &yard, PROMOTE);
    assert_eq!((yard.writes(""), yard.target.requests().len()), (0, 0));
    assert_snapshot!(told.0, @r#"
    $ git hotfix ci promote --app shop
    error: there is no app called shop
      caused by: configured are portal, admin, api-gateway
    hint: git hotfix ci promote --app portal
    [2]
    $ git hotfix ci promote
    error: GitLab knows no deployment of job 424242 to production
      caused by: only a job with `environment:` waits for the approvals
    hint: play the deploy job of the production branch's pipeline: git hotfix deploy
    [5]
    $ git hotfix ci promote
    error: CI_REGISTRY_IMAGE is not set: where the images are is not known
    hint: GitLab sets it in every job of a project whose container registry is on
    hint: elsewhere: export CI_REGISTRY_IMAGE=registry.example/group/project
    [4]
    $ git hotfix ci promote
    error: portal has no usable image: “Shop Web/portal” is no name of a repository
    hint: see `image` and `tag` of [apps.portal] in .hotfix.toml, and CI_REGISTRY_IMAGE
    [4]
    $ git hotfix ci promote
    error: HEROKU_API_KEY is not set
      caused by: in a job it may be there for protected branches or for one environment only
    hint: make one: heroku authorizations:create -d git-hotfix
    hint: then add it to the project's CI/CD variables as HEROKU_API_KEY, masked and protected
    [4]
    $ git hotfix ci promote
    error: admin cannot be promoted, so nothing was touched: acme-admin is on the stack heroku-24
      caused by: only the stack `container` takes images
    hint: heroku stack:set container -a acme-admin
    [5]
    $ git hotfix ci promote
    error: 2 apps cannot be promoted, so nothing was touched
      caused by: portal: acme-portal is on the stack heroku-22: only the stack `container` takes images
      caused by: admin: acme-admin is on the stack heroku-24: only the stack `container` takes images
    hint: heroku stack:set container -a acme-portal
    [5]
    $ git hotfix ci promote --receipt apps
    error: could not write the receipt apps
      caused by: Is a directory (os error 21)
    hint: name a place that can be written: git hotfix ci promote --receipt <file>
    [1]
    $ git hotfix ci promote --app admin
    error: admin cannot be promoted, so nothing was touched: <registry>/shop/web/admin:<commit> was built from 01234567, not from <commit>
      caused by: so says its label org.opencontainers.image.revision
    hint: let the build job of this pipeline push the image, then run this job again
    [5]
    $ git hotfix ci promote --app admin
    error: which app admin is on Heroku is not configured
      caused by: it is read from .hotfix.toml as it stands on the production branch, nowhere else
    hint: add there: [apps.admin] heroku = "<name on Heroku>"
    [4]
    $ git hotfix ci promote
    error: no production app is configured
    hint: name them in .hotfix.toml on the production branch: [deploy] apps = ["portal"]
    [4]
    "#);
}

#[test]
fn what_heroku_answers() {
    let yard = Yard::new(0).set("GIT_HOTFIX_RETRY_BUDGET", "1ms");
    let mut told = Told::new();
    for what in [What::SignInPage, What::Status(422), What::Status(500), What::TooManyJson(900)] {
        for _ in 0..2 {
            next(&yard, "GET", "/apps/acme-admin", Fault::before(what.clone()));
        }
        job(&mut told, &yard, ADMIN);
        yard.heroku.lift_faults();
    }
    assert_eq!(yard.writes(""), 0);
    assert_snapshot!(told.0, @r#"
    $ git hotfix ci promote --app admin
    error: admin cannot be promoted, so nothing was touched: Heroku answered GET /apps/acme-admin with something else: not JSON but text/html (a sign-in page, proxy or captive portal in between?)
    hint: see https://status.heroku.com, then run the same command again
    [6]
    $ git hotfix ci promote --app admin
    error: admin cannot be promoted, so nothing was touched: Heroku answered GET /apps/acme-admin with 422 invalid_params: Request had invalid parameters.
    hint: nothing was done by this request; mend what Heroku says, then run the same command again
    [7]
    $ git hotfix ci promote --app admin
    error: admin cannot be promoted, so nothing was touched: Heroku answered GET /apps/acme-admin with 500 internal_server_error: Internal server error.
    hint: see https://status.heroku.com, then run the same command again
    [6]
    $ git hotfix ci promote --app admin
    error: admin cannot be promoted, so nothing was touched: Heroku answered GET /apps/acme-admin with 429 rate_limit: Your account reached the API rate limit. Please wait a few minutes before making new requests.
    hint: nothing was done; run the same command again in a few minutes
    [6]
    "#);
}

#[test]
fn a_release_on_its_way() {
    let yard = Yard::new(0).set("GIT_HOTFIX_RETRY_BUDGET", "1ms");
    let ending = |ending| {
        yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().endings.push_back(ending));
    };
    let mut told = Told::new();
    let refusal = Fault::before(What::Status(403));
    yard.target.inject(FaultPlan::next("PUT", "/acme-admin/web/manifests/latest", refusal));
    job(&mut told, &yard, ADMIN);
    next(&yard, "PATCH", "/acme-admin/formation", Fault::before(What::Reset));
    job(&mut told, &yard, ADMIN);
    ending(Ending::Fails);
    job(&mut told, &yard, ADMIN);
    ending(Ending::Expires);
    job(&mut told, &yard, ADMIN);
    // Somebody releases something else while this one is pending.
    ending(Ending::Hangs);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let pending =
                || yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().runs().1 == 5);
            while !pending() {
                std::thread::yield_now();
            }
            yard.heroku.with_platform(|platform| {
                platform.deploy("acme-admin", OLD_IMAGE);
                platform.app("acme-admin").unwrap().finish(Ending::Succeeds);
            });
        });
        job(&mut told, &yard, ADMIN);
    });
    ending(Ending::Hangs);
    let yard = yard.set("GIT_HOTFIX_RELEASE_DEADLINE", SHORT);
    job(&mut told, &yard, ADMIN);
    yard.heroku.with_platform(|platform| {
        platform.app("acme-admin").unwrap().finish(Ending::Fails);
        platform.app("acme-portal").unwrap().crashes = true;
        platform.lag.boot = 10_000;
    });
    let yard = yard.set("GIT_HOTFIX_BOOT_DEADLINE", SHORT);
    job(&mut told, &yard, ADMIN);
    yard.heroku.with_platform(|platform| platform.lag.boot = 0);
    let yard = yard.set("GIT_HOTFIX_BOOT_DEADLINE", "20s");
    job(&mut told, &yard, &["ci", "promote", "--app", "portal"]);
    yard.heroku.with_platform(|platform| {
        platform.app("acme-portal").unwrap().restart();
        platform.app("acme-portal").unwrap().health_status = 503;
    });
    let yard = yard.set("GIT_HOTFIX_HEALTH_DEADLINE", SHORT);
    job(&mut told, &yard, &["ci", "promote", "--app", "portal"]);
    assert_snapshot!(told.0, @r#"
    $ git hotfix ci promote --app admin
    error: the image of admin could not be copied, so nothing was released
      caused by: could not copy <registry>/shop/web/admin:<commit> to <heroku's registry>/acme-admin/web:latest
      caused by: manifest
      caused by: <heroku's registry> answered 403: {"message":"403 Forbidden"}
      caused by: admin runs v2, as before
    hint: the user _ at <heroku's registry> needs a token that may push to acme-admin/web; then run the same command again
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [4]
    $ git hotfix ci promote --app admin
    error: admin: whether Heroku took the image is not known
      caused by: the outcome of PATCH /apps/acme-admin/formation is unknown: Connection reset by peer (os error 104)
      caused by: no new release appeared within 0 s
      caused by: admin runs v2, as before
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [6]
    $ git hotfix ci promote --app admin
    error: admin: the release v3 failed
      caused by: its release phase did not end well, so what ran before keeps running
      caused by: admin runs v2, as before
    hint: heroku releases:output v3 -a acme-admin
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app admin
    error: admin: the release v4 expired
      caused by: its release phase did not end well, so what ran before keeps running
      caused by: admin runs v2, as before
    hint: heroku releases:output v4 -a acme-admin
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app admin
    error: admin: another release took the place of v5: v6
      caused by: Deployed
      caused by: admin runs v6 (Deployed)
    hint: heroku releases -a acme-admin
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app admin
    error: admin: v7 is still pending after N s
      caused by: Heroku may still finish it; until then what ran before keeps running
      caused by: admin runs v6, as before
    hint: heroku releases:output v7 -a acme-admin
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [8]
    $ git hotfix ci promote --app admin
    error: admin: not every dyno is up at v8 after N s
      caused by: web.1 starting at v8
      caused by: admin runs v8, released and not verified
    hint: heroku logs -a acme-admin
    hint: to go back, play the rollback job, or: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app portal
    error: portal: dynos of v3 crash
      caused by: web.1 crashed at v3
      caused by: portal runs v3, released and not verified
    hint: heroku logs -a acme-portal
    hint: to go back, play the rollback job, or: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app portal
    error: portal: not healthy after N s
      caused by: <heroku>/health/acme-portal: it answered 503, not 200
      caused by: portal runs v3, released and not verified
    hint: look at it: <heroku>/health/acme-portal
    hint: to go back, play the rollback job, or: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    hint: run the job again: it goes on from what is true, and releases nothing twice
    [7]
    "#);
}

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
    assert_snapshot!(text, @r#"
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
    hint: heroku releases -a acme-admin
    [5]
    $ git hotfix ci promote --rollback first.json
    error: admin: the receipt does not know what it ran before
      caused by: it runs v3 now
    hint: choose a release: heroku releases -a acme-admin; heroku rollback -a acme-admin v<n>
    [5]
    $ git hotfix ci promote --rollback too-old.json
    error: admin: Heroku does not go back to v4 any more
    hint: revert instead: git hotfix revert
    [5]
    $ git hotfix ci promote --rollback lost.json
    error: admin: whether Heroku took the rollback is not known
      caused by: the outcome of POST /apps/acme-admin/releases is unknown: Connection reset by peer (os error 104)
      caused by: portal runs v4 (rolled back)
      caused by: admin runs v3 (failed)
      caused by: api-gateway runs v4 (rolled back)
    hint: heroku releases -a acme-admin
    hint: run it again: what is back already is only verified
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
    "#);
}

#[test]
fn a_migration() {
    let yard = Yard::new(0);
    let before = yard.commit.clone();
    let landed = land(&yard.gitlab, "hotfix/table", "apps/api/db/migrations/7_table.rb", "create table\n");
    let yard = yard.set("CI_COMMIT_SHA", &landed);
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
    let text = told.0.replace(&landed, "<landed>").replace(&before, "<before>");
    assert_snapshot!(text, @r#"
    $ git hotfix ci migrate --app api-gateway -- rake db:migrate
    error: what production ran before is not known: there is no token for <gitlab>
    hint: create one with the scopes api and write_repository at <gitlab>/-/user_settings/personal_access_tokens
    hint: then: export GIT_HOTFIX_URL=<gitlab> GIT_HOTFIX_TOKEN=<token>
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
    hint: see what it did: heroku logs --ps run -a acme-api-gateway
    hint: then decide; run the job again only if its migrations may run twice
    [7]
    $ git hotfix ci migrate --since <before> --app api-gateway -- rake db:migrate
    error: how the migration in run.1002 ended is not known
      caused by: it ended without telling its exit status
      caused by: run.1002 is still there, starting
    hint: see what it did: heroku logs --ps run -a acme-api-gateway
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
    [7]
    $ git hotfix ci migrate --since <before>
    error: api-gateway: v4 is still pending
    hint: heroku releases -a acme-api-gateway
    [8]
    "#);
}
