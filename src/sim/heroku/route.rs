//! Which handler answers which method and path, who may ask, the rate limit, and the shape of refusals.

use serde_json::{Value, json};

use super::platform::Platform;
use super::{dynos, formation, health, releases};
use crate::sim::call;
use crate::sim::fault::What;
use crate::sim::respond::{Answer, Reply};
use crate::sim::serve::{Served, Shared, Wire};

/// One request to the API, with its body read.
pub(super) struct Ask {
    pub(super) accept: String,
    pub(super) range: String,
    pub(super) body: Value,
}

impl Served for Platform {
    fn is_api(path: &str) -> bool {
        path.starts_with("/apps/") || path.starts_with("/account")
    }

    fn handle(shared: &Shared<Platform>, wire: Wire, stale: bool) -> (Answer, Option<String>) {
        let mut platform = shared.world();
        platform.seconds += 1;
        let reads = wire.method == "GET";
        let api = Platform::is_api(&wire.path);
        if api && !reads && shared.plans().wants_snapshot() {
            *shared.before() = Some(platform.clone());
        }
        let answer = match shared.before().as_mut().filter(|_| stale && reads) {
            Some(before) => answer(&mut before.clone(), &wire),
            None => answer(&mut platform, &wire),
        };
        let left = platform.rate_left.to_string();
        let answer = if api { answer.with("ratelimit-remaining", left) } else { answer };
        (answer, None)
    }

    fn in_place_of_answer(what: &What) -> Option<Answer> {
        match what {
            What::TooManyJson(wait) | What::TooManyText(wait) => {
                Some(limited().with("retry-after", wait.to_string()))
            }
            What::Status(status @ (401 | 403 | 404 | 409 | 422 | 500)) => Some(refusal(*status)),
            // Whatever stands before the API answers as it does before GitLab's.
            other => crate::sim::fault::answer(other),
        }
    }

    fn settle(&mut self) {}
}

/// The refusal with the words that the API has for this status.
pub(super) fn refusal(status: u16) -> Answer {
    match status {
        401 => refused(401, "unauthorized", "Invalid credentials provided."),
        403 => refused(403, "forbidden", "You do not have access to this app."),
        404 => refused(404, "not_found", "Couldn't find that app."),
        409 => refused(409, "conflict", "Request cannot be processed in the current state."),
        422 => refused(422, "invalid_params", "Request had invalid parameters."),
        _ => refused(500, "internal_server_error", "Internal server error."),
    }
}

fn limited() -> Answer {
    refused(
        429,
        "rate_limit",
        "Your account reached the API rate limit. Please wait a few minutes before making new requests.",
    )
}

pub(super) fn refused(status: u16, id: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"id": id, "message": message}))
}

fn answer(platform: &mut Platform, wire: &Wire) -> Answer {
    dispatch(platform, wire).unwrap_or_else(|refusal| refusal)
}

fn dispatch(platform: &mut Platform, wire: &Wire) -> Reply {
    let unknown = || {
        let text = format!("the embedded Heroku does not know {} {}", wire.method, wire.path);
        refused(501, "not_implemented", &text)
    };
    let segments = call::segments(&wire.path).ok_or_else(unknown)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (wire.method.as_str(), segments.as_slice()) {
        // Pages of the apps and of the log service know nothing of API tokens.
        ("GET", ["health", app]) => return health::page(platform, app),
        ("GET", ["streams", stream]) => return releases::stream(platform, stream, &wire.range),
        _ => {}
    }
    let bearer = format!("Bearer {}", platform.token);
    if wire.credentials.authorization.as_deref() != Some(bearer.as_str()) {
        return Err(refusal(401));
    }
    if platform.rate_left == 0 {
        return Err(limited());
    }
    platform.rate_left -= 1;
    let body = match wire.body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&wire.body)
            .map_err(|_| refused(400, "bad_request", "Request body is not JSON."))?,
    };
    if !wire.accept.starts_with("application/vnd.heroku+json; version=3") {
        return Err(refused(406, "not_acceptable", "The version of the API has to be given in Accept."));
    }
    let ask = Ask { accept: wire.accept.clone(), range: wire.range.clone(), body };
    match (wire.method.as_str(), segments.as_slice()) {
        ("GET", ["account", "rate-limits"]) => {
            Ok(Answer::json(200, &json!({"remaining": platform.rate_left})))
        }
        (method, ["apps", app, rest @ ..]) => {
            let name = platform.app(app).map(|app| app.name.clone()).ok_or_else(|| refusal(404))?;
            // Answers tell what was true before this read brought everything one read nearer.
            let answer = match (method, rest) {
                ("GET", []) => formation::app(platform, &name),
                ("GET", ["formation"]) => formation::list(platform, &name),
                ("PATCH", ["formation"]) => formation::update(platform, &name, &ask),
                ("GET", ["releases"]) => releases::list(platform, &name, &ask),
                ("POST", ["releases"]) => releases::roll_back(platform, &name, &ask),
                ("GET", ["releases", release]) => releases::one(platform, &name, release),
                ("GET", ["dynos"]) => dynos::list(platform, &name),
                ("POST", ["dynos"]) => dynos::start(platform, &name, &ask),
                ("GET", ["dynos", dyno]) => dynos::one(platform, &name, dyno),
                _ => Err(unknown()),
            };
            if method == "GET" {
                platform.read(&name);
            }
            answer
        }
        _ => Err(unknown()),
    }
}
