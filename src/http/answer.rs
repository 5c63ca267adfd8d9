//! How an answer is read: what its head tells in passing, and its body whole, capped and in time, or not at all.

use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::PoisonError;

use jiff::Timestamp;
use reqwest::blocking;
use reqwest::header::HeaderMap;

use super::error::deepest;
use super::{BODY_CAP, Error, Http, Request, Response, retry};

/// What the server last said about its rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests left in the current window.
    pub remaining: u64,
    /// When the window ends, by the server's clock.
    pub reset: Timestamp,
}

impl Http {
    /// Reads status and headers, and remembers what they tell in passing.
    pub(super) fn head(&self, answer: &blocking::Response) -> Response {
        let headers = answer.headers().clone();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let now = self.clock.now();
        let date = text("date").and_then(retry::http_date);
        let retry_after = text("retry-after").and_then(|value| retry::retry_after(value, date, now));
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(date) = date {
                seen.offset = Some(date.duration_since(now));
            }
            seen.rate_limit = rate_limit(&headers).or(seen.rate_limit);
        }
        Response { status: answer.status().as_u16(), headers, body: Vec::new(), retry_after }
    }

    pub(super) fn read_whole(&self, request: &Request, answer: blocking::Response) -> Result<Vec<u8>, Error> {
        let status = answer.status();
        let mut body = Vec::new();
        let mut whole = true;
        let outcome = self.read_pieces(answer, &mut |piece| {
            whole = body.len() + piece.len() <= BODY_CAP;
            if whole {
                body.extend_from_slice(piece);
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(())
        });
        let why = match outcome {
            Ok(()) if whole => return Ok(body),
            Ok(()) if request.method.reads() => {
                return Err(Error::TooLarge { call: self.redact(&request.call()), cap: BODY_CAP });
            }
            Ok(()) => format!("the answer is longer than {BODY_CAP} bytes"),
            Err(why) => why,
        };
        // A 3xx or 4xx says that nothing was done, even if its explanation broke off.
        if request.method.reads() {
            Err(self.unreachable(&why))
        } else if status.is_success() || status.is_server_error() {
            Err(Error::Ambiguous { call: self.redact(&request.call()), why: self.redact(&why) })
        } else {
            Ok(body)
        }
    }

    pub(super) fn read_pieces(
        &self,
        mut answer: blocking::Response,
        take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let start = self.clock.elapsed();
        let mut buffer = [0; 16 << 10];
        loop {
            let length = match answer.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("the answer broke off: {}", deepest(&error))),
            };
            if take(buffer.get(..length).unwrap_or_default()).is_break() {
                return Ok(());
            }
            if self.clock.elapsed().saturating_sub(start) > self.options.total {
                return Err(format!("the answer took longer than {} s", self.options.total.as_secs()));
            }
        }
    }
}

fn rate_limit(headers: &HeaderMap) -> Option<RateLimit> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    Some(RateLimit {
        remaining: u64::try_from(number("ratelimit-remaining")?).ok()?,
        reset: Timestamp::from_second(number("ratelimit-reset")?).ok()?,
    })
}
