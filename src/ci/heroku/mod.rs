//! Heroku's Platform API, as far as promoting and migrating need it.
//!
//! Owns what Heroku says and how it says it. It decides nothing. Facts come from the API's published schema
//! and from the sources of Heroku's command-line tool; nothing was tried against Heroku itself.
//!
//! Reads are retried below, in `http`. A write whose outcome is unknown is [`Error::is_ambiguous`], and whoever
//! wrote reads back; one that was refused for the rate limit was not done, and is sent again here.

mod error;
mod rendezvous;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::clock::Clock;
use crate::http::{self, Http, Method, Options, Origin, Request, Response, Secret, Token, encode};

pub use error::Error;
pub use rendezvous::meet;

/// The version of the API that takes an image for a process type.
const DOCKER: &str = "application/vnd.heroku+json; version=3.docker-releases";

/// The version of the API for everything else.
const JSON: &str = "application/vnd.heroku+json; version=3";

/// What calls return.
pub type Result<T> = std::result::Result<T, Error>;

/// The state of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Status {
    /// Its release phase runs.
    Pending,
    /// It may run; whether it does is told by `current`.
    Succeeded,
    /// Its release phase failed.
    Failed,
    /// It was given up.
    Expired,
    /// A word that this program does not know. Never a reason to conclude anything.
    Other(String),
}

impl From<String> for Status {
    fn from(word: String) -> Status {
        match word.as_str() {
            "pending" => Status::Pending,
            "succeeded" => Status::Succeeded,
            "failed" => Status::Failed,
            "expired" => Status::Expired,
            _ => Status::Other(word),
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Pending => "pending",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Expired => "expired",
            Status::Other(word) => word,
        })
    }
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Release {
    /// Its id.
    pub id: String,
    /// Its number, as in `v42`.
    pub version: u64,
    /// Its state.
    pub status: Status,
    /// Whether it is the one that runs.
    #[serde(default)]
    pub current: bool,
    /// What made it.
    #[serde(default)]
    pub description: String,
    /// Where its release phase can be read.
    pub output_stream_url: Option<String>,
    /// Whether the app can go back to it.
    #[serde(default)]
    pub eligible_for_rollback: bool,
    /// What it runs.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
}

/// What a release runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Artifact {
    /// The id of the image or slug.
    pub id: String,
}

impl Release {
    /// Whether it runs.
    pub fn is_live(&self) -> bool {
        self.current && self.status == Status::Succeeded
    }

    /// Whether both say what they run and it is the same.
    pub fn runs_the_same(&self, other: &Release) -> bool {
        !self.artifacts.is_empty() && self.artifacts == other.artifacts
    }
}

/// An app.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct App {
    /// Its name.
    pub name: String,
    stack: Option<Stack>,
    build_stack: Option<Stack>,
    /// Whether visitors see a maintenance page.
    #[serde(default)]
    pub maintenance: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Stack {
    name: String,
}

impl App {
    /// The stack that its next release runs on.
    pub fn stack(&self) -> &str {
        let stack = self.build_stack.as_ref().or(self.stack.as_ref());
        stack.map_or("of no known name", |stack| stack.name.as_str())
    }

    /// Whether it takes images.
    pub fn takes_images(&self) -> bool {
        [&self.stack, &self.build_stack].into_iter().flatten().any(|stack| stack.name == "container")
    }
}

/// A dyno.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dyno {
    /// Its name, as in `web.1`.
    pub name: String,
    /// Its process type.
    #[serde(rename = "type")]
    pub process: String,
    /// starting, up, crashed, down, idle.
    pub state: String,
    /// What it runs.
    #[serde(default)]
    pub command: String,
    /// The release it belongs to.
    pub release: Option<DynoRelease>,
    /// Where its input and output are met.
    pub attach_url: Option<String>,
}

/// The release of a dyno.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DynoRelease {
    /// Its number.
    pub version: u64,
}

impl Dyno {
    /// Whether it serves, so that a release waits for it.
    pub fn serves(&self) -> bool {
        serves(&self.process)
    }
}

impl Scale {
    /// Whether there should be dynos of it that serve.
    pub fn wants_dynos(&self) -> bool {
        self.quantity > 0 && serves(&self.process)
    }
}

fn serves(process: &str) -> bool {
    !matches!(process, "release" | "run")
}

/// How many dynos of a process type are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Scale {
    /// The process type.
    #[serde(rename = "type")]
    pub process: String,
    /// How many.
    pub quantity: u64,
}

/// The API for one account.
pub struct Heroku {
    http: Http,
    options: Options,
    clock: Arc<dyn Clock>,
}

impl Heroku {
    /// The API at `base`, with a key that goes nowhere else.
    pub fn new(base: &Url, key: Secret, options: Options, clock: Arc<dyn Clock>) -> Result<Heroku> {
        let origin = Origin::of(base).ok_or_else(|| http::Error::Impossible {
            what: format!("no http or https URL: {}", base.scheme()),
        })?;
        let http = Http::new(base, Some(Token::bearer(origin, key)), options.clone(), clock.clone())?;
        Ok(Heroku { http, options, clock })
    }

    /// An app.
    pub fn app(&self, app: &str) -> Result<App> {
        self.get(&Request::new(Method::Get, ["apps", app]))
    }

    /// The newest releases, newest first, at most `most`.
    pub fn releases(&self, app: &str, most: usize) -> Result<Vec<Release>> {
        let range = format!("version ..; max={most}, order=desc");
        let request = Request::new(Method::Get, ["apps", app, "releases"]).header("range", range);
        let mut releases: Vec<Release> = self.get(&request)?;
        releases.sort_by_key(|release| std::cmp::Reverse(release.version));
        Ok(releases)
    }

    /// One release, by its id.
    pub fn release(&self, app: &str, id: &str) -> Result<Release> {
        self.get(&Request::new(Method::Get, ["apps", app, "releases", id]))
    }

    /// Gives process types their images, all in one request, so that there is one release. An image that runs
    /// already makes none. What this answers is not documented and not read.
    pub fn set_images(&self, app: &str, images: &[(String, String)]) -> Result<()> {
        let update = |(process, image): &(String, String)| json!({"type": process, "docker_image": image});
        let updates: Value = images.iter().map(update).collect();
        let request =
            Request::new(Method::Patch, ["apps", app, "formation"]).json(&json!({"updates": updates}));
        self.write(&request.accept(DOCKER)).map(drop)
    }

    /// Makes a new release that runs what an older one ran.
    pub fn roll_back(&self, app: &str, release: &str) -> Result<Release> {
        let request = Request::new(Method::Post, ["apps", app, "releases"])
            .json(&json!({"release": release}))
            .accept(JSON);
        let response = self.write(&request)?;
        decoded(&request, &response)
    }

    /// How the process types are scaled.
    pub fn formation(&self, app: &str) -> Result<Vec<Scale>> {
        self.get(&Request::new(Method::Get, ["apps", app, "formation"]))
    }

    /// All dynos.
    pub fn dynos(&self, app: &str) -> Result<Vec<Dyno>> {
        self.get(&Request::new(Method::Get, ["apps", app, "dynos"]))
    }

    /// Starts a one-off dyno whose output waits at its `attach_url`, for at most `time`.
    pub fn run(&self, app: &str, command: &str, time: Duration) -> Result<Dyno> {
        let body = json!({
            "command": command,
            "attach": true,
            "force_no_tty": true,
            "type": "run",
            "time_to_live": time.as_secs().clamp(1, 86_400),
        });
        let request = Request::new(Method::Post, ["apps", app, "dynos"]).json(&body).accept(JSON);
        let response = self.write(&request)?;
        decoded(&request, &response)
    }

    /// Reads what a release phase prints, from byte `from` on, without the key: the stream is on a host of
    /// its own. `false` when it is not there (yet).
    pub fn output(&self, stream: &str, from: u64, take: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let bad = |what: &str| http::Error::Impossible { what: format!("no usable output stream: {what}") };
        let url = Url::parse(stream).map_err(|why| bad(&why.to_string()))?;
        if !Origin::of(&url).is_some_and(|origin| origin.is_private()) {
            return Err(bad("not https").into());
        }
        let mut request = Request::new::<&str>(Method::Get, []).accept("text/plain");
        for (name, value) in url.query_pairs() {
            request = request.query(encode(&name), value);
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let options = Options {
            retry: http::Retry { attempts: 1, ..self.options.retry.clone() },
            ..self.options.clone()
        };
        let http = Http::new(&url, None, options, self.clock.clone())?;
        let mut taken = |piece: &[u8]| {
            take(piece);
            ControlFlow::Continue(())
        };
        Ok(http.stream(&request, &mut taken)?.is_success())
    }

    fn get<T: serde::de::DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let request = request.clone().accept(JSON);
        let response = self.http.send(&request)?;
        match response.is_success() {
            true => decoded(&request, &response),
            false => Err(Error::of(&request, &response)),
        }
    }

    fn write(&self, request: &Request) -> Result<Response> {
        let start = self.clock.elapsed();
        for tried in 1_u32.. {
            let response = self.http.send(request)?;
            if response.is_success() {
                return Ok(response);
            }
            let waited = self.clock.elapsed().saturating_sub(start);
            let pause = self.options.retry.pause(tried, waited, response.retry_after);
            match pause.filter(|_| response.status == 429) {
                Some(pause) => self.clock.sleep(pause),
                None => return Err(Error::of(request, &response)),
            }
        }
        Err(http::Error::Impossible { what: "tried too often".to_owned() }.into())
    }
}

fn decoded<T: serde::de::DeserializeOwned>(request: &Request, response: &Response) -> Result<T> {
    response.json().map_err(|why| Error::Malformed { call: request.call(), wrote: !request.reads(), why })
}
