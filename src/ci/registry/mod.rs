//! Container registries: finding an image, and copying it from one registry to another without a daemon.
//!
//! ```text
//! let mut registries = Registries::new(Options::default(), clock);
//! registries.login(Login::new(&gitlab_registry, user, secret)?.realm(&gitlab)?);
//! registries.login(Login::new(&heroku_registry, "_", key)?);
//! let image = registries.resolve(&Reference::parse("registry.example/shop/web/portal:9f3c1a7e")?)?;
//! let results = registries.copy(&[Transfer { image: &image, to }], &siblings, &mut |progress| …);
//! ```
//!
//! [`Registries::resolve`] turns a tag into a digest once; from then on only the [`Pinned`] image counts.
//! [`Registries::copy`] serves all applications in one go: it pulls each blob once for all of them, skips
//! what is there, mounts from a sibling repository where the registry can, verifies every byte on the way,
//! and never holds a whole layer. Running it again goes on from what is there.
//!
//! Nothing is released here, and no secret is in any text that leaves.

mod auth;
mod blob;
mod carry;
mod client;
mod copy;
mod fault;
mod manifest;
mod pull;
mod reference;
mod resolve;
#[cfg(test)]
mod tests;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use url::Url;

use crate::clock::Clock;
use crate::error::{Kind, Problem, Result};
use crate::http::wire::Wire;
use crate::http::{Origin, Retry, Secret};

use auth::Session;
use client::Client;
use fault::Fault;

pub use reference::{Digest, Reference, Version};

/// Time-outs and retries.
#[derive(Debug, Clone)]
pub struct Options {
    /// For the TCP and TLS handshakes.
    pub connect: Duration,
    /// For an answer to begin, and for each piece of a body in either direction: the longest stall.
    pub stall: Duration,
    /// For the answer to an upload that is complete: some registries move the blob first.
    pub commit: Duration,
    /// How often, and how far apart, a request that came to nothing is made again.
    pub retry: Retry,
    /// How many blobs are on the way at once.
    pub parallel: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            commit: Duration::from_secs(300),
            retry: Retry::default(),
            parallel: 4,
        }
    }
}

/// Who we are at one registry, and which token issuers may hear of it.
pub struct Login {
    origin: Origin,
    user: String,
    secret: Secret,
    realms: Vec<Origin>,
}

impl Login {
    /// The user at the registry at `registry`. Fails where the secret would travel unencrypted.
    pub fn new(registry: &Url, user: &str, secret: Secret) -> Result<Login> {
        let origin = private(registry)?;
        Ok(Login { origin, user: user.to_owned(), secret, realms: Vec::new() })
    }

    /// Lets the issuer at `realm` hear the secret when the registry sends us there. The registry's own host
    /// and the domains above it need no mention (`registry.example.com` sends to `example.com`).
    pub fn realm(mut self, realm: &Url) -> Result<Login> {
        self.realms.push(private(realm)?);
        Ok(self)
    }
}

fn no_network(error: &std::io::Error) -> Problem {
    Problem::new(Kind::Failed, "cannot prepare for the network")
        .because(error)
        .hint("allow more open files, then run the same command again: ulimit -n 1024")
}

fn private(url: &Url) -> Result<Origin> {
    let wrong = |why: String| {
        Problem::new(Kind::Config, why).hint(
            "give it an https address; CI_REGISTRY_IMAGE and CI_SERVER_URL come from GitLab, all others are shown by: \
             git hotfix doctor --config",
        )
    };
    let origin = Origin::of(url).ok_or_else(|| wrong(format!("no http or https URL: {}", url.scheme())))?;
    match origin.is_private() {
        true => Ok(origin),
        false => Err(wrong(format!("refusing to send a secret over plain http to {origin}"))),
    }
}

/// An image whose tag was resolved once: from here on nothing that moves is asked again.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// Where it was found.
    pub source: Reference,
    /// What the tag stood for: the digest of the manifest, or of the index it was taken from.
    pub digest: Digest,
    /// The digest of the image's configuration: what Heroku calls `docker_image`.
    pub config_digest: Digest,
    /// The digest of the manifest that destinations get: Docker schema 2, rewritten where the source has OCI.
    pub manifest_digest: Digest,
    /// The labels of the image, such as [`REVISION`].
    pub labels: BTreeMap<String, String>,
    /// Its layers, lowest first.
    pub layers: Vec<Blob>,
    manifest: Vec<u8>,
    config: Vec<u8>,
}

/// The label that names the commit an image was built from.
pub const REVISION: &str = "org.opencontainers.image.revision";

impl Pinned {
    /// Bytes of all layers and the configuration, each blob counted once.
    pub fn size(&self) -> u64 {
        let layers: BTreeMap<_, _> = self.layers.iter().map(|layer| (&layer.digest, layer.size)).collect();
        layers.values().sum::<u64>() + self.config.len() as u64
    }

    /// The commit it says it was built from.
    pub fn revision(&self) -> Option<&str> {
        self.labels.get(REVISION).map(String::as_str)
    }
}

/// A blob: a layer or a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What it is called.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// One image on its way to one place.
#[derive(Debug, Clone)]
pub struct Transfer<'a> {
    /// What.
    pub image: &'a Pinned,
    /// Where to, under which tag.
    pub to: Reference,
}

/// What happens while images are copied. `transfer` is the index in what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// So much of a blob has been pulled, for all who need it.
    Pulled {
        /// Which.
        blob: Digest,
        /// Bytes so far; may fall back to zero when a blob starts again.
        so_far: u64,
        /// Bytes in all.
        size: u64,
    },
    /// A blob is at the destination.
    There {
        /// For whom.
        transfer: usize,
        /// Which.
        blob: Digest,
        /// Bytes.
        size: u64,
        /// How it came there.
        how: How,
    },
    /// Something broke off and is being tried again.
    Again {
        /// In words for a person.
        what: String,
    },
    /// The image is whole at the destination and bears its tag.
    Tagged {
        /// For whom.
        transfer: usize,
    },
}

/// How a blob came to its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was there.
    Already,
    /// The registry took it from a repository next to it.
    Mounted,
    /// It was pulled and pushed.
    Uploaded,
}

/// An image that is where it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// What to release: the digest of the image's configuration (Heroku's `docker_image`).
    pub config_digest: Digest,
    /// The manifest's digest at the destination.
    pub manifest_digest: Digest,
    /// The whole image was there under this tag before.
    pub already: bool,
    /// Bytes that were sent.
    pub uploaded: u64,
    /// Bytes that the registry took from a sibling.
    pub mounted: u64,
}

/// The registries of one run: who we are at each, and the tokens they gave us.
pub struct Registries {
    options: Options,
    clock: Arc<dyn Clock>,
    wire: Arc<Wire>,
    logins: Vec<Arc<Login>>,
    clients: RefCell<HashMap<Origin, Arc<Client>>>,
    runtime: OnceCell<Runtime>,
}

impl Registries {
    /// No network yet.
    pub fn new(options: Options, clock: Arc<dyn Clock>) -> Registries {
        let wire = Arc::new(Wire::new(options.connect, options.stall));
        Registries {
            options,
            clock,
            wire,
            logins: Vec::new(),
            clients: RefCell::default(),
            runtime: OnceCell::new(),
        }
    }

    /// Says who we are at a registry; the last word for one registry counts. To be said before it is used.
    pub fn login(&mut self, login: Login) {
        self.clients.get_mut().remove(&login.origin);
        self.logins.retain(|known| known.origin != login.origin);
        self.logins.push(Arc::new(login));
    }

    /// Finds an image and pins it.
    pub fn resolve(&self, source: &Reference) -> Result<Pinned> {
        let client = self.client(source);
        let found = self.runtime()?.block_on(async {
            client.want(&source.repository, "pull").await;
            resolve::resolve(&client, source).await
        });
        found.map_err(|fault| {
            let what = match fault {
                Fault::Absent(_) => format!("no image {source}"),
                _ => format!("could not read the image {source}"),
            };
            self.explain(fault.problem(what), source, "pull from")
        })
    }

    /// Copies each image to its destination; the results stand in the order of `transfers`, and one that
    /// fails stops no other. `siblings` are repositories that may hold some of the layers already (those of
    /// the applications that are not copied to now); the registry mounts from there where it can.
    pub fn copy(
        &self,
        transfers: &[Transfer<'_>],
        siblings: &[Reference],
        progress: &mut dyn FnMut(Progress),
    ) -> Vec<Result<Copied>> {
        let runtime = match self.runtime() {
            Ok(runtime) => runtime,
            Err(problem) => return transfers.iter().map(|_| Err(problem.clone())).collect(),
        };
        let place = |transfer: &Transfer<'_>| copy::Place {
            client: self.client(&transfer.to),
            origin: transfer.to.origin.clone(),
            repository: transfer.to.repository.clone(),
            version: transfer.to.version.clone(),
            source: self.client(&transfer.image.source),
            image: transfer.image.clone(),
            name: transfer.to.to_string(),
        };
        let sibling = |reference: &Reference| copy::Sibling {
            client: self.client(reference),
            origin: reference.origin.clone(),
            repository: reference.repository.clone(),
        };
        let (sender, mut events) = mpsc::unbounded_channel();
        let places = transfers.iter().map(place).collect();
        let siblings = siblings.iter().map(sibling).collect();
        let run = Arc::new(copy::Run::new(places, siblings, self.options.retry.clone(), sender));
        let parallel = self.options.parallel;
        let results = runtime.block_on(async {
            for place in &run.places {
                place.source.want(&place.image.source.repository, "pull").await;
                place.client.want(&place.repository, "pull,push").await;
            }
            for sibling in &run.siblings {
                sibling.client.want(&sibling.repository, "pull").await;
            }
            // The run holds the only sender, so that the events end with it.
            let told = async {
                while let Some(event) = events.recv().await {
                    progress(event);
                }
            };
            tokio::join!(copy::copy(run, parallel), told).0
        });
        let explain = |(result, transfer): (Result<Copied>, &Transfer<'_>)| {
            result.map_err(|problem| self.explain(problem, &transfer.to, "push to"))
        };
        results.into_iter().zip(transfers).map(explain).collect()
    }

    /// Adds what mends a refusal.
    fn explain(&self, problem: Problem, at: &Reference, right: &str) -> Problem {
        if problem.kind != Kind::Config || !problem.hints.is_empty() {
            return problem;
        }
        let host = at.origin.host();
        let user =
            self.logins.iter().find(|login| login.origin == at.origin).map(|login| login.user.as_str());
        problem.hint(match user {
            Some(user) => {
                format!(
                    "the user {user} at {host} needs a token that may {right} {}; then run the same command again",
                    at.repository
                )
            }
            None => format!(
                "no user and token are given for {host}: set CI_REGISTRY_USER and CI_REGISTRY_PASSWORD, then run the \
                 same command again"
            ),
        })
    }

    fn client(&self, at: &Reference) -> Arc<Client> {
        let make = || {
            let login = self.logins.iter().find(|login| login.origin == at.origin).cloned();
            let session = Session::new(at.origin.clone(), login, Arc::clone(&self.clock));
            Arc::new(Client::new(
                &at.registry,
                &at.origin,
                Arc::clone(&self.wire),
                session,
                self.options.clone(),
            ))
        };
        Arc::clone(self.clients.borrow_mut().entry(at.origin.clone()).or_insert_with(make))
    }

    /// One for all calls: connections live in it.
    fn runtime(&self) -> Result<&Runtime> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| no_network(&error))?;
        Ok(self.runtime.get_or_init(|| runtime))
    }
}
