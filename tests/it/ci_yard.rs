//! The yard of the tests of `ci promote` and `ci migrate`: the embedded GitLab, Heroku and two registries, and a
//! production job's runner among them.

use std::process::Output;

use git_hotfix::sim::heroku::{Heroku, Lag, Platform};
use git_hotfix::sim::registry::{Registry, Store};
use serde_json::Value;

use crate::ci_backport::{Runner, ends, land};
use crate::sim_lab::Lab;

pub(crate) const APPS: [&str; 3] = ["portal", "admin", "api-gateway"];

/// What runs before anything is promoted, and the commit it was built from.
pub(crate) const OLD_IMAGE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub(crate) const OLD_COMMIT: &str = "e77d01b2e77d01b2e77d01b2e77d01b2e77d01b2";

pub(crate) struct Yard {
    pub(crate) gitlab: Lab,
    pub(crate) heroku: Heroku,
    pub(crate) source: Registry,
    pub(crate) target: Registry,
    /// What is to be promoted: the tip of main.
    pub(crate) commit: String,
    /// Its image, for each app.
    pub(crate) images: Vec<String>,
    pub(crate) runner: Runner,
}

impl Yard {
    /// Three apps whose effects lag this many reads.
    pub(crate) fn new(lag: u64) -> Yard {
        Yard::with(lag, |_, toml| toml)
    }

    /// As [`new`](Self::new), with another `.hotfix.toml`.
    pub(crate) fn with(lag: u64, change: impl Fn(&Heroku, String) -> String) -> Yard {
        let gitlab = Lab::at_once();
        let mut platform = Platform::new("HRKU-heroku-canary-0123456789", Lag::all(lag));
        platform.built(OLD_IMAGE, OLD_COMMIT);
        for app in APPS {
            let processes: &[&str] =
                if app == "api-gateway" { &["release", "web", "worker"] } else { &["web"] };
            platform.add_app(&format!("acme-{app}"), processes, OLD_IMAGE);
        }
        let heroku = Heroku::start(platform).unwrap();
        crate::room::record(|file| heroku.record(file));
        let source = Registry::start(Store::new("gitlab-user", "registry-canary-0123")).unwrap();
        let target = Registry::start(Store::new("_", &heroku.token())).unwrap();
        let mut toml = String::new();
        for app in APPS {
            let processes = if app == "api-gateway" { r#""release", "web", "worker""# } else { r#""web""# };
            let health = heroku.health_url(&format!("acme-{app}"));
            toml.push_str(&format!(
                "[apps.{app}]\nheroku = \"acme-{app}\"\nprocesses = [{processes}]\n\
                 health = {{ url = \"{health}\", identity = \"x-revision\" }}\n\n"
            ));
        }
        let commit = land(&gitlab, "hotfix/config", ".hotfix.toml", &change(&heroku, toml));
        let mut images = Vec::new();
        for app in APPS {
            let own = format!("only {app}");
            let layers: [&[u8]; 3] = [&[7; 40_000], b"the same for all", own.as_bytes()];
            let repository = format!("shop/web/{app}");
            let image =
                source.with_store(|store| store.add_image(&repository, &commit, &layers, Some(&commit)));
            heroku.with_platform(|platform| platform.built(&image, &commit));
            images.push(image);
        }
        let runner = Runner::new(&gitlab, "runner", &commit)
            .with("GIT_HOTFIX_TOKEN", "")
            .with("CI_ENVIRONMENT_NAME", "production")
            .with("CI_JOB_URL", "https://gitlab.example/shop/web/-/jobs/991")
            .with("GITLAB_USER_LOGIN", "mia")
            .with("CI_REGISTRY_IMAGE", &format!("{}/shop/web", source.url()))
            .with("CI_REGISTRY_USER", "gitlab-user")
            .with("CI_REGISTRY_PASSWORD", "registry-canary-0123")
            .with("HEROKU_API_KEY", &heroku.token())
            .with("GIT_HOTFIX_HEROKU_URL", &heroku.url())
            .with("GIT_HOTFIX_HEROKU_REGISTRY", &target.url())
            .with("GIT_HOTFIX_HEALTH_MIN", "1ms")
            .with("GIT_HOTFIX_HEALTH_MAX", "1ms")
            .with("GIT_HOTFIX_HEALTH_DEADLINE", "20s")
            .with("GIT_HOTFIX_BOOT_DEADLINE", "20s")
            .with("GIT_HOTFIX_RELEASE_DEADLINE", "20s");
        Yard { gitlab, heroku, source, target, commit, images, runner }
    }

    /// Gives the job another variable.
    pub(crate) fn set(mut self, name: &'static str, value: &str) -> Yard {
        self.runner = self.runner.with(name, value);
        self
    }

    pub(crate) fn promote(&self, args: &[&str]) -> Output {
        self.runner.runs(&[&["ci", "promote"], args].concat())
    }

    /// Promotes and expects this exit code; gives what was said.
    #[track_caller]
    pub(crate) fn promoted(&self, code: i32) -> String {
        ends(&self.promote(&[]), code)
    }

    /// The version that an app runs, and how many releases it has.
    pub(crate) fn runs(&self, app: &str) -> (u64, usize) {
        self.heroku.with_platform(|platform| platform.app(&format!("acme-{app}")).unwrap().runs())
    }

    /// The image that each app runs.
    pub(crate) fn images_now(&self) -> Vec<String> {
        self.heroku.with_platform(|platform| {
            let image = |app| platform.app(&format!("acme-{app}")).unwrap().image().unwrap().to_owned();
            APPS.map(image).to_vec()
        })
    }

    /// How often something was written to Heroku whose path ends so.
    pub(crate) fn writes(&self, path_end: &str) -> usize {
        let all = self.heroku.requests();
        all.iter().filter(|one| one.method != "GET" && one.path.ends_with(path_end)).count()
    }

    /// How often the source served a path that ends so.
    pub(crate) fn served(&self, path_end: &str) -> usize {
        let all = self.source.requests();
        let good = all.iter().filter(|one| one.method == "GET" && one.status == 200);
        good.filter(|one| one.path.ends_with(path_end)).count()
    }

    /// The layers that the source served more than once.
    pub(crate) fn pulled_twice(&self) -> Vec<String> {
        let all = self.source.requests();
        let mut blobs: Vec<&str> = all
            .iter()
            .filter(|one| one.method == "GET" && one.status == 200)
            .filter_map(|one| Some(one.path.split_once("/blobs/")?.1))
            // A configuration is read for its labels, each time.
            .filter(|digest| !self.images.iter().any(|image| image == digest))
            .collect();
        blobs.sort_unstable();
        let twice = blobs.windows(2).filter(|pair| pair[0] == pair[1]);
        twice.map(|pair| pair[0].to_owned()).collect()
    }

    pub(crate) fn receipt(&self) -> Value {
        self.file("promote-receipt.json")
    }

    pub(crate) fn file(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.runner.dir.join(name)).unwrap();
        for secret in [self.heroku.token(), "registry-canary-0123".to_owned()] {
            assert!(!text.contains(&secret), "{text}");
        }
        serde_json::from_str(&text).unwrap()
    }
}
