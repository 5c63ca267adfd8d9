//! The lab of the journeys: an embedded GitLab, clones of its project for its people, and the real program
//! run in them as each of them. Nothing of the machine's own configuration is seen.
//!
//! Every run is compared with what must stay as it was: [`Desk::run`] fails where it is touched.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use git_hotfix::sim::{MergeMethod, Scenario, Server, Setup, Squash};
use serde_json::{Value, json};

use crate::manifest::Manifest;
use crate::scrubbed::scrubbed;

/// An embedded GitLab with a story, and a folder for clones.
pub(crate) struct Lab {
    pub(crate) server: Server,
    pub(crate) scenario: Scenario,
    dir: tempfile::TempDir,
}

/// Somebody's clone.
pub(crate) struct Desk<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) who: &'a str,
    pub(crate) dir: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    /// stdout as it came.
    raw: String,
    /// How many requests to the API it made.
    pub(crate) requests: usize,
}

/// A story in a world without lags, whose colleagues have not begun.
pub(crate) fn story(name: &str) -> Scenario {
    Scenario::named(name).unwrap_or_else(|| panic!("no story {name}")).at_once()
}

/// The setup of the clean story with another merge method.
pub(crate) fn landing(method: MergeMethod, squash: Squash) -> Scenario {
    let mut scenario = story("clean");
    scenario.setup = Setup { merge_method: method, squash, ..scenario.setup };
    scenario
}

impl Lab {
    /// A story with its colleagues at work.
    pub(crate) fn told(name: &str) -> Lab {
        let lab = Lab::new(story(name));
        lab.server.with_world(|world| world.expect(lab.scenario.events.clone()));
        lab
    }

    /// A story whose colleagues do nothing by themselves.
    pub(crate) fn new(scenario: Scenario) -> Lab {
        let dir = crate::room::tempdir();
        let world = crate::founded::world(&dir.path().join("gitlab"), &scenario.setup);
        std::fs::create_dir(dir.path().join("home")).unwrap();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        std::fs::write(
            dir.path().join("home/gitconfig"),
            "[init]\n\tdefaultBranch = main\n\ttemplateDir =\n[core]\n\tfsync = none\n[gc]\n\tauto = 0\n",
        )
        .unwrap();
        let server = Server::start(world).unwrap();
        crate::room::record(|file| server.record(file));
        Lab { server, scenario, dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A fresh clone for somebody.
    pub(crate) fn desk<'a>(&'a self, who: &'a str) -> Desk<'a> {
        self.desk_at(who, who)
    }

    /// A fresh clone for somebody, in a place of its own.
    pub(crate) fn desk_at<'a>(&'a self, who: &'a str, place: &str) -> Desk<'a> {
        let dir = self.dir().join(format!("{place}/web"));
        std::fs::create_dir(self.dir().join(place)).unwrap();
        let base = self.server.url();
        // As a runner does it. A credential helper would be asked, and told, in four processes for each fetch.
        let words = STANDARD.encode(format!("{who}:{}", self.server.token(who)));
        let header = format!("http.{base}/.extraHeader=Authorization: Basic {words}");
        let desk = Desk { lab: self, who, dir };
        // Git over HTTP has its own tests, and costs more than the rest of a clone.
        let near = self.dir().join(format!("gitlab/repositories/{}.git", self.scenario.setup.project));
        let done = desk
            .bare("git", self.dir())
            .args(["-c", &format!("url.{}.insteadOf={}", near.display(), self.server.project_url())])
            .args(["clone", "--quiet", "-c", &format!("user.name={who}")])
            .args(["-c", &format!("user.email={who}@shop.example"), "-c", &header])
            .args(["-c", &format!("hotfix.url={base}"), "--", &self.server.project_url()])
            .arg(&desk.dir)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        desk
    }

    /// Somebody in a folder that may be no clone.
    pub(crate) fn seat<'a>(&'a self, who: &'a str, dir: &Path) -> Desk<'a> {
        Desk { lab: self, who, dir: dir.to_owned() }
    }

    /// The developer's clone, on a hotfix branch with the story's fix committed.
    pub(crate) fn fixed(&self) -> Desk<'_> {
        let desk = self.desk("dev");
        desk.git(&["switch", "--quiet", "-c", &self.branch(), "origin/main"]);
        desk.fix();
        desk
    }

    /// The name of the story's hotfix branch.
    pub(crate) fn branch(&self) -> String {
        format!("hotfix/{}", self.scenario.slug)
    }

    /// Asks the API in somebody's name, beside HTTP; it must succeed.
    pub(crate) fn api(&self, who: &str, method: &str, path: &str, params: Value) -> Value {
        let answer = self.server.with_world(|world| world.api_as(who, method, path, params));
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.is_success(), "{method} {path}: {} {text}", answer.status);
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.api("mia", "GET", path, json!({}))
    }

    /// Every merge request to a branch, whatever its state.
    pub(crate) fn merge_requests_to(&self, target: &str) -> Vec<Value> {
        let rows = self.get("merge_requests");
        let rows = rows.as_array().unwrap().iter();
        rows.filter(|row| row["target_branch"] == target).cloned().collect()
    }

    /// The one backport to develop, whole.
    pub(crate) fn backport(&self) -> Value {
        let all = self.merge_requests_to("develop");
        assert_eq!(all.len(), 1, "{all:#?}");
        self.get(&format!("merge_requests/{}", all[0]["iid"]))
    }

    /// The names of the branches that begin so.
    pub(crate) fn branches(&self, prefix: &str) -> Vec<String> {
        let rows = self.get("repository/branches");
        let names = rows.as_array().unwrap().iter().filter_map(|row| row["name"].as_str());
        names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
    }

    pub(crate) fn tip(&self, branch: &str) -> String {
        let tip = self.server.with_world(|world| world.branch(branch));
        tip.unwrap_or_else(|| panic!("no branch {branch}"))
    }

    /// Approves the waiting deployment as both roles.
    pub(crate) fn approve(&self) {
        let last = self.server.with_world(|world| world.deployment_ids()).pop().unwrap();
        for who in ["bo", "cleo"] {
            let done = self.server.with_world(|world| world.approve_deployment_as(who, last, true));
            assert!(done.is_success(), "{who}: {}", String::from_utf8_lossy(&done.body));
        }
    }

    /// A text without what differs from run to run.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = text.replace(&self.server.url(), "http://gitlab");
        let text = text.replace(&self.dir().display().to_string(), "[lab]");
        let word = |c: char| c.is_ascii_alphanumeric();
        let hidden = |piece: &str| {
            let name = piece.trim_end_matches(|c: char| !word(c));
            let id = matches!(name.len(), 8 | 40) && name.bytes().all(|b| b.is_ascii_hexdigit());
            match id {
                true => format!("########{}", &piece[name.len()..]),
                false => piece.to_owned(),
            }
        };
        text.split_inclusive(|c: char| !word(c)).map(hidden).collect()
    }
}

impl<'a> Desk<'a> {
    fn bare(&self, program: &str, dir: &Path) -> Command {
        scrubbed(program, self.lab.dir(), dir)
    }

    /// The program as this person, in this clone, waiting for next to nothing.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.bare(env!("CARGO_BIN_EXE_git-hotfix"), &self.dir);
        command
            .env("GIT_HOTFIX_URL", self.lab.server.url())
            .env("GIT_HOTFIX_TOKEN", self.lab.server.token(self.who))
            .env("GIT_HOTFIX_POLL_MIN", "1ms")
            // Also how long what the remote said of its branches stays good.
            .env("GIT_HOTFIX_POLL_MAX", "500ms")
            .env("GIT_HOTFIX_RETRY_BASE", "1ms")
            .env("GIT_HOTFIX_RETRY_BUDGET", "5s")
            .env("GIT_HOTFIX_RETRY_OUTAGE", "2s")
            .env("GIT_HOTFIX_SETTLE", "100ms");
        command
    }

    /// Runs the program; the clone must come out of it as it was.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let before = Manifest::of(&self.dir);
        let run = self.run_moving(args);
        let told = before.differences(&Manifest::of(&self.dir));
        assert!(told.is_empty(), "git hotfix {} touched the clone:\n{}", args.join(" "), told.join("\n"));
        run
    }

    /// Runs the program where it is to change the clone.
    pub(crate) fn run_moving(&self, args: &[&str]) -> Run {
        self.run_as(&mut self.command(), args)
    }

    /// Runs a prepared command.
    pub(crate) fn run_as(&self, command: &mut Command, args: &[&str]) -> Run {
        let seen = self.lab.server.requests().len();
        let program = command.get_program().to_owned();
        let mut whole = assert_cmd::Command::new(program);
        whole.env_clear().args(args).timeout(std::time::Duration::from_secs(120));
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                whole.env(name, value);
            }
        }
        if let Some(dir) = command.get_current_dir() {
            whole.current_dir(dir);
        }
        let output = whole.output().unwrap();
        let text = |bytes: &[u8]| self.lab.redact(&String::from_utf8_lossy(bytes));
        let requests = self.lab.server.requests();
        let requests = requests[seen..].iter().filter(|one| one.path.starts_with("/api/")).count();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!out.contains("glpat-") && !err.contains("glpat-"), "a token is shown:\n{out}\n{err}");
        let raw = String::from_utf8_lossy(&output.stdout).into_owned();
        Run { code: output.status.code().unwrap_or(-1), raw, out, err, requests }
    }

    /// git in the clone; it must succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.dir, args)
    }

    /// git in another folder.
    pub(crate) fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let done = self.bare("git", dir).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "git {args:?}: {said}");
        String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
    }

    /// Whether a git command succeeds in the clone.
    pub(crate) fn holds(&self, args: &[&str]) -> bool {
        self.bare("git", &self.dir).args(args).output().unwrap().status.success()
    }

    /// Writes and commits the story's fix.
    pub(crate) fn fix(&self) {
        for (path, content) in self.lab.scenario.fix() {
            let path = self.dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", self.lab.scenario.message]);
    }
}

impl Run {
    /// It ended with this exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Run {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Either stream says this.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Run {
        let both = format!("{}\n{}", self.out, self.err);
        assert!(both.contains(words), "no `{words}` in\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Its stdout is one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.raw).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}
