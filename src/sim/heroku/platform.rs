//! The state: apps with their process types, releases and dynos, and how reading moves them on.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

/// Whose key it is.
pub(super) const OWNER: &str = "01234567-89ab-4def-8123-0000000000aa";
pub(super) const OWNERS_EMAIL: &str = "ci@shop.example";

/// The id of what is always the same, such as an image: ids are UUIDs, whatever they are of.
pub(super) fn id_of(what: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, what.as_bytes());
    let hex: String = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// How many reads of an app an effect of something stays invisible. With 0 the next request sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// A release stays pending.
    pub release: u64,
    /// The output stream of a release answers 404.
    pub output: u64,
    /// A new dyno stays starting.
    pub boot: u64,
    /// Dynos of the release before keep standing in the list.
    pub linger: u64,
    /// The health page is still answered by the release before, as with preboot; counted in its own reads.
    pub preboot: u64,
}

impl Lag {
    /// Every effect lags this many reads.
    pub fn all(reads: u64) -> Lag {
        Lag { release: reads, output: reads, boot: reads, linger: reads, preboot: reads }
    }
}

/// How a release ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It becomes the current one.
    Succeeds,
    /// Its release phase fails; what ran keeps running.
    Fails,
    /// It was given up.
    Expires,
    /// It stays pending for good.
    Hangs,
}

/// What a one-off dyno says and how its command ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What it prints.
    pub lines: Vec<String>,
    /// The exit status of the command; `None` cuts the connection instead.
    pub exit: Option<u8>,
}

/// A release.
#[derive(Debug, Clone)]
pub(super) struct Release {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) description: String,
    /// The image of each process type.
    pub(super) images: BTreeMap<String, String>,
    pub(super) status: &'static str,
    pub(super) ending: Ending,
    /// Reads until the ending.
    pub(super) left: u64,
    /// The stream of its release phase, and reads until it is there.
    pub(super) output: Option<(String, u64)>,
    pub(super) created_at: Timestamp,
}

/// A dyno.
#[derive(Debug, Clone)]
pub(super) struct Dyno {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) process: String,
    pub(super) command: String,
    pub(super) release: u64,
    pub(super) state: &'static str,
    /// Reads until it is up; for one of an older release, until it is gone.
    pub(super) left: u64,
    /// What a one-off dyno says, until somebody came for it.
    pub(super) script: Option<Script>,
    pub(super) created_at: Timestamp,
}

/// An app.
#[derive(Debug, Clone)]
pub struct App {
    pub(super) name: String,
    pub(super) id: String,
    /// `container`, or a stack that takes no images.
    pub stack: String,
    /// Process types and how many dynos each has.
    pub processes: BTreeMap<String, u64>,
    /// How the next releases end; when empty, they succeed.
    pub endings: VecDeque<Ending>,
    /// What the release phase prints.
    pub output: String,
    /// Whether dynos of new releases crash.
    pub crashes: bool,
    /// The release from which on none becomes the current one.
    pub held_from: Option<u64>,
    /// Whether the health page is never answered by a new release.
    pub stays_old: bool,
    /// What the health page answers, 200 when all is well.
    pub health_status: u16,
    /// What the next one-off dynos do; when empty, they print a line and end with 0.
    pub scripts: VecDeque<Script>,
    /// How many starts of a dyno are answered 409 first: the release is not found yet.
    pub conflicts: u32,
    pub(super) releases: Vec<Release>,
    pub(super) dynos: Vec<Dyno>,
    /// The release that answers the health page, and reads of it until the current one does.
    pub(super) answering: u64,
    pub(super) turning: u64,
}

impl App {
    /// The release that runs: the newest that succeeded.
    pub(super) fn current(&self) -> Option<&Release> {
        let may = |release: &Release| self.held_from.is_none_or(|from| release.version < from);
        self.releases.iter().rev().find(|release| release.status == "succeeded" && may(release))
    }

    /// Makes it an app that nothing was ever released of.
    pub fn empty(&mut self) {
        self.releases.clear();
        self.dynos.clear();
    }

    /// The version that runs, and how many releases there are.
    pub fn runs(&self) -> (u64, usize) {
        (self.current().map_or(0, |release| release.version), self.releases.len())
    }

    /// The image of the first process type that runs.
    pub fn image(&self) -> Option<&str> {
        self.current()?.images.values().next().map(String::as_str)
    }

    /// Lets the release that hangs end.
    pub fn finish(&mut self, ending: Ending) {
        if let Some(release) = self.releases.iter_mut().find(|release| release.status == "pending") {
            release.ending = ending;
        }
    }

    /// What crashed starts again, and stays up.
    pub fn restart(&mut self) {
        self.crashes = false;
        for dyno in self.dynos.iter_mut().filter(|dyno| dyno.state == "crashed") {
            dyno.state = "starting";
        }
    }

    pub(super) fn has_release_phase(&self) -> bool {
        self.processes.contains_key("release")
    }
}

/// The whole platform.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
    /// How late effects become visible, for apps and releases that come.
    pub lag: Lag,
    /// How many requests the account has left; each takes one.
    pub rate_left: u64,
    pub(super) origin: String,
    pub(super) rendezvous: String,
    pub(super) token: String,
    pub(super) seconds: i64,
    pub(super) last_id: u64,
    pub(super) apps: Vec<App>,
    /// Which commit an image was built from, by the digest of its configuration.
    pub(super) revisions: BTreeMap<String, String>,
}

impl Platform {
    /// A platform without apps. `token` is the one API key there is.
    pub fn new(token: &str, lag: Lag) -> Platform {
        Platform {
            port: 0,
            lag,
            rate_left: 4500,
            origin: String::new(),
            rendezvous: String::new(),
            token: token.to_owned(),
            seconds: 0,
            last_id: 0,
            apps: Vec::new(),
            revisions: BTreeMap::new(),
        }
    }

    /// Lets one-off dynos be met somewhere else, as `rendezvous://<host>:<port>`; gives where they were until now.
    pub fn meet_at(&mut self, address: String) -> String {
        std::mem::replace(&mut self.rendezvous, address)
    }

    /// Tells which commit an image was built from; its app then answers with it.
    pub fn built(&mut self, image: &str, commit: &str) {
        self.revisions.insert(image.to_owned(), commit.to_owned());
    }

    /// Adds an app that runs `image` in these process types, one dyno each, since two releases.
    pub fn add_app(&mut self, name: &str, processes: &[&str], image: &str) {
        let id = self.fresh_id();
        self.apps.push(App {
            name: name.to_owned(),
            id,
            stack: "container".to_owned(),
            processes: processes.iter().map(|process| ((*process).to_owned(), 1)).collect(),
            endings: VecDeque::new(),
            output: "release phase ran\n".to_owned(),
            crashes: false,
            held_from: None,
            stays_old: false,
            health_status: 200,
            scripts: VecDeque::new(),
            conflicts: 0,
            releases: Vec::new(),
            dynos: Vec::new(),
            answering: 0,
            turning: 0,
        });
        let images = |image: &str| {
            processes
                .iter()
                .map(|process| ((*process).to_owned(), image.to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let lag = std::mem::replace(&mut self.lag, Lag::all(0));
        let first = format!("sha256:{}", "0".repeat(64));
        for image in [first.as_str(), image] {
            self.release(name, images(image), "Deployed");
        }
        self.lag = lag;
    }

    /// Releases an image in every process type of an app, as somebody else would.
    pub fn deploy(&mut self, name: &str, image: &str) {
        let processes = self.app(name).map(|app| app.processes.clone()).unwrap_or_default();
        let images = processes.into_keys().map(|process| (process, image.to_owned())).collect();
        self.release(name, images, "Deployed");
    }

    /// An app, to look at or to change.
    pub fn app(&mut self, name: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| app.name == name)
    }

    pub(super) fn now(&self) -> Timestamp {
        let start = Timestamp::constant(1_772_334_000, 0);
        start.saturating_add(SignedDuration::from_secs(self.seconds)).unwrap_or(start)
    }

    pub(super) fn fresh_id(&mut self) -> String {
        self.last_id += 1;
        format!("01234567-89ab-4def-8123-{:012x}", self.last_id)
    }

    /// Makes a release of an app, on its way to its ending.
    pub(super) fn release(&mut self, name: &str, images: BTreeMap<String, String>, description: &str) {
        let (lag, created_at, id) = (self.lag, self.now(), self.fresh_id());
        let stream = self.fresh_id();
        let Some(app) = self.app(name) else { return };
        let version = app.releases.last().map_or(1, |release| release.version + 1);
        let output = app.has_release_phase().then_some((stream, lag.output));
        let ending = app.endings.pop_front().unwrap_or(Ending::Succeeds);
        app.releases.push(Release {
            id,
            version,
            description: description.to_owned(),
            images,
            status: "pending",
            ending,
            left: lag.release,
            output,
            created_at,
        });
        self.settle(name);
    }

    /// One read of an app: everything about it comes one read nearer.
    pub(super) fn read(&mut self, name: &str) {
        if let Some(app) = self.app(name) {
            for release in &mut app.releases {
                release.left = release.left.saturating_sub(1);
            }
            for dyno in &mut app.dynos {
                dyno.left = dyno.left.saturating_sub(1);
            }
        }
        self.settle(name);
    }

    /// Lets everything happen to an app that is due.
    fn settle(&mut self, name: &str) {
        let (lag, now) = (self.lag, self.now());
        let mut boots = Vec::new();
        let mut last_id = self.last_id;
        let Some(app) = self.app(name) else { return };
        for release in app.releases.iter_mut().filter(|release| release.status == "pending") {
            release.status = match release.ending {
                _ if release.left > 0 => "pending",
                Ending::Hangs => "pending",
                Ending::Fails => "failed",
                Ending::Expires => "expired",
                Ending::Succeeds => {
                    boots.push((release.version, release.images.clone()));
                    "succeeded"
                }
            };
        }
        for (version, images) in boots {
            for dyno in app.dynos.iter_mut().filter(|dyno| dyno.process != "run") {
                dyno.left = lag.linger;
            }
            app.turning = lag.preboot;
            for process in images.keys().filter(|process| *process != "release") {
                for number in 1..=app.processes.get(process).copied().unwrap_or_default() {
                    last_id += 1;
                    app.dynos.push(Dyno {
                        id: format!("01234567-89ab-4def-9123-{last_id:012x}"),
                        name: format!("{process}.{number}"),
                        process: process.clone(),
                        command: format!("run {process}"),
                        release: version,
                        state: "starting",
                        left: lag.boot,
                        script: None,
                        created_at: now,
                    });
                }
            }
        }
        let newest = app.current().map_or(0, |release| release.version);
        app.dynos.retain(|dyno| dyno.process == "run" || dyno.release == newest || dyno.left > 0);
        for dyno in app.dynos.iter_mut().filter(|dyno| dyno.state == "starting" && dyno.left == 0) {
            dyno.state = if app.crashes && dyno.process != "run" { "crashed" } else { "up" };
        }
        if app.turning == 0 && !app.stays_old {
            app.answering = newest;
        }
        self.last_id = last_id;
    }
}
