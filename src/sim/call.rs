//! One request as the handlers see it: method, decoded path segments, parameters, and who asks.
//!
//! Parameters of the query, of forms and of JSON bodies land in one map, as in Grape.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::respond::{Answer, Reply};

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: String,
    /// The raw path and query, for messages and for pagination links.
    pub(super) target: String,
    /// The decoded segments below `/api/v4`.
    pub(super) segments: Vec<String>,
    pub(super) params: Map<String, Value>,
    /// The user's id; `None` without a token.
    pub(super) user: Option<u64>,
    /// Which of the user's tokens was shown.
    pub(super) token: Option<u64>,
}

impl Call {
    /// Whether it only reads.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// The asking user, or 401.
    pub(super) fn user(&self) -> Result<u64, Answer> {
        self.user.ok_or_else(Answer::unauthorized)
    }

    /// A text parameter; numbers count as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.params.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// A whole-number parameter.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// A yes-or-no parameter.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// A list parameter: an array, or one text with commas. An empty text is an empty list.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let clean = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        match self.params.get(name)? {
            Value::Array(items) => Some(
                items
                    .iter()
                    .filter_map(|item| match item {
                        Value::String(text) => clean(text),
                        Value::Number(number) => Some(number.to_string()),
                        _ => None,
                    })
                    .collect(),
            ),
            _ => Some(self.text(name)?.split(',').filter_map(clean).collect()),
        }
    }

    /// A list of ids.
    pub(super) fn ids(&self, name: &str) -> Option<Vec<u64>> {
        Some(self.list(name)?.iter().filter_map(|id| id.parse().ok()).filter(|&id| id != 0).collect())
    }

    /// The named parameters, all of which must be there, or Grape's 400 that names the missing ones.
    pub(super) fn required<const N: usize>(&self, names: [&str; N]) -> Result<[String; N], Answer> {
        let missing: Vec<_> = names
            .iter()
            .filter(|name| self.text(name).is_none())
            .map(|name| format!("{name} is missing"))
            .collect();
        match missing.is_empty() {
            true => Ok(names.map(|name| self.text(name).unwrap_or_default())),
            false => Err(Answer::parameter(&missing.join(", "))),
        }
    }
}

/// Splits a raw path below the API into decoded segments. `None` where a segment is not UTF-8.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8().ok().map(String::from))
        .collect()
}

/// Reads query text and body into one map.
pub(super) fn params(query: &str, content_type: &str, body: &[u8]) -> Result<Map<String, Value>, Answer> {
    let mut params = Map::new();
    read_form(query.as_bytes(), &mut params);
    if body.is_empty() {
        return Ok(params);
    }
    if content_type.starts_with("application/json") {
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => params.extend(object),
            Ok(_) => {}
            Err(_) => return Err(Answer::parameter("The provided request body is not valid JSON")),
        }
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        read_form(body, &mut params);
    } else {
        return Err(Answer::error(406, "The requested content-type is not supported."));
    }
    Ok(params)
}

fn read_form(text: &[u8], into: &mut Map<String, Value>) {
    for (name, value) in url::form_urlencoded::parse(text) {
        let value = Value::String(value.into_owned());
        match name.strip_suffix("[]") {
            None => {
                into.insert(name.into_owned(), value);
            }
            Some(name) => match into.get_mut(name) {
                Some(Value::Array(items)) => items.push(value),
                _ => {
                    into.insert(name.to_owned(), Value::Array(vec![value]));
                }
            },
        }
    }
}

/// Finds what a path names, or answers 404 as GitLab does.
pub(super) fn found<T>(item: Option<T>, what: &str) -> Result<T, Answer> {
    item.ok_or_else(|| Answer::not_found(what))
}

/// A path segment that must be a number.
pub(super) fn number(segment: &str, name: &str) -> Result<u64, Answer> {
    segment.parse().map_err(|_| Answer::parameter(&format!("{name} is invalid")))
}

/// Answers a list of items, page by page.
pub(super) fn paged<T>(
    call: &Call,
    base: &str,
    items: &[T],
    counted: bool,
    render: impl Fn(&T) -> Value,
) -> Reply {
    let size = call.number("per_page").unwrap_or(20).clamp(1, 100) as usize;
    let page = call.number("page").unwrap_or(1).max(1) as usize;
    let shown: Vec<Value> = items.iter().skip((page - 1) * size).take(size).map(render).collect();
    let total = items.len();
    let pages = total.div_ceil(size).max(1);
    let next = (page * size < total).then_some(page + 1);
    let previous = (page > 1).then(|| page - 1);
    let number = |page: Option<usize>| page.map(|page| page.to_string()).unwrap_or_default();
    let mut answer = Answer::json(200, &Value::Array(shown))
        .with("x-page", page.to_string())
        .with("x-per-page", size.to_string())
        .with("x-next-page", number(next))
        .with("x-prev-page", number(previous));
    // GitLab leaves totals out above 10,000 rows and where counting is too dear.
    let counted = counted && total <= 10_000;
    if counted {
        answer = answer.with("x-total", total.to_string()).with("x-total-pages", pages.to_string());
    }
    let path = call.target.split('?').next().unwrap_or_default();
    let link = |page: usize, rel: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &call.params {
            match value {
                Value::String(text) if name != "page" && name != "per_page" => {
                    query.append_pair(name, text);
                }
                Value::Array(texts) => {
                    for text in texts.iter().filter_map(Value::as_str) {
                        query.append_pair(&format!("{name}[]"), text);
                    }
                }
                _ => {}
            }
        }
        query.append_pair("page", &page.to_string()).append_pair("per_page", &size.to_string());
        format!("<{base}{path}?{}>; rel=\"{rel}\"", query.finish())
    };
    let mut links = Vec::new();
    links.extend(previous.map(|page| link(page, "prev")));
    links.extend(next.map(|page| link(page, "next")));
    links.push(link(1, "first"));
    if counted {
        links.push(link(pages, "last"));
    }
    Ok(answer.with("link", links.join(", ")))
}
