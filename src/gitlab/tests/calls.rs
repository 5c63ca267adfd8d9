//! What calls send, how lists are followed, and what is read.

use super::*;

fn labels(page: &str, link: Option<&str>) -> Act {
    let link = link.map(|link| format!("link: {link}\r\n")).unwrap_or_default();
    say(200, &link, page)
}

#[test]
fn calls_go_by_path_until_the_number_is_known() {
    let job = || say(200, "", r#"{"id":9,"name":"x","status":"manual"}"#);
    let server = Scripted::new(vec![job(), say(200, "", PROJECT), job()]);
    let client = client_of(&server);
    assert_eq!(client.requests(), 0, "making a client asks nothing");
    assert_eq!(client.job(9).unwrap().status, CiStatus::Manual);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(client.project().unwrap().id, 7));
        }
    });
    client.job(9).unwrap();
    insta::assert_snapshot!(server.lines().join("\n"), @"
    GET /root/api/v4/projects/shop%2Fweb/jobs/9 HTTP/1.1
    GET /root/api/v4/projects/shop%2Fweb HTTP/1.1
    GET /root/api/v4/projects/7/jobs/9 HTTP/1.1
    ");
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
fn a_fork_may_name_its_branch_as_ours() {
    let row = |iid: u64, source: &str| {
        format!(
            r#"{{"iid":{iid},"state":"opened","title":"t","source_branch":"backport/develop-9f3c1a7e",
            "target_branch":"develop","source_project_id":{source},"target_project_id":7}}"#
        )
    };
    let rows = [row(9, "8"), row(5, "7"), row(4, "null")].join(",");
    let answer = || say(200, "", &format!("[{rows}]"));
    let (_server, client) = with_project(vec![answer(), answer()]);
    let filter = MergeRequestFilter {
        source_branch: Some("backport/develop-9f3c1a7e".to_owned()),
        ..MergeRequestFilter::default()
    };
    let (found, whole) = client.newest_merge_requests(&filter, 100).unwrap();
    assert!(whole);
    assert_eq!(
        found.iter().map(|mr| mr.iid).collect::<Vec<_>>(),
        [5],
        "a fork's, and one of a fork that is gone"
    );
    // What is left out here may hide others beyond the limit.
    let (found, whole) = client.newest_merge_requests(&filter, 3).unwrap();
    assert!(found.len() == 1 && !whole);
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
    POST /root/api/v4/projects/7/merge_requests {"source_branch":"s","target_branch":"m","title":"t","description":"","labels":["backport","auto-backport"]}
    PUT /root/api/v4/projects/7/merge_requests/5 {"add_labels":["conflicts"],"state_event":"close"}
    PUT /root/api/v4/projects/7/merge_requests/5/merge {"sha":"abc"}
    PUT /root/api/v4/projects/7/merge_requests/5/merge {"sha":"abc","merge_when_pipeline_succeeds":true}
    POST /root/api/v4/projects/7/deployments/3/approval {"status":"approved","represented_as":"product"}
    "#);
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
fn a_client_needs_a_private_way() {
    let plain = Url::parse("http://gitlab.example").unwrap();
    assert!(Address::new(&plain, "a/b").is_err());
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
}
