//! The embedded Heroku: the Platform API as far as promoting needs it, the apps' own health pages, and the
//! rendezvous of one-off dynos, all on loopback.
//!
//! It behaves as the API's schema and Heroku's own command-line tool tell: releases that are pending for a
//! while, an output stream that is 404 at first, old dynos that keep answering, no release for an image that
//! runs already. What moves by itself is counted in requests, never in seconds. What could not be found out is
//! said where it is decided (`formation`). What it does not know it answers with 501.

mod dynos;
mod formation;
mod health;
mod platform;
mod releases;
mod rendezvous;
mod route;

use std::path::Path;

use super::fault::FaultPlan;
use super::host::{Hosted, listen};
use super::record::Record;
use super::serve::Exchange;
use crate::error::Result;

pub use platform::{App, Ending, Lag, Platform, Script};

/// A running embedded Heroku. Dropping it stops it.
#[derive(Debug)]
pub struct Heroku {
    hosted: Hosted<Platform>,
}

impl Heroku {
    /// Serves a platform on loopback, on threads of its own.
    pub fn start(mut platform: Platform) -> Result<Heroku> {
        let api = listen(platform.port, "Heroku")?;
        let meeting = listen(0, "Heroku's rendezvous")?;
        platform.origin = api.origin.clone();
        platform.rendezvous = meeting.origin.replacen("http://", "rendezvous://", 1);
        let hosted = Hosted::start(api, platform)?;
        hosted.beside(meeting, rendezvous::accept)?;
        Ok(Heroku { hosted })
    }

    /// The address of the Platform API.
    pub fn url(&self) -> String {
        self.with_platform(|platform| platform.origin.clone())
    }

    /// The health page of an app.
    pub fn health_url(&self, app: &str) -> String {
        format!("{}/health/{app}", self.url())
    }

    /// A token that may do everything.
    pub fn token(&self) -> String {
        self.with_platform(|platform| platform.token.clone())
    }

    /// Looks at or changes the platform, between requests.
    pub fn with_platform<T>(&self, act: impl FnOnce(&mut Platform) -> T) -> T {
        self.hosted.with_world(act)
    }

    /// Every exchange so far, in order, without secrets.
    pub fn requests(&self) -> Vec<Exchange> {
        self.hosted.requests()
    }

    /// Writes every exchange with the API from now on to this file, one JSON object a line.
    pub fn record(&self, path: &Path) -> Result<()> {
        self.hosted.record(Record::create(path)?);
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

    /// How many of the injected faults have struck.
    pub fn faults_triggered(&self) -> u64 {
        self.hosted.faults_triggered()
    }
}
