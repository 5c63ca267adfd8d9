//! From GitLab's registry to Heroku: every production app, one pinned image each, released and verified.
//!
//! Its own kind of loop: look at every app before touching any, copy, release one app after the other, stop at
//! the first that fails, and say what each runs then. It keeps no state: what is live already is found out and
//! checked again, never released twice. What it did stands in a [`Receipt`], which is written as it goes, so
//! that a killed job leaves one as well.
//!
//! It prints nothing; a listener is told.

mod health;
mod preflight;
mod receipt;
mod release;
mod rollback;
mod target;

use std::sync::Arc;
use std::time::Duration;

use crate::ci::heroku::{Heroku, Release};
use crate::ci::registry::{Copied, Progress, Reference, Registries, Transfer};
use crate::clock::Clock;
use crate::error::{Problem, Result};

pub use preflight::{Ready, preflight};
pub use receipt::{AppReceipt, Mark, Outcome, RECEIPT, ROLLBACK_RECEIPT, Receipt, Stage, Work, short};
pub use rollback::roll_back;
pub use target::{Images, Process, Target, siblings, targets};

/// How long things may take, and how they are looked at.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The first pause between two looks at Heroku; it doubles.
    pub poll_min: Duration,
    /// The longest one.
    pub poll_max: Duration,
    /// How long what was just written is looked for.
    pub settle: Duration,
    /// How long a release may be pending.
    pub release: Duration,
    /// How long dynos may take until they are up.
    pub boot: Duration,
    /// How long an app may take until it is healthy.
    pub health: Duration,
    /// How long one answer of a health page may take.
    pub answer: Duration,
    /// The first pause between two health checks.
    pub check_min: Duration,
    /// The longest one.
    pub check_max: Duration,
    /// How many good answers in a row make an app healthy.
    pub streak: u32,
}

/// What the work is done with.
pub struct Site<'a> {
    /// The Platform API.
    pub heroku: &'a Heroku,
    /// How long things may take.
    pub limits: Limits,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Keeps the receipt as it is now.
    pub keep: &'a dyn Fn(&Receipt) -> Result<()>,
    /// How a person does the same once more, in words.
    pub again: &'a str,
}

impl Site<'_> {
    /// Says once how the same is done once more: in the words of a hint that ends so already, else in one that
    /// says why this is safe.
    fn once_more(&self, mut problem: Problem, why: &str) -> Problem {
        const HERE: &str = "run the same command again";
        let told = problem.hints.iter().any(|hint| hint.contains(HERE));
        problem.hints.iter_mut().for_each(|hint| *hint = hint.replace(HERE, self.again));
        match told {
            true => problem,
            false => problem.hint(format!("{}: {why}", self.again)),
        }
    }
}

/// What only the way forward needs.
pub struct Forward<'a> {
    /// The registries.
    pub registries: &'a Registries,
    /// Repositories beside the destinations that may hold some of the layers.
    pub siblings: &'a [Reference],
    /// How a person takes it back, in words.
    pub back: &'a str,
}

/// What the listener is told.
#[derive(Debug)]
pub enum Event<'a> {
    /// The work on an app begins (`""` for all of them together).
    Begin {
        /// Its name.
        app: &'a str,
        /// What is done, in words.
        what: &'a str,
    },
    /// It ends, well or not.
    End,
    /// Something is waited for; told at every look.
    Waiting {
        /// Its name.
        app: &'a str,
        /// What for.
        what: String,
        /// For how long so far.
        since: Duration,
    },
    /// Something came to pass.
    Done {
        /// Its name.
        app: &'a str,
        /// What.
        what: String,
    },
    /// Something that a person should know.
    Doubt {
        /// Its name.
        app: &'a str,
        /// What.
        what: String,
    },
    /// A line that the release phase printed.
    Output {
        /// Its name.
        app: &'a str,
        /// The line; untrusted text.
        line: String,
    },
    /// The copying moved on.
    Copying {
        /// For which apps and process types, in the order of the transfers.
        places: &'a [(String, &'a Ready)],
        /// What happened.
        progress: Progress,
    },
}

/// Who is told.
pub type Listener<'a> = dyn FnMut(Event<'_>) + 'a;

/// Promotes what was found ready. The receipt is kept whatever happens; the problem says what each app runs.
pub fn promote(
    site: &Site<'_>,
    forward: &Forward<'_>,
    ready: &[Ready],
    receipt: &mut Receipt,
    tell: &mut Listener<'_>,
) -> Result<()> {
    let done = copy(site, forward, ready, receipt, tell).and_then(|()| {
        for (at, app) in ready.iter().enumerate() {
            let name = app.target.name.as_str();
            tell(Event::Begin { app: name, what: "release" });
            let done = release::one(site, app, at, receipt, tell);
            tell(Event::End);
            if let Err(problem) = &done {
                receipt.app(at).fail(problem);
            }
            // What became of the app is more than what became of its receipt.
            let kept = (site.keep)(receipt);
            done.map_err(|problem| Problem { message: format!("{name}: {}", problem.message), ..problem })?;
            kept?;
        }
        receipt.finish(site.clock.now(), None);
        (site.keep)(receipt)
    });
    done.map_err(|problem| {
        let problem = runs_now(site, forward.back, ready, receipt, problem);
        let problem = site.once_more(problem, "it goes on from what is true, and releases nothing twice");
        receipt.finish(site.clock.now(), Some(&problem));
        let _ = (site.keep)(receipt);
        problem
    })
}

/// Brings every image to where Heroku takes it from, all in one go; nothing is released by it.
fn copy(
    site: &Site<'_>,
    forward: &Forward<'_>,
    ready: &[Ready],
    receipt: &mut Receipt,
    tell: &mut Listener<'_>,
) -> Result<()> {
    let mut places = Vec::new();
    let mut transfers = Vec::new();
    for app in ready {
        for process in &app.target.processes {
            places.push((process.name.clone(), app));
            transfers.push(Transfer { image: &app.image, to: process.place.clone() });
        }
    }
    tell(Event::Begin { app: "", what: "copy" });
    let start = site.clock.elapsed();
    let results = forward.registries.copy(&transfers, forward.siblings, &mut |progress| {
        tell(Event::Copying { places: &places, progress });
    });
    let took = site.clock.elapsed().saturating_sub(start);
    let mut failed = None;
    for ((process, app), result) in places.iter().zip(results) {
        match result {
            Ok(copied) => {
                tell(Event::Done { app: &app.target.name, what: copied_words(process, app, &copied) })
            }
            Err(problem) => {
                tell(Event::Doubt {
                    app: &app.target.name,
                    what: format!("{process} is not copied: {problem}"),
                });
                failed = failed.or(Some((app.target.name.clone(), problem)));
            }
        }
    }
    tell(Event::End);
    for at in 0..ready.len() {
        receipt.app(at).took(Stage::Copy, took);
    }
    (site.keep)(receipt)?;
    match failed {
        None => Ok(()),
        Some((name, problem)) => {
            let message = format!("the image of {name} could not be copied, so nothing was released");
            Err(Problem { message, causes: [vec![problem.message], problem.causes].concat(), ..problem })
        }
    }
}

fn copied_words(process: &str, app: &Ready, copied: &Copied) -> String {
    let mega = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let how = match (copied.already, copied.uploaded, copied.mounted) {
        (true, ..) | (_, 0, 0) => "was there".to_owned(),
        (_, sent, 0) => format!("{} sent", mega(sent)),
        (_, 0, mounted) => format!("{} taken from a sibling", mega(mounted)),
        (_, sent, mounted) => format!("{} sent, {} taken from a sibling", mega(sent), mega(mounted)),
    };
    format!("{process} has {} ({how})", short(app.image.config_digest.as_str()))
}

/// Adds to a problem what each app runs now, read afresh, and the way back.
fn runs_now(
    site: &Site<'_>,
    back: &str,
    ready: &[Ready],
    receipt: &mut Receipt,
    mut problem: Problem,
) -> Problem {
    let mut moved = false;
    for (at, app) in ready.iter().enumerate() {
        let row = receipt.app(at);
        let now = site.heroku.releases(&app.target.heroku, 20);
        let now = now.map(|releases| releases.into_iter().find(|release| release.current));
        let words = match &now {
            Ok(Some(release)) => {
                moved |= row.released(release);
                row.stands(release)
            }
            Ok(None) => "nothing".to_owned(),
            Err(error) => format!("unknown ({error})"),
        };
        moved |= now.is_err();
        problem.causes.push(format!("{} runs {words}", app.target.name));
    }
    match moved {
        true => problem
            .hint(format!("to go back: {back}"))
            .hint("going back takes the config vars back as well; what migrations did to databases stays"),
        false => problem,
    }
}

/// The release that runs, among the newest.
fn current(releases: &[Release]) -> Option<&Release> {
    releases.iter().find(|release| release.current)
}

/// The pause after `pause`.
fn longer(pause: Duration, longest: Duration) -> Duration {
    pause.saturating_mul(2).min(longest)
}
