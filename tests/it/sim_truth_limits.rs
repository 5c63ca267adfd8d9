//! The truth table of limits: both kinds of 429, who is counted and what is told before, and lists too long to
//! be counted.

use git_hotfix::sim::{Lag, Limits, Quota, Setup};
use serde_json::json;

use crate::sim_lab::{Answer, Lab};

fn limited(limits: Limits) -> Lab {
    Lab::new(Setup { limits, lag: Lag::none(), ..Setup::default() })
}

/// Windows are of real time and may end between two requests; within an hour that is once.
fn within_one_window(look: impl Fn() -> bool) {
    assert!(look() || look(), "twice in a row at the turn of an hour");
}

const HOUR: i64 = 3600;

fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

fn number(answer: &Answer, name: &str) -> i64 {
    header(answer, name).unwrap_or_else(|| panic!("no {name}: {:?}", answer.headers)).parse().unwrap()
}

/// §1: text/plain `Retry later`, `RateLimit-*` on all answers, `Retry-After` and `RateLimit-ResetTime` with the
/// 429; the limit normalised to 60 s.
#[test]
fn rack_attack_counts_everything_a_user_asks() {
    within_one_window(|| {
        let lab =
            limited(Limits { throttle: Some(Quota { requests: 3, seconds: HOUR }), ..Limits::default() });
        let mut answers: Vec<Answer> =
            ["version", "user", "projects/42"].map(|path| lab.get("dev", path)).into();
        // What is refused does nothing.
        answers.push(lab.post("dev", "labels", json!({"name": "late", "color": "#123456"})));
        if number(&answers[0], "ratelimit-reset") != number(&answers[3], "ratelimit-reset") {
            return false;
        }
        for (answer, left) in answers.iter().zip([2, 1, 0, 0]) {
            assert_eq!(number(answer, "ratelimit-remaining"), left);
            assert_eq!(number(answer, "ratelimit-limit"), 1, "3 in an hour, told per minute");
            assert_eq!(header(answer, "ratelimit-name").unwrap(), "throttle_authenticated_api");
        }
        for answer in &answers[..3] {
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!((header(answer, "retry-after"), header(answer, "ratelimit-resettime")), (None, None));
        }
        let refused = &answers[3];
        assert_eq!((refused.status, refused.text.as_str()), (429, "Retry later\n"));
        assert_eq!(header(refused, "content-type").unwrap(), "text/plain");
        assert_eq!(number(refused, "ratelimit-observed"), 4);
        assert!((1..=HOUR).contains(&number(refused, "retry-after")));
        assert!(header(refused, "ratelimit-resettime").is_some());
        // Others have their own count, and nobody's is another one.
        let other = lab.get("mia", "projects/42/labels?search=late");
        assert_eq!((other.status, &other.body), (200, &json!([])));
        assert_eq!(
            header(&lab.get("", "version"), "ratelimit-name").unwrap(),
            "throttle_unauthenticated_api"
        );
        true
    });
}

/// §1: JSON with an object for a message and `Retry-After`, no `RateLimit-*`; it comes with `Remaining` > 0.
#[test]
fn the_application_limits_single_endpoints_unseen() {
    within_one_window(|| {
        let lab = limited(Limits {
            throttle: Some(Quota { requests: 100, seconds: HOUR }),
            endpoints: vec![("GET projects/:id/jobs", Quota { requests: 1, seconds: HOUR })],
        });
        let [first, second] = [(); 2].map(|()| lab.get("dev", "projects/42/jobs"));
        if second.status == 200 {
            return false;
        }
        assert_eq!(first.status, 200);
        let text = "This endpoint has been requested too many times. Try again later.";
        assert_eq!((second.status, &second.body), (429, &json!({"message": {"error": text}})));
        assert_eq!(number(&second, "retry-after"), HOUR, "(unproven) the whole window");
        assert_eq!(number(&second, "ratelimit-remaining"), 98, "the throttle knows nothing of it");
        assert_eq!(lab.get("dev", "projects/42/labels").status, 200, "other endpoints");
        assert_eq!(lab.get("mia", "projects/42/jobs").status, 200, "other people");

        let alone = limited(Limits {
            endpoints: vec![("GET user", Quota { requests: 0, seconds: HOUR })],
            ..Limits::default()
        });
        let refused = alone.get("dev", "user");
        assert_eq!(refused.status, 429);
        let told = refused.headers.keys().filter(|name| name.as_str().starts_with("ratelimit"));
        assert_eq!(told.count(), 0, "§1: no RateLimit-* of its own");
        true
    });
}

#[test]
fn beyond_ten_thousand_rows_nothing_is_counted() {
    let lab = Lab::at_once();
    let known = lab.project("labels").as_array().unwrap().len();
    let label = |n: usize| {
        let made = lab.server.with_world(|world| {
            world.api_as("dev", "POST", "labels", json!({"name": format!("l{n}"), "color": "#123456"}))
        });
        assert!(made.is_success());
    };
    (known..10_000).for_each(label);
    let counted = lab.get("dev", "projects/42/labels?per_page=100&page=100");
    assert_eq!(header(&counted, "x-total").as_deref(), Some("10000"));
    assert_eq!(header(&counted, "x-next-page").as_deref(), Some(""));
    assert!(header(&counted, "link").unwrap().contains("rel=\"last\""));

    label(10_000);
    let beyond = lab.get("dev", "projects/42/labels?per_page=100&page=100");
    assert_eq!(["x-total", "x-total-pages"].map(|name| header(&beyond, name)), [None, None], "§0");
    assert_eq!(header(&beyond, "x-next-page").as_deref(), Some("101"));
    let link = header(&beyond, "link").unwrap();
    assert!(link.contains("rel=\"next\"") && !link.contains("rel=\"last\""), "§0: {link}");
    let last = lab.get("dev", "projects/42/labels?per_page=100&page=101");
    assert_eq!(last.body.as_array().unwrap().len(), 1);
    assert!(!header(&last, "link").unwrap().contains("rel=\"next\""), "the end is told by what is missing");
}
