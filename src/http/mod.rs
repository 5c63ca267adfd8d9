//! The one HTTP client: blocking, built on first use, bound to one origin.
//!
//! It owns time-outs, the caps on what is read, the retry of reads, and the token. Its rules:
//!
//! - a token goes to the origin it was given for and nowhere else: redirects are never followed, and
//!   only paths below the base can be asked for ([`Request`]);
//! - reads are tried again on connection errors, 429, 5xx and a resource lock; writes never are. A
//!   write whose outcome is unknown is [`Error::Ambiguous`], and the caller reads back;
//! - an answer is whole or it is an error; its length is capped after decompression.
//!
//! It knows nothing of GitLab, prints nothing, and keeps no secret in any text it returns.

mod answer;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod origin;
mod request;
mod retry;
#[cfg(test)]
pub(crate) mod scripted;
mod secret;
#[cfg(test)]
mod tests;
mod token;
pub mod wire;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::blocking;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use url::Url;

use crate::clock::Clock;
use crate::trace;

use error::{caused_by_tls, deepest};

pub use answer::RateLimit;
pub use error::Error;
pub use origin::Origin;
pub use request::{Method, Request, Response, encode};
pub use retry::{Retry, jitter};
pub use secret::{MASK, Secret, mask_prefixes};
pub use token::Token;

/// The longest JSON body that is read, after decompression.
pub const BODY_CAP: usize = 8 << 20;

/// Time-outs and retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For the TCP and TLS handshakes.
    pub connect: Duration,
    /// For a read until its answer begins, and for each piece of any body.
    pub read: Duration,
    /// For one whole exchange; also how long a write may take until its answer begins.
    pub total: Duration,
    /// How reads are tried again.
    pub retry: Retry,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            total: Duration::from_secs(60),
            retry: Retry::default(),
        }
    }
}

/// A client for one base URL. Making one costs nothing: no network, no TLS set-up.
pub struct Http {
    base: Url,
    origin: Origin,
    token: Option<Token>,
    options: Options,
    clock: Arc<dyn Clock>,
    client: OnceLock<Result<blocking::Client, String>>,
    requests: AtomicU64,
    seen: Mutex<Seen>,
}

/// What answers told in passing.
#[derive(Default)]
struct Seen {
    offset: Option<SignedDuration>,
    rate_limit: Option<RateLimit>,
}

impl Http {
    /// A client for paths below `base`, whose own path is kept as a prefix. Fails when the token is
    /// bound to another origin or would travel over plain http.
    pub fn new(
        base: &Url,
        token: Option<Token>,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Http, Error> {
        let origin = Origin::of(base)
            .ok_or_else(|| Error::Impossible { what: format!("no http or https URL: {}", base.scheme()) })?;
        if let Some(token) = &token {
            if token.origin != origin {
                return Err(Error::WrongOrigin { token: token.origin.clone(), asked: origin });
            }
            if !origin.is_private() {
                return Err(Error::Plain { origin });
            }
        }
        let mut base = base.clone();
        base.set_query(None);
        base.set_fragment(None);
        // The token travels in a header only.
        if base.set_username("").and_then(|()| base.set_password(None)).is_err() {
            return Err(Error::Impossible { what: format!("no user may stand in the URL of {origin}") });
        }
        let (client, requests, seen) = (OnceLock::new(), AtomicU64::new(0), Mutex::default());
        Ok(Http { base, origin, token, options, clock, client, requests, seen })
    }

    /// Where this client talks to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether requests carry a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// How many requests were sent so far, each attempt counted.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The present moment by the server's clock, as far as its answers told it.
    pub fn server_now(&self) -> Timestamp {
        let now = self.clock.now();
        let offset = self.seen.lock().unwrap_or_else(PoisonError::into_inner).offset;
        offset.and_then(|offset| now.checked_add(offset).ok()).unwrap_or(now)
    }

    /// What the server last said about its rate limit, if it says anything.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).rate_limit
    }

    /// Takes the token, and what looks like one, out of a text.
    pub fn redact(&self, text: &str) -> String {
        match &self.token {
            Some(token) => token.secret.redact(text),
            None => mask_prefixes(text),
        }
    }

    /// Sends a request and reads the whole answer, whatever its status, but for a write that was
    /// answered 5xx: its outcome is unknown. Reads are tried again as [`Retry`] says.
    pub fn send(&self, request: &Request) -> Result<Response, Error> {
        self.attempts(request, |answer| {
            let mut response = self.head(&answer);
            response.body = self.read_whole(request, answer)?;
            Ok(response)
        })
    }

    /// Sends a read and hands over the body piece by piece, until `take` breaks. Only an answer of 2xx
    /// is handed over; the body of any other is in the response, as with [`Http::send`]. A body that
    /// breaks off is an error, and pieces already taken are then not the whole.
    pub fn stream(
        &self,
        request: &Request,
        take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Response, Error> {
        let mut begun = None;
        let response = self.attempts(request, |answer| {
            let mut response = self.head(&answer);
            if response.is_success() {
                begun = Some(answer);
            } else {
                response.body = self.read_whole(request, answer)?;
            }
            Ok(response)
        })?;
        if let Some(answer) = begun {
            self.read_pieces(answer, take).map_err(|why| self.unreachable(&why))?;
        }
        Ok(response)
    }

    fn attempts(
        &self,
        request: &Request,
        mut receive: impl FnMut(blocking::Response) -> Result<Response, Error>,
    ) -> Result<Response, Error> {
        let start = self.clock.elapsed();
        for tried in 1_u32.. {
            let outcome = {
                let _region = trace::region("http", || self.redact(&request.call()));
                self.attempt(request).and_then(&mut receive)
            };
            let again = match &outcome {
                Ok(response) => worth_retrying(response),
                Err(error) => matches!(error, Error::Unreachable { .. }),
            };
            if !request.method.reads() {
                return match outcome {
                    Ok(response) if response.status >= 500 => Err(Error::Ambiguous {
                        call: self.redact(&request.call()),
                        why: format!("{} answered {}", self.origin.host(), response.status),
                    }),
                    outcome => outcome,
                };
            }
            let asked = outcome.as_ref().ok().and_then(|response| response.retry_after);
            let waited = self.clock.elapsed().saturating_sub(start);
            match self.options.retry.pause(tried, waited, asked).filter(|_| again) {
                Some(pause) => self.clock.sleep(pause),
                None => return outcome,
            }
        }
        Err(self.unreachable("tried too often"))
    }

    /// Sends the request once; the answer's body is still to be read.
    fn attempt(&self, request: &Request) -> Result<blocking::Response, Error> {
        let client = self.client()?;
        let url = self.url(request)?;
        let mut builder = client.request(request.method.into(), url);
        if request.method.reads() {
            builder = builder.timeout(self.options.read);
        }
        builder = builder.header(ACCEPT, request.accept);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(value) = self.token.as_ref().and_then(Token::header) {
            builder = builder.header(AUTHORIZATION, value);
        }
        if let Some((content_type, bytes)) = &request.body {
            builder = builder.header(CONTENT_TYPE, *content_type).body(bytes.clone());
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        builder.send().map_err(|error| self.failed_to_send(request, &error))
    }

    fn failed_to_send(&self, request: &Request, error: &reqwest::Error) -> Error {
        let why = self.redact(&deepest(error));
        if caused_by_tls(error) {
            return Error::Tls { origin: self.origin.clone(), why };
        }
        // Without a connection nothing can have arrived.
        if error.is_connect() || request.method.reads() {
            return Error::Unreachable { origin: self.origin.clone(), why };
        }
        Error::Ambiguous { call: self.redact(&request.call()), why }
    }

    fn url(&self, request: &Request) -> Result<Url, Error> {
        let path = request.path.as_ref().map_err(|segment| Error::Impossible {
            what: format!("\u{201c}{segment}\u{201d} cannot be part of a path"),
        })?;
        let mut url = self.base.clone();
        let path = format!("{}{path}", self.base.path().trim_end_matches('/'));
        url.set_path(&path);
        // A parser that read the path in another way would send the token to another route.
        if url.path() != path || Origin::of(&url).as_ref() != Some(&self.origin) {
            return Err(Error::Impossible { what: format!("no usable path: {path}") });
        }
        if !request.query.is_empty() {
            let pairs: Vec<String> =
                request.query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
            url.set_query(Some(&pairs.join("&")));
        }
        Ok(url)
    }

    fn unreachable(&self, why: &str) -> Error {
        Error::Unreachable { origin: self.origin.clone(), why: self.redact(why) }
    }

    fn client(&self) -> Result<&blocking::Client, Error> {
        let client = self.client.get_or_init(|| self.build().map_err(|error| deepest(&error)));
        client.as_ref().map_err(|why| Error::Tls { origin: self.origin.clone(), why: why.clone() })
    }

    fn build(&self) -> reqwest::Result<blocking::Client> {
        blocking::ClientBuilder::from(builder(&self.origin, self.options.connect))
            .timeout(self.options.total)
            .build()
    }
}

/// What all clients have in common: they ask where they are told to, once, and nowhere else.
fn builder(origin: &Origin, connect: Duration) -> reqwest::ClientBuilder {
    // Someone else may have installed it before; one provider is as good as the other.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("git-hotfix/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(connect)
        .pool_idle_timeout(Duration::from_secs(20));
    match origin.is_plain() && origin.is_loopback() {
        // No proxy may see what was allowed to stay unencrypted, and no TLS means no trust store.
        true => builder.no_proxy().tls_certs_only([]),
        false => builder,
    }
}

/// Whether a read that was answered so is worth another attempt.
fn worth_retrying(response: &Response) -> bool {
    match response.status {
        429 | 500 | 502 | 503 | 504 => true,
        // GitLab says "409 Conflict: Resource lock" while another request holds a row.
        409 => String::from_utf8_lossy(&response.body).contains("Resource lock"),
        _ => false,
    }
}
