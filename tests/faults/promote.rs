//! `ci promote` disturbed: every fault at every exchange with Heroku and both registries, and every kill point.
//! After one plain run each app runs its image and is healthy, and each was released exactly once.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use git_hotfix::sim::heroku::{Heroku, Lag, Platform};
use git_hotfix::sim::registry::{Registry, Store};
use git_hotfix::sim::{Exchange, Fault, FaultPlan, What};

use crate::kill::{Blow, Moment, strike_when};
use crate::lab::{Ran, ended};
use crate::matrix::{Kind, names_the_next_command, told};
use crate::scrubbed::scrubbed;

const APPS: [&str; 2] = ["portal", "admin"];
const BEFORE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const BUILT_BEFORE: &str = "e77d01b2e77d01b2e77d01b2e77d01b2e77d01b2";
const HEROKU_KEY: &str = "HRKU-heroku-canary-0123456789";
const REGISTRY_KEY: &str = "registry-canary-0123";

/// Whom it talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Host {
    /// Heroku's API, and the apps' health pages.
    Heroku,
    /// GitLab's registry, which is pulled from.
    Source,
    /// Heroku's registry, which is pushed to.
    Target,
}

impl Host {
    pub(crate) const ALL: [Host; 3] = [Host::Heroku, Host::Source, Host::Target];
}

/// Two apps of which an older release is live, and a job's checkout of what is to be promoted.
struct Stage {
    dir: tempfile::TempDir,
    commit: String,
    images: Vec<String>,
    heroku: Heroku,
    source: Registry,
    target: Registry,
}

impl Stage {
    fn new() -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let mut platform = Platform::new(HEROKU_KEY, Lag::all(1));
        platform.built(BEFORE, BUILT_BEFORE);
        for app in APPS {
            platform.add_app(&format!("acme-{app}"), &["web"], BEFORE);
        }
        let heroku = Heroku::start(platform).unwrap();
        let source = Registry::start(Store::new("gitlab-user", REGISTRY_KEY)).unwrap();
        let target = Registry::start(Store::new("_", HEROKU_KEY)).unwrap();
        let mut stage = Stage { dir, commit: String::new(), images: Vec::new(), heroku, source, target };
        stage.commit = stage.checkout();
        for app in APPS {
            let layers: [&[u8]; 2] = [b"the same for all", app.as_bytes()];
            let (repository, commit) = (format!("shop/web/{app}"), stage.commit.clone());
            let image = stage
                .source
                .with_store(|store| store.add_image(&repository, &commit, &layers, Some(&commit)));
            stage.heroku.with_platform(|platform| platform.built(&image, &commit));
            stage.images.push(image);
        }
        stage
    }

    /// A clone that is as detached as a runner's; gives its commit.
    fn checkout(&self) -> String {
        for name in ["home", "tmp", "web"] {
            std::fs::create_dir(self.dir.path().join(name)).unwrap();
        }
        let apps = APPS.map(|app| {
            let health = self.heroku.health_url(&format!("acme-{app}"));
            format!(
                "[apps.{app}]\nheroku = \"acme-{app}\"\nprocesses = [\"web\"]\n\
                 health = {{ url = \"{health}\", identity = \"x-revision\" }}\n"
            )
        });
        let place = self.place();
        let deploy = format!("[deploy]\napps = {APPS:?}\n\n");
        std::fs::write(place.join(".hotfix.toml"), deploy + &apps.join("\n")).unwrap();
        let git = |args: &[&str]| {
            let done = self.bare(Path::new("git")).args(args).output().unwrap();
            assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "--all"]);
        git(&["-c", "user.name=dev", "-c", "user.email=dev@shop.example", "commit", "--quiet", "-m", "Fix"]);
        let project = self.dir.path().join("web.git").display().to_string();
        git(&["clone", "--quiet", "--bare", ".", &project]);
        git(&["remote", "add", "origin", &project]);
        git(&["checkout", "--quiet", "--detach"]);
        git(&["rev-parse", "HEAD"])
    }

    fn place(&self) -> PathBuf {
        self.dir.path().join("web")
    }

    fn bare(&self, program: &Path) -> std::process::Command {
        scrubbed(program, self.dir.path(), &self.place())
    }

    /// Begins to promote, as the job does.
    fn start(&self, timeout: &str) -> Child {
        use std::os::unix::process::CommandExt;
        let talk = |what| File::create(self.dir.path().join(what)).unwrap();
        let mut command = self.bare(&crate::binary());
        command
            .args(["ci", "promote"])
            .env("GITLAB_CI", "true")
            .env("CI_SERVER_URL", "https://gitlab.example")
            .env("CI_PROJECT_PATH", "shop/web")
            .env("CI_COMMIT_SHA", &self.commit)
            .env("CI_COMMIT_BRANCH", "main")
            .env("CI_ENVIRONMENT_NAME", "production")
            .env("CI_REGISTRY_IMAGE", format!("{}/shop/web", self.source.url()))
            .env("CI_REGISTRY_USER", "gitlab-user")
            .env("CI_REGISTRY_PASSWORD", REGISTRY_KEY)
            .env("HEROKU_API_KEY", HEROKU_KEY)
            .env("GIT_HOTFIX_HEROKU_URL", self.heroku.url())
            .env("GIT_HOTFIX_HEROKU_REGISTRY", self.target.url())
            .env("GIT_HOTFIX_POLL_MIN", "1ms")
            .env("GIT_HOTFIX_POLL_MAX", "10ms")
            .env("GIT_HOTFIX_RETRY_BASE", "1ms")
            .env("GIT_HOTFIX_RETRY_BUDGET", "5s")
            .env("GIT_HOTFIX_SETTLE", "200ms")
            .env("GIT_HOTFIX_TIMEOUT", timeout)
            .env("GIT_HOTFIX_HEALTH_MIN", "1ms")
            .env("GIT_HOTFIX_HEALTH_MAX", "1ms")
            .env("GIT_HOTFIX_HEALTH_TIMEOUT", "500ms")
            .env("GIT_HOTFIX_HEALTH_DEADLINE", "2s")
            .env("GIT_HOTFIX_BOOT_DEADLINE", "2s")
            .env("GIT_HOTFIX_RELEASE_DEADLINE", "2s")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(talk("out"))
            .stderr(talk("err"));
        command.spawn().unwrap()
    }

    fn end(&self, child: Child) -> Ran {
        ended(child, &self.dir.path().join("out"), &self.dir.path().join("err"))
    }

    fn requests(&self, host: Host) -> Vec<Exchange> {
        match host {
            Host::Heroku => self.heroku.requests(),
            Host::Source => self.source.requests(),
            Host::Target => self.target.requests(),
        }
    }

    fn inject(&self, host: Host, plan: FaultPlan) {
        match host {
            Host::Heroku => self.heroku.inject(plan),
            Host::Source => self.source.inject(plan),
            Host::Target => self.target.inject(plan),
        }
    }

    fn struck(&self, host: Host) -> bool {
        let count = match host {
            Host::Heroku => self.heroku.faults_triggered(),
            Host::Source => self.source.faults_triggered(),
            Host::Target => self.target.faults_triggered(),
        };
        count > 0
    }

    fn lift(&self) {
        self.heroku.lift_faults();
        self.source.lift_faults();
        self.target.lift_faults();
    }

    /// Whether every app runs its image, by one release.
    fn reached(&self) -> Result<(), String> {
        for (app, image) in APPS.iter().zip(&self.images) {
            let (now, releases) = self.heroku.with_platform(|platform| {
                let app = platform.app(&format!("acme-{app}")).unwrap();
                (app.image().unwrap_or_default().to_owned(), app.runs())
            });
            if now != *image || releases != (3, 3) {
                return Err(format!("{app} runs {now} as (version, releases) {releases:?}, not {image}"));
            }
        }
        let text = std::fs::read_to_string(self.place().join("promote-receipt.json")).unwrap_or_default();
        let receipt: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        match receipt["outcome"].as_str() {
            Some("live") => Ok(()),
            other => Err(format!("the receipt says {other:?}")),
        }
    }

    /// Whether each run so far asked for each release at most once, but for what was turned away as too much. (A
    /// later one may ask again: that is how it is found out that an image is live. What a killed run sent may
    /// arrive while the next one runs, so they are counted together.)
    fn once_a_run(&self, runs: usize) -> Result<(), String> {
        let mut asked: BTreeMap<String, usize> = BTreeMap::new();
        let patches = self.heroku.requests().into_iter();
        for one in patches.filter(|one| one.method == "PATCH" && one.status != 429) {
            *asked.entry(one.path).or_default() += 1;
        }
        match asked.values().all(|times| *times <= runs) {
            true => Ok(()),
            false => Err(format!("PATCHes in {runs} runs: {asked:?}")),
        }
    }

    /// No key is told, kept or left.
    fn secret(&self, run: &Ran) -> Result<(), String> {
        let receipt = std::fs::read_to_string(self.place().join("promote-receipt.json")).unwrap_or_default();
        let told = [&run.out, &run.err, &receipt];
        match told.iter().any(|text| text.contains(HEROKU_KEY) || text.contains(REGISTRY_KEY)) {
            true => Err("a key is shown".to_owned()),
            false => Ok(()),
        }
    }

    /// One plain run mends it all.
    fn again(&self) -> Result<(), String> {
        let run = self.end(self.start("20s"));
        self.once_a_run(2).map_err(|why| told(&why, &run))?;
        if run.code != 0 {
            return Err(told("run again, it is not exit 0", &run));
        }
        self.reached().map_err(|why| told(&format!("run again, {why}"), &run))
    }
}

/// What an undisturbed run exchanges with each of them.
pub(crate) fn undisturbed() -> Result<BTreeMap<Host, Vec<Exchange>>, String> {
    let stage = Stage::new();
    let run = stage.end(stage.start("20s"));
    if run.code != 0 {
        return Err(told("promote, undisturbed", &run));
    }
    stage.reached().map_err(|why| told(&why, &run))?;
    let traces = Host::ALL.into_iter().map(|host| (host, stage.requests(host))).collect();
    stage.again()?;
    Ok(traces)
}

/// A fault at one exchange; whether it was there.
pub(crate) fn case(host: Host, n: u64, kind: &Kind) -> Result<bool, String> {
    let stage = Stage::new();
    stage.inject(host, kind.at(n));
    let run = stage.end(stage.start(if kind.never_ends() { "1s" } else { "20s" }));
    let struck = stage.struck(host);
    stage.lift();
    if !struck {
        return if run.code == 0 { Ok(false) } else { Err(told("never struck", &run)) };
    }
    let one = stage.requests(host).into_iter().nth(usize::try_from(n).unwrap_or_default() - 1);
    let at = one.map_or_else(|| "none".to_owned(), |one| format!("{} {}", one.method, one.path));
    let what = format!("{} at exchange {n} with {host:?}: {at}", kind.name());
    let checked = stage.once_a_run(1).map_err(|why| told(&why, &run)).and_then(|()| match run.code {
        0 => stage.reached().map_err(|why| told(&format!("it says it is done, but {why}"), &run)),
        // A server that lies, configuration or rights, refused, unreachable, failed over there, still pending.
        1 | 4..=8 => names_the_next_command(&run),
        _ => Err(told("not an exit code for this", &run)),
    });
    checked
        .and_then(|()| stage.secret(&run))
        .and_then(|()| stage.again().map_err(|why| format!("it ended with {}: {}\n{why}", run.code, run.err)))
        .map_err(|why| format!("{what}\n{why}"))?;
    Ok(true)
}

/// Struck at one exchange; whether it was there.
pub(crate) fn killed(host: Host, n: u64, moment: Moment, blow: Blow) -> Result<bool, String> {
    let stage = Stage::new();
    match moment {
        Moment::Received => stage.inject(host, FaultPlan::nth(n, Fault::before(What::Hang))),
        Moment::Applied => stage.inject(host, FaultPlan::nth(n, Fault::after(What::Hang))),
        _ => {}
    }
    let index = usize::try_from(n).unwrap_or_default() - 1;
    let mut child = stage.start("20s");
    let there = strike_when(&mut child, moment, blow, || match moment {
        Moment::Answered => stage.requests(host).get(index).is_some_and(|one| one.status != 0),
        _ => stage.struck(host),
    });
    let run = stage.end(child);
    stage.lift();
    if !there {
        return if run.code == 0 { Ok(false) } else { Err(told("never struck", &run)) };
    }
    stage.once_a_run(1).and_then(|()| stage.secret(&run)).and_then(|()| stage.again()).map_err(|why| {
        format!("{blow:?}, {moment:?} {n} of {host:?}: exit {}: {}\n{why}", run.code, run.err)
    })?;
    Ok(true)
}
