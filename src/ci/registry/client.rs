//! The verbs of one registry (the distribution specification), each sent with the right token.
//!
//! Owns the mapping of answers to [`Fault`]s, following a blob to object storage (by hand, and without
//! credentials), and keeping upload addresses on the registry's own origin. Each verb is sent once, and once
//! more where the token had run out; everything else is decided by who calls.

use std::sync::Arc;

use url::Url;

use super::auth::Session;
use super::fault::{Fault, answered, explanation};
use super::manifest::{ACCEPT, DOCKER};
use super::{Blob, Digest, Options, Version};
use crate::http::wire::{Answer, Call, Feed, Load, Wire};
use crate::http::{Error, Method, Origin};

/// The longest manifest that is read; registries take no longer ones.
const MANIFEST_CAP: usize = 4 << 20;

/// The longest error that is read.
const ERROR_CAP: usize = 64 << 10;

/// From the registry to object storage is one step, at times two.
const REDIRECTS: usize = 3;

/// A registry whose disk once ran full stumbles over the empty file that it left where a name should point to
/// its blob, until the blob is put there again. So it counts as not there.
const STUMBLED: u16 = 500;

/// One registry.
pub(super) struct Client {
    base: Url,
    origin: Origin,
    wire: Arc<Wire>,
    session: Session,
    options: Options,
}

/// How an upload begins.
pub(super) enum Begun {
    /// The registry took the blob from the other repository: nothing is left to do.
    Mounted,
    /// Where to send the bytes.
    Upload(Url),
}

/// A manifest as it was served.
pub(super) struct Served {
    pub(super) bytes: Vec<u8>,
    pub(super) content_type: String,
    pub(super) digest: Option<String>,
}

impl Client {
    pub(super) fn new(
        base: &Url,
        origin: &Origin,
        wire: Arc<Wire>,
        session: Session,
        options: Options,
    ) -> Client {
        Client { base: base.clone(), origin: origin.clone(), wire, session, options }
    }

    pub(super) fn host(&self) -> String {
        self.origin.host()
    }

    /// Something broke off.
    pub(super) fn cut(&self, why: &str) -> Fault {
        Fault::Cut(Error::Unreachable { origin: self.origin.clone(), why: why.to_owned() })
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// From now on we may want this from a repository: `pull`, or `pull,push`.
    pub(super) async fn want(&self, repository: &str, actions: &str) {
        self.session.want(format!("repository:{repository}:{actions}")).await;
    }

    /// The manifest or index, in any form that we understand.
    pub(super) async fn manifest(&self, repository: &str, version: &Version) -> Result<Served, Fault> {
        let headers = vec![("accept", ACCEPT.join(", "))];
        let url = self.manifest_url(repository, version);
        let answer = self.ask(Method::Get, &url, headers).await?;
        if answer.status() != 200 {
            return Err(self.fault(answer).await);
        }
        let text = |name: &str| answer.header(name).map(str::to_owned);
        let content_type = text("content-type").unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
        let digest = text("docker-content-digest");
        Ok(Served { content_type, digest, bytes: answer.whole(MANIFEST_CAP).await? })
    }

    /// The digest of what stands there under this name, if the registry tells.
    pub(super) async fn tagged(&self, repository: &str, version: &Version) -> Result<Option<String>, Fault> {
        let headers = vec![("accept", DOCKER.to_owned())];
        let answer = self.ask(Method::Head, &self.manifest_url(repository, version), headers).await?;
        match answer.status() {
            200 => Ok(answer.header("docker-content-digest").map(str::to_owned)),
            404 | STUMBLED => Ok(None),
            _ => Err(self.fault(answer).await),
        }
    }

    /// Puts a manifest under a name.
    pub(super) async fn tag(
        &self,
        repository: &str,
        version: &Version,
        manifest: &[u8],
    ) -> Result<(), Fault> {
        let url = self.manifest_url(repository, version);
        let headers = || vec![("content-type", DOCKER.to_owned())];
        let answer =
            self.authorized(|| (Method::Put, url.clone(), headers(), Load::Whole(manifest.to_vec()))).await?;
        match answer.status() {
            200..=202 => Ok(()),
            _ => Err(self.fault(answer).await),
        }
    }

    /// Whether the whole blob is in the repository.
    pub(super) async fn has(&self, repository: &str, blob: &Blob) -> Result<bool, Fault> {
        let answer = self.ask(Method::Head, &self.blob_url(repository, &blob.digest), Vec::new()).await?;
        match answer.status() {
            // Some registries send the question on to where the blob lies; that they know it is enough.
            200 | 307 | 302 => {
                let length = answer.header("content-length").and_then(|length| length.parse::<u64>().ok());
                Ok(answer.status() != 200 || length.is_none_or(|length| length == blob.size))
            }
            404 | STUMBLED => Ok(false),
            _ => Err(self.fault(answer).await),
        }
    }

    /// The bytes of a blob from `from` on, and whether the answer really begins there.
    pub(super) async fn open(
        &self,
        repository: &str,
        digest: &Digest,
        from: u64,
    ) -> Result<(Answer, bool), Fault> {
        let range = || match from {
            0 => Vec::new(),
            _ => vec![("range", format!("bytes={from}-"))],
        };
        let mut url = self.blob_url(repository, digest);
        let mut answer = self.ask(Method::Get, &url, range()).await?;
        for _ in 0..REDIRECTS {
            if !matches!(answer.status(), 301 | 302 | 303 | 307 | 308) {
                break;
            }
            url = elsewhere(&url, answer.header("location")).map_err(Fault::Wrong)?;
            // The address itself is the permission there; our credentials are for the registry alone.
            let call = Call {
                method: Method::Get,
                url: url.clone(),
                token: None,
                headers: range(),
                load: Load::None,
            };
            answer = self.no_page(self.wire.send(call, Some(self.wire.stall())).await?)?;
        }
        let starts = answer.header("content-range").and_then(|range| range.strip_prefix("bytes "));
        let starts = starts.and_then(|range| range.split_once('-')).and_then(|(start, _)| start.parse().ok());
        match answer.status() {
            200 => Ok((answer, from == 0)),
            206 if starts == Some(from) => Ok((answer, true)),
            206 => Err(Fault::Wrong(format!("{} served another range than was asked for", self.host()))),
            _ => Err(self.fault(answer).await),
        }
    }

    /// Begins an upload, or spares it by taking the blob from a repository next to it.
    pub(super) async fn begin(
        &self,
        repository: &str,
        mount: Option<(&Digest, &str)>,
    ) -> Result<Begun, Fault> {
        let mut url = self.url(&format!("{repository}/blobs/uploads/"));
        if let Some((digest, from)) = mount {
            url.query_pairs_mut().append_pair("mount", digest.as_str()).append_pair("from", from);
        }
        let answer = self.authorized(|| (Method::Post, url.clone(), Vec::new(), Load::None)).await?;
        match answer.status() {
            201 => Ok(Begun::Mounted),
            202 => Ok(Begun::Upload(self.upload(&url, answer.header("location"))?)),
            _ => Err(self.fault(answer).await),
        }
    }

    /// Sends the bytes. The answer to a body that flows cannot be awaited by the clock: who feeds it watches.
    pub(super) async fn send(&self, upload: Url, feed: Feed, length: u64) -> Result<Url, Fault> {
        let pass = self.session.pass(&self.wire).await?;
        let headers = vec![
            ("content-type", "application/octet-stream".to_owned()),
            ("content-length", length.to_string()),
        ];
        let token = pass.token.as_ref();
        let call =
            Call { method: Method::Patch, url: upload.clone(), token, headers, load: Load::Feed(feed) };
        let answer = self.wire.send(call, None).await?;
        match answer.status() {
            202 | 204 => self.upload(&upload, answer.header("location")),
            401 => {
                self.session.refused(&pass, answer.header("www-authenticate"), &self.wire).await?;
                Err(Fault::Renewed)
            }
            _ => Err(self.fault(answer).await),
        }
    }

    /// Ends an upload: the registry checks the digest itself.
    pub(super) async fn finish(&self, upload: Url, digest: &Digest) -> Result<(), Fault> {
        let mut url = upload;
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let headers = || vec![("content-type", "application/octet-stream".to_owned())];
        let answer =
            self.authorized(|| (Method::Put, url.clone(), headers(), Load::Whole(Vec::new()))).await?;
        match answer.status() {
            201 | 204 => Ok(()),
            _ => Err(self.fault(answer).await),
        }
    }

    /// Gives an upload up. Registries also clean up by themselves, so a failure here is none.
    pub(super) async fn cancel(&self, upload: Url) {
        let _ = self.authorized(|| (Method::Delete, upload.clone(), Vec::new(), Load::None)).await;
    }

    async fn ask(
        &self,
        method: Method,
        url: &Url,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Answer, Fault> {
        self.authorized(|| (method, url.clone(), headers.clone(), Load::None)).await
    }

    /// Sends what `make` makes, and again with a new token where the first was refused.
    async fn authorized(
        &self,
        make: impl Fn() -> (Method, Url, Vec<(&'static str, String)>, Load),
    ) -> Result<Answer, Fault> {
        let mut renewed = false;
        loop {
            let pass = self.session.pass(&self.wire).await?;
            let (method, url, headers, load) = make();
            let patience = match method {
                Method::Put => self.options.commit,
                _ => self.wire.stall(),
            };
            let call = Call { method, url, token: pass.token.as_ref(), headers, load };
            let answer = self.wire.send(call, Some(patience)).await?;
            if answer.status() != 401 || renewed {
                return self.no_page(answer);
            }
            self.session.refused(&pass, answer.header("www-authenticate"), &self.wire).await?;
            renewed = true;
        }
    }

    /// Refuses a page for people where it says that all is well: nobody of ours has answered.
    fn no_page(&self, answer: Answer) -> Result<Answer, Fault> {
        let html = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        match html && answer.status() < 300 {
            true => Err(self.cut("a page answers (a sign-in page, proxy or captive portal in between?)")),
            false => Ok(answer),
        }
    }

    /// What an answer that is none of the good ones means.
    async fn fault(&self, answer: Answer) -> Fault {
        let (status, after) = (answer.status(), answer.retry_after());
        // The answer is clear without its explanation.
        let body = answer.whole(ERROR_CAP).await.unwrap_or_default();
        let why = self.session.redact(&explanation(&body));
        let why = match (300..400).contains(&status) {
            true => answered(&self.host(), status, "it sends us elsewhere, where nobody is asked"),
            false => answered(&self.host(), status, &why),
        };
        match status {
            401 | 403 => Fault::Denied(why),
            404 => Fault::Absent(why),
            408 | 429 | 502..=504 => Fault::Busy { after, why },
            // Out of space stays out of space.
            507 => Fault::Refused(why),
            500.. => Fault::Broken(why),
            _ => Fault::Refused(why),
        }
    }

    fn manifest_url(&self, repository: &str, version: &Version) -> Url {
        match version {
            Version::Tag(tag) => self.url(&format!("{repository}/manifests/{tag}")),
            Version::Digest(digest) => self.url(&format!("{repository}/manifests/{digest}")),
        }
    }

    fn blob_url(&self, repository: &str, digest: &Digest) -> Url {
        self.url(&format!("{repository}/blobs/{digest}"))
    }

    /// Names of repositories, tags and digests hold no character that means anything in a path.
    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{path}"));
        url
    }

    /// The address of an upload, which must be the registry's own. Behind a proxy that ends TLS registries
    /// name their plain address; the same place is then meant.
    fn upload(&self, asked: &Url, location: Option<&str>) -> Result<Url, Fault> {
        let wrong = |why: String| Fault::Foreign(format!("{} began an upload {why}", self.host()));
        let location = location.ok_or_else(|| wrong("without saying where".to_owned()))?;
        let mut url = asked.join(location).map_err(|_| wrong(format!("at no address: {location}")))?;
        if url.scheme() == "http" && !self.origin.is_plain() && url.host() == self.base.host() {
            let _ = url.set_scheme("https").and_then(|()| url.set_port(self.base.port()));
        }
        match Origin::of(&url).as_ref() == Some(&self.origin) {
            true => Ok(url),
            false => Err(wrong(format!("at another place: {}", url.host_str().unwrap_or(location)))),
        }
    }
}

/// Where a blob lies. Never from https to http.
fn elsewhere(asked: &Url, location: Option<&str>) -> Result<Url, String> {
    let from = asked.host_str().unwrap_or_default();
    let location = location.ok_or_else(|| format!("{from} sent us elsewhere without saying where"))?;
    let url = asked.join(location).map_err(|_| format!("{from} sent us to no address"))?;
    let safe = match (asked.scheme(), url.scheme()) {
        (_, "https") => true,
        ("http", "http") => Origin::of(&url).is_some_and(|origin| origin.is_loopback()),
        _ => false,
    };
    match safe {
        true => Ok(url),
        false => {
            Err(format!("{from} sent us to {}, which is not encrypted", url.host_str().unwrap_or("nowhere")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_followed_to_storage_but_never_into_the_open() {
        let follow = |from: &str, location: &str| {
            elsewhere(&Url::parse(from).unwrap(), Some(location)).map(String::from)
        };
        let registry = "https://registry.example/v2/a/blobs/x";
        assert_eq!(follow(registry, "https://s3.example/b?sig=1").unwrap(), "https://s3.example/b?sig=1");
        assert_eq!(follow(registry, "/other").unwrap(), "https://registry.example/other");
        let open = follow(registry, "http://s3.example/b?sig=1").unwrap_err();
        assert_eq!(open, "registry.example sent us to s3.example, which is not encrypted");
        assert!(follow(registry, "http://127.0.0.1/b").is_err());
        assert!(follow("http://127.0.0.1:5000/v2/", "http://127.0.0.1:9000/b").is_ok());
        assert!(follow("http://127.0.0.1:5000/v2/", "http://10.0.0.1/b").is_err());
        assert!(follow(registry, "ftp://s3.example/b").is_err());
    }
}
