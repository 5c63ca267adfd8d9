//! The two limiters in front of GitLab's API, each counting by user and window: Rack::Attack's for everything
//! that is asked, and the application's own for single endpoints. Off unless the setup says otherwise.
//!
//! Windows are of real time, not of the world's: what is told to wait waits by the clock on the wall. A
//! request that is refused does nothing, and is counted all the same.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;

use super::call::Call;
use super::respond::Answer;
use super::world::World;

/// So many requests in a window of so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many are answered.
    pub requests: u64,
    /// How long the window is.
    pub seconds: i64,
}

/// The limits of a GitLab; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Rack::Attack's, of all requests to the API together. Every answer tells how much is left.
    pub throttle: Option<Quota>,
    /// The application's, by endpoint, such as `GET projects/:id/jobs/:id`. No header tells of these before.
    pub endpoints: Vec<(&'static str, Quota)>,
}

/// The requests of the present windows: by limit and user, the window and their count.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(HashMap<(&'static str, Option<u64>), (i64, u64)>);

impl Counts {
    /// Counts a request: how many there are in this window now.
    fn count(&mut self, limit: &'static str, user: Option<u64>, quota: Quota, now: i64) -> u64 {
        let window = now / quota.seconds.max(1);
        let counted = self.0.entry((limit, user)).or_insert((window, 0));
        if counted.0 != window {
            *counted = (window, 0);
        }
        counted.1 += 1;
        counted.1
    }
}

/// What Rack::Attack says of a request.
#[derive(Default)]
pub(super) struct Throttled {
    headers: Vec<(&'static str, String)>,
    pub(super) refused: bool,
}

impl Throttled {
    /// The refusal.
    pub(super) fn refusal(self) -> Answer {
        self.told(Answer::text(429, "Retry later\n"))
    }

    /// An answer with the headers that tell how much is left.
    pub(super) fn told(self, answer: Answer) -> Answer {
        self.headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }
}

/// The application's refusal.
pub(super) fn too_often(seconds: u64) -> Answer {
    let text = "This endpoint has been requested too many times. Try again later.";
    Answer::message(429, json!({ "error": text })).with("retry-after", seconds.to_string())
}

/// Rack::Attack's refusal of somebody who may ask so often in a minute.
pub(super) fn retry_later(limit: u64, wait: u64) -> Answer {
    let (name, quota) = ("throttle_authenticated_api", Quota { requests: limit, seconds: 60 });
    let now = Timestamp::now().as_second();
    let headers = headers(name, quota, limit + 1, now, now.saturating_add_unsigned(wait));
    Throttled { headers, refused: true }.refusal()
}

fn headers(name: &str, quota: Quota, observed: u64, now: i64, reset: i64) -> Vec<(&'static str, String)> {
    let a_minute = (quota.requests * 60).div_ceil(quota.seconds.max(1).unsigned_abs());
    let mut headers = vec![
        ("ratelimit-name", name.to_owned()),
        ("ratelimit-limit", a_minute.to_string()),
        ("ratelimit-observed", observed.to_string()),
        ("ratelimit-remaining", quota.requests.saturating_sub(observed).to_string()),
        ("ratelimit-reset", reset.to_string()),
    ];
    if observed > quota.requests {
        let at = Timestamp::from_second(reset).unwrap_or_default();
        headers.push(("ratelimit-resettime", at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        headers.push(("retry-after", (reset - now).to_string()));
    }
    headers
}

impl World {
    /// Sets other limits, as an administrator may at any time. What was counted stays counted.
    pub fn set_limits(&mut self, limits: Limits) {
        self.setup.limits = limits;
    }

    /// Counts a request with Rack::Attack, before anything looks at it.
    pub(super) fn throttle(&mut self, user: Option<u64>) -> Throttled {
        let Some(quota) = self.setup.limits.throttle else { return Throttled::default() };
        let name = match user {
            Some(_) => "throttle_authenticated_api",
            None => "throttle_unauthenticated_api",
        };
        let now = Timestamp::now().as_second();
        let observed = self.counts.count(name, user, quota, now);
        let seconds = quota.seconds.max(1);
        let reset = (now / seconds + 1) * seconds;
        Throttled { headers: headers(name, quota, observed, now, reset), refused: observed > quota.requests }
    }

    /// Counts a request with the limits of its endpoint: the application's refusal where it is one too many.
    pub(super) fn limited(&mut self, call: &Call) -> Option<Answer> {
        let now = Timestamp::now().as_second();
        let named = |limit: &&(&'static str, Quota)| is_of(limit.0, call);
        let (endpoint, quota) = self.setup.limits.endpoints.iter().find(named).copied()?;
        let observed = self.counts.count(endpoint, call.user, quota, now);
        (observed > quota.requests).then(|| too_often(quota.seconds.unsigned_abs()))
    }
}

/// Whether a request is one to the endpoint; `:id` and the like stand for any segment.
fn is_of(endpoint: &str, call: &Call) -> bool {
    let Some((method, path)) = endpoint.split_once(' ') else { return false };
    let path: Vec<&str> = path.split('/').collect();
    let same = |(wanted, segment): (&&str, &String)| wanted.starts_with(':') || wanted == segment;
    method == call.method && path.len() == call.segments.len() && path.iter().zip(&call.segments).all(same)
}
