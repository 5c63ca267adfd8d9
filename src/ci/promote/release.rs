//! One app: its release, until it is the current one, its dynos are up and its health page is good.

use std::time::Duration;

use super::health::{self, Wanted};
use super::{Event, Listener, Mark, Outcome, Ready, Receipt, Site, Stage, current, longer};
use crate::ci::heroku::{Release, Scale, Status};
use crate::error::{Kind, Problem, Result};

/// How many looks in a row must find a dyno crashed: Heroku starts crashed ones again.
const CRASHES: u32 = 3;

/// Releases an app and sees it through.
pub(super) fn one(
    site: &Site<'_>,
    app: &Ready,
    at: usize,
    receipt: &mut Receipt,
    tell: &mut Listener<'_>,
) -> Result<()> {
    let commit = receipt.commit.clone();
    let start = site.clock.elapsed();
    let (release, new) = put(site, app, at, receipt, tell)?;
    let row = receipt.app(at);
    row.after = Some(Mark::of(&release));
    if !new {
        // Nothing that this run did: what was before it is as far back as Heroku tells.
        row.before = app.earlier.as_ref().map(Mark::of);
    }
    (site.keep)(receipt)?;
    let release = succeeded(site, &app.target.heroku, &app.target.name, release, tell)?;
    let row = receipt.app(at);
    row.after = Some(Mark::of(&release));
    row.took(Stage::Release, site.clock.elapsed().saturating_sub(start));
    let version = release.version;
    let what = match new {
        true => format!("v{version} is live"),
        false => format!("v{version} runs this image already; Heroku made no new release"),
    };
    tell(Event::Done { app: &app.target.name, what });
    timed(site, receipt, at, Stage::Dynos, || up(site, &app.target.heroku, &app.target.name, version, tell))?;
    let found = timed(site, receipt, at, Stage::Health, || {
        health::wait(site, &app.target.name, app.target.health.as_ref(), &Wanted::Commit(&commit), tell)
    })?;
    let row = receipt.app(at);
    row.health = Some(found);
    row.outcome = if new { Outcome::Live } else { Outcome::AlreadyLive };
    Ok(())
}

/// Runs a stage and notes how long it took, well or not.
pub(super) fn timed<T>(
    site: &Site<'_>,
    receipt: &mut Receipt,
    at: usize,
    stage: Stage,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let start = site.clock.elapsed();
    let done = work();
    receipt.app(at).took(stage, site.clock.elapsed().saturating_sub(start));
    done
}

/// Gives the app its image, once: the release to wait for, and whether it is a new one.
fn put(
    site: &Site<'_>,
    app: &Ready,
    at: usize,
    receipt: &mut Receipt,
    tell: &mut Listener<'_>,
) -> Result<(Release, bool)> {
    let (name, heroku) = (app.target.name.as_str(), app.target.heroku.as_str());
    let mut releases = site.heroku.releases(heroku, 20)?;
    if let Some(pending) = releases.first().filter(|newest| newest.status == Status::Pending).cloned() {
        // Ours of a run before this one, or somebody's: two at once would be nobody's.
        let what = format!("v{} is on its way already; waiting for it first", pending.version);
        tell(Event::Done { app: name, what });
        ended(site, heroku, name, pending, tell)?;
        releases = site.heroku.releases(heroku, 20)?;
    }
    let newest = releases.first().cloned();
    let row = receipt.app(at);
    row.before = current(&releases).map(Mark::of);
    row.outcome = Outcome::Releasing;
    (site.keep)(receipt)?;
    let image = app.image.config_digest.as_str();
    let images: Vec<(String, String)> =
        app.target.processes.iter().map(|process| (process.name.clone(), image.to_owned())).collect();
    let known = newest.as_ref().map(|release| release.id.as_str());
    match site.heroku.set_images(heroku, &images) {
        Ok(()) => {
            // A list may lag behind the release: one more look before the image counts as live.
            let found = match appeared(site, heroku, known)? {
                Some(found) => Some(found),
                None => {
                    site.clock.sleep(site.limits.poll_min);
                    appeared(site, heroku, known)?
                }
            };
            match (found, newest) {
                (Some(found), _) => Ok((found, true)),
                (None, Some(newest)) => Ok((newest, false)),
                (None, None) => {
                    Err(Problem::new(Kind::Rejected, "Heroku took the image and made no release")
                        .hint(format!("heroku releases -a {heroku}")))
                }
            }
        }
        // The answer was lost, not the request perhaps: what is true decides, the request is not sent again.
        Err(error) if error.is_ambiguous() => match settled(site, heroku, known)? {
            Some(found) => {
                let what = format!("the answer was lost, and v{} is there", found.version);
                tell(Event::Done { app: name, what });
                Ok((found, true))
            }
            None => Err(Problem::new(Kind::Unreachable, "whether Heroku took the image is not known")
                .because(error)
                .because(format!("no new release appeared within {} s", site.limits.settle.as_secs()))),
        },
        Err(error) => Err(error.into()),
    }
}

/// The first release after the one known before. What came after it is somebody else's, and is found to have
/// taken its place.
fn appeared(site: &Site<'_>, heroku: &str, known: Option<&str>) -> Result<Option<Release>> {
    let releases = site.heroku.releases(heroku, 20)?;
    Ok(releases.into_iter().take_while(|release| Some(release.id.as_str()) != known).last())
}

/// Looks for a new release for as long as one may take to appear.
pub(super) fn settled(site: &Site<'_>, heroku: &str, known: Option<&str>) -> Result<Option<Release>> {
    let start = site.clock.elapsed();
    let mut pause = site.limits.poll_min;
    loop {
        if let Some(found) = appeared(site, heroku, known)? {
            return Ok(Some(found));
        }
        if site.clock.elapsed().saturating_sub(start) >= site.limits.settle {
            return Ok(None);
        }
        site.clock.sleep(pause.min(site.limits.settle));
        pause = longer(pause, site.limits.poll_max);
    }
}

/// Waits until a release is no longer pending, and shows what its release phase prints. The stream is for
/// people only: it breaks off and comes late, and what counts is the state.
pub(super) fn ended(
    site: &Site<'_>,
    heroku: &str,
    name: &str,
    mut release: Release,
    tell: &mut Listener<'_>,
) -> Result<Release> {
    let start = site.clock.elapsed();
    let mut pause = site.limits.poll_min;
    let mut output = Output::default();
    loop {
        let pending = matches!(release.status, Status::Pending | Status::Other(_));
        if let Some(stream) = &release.output_stream_url {
            output.read(site, stream, name, tell);
        }
        if !pending {
            output.rest(name, tell);
            return Ok(release);
        }
        let since = site.clock.elapsed().saturating_sub(start);
        if since >= site.limits.release {
            return Err(Problem::new(
                Kind::Pending,
                format!("v{} is still {} after {} s", release.version, release.status, since.as_secs()),
            )
            .because("Heroku may still finish it; until then what ran before keeps running")
            .hint(format!("heroku releases:output v{} -a {heroku}", release.version)));
        }
        tell(Event::Waiting {
            app: name,
            what: format!("v{} is {}", release.version, release.status),
            since,
        });
        site.clock.sleep(pause);
        pause = longer(pause, site.limits.poll_max);
        release = site.heroku.release(heroku, &release.id)?;
    }
}

/// Waits until a release succeeded and runs: both, since either alone proves nothing.
pub(super) fn succeeded(
    site: &Site<'_>,
    heroku: &str,
    name: &str,
    release: Release,
    tell: &mut Listener<'_>,
) -> Result<Release> {
    let release = ended(site, heroku, name, release, tell)?;
    let version = release.version;
    if release.status != Status::Succeeded {
        return Err(Problem::new(
            Kind::Rejected,
            format!("the release v{version} {}", fate(&release.status)),
        )
        .because("its release phase did not end well, so what ran before keeps running")
        .hint(format!("heroku releases:output v{version} -a {heroku}")));
    }
    let start = site.clock.elapsed();
    let mut pause = site.limits.poll_min;
    loop {
        let releases = site.heroku.releases(heroku, 20)?;
        let own = releases.iter().find(|one| one.id == release.id);
        if let Some(own) = own.filter(|own| own.is_live()) {
            return Ok(own.clone());
        }
        if let Some(other) = current(&releases).filter(|other| other.version > version) {
            if other.runs_the_same(&release) {
                let what = format!("v{} came after v{version} and runs the same image", other.version);
                tell(Event::Done { app: name, what });
                return Ok(other.clone());
            }
            return Err(Problem::new(
                Kind::Rejected,
                format!("another release took the place of v{version}: v{}", other.version),
            )
            .because(other.description.clone())
            .hint(format!("heroku releases -a {heroku}")));
        }
        let since = site.clock.elapsed().saturating_sub(start);
        if since >= site.limits.boot {
            return Err(Problem::new(
                Kind::Pending,
                format!("v{version} succeeded and is not the current release after {} s", since.as_secs()),
            )
            .hint(format!("heroku releases -a {heroku}")));
        }
        tell(Event::Waiting { app: name, what: format!("v{version} succeeded, and becomes current"), since });
        site.clock.sleep(pause);
        pause = longer(pause, site.limits.poll_max);
    }
}

fn fate(status: &Status) -> &'static str {
    match status {
        Status::Expired => "expired",
        _ => "failed",
    }
}

/// Waits until every dyno that serves is up at this release or a newer one, and no process type that is scaled
/// up lacks all of its dynos: between two releases the list may be short, or empty.
pub(super) fn up(
    site: &Site<'_>,
    heroku: &str,
    name: &str,
    version: u64,
    tell: &mut Listener<'_>,
) -> Result<()> {
    let start = site.clock.elapsed();
    let mut pause = site.limits.poll_min;
    let mut crashes = 0;
    loop {
        let dynos = site.heroku.dynos(heroku)?;
        let serving: Vec<_> = dynos.iter().filter(|dyno| dyno.serves()).collect();
        let there = |release: Option<u64>| release.is_some_and(|release| release >= version);
        let mut late: Vec<_> = serving
            .iter()
            .filter(|dyno| dyno.state != "up" || !there(dyno.release.as_ref().map(|release| release.version)))
            .map(|dyno| match &dyno.release {
                Some(release) => format!("{} {} at v{}", dyno.name, dyno.state, release.version),
                None => format!("{} {}", dyno.name, dyno.state),
            })
            .collect();
        if late.is_empty() {
            let wanted = site.heroku.formation(heroku)?;
            let lacks = |scale: &Scale| {
                scale.wants_dynos() && !serving.iter().any(|dyno| dyno.process == scale.process)
            };
            late = wanted
                .iter()
                .filter(|scale| lacks(scale))
                .map(|scale| format!("no dyno of {} yet", scale.process))
                .collect();
        }
        if late.is_empty() {
            let what = match serving.len() {
                0 => "no dyno is scaled up, so nothing of it runs".to_owned(),
                1 => "its dyno is up".to_owned(),
                n => format!("its {n} dynos are up"),
            };
            tell(match serving.is_empty() {
                true => Event::Doubt { app: name, what },
                false => Event::Done { app: name, what },
            });
            return Ok(());
        }
        let crashed = |dyno: &&&crate::ci::heroku::Dyno| {
            dyno.state == "crashed" && there(dyno.release.as_ref().map(|release| release.version))
        };
        crashes = if serving.iter().any(|dyno| crashed(&dyno)) { crashes + 1 } else { 0 };
        let since = site.clock.elapsed().saturating_sub(start);
        if crashes >= CRASHES || since >= site.limits.boot {
            let what = match crashes >= CRASHES {
                true => format!("dynos of v{version} crash"),
                false => format!("not every dyno is up at v{version} after {} s", since.as_secs()),
            };
            return Err(Problem::new(Kind::Rejected, what)
                .because(late.join(", "))
                .hint(format!("heroku logs -a {heroku}")));
        }
        tell(Event::Waiting { app: name, what: late.join(", "), since });
        site.clock.sleep(pause);
        pause = longer(pause, site.limits.poll_max);
    }
}

/// What was read of a release phase's output.
#[derive(Default)]
struct Output {
    bytes: u64,
    line: Vec<u8>,
}

/// No more of a release phase's output is shown; Heroku has all of it.
const MOST_OUTPUT: u64 = 4 << 20;

impl Output {
    fn read(&mut self, site: &Site<'_>, stream: &str, name: &str, tell: &mut Listener<'_>) {
        let from = self.bytes;
        let mut take = |piece: &[u8]| {
            self.bytes += piece.len() as u64;
            for byte in piece {
                match byte {
                    b'\n' if self.bytes <= MOST_OUTPUT => {
                        let line = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_owned();
                        tell(Event::Output { app: name, line });
                        self.line.clear();
                    }
                    _ if self.line.len() < 16 << 10 => self.line.push(*byte),
                    _ => {}
                }
            }
        };
        // 404 at first, cut off in between: all of it is no news about the release.
        let _ = site.heroku.output(stream, from, &mut take);
    }

    fn rest(&mut self, name: &str, tell: &mut Listener<'_>) {
        if !self.line.is_empty() {
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
            tell(Event::Output { app: name, line });
        }
    }
}

/// Seconds as people read them.
pub(super) fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
