//! What ends a command before it begins: its exit code and the command that mends it.

use std::time::Duration;

use git_hotfix::sim::{Exchange, Limits, Quota};
use serde_json::json;

use crate::lab::{Lab, story};

#[test]
fn a_wrong_token_is_exit_4_and_never_shown() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let mut wrong = dev.command();
    wrong.env("GIT_HOTFIX_TOKEN", "glpat-wrong-0123456789");
    dev.run_as(&mut wrong, &["status"]).ends(4).says("does not accept the token").says("git hotfix doctor");
    let told = dev.run_as(&mut wrong, &["status", "--json"]).ends(4).json();
    assert_eq!((&told["version"], &told["error"]["kind"]), (&json!(1), &json!("config")));
    assert!(told["error"]["hints"][0].is_string(), "{told}");
    dev.run_as(&mut wrong, &["ship", "--yes"]).ends(4);
    dev.run_as(&mut wrong, &["list"]).ends(4);
    assert!(lab.branches("hotfix/").is_empty());

    let reader = lab.server.with_world(|world| world.add_token("dev", &["read_api"], None)).unwrap();
    let mut weak = dev.command();
    weak.env("GIT_HOTFIX_TOKEN", reader);
    dev.run_as(&mut weak, &["open"]).ends(4);
    assert!(lab.merge_requests_to("main").is_empty());
}

#[test]
fn a_server_that_is_gone_is_exit_6() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.git(&["remote", "set-url", "origin", "http://127.0.0.1:9/shop/web.git"]);
    dev.git(&["config", "hotfix.url", "http://127.0.0.1:9"]);
    let mut gone = dev.command();
    gone.env("GIT_HOTFIX_URL", "http://127.0.0.1:9").env("GIT_HOTFIX_RETRY_BUDGET", "0s");
    for args in [&["status"][..], &["ship", "--yes"], &["list"], &["wait"], &["backport"]] {
        dev.run_as(&mut gone, args).ends(6);
    }
    let told = dev.run_as(&mut gone, &["status", "--json"]).ends(6).json();
    assert_eq!(told["error"]["kind"], "unreachable");
    dev.run_as(&mut gone, &["status", "--offline"]).ends(0);
    dev.run_as(&mut gone, &["backport", "--dry-run", "--no-fetch"]).ends(0).says("clean");
}

#[test]
fn not_a_repository() {
    let lab = Lab::new(story("clean"));
    let nowhere = lab.dir().join("nowhere");
    std::fs::create_dir(&nowhere).unwrap();
    let dev = lab.seat("dev", &nowhere);
    for args in [&["status"][..], &["ship", "--yes"], &["start", "x"], &["backport"]] {
        dev.run_moving(args).ends(4).says("not a git repository").says("git -C <dir> hotfix");
    }
}

#[test]
fn a_wait_that_runs_out_is_exit_8() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["wait", "nonsense", "!1"]).ends(2).says("pipeline");
    dev.run(&["wait", "open", "--timeout", "0s"]).ends(5);
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "deploy", "--timeout", "1s"]).ends(8).says("approval");
    dev.run(&["ship", "--yes", "--timeout", "0s"]).ends(8);
    dev.run(&["deploy", "--timeout", "soon"]).ends(2);
}

#[test]
fn a_branch_without_a_commit_or_behind_the_remote() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    dev.git(&["switch", "--quiet", "-c", "hotfix/login-500", "origin/main"]);
    dev.run(&["ship", "--yes"]).ends(5).says("no commit beyond main");
    dev.fix();
    dev.run(&["open"]).ends(0);
    let files = [("more.txt".to_owned(), Some("more\n".to_owned()))];
    let tip =
        lab.server.with_world(|world| world.push_as("mia", "hotfix/login-500", "More", &files)).unwrap();
    dev.run(&["ship", "--yes"]).ends(5).says("git pull --rebase origin hotfix/login-500");
    assert_eq!(lab.tip("hotfix/login-500"), tip, "never overwritten");
}

#[test]
fn start_refuses_what_it_would_lose() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    let files = [("apps/portal/app/login.rb".to_owned(), Some("# newer\n".to_owned()))];
    lab.server.with_world(|world| world.push_as("mia", "main", "Newer", &files)).unwrap();
    lab.server.with_world(|world| world.deploy_by_script("mia", &world.branch("main").unwrap()));
    std::fs::write(dev.dir.join("apps/portal/app/login.rb"), "# mine, not committed\n").unwrap();
    dev.run(&["start", "x"]).ends(5).says("login.rb").says("git stash");
    assert_eq!(
        std::fs::read_to_string(dev.dir.join("apps/portal/app/login.rb")).unwrap(),
        "# mine, not committed\n"
    );
    dev.run(&["start", "a b"]).ends(2);
}

/// However little a server allows: what it asks for is waited for, reads and writes alike, and nothing is done
/// twice.
#[test]
fn both_limiters_are_waited_out() {
    let second = |requests| Quota { requests, seconds: 1 };
    let mut limits = Limits {
        throttle: Some(second(25)),
        endpoints: ["GET projects/:id/merge_requests", "POST projects/:id/merge_requests"]
            .map(|endpoint| (endpoint, second(0)))
            .into(),
    };
    let mut scenario = story("clean");
    scenario.setup.limits = limits.clone();
    let lab = Lab::new(scenario);
    lab.server.with_world(|world| world.expect(lab.scenario.events.clone()));
    let dev = lab.fixed();
    let shipped = std::thread::scope(|scope| {
        let run = scope.spawn(|| dev.run(&["ship", "--yes"]));
        // Each is refused first, and let through while the program waits.
        for method in ["GET", "POST"] {
            let refused = |one: &Exchange| one.status == 429 && one.method == method;
            while !lab.server.requests().iter().any(refused) && !run.is_finished() {
                std::thread::sleep(Duration::from_millis(5));
            }
            limits.endpoints.retain(|(endpoint, _)| !endpoint.starts_with(method));
            lab.server.with_world(|world| world.set_limits(limits.clone()));
        }
        run.join().unwrap()
    });
    shipped.ends(0).says("the server asks for 1 s of patience");
    super::converged(&lab, "dev");
    let requests = lab.server.requests();
    let refused =
        |method: &str| requests.iter().filter(|one| one.status == 429 && one.method == method).count();
    // Once by its endpoint's own limit; the other one may strike any request.
    assert!((1..20).contains(&refused("POST")), "{} writes were refused", refused("POST"));
    // What does not wait asks a hundred times a second.
    assert!((1..20).contains(&refused("GET")), "{} of {} were refused", refused("GET"), requests.len());
}
