//! The `hotfix-backport` job: `git hotfix ci backport` in a runner's checkout (detached, shallow, a job token in
//! the remote's address) against the embedded GitLab.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::sim_lab::{Lab, git, said};

/// A change on `main`, landed by dev; gives the landed commit.
pub(crate) fn land(lab: &Lab, branch: &str, path: &str, content: &str) -> String {
    lab.branch(branch, path, content);
    let body = json!({"source_branch": branch, "target_branch": "main", "title": format!("Fix {branch}")});
    let iid = lab.post("dev", "merge_requests", body).body["iid"].as_u64().unwrap();
    assert_eq!(lab.merge_request(iid)["detailed_merge_status"], "mergeable");
    let merged = lab.put("dev", &format!("merge_requests/{iid}/merge"), json!({}));
    assert_eq!(merged.status, 200, "{}", merged.text);
    lab.project("repository/branches/main")["commit"]["id"].as_str().unwrap().to_owned()
}

/// The program in a folder, seeing nothing of this machine but `vars`.
#[expect(clippy::disallowed_methods, reason = "the tests' own children, scrubbed")]
pub(crate) fn program(dir: &std::path::Path, vars: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_git-hotfix"));
    command
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", dir.parent().unwrap())
        .env("GIT_CONFIG_GLOBAL", dir.parent().unwrap().join("no-gitconfig"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("LC_ALL", "C")
        .env("GIT_HOTFIX_POLL_MIN", "1ms")
        .env("GIT_HOTFIX_POLL_MAX", "1ms")
        .env("GIT_HOTFIX_RETRY_BASE", "1ms")
        .env("GIT_HOTFIX_SETTLE", "100ms")
        .envs(vars.iter().copied());
    command
}

/// A runner's checkout of a commit.
pub(crate) struct Runner {
    pub(crate) dir: PathBuf,
    job_token: String,
    vars: Vec<(&'static str, String)>,
}

impl Runner {
    pub(crate) fn new(lab: &Lab, name: &str, commit: &str) -> Runner {
        let dir = lab.dir().join(name).join("web");
        std::fs::create_dir_all(&dir).unwrap();
        let job_token =
            lab.server.with_world(|world| world.add_token("dev", &["read_repository"], None)).unwrap();
        let url = lab.server.project_url();
        let remote = url.replacen("http://", &format!("http://gitlab-ci-token:{job_token}@"), 1);
        for args in [
            &["init", "--quiet"][..],
            &["remote", "add", "origin", &remote],
            &["fetch", "--quiet", "--depth=20", "origin", &format!("+{commit}:refs/pipelines/7")],
            &["checkout", "--quiet", "--detach", commit],
        ] {
            let done = git(&dir, args);
            assert!(done.status.success(), "{args:?}: {}", said(&done));
        }
        let vars = vec![
            ("GITLAB_CI", "true".to_owned()),
            ("CI_SERVER_URL", lab.server.url()),
            ("CI_PROJECT_PATH", "shop/web".to_owned()),
            ("CI_COMMIT_SHA", commit.to_owned()),
            ("CI_COMMIT_BRANCH", "main".to_owned()),
            ("CI_JOB_TOKEN", job_token.clone()),
            ("GIT_HOTFIX_TOKEN", lab.server.token("bot")),
        ];
        Runner { dir, job_token, vars }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Runner {
        self.vars.retain(|(known, _)| *known != name);
        self.vars.push((name, value.to_owned()));
        self
    }

    fn run(&self, args: &[&str]) -> Output {
        self.runs(&[&["ci", "backport"], args].concat())
    }

    /// Any command of the program, as the job.
    pub(crate) fn runs(&self, args: &[&str]) -> Output {
        let vars: Vec<(&str, &str)> = self.vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let done = program(&self.dir, &vars, args).output().unwrap();
        let said = said(&done);
        for (name, value) in &self.vars {
            let secret =
                ["TOKEN", "KEY", "PASSWORD"].iter().any(|end| name.ends_with(end)) && !value.is_empty();
            assert!(!secret || !said.contains(value), "{name} is in the log: {said}");
        }
        done
    }

    fn git(&self, args: &[&str]) -> String {
        let done = git(&self.dir, args);
        assert!(done.status.success(), "{args:?}: {}", said(&done));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}

pub(crate) fn ends(done: &Output, code: i32) -> String {
    let said = said(done);
    eprintln!("{said}");
    assert_eq!(done.status.code(), Some(code));
    said
}

fn backports(lab: &Lab) -> Vec<Value> {
    lab.project("merge_requests?target_branch=develop&state=all").as_array().unwrap().clone()
}

fn branches(lab: &Lab) -> usize {
    lab.project("repository/branches?search=^backport/").as_array().unwrap().len()
}

const LOGIN: &str = "apps/portal/app/login.rb";
const SESSION: &str = "apps/portal/app/session.rb";

#[test]
fn the_job_brings_the_fix_back() {
    let lab = Lab::at_once();
    let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    let runner = Runner::new(&lab, "runner", &landed);
    let before = lab.server.requests().len();
    let log = ends(&runner.run(&[]), 0);
    let asked: Vec<String> = lab.server.requests()[before..]
        .iter()
        .filter(|seen| seen.path.starts_with("/api/"))
        .map(|seen| format!("{} {}", seen.method, seen.path))
        .collect();
    assert!(asked.len() <= 12, "{asked:#?}");
    assert!(log.contains(":git_hotfix_backport\r\u{1b}[0KBackport of "), "{log:?}");
    assert!(log.contains("section_end:"), "{log:?}");

    let made = backports(&lab);
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["source_branch"], format!("backport/develop-{}", &landed[..8]));
    assert_eq!(made[0]["author"]["username"], "bot");
    assert_eq!(made[0]["labels"], json!(["backport", "auto-backport"]));
    let commit = lab.project(&format!("repository/commits/{}", made[0]["sha"].as_str().unwrap()));
    // Nobody configured git in the job: who pushes is who commits.
    let bot = lab.get("bot", "user").body;
    assert_eq!((&commit["committer_name"], &commit["committer_email"]), (&bot["name"], &bot["commit_email"]));
    assert!(commit["message"].as_str().unwrap().contains(&format!("(cherry picked from commit {landed})")));

    assert_eq!(runner.git(&["rev-parse", "HEAD"]), landed);
    assert_eq!(runner.git(&["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD", "still detached");
    assert!(runner.git(&["config", "remote.origin.url"]).contains(&runner.job_token), "config is as it was");
    ends(&runner.run(&[]), 0);
    assert_eq!((backports(&lab).len(), branches(&lab)), (1, 1), "run again, it adopts");
}

#[test]
fn git_in_the_job_may_say_who_commits() {
    let lab = Lab::at_once();
    let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    let runner = Runner::new(&lab, "runner", &landed);
    runner.git(&["config", "user.name", "Release Robot"]);
    runner.git(&["config", "user.email", "robot@shop.example"]);
    ends(&runner.run(&[]), 0);
    let commit = lab.project(&format!("repository/commits/{}", backports(&lab)[0]["sha"].as_str().unwrap()));
    assert_eq!(commit["committer_email"], "robot@shop.example");
}

#[test]
fn a_conflict_becomes_a_draft_and_exit_3() {
    let lab = Lab::at_once();
    let landed = land(&lab, "hotfix/session", SESSION, "# another session\n");
    let log = ends(&Runner::new(&lab, "runner", &landed).run(&[]), 3);
    assert!(log.contains(SESSION), "{log}");
    let made = backports(&lab);
    assert_eq!((made.len(), &made[0]["draft"]), (1, &json!(true)));
    assert_eq!(made[0]["labels"], json!(["backport", "conflicts"]));
    assert_eq!(made[0]["assignees"][0]["username"], "dev", "the hotfix's author, not the bot");
}

#[test]
fn what_the_laptop_made_is_adopted() {
    let lab = Lab::at_once();
    let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    ends(&laptop(&lab, &landed).output().unwrap(), 0);
    let runner = Runner::new(&lab, "runner", &landed);
    let log = ends(&runner.run(&[]), 0);
    let made = backports(&lab);
    assert_eq!((made.len(), &made[0]["author"]["username"]), (1, &json!("dev")), "{log}");
    assert!(log.contains(&format!("!{}", made[0]["iid"])), "{log}");
}

/// `git hotfix backport <commit>` in a clone of dev's.
fn laptop(lab: &Lab, landed: &str) -> Command {
    let dir = lab.clone_as("dev");
    for (key, value) in [("user.name", "Dev"), ("user.email", "dev@shop.example")] {
        assert!(git(&dir, &["config", key, value]).status.success());
    }
    let (url, token) = (lab.server.url(), lab.server.token("dev"));
    program(&dir, &[("GIT_HOTFIX_URL", &url), ("GIT_HOTFIX_TOKEN", &token)], &["backport", landed])
}

#[test]
fn laptop_and_job_race_to_one_branch_and_one_merge_request() {
    for round in 0..5 {
        let lab = Lab::at_once();
        let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
        let runner = Runner::new(&lab, "runner", &landed);
        let mut laptop = laptop(&lab, &landed);
        let start = std::sync::Barrier::new(2);
        let (job, dev) = std::thread::scope(|scope| {
            let job = scope.spawn(|| {
                start.wait();
                runner.run(&[])
            });
            start.wait();
            (laptop.output().unwrap(), job.join().unwrap())
        });
        ends(&job, 0);
        ends(&dev, 0);
        assert_eq!((backports(&lab).len(), branches(&lab)), (1, 1), "round {round}");
    }
}

#[test]
fn it_refuses_to_run_for_another_branch_or_without_a_project_token() {
    let lab = Lab::at_once();
    let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    let log = ends(&Runner::new(&lab, "a", &landed).with("CI_COMMIT_BRANCH", "develop").run(&[]), 5);
    assert!(log.contains("this pipeline runs for develop, not for main"), "{log}");
    assert!(log.contains("--outside-pipeline <reason>"), "{log}");
    let log = ends(&Runner::new(&lab, "b", &landed).with("GITLAB_CI", "").run(&[]), 5);
    assert!(log.contains("this is no GitLab job"), "{log}");
    let log = ends(&Runner::new(&lab, "c", &landed).with("GIT_HOTFIX_TOKEN", "").run(&[]), 4);
    assert!(log.contains("/shop/web/-/settings/access_tokens"), "{log}");
    assert_eq!((backports(&lab).len(), branches(&lab)), (0, 0));

    let outside = Runner::new(&lab, "d", &landed).with("CI_COMMIT_BRANCH", "develop");
    let log = ends(&outside.run(&["--outside-pipeline", "runner was down"]), 0);
    assert!(log.contains("outside a pipeline of main: runner was down"), "{log}");
    assert_eq!((backports(&lab).len(), branches(&lab)), (1, 1));
}

#[test]
fn it_fetches_no_more_than_it_needs() {
    let lab = Lab::at_once();
    // Both branches share a long past; what sets them apart is near.
    crate::cut_history::long_main(&lab, 400);
    let landed = land(&lab, "hotfix/login", LOGIN, "# fixed\n");
    let runner = Runner::new(&lab, "runner", &landed);
    ends(&runner.run(&[]), 0);
    assert_eq!(backports(&lab)[0]["labels"], json!(["backport", "auto-backport"]));
    let here: usize = runner.git(&["rev-list", "--count", "--all"]).parse().unwrap();
    assert!(here < 200, "{here} commits fetched");
}
