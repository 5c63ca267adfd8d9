//! The client against raw bytes.

use super::scripted::{Act, Scripted, raw, say};
use super::*;
use crate::clock::by_hand::ClockByHand;

const SECRET: &str = "glpat-canary-0123456789abcdef";

/// Waits as long as a busy machine may take.
fn patient() -> Options {
    let long = Duration::from_secs(30);
    let retry = Retry { base: Duration::ZERO, ..Retry::default() };
    Options { connect: long, read: long, total: long, retry }
}

fn quick() -> Options {
    let second = Duration::from_secs(1);
    Options { read: second / 2, total: second / 2, ..patient() }
}

fn client(base: &Url) -> (Http, Arc<ClockByHand>) {
    let clock = Arc::new(ClockByHand::new());
    let token = Token::bearer(Origin::of(base).unwrap(), Secret::new(SECRET).unwrap());
    (Http::new(base, Some(token), patient(), clock.clone()).unwrap(), clock)
}

fn get() -> Request {
    Request::new(Method::Get, ["thing"])
}

fn post() -> Request {
    Request::new(Method::Post, ["thing"]).json(&serde_json::json!({"a": 1}))
}

/// A base URL where nobody listens.
fn nobody() -> Url {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
}

#[test]
fn a_request_is_what_was_asked_for() {
    let server = Scripted::json(&[(200, "{}")]);
    let base = server.base.join("/git lab/").unwrap();
    let (http, _) = client(&base);
    let request = Request::new(Method::Get, ["projects", "a/b c"]).query("search", "x&y=z").query("page", 2);
    http.send(&request).unwrap();
    let head = server.requests()[0].to_lowercase();
    insta::assert_snapshot!(head.lines().filter(|line| !line.starts_with("host")).collect::<Vec<_>>().join("\n"), @"
    get /git%20lab/projects/a%2fb%20c?search=x%26y%3dz&page=2 http/1.1
    accept: application/json
    authorization: bearer glpat-canary-0123456789abcdef
    user-agent: git-hotfix/0.1.0
    accept-encoding: gzip
    ");
}

#[test]
fn nothing_was_sent_where_nobody_listens() {
    let (http, clock) = client(&nobody());
    assert!(matches!(http.send(&post()), Err(Error::Unreachable { .. })));
    assert_eq!(http.requests(), 1, "a write is sent once");
    let error = http.send(&get()).unwrap_err();
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert_eq!(http.requests(), 1 + 5);
    assert_eq!(clock.slept().len(), 4);
}

#[test]
fn a_read_is_tried_again_and_a_write_is_not() {
    for act in [
        || Act::Hang,
        || Act::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"a".to_vec()),
        || Act::Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1,2]\r\n".to_vec()),
        || Act::Say(b"HTTP/1.1 20".to_vec()),
        || Act::Say(b"garbage\r\n\r\n".to_vec()),
        || say(500, "", "{}"),
        || raw(502, "content-type: text/html\r\n", b"<html>"),
        || say(503, "", "{}"),
        || say(504, "", "{}"),
    ] {
        let server = Scripted::new(vec![act(), act(), say(200, "", "[1]")]);
        let (http, _) = client(&server.base);
        assert_eq!(http.send(&get()).unwrap().body, b"[1]");
        assert_eq!(server.connections(), 3);

        let server = Scripted::new(vec![act(), say(200, "", "[1]")]);
        let (http, _) = client(&server.base);
        let outcome = http.send(&post());
        assert!(matches!(outcome, Err(Error::Ambiguous { .. })), "{outcome:?}");
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn a_lock_is_waited_out_and_a_conflict_is_not() {
    let lock = r#"{"message":"409 Conflict: Resource lock"}"#;
    let server = Scripted::json(&[(409, lock), (200, "[]")]);
    assert_eq!(client(&server.base).0.send(&get()).unwrap().status, 200);
    let server = Scripted::json(&[(409, "{}"), (200, "[]")]);
    assert_eq!(client(&server.base).0.send(&get()).unwrap().status, 409);
    let server = Scripted::json(&[(409, lock), (200, "[]")]);
    assert_eq!(client(&server.base).0.send(&post()).unwrap().status, 409, "definite: not applied");
}

#[test]
fn attempts_end() {
    let server = Scripted::json(&[(503, "{}")]);
    let (http, _) = client(&server.base);
    assert_eq!(http.send(&get()).unwrap().status, 503);
    assert_eq!(server.connections(), 5);
}

#[test]
fn retry_after_is_kept_and_never_beyond_the_budget() {
    let date = "date: Sun, 01 Mar 2026 01:00:00 GMT\r\n";
    let when = "retry-after: Sun, 01 Mar 2026 01:00:09 GMT\r\n";
    let server = Scripted::new(vec![
        say(429, "retry-after: 7\r\n", r#"{"message":{"error":"too many"}}"#),
        raw(429, &format!("content-type: text/plain\r\n{date}{when}"), b"Retry later"),
        say(200, "", "[]"),
    ]);
    let (http, clock) = client(&server.base);
    assert_eq!(http.send(&get()).unwrap().status, 200);
    assert_eq!(clock.slept(), [Duration::from_secs(7), Duration::from_secs(9)]);

    let server = Scripted::new(vec![say(429, "retry-after: 99999999\r\n", "{}")]);
    let (http, clock) = client(&server.base);
    let response = http.send(&get()).unwrap();
    assert_eq!((response.status, response.retry_after), (429, Some(Duration::from_secs(99_999_999))));
    assert!(clock.slept().is_empty());

    let server = Scripted::new(vec![say(429, "retry-after: 1\r\n", "{}"), say(200, "", "{}")]);
    let (http, _) = client(&server.base);
    assert_eq!(http.send(&post()).unwrap().status, 429, "definite: not applied, and not sent again");
    assert_eq!(server.connections(), 1);
}

#[test]
fn redirects_are_not_followed_and_the_token_stays() {
    let evil = Scripted::json(&[(200, "[]")]);
    for status in [300, 301, 302, 303, 307, 308] {
        for request in [get(), post()] {
            let server = Scripted::new(vec![say(status, &format!("location: {}x\r\n", evil.base), "{}")]);
            let (http, _) = client(&server.base);
            assert_eq!(http.send(&request).unwrap().status, status);
        }
    }
    assert_eq!(evil.connections(), 0);
}

#[test]
fn a_token_goes_to_its_own_origin_only() {
    let origin = |text: &str| Origin::of(&Url::parse(text).unwrap()).unwrap();
    let bind = |token: &str, base: &str| {
        let token = Token::bearer(origin(token), Secret::new(SECRET).unwrap());
        let clock = Arc::new(ClockByHand::new());
        Http::new(&Url::parse(base).unwrap(), Some(token), quick(), clock).map(|_| ())
    };
    for other in [
        "https://gitlab.com.evil.example",
        "https://gitlab.com@evil.example",
        "https://gitlab.com:8443",
        "http://gitlab.com",
        "https://gitlab.com.",
        "https:\\\\evil.example\\@gitlab.com",
        "https://gitlab.com%2eevil.example",
    ] {
        assert!(matches!(bind("https://gitlab.com", other), Err(Error::WrongOrigin { .. })), "{other}");
    }
    assert!(bind("https://gitlab.com", "https://GITLAB.com:443/root").is_ok());
    assert!(matches!(bind("http://gitlab.com", "http://gitlab.com"), Err(Error::Plain { .. })));
    assert!(bind("http://[::1]:3000", "http://[::1]:3000").is_ok());
}

#[test]
fn bodies_are_capped_after_decompression() {
    // 20 MiB of zeros, gzipped: about 130 KiB on the wire.
    let bomb = gzip_of_zeros(20 << 20);
    assert!(bomb.len() < 256 << 10);
    let headers = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let server = Scripted::new(vec![raw(200, headers, &bomb)]);
    let (http, _) = client(&server.base);
    assert!(matches!(http.send(&get()), Err(Error::TooLarge { cap: BODY_CAP, .. })));
    assert_eq!(server.connections(), 1);
    assert!(matches!(http.send(&post()), Err(Error::Ambiguous { .. })));
}

#[test]
fn slow_answers_end() {
    let server = Scripted::new(vec![Act::Stall]);
    let http = Http::new(&server.base, None, quick(), Arc::new(ClockByHand::new())).unwrap();
    let outcome = http.send(&post());
    assert!(matches!(outcome, Err(Error::Ambiguous { .. })), "{outcome:?}");

    // The whole has a deadline, even when each piece comes in time.
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    let server = Scripted::new(vec![Act::Drip(head, vec![b'x'; 1000], Duration::from_millis(20))]);
    let clock = Arc::new(crate::clock::SystemClock::new());
    let retry = Retry { attempts: 1, ..Retry::default() };
    let options = Options { total: Duration::from_millis(300), retry, ..quick() };
    let http = Http::new(&server.base, None, options, clock.clone()).unwrap();
    let error = http.send(&get()).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("took longer"), "{error}");
    assert!(clock.elapsed() < Duration::from_secs(5), "{:?}", clock.elapsed());
}

#[test]
fn a_failed_handshake_is_no_reason_to_try_again() {
    let server = Scripted::new(vec![raw(400, "", b"this is plain http")]);
    let base = Url::parse(&server.base.as_str().replace("http:", "https:")).unwrap();
    let (http, _) = client(&base);
    let error = http.send(&get()).unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert_eq!(http.requests(), 1);
}

#[test]
fn a_stream_hands_over_pieces_and_can_be_left() {
    let log = "line\n".repeat(10_000);
    let server = Scripted::new(vec![
        say(502, "", ""),
        raw(200, "content-type: text/plain\r\n", log.as_bytes()),
        raw(200, "content-type: text/plain\r\n", log.as_bytes()),
        say(404, "", r#"{"message":"404 Not found"}"#),
    ]);
    let (http, _) = client(&server.base);
    let mut got = Vec::new();
    let mut all = |piece: &[u8]| {
        got.extend_from_slice(piece);
        ControlFlow::Continue(())
    };
    assert_eq!(http.stream(&get(), &mut all).unwrap().status, 200);
    assert_eq!(got, log.as_bytes());
    let mut pieces = 0;
    http.stream(&get(), &mut |_| {
        pieces += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(pieces, 1);
    let refused = http.stream(&get(), &mut |_| panic!("an error is no log")).unwrap();
    assert_eq!((refused.status, refused.body.len()), (404, 27));
}

#[test]
fn the_servers_clock_and_limits_are_remembered() {
    let headers =
        "date: Sun, 01 Mar 2026 04:30:00 GMT\r\nRateLimit-Remaining: 3\r\nRateLimit-Reset: 1772334060\r\n";
    let server = Scripted::new(vec![say(200, headers, "[]"), say(200, "", "[]")]);
    let (http, _) = client(&server.base);
    assert_eq!(http.server_now().to_string(), "2026-03-01T03:00:00Z");
    http.send(&get()).unwrap();
    http.send(&get()).unwrap();
    assert_eq!(http.server_now().to_string(), "2026-03-01T04:30:00Z");
    let reset = Timestamp::from_second(1_772_334_060).unwrap();
    assert_eq!(http.rate_limit(), Some(RateLimit { remaining: 3, reset }));
}

#[test]
fn no_error_holds_the_token() {
    let server = Scripted::new(vec![Act::Hang]);
    let (http, _) = client(&server.base);
    let named = Request::new(Method::Post, [SECRET]);
    for error in [http.send(&named).unwrap_err(), http.send(&get()).unwrap_err()] {
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    }
}

#[test]
fn impossible_paths_are_not_sent() {
    let server = Scripted::json(&[(200, "[]")]);
    let (http, _) = client(&server.base);
    for bad in ["", ".", ".."] {
        let outcome = http.send(&Request::new(Method::Get, ["projects", bad]));
        assert!(matches!(outcome, Err(Error::Impossible { .. })), "{bad:?}");
    }
    assert_eq!(server.connections(), 0);
}

/// A gzip member of stored-then-compressed zeros, made by hand so that no encoder is needed: one
/// deflate block with fixed codes, a literal zero and then runs of 258 zeros at distance 1.
fn gzip_of_zeros(length: usize) -> Vec<u8> {
    struct Bits(Vec<u8>, u32, u32);
    impl Bits {
        fn put(&mut self, value: u32, count: u32) {
            self.1 |= value << self.2;
            self.2 += count;
            while self.2 >= 8 {
                self.0.push(self.1 as u8);
                self.1 >>= 8;
                self.2 -= 8;
            }
        }
    }
    let head = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut bits = Bits(head, 0, 0);
    bits.put(0b011, 3); // last block, fixed codes
    bits.put(0b0000_1100, 8); // literal 0, its code 0x30 reversed
    for _ in 0..length / 258 {
        bits.put(0b1010_0011, 8); // length 258 is symbol 285, its code 0xc5 reversed
        bits.put(0, 5); // distance 1
    }
    bits.put(0, 7); // end of block
    bits.put(0, 7);
    bits.0
}
