//! `ci promote` where something goes wrong: the right exit code, a true word on what each app runs, and a run
//! after it that converges.

use git_hotfix::sim::heroku::Ending;
use git_hotfix::sim::{Fault, FaultPlan, What};
use serde_json::json;

use crate::ci_backport::ends;
use crate::ci_yard::{OLD_IMAGE, Yard};

/// The second app goes wrong: the first is live, the third untouched, and that is said.
#[track_caller]
fn second_fails(yard: &Yard, code: i32, why: &str, runs: &str) -> String {
    let log = yard.promoted(code);
    assert!(log.contains(&format!("admin: {why}")), "no `{why}` in {log}");
    assert!(log.contains("portal runs v3, released and verified"), "{log}");
    assert!(log.contains(&format!("admin runs {runs}")), "no `{runs}` in {log}");
    assert!(log.contains("api-gateway runs v2, as before"), "{log}");
    assert!(log.contains("--rollback promote-receipt.json"), "{log}");
    assert!(log.contains("what migrations did to databases stays"), "{log}");
    let receipt = yard.receipt();
    let outcomes: Vec<_> = receipt["apps"].as_array().unwrap().iter().map(|app| &app["outcome"]).collect();
    assert_eq!(outcomes, [&json!("live"), &json!("failed"), &json!("untouched")]);
    assert_eq!((&receipt["outcome"], receipt["problem"].is_string()), (&json!("failed"), true));
    log
}

/// Run again, it goes on and ends well; nothing that was good is released again.
#[track_caller]
fn converges(yard: &Yard) {
    let log = yard.promoted(0);
    assert_eq!(yard.images_now(), yard.images, "{log}");
    assert_eq!(yard.runs("portal"), (3, 3), "{log}");
    assert_eq!(yard.receipt()["apps"][0]["outcome"], json!("already-live"));
}

/// Where a deadline is to be missed, nothing else lags: only what never comes may meet it.
const SHORT: &str = "100ms";

fn ending(lag: u64, ending: Ending) -> Yard {
    let yard = Yard::new(lag);
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().endings.push_back(ending));
    yard
}

#[test]
fn a_release_that_fails() {
    let yard = ending(1, Ending::Fails);
    let log = second_fails(&yard, 7, "the release v3 failed", "v2, as before");
    assert!(log.contains("heroku releases:output v3 -a acme-admin"), "{log}");
    converges(&yard);
    assert_eq!(yard.runs("admin"), (4, 4));
}

#[test]
fn a_release_that_expires() {
    let yard = ending(1, Ending::Expires);
    second_fails(&yard, 7, "the release v3 expired", "v2, as before");
    converges(&yard);
}

#[test]
fn a_release_that_is_still_pending_at_the_deadline() {
    let yard = ending(0, Ending::Hangs).set("GIT_HOTFIX_RELEASE_DEADLINE", SHORT);
    second_fails(&yard, 8, "v3 is still pending after", "v2, as before");
    // It ends in the meantime; the next run waits for nothing and makes none of its own.
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().finish(Ending::Succeeds));
    let yard = yard.set("GIT_HOTFIX_RELEASE_DEADLINE", "20s");
    converges(&yard);
    assert_eq!(yard.runs("admin"), (3, 3));
}

#[test]
fn dynos_that_crash() {
    let yard = Yard::new(1);
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().crashes = true);
    let log = second_fails(&yard, 7, "dynos of v3 crash", "v3, released and not verified");
    assert!(log.contains("web.1 crashed at v3"), "{log}");
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().restart());
    converges(&yard);
    assert_eq!(yard.runs("admin"), (3, 3));
}

#[test]
fn an_app_whose_health_never_turns() {
    let yard = Yard::new(0).set("GIT_HOTFIX_HEALTH_DEADLINE", SHORT);
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().stays_old = true);
    let log = second_fails(&yard, 7, "not healthy after", "v3, released and not verified");
    assert!(log.contains("x-revision says e77d01b2, not "), "{log}");
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().stays_old = false);
    converges(&yard);
    assert_eq!(yard.runs("admin"), (3, 3));
}

#[test]
fn an_app_that_is_ill() {
    let yard = Yard::new(0).set("GIT_HOTFIX_HEALTH_DEADLINE", SHORT);
    yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().health_status = 503);
    let log = second_fails(&yard, 7, "not healthy after", "v3, released and not verified");
    assert!(log.contains("it answered 503, not 200"), "{log}");
}

#[test]
fn the_answer_to_the_patch_is_lost() {
    for what in [What::Reset, What::Status(502), What::Truncated] {
        let yard = Yard::new(1);
        yard.heroku.inject(FaultPlan::next("PATCH", "/acme-admin/formation", Fault::after(what.clone())));
        let log = yard.promoted(0);
        assert_eq!(yard.heroku.faults_triggered(), 1, "{what:?}");
        // What it answers is not read: cut in its middle it has said enough.
        assert!(
            what == What::Truncated || log.contains("admin: the answer was lost, and v3 is there"),
            "{log}"
        );
        assert_eq!(
            (yard.writes("/formation"), yard.runs("admin")),
            (3, (3, 3)),
            "{what:?}: never sent twice"
        );
    }
}

#[test]
fn the_patch_never_arrives() {
    let yard = Yard::new(1);
    yard.heroku.inject(FaultPlan::next("PATCH", "/acme-admin/formation", Fault::before(What::Reset)));
    second_fails(&yard, 6, "whether Heroku took the image is not known", "v2, as before");
    assert_eq!(yard.writes("/formation"), 2, "not sent again blindly");
    converges(&yard);
}

#[test]
fn refusals_of_heroku() {
    for (status, code, hint) in [
        (401, 4, "HEROKU_API_KEY is wrong or was revoked"),
        (403, 4, "the rights to deploy"),
        (404, 4, "heroku apps"),
        (422, 7, "nothing was done by this request"),
    ] {
        let yard = Yard::new(0);
        let fault = Fault::before(What::Status(status));
        yard.heroku.inject(FaultPlan::next("PATCH", "/acme-admin/formation", fault));
        let log = second_fails(&yard, code, "Heroku answered PATCH", "v2, as before");
        assert!(log.contains(hint), "{status}: {log}");
        converges(&yard);
        // Before anything is touched.
        let yard = Yard::new(0);
        yard.heroku.inject(FaultPlan::next("GET", "/apps/acme-admin", Fault::before(What::Status(status))));
        let log = yard.promoted(code);
        assert!(log.contains("admin cannot be promoted, so nothing was touched"), "{status}: {log}");
        assert_eq!(yard.writes(""), 0);
    }
}

#[test]
fn the_rate_limit() {
    // For a moment: waited out, since what was refused was not done.
    let yard = Yard::new(0);
    yard.heroku.inject(FaultPlan::next(
        "PATCH",
        "/acme-admin/formation",
        Fault::before(What::TooManyJson(0)),
    ));
    yard.promoted(0);
    assert_eq!(yard.writes("/formation"), 4);
    // For good.
    let yard = Yard::new(0).set("GIT_HOTFIX_RETRY_BUDGET", "1ms");
    yard.heroku.with_platform(|platform| platform.rate_left = 0);
    let log = yard.promoted(6);
    assert!(log.contains("429 rate_limit") && log.contains("nothing was touched"), "{log}");
    yard.heroku.with_platform(|platform| platform.rate_left = 4500);
    yard.promoted(0);
}

#[test]
fn an_image_that_cannot_be_copied_releases_nothing() {
    let yard = Yard::new(0).set("GIT_HOTFIX_RETRY_BUDGET", "1ms");
    yard.target.inject(FaultPlan::next(
        "PUT",
        "/acme-admin/web/manifests/latest",
        Fault::before(What::Status(403)),
    ));
    let log = yard.promoted(4);
    assert!(log.contains("the image of admin could not be copied, so nothing was released"), "{log}");
    assert_eq!(
        (yard.writes("/formation"), yard.images_now()),
        (0, [OLD_IMAGE; 3].map(str::to_owned).to_vec())
    );
    assert!(!log.contains("--rollback"), "nothing is to be taken back: {log}");
    yard.promoted(0);
}

#[test]
fn a_wrong_key_and_a_missing_one() {
    let yard = Yard::new(0).set("HEROKU_API_KEY", "HRKU-another-canary-9876543210");
    let log = yard.promoted(4);
    assert!(log.contains("401 unauthorized"), "{log}");
    let yard = Yard::new(0).set("HEROKU_API_KEY", "");
    let log = yard.promoted(4);
    assert!(log.contains("HEROKU_API_KEY is not set") && log.contains("masked and protected"), "{log}");
}

/// The place of the receipt vanishes while a release is on its way; what is true of the apps is still said.
#[track_caller]
fn without_its_receipt(end: Ending, code: i32) -> String {
    let yard = Yard::new(0);
    yard.heroku.with_platform(|platform| {
        platform.app("acme-admin").unwrap().endings.push_back(Ending::Hangs);
    });
    let place = yard.runner.dir.join("receipts");
    std::fs::create_dir(&place).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let pending =
                || yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().runs().1 == 3);
            while !pending() {
                std::thread::yield_now();
            }
            // It is written once more when the release is found, its Markdown last.
            while !std::fs::read_to_string(place.join("mine.md")).is_ok_and(|text| text.contains("v3")) {
                std::thread::yield_now();
            }
            std::fs::remove_dir_all(&place).unwrap();
            yard.heroku.with_platform(|platform| platform.app("acme-admin").unwrap().finish(end));
        });
        let log = ends(&yard.promote(&["--app", "admin", "--receipt", "receipts/mine.json"]), code);
        assert!(!place.exists());
        log
    })
}

#[test]
fn a_receipt_that_cannot_be_written_any_more_hides_nothing() {
    let log = without_its_receipt(Ending::Fails, 7);
    assert!(log.contains("error: admin: the release v3 failed"), "{log}");
    assert!(log.contains("admin runs v2, as before"), "{log}");
    let log = without_its_receipt(Ending::Succeeds, 1);
    assert!(log.contains("error: could not write the receipt receipts/mine.json"), "{log}");
    assert!(log.contains("admin runs v3, released and verified"), "{log}");
    assert!(log.contains("hint: mkdir -p receipts"), "{log}");
}
