//! Faults as data: at which exchange, what goes wrong, and whether the world moved before it did.

use std::time::Duration;

use serde_json::{Value, json};

use super::limit;
use super::respond::Answer;

/// What goes wrong with one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nobody listens where it is to be: connections are refused until the faults are lifted, since one that was
    /// refused is seen by nobody but the client. It strikes when the exchange before it arrives, also where
    /// that one is the last.
    Refused,
    /// The connection is reset without an answer.
    Reset,
    /// No answer ever comes; the client has to give up.
    Hang,
    /// The answer comes this much later.
    Slow(Duration),
    /// The answer breaks off in its middle.
    Truncated,
    /// 429 of the application limiter: JSON, `Retry-After` with this many seconds.
    TooManyJson(u64),
    /// 429 of Rack::Attack: plain text, `Retry-After` and `RateLimit-*`.
    TooManyText(u64),
    /// This status, with the body that GitLab or its proxy has for it (502 is HTML).
    Status(u16),
    /// A 200 with a sign-in page in HTML.
    SignInPage,
    /// A 200 with this JSON text instead of the answer's.
    Body(&'static str),
    /// A redirect to this address.
    Redirect(String),
    /// The answer of the world before the last write.
    Stale,
    /// The answer with every text a number and every number a text.
    WrongTypes,
    /// The answer with another value under this key, wherever it stands (`head_pipeline.status` for the
    /// `status` below a `head_pipeline`). The value is JSON text.
    Swapped(&'static str, &'static str),
}

/// A fault, and whether the request takes effect all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What the client sees.
    pub what: What,
    /// Whether the world moved as if nothing were wrong.
    pub applied: bool,
}

impl Fault {
    /// A fault that keeps the request from taking effect.
    pub fn before(what: What) -> Fault {
        Fault { what, applied: false }
    }

    /// A fault that loses the answer of a request that took effect.
    pub fn after(what: What) -> Fault {
        Fault { what, applied: true }
    }

    /// Every fault, each with and without effect where both make sense.
    pub fn all() -> Vec<Fault> {
        let either = [
            What::Reset,
            What::Hang,
            What::Truncated,
            What::Status(500),
            What::Status(502),
            What::Status(503),
            What::Status(504),
            What::SignInPage,
            What::Body("[]"),
            What::Body("null"),
            What::Body("{\"id\":"),
            What::Redirect("http://evil.invalid/api/v4/user".to_owned()),
        ];
        let refusals = [
            What::TooManyJson(0),
            What::TooManyText(0),
            What::Status(401),
            What::Status(403),
            What::Status(404),
            What::Refused,
        ];
        let late = [What::Slow(Duration::from_millis(20)), What::Stale, What::WrongTypes];
        let both = either.into_iter().flat_map(|what| [Fault::before(what.clone()), Fault::after(what)]);
        both.chain(refusals.map(Fault::before)).chain(late.map(Fault::after)).collect()
    }
}

/// Which exchange a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The n-th one (from 1) after the plan was injected, API or git.
    Nth(u64),
    /// The next one with this method whose path ends so, query aside.
    Next(&'static str, &'static str),
    /// The n-th one and every later one, until the faults are lifted.
    From(u64),
}

/// One fault of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultPlan {
    /// When.
    pub at: At,
    /// What.
    pub fault: Fault,
}

impl FaultPlan {
    /// Strikes the n-th exchange from now, counted from 1.
    pub fn nth(n: u64, fault: Fault) -> FaultPlan {
        FaultPlan { at: At::Nth(n), fault }
    }

    /// Strikes the n-th exchange from now, counted from 1, and all after it.
    pub fn from(n: u64, fault: Fault) -> FaultPlan {
        FaultPlan { at: At::From(n), fault }
    }

    /// Strikes the next exchange with this method and path ending.
    pub fn next(method: &'static str, path_end: &'static str, fault: Fault) -> FaultPlan {
        FaultPlan { at: At::Next(method, path_end), fault }
    }
}

/// The plans of a server and how many exchanges they have seen.
#[derive(Debug, Default)]
pub(super) struct Plans {
    waiting: Vec<FaultPlan>,
    triggered: u64,
}

impl Plans {
    pub(super) fn add(&mut self, plan: FaultPlan) {
        self.waiting.push(plan);
    }

    /// Nothing goes wrong any more.
    pub(super) fn lift(&mut self) {
        self.waiting.clear();
    }

    /// How many faults have struck.
    pub(super) fn triggered(&self) -> u64 {
        self.triggered
    }

    /// Whether a fault to come needs the world before a write.
    pub(super) fn wants_snapshot(&self) -> bool {
        self.waiting.iter().any(|plan| plan.fault.what == What::Stale)
    }

    /// Takes the plan by which the next exchange is to find nobody.
    pub(super) fn refuse(&mut self) -> bool {
        let next = |plan: &FaultPlan| {
            plan.fault.what == What::Refused && matches!(plan.at, At::Nth(1) | At::From(1))
        };
        let Some(at) = self.waiting.iter().position(next) else { return false };
        self.waiting.remove(at);
        self.triggered += 1;
        true
    }

    /// Counts an exchange and takes the fault that strikes it.
    pub(super) fn strike(&mut self, method: &str, path: &str) -> Option<Fault> {
        let mut struck = None;
        for (at, plan) in self.waiting.iter_mut().enumerate() {
            let hit = match &mut plan.at {
                At::Nth(left) | At::From(left) => {
                    *left = left.saturating_sub(1);
                    *left == 0
                }
                At::Next(wanted, end) => *wanted == method && path.ends_with(*end),
            };
            if hit && struck.is_none() {
                struck = Some(at);
            }
        }
        self.triggered += u64::from(struck.is_some());
        let at = struck?;
        match self.waiting.get_mut(at) {
            Some(FaultPlan { at: At::From(left), fault }) => {
                *left = 1;
                Some(fault.clone())
            }
            _ => Some(self.waiting.remove(at).fault),
        }
    }
}

/// The real answer as a fault leaves it that changes what it says.
pub(super) fn altered(what: &What, real: Answer) -> Answer {
    let change: &dyn Fn(&mut Value) = match what {
        What::WrongTypes => &wrong_types,
        What::Swapped(key, new) => &|body| swap(body, &key.split('.').collect::<Vec<_>>(), &[], new),
        _ => return real,
    };
    match serde_json::from_slice(&real.body) {
        Ok(mut body) => {
            change(&mut body);
            Answer { body: body.to_string().into_bytes(), ..real }
        }
        Err(_) => real,
    }
}

fn wrong_types(value: &mut Value) {
    match value {
        Value::String(text) => *value = json!(text.len()),
        Value::Number(number) => *value = json!(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(wrong_types),
        Value::Object(fields) => fields.values_mut().for_each(wrong_types),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Puts `new` wherever the names on the way down end with `keys`. Lists are no step of the way.
fn swap(value: &mut Value, keys: &[&str], way: &[&str], new: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| swap(item, keys, way, new)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let way = [way, &[name.as_str()]].concat();
                match way.ends_with(keys) && !field.is_null() {
                    true => *field = serde_json::from_str(new).unwrap_or_default(),
                    false => swap(field, keys, &way, new),
                }
            }
        }
        _ => {}
    }
}

/// The answer that a fault puts in place of the real one; `None` where it is no answer.
pub(super) fn answer(what: &What) -> Option<Answer> {
    Some(match what {
        What::TooManyJson(wait) => limit::too_often(*wait),
        What::TooManyText(wait) => limit::retry_later(600, *wait),
        What::Status(status @ (502 | 504)) => {
            let name = if *status == 502 { "Bad Gateway" } else { "Gateway Timeout" };
            let page = format!("<html><head><title>{status} {name}</title></head><body>{name}</body></html>");
            Answer::html(*status, &page)
        }
        What::Status(503) => Answer::message(503, "Service Unavailable").with("retry-after", "0"),
        What::Status(status) => {
            let name = match status {
                401 => "Unauthorized",
                403 => "Forbidden",
                404 => "Not found",
                500 => "Internal Server Error",
                _ => "Error",
            };
            Answer::message(*status, format!("{status} {name}"))
        }
        What::SignInPage => Answer::html(200, "<!DOCTYPE html><html><body>Sign in</body></html>"),
        What::Body(text) => Answer {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: text.as_bytes().to_vec(),
        },
        What::Redirect(to) => Answer::text(302, "").with("location", to.clone()),
        What::Refused
        | What::Reset
        | What::Hang
        | What::Slow(_)
        | What::Truncated
        | What::Stale
        | What::WrongTypes
        | What::Swapped(..) => return None,
    })
}
