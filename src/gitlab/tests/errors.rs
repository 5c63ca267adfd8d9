//! What answers other than the expected one become.

use super::*;

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
fn problems_say_what_to_do() {
    let show = |error: Error| {
        let Problem { kind, message, hints, .. } = error.into();
        format!("{} {message}\n  {}", kind.exit_code(), hints.join("\n  "))
    };
    let host = || "gitlab.example".to_owned();
    let instance = || "https://gitlab.example".to_owned();
    let call = || "GET /projects/shop%2Fweb".to_owned();
    let shown = [
        show(Error::Unreachable { host: host(), why: "Connection refused (os error 111)".to_owned() }),
        show(Error::Unauthorized {
            instance: instance(),
            had_token: false,
            text: "401 Unauthorized".to_owned(),
        }),
        show(Error::Unauthorized {
            instance: instance(),
            had_token: true,
            text: "401 Unauthorized".to_owned(),
        }),
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
    4 https://gitlab.example asks for a token, and none was found
      create one with the scopes api and write_repository at https://gitlab.example/-/user_settings/personal_access_tokens
      then: export GIT_HOTFIX_URL=https://gitlab.example GIT_HOTFIX_TOKEN=<token>
      where it was looked for: git hotfix doctor
    4 https://gitlab.example does not accept the token: 401 Unauthorized
      which token was used and what is wrong with it: git hotfix doctor
      create one with the scopes api and write_repository at https://gitlab.example/-/user_settings/personal_access_tokens
      then: export GIT_HOTFIX_URL=https://gitlab.example GIT_HOTFIX_TOKEN=<token>
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
fn what_gitlab_told_of_is_never_missing() {
    let opened = r#"{"iid":412,"title":"Fix","state":"opened","source_branch":"a","target_branch":"b"}"#;
    let absent = || say(404, "", r#"{"message":"404 Not found"}"#);
    let mut answers = vec![absent(), say(201, "", opened)];
    answers.extend((0..6).map(|_| absent()));
    let (_server, client) = with_project(answers);
    assert!(client.merge_request(412).unwrap_err().says_absent());
    client.create_merge_request(&NewMergeRequest::default()).unwrap();
    let said = [
        client.merge_request(412).unwrap_err(),
        client.approvals(412).unwrap_err(),
        client.deployment(7).unwrap_err(),
        client.job(8).unwrap_err(),
    ];
    let said = said.map(|error| Problem::from(error).whole()).concat().replace(&client.host(), "HOST");
    insta::assert_snapshot!(said, @"
    HOST does not show merge_requests/412 yet, which it told of before (6)
      hint: nothing was concluded; run the same command again
    HOST does not show merge_requests/412/approvals yet, which it told of before (6)
      hint: nothing was concluded; run the same command again
    HOST does not show deployments/7 yet, which it told of before (6)
      hint: nothing was concluded; run the same command again
    HOST does not show jobs/8 yet, which it told of before (6)
      hint: nothing was concluded; run the same command again
    ");
    // What a person may have named, and what a job may lack.
    assert!(client.merge_request(41).unwrap_err().says_absent());
    assert_eq!(client.artifact(8, "receipt.json").unwrap(), None);
}
