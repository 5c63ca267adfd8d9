//! The client against scripted answers.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::*;
use crate::clock::by_hand::ClockByHand;
use crate::error::Problem;
use crate::http::scripted::{Act, Scripted, raw, say};
use crate::http::{Options, Origin, Retry, Secret, Token};

const PROJECT: &str = r#"{"id":7,"path_with_namespace":"shop/web"}"#;

fn client_of(server: &Scripted) -> Client {
    let retry = Retry { attempts: 1, ..Retry::default() };
    let options = Options { read: Duration::from_secs(2), retry, ..Options::default() };
    let base = server.base.join("/root/").unwrap();
    let address = Address::new(&base, "shop/web").unwrap();
    let token = Token::bearer(Origin::of(&base).unwrap(), Secret::new("glpat-canary0123456789abc").unwrap());
    Client::new(&address, Some(token), options, Arc::new(ClockByHand::new())).unwrap()
}

/// A client whose project is known after the first answer.
fn with_project(mut acts: Vec<Act>) -> (Scripted, Client) {
    acts.insert(0, say(200, "", PROJECT));
    let server = Scripted::new(acts);
    let client = client_of(&server);
    (server, client)
}

/// The error of a read that is answered so.
fn error_of(act: Act) -> Error {
    let (_server, client) = with_project(vec![act]);
    client.job(9).unwrap_err()
}

#[test]
fn the_project_is_asked_for_once_also_by_many_threads() {
    let (server, client) = with_project(vec![say(200, "", r#"{"id":9,"name":"x","status":"manual"}"#)]);
    assert_eq!(client.requests(), 0, "making a client asks nothing");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(client.job(9).unwrap().status, CiStatus::Manual));
        }
    });
    assert_eq!(client.requests(), 5);
    let lines = server.lines();
    assert_eq!(lines[0], "GET /root/api/v4/projects/shop%2Fweb HTTP/1.1");
    assert!(lines[1..].iter().all(|line| line == "GET /root/api/v4/projects/7/jobs/9 HTTP/1.1"), "{lines:?}");
}

#[test]
fn every_error_shape_becomes_text() {
    for (status, body, text) in [
        (404, r#"{"message":"404 Project Not Found"}"#, "404 Project Not Found"),
        (403, r#"{"message":"403 Forbidden - reason"}"#, "403 Forbidden - reason"),
        (400, r#"{"message":"400 Bad request - Unplayable Job"}"#, "400 Bad request - Unplayable Job"),
        (
            409,
            r#"{"message":["Another open merge request already exists for this source branch: !5"]}"#,
            "Another open merge request already exists for this source branch: !5",
        ),
        (
            400,
            r#"{"message":{"title":["is too long","is odd"],"base":["no"]}}"#,
            "title is too long; is odd; no",
        ),
        (
            400,
            r#"{"error":"title is missing, source_branch is missing"}"#,
            "title is missing, source_branch is missing",
        ),
        (404, r#"{"error":"404 Not Found"}"#, "404 Not Found"),
        (
            403,
            r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges","scope":"api"}"#,
            "insufficient_scope: The request requires higher privileges: scope api",
        ),
        (
            401,
            r#"{"error":"invalid_token","error_description":"Token is expired."}"#,
            "invalid_token: Token is expired.",
        ),
        (400, r#"{"message":"Sorry","error_code":"conflict"}"#, "Sorry: error_code conflict"),
        (400, r#"["a","b"]"#, "a; b"),
        (400, r#""just text""#, "just text"),
        (400, r#"{"message":null}"#, "no explanation (status 400)"),
        (400, r#"{"message":{"a":{"b":[1,true]}}}"#, "a b 1; true"),
        (400, "", "no explanation (status 400)"),
        (400, "{broken", "{broken"),
        (405, r#"{"message":"405 Method Not Allowed"}"#, "405 Method Not Allowed"),
        (422, r#"{"message":["no access"]}"#, "no access"),
    ] {
        let error = error_of(say(status, "", body));
        let found = match &error {
            Error::Unauthorized { text, .. }
            | Error::Forbidden { text, .. }
            | Error::NotFound { text, .. } => text,
            Error::Refused { text, status: kept, .. } => {
                assert_eq!(*kept, status);
                text
            }
            other => panic!("{body}: {other:?}"),
        };
        assert_eq!(found, text, "{body}");
    }
    let html = |status| error_of(raw(status, "content-type: text/html\r\n", b"<html>Bad gateway</html>"));
    assert_eq!(html(502).to_string().split_once("answered").unwrap().1, " 502: an HTML page");
    assert!(matches!(html(403), Error::Forbidden { text, .. } if text == "an HTML page"));
    let long = error_of(raw(400, "content-type: text/plain\r\n", "é".repeat(5000).as_bytes()));
    assert!(matches!(long, Error::Refused { text, .. } if text.chars().count() == 1001));
}

#[test]
fn both_kinds_of_429_are_one() {
    let limiter =
        r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#;
    let plain =
        "content-type: text/plain\r\nretry-after: 30\r\nratelimit-remaining: 0\r\nratelimit-reset: 5\r\n";
    for act in [say(429, "retry-after: 30\r\n", limiter), raw(429, plain, b"Retry later")] {
        let error = error_of(act);
        assert!(
            matches!(error, Error::RateLimited { retry_after: Some(time), .. } if time.as_secs() == 30),
            "{error:?}"
        );
    }
}

#[test]
fn what_is_no_answer_of_gitlab_is_never_a_success() {
    for act in [
        raw(200, "content-type: text/html\r\n", b"<html>sign in</html>"),
        raw(200, "content-type: text/html\r\n", br#"{"id":9,"name":"x","status":"success"}"#),
        raw(200, "", br#"{"id":9,"name":"x","status":"success"}"#),
        say(200, "", ""),
        say(200, "", "null"),
        say(200, "", "[]"),
        say(200, "", "{}"),
        say(200, "", r#"{"id":9,"name":"x","status":"succ"#),
        say(200, "", r#"{"id":"9","name":"x","status":"success"}"#),
        say(200, "", r#"{"id":9,"name":"x","status":null}"#),
        say(200, "", &"[".repeat(100_000)),
        say(204, "", ""),
    ] {
        let error = error_of(act);
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    }
}

#[test]
fn an_unreadable_answer_to_a_write_leaves_its_outcome_unknown() {
    for act in [
        raw(200, "content-type: text/html\r\n", b"<html>"),
        say(201, "", "{}"),
        say(500, "", r#"{"message":"500 Internal Server Error"}"#),
        raw(502, "content-type: text/html\r\n", b"<html>"),
        Act::Hang,
    ] {
        let (server, client) = with_project(vec![act]);
        let error = client.play_job(9).unwrap_err();
        assert!(error.may_have_changed(), "{error:?}");
        assert_eq!(server.connections(), 2, "the project and one try");
    }
    for status in [400, 401, 403, 404, 405, 409, 422, 429] {
        let (_server, client) = with_project(vec![say(status, "", "{}")]);
        let error = client.play_job(9).unwrap_err();
        assert!(!error.may_have_changed(), "{error:?}");
    }
}

#[test]
fn a_page_in_between_is_no_file_no_log_and_no_deletion() {
    let page = || raw(200, "content-type: text/html; charset=utf-8\r\n", b"<html>sign in</html>");
    let (_server, client) = with_project(vec![page(), page(), page(), raw(204, "", b"")]);
    assert!(matches!(client.file("a", "main"), Err(Error::Malformed { .. })));
    assert!(matches!(client.log(9, 0, 10), Err(Error::Malformed { .. })));
    assert!(matches!(client.delete_branch("x"), Err(Error::Ambiguous { .. })));
    assert_eq!(client.delete_branch("x"), Ok(()));
}

#[test]
fn only_a_missing_thing_is_absent_never_a_hidden_project() {
    let (_server, client) = with_project(vec![
        say(404, "", r#"{"message":"404 Branch Not Found"}"#),
        say(404, "", r#"{"message":"404 Project Not Found"}"#),
        say(404, "", r#"{"error":"404 Not Found"}"#),
        raw(404, "content-type: text/html\r\n", b"<html>404 Not Found</html>"),
        say(404, "", r#"{"message":"404 Not found"}"#),
        say(404, "", r#"{"message":"404 File Not Found"}"#),
        say(403, "", r#"{"message":"403 Forbidden"}"#),
    ]);
    assert_eq!(client.branch("hotfix/x").unwrap(), None);
    for _ in 0..3 {
        let outcome = client.branch("hotfix/x");
        assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
    }
    assert_eq!(client.protected_branch("main").unwrap(), None);
    assert_eq!(client.file(".hotfix.toml", "main").unwrap(), None);
    assert!(matches!(client.protected_environment("production"), Err(Error::Forbidden { .. })));
}

#[test]
fn redirects_name_where_the_project_went() {
    let moved = |location: &str| error_of(say(301, &format!("location: {location}\r\n"), "{}"));
    assert_eq!(moved("/root/api/v4/projects/new%2Fhome/jobs/9"), Error::Moved { to: "new/home".to_owned() });
    let error = moved("https://sso.example/login?token=abc");
    assert!(matches!(&error, Error::Redirected { to, .. } if to == "https://sso.example/login"), "{error:?}");
    let error = error_of(say(302, "", "{}"));
    assert!(matches!(error, Error::Redirected { .. }), "{error:?}");
}

fn labels(page: &str, link: Option<&str>) -> Act {
    let link = link.map(|link| format!("link: {link}\r\n")).unwrap_or_default();
    say(200, &link, page)
}

#[test]
fn pages_are_followed_by_number_and_never_by_url() {
    let evil = Scripted::json(&[(200, "[]")]);
    let next = |page: u32| {
        format!(
            "<{0}first?page=1>; rel=\"first\", <{0}x?id=a,b&page={page}&per_page=100>; rel=\"next\"",
            evil.base
        )
    };
    let (server, client) = with_project(vec![
        labels(r#"[{"name":"a"},{"name":"b"}]"#, Some(&next(2))),
        labels(r#"[{"name":"c"}]"#, Some(&next(3))),
        labels(r#"[{"name":"d"}]"#, Some("<http://x/?page=1>; rel=\"first\"")),
    ]);
    let names: Vec<String> = client.labels().unwrap().into_iter().map(|label| label.name).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(evil.connections(), 0);
    insta::assert_snapshot!(server.lines().join("\n"), @"
    GET /root/api/v4/projects/shop%2Fweb HTTP/1.1
    GET /root/api/v4/projects/7/labels?per_page=100&page=1 HTTP/1.1
    GET /root/api/v4/projects/7/labels?per_page=100&page=2 HTTP/1.1
    GET /root/api/v4/projects/7/labels?per_page=100&page=3 HTTP/1.1
    ");
}

#[test]
fn lists_that_never_end_do() {
    for (link, expected) in [
        ("<http://x/?page=1>; rel=\"next\"", "circles"),
        ("<http://x/?page=2>; rel=\"next\"", "circles"),
        ("<http://x/?page=0>; rel=\"next\"", "circles"),
        ("<http://x/?page=1001>; rel=\"next\"", "1000 pages"),
        ("<http://x/?page=two>; rel=\"next\"", "cannot be told"),
        ("<http://x/?cursor=abc>; rel=\"next\"", "cannot be told"),
        ("<http://x/>; rel=\"next\"", "cannot be told"),
        ("<http://x/?page=2; rel=\"next\"", "cannot be told"),
    ] {
        let (server, client) = with_project(vec![labels("[]", Some(link))]);
        let error = client.labels().unwrap_err().to_string();
        assert!(error.contains(expected), "{link}: {error}");
        assert!(server.connections() <= 3);
    }
}

#[test]
fn no_more_is_asked_for_than_needed() {
    let next = "<http://x/?page=2>; rel=\"next\"";
    let row = r#"{"id":1,"sha":"ab","status":"success"}"#;
    let (server, client) = with_project(vec![labels(&format!("[{row}]"), Some(next))]);
    let found = client.deployments("production", Some(DeploymentStatus::Success), 1).unwrap();
    assert_eq!(found.len(), 1);
    insta::assert_snapshot!(server.lines()[1], @"GET /root/api/v4/projects/7/deployments?environment=production&status=success&order_by=id&sort=desc&per_page=1&page=1 HTTP/1.1");
    assert_eq!(client.merge_requests(&MergeRequestFilter::default(), 0).unwrap(), []);
    assert_eq!(server.connections(), 2);
}

#[test]
fn writes_send_what_was_given_and_no_more() {
    let merge_request = r#"{"iid":5,"state":"opened","title":"t","source_branch":"s","target_branch":"m"}"#;
    let approval = r#"{"user":{"id":1,"username":"bo"},"status":"approved"}"#;
    let (server, client) = with_project(vec![
        say(201, "", merge_request),
        say(200, "", merge_request),
        say(200, "", merge_request),
        say(200, "", merge_request),
        say(201, "", approval),
    ]);
    let new = NewMergeRequest {
        source_branch: "s".to_owned(),
        target_branch: "m".to_owned(),
        title: "t".to_owned(),
        labels: vec!["backport".to_owned(), "auto-backport".to_owned()],
        ..NewMergeRequest::default()
    };
    client.create_merge_request(&new).unwrap();
    let change = MergeRequestChange {
        add_labels: vec!["conflicts".to_owned()],
        state_event: Some(StateEvent::Close),
        ..MergeRequestChange::default()
    };
    client.update_merge_request(5, &change).unwrap();
    client.merge(5, "abc", false).unwrap();
    client.merge(5, "abc", true).unwrap();
    let yes = NewApproval { approve: true, comment: None, represented_as: Some("product".to_owned()) };
    assert_eq!(client.approve_deployment(3, &yes).unwrap().status, Verdict::Approved);
    let sent: Vec<String> = server.requests()[1..]
        .iter()
        .map(|request| {
            format!(
                "{} {}",
                request.split(" HTTP").next().unwrap(),
                request.split_once("\r\n\r\n").unwrap().1
            )
        })
        .collect();
    insta::assert_snapshot!(sent.join("\n"), @r#"
    POST /root/api/v4/projects/7/merge_requests {"source_branch":"s","target_branch":"m","title":"t","description":"","labels":"backport,auto-backport"}
    PUT /root/api/v4/projects/7/merge_requests/5 {"add_labels":"conflicts","state_event":"close"}
    PUT /root/api/v4/projects/7/merge_requests/5/merge {"sha":"abc"}
    PUT /root/api/v4/projects/7/merge_requests/5/merge {"sha":"abc","merge_when_pipeline_succeeds":true}
    POST /root/api/v4/projects/7/deployments/3/approval {"status":"approved","represented_as":"product"}
    "#);
}

#[test]
fn a_merge_answered_401_is_a_lack_of_rights() {
    let (_server, client) = with_project(vec![
        say(401, "", r#"{"message":"401 Unauthorized"}"#),
        say(401, "", r#"{"error":"invalid_token","error_description":"Token is expired."}"#),
    ]);
    assert!(matches!(client.merge(5, "abc", false), Err(Error::Forbidden { .. })));
    assert!(matches!(client.merge(5, "abc", false), Err(Error::Unauthorized { .. })));
}

#[test]
fn names_cannot_leave_their_place_in_a_path() {
    let (server, client) = with_project(vec![say(200, "", "null")]);
    for name in ["../../user", "a/../b", "%2e%2e", "x?y=z#w", "-x"] {
        assert!(client.branch(name).is_err());
    }
    for (line, encoded) in
        server.lines()[1..].iter().zip(["..%2F..%2Fuser", "a%2F..%2Fb", "%252e%252e", "x%3Fy%3Dz%23w", "-x"])
    {
        assert_eq!(*line, format!("GET /root/api/v4/projects/7/repository/branches/{encoded} HTTP/1.1"));
    }
    let before = client.requests();
    for name in ["", ".", ".."] {
        assert!(client.branch(name).is_err());
    }
    assert_eq!(client.requests(), before);
}

#[test]
fn logs_are_read_from_where_they_ended() {
    let log = |text: &str| raw(200, "content-type: text/plain\r\n", text.as_bytes());
    let (_server, client) = with_project(vec![log("one\n"), log("one\ntwo\n"), say(404, "", "{}")]);
    let first = client.log(9, 0, 100).unwrap();
    assert_eq!((first.bytes.as_slice(), first.offset), (b"one\n".as_slice(), 4));
    let second = client.log(9, first.offset, 100).unwrap();
    assert_eq!((second.bytes.as_slice(), second.offset), (b"two\n".as_slice(), 8));
    assert!(matches!(client.log(9, 0, 100), Err(Error::NotFound { .. })));
}

#[test]
fn an_answer_cut_anywhere_is_no_answer() {
    let Act::Say(whole) = say(200, "", r#"{"id":9,"name":"x","status":"success"}"#) else { unreachable!() };
    let acts = (0..whole.len()).map(|end| Act::Say(whole[..end].to_vec())).collect();
    let (server, client) = with_project(acts);
    for end in 0..whole.len() {
        let outcome = client.job(9);
        assert!(outcome.is_err(), "cut at {end}: {outcome:?}");
    }
    assert_eq!(server.connections(), 1 + whole.len());
}

#[test]
fn unknown_words_and_fields_are_kept_and_ignored() {
    let job: Job =
        serde_json::from_str(r#"{"id":1,"name":"x","status":"teleported","brand_new":{}}"#).unwrap();
    assert_eq!(job.status, CiStatus::Other("teleported".to_owned()));
    assert!(!job.status.is_finished());
    assert_eq!(job.status.to_string(), "teleported");
    for (coverage, expected) in [("null", None), ("\"87.5\"", Some("87.5")), ("87.5", Some("87.5"))] {
        let text = format!(r#"{{"id":1,"sha":"a","status":"success","coverage":{coverage}}}"#);
        let pipeline: Pipeline = serde_json::from_str(&text).unwrap();
        assert_eq!(pipeline.coverage.as_deref(), expected);
    }
}

#[test]
fn problems_say_what_to_do() {
    let show = |error: Error| {
        let Problem { kind, message, hints, .. } = error.into();
        format!("{} {message}\n  {}", kind.exit_code(), hints.join("\n  "))
    };
    let host = || "gitlab.example".to_owned();
    let call = || "GET /projects/shop%2Fweb".to_owned();
    let shown = [
        show(Error::Unreachable { host: host(), why: "Connection refused (os error 111)".to_owned() }),
        show(Error::Unauthorized { host: host(), had_token: false, text: "401 Unauthorized".to_owned() }),
        show(Error::Unauthorized { host: host(), had_token: true, text: "401 Unauthorized".to_owned() }),
        show(Error::Forbidden { call: call(), text: "insufficient_scope".to_owned() }),
        show(Error::NotFound {
            call: call(),
            had_token: true,
            absent: false,
            text: "404 Project Not Found".to_owned(),
        }),
        show(Error::Refused { call: call(), status: 405, text: "405 Method Not Allowed".to_owned() }),
        show(Error::RateLimited { host: host(), retry_after: Some(Duration::from_secs(30)) }),
        show(Error::Ambiguous { call: call(), why: "the answer broke off".to_owned() }),
        show(Error::Malformed { call: call(), what: "not JSON but text/html".to_owned() }),
        show(Error::Moved { to: "new/home".to_owned() }),
    ];
    insta::assert_snapshot!(shown.join("\n"), @"
    6 gitlab.example could not be reached: Connection refused (os error 111)
      nothing was concluded; run the same command again
    4 gitlab.example asks for a token, and none was found
      make one with the scopes api and write_repository at https://gitlab.example/-/user_settings/personal_access_tokens, then give it to: git credential approve
      where it was looked for: git hotfix doctor
    4 gitlab.example does not accept the token: 401 Unauthorized
      which token was used and what is wrong with it: git hotfix doctor
      make one with the scopes api and write_repository at https://gitlab.example/-/user_settings/personal_access_tokens, then give it to: git credential approve
    4 GET /projects/shop%2Fweb is forbidden: insufficient_scope
      the token lacks a scope; writes need `api`: git hotfix doctor
    4 GET /projects/shop%2Fweb: 404 Project Not Found
      GitLab also answers 404 for what the token's user may not see
      which project and which user that is: git hotfix doctor
    5 GET /projects/shop%2Fweb was refused (405): 405 Method Not Allowed
      see what is true now with: git hotfix status
    6 gitlab.example asks to slow down
      run the same command again in 30 s
    6 the outcome of GET /projects/shop%2Fweb is unknown: the answer broke off
      it may have been done; see what is true with: git hotfix status
    6 the answer to GET /projects/shop%2Fweb is not JSON but text/html
      nothing was concluded; check that GitLab itself answers, with no sign-in page or proxy in between: git hotfix doctor
    4 the project has moved to new/home
      tell git the new address: git remote set-url origin <url>
    ");
}

#[test]
fn a_client_needs_a_private_way() {
    let plain = Url::parse("http://gitlab.example").unwrap();
    assert!(Address::new(&plain, "a/b").is_err());
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
}
