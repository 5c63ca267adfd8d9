//! Exchanges whose bodies flow: what container registries need beside [`Http`](super::Http).
//!
//! Owns the same promises: a token goes to the origin it was given for and nowhere else, redirects are never
//! followed, nothing but loopback is spoken to in plain http, and no text holds a secret. It sends each call
//! once: content that is named by its digest may be sent again, and who sends it knows when that is worth it.
//!
//! This is the one asynchronous client: several streams go both ways at once.

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;

use super::error::{caused_by_tls, deepest};
use super::{Error, Method, Origin, Token, builder};

/// A client for any number of origins. Making one costs nothing.
pub struct Wire {
    connect: Duration,
    stall: Duration,
    far: OnceLock<Result<reqwest::Client, String>>,
    here: OnceLock<Result<reqwest::Client, String>>,
}

/// One request, to be sent once.
pub struct Call<'a> {
    /// What it does.
    pub method: Method,
    /// Where to. May be an address that a server named: the token decides where it goes itself.
    pub url: Url,
    /// Who asks.
    pub token: Option<&'a Token>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub load: Load,
}

/// What a request sends.
pub enum Load {
    /// Nothing.
    None,
    /// What is in memory.
    Whole(Vec<u8>),
    /// What comes piece by piece.
    Feed(Feed),
}

impl Wire {
    /// Waits `connect` for the handshakes and `stall` for an answer to begin and for each piece of it.
    pub fn new(connect: Duration, stall: Duration) -> Wire {
        Wire { connect, stall, far: OnceLock::new(), here: OnceLock::new() }
    }

    /// The longest wait for a piece.
    pub fn stall(&self) -> Duration {
        self.stall
    }

    /// Sends it and waits for the answer to begin: `patience` from now, or for ever where the caller watches
    /// over what it feeds. Its body is still to be read.
    pub async fn send(&self, call: Call<'_>, patience: Option<Duration>) -> Result<Answer, Error> {
        let origin = Origin::of(&call.url).ok_or_else(|| Error::Impossible {
            what: format!("no http or https URL: {}", call.url.scheme()),
        })?;
        if !origin.is_private() {
            return Err(Error::Plain { origin });
        }
        if let Some(token) = call.token.filter(|token| token.origin != origin) {
            return Err(Error::WrongOrigin { token: token.origin.clone(), asked: origin });
        }
        let redact = |text: &str| match call.token {
            Some(token) => token.secret.redact(text),
            None => super::mask_prefixes(text),
        };
        let unreachable = |why: String| Error::Unreachable { origin: origin.clone(), why };
        let mut request = self.client(&origin)?.request(call.method.into(), call.url);
        if let Some(value) = call.token.and_then(Token::header) {
            request = request.header(AUTHORIZATION, value);
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        request = match call.load {
            Load::None => request,
            Load::Whole(bytes) => request.body(bytes),
            Load::Feed(feed) => request.body(reqwest::Body::wrap(feed)),
        };
        let sent = match patience {
            Some(patience) => timeout(patience, request.send())
                .await
                .map_err(|_| unreachable(format!("no answer within {} s", patience.as_secs_f64().ceil())))?,
            None => request.send().await,
        };
        match sent {
            Ok(inner) => Ok(Answer { origin, stall: self.stall, inner }),
            Err(error) if caused_by_tls(&error) => {
                Err(Error::Tls { origin: origin.clone(), why: redact(&deepest(&error)) })
            }
            Err(error) => Err(unreachable(redact(&deepest(&error)))),
        }
    }

    fn client(&self, origin: &Origin) -> Result<&reqwest::Client, Error> {
        let cell = if origin.is_plain() { &self.here } else { &self.far };
        // Blobs are compressed already, and their digest is over what is sent.
        let make = || builder(origin, self.connect).no_gzip().build().map_err(|error| deepest(&error));
        let client = cell.get_or_init(make);
        client.as_ref().map_err(|why| Error::Tls { origin: origin.clone(), why: why.clone() })
    }
}

/// An answer whose body is still to be read.
pub struct Answer {
    origin: Origin,
    stall: Duration,
    inner: reqwest::Response,
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// What `Retry-After` asks for, in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.header("retry-after")?.trim().parse().ok()?))
    }

    /// The next piece of the body; none at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let why = match timeout(self.stall, self.inner.chunk()).await {
            Ok(Ok(piece)) => return Ok(piece),
            Ok(Err(error)) => format!("the answer broke off: {}", deepest(&error)),
            Err(_) => format!("the answer stood still for {} s", self.stall.as_secs_f64().ceil()),
        };
        Err(Error::Unreachable { origin: self.origin.clone(), why: super::mask_prefixes(&why) })
    }

    /// The whole body, if it is no longer than `cap` bytes.
    pub async fn whole(mut self, cap: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            if body.len() + piece.len() > cap {
                return Err(Error::TooLarge { call: format!("a question to {}", self.origin), cap });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

/// The body of a request, fed from elsewhere.
pub struct Feed {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
}

impl Feed {
    /// A body of exactly `length` bytes, and where to put them. Few pieces wait in between.
    pub fn new(length: u64) -> (mpsc::Sender<Bytes>, Feed) {
        let (sender, pieces) = mpsc::channel(2);
        (sender, Feed { pieces, left: length })
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.pieces.poll_recv(context).map(|piece| {
            let Some(piece) = piece else {
                // A body that ends early must not look like a whole one.
                return Some(Err(std::io::Error::other("what was to be sent broke off")));
            };
            self.left = self.left.saturating_sub(piece.len() as u64);
            Some(Ok(Frame::data(piece)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
