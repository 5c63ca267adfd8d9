//! The client: one instance, one project, one token.
//!
//! Owns how requests are addressed, how pages are followed and how statuses become errors. The calls
//! themselves stand in the files of their resources.

#![warn(clippy::indexing_slicing)]

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::{is_about_a_thing, text_of};
use super::{Address, Error, Project, Result};
use crate::clock::Clock;
use crate::http::{Http, Method, Options, RateLimit, Request, Response, Token};

/// The longest list that is followed; 100 rows each.
const PAGES: u32 = 1000;

/// Rows asked for at once; GitLab gives no more.
const PER_PAGE: u32 = 100;

/// A GitLab instance, seen from one project. Cheap to make, shared between threads.
pub struct Client {
    pub(super) http: Http,
    address: Address,
    project: Mutex<Option<Arc<Project>>>,
    /// The merge requests that this one opened.
    opened: Mutex<Vec<u64>>,
}

impl Client {
    /// A client for the project at `address`. Does no network; fails when the token is bound to another
    /// origin or would travel unencrypted.
    pub fn new(
        address: &Address,
        token: Option<Token>,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Client> {
        let mut base = address.base().clone();
        let root = base.path().trim_end_matches('/').to_owned();
        base.set_path(&format!("{root}/api/v4"));
        let http = Http::new(&base, token, options, clock).map_err(Error::from_http)?;
        Ok(Client { http, address: address.clone(), project: Mutex::default(), opened: Mutex::default() })
    }

    /// The project's path, as it was addressed.
    pub fn path(&self) -> &str {
        self.address.project()
    }

    /// The host, with its port where that is not the default one.
    pub fn host(&self) -> String {
        self.http.origin().host()
    }

    /// Whether a token is at hand.
    pub fn has_token(&self) -> bool {
        self.http.has_token()
    }

    /// How many requests were sent so far, retries included.
    pub fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// The present moment by the server's clock, once an answer told it; ages of what GitLab reports
    /// are right only against this.
    pub fn server_now(&self) -> Timestamp {
        self.http.server_now()
    }

    /// What the server last said about its rate limit. Applications' own limits are not in it.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.http.rate_limit()
    }

    /// Takes the token, and what looks like one, out of a text.
    pub fn redact(&self, text: &str) -> String {
        self.http.redact(text)
    }

    /// The project. Asked for once; every later call goes by its number.
    pub fn project(&self) -> Result<Arc<Project>> {
        // Held while asking: threads that start together shall not ask twice.
        let mut known = self.known();
        if let Some(project) = &*known {
            return Ok(Arc::clone(project));
        }
        let project: Project = self.get(&Request::new(Method::Get, ["projects", self.path()]))?;
        let project = Arc::new(project);
        *known = Some(Arc::clone(&project));
        Ok(project)
    }

    fn known(&self) -> MutexGuard<'_, Option<Arc<Project>>> {
        self.project.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request for something in the project: by its path, until its number is known. Asking for the
    /// number first would cost each command a request, and tell nothing that the call itself does not: a
    /// project that moved answers every read with where it went.
    pub(super) fn in_project(&self, method: Method, segments: &[&str]) -> Request {
        let project =
            self.known().as_ref().map_or_else(|| self.path().to_owned(), |known| known.id.to_string());
        Request::new(method, ["projects", &project].iter().chain(segments))
    }

    /// Reads one thing.
    pub(super) fn get<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let response = self.answer(request)?;
        response.json().map_err(|what| self.malformed(request, &what))
    }

    /// Reads one thing that may not be there.
    pub(super) fn find<T: DeserializeOwned>(&self, request: &Request) -> Result<Option<T>> {
        match self.get(request) {
            Err(error) if error.says_absent() => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Writes, and reads what became of it. An answer that cannot be read leaves the outcome unknown.
    pub(super) fn write<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let response = self.answer(request)?;
        response.json().map_err(|what| self.ambiguous(request, format!("the answer is {what}")))
    }

    /// Writes where nothing comes back.
    pub(super) fn write_only(&self, request: &Request) -> Result<()> {
        let response = self.answer(request)?;
        // Somebody in between may have answered in GitLab's place.
        if response.body.is_empty() || response.says_json() {
            return Ok(());
        }
        Err(self.ambiguous(request, "the answer is not GitLab's".to_owned()))
    }

    /// Reads the rows of a list, page by page, until there are no more or `take` breaks.
    pub(super) fn visit<T: DeserializeOwned>(
        &self,
        request: &Request,
        per_page: u32,
        mut take: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<()> {
        let request = request.clone().query("per_page", per_page.min(PER_PAGE));
        let mut page = 1;
        loop {
            let request = request.clone().replace_query("page", page);
            let response = self.answer(&request)?;
            let rows: Vec<T> = response.json().map_err(|what| self.malformed(&request, &what))?;
            for row in rows {
                if take(row).is_break() {
                    return Ok(());
                }
            }
            page = match next_page(&response).map_err(|what| self.malformed(&request, what))? {
                None => return Ok(()),
                Some(next) if next <= page => {
                    return Err(self.malformed(&request, "a list that goes in circles"));
                }
                Some(next) if next > PAGES => {
                    return Err(Error::TooLarge {
                        call: request.call(),
                        limit: format!("more than {PAGES} pages"),
                    });
                }
                Some(next) => next,
            };
        }
    }

    /// Reads the whole list.
    pub(super) fn list<T: DeserializeOwned>(&self, request: &Request) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.visit(request, PER_PAGE, |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    /// Reads the first `limit` rows, asking for no more than needed.
    pub(super) fn first<T: DeserializeOwned>(&self, request: &Request, limit: usize) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        let per_page = u32::try_from(limit).unwrap_or(PER_PAGE);
        self.visit(request, per_page, |row| {
            rows.push(row);
            if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(rows)
    }

    /// Sends, and turns every status but 2xx into an error.
    pub(super) fn answer(&self, request: &Request) -> Result<Response> {
        let response = self.http.send(request).map_err(Error::from_http)?;
        if response.is_success() { Ok(response) } else { Err(self.refusal(request, &response)) }
    }

    /// What an answer other than 2xx means.
    pub(super) fn refusal(&self, request: &Request, response: &Response) -> Error {
        let (call, host) = (self.redact(&request.call()), self.host());
        let had_token = self.has_token();
        let text = self.redact(&text_of(response));
        match response.status {
            300..400 => self.redirect(call, response),
            401 => Error::Unauthorized { instance: self.address.instance().to_owned(), had_token, text },
            403 => Error::Forbidden { call, text },
            // `GET /projects/<its path>/deployments/7`: what people know begins after the project.
            404 if self.lags(request) => self.behind(call.splitn(4, '/').last().unwrap_or_default()),
            404 => Error::NotFound { call, had_token, absent: is_about_a_thing(response), text },
            429 => Error::RateLimited { host, retry_after: response.retry_after },
            400..500 => Error::Refused { call, status: response.status, text },
            status => Error::Server { host, status, text },
        }
    }

    /// Notes a merge request that is there from now on.
    pub(super) fn has_opened(&self, iid: u64) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(iid);
    }

    /// What an answer means that lacks something known to be there.
    pub(crate) fn behind(&self, what: impl Into<String>) -> Error {
        Error::Behind { host: self.host(), what: what.into() }
    }

    /// Whether what is asked for is known to be there: a 404 is then the word of a replica that lags.
    fn lags(&self, request: &Request) -> bool {
        let call = request.call();
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places = call.rsplit('/');
        let (last, kind) = (places.next(), places.next());
        let of_opened = call.split_once("/merge_requests/").and_then(|(_, below)| below.split('/').next());
        let of_opened = of_opened.and_then(|iid| iid.parse().ok()).is_some_and(|iid| opened.contains(&iid));
        // People name merge requests and commits; the number of a deployment or job comes from GitLab alone.
        let numbered = last.is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
        request.reads() && (of_opened || numbered && matches!(kind, Some("deployments" | "jobs")))
    }

    fn redirect(&self, call: String, response: &Response) -> Error {
        let location = response.header("location").unwrap_or_default();
        let url = self.http.origin().to_string();
        let url = Url::parse(&url).and_then(|base| base.join(location)).ok();
        let here = url.as_ref().and_then(crate::http::Origin::of).as_ref() == Some(self.http.origin());
        let moved = url.as_ref().filter(|_| here && response.status == 301).and_then(|url| {
            let rest = url.path().split_once("/api/v4/projects/")?.1;
            let segment = rest.split('/').next().filter(|segment| !segment.is_empty())?;
            Some(percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
        });
        match moved {
            Some(to) => Error::Moved { to: self.redact(&to) },
            // Queries of redirects hold session tokens: name the place only.
            None => {
                let to = url.map(|mut url| {
                    url.set_query(None);
                    url.set_fragment(None);
                    url.to_string()
                });
                Error::Redirected { call, to: self.redact(&to.unwrap_or_else(|| "nowhere".to_owned())) }
            }
        }
    }

    pub(super) fn malformed(&self, request: &Request, what: &str) -> Error {
        Error::Malformed { call: self.redact(&request.call()), what: self.redact(what) }
    }

    pub(super) fn ambiguous(&self, request: &Request, why: String) -> Error {
        Error::Ambiguous { call: self.redact(&request.call()), why: self.redact(&why) }
    }
}

/// The number of the next page, from `Link: <…>; rel="next"`. Nothing else of that URL is used: it comes
/// from the server and may name any host.
pub(super) fn next_page(response: &Response) -> std::result::Result<Option<u32>, &'static str> {
    const BROKEN: &str = "a list whose next page cannot be told";
    let Some(link) = response.header("link") else { return Ok(None) };
    for entry in link.split('<').skip(1) {
        let (url, parameters) = entry.split_once('>').ok_or(BROKEN)?;
        let next =
            parameters.split([';', ',']).map(str::trim).any(|p| p == "rel=\"next\"" || p == "rel=next");
        if next {
            let query = url.split_once('?').ok_or(BROKEN)?.1;
            let page = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "page");
            return page.and_then(|(_, page)| page.parse().ok()).map(Some).ok_or(BROKEN);
        }
    }
    Ok(None)
}
