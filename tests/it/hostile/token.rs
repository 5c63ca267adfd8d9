//! The token goes to the host it is bound to, and nowhere else: not to another host, not into a file, an
//! argument, a trace, or the environment of a child that has no use for it.

use std::path::Path;
use std::sync::Arc;

use git_hotfix::clock::SystemClock;
use git_hotfix::gitlab::{Address, Client};
use git_hotfix::http::{Http, Method, Options, Origin, Request, Retry, Secret, Token};

use super::front::Front;
use super::{assert_clean, shim};
use crate::lab::{Lab, story};

const CANARY: &str = "glpat-Canary_0123-456789abcd";

fn origin(url: &str) -> Origin {
    Origin::of(&url::Url::parse(url).unwrap()).unwrap()
}

fn quick() -> Options {
    let retry = Retry { attempts: 1, ..Retry::default() };
    Options { retry, ..Options::default() }
}

#[test]
fn no_redirect_carries_the_token_away() {
    let evil = Front::evil();
    let place = evil.url.strip_prefix("http://").unwrap().to_owned();
    let targets = [
        format!("{}/x", evil.url),
        format!("//{place}/x"),
        format!("http://127.0.0.1:1@{place}/x"),
        format!("http:\\\\{place}/x"),
        format!("https://{place}/x"),
        "/api/v4/elsewhere".to_owned(),
    ];
    let mut cases = 0;
    for code in [300, 301, 302, 303, 307, 308] {
        for target in &targets {
            let head = format!(
                "HTTP/1.1 {code} Gone\r\nLocation: {target}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let bound = Front::new(move |_| head.clone().into_bytes());
            let base = url::Url::parse(&bound.url).unwrap();
            let token = Token::bearer(origin(&bound.url), Secret::new(CANARY).unwrap());
            let http = Http::new(&base, Some(token), quick(), Arc::new(SystemClock::new())).unwrap();
            let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
            for (number, method) in methods.into_iter().enumerate() {
                let request = Request::new(method, ["projects", "1"]).json(&serde_json::json!({ "a": 1 }));
                let answer = http.send(&request).unwrap();
                assert_eq!(answer.status, code, "{method:?} {target}");
                assert_eq!(bound.seen().len(), number + 1, "asked again: {method:?} {code} {target}");
                cases += 1;
            }
        }
    }
    assert_eq!((cases, evil.seen().len()), (180, 0));
}

/// Spellings of two places, of which one is bound; each leads to one of them or to none.
fn remotes(bound: &str, evil: &str) -> Vec<String> {
    let hosts = [
        bound.to_owned(),
        evil.to_owned(),
        format!("{bound}@{evil}"),
        format!("{evil}@{bound}"),
        format!("user:{bound}@{evil}"),
        format!("{bound}:x@{evil}"),
        format!("{bound}\\@{evil}"),
        format!("{evil}\\@{bound}"),
        format!("{bound}/@{evil}"),
        format!("{evil}#@{bound}"),
        format!("{evil}?@{bound}"),
        format!("{bound}%40{evil}"),
        format!("{bound}%2f@{evil}"),
        format!("{bound}%00@{evil}"),
        format!("{bound}\t@{evil}"),
        format!("{bound} @{evil}"),
        format!("{bound}\u{200b}@{evil}"),
        format!("@{bound}@{evil}"),
        format!("-oProxyCommand=x@{evil}"),
        format!("{bound}."),
        format!("{evil}."),
        bound.replace("127.0.0.1", "localhost"),
        evil.replace("127.0.0.1", "localhost"),
        evil.replace("127.0.0.1", "LOCALHOST"),
        evil.replace("127.0.0.1", "0x7f.1"),
        evil.replace("127.0.0.1", "2130706433"),
        evil.replace("127.0.0.1", "127.1"),
        evil.replace("127.0.0.1", "0177.0.0.1"),
        evil.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        evil.replace("127.0.0.1", "[::1]"),
        evil.replace("127.0.0.1", "１２７.0.0.1"),
        evil.replace("127.0.0.1", "127.0.0.1\u{ad}"),
        evil.replace("127.0.0.1", "127\u{3002}0\u{3002}0\u{3002}1"),
        evil.replace("127.0.0.1", "127.0.0.1.nip.io"),
        evil.replace("127.0.0.1", "127.0.0.2"),
        format!("{evil}:443"),
        format!("{bound}.evil.example"),
        format!("evil.example/{bound}"),
    ];
    let mut all = Vec::new();
    for host in hosts {
        for form in [
            "http://{}/a/b.git",
            "HTTP://{}/a/b",
            "http:{}/a/b",
            "http:///{}/a/b",
            "http:\\\\{}/a/b",
            "{}:a/b.git",
        ] {
            all.push(form.replace("{}", &host));
        }
    }
    all
}

#[test]
fn no_spelling_of_a_remote_sends_the_token_astray() {
    let (bound, evil) = (Front::evil(), Front::evil());
    let place = |front: &Front| front.url.strip_prefix("http://").unwrap().to_owned();
    let spellings = remotes(&place(&bound), &place(&evil));
    assert!(spellings.len() > 200, "{}", spellings.len());
    let (mut asked, mut refused) = (0, 0);
    for spelling in &spellings {
        // As the program does it: the address from the remote, the token only for its own origin.
        let Ok(address) = Address::of_remote(spelling, None) else {
            refused += 1;
            continue;
        };
        let token = Token::bearer(origin(&bound.url), Secret::new(CANARY).unwrap());
        let ours = address.origin() == Some(origin(&bound.url));
        let client = Client::new(&address, Some(token), quick(), Arc::new(SystemClock::new()));
        assert_eq!(client.is_ok(), ours, "{spelling}");
        // Without the token anybody may be asked, so that a wrong turn would be seen.
        let client = match client {
            Ok(client) => client,
            Err(_) => match Client::new(&address, None, quick(), Arc::new(SystemClock::new())) {
                Ok(client) => client,
                Err(_) => continue,
            },
        };
        if place(&evil).ends_with(&address.origin().unwrap().host()) || ours {
            let _ = client.project();
            asked += 1;
        }
    }
    assert!(bound.seen().iter().any(|request| request.contains(CANARY)), "the right host was asked");
    assert!(asked > 3 && refused > 100, "{asked} asked, {refused} refused");
    for request in evil.seen() {
        assert_clean(CANARY, "a request to another host", request.as_bytes());
        assert!(!request.to_ascii_lowercase().contains("authorization"), "{request}");
    }
}

#[test]
fn no_address_in_an_answer_is_ever_asked() {
    let lab = Lab::told("clean");
    let evil = Front::evil();
    let (real, other) = (lab.server.url(), evil.url.clone());
    let front = Front::before(real.clone(), move |_, text| text.replace(&real, &other));
    let dev = lab.fixed();
    let at_front = |args: &[&str]| {
        let mut command = dev.command();
        command.env("GIT_HOTFIX_URL", &front.url);
        dev.run_as(&mut command, args)
    };
    at_front(&["ship", "--yes", "--timeout", "60s"]).ends(0);
    at_front(&["status", "--json"]).ends(0);
    at_front(&["list"]).ends(0);
    at_front(&["list", "--missing"]).ends(3);
    at_front(&["verify"]).ends(8);
    at_front(&["doctor"]);
    at_front(&["ask"]);
    assert!(front.seen().len() > 20, "{} requests", front.seen().len());
    assert!(front.seen().iter().any(|request| request.contains("/deployments")));
    assert_eq!(evil.seen(), Vec::<String>::new());
}

/// Every file below, but for what holds the token by right: the server's own world and the helper's store.
fn files(dir: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_symlink()
            || name.ends_with(".credentials")
            || name.ends_with("/notes")
            || path.ends_with("gitlab")
        {
            continue;
        }
        match path.is_dir() {
            true => files(&path, into),
            false => into.push((name, std::fs::read(&path).unwrap())),
        }
    }
}

#[test]
fn nothing_that_is_written_said_or_handed_down_holds_the_token() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    let canary = lab.server.token("dev");
    assert!(canary.len() >= 16, "{canary}");
    // Here a helper knows the token, as on a laptop.
    let base = lab.server.url();
    let store = lab.dir().join("home/dev.credentials");
    std::fs::write(&store, format!("{}\n", base.replacen("://", &format!("://dev:{canary}@"), 1))).unwrap();
    dev.git(&["config", "--unset", &format!("http.{base}/.extraHeader")]);
    let helper = format!("store --file='{}'", store.display());
    dev.git(&["config", &format!("credential.{base}.helper"), &helper]);
    let traces = lab.dir().join("traces");
    std::fs::create_dir(&traces).unwrap();
    let path = shim(lab.dir());
    let run = |by_variable: bool, args: &[&str]| {
        let mut command = dev.command();
        command.env("PATH", &path).env("HEROKU_API_KEY", &canary).env("CI_REGISTRY_PASSWORD", &canary);
        for name in [
            "GIT_TRACE",
            "GIT_TRACE_CURL",
            "GIT_TRACE_SETUP",
            "GIT_TRACE2",
            "GIT_TRACE2_EVENT",
            "GIT_TRACE2_PERF",
        ] {
            command.env(name, traces.join(name));
        }
        command.env("GIT_TRACE_REDACT", "0");
        match by_variable {
            true => command.env("GITLAB_TOKEN", &canary),
            // Then git's helper is asked.
            false => command.env("GIT_HOTFIX_TOKEN", ""),
        };
        let done = command.args(args).output().unwrap();
        for (what, bytes) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
            assert_clean(&canary, &format!("{what} of {args:?}"), bytes);
        }
        done.status.code().unwrap()
    };
    assert_eq!(run(true, &["open", "--verbose"]), 0);
    assert_eq!(run(false, &["ship", "--yes", "--verbose", "--timeout", "60s"]), 0);
    for by_variable in [true, false] {
        assert_eq!(run(by_variable, &["status", "--json", "-v"]), 0);
        assert_eq!(run(by_variable, &["list", "--missing", "-v"]), 3);
        assert_eq!(run(by_variable, &["verify", "-v"]), 8);
        run(by_variable, &["doctor", "-v"]);
        run(by_variable, &["ask", "-v"]);
        assert_ne!(run(by_variable, &["approve", "--yes", "-v", "!99"]), 0);
    }

    let mut written = Vec::new();
    files(lab.dir(), &mut written);
    assert!(written.iter().any(|(name, _)| name.ends_with("GIT_TRACE_CURL")), "curl was traced");
    assert!(written.len() > 30, "{} files", written.len());
    for (name, bytes) in &written {
        assert_clean(&canary, name, bytes);
    }

    let notes = std::fs::read_to_string(lab.dir().join("notes")).unwrap();
    let (mut calls, mut without) = (0, 0);
    for call in notes.split("==\n").skip(1) {
        let (args, env) = call.split_once("@@\n").unwrap();
        assert_clean(&canary, "an argument of git", args.as_bytes());
        let held: Vec<&str> = env.lines().filter(|line| line.contains(&canary)).collect();
        let names: Vec<&str> = held.iter().filter_map(|line| line.split('=').next()).collect();
        let asks = ["fetch", "push", "ls-remote", "credential"]
            .iter()
            .any(|word| args.lines().any(|arg| arg == *word));
        assert!(names.iter().all(|name| ["GIT_HOTFIX_TOKEN", "GITLAB_TOKEN"].contains(name)), "{names:?}");
        assert!(asks || names.is_empty(), "{names:?} for git {}", args.replace('\n', " "));
        calls += 1;
        without += usize::from(names.is_empty());
    }
    assert!(calls > 20 && without > 10, "{without} of {calls}");
}

#[test]
fn tokens_stay_on_their_host_with_the_real_program() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let evil = Front::evil();
    let place = evil.url.strip_prefix("http://").unwrap();
    let bound = lab.server.url().strip_prefix("http://").unwrap().to_owned();
    for remote in [
        format!("http://{place}/shop/web.git"),
        format!("http://{bound}@{place}/shop/web.git"),
        format!("http://{bound}\\@{place}/shop/web.git"),
        format!("http://{}/shop/web.git", place.replace("127.0.0.1", "localhost")),
        format!("http://{}/shop/web.git", place.replace("127.0.0.1", "127.1")),
        format!("http://{bound}%40{place}/shop/web.git"),
    ] {
        // The variables are bound to the real one by its URL; the remote leads elsewhere.
        dev.git(&["config", "--unset-all", "hotfix.url"]);
        dev.git(&["remote", "set-url", "origin", &remote]);
        let mut command = dev.command();
        command.env("GIT_HOTFIX_URL", "").env("GITLAB_HOST", lab.server.url());
        let run = dev.run_as(&mut command, &["status"]);
        assert_ne!(run.code, 101, "{}", run.err);
        assert_clean(&lab.server.token("dev"), "the output", format!("{}{}", run.out, run.err).as_bytes());
        dev.git(&["config", "hotfix.url", &lab.server.url()]);
    }
    for request in evil.seen() {
        assert_clean(&lab.server.token("dev"), "a request to another host", request.as_bytes());
    }
}
