//! The way back: each app of a receipt to the release it ran before.
//!
//! Heroku makes a new release for it, with the old image and the old config vars; the release phase runs again.
//! All apps are looked at before one is touched. After that, one that fails keeps no other from going back.

use super::health::{self, Wanted};
use super::release::{settled, succeeded, timed, up};
use super::{AppReceipt, Event, Listener, Mark, Outcome, Receipt, Site, Stage, current};
use crate::ci::heroku::Release;
use crate::ci::shell_word;
use crate::config::Health;
use crate::error::{Kind, Problem, Result};

/// What is to be done to one app of a receipt.
enum Way {
    /// It runs what it ran before.
    There(Release),
    /// It goes back from this release. The newest one need not run, and is no sign of having gone back.
    Back { to: Mark, from: Release, newest: Option<String> },
}

/// Takes every app back. `receipt` is the new one, made of the promotion's; the health pages are those of the
/// configuration now.
pub fn roll_back(
    site: &Site<'_>,
    health: &dyn Fn(&str) -> Option<Health>,
    receipt: &mut Receipt,
    tell: &mut Listener<'_>,
) -> Result<()> {
    // All are looked at before one is touched.
    let mut ways = Vec::new();
    for row in &receipt.apps {
        let way = look(site, row).map_err(|problem| {
            let problem = Problem { message: format!("{}: {}", row.name, problem.message), ..problem };
            without(row, receipt, problem)
        })?;
        ways.push(way);
    }
    (site.keep)(receipt)?;
    let mut failed: Vec<(String, Problem)> = Vec::new();
    // What was released last is taken back first.
    for at in (0..ways.len()).rev() {
        let name = receipt.app(at).name.clone();
        tell(Event::Begin { app: &name, what: "rollback" });
        let done = one(site, &ways[at], at, health(&name).as_ref(), receipt, tell);
        tell(Event::End);
        if let Err(problem) = done {
            receipt.app(at).fail(&problem);
            failed.push((name, problem));
        }
        // One that cannot be written now keeps no app from going back; whether the last can is said below.
        let _ = (site.keep)(receipt);
    }
    let done = match failed.first().cloned() {
        None => Ok(()),
        Some((name, first)) => {
            let mut problem = Problem { message: format!("{name}: {}", first.message), ..first };
            let others = failed.iter().skip(1).map(|(name, problem)| format!("{name}: {problem}"));
            problem.causes.extend(others);
            for row in &receipt.apps {
                let now = site.heroku.releases(&row.heroku, 20);
                let now = now.map(|releases| current(&releases).map_or(0, |release| release.version));
                problem.causes.push(match now {
                    Ok(version) => format!("{} runs v{version} ({})", row.name, row.outcome.words()),
                    Err(error) => format!("{} runs unknown ({error})", row.name),
                });
            }
            Err(site.once_more(problem, "what is back already is only verified"))
        }
    };
    receipt.finish(site.clock.now(), done.as_ref().err());
    let kept = (site.keep)(receipt);
    done.and_then(|()| kept.map_err(|problem| problem.because("every app is back and verified")))
}

/// Adds how the others go back without this one.
fn without(row: &AppReceipt, receipt: &Receipt, problem: Problem) -> Problem {
    let others = receipt.apps.iter().filter(|other| other.name != row.name);
    let others: String = others.map(|other| format!(" --app {}", shell_word(&other.name))).collect();
    match others.is_empty() || problem.kind != Kind::Refused {
        true => problem,
        false => problem.because("nothing was touched").hint(format!(
            "or take the others back without it: git hotfix ci promote --rollback <receipt> --outside-pipeline \
             <reason>{others}"
        )),
    }
}

fn look(site: &Site<'_>, row: &AppReceipt) -> Result<Way> {
    let releases = site.heroku.releases(&row.heroku, 50)?;
    let Some(now) = current(&releases).cloned() else {
        return Err(Problem::new(Kind::Refused, "nothing runs, so there is nothing to go back from")
            .hint(format!("heroku releases -a {}", row.heroku)));
    };
    let Some(before) = &row.before else {
        return Err(Problem::new(Kind::Refused, "the receipt does not know what it ran before")
            .because(format!("it runs v{} now", now.version))
            .hint(format!(
                "choose a release: heroku releases -a {}; heroku rollback -a {} v<n>",
                row.heroku, row.heroku
            )));
    };
    if now.id == before.id {
        return Ok(Way::There(now));
    }
    let old = site.heroku.release(&row.heroku, &before.id)?;
    if now.runs_the_same(&old) {
        return Ok(Way::There(now));
    }
    if row.after.as_ref().is_none_or(|after| after.id != now.id) {
        return Err(Problem::new(
            Kind::Refused,
            format!("it runs v{}, which this receipt knows nothing of", now.version),
        )
        .because(now.description)
        .because("going back now would undo that as well")
        .hint(format!(
            "heroku releases -a {0}; to go back all the same: heroku rollback -a {0} v{1}",
            row.heroku, before.version
        )));
    }
    if !old.eligible_for_rollback {
        return Err(Problem::new(
            Kind::Refused,
            format!("Heroku does not go back to v{} any more", old.version),
        )
        .hint("revert instead: git hotfix revert"));
    }
    let newest = releases.into_iter().next().map(|release| release.id);
    Ok(Way::Back { to: before.clone(), from: now, newest })
}

fn one(
    site: &Site<'_>,
    way: &Way,
    at: usize,
    health: Option<&Health>,
    receipt: &mut Receipt,
    tell: &mut Listener<'_>,
) -> Result<()> {
    let commit = receipt.commit.clone();
    let (name, heroku) = (receipt.app(at).name.clone(), receipt.app(at).heroku.clone());
    let release = match way {
        Way::There(now) => {
            tell(Event::Done { app: &name, what: format!("runs v{}, what it ran before", now.version) });
            now.clone()
        }
        Way::Back { to, newest, .. } => {
            let release = timed(site, receipt, at, Stage::Release, || {
                let made = match site.heroku.roll_back(&heroku, &to.id) {
                    Ok(made) => made,
                    // The answer was lost, not the request perhaps; it is not sent again.
                    Err(error) if error.is_ambiguous() => match settled(site, &heroku, newest.as_deref())? {
                        Some(made) => made,
                        None => {
                            return Err(Problem::new(
                                Kind::Unreachable,
                                "whether Heroku took the rollback is not known",
                            )
                            .because(error)
                            .hint(format!("heroku releases -a {heroku}")));
                        }
                    },
                    Err(error) => return Err(error.into()),
                };
                succeeded(site, &heroku, &name, made, tell)
            })?;
            tell(Event::Done {
                app: &name,
                what: format!("v{} runs what v{} ran", release.version, to.version),
            });
            release
        }
    };
    let row = receipt.app(at);
    row.before = Some(match way {
        Way::There(now) => Mark::of(now),
        Way::Back { from, .. } => Mark::of(from),
    });
    row.after = Some(Mark::of(&release));
    timed(site, receipt, at, Stage::Dynos, || up(site, &heroku, &name, release.version, tell))?;
    let seen = timed(site, receipt, at, Stage::Health, || {
        health::wait(site, &name, health, &Wanted::AnyBut(&commit), tell)
    })?;
    let row = receipt.app(at);
    row.health = Some(seen);
    row.outcome = Outcome::RolledBack;
    Ok(())
}
