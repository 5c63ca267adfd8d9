//! A world that was made ready once, and copies of it for single cases: an embedded GitLab, clones of its
//! project, and the real program run in them. Nothing of the machine's own configuration is seen.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use git_hotfix::sim::{Exchange, Scenario, Server, Setup, World};
use serde_json::{Value, json};

use crate::scrubbed::scrubbed;

/// Longer than any run may take, on a machine that does other things as well.
const LONGEST: Duration = Duration::from_secs(90);

/// A world and clones, as they were left by whoever made them ready.
pub(crate) struct Ready {
    dir: tempfile::TempDir,
    world: World,
    url: String,
}

/// One copy of it, served.
pub(crate) struct Lab {
    pub(crate) server: Server,
    pub(crate) story: Scenario,
    /// A merge request that a person closed, and in whose place another one stands open.
    pub(crate) replaced: OnceLock<u64>,
    dir: tempfile::TempDir,
}

/// Somebody at a clone.
#[derive(Clone)]
pub(crate) struct Seat<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) who: &'a str,
    /// The folder of the clone, below the lab's.
    pub(crate) place: &'a str,
    /// The address this one knows GitLab by.
    pub(crate) url: String,
    /// Further variables.
    pub(crate) vars: Vec<(&'static str, String)>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code, or 128 and the signal.
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ready {
    /// Founds the world of a story and lets `prepare` bring it where it is to be.
    pub(crate) fn new(story: &str, change: fn(&mut Setup), prepare: fn(&Lab)) -> Ready {
        let mut story = Scenario::named(story).unwrap_or_else(|| panic!("no story {story}")).at_once();
        change(&mut story.setup);
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(&dir.path().join("gitlab"), story.setup.clone()).unwrap();
        for name in ["home", "tmp", "shim"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let config = "[init]\n\tdefaultBranch = main\n[core]\n\tfsync = none\n[gc]\n\tauto = 0\n";
        std::fs::write(dir.path().join("home/gitconfig"), config).unwrap();
        let lab = Lab { server: Server::start(world).unwrap(), story, replaced: OnceLock::new(), dir };
        prepare(&lab);
        let (world, url) = (lab.server.with_world(|world| world.clone()), lab.server.url());
        let Lab { dir, .. } = lab;
        Ready { dir, world, url }
    }

    /// A copy, for one case.
    pub(crate) fn open(&self, story: &str) -> Lab {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(self.world.copied(self.dir.path(), dir.path())).unwrap();
        let swaps = [
            (self.url.clone(), server.url()),
            (self.dir.path().display().to_string(), dir.path().display().to_string()),
        ];
        copy(self.dir.path(), dir.path(), &swaps, false);
        let story = Scenario::named(story).unwrap().at_once();
        Lab { server, story, replaced: OnceLock::new(), dir }
    }
}

/// Waits for the end of a run that talks into these files, and for no longer than any may take.
pub(crate) fn ended(mut child: Child, out: &Path, err: &Path) -> Ran {
    use std::os::unix::process::ExitStatusExt;
    let begun = Instant::now();
    let code = loop {
        match child.try_wait().unwrap() {
            Some(status) => {
                break status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
            }
            None if begun.elapsed() > LONGEST => {
                let _ = child.kill();
                break -2;
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    Ran { code, out: text(out), err: text(err) }
}

/// Copies a folder with its times; objects are shared, addresses and paths of the old place replaced.
fn copy(from: &Path, to: &Path, swaps: &[(String, String)], shared: bool) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, there, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type().unwrap());
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            copy(&path, &there, swaps, shared || name == "objects");
        } else if shared {
            std::fs::hard_link(&path, &there).unwrap();
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&path).unwrap(), &there).unwrap();
        } else if matches!(name.as_str(), "config" | "gitdir" | ".git") {
            replace(&path, &there, swaps);
        } else {
            std::fs::copy(&path, &there).unwrap();
            let times = std::fs::FileTimes::new().set_modified(path.metadata().unwrap().modified().unwrap());
            File::open(&there).unwrap().set_times(times).unwrap();
        }
    }
}

fn replace(from: &Path, to: &Path, swaps: &[(String, String)]) {
    let mut text = std::fs::read_to_string(from).unwrap();
    for (old, new) in swaps {
        // Credentials stand between the scheme and the host.
        let bare = |url: &str| url.replace("http://", "");
        text = text.replace(&bare(old), &bare(new));
    }
    std::fs::write(to, text).unwrap();
}

impl Lab {
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Somebody at a clone that is there.
    pub(crate) fn seat<'a>(&'a self, who: &'a str, place: &'a str) -> Seat<'a> {
        Seat { lab: self, who, place, url: self.server.url(), vars: Vec::new() }
    }

    /// A fresh clone for somebody.
    pub(crate) fn desk<'a>(&'a self, who: &'a str, place: &'a str) -> Seat<'a> {
        let seat = self.seat(who, place);
        std::fs::create_dir(self.dir().join(place)).unwrap();
        let (base, token) = (self.server.url(), self.server.token(who));
        // Not git's own store: it forgets what was refused once, as a person would not.
        let gives = format!("test \"$1\" = get && echo username={who} && echo password={token}");
        let helper = format!("credential.{base}.helper=!f() {{ {gives}; }}; f");
        let (name, mail) = (format!("user.name={who}"), format!("user.email={who}@shop.example"));
        let url = format!("hotfix.url={base}");
        let dir = seat.dir();
        let args = ["clone", "--quiet", "-c", &name, "-c", &mail, "-c", &helper, "-c", &url, "--"];
        seat.git_in(self.dir(), &[&args[..], &[&self.server.project_url(), dir.to_str().unwrap()]].concat());
        seat
    }

    /// A clone on a hotfix branch with the story's fix committed.
    pub(crate) fn fixed<'a>(&'a self, who: &'a str, place: &'a str) -> Seat<'a> {
        let seat = self.desk(who, place);
        seat.git(&["switch", "--quiet", "-c", &self.branch(), "origin/main"]);
        for (path, content) in self.story.fix() {
            let path = seat.dir().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        seat.git(&["add", "--all"]);
        seat.git(&["commit", "--quiet", "-m", self.story.message]);
        seat
    }

    /// The name of the hotfix's branch.
    pub(crate) fn branch(&self) -> String {
        format!("hotfix/{}", self.story.slug)
    }

    /// Reads the API in a maintainer's name, beside HTTP.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let params: serde_json::Map<String, Value> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let answer = self.server.with_world(|world| world.api_as("mia", "GET", path, Value::Object(params)));
        assert!(answer.is_success(), "GET {path}: {} {}", answer.status, answer.value());
        answer.value()
    }

    pub(crate) fn rows(&self, path: &str) -> Vec<Value> {
        self.get(path).as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn tip(&self, branch: &str) -> Option<String> {
        self.server.with_world(|world| world.branch(branch))
    }

    /// The exchanges since the first `seen`.
    pub(crate) fn since(&self, seen: usize) -> Vec<Exchange> {
        self.server.requests().split_off(seen)
    }
}

impl<'a> Seat<'a> {
    pub(crate) fn dir(&self) -> PathBuf {
        self.lab.dir().join(self.place).join("web")
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Seat<'a> {
        self.vars.push((name, value.into()));
        self
    }

    /// Lets this one know GitLab by another address.
    pub(crate) fn through(mut self, url: &str) -> Seat<'a> {
        let swaps = [(self.url.clone(), url.to_owned())];
        let config = self.dir().join(".git/config");
        replace(&config, &config, &swaps);
        self.url = url.to_owned();
        self
    }

    /// Starts the program in a session of its own, where no terminal is, waiting for next to nothing.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        let mut command = scrubbed("setsid", self.lab.dir(), &self.dir());
        command
            .arg(crate::binary())
            .args(args)
            .env("GIT_HOTFIX_URL", &self.url)
            .env("GIT_HOTFIX_TOKEN", self.lab.server.token(self.who))
            .env("GIT_HOTFIX_POLL_MIN", "1ms")
            .env("GIT_HOTFIX_POLL_MAX", "10ms")
            .env("GIT_HOTFIX_RETRY_BASE", "1ms")
            .env("GIT_HOTFIX_RETRY_BUDGET", "5s")
            .env("GIT_HOTFIX_RETRY_OUTAGE", "2s")
            .env("GIT_HOTFIX_SETTLE", "200ms")
            .env("GIT_HOTFIX_TIMEOUT", "20s")
            .envs(self.vars.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(File::create(self.talk("out")).unwrap())
            .stderr(File::create(self.talk("err")).unwrap());
        command.spawn().unwrap()
    }

    fn talk(&self, what: &str) -> PathBuf {
        self.lab.dir().join(format!("{}.{what}", self.place))
    }

    pub(crate) fn end(&self, child: Child) -> Ran {
        ended(child, &self.talk("out"), &self.talk("err"))
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.end(self.start(args))
    }

    /// Runs the program where it must end so.
    pub(crate) fn ends(&self, args: &[&str], code: i32) {
        let ran = self.run(args);
        assert_eq!(ran.code, code, "git hotfix {args:?}\n{}\n{}", ran.out, ran.err);
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.dir(), args)
    }

    pub(crate) fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let done = self.ask_git(dir, args);
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
    }

    pub(crate) fn ask_git(&self, dir: &Path, args: &[&str]) -> Output {
        scrubbed("git", self.lab.dir(), dir).args(args).output().unwrap()
    }
}
