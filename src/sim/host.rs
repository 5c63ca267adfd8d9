//! A world on loopback, on threads of its own, for as long as it is held.

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::fault::FaultPlan;
use super::gate::Gate;
use super::port::{Port, bound};
use super::record::Record;
use super::serve::{self, Exchange, Served, Shared};
use crate::error::{Kind, Problem, Result};

/// A served world. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Hosted<W> {
    shared: Arc<Shared<W>>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// A port that is ours, and its address as `http://127.0.0.1:<port>`.
pub(super) struct Listening {
    pub(super) origin: String,
    socket: tokio::net::TcpSocket,
    what: &'static str,
}

/// Takes a port on loopback, 0 for any that is free, for the embedded `what`.
pub(super) fn listen(port: u16, what: &'static str) -> Result<Listening> {
    let broken = |error| broken(what, error);
    let socket = bound((Ipv4Addr::LOCALHOST, port).into()).map_err(broken)?;
    let origin = format!("http://{}", socket.local_addr().map_err(broken)?);
    Ok(Listening { origin, socket, what })
}

fn broken(what: &str, error: std::io::Error) -> Problem {
    Problem::new(Kind::Failed, format!("could not start the embedded {what}"))
        .because(error)
        .hint("choose another port, or none: a free one is taken then")
}

impl<W: Served> Hosted<W> {
    /// Answers whoever asks from now on.
    pub(super) fn start(listening: Listening, world: W) -> Result<Hosted<W>> {
        let what = listening.what;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sim")
            .enable_all()
            .build()
            .map_err(|error| broken(what, error))?;
        let hosted = Hosted { shared: Arc::new(Shared::new(world)), runtime: Some(runtime) };
        hosted.beside(listening, |port, shared| serve::accept(port, shared, 0))?;
        Ok(hosted)
    }

    /// Serves another port of the same world.
    pub(super) fn beside<F: Future<Output = ()> + Send + 'static>(
        &self,
        listening: Listening,
        accept: impl FnOnce(Arc<Port>, Arc<Shared<W>>) -> F,
    ) -> Result<()> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        let _inside = runtime.enter();
        let port = self.shared.ports.add(listening.socket).map_err(|error| broken(listening.what, error))?;
        runtime.spawn(accept(port, Arc::clone(&self.shared)));
        Ok(())
    }

    /// Serves another port of the same world as a door of its own.
    pub(super) fn door(&self, listening: Listening, door: usize) -> Result<()> {
        self.beside(listening, |port, shared| serve::accept(port, shared, door))
    }

    /// Lets a gate order all exchanges from now on; the first one that is set stays.
    pub(super) fn set_gate(&self, gate: Arc<dyn Gate>) {
        self.shared.set_gate(gate);
    }

    /// Looks at or changes the world, between requests.
    pub(super) fn with_world<T>(&self, act: impl FnOnce(&mut W) -> T) -> T {
        let mut world = self.shared.world();
        let result = act(&mut world);
        world.settle();
        result
    }

    /// Every exchange so far, in order, without secrets.
    pub(super) fn requests(&self) -> Vec<Exchange> {
        self.shared.trace()
    }

    /// Records every exchange from now on.
    pub(super) fn record(&self, record: Record) {
        self.shared.record(record);
    }

    /// Makes something go wrong.
    pub(super) fn inject(&self, plan: FaultPlan) {
        let _inside = self.runtime.as_ref().map(tokio::runtime::Runtime::enter);
        self.shared.plans().add(plan);
        self.shared.refuse_next();
    }

    /// Nothing goes wrong any more.
    pub(super) fn lift_faults(&self) {
        let _inside = self.runtime.as_ref().map(tokio::runtime::Runtime::enter);
        self.shared.plans().lift();
        self.shared.ports.listen();
    }

    /// How many of the injected faults have struck.
    pub(super) fn faults_triggered(&self) -> u64 {
        self.shared.plans().triggered()
    }
}

impl<W> Drop for Hosted<W> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Hanging exchanges end with their connections; nobody waits for them.
            runtime.shutdown_background();
        }
    }
}
