//! The whole text of what `ci promote` says when something is in the way: of the images, of Heroku, of a release.

use git_hotfix::sim::heroku::Ending;
use git_hotfix::sim::{Fault, FaultPlan, What};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::refusals::Told;
use crate::ci_backport::{ends, land};
use crate::ci_yard::{OLD_IMAGE, Yard};

/// Where a deadline is to be missed, only what never comes may meet it.
const SHORT: &str = "100ms";

/// What the job says once it fails, without what is another thing in every run.
#[track_caller]
pub(super) fn job(told: &mut Told, yard: &Yard, args: &[&str]) {
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

pub(super) fn next(yard: &Yard, method: &'static str, path: &'static str, fault: Fault) {
    yard.heroku.inject(FaultPlan::next(method, path, fault));
}

#[test]
fn in_the_wrong_place() {
    let mut yard = Yard::new(0);
    let (url, commit) = (yard.gitlab.server.url(), yard.commit.clone());
    let first = yard.gitlab.project("repository/commits?ref_name=develop")[0]["id"].clone();
    let mut told = Told::new();
    for (name, wrong, right) in [
        ("GITLAB_CI", "", "true"),
        ("CI_COMMIT_BRANCH", "", "main"),
        ("CI_COMMIT_BRANCH", "develop", "main"),
        ("CI_ENVIRONMENT_NAME", "", "production"),
        ("CI_ENVIRONMENT_NAME", "staging", "production"),
        ("CI_SERVER_URL", "", &url),
        ("CI_SERVER_URL", "http://gitlab.example", &url),
        ("CI_PROJECT_PATH", "", "shop/web"),
        ("CI_COMMIT_SHA", "", &commit),
        ("CI_COMMIT_SHA", first.as_str().unwrap(), &commit),
    ] {
        yard = yard.set(name, wrong);
        job(&mut told, &yard, PROMOTE);
        yard = yard.set(name, right);
    }
    job(&mut told, &yard, &["ci", "promote", "--outside-pipeline", " "]);
    assert_eq!(yard.heroku.requests().len(), 0);
    let text = told.0.replace(&first.as_str().unwrap()[..8], "<commit of develop>");
    assert_snapshot!(text, @r#"
    $ git hotfix ci promote
    error: this is no GitLab job (GITLAB_CI is not set)
      caused by: this is the body of a job in a pipeline of main
    hint: anywhere else: git hotfix deploy   (to see the plan: git hotfix ci promote --dry-run)
    hint: or with a reason: git hotfix ci promote --outside-pipeline <reason>
    [5]
    $ git hotfix ci promote
    error: this pipeline belongs to no branch (a merge request or a tag)
      caused by: this is the body of a job in a pipeline of main
    hint: anywhere else: git hotfix deploy   (to see the plan: git hotfix ci promote --dry-run)
    hint: or with a reason: git hotfix ci promote --outside-pipeline <reason>
    [5]
    $ git hotfix ci promote
    error: this pipeline runs for develop, not for main
      caused by: this is the body of a job in a pipeline of main
    hint: anywhere else: git hotfix deploy   (to see the plan: git hotfix ci promote --dry-run)
    hint: or with a reason: git hotfix ci promote --outside-pipeline <reason>
    [5]
    $ git hotfix ci promote
    error: this job has no `environment: production`
      caused by: this is the body of a job of the environment production
    hint: anywhere else: git hotfix deploy   (to see the plan: git hotfix ci promote --dry-run)
    hint: or with a reason: git hotfix ci promote --outside-pipeline <reason>
    [5]
    $ git hotfix ci promote
    error: this job is one of the environment staging, not of production
      caused by: this is the body of a job of the environment production
    hint: anywhere else: git hotfix deploy   (to see the plan: git hotfix ci promote --dry-run)
    hint: or with a reason: git hotfix ci promote --outside-pipeline <reason>
    [5]
    $ git hotfix ci promote
    error: CI_SERVER_URL is not set
    hint: GitLab sets it in every job: take out whatever overrides it in .gitlab-ci.yml, then run the job again
    [4]
    $ git hotfix ci promote
    error: CI_SERVER_URL: “http://gitlab.example” is no address of a GitLab instance: plain http would show the token to everyone on the way
    hint: GitLab sets it in every job: take out whatever overrides it in .gitlab-ci.yml, then run the job again
    [4]
    $ git hotfix ci promote
    error: CI_PROJECT_PATH is not set
    hint: GitLab sets it in every job: take out whatever overrides it in .gitlab-ci.yml, then run the job again
    [4]
    $ git hotfix ci promote
    error: CI_COMMIT_SHA is not set
    hint: GitLab sets it in every job: take out whatever overrides it in .gitlab-ci.yml, then run the job again
    [4]
    $ git hotfix ci promote
    error: <commit of develop> is not on main
      caused by: only what landed there goes to production
    hint: start a pipeline for the production branch, without variables of your own
    [5]
    $ git hotfix ci promote --outside-pipeline ' '
    error: --outside-pipeline needs a reason
    hint: git hotfix ci promote --outside-pipeline "runner down, agreed with bo"
    [2]
    "#);
}

#[test]
fn before_anything_is_touched() {
    let yard = Yard::new(0);
    let mut told = Told::new();
    job(&mut told, &yard, &["ci", "promote", "--app", "shop"]);
    let (token, image) = (yard.gitlab.server.token("mia"), format!("{}/shop/web", yard.source.url()));
    let yard = yard.set("CI_JOB_ID", "424242").set("GIT_HOTFIX_TOKEN", &token);
    job(&mut told, &yard, PROMOTE);
    let foreign = json!({"id": 1, "sha": yard.commit, "status": "running"});
    let hundred: &'static str = Value::from(vec![foreign; 100]).to_string().leak();
    let fault = Fault::before(What::Body(hundred));
    yard.gitlab.server.inject(FaultPlan::next("GET", "/deployments", fault));
    job(&mut told, &yard, PROMOTE);
    let yard = yard.set("CI_JOB_ID", "").set("GIT_HOTFIX_TOKEN", "").set("CI_REGISTRY_IMAGE", "");
    job(&mut told, &yard, PROMOTE);
    let yard = yard.set("CI_REGISTRY_IMAGE", "registry.example/Shop Web");
    job(&mut told, &yard, PROMOTE);
    let (key, yard) = (yard.heroku.token(), yard.set("CI_REGISTRY_IMAGE", &image).set("HEROKU_API_KEY", ""));
    job(&mut told, &yard, PROMOTE);
    let yard = yard.set("HEROKU_API_KEY", "HRKU canary");
    job(&mut told, &yard, PROMOTE);
    let yard = yard.set("HEROKU_API_KEY", &key);
    stack(&yard, "acme-admin", "heroku-24");
    job(&mut told, &yard, PROMOTE);
    stack(&yard, "acme-portal", "heroku-22");
    job(&mut told, &yard, PROMOTE);
    stack(&yard, "acme-admin", "container");
    stack(&yard, "acme-portal", "container");
    for receipt in ["apps", "none/below/receipt.json", "receipt.md"] {
        job(&mut told, &yard, &["ci", "promote", "--receipt", receipt]);
    }
    let other = "0123456789abcdef0123456789abcdef01234567";
    yard.source.with_store(|store| store.add_image("shop/web/admin", &yard.commit, &[b"layer"], Some(other)));
    job(&mut told, &yard, ADMIN);
    let yard = yard.set("GIT_HOTFIX_HEROKU_REGISTRY", "http://registry.example");
    job(&mut told, &yard, ADMIN);
    let registry = yard.target.url();
    let yard = yard.set("GIT_HOTFIX_HEROKU_REGISTRY", &registry);
    let odd = "[apps.admin]\nheroku = \"acme-admin-\"\n";
    land(&yard.gitlab, "hotfix/odd-name", ".hotfix.toml", odd);
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
    error: none of the last 100 deployments to production is one of job 424242
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
    error: HEROKU_API_KEY is no key
      caused by: it holds a space, a line break or a character beyond ASCII
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
    hint: heroku stack:set container -a acme-admin
    [5]
    $ git hotfix ci promote --receipt apps
    error: could not write the receipt apps
      caused by: Is a directory (os error 21)
    hint: name a place that can be written: git hotfix ci promote --receipt <file>
    [1]
    $ git hotfix ci promote --receipt none/below/receipt.json
    error: could not write the receipt none/below/receipt.json
      caused by: there is no folder none/below
    hint: mkdir -p none/below   (or name a place that can be written: git hotfix ci promote --receipt <file>)
    [1]
    $ git hotfix ci promote --receipt receipt.md
    error: the receipt is JSON; its Markdown is written beside it, with the ending .md
    hint: git hotfix ci promote --receipt <file>.json
    [2]
    $ git hotfix ci promote --app admin
    error: admin cannot be promoted, so nothing was touched: <registry>/shop/web/admin:<commit> was built from 01234567, not from <commit>
      caused by: so says its label org.opencontainers.image.revision
    hint: let the build job of this pipeline push the image, then run this job again
    [5]
    $ git hotfix ci promote --app admin
    error: GIT_HOTFIX_HEROKU_REGISTRY: “http://registry.example” is no address of a part of Heroku: plain http would show the token to everyone on the way
    hint: see every setting and its source with: git hotfix doctor --config
    [4]
    $ git hotfix ci promote --app admin
    error: admin has no place in Heroku's registry: “acme-admin-/web” is no name of a repository
    hint: see `heroku` and `processes` of [apps.admin] in .hotfix.toml on the production branch
    [4]
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
    let refused = FaultPlan::next("PUT", "/acme-admin/web/manifests/latest", refusal);
    yard.target.inject(refused.clone());
    job(&mut told, &yard, ADMIN);
    // The same, and the last question, what it runs now, is not answered either.
    let asked = yard.heroku.requests().len() as u64;
    yard.target.inject(refused);
    yard.heroku.inject(FaultPlan::from(asked, Fault::before(What::Status(503))));
    job(&mut told, &yard, ADMIN);
    yard.heroku.lift_faults();
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
    hint: the user _ at <heroku's registry> needs a token that may push to acme-admin/web; then run the job again (git hotfix deploy --again)
    [4]
    $ git hotfix ci promote --app admin
    error: the image of admin could not be copied, so nothing was released
      caused by: could not copy <registry>/shop/web/admin:<commit> to <heroku's registry>/acme-admin/web:latest
      caused by: manifest
      caused by: <heroku's registry> answered 403: {"message":"403 Forbidden"}
      caused by: admin runs unknown (Heroku answered GET /apps/acme-admin/releases with 503 (no id): Service Unavailable)
    hint: the user _ at <heroku's registry> needs a token that may push to acme-admin/web; then run the job again (git hotfix deploy --again)
    hint: to go back: play rollback-prod-hotfix (git hotfix rollback); or with the receipt at hand: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    [4]
    $ git hotfix ci promote --app admin
    error: admin: whether Heroku took the image is not known
      caused by: the outcome of PATCH /apps/acme-admin/formation is unknown: Connection reset by peer (os error 104)
      caused by: no new release appeared within 0 s
      caused by: admin runs v2, as before
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [6]
    $ git hotfix ci promote --app admin
    error: admin: the release v3 failed
      caused by: its release phase did not end well, so what ran before keeps running
      caused by: admin runs v2, as before
    hint: heroku releases:output v3 -a acme-admin
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app admin
    error: admin: the release v4 expired
      caused by: its release phase did not end well, so what ran before keeps running
      caused by: admin runs v2, as before
    hint: heroku releases:output v4 -a acme-admin
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app admin
    error: admin: another release took the place of v5: v6
      caused by: Deployed
      caused by: admin runs v6 (Deployed)
    hint: heroku releases -a acme-admin
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app admin
    error: admin: v7 is still pending after N s
      caused by: Heroku may still finish it; until then what ran before keeps running
      caused by: admin runs v6, as before
    hint: heroku releases:output v7 -a acme-admin
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [8]
    $ git hotfix ci promote --app admin
    error: admin: not every dyno is up at v8 after N s
      caused by: web.1 starting at v8
      caused by: admin runs v8, released and not verified; before it v6
    hint: heroku logs -a acme-admin
    hint: to go back: play rollback-prod-hotfix (git hotfix rollback); or with the receipt at hand: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app portal
    error: portal: dynos of v3 crash
      caused by: web.1 crashed at v3
      caused by: portal runs v3, released and not verified; before it v2
    hint: heroku logs -a acme-portal
    hint: to go back: play rollback-prod-hotfix (git hotfix rollback); or with the receipt at hand: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app portal
    error: portal: not healthy after N s
      caused by: <heroku>/health/acme-portal: it answered 503, not 200
      caused by: portal runs v3, released and not verified; before it v2
    hint: look at it: <heroku>/health/acme-portal
    hint: to go back: play rollback-prod-hotfix (git hotfix rollback); or with the receipt at hand: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [7]
    "#);
}

#[test]
fn a_release_that_is_none() {
    let yard = Yard::new(0).set("GIT_HOTFIX_BOOT_DEADLINE", SHORT);
    let mut told = Told::new();
    yard.heroku.with_platform(|platform| {
        platform.app("acme-portal").unwrap().empty();
        platform.app("acme-api-gateway").unwrap().held_from = Some(3);
    });
    // Heroku takes the first image of an app and makes nothing of it.
    next(&yard, "PATCH", "/acme-portal/formation", Fault::before(What::Body("[]")));
    job(&mut told, &yard, &["ci", "promote", "--app", "portal"]);
    // A release succeeds, and what ran before goes on.
    job(&mut told, &yard, &["ci", "promote", "--app", "api-gateway"]);
    // There is a release, and no dyno of it.
    for _ in 0..500 {
        next(&yard, "GET", "/acme-admin/dynos", Fault::before(What::Body("[]")));
    }
    job(&mut told, &yard, ADMIN);
    yard.heroku.lift_faults();
    let yard = yard.set("GIT_HOTFIX_BOOT_DEADLINE", "20s");
    for app in ["portal", "admin"] {
        ends(&yard.promote(&["--app", app]), 0);
    }
    assert_eq!((yard.runs("portal"), yard.runs("admin")), ((1, 1), (3, 3)));
    assert_snapshot!(told.0, @"
    $ git hotfix ci promote --app portal
    error: portal: Heroku took the image and made no release
      caused by: portal runs nothing
    hint: heroku releases -a acme-portal
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [7]
    $ git hotfix ci promote --app api-gateway
    error: api-gateway: v3 succeeded and is not the current release after N s
      caused by: api-gateway runs v2, as before
    hint: heroku releases -a acme-api-gateway
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [8]
    $ git hotfix ci promote --app admin
    error: admin: not every dyno is up at v3 after N s
      caused by: no dyno of web yet
      caused by: admin runs v3, released and not verified; before it v2
    hint: heroku logs -a acme-admin
    hint: to go back: play rollback-prod-hotfix (git hotfix rollback); or with the receipt at hand: git hotfix ci promote --rollback promote-receipt.json --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    hint: run the job again (git hotfix deploy --again): it goes on from what is true, and releases nothing twice
    [7]
    ");
}

#[test]
fn outside_a_job() {
    let yard = Yard::new(0).set("GITLAB_CI", "").set("GIT_HOTFIX_HEALTH_DEADLINE", SHORT);
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().health_status = 503);
    let mut told = Told::new();
    let reason = ["--outside-pipeline", "runner down", "--receipt", "apps/of tonight.json"];
    job(&mut told, &yard, &[ADMIN, &reason].concat());
    assert_snapshot!(told.0, @"
    $ git hotfix ci promote --app admin --outside-pipeline 'runner down' --receipt 'apps/of tonight.json'
    error: admin: not healthy after N s
      caused by: <heroku>/health/acme-admin: it answered 503, not 200
      caused by: admin runs v3, released and not verified; before it v2
    hint: look at it: <heroku>/health/acme-admin
    hint: to go back: git hotfix ci promote --rollback 'apps/of tonight.json' --outside-pipeline <reason>
    hint: going back takes the config vars back as well; what migrations did to databases stays
    hint: run the same command again: it goes on from what is true, and releases nothing twice
    [7]
    ");
}
