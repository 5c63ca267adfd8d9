//! Text of others never reaches the terminal, a pipe or JSON as it is, whichever command shows it.

use git_hotfix::ui::clean::is_unsafe;
use serde_json::Value;

use super::front::Front;
use super::shim;
use crate::lab::{Desk, Lab, Run, story};

/// Sets a title, recolours, turns the direction, hides, overwrites, breaks the line, forges a section.
const HOSTILE: &str = "pwn\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{200b}\u{2028}\u{e0041}\u{ad}\rx\u{8}section_start:1:x";

/// What people wrote and what only shows: no names that the flow goes by.
const SHOWN: [&str; 9] = [
    "title",
    "description",
    "message",
    "author_name",
    "body",
    "failure_reason",
    "comment",
    "yaml_errors",
    "label_x",
];

/// Puts hostile text into everything that people write.
fn poison(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(poison),
        Value::Object(fields) => {
            let person = fields.contains_key("username");
            for (key, value) in fields.iter_mut() {
                match value {
                    Value::String(text) if SHOWN.contains(&key.as_str()) || (person && key == "name") => {
                        *text = format!("{HOSTILE}{text}");
                    }
                    other => poison(other),
                }
            }
        }
        _ => {}
    }
}

fn poisoned(lab: &Lab) -> Front {
    Front::before(lab.server.url(), |_, text| match serde_json::from_str::<Value>(&text) {
        Ok(mut value) => {
            poison(&mut value);
            value.to_string()
        }
        Err(_) => text,
    })
}

#[track_caller]
fn tame(run: Run) -> Run {
    for (what, text) in [("stdout", &run.out), ("stderr", &run.err)] {
        let raw: Vec<char> = text.chars().filter(|c| is_unsafe(*c)).collect();
        assert!(raw.is_empty(), "{what} holds {raw:?}:\n{text:?}");
    }
    run
}

fn through<'a>(desk: &'a Desk<'a>, front: &'a Front) -> impl Fn(&[&str]) -> Run + 'a {
    move |args| {
        let mut command = desk.command();
        command.env("GIT_HOTFIX_URL", &front.url).env("CI", "");
        tame(desk.run_as(&mut command, args))
    }
}

#[test]
fn what_people_write_is_shown_harmless_by_every_command() {
    let lab = Lab::told("clean");
    let dev = lab.fixed();
    dev.git(&["commit", "--quiet", "--amend", "-m", &format!("Fix {HOSTILE}\n\nbecause {HOSTILE}\n")]);
    let front = poisoned(&lab);
    let run = through(&dev, &front);
    run(&["open"]).ends(0).says("\\x1b]0;title");
    run(&["wait", "review"]).ends(0);
    run(&["merge", "--yes"]).ends(0);
    run(&["wait", "build"]).ends(0);
    let deploy = lab.server.with_world(|world| world.jobs_named("deploy-prod-hotfix")).pop().unwrap();
    lab.server.with_world(|world| {
        world.add_log(deploy, &format!("{HOSTILE}\nsection_end:1:x\r\u{1b}[0K{HOSTILE}\n"))
    });
    run(&["approve", "!412", "--yes"]);
    run(&["ask"]).ends(0);
    run(&["deploy", "--yes", "--log", "--timeout", "60s"]).ends(0).says("\\x1b]0;title");
    run(&["backport"]).ends(0);
    for args in [
        &["status"][..],
        &["list"],
        &["verify"],
        &["doctor"],
        &["list", "--missing"],
        &["status", "--porcelain"],
    ] {
        run(args);
    }
    for args in [
        &["status", "--json"][..],
        &["list", "--json"],
        &["verify", "--json"],
        &["doctor", "--json"],
        &["list", "--missing", "--json"],
        &["backport", "--json"],
    ] {
        assert!(run(args).json().is_object(), "{args:?}");
    }
    assert!(run(&["status", "--json"]).json().to_string().contains("title"));
}

#[test]
fn how_a_server_says_no_is_shown_harmless() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    for (status, content_type, body) in [
        (403, "application/json", format!("{{\"message\":{quoted}}}")),
        (
            401,
            "application/json",
            format!("{{\"error\":{quoted},\"error_description\":{quoted},\"scope\":{quoted}}}"),
        ),
        (404, "application/json", format!("{{\"message\":\"404 {}\"}}", quoted.trim_matches('"'))),
        (422, "application/json", format!("{{\"message\":{{{quoted}:[{quoted}]}}}}")),
        (400, "text/plain", HOSTILE.to_owned()),
        (503, "text/plain", HOSTILE.to_owned()),
        (302, "text/plain", HOSTILE.to_owned()),
        (200, "text/html", format!("<title>{HOSTILE}")),
        (200, "application/json", format!("{{\"id\":{quoted}}}")),
        (200, "application/json", format!("[{quoted}")),
    ] {
        let front = Front::new(move |_| {
            let place = "Location: http://h/\u{9b}31m%1b]0;x%07\u{202e}\r\n";
            let head = format!(
                "HTTP/1.1 {status} \u{9b}31m\r\n{place}Content-Type: {content_type}\r\nConnection: close\r\n"
            );
            format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        });
        let run = through(&dev, &front);
        for args in [&["status"][..], &["status", "--json"], &["list"], &["doctor"], &["open"]] {
            let ran = run(args);
            assert_ne!(ran.code, 101, "{} {}", ran.out, ran.err);
            assert!(
                ran.code != 0 || args == ["doctor"],
                "{status} {args:?} ended well: {} {}",
                ran.out,
                ran.err
            );
        }
    }
}

#[test]
fn what_a_remote_says_is_shown_harmless() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let hook = walk(lab.dir()).into_iter().find(|path| path.ends_with("hooks/pre-receive")).unwrap();
    let script = format!("#!/bin/sh\nprintf '%s\\n' '{HOSTILE}' >&2\nexit 1\n");
    std::fs::write(&hook, script).unwrap();
    let ran = tame(dev.run(&["open"]));
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("\\x1b]0;title"), "{}", ran.err);
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(walk(&path)),
            false => all.push(path),
        }
    }
    all
}

#[test]
fn names_that_mean_harm_are_names_to_every_command() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let path = shim(lab.dir());
    let run = |args: &[&str]| {
        let mut command = dev.command();
        tame(dev.run_as(command.env("PATH", &path), args))
    };
    let main = dev.git(&["rev-parse", "origin/main"]);
    // All of them are names to git.
    let names =
        ["\u{9b}31m", "\u{202e}gpj", "a\u{200b}b", "$(id)", "`id`", ";id|id", "'", "-x", "con", "x\u{7f}y"];
    let mut planted = 0;
    for name in names {
        planted +=
            usize::from(dev.holds(&["update-ref", &format!("refs/remotes/origin/hotfix/{name}"), &main]));
        dev.holds(&["update-ref", &format!("refs/heads/hotfix/{name}"), &main]);
        planted += usize::from(dev.holds(&[
            "push",
            "--quiet",
            "origin",
            &format!("{main}:refs/heads/hotfix/{name}"),
        ]));
    }
    assert!(planted > 12, "{planted}");
    run(&["list"]);
    run(&["list", "--missing"]);
    run(&["complete", "--", "git-hotfix", "status", ""]);
    for name in names {
        run(&["status", "--", &format!("hotfix/{name}")]);
        run(&["backport", "--dry-run", "--", &format!("hotfix/{name}")]);
    }
    for typed in [
        "-pwn",
        "--upload-pack=pwn",
        "..",
        "a/..",
        "%2e%2e",
        "!../1",
        "!1/../2",
        "!-1",
        "!99999999999999999999",
        "refs/heads/-pwn",
        ":/pwn",
        "HEAD^{/pwn}",
        "\u{202e}",
        "http://evil/shop/web/-/merge_requests/1",
        "",
    ] {
        for args in [
            &["status", "--", typed][..],
            &["wait", "--timeout", "0s", "merge", "--", typed],
            &["merge", "--yes", "--", typed],
            &["approve", "--yes", "--", typed],
            &["abort", "--yes", "--", typed],
            &["backport", "--dry-run", &format!("--landed={typed}")],
            &["backport", "--dry-run", &format!("--to={typed}")],
            &["start", "--", typed],
            &["start", "new", &format!("--pick={typed}")],
            &["status", "-R", typed],
        ] {
            let ran = run(args);
            let read = ["status", "wait"].contains(&args[0]);
            assert!(
                ran.code < 10 && (read || ran.code > 0),
                "{} for {args:?}: {} {}",
                ran.code,
                ran.out,
                ran.err
            );
        }
    }
    let notes = std::fs::read_to_string(lab.dir().join("notes")).unwrap();
    for call in notes.split("==\n").skip(1) {
        let args = call.split_once("@@\n").unwrap().0;
        let options = args.lines().take_while(|arg| !["--", "--end-of-options"].contains(arg));
        for arg in options {
            assert!(!arg.starts_with("-pwn") && !arg.starts_with("--upload-pack"), "git {args}");
        }
    }
}
