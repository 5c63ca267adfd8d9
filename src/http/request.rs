//! Requests and answers as values.
//!
//! Owns how a path is spelled: from segments, each encoded on its own, so that no name can reach
//! another route. A server's own URLs are never requested; there is no way to build such a request.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

/// RFC 3986 "unreserved" is all that stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes all but unreserved characters.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads; may be sent again.
    Get,
    /// Asks whether it is there; may be sent again.
    Head,
    /// Writes, like all below; sent once.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Whether it only reads, so that it may be sent again.
    pub fn reads(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }

    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> reqwest::Method {
        match method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        }
    }
}

/// One request below the base URL of an [`Http`](super::Http).
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: Result<String, String>,
    pub(super) query: Vec<(Cow<'static, str>, String)>,
    pub(super) accept: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<(&'static str, Vec<u8>)>,
}

impl Request {
    /// A request for the path made of these segments. An empty segment, `.` and `..` make a request
    /// that fails before anything is sent.
    pub fn new<S: AsRef<str>>(method: Method, segments: impl IntoIterator<Item = S>) -> Request {
        let mut path = Ok(String::new());
        for segment in segments {
            let segment = segment.as_ref();
            if matches!(segment, "" | "." | "..") {
                path = Err(segment.to_owned());
                break;
            }
            if let Ok(path) = &mut path {
                path.push('/');
                path.push_str(&encode(segment));
            }
        }
        Request {
            method,
            path,
            query: Vec::new(),
            accept: "application/json",
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a query parameter; its value is encoded.
    pub fn query(mut self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> Request {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds a header that is no secret.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets a query parameter, in place of one of the same name.
    pub fn replace_query(mut self, name: &'static str, value: impl ToString) -> Request {
        self.query.retain(|(known, _)| *known != name);
        self.query(name, value)
    }

    /// Adds a query parameter if there is a value.
    pub fn query_if(self, name: &'static str, value: Option<impl ToString>) -> Request {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Sends a JSON body.
    pub fn json(self, body: &serde_json::Value) -> Request {
        self.body("application/json", body.to_string().into_bytes())
    }

    /// Sends a body of the given content type.
    pub fn body(mut self, content_type: &'static str, bytes: Vec<u8>) -> Request {
        self.body = Some((content_type, bytes));
        self
    }

    /// Asks for another media type than JSON.
    pub fn accept(mut self, media_type: &'static str) -> Request {
        self.accept = media_type;
        self
    }

    /// Whether it only reads.
    pub fn reads(&self) -> bool {
        self.method.reads()
    }

    /// The request in a few words, for messages: `GET /projects/7/jobs`.
    pub fn call(&self) -> String {
        let path = match &self.path {
            Ok(path) => path.clone(),
            Err(segment) => format!("/…/{segment}"),
        };
        format!("{} {path}", self.method.name())
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    pub(super) headers: HeaderMap,
    /// The body, decompressed, at most as long as the cap allows.
    pub body: Vec<u8>,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
}

impl Response {
    /// An answer that nobody sent.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn new(status: u16, headers: HeaderMap, body: Vec<u8>) -> Response {
        Response { status, headers, body, retry_after: None }
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the content type says JSON.
    pub fn says_json(&self) -> bool {
        let media_type = self.media_type();
        media_type == "application/json" || media_type.ends_with("+json")
    }

    /// Whether the answer is a page for people, which no route of an API sends.
    pub fn says_html(&self) -> bool {
        matches!(self.media_type().as_str(), "text/html" | "application/xhtml+xml")
    }

    /// Decodes a JSON body. A body of another type is refused even if it would parse: a sign-in page or
    /// a captive portal answers 200 as well. The error says what is wrong with the answer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        if !self.says_json() {
            let media_type = Some(self.media_type()).filter(|name| !name.is_empty());
            return Err(format!(
                "not JSON but {} (a sign-in page, proxy or captive portal in between?)",
                media_type.as_deref().unwrap_or("of no stated type")
            ));
        }
        // Of a field nobody asks for serde_json would pass any bytes; what is not UTF-8 is no JSON.
        let text = std::str::from_utf8(&self.body).map_err(|error| format!("not JSON: {error}"))?;
        serde_json::from_str(text).map_err(|error| format!("not the expected JSON: {error}"))
    }

    fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_never_leave_their_place() {
        for (segment, encoded) in [
            ("group/sub/project", "group%2Fsub%2Fproject"),
            ("..%2f..", "..%252f.."),
            ("%2e%2e", "%252e%252e"),
            ("a?b#c", "a%3Fb%23c"),
            ("a\\b", "a%5Cb"),
            ("a b+c", "a%20b%2Bc"),
            ("é\r\n", "%C3%A9%0D%0A"),
            ("-._~", "-._~"),
            ("...", "..."),
            (";a=1", "%3Ba%3D1"),
        ] {
            let path = Request::new(Method::Get, ["x", segment]).path.unwrap();
            assert_eq!(path, format!("/x/{encoded}"));
            // What the parser of the URL makes of it is what we meant.
            let url = url::Url::parse(&format!("https://h/api/v4{path}")).unwrap();
            assert_eq!(url.path(), format!("/api/v4{path}"));
        }
        for bad in ["", ".", ".."] {
            assert!(Request::new(Method::Get, ["x", bad, "y"]).path.is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_json_answer_must_say_so() {
        let answer = |content_type: &'static str| {
            let headers = match content_type {
                "" => HeaderMap::new(),
                some => HeaderMap::from_iter([(reqwest::header::CONTENT_TYPE, some.parse().unwrap())]),
            };
            Response { status: 200, headers, body: b"[1]".to_vec(), retry_after: None }
        };
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert_eq!(answer(json).json::<Vec<u8>>().unwrap(), [1], "{json}");
        }
        for other in ["text/html", "", "application/jsonp", "text/json-not"] {
            assert!(answer(other).json::<Vec<u8>>().is_err(), "{other}");
        }
    }
}
