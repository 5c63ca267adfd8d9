//! Answers, and every shape of error that GitLab has for its own reasons.
//!
//! Knows nothing of the world: whoever answers brings the words.

use serde_json::{Value, json};

/// What goes back over the wire.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a handler gives: the refusals travel in `Err`, so that `?` ends a handler.
pub(super) type Reply = Result<Answer, Answer>;

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Answer {
        let headers = vec![("content-type", "application/json".to_owned())];
        Answer { status, headers, body: body.to_string().into_bytes() }
    }

    pub(super) fn text(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: vec![("content-type", "text/plain".to_owned())], body: body.into() }
    }

    pub(super) fn html(status: u16, body: &str) -> Answer {
        let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    pub(super) fn empty(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    /// `{"message": …}`, where the message may be a text, a list or an object.
    pub(super) fn message(status: u16, message: impl Into<Value>) -> Answer {
        Answer::json(status, &json!({ "message": message.into() }))
    }

    /// `{"error": …}`, the shape of Grape and of OAuth.
    pub(super) fn error(status: u16, error: &str) -> Answer {
        Answer::json(status, &json!({ "error": error }))
    }

    /// A missing or wrong parameter.
    pub(super) fn parameter(what: &str) -> Answer {
        Answer::error(400, what)
    }

    pub(super) fn bad_request(reason: &str) -> Answer {
        Answer::message(400, format!("400 Bad request - {reason}"))
    }

    pub(super) fn unauthorized() -> Answer {
        Answer::message(401, "401 Unauthorized")
    }

    pub(super) fn forbidden() -> Answer {
        Answer::message(403, "403 Forbidden")
    }

    pub(super) fn forbidden_because(reason: &str) -> Answer {
        Answer::message(403, format!("403 Forbidden - {reason}"))
    }

    pub(super) fn not_found(what: &str) -> Answer {
        match what {
            "" => Answer::message(404, "404 Not found"),
            what => Answer::message(404, format!("404 {what} Not Found")),
        }
    }

    /// The body as JSON; null where it is none.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Whether the status is a 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A handler's failure inside git: GitLab's 500.
impl From<crate::error::Problem> for Answer {
    fn from(problem: crate::error::Problem) -> Answer {
        Answer::message(500, format!("500 Internal Server Error: {problem}"))
    }
}
