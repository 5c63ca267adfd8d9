//! The embedded GitLab: one stateful server on loopback, for `demo`, for tests and to rehearse.
//!
//! Real HTTP, and real git over smart HTTP on a real bare repository. It behaves as GitLab 18.9
//! does, traps included: approvals before play, play that retries a finished job, merge status and
//! pipelines that lag, all the shapes of errors. What it does not know it answers with 501.
//!
//! It shares no types with the client it is there to test: one wrong struct would agree with itself.

mod advance;
mod approvals;
mod ask;
mod auth;
mod backport;
mod blockers;
mod branches;
mod call;
mod colleague;
mod commits;
mod deployments;
mod entry;
mod fault;
mod founding;
mod gate;
mod git_http;
pub mod heroku;
mod host;
mod jobs;
mod labels;
mod lifecycle;
mod limit;
mod merge;
mod merge_requests;
mod notes;
mod objects;
mod page;
mod pipelines;
mod port;
mod present;
mod projects;
mod receipt;
mod record;
pub mod registry;
mod repository;
mod respond;
mod route;
mod runner;
mod scenario;
mod scenarios;
mod serve;
mod setup;
mod shop;
mod users;
mod world;

use std::path::Path;
use std::sync::Arc;

use crate::error::Result;

pub use fault::{At, Fault, FaultPlan, What};
pub use gate::Gate;
pub use limit::{Limits, Quota};
pub use respond::Answer;
pub use runner::{Taken, Worked};
pub use scenario::{Act, Click, Deed, Event, Scenario, When};
pub use serve::Exchange;
pub use setup::{Body, JobSpec, Lag, MergeMethod, Protection, Rule, Seed, Setup, Squash, Start, Who};
pub use world::{Token, World};

use host::{Hosted, listen};

/// A running embedded GitLab. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    hosted: Hosted<World>,
}

impl Server {
    /// Serves a world on loopback, on threads of its own.
    pub fn start(mut world: World) -> Result<Server> {
        let listener = listen(world.setup.port, "GitLab")?;
        world.origin = listener.origin.clone();
        Ok(Server { hosted: Hosted::start(listener, world)? })
    }

    /// The instance's address, with its relative root and without a slash at the end.
    pub fn url(&self) -> String {
        self.with_world(|world| world.base())
    }

    /// The address to clone from, without credentials.
    pub fn project_url(&self) -> String {
        self.with_world(|world| format!("{}.git", world.project_web()))
    }

    /// Somebody's token with scope `api`; empty for nobody we know.
    pub fn token(&self, user: &str) -> String {
        self.with_world(|world| world.first_token(user).map(|token| token.secret.clone()).unwrap_or_default())
    }

    /// Looks at or changes the world, between requests.
    pub fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.hosted.with_world(act)
    }

    /// Every exchange so far, in order, without secrets.
    pub fn requests(&self) -> Vec<Exchange> {
        self.hosted.requests()
    }

    /// Writes every exchange with the API from now on to this file, one JSON object a line.
    pub fn record(&self, path: &Path) -> Result<()> {
        self.hosted.record(record::Record::create(path)?);
        Ok(())
    }

    /// Makes something go wrong.
    pub fn inject(&self, plan: FaultPlan) {
        self.hosted.inject(plan);
    }

    /// Nothing goes wrong any more.
    pub fn lift_faults(&self) {
        self.hosted.lift_faults();
    }

    /// Another address of the same world, by which a [`Gate`] tells its caller from others. The server's own
    /// address is door 0.
    pub fn door(&self, door: usize) -> Result<String> {
        let listener = listen(0, "GitLab")?;
        let address = format!("{}{}", listener.origin, self.with_world(|world| world.setup.root.clone()));
        self.hosted.door(listener, door)?;
        Ok(address)
    }

    /// Lets a gate order all exchanges from now on; the first one that is set stays.
    pub fn set_gate(&self, gate: Arc<dyn Gate>) {
        self.hosted.set_gate(gate);
    }

    /// How many of the injected faults have struck.
    pub fn faults_triggered(&self) -> u64 {
        self.hosted.faults_triggered()
    }
}
