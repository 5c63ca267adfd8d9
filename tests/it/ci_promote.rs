//! `ci promote` where all is well: everything released once and verified, what is there already, the plan, the
//! way back, the receipt, and the places it refuses to run in.

use git_hotfix::sim::{Fault, FaultPlan, What};
use serde_json::json;

use crate::ci_backport::ends;
use crate::ci_yard::{APPS, OLD_IMAGE, Yard};

#[test]
fn every_app_is_released_once_and_verified() {
    let yard = Yard::new(2);
    let log = yard.promoted(0);
    assert_eq!(yard.images_now(), yard.images);
    for app in APPS {
        assert_eq!(yard.runs(app), (3, 3), "{log}");
        // Every process type has the image in a repository of its own.
        let web = yard.target.with_store(|store| store.image(&format!("acme-{app}/web"), "latest"));
        assert_eq!(web.as_ref(), yard.images.get(APPS.iter().position(|one| *one == app).unwrap()));
    }
    let worker = yard.target.with_store(|store| store.image("acme-api-gateway/worker", "latest"));
    assert_eq!(worker.as_ref(), Some(&yard.images[2]));
    assert_eq!(yard.writes("/formation"), 3, "one PATCH for each app, whatever its process types");
    assert!(log.contains("healthy 3 times in a row: 200 from "), "{log}");
    assert!(log.contains("api-gateway | release phase ran"), "{log}");
    assert!(log.contains("section_start:"), "{log}");
    // A tag is asked once and then pinned; a layer is pulled once for all, and taken from next door.
    assert_eq!(yard.served(&format!("/manifests/{}", yard.commit)), 3);
    assert_eq!(yard.pulled_twice(), Vec::<String>::new());
    assert!(log.contains("taken from a sibling"), "{log}");

    let receipt = yard.receipt();
    assert_eq!((&receipt["outcome"], &receipt["who"]), (&json!("live"), &json!("mia")));
    assert_eq!(receipt["commit"], json!(yard.commit));
    for (app, image) in receipt["apps"].as_array().unwrap().iter().zip(&yard.images) {
        assert_eq!((&app["outcome"], &app["docker_image"]), (&json!("live"), &json!(image)));
        assert_eq!((&app["before"]["version"], &app["after"]["version"]), (&json!(2), &json!(3)));
        assert_eq!(app["revision"], json!(yard.commit));
        for stage in ["copy", "release", "dynos", "health"] {
            assert!(app["seconds"][stage].is_number(), "{app}");
        }
    }
    let markdown = std::fs::read_to_string(yard.runner.dir.join("promote-receipt.md")).unwrap();
    assert!(markdown.contains("| portal (acme-portal) | live | v2 | v3 |"), "{markdown}");

    // Again: nothing is released, everything is verified.
    let log = yard.promoted(0);
    assert!(log.contains("v3 runs this image already; Heroku made no new release"), "{log}");
    assert_eq!(yard.runs("portal"), (3, 3));
    let receipt = yard.receipt();
    assert_eq!(receipt["apps"][0]["outcome"], json!("already-live"));
    assert_eq!(receipt["apps"][0]["before"]["version"], json!(2), "the way back is still known");
}

#[test]
fn a_plan_touches_nothing_and_may_be_made_anywhere() {
    let yard = Yard::new(0).set("GITLAB_CI", "").set("CI_COMMIT_BRANCH", "");
    let log = ends(&yard.promote(&["--dry-run"]), 0);
    for app in APPS {
        assert!(log.contains(&format!("to acme-{app} as ")) && log.contains("now v2"), "{log}");
    }
    assert!(log.contains("nothing was touched"), "{log}");
    let wrote = |requests: Vec<git_hotfix::sim::Exchange>| requests.iter().any(|one| one.method != "GET");
    assert!(!wrote(yard.heroku.requests()) && !wrote(yard.target.requests()));
    assert!(!yard.runner.dir.join("promote-receipt.json").exists());
}

#[test]
fn it_runs_in_a_production_job_only_or_with_a_reason() {
    for (name, value, why) in [
        ("GITLAB_CI", "", "this is no GitLab job"),
        ("CI_COMMIT_BRANCH", "develop", "this pipeline runs for develop, not for main"),
        ("CI_ENVIRONMENT_NAME", "", "this job has no `environment: production`"),
        ("CI_ENVIRONMENT_NAME", "staging", "this job is one of the environment staging"),
    ] {
        let yard = Yard::new(0).set(name, value);
        let log = ends(&yard.promote(&[]), 5);
        assert!(log.contains(why) && log.contains("--outside-pipeline <reason>"), "{log}");
        assert!(yard.heroku.requests().is_empty(), "{log}");
        if name == "GITLAB_CI" {
            let log = ends(&yard.promote(&["--outside-pipeline", "runner down, agreed with bo"]), 0);
            assert!(log.contains("outside a pipeline of main: runner down"), "{log}");
            assert_eq!(yard.receipt()["outside_pipeline"], json!("runner down, agreed with bo"));
        }
    }
    // A commit that a variable names and that did not land.
    let yard = Yard::new(0);
    let develop =
        yard.gitlab.project("repository/branches/develop")["commit"]["id"].as_str().unwrap().to_owned();
    let yard = yard.set("CI_COMMIT_SHA", &develop);
    let log = ends(&yard.promote(&[]), 5);
    assert!(log.contains("is not on main"), "{log}");
    // A job that GitLab knows no deployment of.
    let yard = Yard::new(0);
    let token = yard.gitlab.server.token("mia");
    let yard = yard.set("CI_JOB_ID", "424242").set("GIT_HOTFIX_TOKEN", &token);
    let log = ends(&yard.promote(&[]), 5);
    assert!(log.contains("GitLab knows no deployment of job 424242 to production"), "{log}");
}

#[test]
fn nothing_is_touched_while_any_app_cannot_be_promoted() {
    let yard = Yard::new(0);
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().stack = "heroku-24".to_owned());
    let log = yard.promoted(5);
    assert!(log.contains("admin cannot be promoted, so nothing was touched"), "{log}");
    assert!(log.contains("heroku stack:set container -a acme-admin"), "{log}");
    assert_eq!((yard.writes("/formation"), yard.target.requests().len()), (0, 0));

    // Built from something else than it is tagged for.
    let yard = Yard::new(0);
    let other = "0123456789abcdef0123456789abcdef01234567";
    yard.source.with_store(|store| store.add_image("shop/web/admin", &yard.commit, &[b"layer"], Some(other)));
    let log = yard.promoted(5);
    assert!(log.contains("was built from 01234567, not from"), "{log}");

    // Two at once: both are told.
    let yard = Yard::with(0, |_, toml| {
        toml.replace("acme-portal\"", "acme-nowhere\"").replace("acme-admin\"", "acme-lost\"")
    });
    let log = yard.promoted(4);
    assert!(log.contains("2 apps cannot be promoted, so nothing was touched"), "{log}");
    assert!(log.contains("portal: Heroku answered GET /apps/acme-nowhere with 404 not_found"), "{log}");
    assert!(log.contains("admin: Heroku answered GET /apps/acme-lost"), "{log}");
    assert_eq!(yard.writes(""), 0);
}

#[test]
fn one_app_can_be_promoted_alone() {
    let yard = Yard::new(0);
    ends(&yard.promote(&["--app", "admin"]), 0);
    assert_eq!(yard.images_now(), [OLD_IMAGE, &yard.images[1], OLD_IMAGE]);
    // What the next one shares with it lies next door, whether that one is promoted again or not.
    ends(&yard.promote(&["--app", "portal"]), 0);
    assert_eq!(yard.pulled_twice(), Vec::<String>::new());
    yard.promoted(0);
    assert_eq!((yard.images_now(), yard.pulled_twice()), (yard.images.clone(), Vec::new()));
    let log = ends(&yard.promote(&["--app", "shop"]), 2);
    assert!(log.contains("configured are portal, admin, api-gateway"), "{log}");
}

#[test]
fn a_rollback_takes_every_app_back_and_verifies_it() {
    let yard = Yard::new(1);
    yard.promoted(0);
    let back = ["--rollback", "promote-receipt.json"];
    let log = ends(&yard.promote(&back), 0);
    assert_eq!(yard.images_now(), [OLD_IMAGE; 3]);
    assert!(log.contains("config vars back as well"), "{log}");
    let receipt = yard.file("rollback-receipt.json");
    assert_eq!((&receipt["work"], &receipt["outcome"]), (&json!("rollback"), &json!("rolled-back")));
    assert_eq!(yard.writes("/releases"), 3);
    // Again: it is there already.
    ends(&yard.promote(&back), 0);
    assert_eq!(yard.writes("/releases"), 3);
    // The receipt of the promotion is still that.
    assert_eq!(yard.receipt()["work"], json!("promote"));
    // Somebody released something else since.
    let yard = Yard::new(0);
    yard.promoted(0);
    let receipt = std::fs::read_to_string(yard.runner.dir.join("promote-receipt.json")).unwrap();
    let moved =
        receipt.replace(yard.receipt()["apps"][0]["after"]["id"].as_str().unwrap(), "another-release");
    std::fs::write(yard.runner.dir.join("moved.json"), moved).unwrap();
    let log = ends(&yard.promote(&["--rollback", "moved.json"]), 5);
    assert!(log.contains("portal: it runs v3, which this receipt knows nothing of"), "{log}");
    assert_eq!(yard.writes("/releases"), 0);
    let log = ends(&yard.promote(&["--rollback"]), 5);
    assert!(log.contains("CI_PIPELINE_ID names no pipeline"), "{log}");
    let log = ends(&yard.promote(&["--rollback", "nowhere.json"]), 4);
    assert!(log.contains("nowhere.json is no receipt that can be used"), "{log}");
}

#[test]
fn a_lost_answer_of_a_rollback_is_read_back() {
    let yard = Yard::new(0);
    yard.promoted(0);
    yard.heroku.inject(FaultPlan::next("POST", "/releases", Fault::after(What::Reset)));
    ends(&yard.promote(&["--rollback", "promote-receipt.json"]), 0);
    assert_eq!(yard.heroku.faults_triggered(), 1);
    assert_eq!(
        (yard.writes("/releases"), yard.images_now()),
        (3, [OLD_IMAGE; 3].map(str::to_owned).to_vec())
    );
}

#[test]
fn without_identity_it_says_that_a_plain_200_proves_little() {
    let yard = Yard::with(0, |_, toml| toml.replace(", identity = \"x-revision\"", ""));
    let log = yard.promoted(0);
    assert!(log.contains("a plain 200 proves little"), "{log}");
    let yard = Yard::with(1, |_, toml| toml.replace("identity = \"x-revision\"", "field = \"build.commit\""));
    let log = yard.promoted(0);
    assert!(!log.contains("proves little"), "{log}");
}

#[test]
fn apps_of_one_image_ask_for_it_once() {
    let yard = Yard::with(0, |_, toml| {
        let admin = "heroku = \"acme-admin\"\n";
        toml.replace(admin, &format!("{admin}image = \"portal\"\n"))
    });
    yard.promoted(0);
    assert_eq!(yard.images_now(), [0, 0, 2].map(|at| yard.images[at].clone()));
    assert_eq!(yard.served(&format!("/shop/web/portal/manifests/{}", yard.commit)), 1);
    assert_eq!(yard.served(&format!("/shop/web/admin/manifests/{}", yard.commit)), 0);
}

#[test]
fn an_image_that_does_not_say_its_commit_is_doubted_and_taken() {
    let yard = Yard::new(0);
    let image =
        yard.source.with_store(|store| store.add_image("shop/web/admin", &yard.commit, &[b"layer"], None));
    yard.heroku.with_platform(|platform| platform.built(&image, &yard.commit));
    let log = yard.promoted(0);
    assert!(log.contains("admin: its image does not say which commit it was built from"), "{log}");
    assert_eq!(yard.receipt()["apps"][1]["revision"], json!(null));
}

#[test]
fn an_app_that_was_never_released_gets_its_first_release() {
    let yard = Yard::new(1);
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().empty());
    let log = yard.promoted(0);
    assert!(log.contains("acme-admin runs nothing yet"), "{log}");
    assert_eq!((yard.runs("admin"), yard.images_now()), ((1, 1), yard.images.clone()));
    assert_eq!(yard.receipt()["apps"][1]["before"], json!(null));
    // There is no way back for it, so the others go without it.
    let back = ["--rollback", "promote-receipt.json"];
    let log = ends(&yard.promote(&back), 5);
    assert!(log.contains("--app portal --app api-gateway"), "{log}");
    assert_eq!(yard.writes("/releases"), 0);
    ends(&yard.promote(&[&back[..], &["--app", "portal", "--app", "api-gateway"]].concat()), 0);
    assert_eq!(yard.images_now(), [OLD_IMAGE, &yard.images[1], OLD_IMAGE]);
}

#[test]
fn a_list_without_dynos_is_not_a_dyno_that_is_up() {
    let yard = Yard::new(0);
    for _ in 0..2 {
        let none = Fault::before(What::Body("[]"));
        yard.heroku.inject(FaultPlan::next("GET", "/acme-admin/dynos", none));
    }
    let log = yard.promoted(0);
    assert!(log.contains("admin: no dyno of web yet"), "{log}");
    assert!(log.contains("admin: its dyno is up"), "{log}");
    // Where none is wanted, that is said.
    let yard = Yard::new(0);
    yard.heroku.with_platform(|platform| {
        platform.app("acme-admin").unwrap().processes.insert("web".to_owned(), 0);
    });
    let log = yard.promoted(0);
    assert!(log.contains("warning: admin: no dyno is scaled up, so nothing of it runs"), "{log}");
}

#[test]
fn one_bad_answer_of_the_health_page_begins_the_count_anew() {
    let yard = Yard::new(0);
    let page = |fault| FaultPlan::next("GET", "/health/acme-admin", fault);
    for _ in 0..2 {
        yard.heroku.inject(page(Fault::after(What::Slow(std::time::Duration::ZERO))));
    }
    yard.heroku.inject(page(Fault::before(What::Status(503))));
    yard.promoted(0);
    let asked = |app: &str| {
        let path = format!("/health/acme-{app}");
        yard.heroku.requests().iter().filter(|one| one.path == path).count()
    };
    assert_eq!((asked("portal"), asked("admin")), (3, 6));
}

#[test]
fn a_token_that_gitlab_does_not_take_is_no_reason_to_wait() {
    let yard = Yard::new(0).set("CI_JOB_ID", "424242").set("GIT_HOTFIX_TOKEN", "glpat-canary-long-expired");
    let log = yard.promoted(0);
    assert!(
        log.contains("whether GitLab knows this job as one that deploys to production was not checked"),
        "{log}"
    );
}
