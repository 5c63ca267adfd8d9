//! Whether an app is well: its page, asked until it is good several times in a row.
//!
//! A plain 200 proves little: with preboot the old dynos keep answering for minutes, and they are well. What
//! proves something is an identity, a header or a field that names the commit.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::preflight::is_commit;
use super::release::seconds;
use super::{Event, Listener, Site, longer, short};
use crate::clock::Clock;
use crate::config::Health;
use crate::error::{Kind, Problem, Result};
use crate::http::{Http, Method, Options, Request, Retry, encode};

/// Which commit shall answer.
pub(super) enum Wanted<'a> {
    /// This one.
    Commit(&'a str),
    /// Any but this one.
    AnyBut(&'a str),
}

/// Said where no identity is configured.
const PROVES_LITTLE: &str =
    "no identity is configured: a plain 200 proves little, old dynos may be the ones that answer";

/// Waits until the app is well; says in words what was seen.
pub(super) fn wait(
    site: &Site<'_>,
    app: &str,
    health: Option<&Health>,
    wanted: &Wanted<'_>,
    tell: &mut Listener<'_>,
) -> Result<String> {
    let Some(health) = health else {
        let what = "no health check is configured: that it serves was not seen".to_owned();
        tell(Event::Doubt { app, what: what.clone() });
        return Ok(what);
    };
    let page = Page::new(health, site.limits.answer, site.clock.clone())?;
    let start = site.clock.elapsed();
    let (mut pause, mut good) = (site.limits.check_min, 0_u32);
    loop {
        let since = site.clock.elapsed().saturating_sub(start);
        let seen = page.ask(wanted);
        match &seen {
            Ok(identity) => {
                good += 1;
                if good >= site.limits.streak {
                    let what = said(health, good, identity.as_deref());
                    tell(Event::Done { app, what: what.clone() });
                    if identity.is_none() {
                        tell(Event::Doubt { app, what: PROVES_LITTLE.to_owned() });
                    }
                    return Ok(what);
                }
                pause = site.limits.check_min;
            }
            Err(why) => {
                good = 0;
                if since >= site.limits.health {
                    return Err(Problem::new(
                        Kind::Rejected,
                        format!("not healthy after {}", seconds(since)),
                    )
                    .because(format!("{}: {why}", health.url))
                    .hint(format!("look at it: {}", health.url)));
                }
            }
        }
        let what = match &seen {
            Ok(_) => format!("healthy {good} of {} times", site.limits.streak),
            Err(why) => format!("not healthy yet: {why}"),
        };
        tell(Event::Waiting { app, what, since });
        site.clock.sleep(pause);
        if seen.is_err() {
            pause = longer(pause, site.limits.check_max);
        }
    }
}

fn said(health: &Health, good: u32, identity: Option<&str>) -> String {
    let times = if good == 1 { "once".to_owned() } else { format!("{good} times in a row") };
    match identity {
        Some(identity) => format!("healthy {times}: {} from {}", health.status, short(identity)),
        None => format!("answered {} {times}", health.status),
    }
}

struct Page<'a> {
    http: Http,
    request: Request,
    health: &'a Health,
}

impl<'a> Page<'a> {
    fn new(health: &'a Health, answer: Duration, clock: Arc<dyn Clock>) -> Result<Page<'a>> {
        let retry = Retry { attempts: 1, ..Retry::default() };
        let options = Options { connect: answer, read: answer, total: answer, retry };
        let http = Http::new(&health.url, None, options, clock)?;
        let mut request = Request::new::<&str>(Method::Get, []).accept("*/*");
        for (name, value) in health.url.query_pairs() {
            request = request.query(encode(&name), value);
        }
        Ok(Page { http, request, health })
    }

    /// One look: who answered, where the page tells; why it is not good.
    fn ask(&self, wanted: &Wanted<'_>) -> std::result::Result<Option<String>, String> {
        let response = self.http.send(&self.request).map_err(|error| error.to_string())?;
        if response.status != self.health.status {
            return Err(format!("it answered {}, not {}", response.status, self.health.status));
        }
        let mut identity = None;
        if let Some(header) = &self.health.identity {
            let value = response.header(header).ok_or_else(|| format!("it has no header {header}"))?;
            check(header, value, wanted)?;
            identity = Some(value.to_owned());
        }
        if let Some(field) = &self.health.field {
            let body: Value = response.json()?;
            let value = field.split('.').fold(&body, |at, part| &at[part]);
            let value = value.as_str().ok_or_else(|| format!("its JSON has no text at {field}"))?;
            check(field, value, wanted)?;
            identity = Some(value.to_owned());
        }
        Ok(identity)
    }
}

fn check(what: &str, value: &str, wanted: &Wanted<'_>) -> std::result::Result<(), String> {
    let shown = if value.is_empty() { "nothing" } else { short(value) };
    match wanted {
        Wanted::Commit(commit) if !is_commit(value, commit) => {
            Err(format!("{what} says {shown}, not {}", short(commit)))
        }
        Wanted::AnyBut(commit) if value.trim().len() < 8 || is_commit(value, commit) => {
            Err(format!("{what} still says {shown}"))
        }
        _ => Ok(()),
    }
}
