//! The wire: connections, requests read whole, faults, and the trace.
//!
//! Handlers run on blocking threads to their end, whether or not the client is still there.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue, ORIGIN,
    RANGE, USER_AGENT,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::auth::Credentials;
use super::fault::{self, Fault, Plans, What};
use super::gate::Gate;
use super::port::{Port, Ports};
use super::record::{Asked, Record};
use super::respond::Answer;

/// A world that answers requests.
pub(super) trait Served: Send + Sized + 'static {
    /// Runs a request against the world and lets time pass: the answer, and who asked. `stale` asks for the
    /// answer of the world before the last write.
    fn handle(shared: &Shared<Self>, wire: Wire, stale: bool) -> (Answer, Option<String>);

    /// The answer that a fault puts in place of the real one; `None` where it is no answer.
    fn in_place_of_answer(what: &What) -> Option<Answer>;

    /// Whether a path is the API's, whose exchanges can be recorded.
    fn is_api(path: &str) -> bool;

    /// Lets happen what is due, after somebody changed the world beside HTTP.
    fn settle(&mut self);
}

/// One exchange, as tests count them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its number, from 1.
    pub number: u64,
    /// The HTTP method.
    pub method: String,
    /// Raw path and query.
    pub path: String,
    /// What was answered, 0 for no answer.
    pub status: u16,
    /// Who asked, by username; empty for nobody.
    pub user: String,
    /// The fault that struck it.
    pub fault: Option<Fault>,
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared<W> {
    world: Mutex<W>,
    /// The world before the last write, kept while a fault may ask for it.
    before: Mutex<Option<W>>,
    plans: Mutex<Plans>,
    trace: Mutex<Vec<Exchange>>,
    record: OnceLock<Record>,
    gate: OnceLock<Arc<dyn Gate>>,
    pub(super) ports: Ports,
}

impl<W> Shared<W> {
    pub(super) fn new(world: W) -> Shared<W> {
        Shared {
            world: Mutex::new(world),
            before: Mutex::default(),
            plans: Mutex::default(),
            trace: Mutex::default(),
            record: OnceLock::new(),
            gate: OnceLock::new(),
            ports: Ports::default(),
        }
    }

    pub(super) fn set_gate(&self, gate: Arc<dyn Gate>) {
        // The first one stays.
        let _ = self.gate.set(gate);
    }

    pub(super) fn world(&self) -> MutexGuard<'_, W> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records every exchange from now on; the first record stays.
    pub(super) fn record(&self, record: Record) {
        let _ = self.record.set(record);
    }

    pub(super) fn trace(&self) -> Vec<Exchange> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn before(&self) -> MutexGuard<'_, Option<W>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an exchange when it arrives; its answer is filled in later.
    fn arrived(&self, request: &Wire) -> (usize, Option<Fault>) {
        // One lock order for both, so that numbers and faults agree.
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = self.plans().strike(&request.method, &request.path);
        self.refuse_next();
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let number = trace.len() as u64 + 1;
        trace.push(Exchange {
            number,
            method: request.method.clone(),
            path: format!("{}{query}", request.path),
            status: 0,
            user: String::new(),
            fault: fault.clone(),
        });
        (trace.len() - 1, fault)
    }

    /// Refuses whoever comes, where the next exchange is to find nobody.
    pub(super) fn refuse_next(&self) {
        if self.plans().refuse() {
            self.ports.refuse();
        }
    }

    fn answered(&self, index: usize, status: u16, user: Option<String>) {
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(exchange) = trace.get_mut(index) {
            exchange.status = status;
            if let Some(user) = user {
                exchange.user = user;
            }
        }
    }
}

/// A request, read whole.
pub(super) struct Wire {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) accept: String,
    pub(super) range: String,
    pub(super) content_type: String,
    pub(super) content_encoding: String,
    pub(super) protocol: String,
    pub(super) credentials: Credentials,
    pub(super) host: String,
    pub(super) origin: Option<String>,
    pub(super) cookies: String,
    pub(super) body: Vec<u8>,
}

type Sent = Response<BoxBody<Bytes, io::Error>>;

/// Accepts connections at one door until the runtime ends.
pub(super) async fn accept<W: Served>(port: Arc<Port>, shared: Arc<Shared<W>>, door: usize) {
    while let Ok(stream) = port.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&shared), door));
    }
}

async fn connection<W: Served>(stream: TcpStream, shared: Arc<Shared<W>>, door: usize) {
    // Small answers must not wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| Box::pin(gated(request, Arc::clone(&shared), door)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        biased;
        // A connection that is kept would lead past the port that refuses.
        () = shared.ports.refused() => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => ended,
    };
    let stream = connection.into_parts().io.into_inner();
    if ended.is_err() {
        // Closing with zero linger sends a reset: the client must not take it for an end.
        let _ = stream.set_zero_linger();
    }
}

/// An exchange, let through when its turn comes where somebody orders them.
async fn gated<W: Served>(
    request: Request<Incoming>,
    shared: Arc<Shared<W>>,
    door: usize,
) -> Result<Sent, io::Error> {
    let Some(gate) = shared.gate.get().cloned() else { return exchange(request, shared).await };
    let (call, waits) = (format!("{} {}", request.method(), request.uri()), Arc::clone(&gate));
    let entered = tokio::task::spawn_blocking(move || waits.enter(door, &call)).await;
    entered.map_err(io::Error::other)?;
    let answer = exchange(request, shared).await;
    gate.leave(door);
    answer
}

async fn exchange<W: Served>(request: Request<Incoming>, shared: Arc<Shared<W>>) -> Result<Sent, io::Error> {
    let (head, body) = request.into_parts();
    let header =
        |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let wire = Wire {
        method: if head.method == hyper::Method::HEAD { "GET".to_owned() } else { head.method.to_string() },
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        accept: header(ACCEPT).unwrap_or_default(),
        range: header(RANGE).unwrap_or_default(),
        content_type: header(CONTENT_TYPE).unwrap_or_default(),
        content_encoding: header(CONTENT_ENCODING).unwrap_or_default(),
        protocol: header(HeaderName::from_static("git-protocol")).unwrap_or_default(),
        credentials: Credentials {
            authorization: header(AUTHORIZATION),
            private_token: header(HeaderName::from_static("private-token")),
            job_token: header(HeaderName::from_static("job-token")),
        },
        host: header(HOST).unwrap_or_default(),
        origin: header(ORIGIN),
        cookies: header(COOKIE).unwrap_or_default(),
        body: body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec(),
    };
    let (index, fault) = shared.arrived(&wire);
    let asked = shared.record.get().filter(|_| W::is_api(&wire.path)).map(|_| Asked {
        client: header(USER_AGENT).unwrap_or_default(),
        method: wire.method.clone(),
        path: wire.path.clone(),
        query: wire.query.clone(),
        accept: wire.accept.clone(),
        content_type: wire.content_type.clone(),
        body: wire.body.clone(),
    });
    let what = fault.as_ref().map(|fault| fault.what.clone());
    if let Some(What::Slow(time)) = &what {
        tokio::time::sleep(*time).await;
    }
    let served = match &fault {
        Some(fault) if !fault.applied => None,
        _ => {
            let (shared, stale) = (Arc::clone(&shared), what == Some(What::Stale));
            let handled = tokio::task::spawn_blocking(move || W::handle(&shared, wire, stale)).await;
            Some(handled.map_err(io::Error::other)?)
        }
    };
    let (real, user) = served.map_or((None, None), |(answer, user)| (Some(answer), user));
    let invented = what.as_ref().and_then(W::in_place_of_answer);
    let altered = matches!(what, Some(What::WrongTypes | What::Swapped(..)));
    let strange = invented.is_some() || altered;
    let answer = invented.or_else(|| match &what {
        Some(what) => real.map(|real| fault::altered(what, real)),
        None => real,
    });
    // One that is answered at once does not live to see that its connection is to end.
    let answer = answer.map(|answer| match shared.ports.are_refusing() {
        true => answer.with("connection", "close"),
        false => answer,
    });
    if let (Some(record), Some(asked), Some(answer)) = (shared.record.get(), &asked, &answer) {
        record.note(asked, answer, strange);
    }
    match (what, answer) {
        (Some(What::Reset | What::Refused), _) => {
            shared.answered(index, 0, user);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        (Some(What::Hang), _) => {
            shared.answered(index, 0, user);
            std::future::pending::<Infallible>().await;
            Err(io::ErrorKind::TimedOut.into())
        }
        (Some(What::Truncated), answer) => {
            shared.answered(index, 200, user);
            Ok(truncated(
                answer.unwrap_or_else(|| Answer::message(200, "this will never be read to its end")),
            ))
        }
        (_, Some(answer)) => {
            shared.answered(index, answer.status, user);
            Ok(whole(answer))
        }
        (_, None) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn head(answer: &Answer) -> hyper::http::response::Builder {
    let mut response = Response::builder().status(answer.status).header("x-request-id", "sim");
    for (name, value) in &answer.headers {
        // A value that is no header text would only be a mistake of ours; it is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            response = response.header(*name, value);
        }
    }
    response
}

fn built(response: Result<Sent, hyper::http::Error>) -> Sent {
    response.unwrap_or_else(|_| Response::new(Full::default().map_err(|never| match never {}).boxed()))
}

fn whole(answer: Answer) -> Sent {
    let response = head(&answer);
    built(
        response
            .body(Full::new(Bytes::from(answer.body)).map_err(|never: Infallible| match never {}).boxed()),
    )
}

/// The whole length is promised and half of it sent.
fn truncated(answer: Answer) -> Sent {
    let response = head(&answer).header("content-length", answer.body.len());
    let half = Bytes::copy_from_slice(&answer.body[..answer.body.len() / 2]);
    built(response.body(Cut(Some(half)).boxed()))
}

/// A body that breaks after one frame.
struct Cut(Option<Bytes>);

impl Body for Cut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(match self.0.take() {
            Some(half) => Ok(Frame::data(half)),
            None => Err(io::ErrorKind::ConnectionReset.into()),
        }))
    }
}
