//! The embedded container registry: the distribution API as far as pulling and pushing need it, in memory.
//!
//! For rehearsals and tests on one machine; what registries really do is tested with real ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::fault::{self, FaultPlan, What};
use super::host::{Hosted, listen};
use super::respond::{Answer, Reply};
use super::serve::{Exchange, Served, Shared, Wire};
use crate::error::Result;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A running embedded registry. Dropping it stops it.
#[derive(Debug)]
pub struct Registry {
    hosted: Hosted<Store>,
}

/// What a registry holds, and who may ask.
#[derive(Debug, Clone, Default)]
pub struct Store {
    origin: String,
    login: Option<(String, String)>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Which repository has which blob.
    links: BTreeSet<(String, String)>,
    /// Manifests by repository and by tag or digest.
    manifests: BTreeMap<(String, String), Vec<u8>>,
    uploads: BTreeMap<u64, Vec<u8>>,
    last_upload: u64,
}

impl Registry {
    /// Serves a store on loopback, on threads of its own.
    pub fn start(mut store: Store) -> Result<Registry> {
        let listening = listen(0, "registry")?;
        store.origin = listening.origin.clone();
        Ok(Registry { hosted: Hosted::start(listening, store)? })
    }

    /// Its address, as `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        self.with_store(|store| store.origin.clone())
    }

    /// Looks at or changes what it holds, between requests.
    pub fn with_store<T>(&self, act: impl FnOnce(&mut Store) -> T) -> T {
        self.hosted.with_world(act)
    }

    /// Every exchange so far, in order.
    pub fn requests(&self) -> Vec<Exchange> {
        self.hosted.requests()
    }

    /// Makes something go wrong.
    pub fn inject(&self, plan: FaultPlan) {
        self.hosted.inject(plan);
    }

    /// Nothing goes wrong any more.
    pub fn lift_faults(&self) {
        self.hosted.lift_faults();
    }

    /// How many of the injected faults have struck.
    pub fn faults_triggered(&self) -> u64 {
        self.hosted.faults_triggered()
    }
}

impl Store {
    /// An empty store, for whoever shows this user and password.
    pub fn new(user: &str, password: &str) -> Store {
        Store { login: Some((user.to_owned(), password.to_owned())), ..Store::default() }
    }

    /// Puts an image of these layers into a repository, as if it had been built from `commit`; none leaves the
    /// label out. Gives the digest of its configuration.
    pub fn add_image(
        &mut self,
        repository: &str,
        tag: &str,
        layers: &[&[u8]],
        commit: Option<&str>,
    ) -> String {
        let labels = commit.map(|commit| json!({"org.opencontainers.image.revision": commit}));
        let layers: Vec<String> = layers.iter().map(|layer| self.keep(repository, layer.to_vec())).collect();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": layers},
        });
        let config = self.keep(repository, config.to_string().into_bytes());
        let described = |media_type: &str, digest: &str| {
            let size = self.blobs.get(digest).map_or(0, Vec::len);
            json!({"mediaType": media_type, "size": size, "digest": digest})
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described("application/vnd.docker.container.image.v1+json", &config),
            "layers": layers
                .iter()
                .map(|layer| described("application/vnd.docker.image.rootfs.diff.tar.gzip", layer))
                .collect::<Vec<_>>(),
        });
        self.tag(repository, tag, manifest.to_string().into_bytes());
        config
    }

    /// The digest of the configuration that a tag stands for.
    pub fn image(&self, repository: &str, tag: &str) -> Option<String> {
        let manifest = self.manifests.get(&(repository.to_owned(), tag.to_owned()))?;
        let manifest: serde_json::Value = serde_json::from_slice(manifest).ok()?;
        manifest["config"]["digest"].as_str().map(str::to_owned)
    }

    fn keep(&mut self, repository: &str, bytes: Vec<u8>) -> String {
        let digest = digest(&bytes);
        self.links.insert((repository.to_owned(), digest.clone()));
        self.blobs.insert(digest.clone(), bytes);
        digest
    }

    fn tag(&mut self, repository: &str, tag: &str, manifest: Vec<u8>) -> String {
        let digest = digest(&manifest);
        for name in [tag, &digest] {
            self.manifests.insert((repository.to_owned(), name.to_owned()), manifest.clone());
        }
        digest
    }

    fn has(&self, repository: &str, digest: &str) -> bool {
        self.links.contains(&(repository.to_owned(), digest.to_owned()))
    }

    fn answer(&mut self, wire: &Wire) -> Reply {
        if let Some((user, password)) = &self.login
            && !wire.credentials.are(user, password)
        {
            let denied = refused(401, "UNAUTHORIZED", "authentication required");
            return Err(denied.with("www-authenticate", "Basic realm=\"sim\""));
        }
        let path = wire.path.strip_prefix("/v2/").unwrap_or_default();
        if path.is_empty() {
            return Ok(Answer::json(200, &json!({})));
        }
        let query = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(wire.query.as_bytes());
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        if let Some((repository, which)) = path.split_once("/manifests/") {
            return self.manifest(wire, repository, which);
        }
        if let Some((repository, upload)) = path.split_once("/blobs/uploads/") {
            return match (wire.method.as_str(), upload) {
                ("POST", "") => Ok(self.begin(repository, query("mount"), query("from"))),
                (method, upload) => self.upload(wire, method, repository, upload, query("digest")),
            };
        }
        let unknown = || refused(404, "BLOB_UNKNOWN", "blob unknown to registry");
        let (repository, digest) = path.split_once("/blobs/").ok_or_else(unknown)?;
        let blob = self.blobs.get(digest).filter(|_| self.has(repository, digest)).ok_or_else(unknown)?;
        let from = wire.range.strip_prefix("bytes=").and_then(|range| range.split('-').next()?.parse().ok());
        let (status, from) = from.map_or((200, 0), |from: usize| (206, from.min(blob.len())));
        let mut answer = Answer::text(status, &blob[from..]).with("docker-content-digest", digest);
        if status == 206 {
            let last = blob.len().saturating_sub(1);
            answer = answer.with("content-range", format!("bytes {from}-{last}/{}", blob.len()));
        }
        Ok(answer)
    }

    fn manifest(&mut self, wire: &Wire, repository: &str, which: &str) -> Reply {
        if wire.method == "PUT" {
            let manifest: serde_json::Value = serde_json::from_slice(&wire.body)
                .map_err(|_| refused(400, "MANIFEST_INVALID", "manifest invalid"))?;
            let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
            let missing = layers
                .iter()
                .chain([&manifest["config"]])
                .filter_map(|blob| blob["digest"].as_str())
                .find(|digest| !self.has(repository, digest));
            if let Some(missing) = missing {
                return Err(refused(400, "MANIFEST_BLOB_UNKNOWN", missing));
            }
            let digest = self.tag(repository, which, wire.body.clone());
            return Ok(Answer::empty(201)
                .with("location", format!("/v2/{repository}/manifests/{digest}"))
                .with("docker-content-digest", digest));
        }
        let found = self.manifests.get(&(repository.to_owned(), which.to_owned()));
        let bytes = found.ok_or_else(|| refused(404, "MANIFEST_UNKNOWN", "manifest unknown"))?;
        let headers = vec![("content-type", MANIFEST.to_owned()), ("docker-content-digest", digest(bytes))];
        Ok(Answer { status: 200, headers, body: bytes.clone() })
    }

    fn begin(&mut self, repository: &str, mount: Option<String>, from: Option<String>) -> Answer {
        if let (Some(blob), Some(from)) = (mount, from)
            && self.has(&from, &blob)
        {
            self.links.insert((repository.to_owned(), blob.clone()));
            return Answer::empty(201)
                .with("location", format!("/v2/{repository}/blobs/{blob}"))
                .with("docker-content-digest", blob);
        }
        self.last_upload += 1;
        self.uploads.insert(self.last_upload, Vec::new());
        Answer::empty(202).with("location", format!("/v2/{repository}/blobs/uploads/{}", self.last_upload))
    }

    fn upload(
        &mut self,
        wire: &Wire,
        method: &str,
        repository: &str,
        upload: &str,
        wanted: Option<String>,
    ) -> Reply {
        let unknown = || refused(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
        let number: u64 = upload.parse().map_err(|_| unknown())?;
        let bytes = self.uploads.get_mut(&number).ok_or_else(unknown)?;
        bytes.extend_from_slice(&wire.body);
        match (method, wanted) {
            ("PATCH", _) => Ok(Answer::empty(202)
                .with("location", format!("/v2/{repository}/blobs/uploads/{number}"))
                .with("range", format!("0-{}", bytes.len().saturating_sub(1)))),
            ("PUT", Some(wanted)) => {
                let bytes = self.uploads.remove(&number).unwrap_or_default();
                if digest(&bytes) != wanted {
                    return Err(refused(
                        400,
                        "DIGEST_INVALID",
                        "provided digest did not match uploaded content",
                    ));
                }
                self.keep(repository, bytes);
                Ok(Answer::empty(201)
                    .with("location", format!("/v2/{repository}/blobs/{wanted}"))
                    .with("docker-content-digest", wanted))
            }
            ("DELETE", _) => {
                self.uploads.remove(&number);
                Ok(Answer::empty(204))
            }
            _ => Err(refused(501, "UNSUPPORTED", "the embedded registry does not know this")),
        }
    }
}

impl Served for Store {
    fn is_api(_path: &str) -> bool {
        // Layers are not text.
        false
    }

    fn handle(shared: &Shared<Store>, wire: Wire, _stale: bool) -> (Answer, Option<String>) {
        let answer = shared.world().answer(&wire).unwrap_or_else(|refusal| refusal);
        (answer.with("docker-distribution-api-version", "registry/2.0"), None)
    }

    fn in_place_of_answer(what: &What) -> Option<Answer> {
        fault::answer(what)
    }

    fn settle(&mut self) {}
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"errors": [{"code": code, "message": message}]}))
}

fn digest(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
