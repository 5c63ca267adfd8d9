//! Everything that can be known before anything is touched, for all apps.

use super::{Event, Listener, Site, Target, current, short};
use crate::ci::heroku::Release;
use crate::ci::registry::{Pinned, Reference, Registries};
use crate::error::{Kind, Problem, Result};

/// An app that may be promoted, with its pinned image.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The app.
    pub target: Target,
    /// Its image: from here on no tag is asked again.
    pub image: Pinned,
    /// What runs now.
    pub runs: Option<Release>,
    /// The release before the one that runs which ran something else, as far as Heroku tells.
    pub earlier: Option<Release>,
}

/// How many releases are looked at for the one to go back to.
const DEPTH: usize = 50;

/// Looks at every app. One that cannot be promoted keeps all from being touched; all reasons are told.
pub fn preflight(
    site: &Site<'_>,
    registries: &Registries,
    targets: Vec<Target>,
    commit: &str,
    tell: &mut Listener<'_>,
) -> Result<Vec<Ready>> {
    let mut ready: Vec<Ready> = Vec::new();
    let mut problems: Vec<(String, Problem)> = Vec::new();
    let mut pinned: Vec<(Reference, Result<Pinned>)> = Vec::new();
    for target in targets {
        let name = target.name.clone();
        let image = match pinned.iter().find(|(source, _)| *source == target.source) {
            Some((_, image)) => image.clone(),
            None => {
                let image = registries.resolve(&target.source);
                pinned.push((target.source.clone(), image.clone()));
                image
            }
        };
        match image.and_then(|image| look(site, target, image, commit)) {
            Ok(app) => {
                tell(Event::Done { app: &name, what: words(&app) });
                if app.image.revision().is_none() {
                    tell(Event::Doubt {
                        app: &name,
                        what: format!(
                            "its image does not say which commit it was built from ({REVISION_HINT})"
                        ),
                    });
                }
                ready.push(app);
            }
            Err(problem) => problems.push((name, problem)),
        }
    }
    let Some((name, first)) = problems.first().cloned() else { return Ok(ready) };
    let message = match problems.len() {
        1 => format!("{name} cannot be promoted, so nothing was touched: {}", first.message),
        n => format!("{n} apps cannot be promoted, so nothing was touched"),
    };
    let causes = match problems.len() {
        1 => first.causes,
        _ => problems.iter().map(|(name, problem)| format!("{name}: {problem}")).collect(),
    };
    let mut hints = Vec::new();
    for hint in problems.into_iter().flat_map(|(_, problem)| problem.hints) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    Err(Problem { kind: first.kind, message, causes, hints })
}

const REVISION_HINT: &str = "docker build --label org.opencontainers.image.revision=$CI_COMMIT_SHA";

fn words(app: &Ready) -> String {
    let runs = match &app.runs {
        Some(release) => format!("runs v{}", release.version),
        None => "runs nothing yet".to_owned(),
    };
    format!("{} {runs}; image {}", app.target.heroku, short(app.image.config_digest.as_str()))
}

fn look(site: &Site<'_>, target: Target, image: Pinned, commit: &str) -> Result<Ready> {
    let app = site.heroku.app(&target.heroku)?;
    if !app.takes_images() {
        return Err(Problem::new(
            Kind::Refused,
            format!("{} is on the stack {}", target.heroku, app.stack()),
        )
        .because("only the stack `container` takes images")
        .hint(format!("heroku stack:set container -a {}", target.heroku)));
    }
    if let Some(revision) = image.revision().filter(|revision| !is_commit(revision, commit)) {
        return Err(Problem::new(
            Kind::Refused,
            format!("{} was built from {}, not from {}", target.source, short(revision), short(commit)),
        )
        .because("so says its label org.opencontainers.image.revision")
        .hint("let the build job of this pipeline push the image, then run this job again"));
    }
    let releases = site.heroku.releases(&target.heroku, DEPTH)?;
    let runs = current(&releases).cloned();
    let earlier = runs.as_ref().and_then(|runs| earlier(&releases, runs)).cloned();
    Ok(Ready { target, image, runs, earlier })
}

/// The newest release before `runs` that was good and ran something else. Where Heroku does not tell what
/// releases run, nothing is known.
fn earlier<'a>(releases: &'a [Release], runs: &Release) -> Option<&'a Release> {
    releases.iter().filter(|release| release.version < runs.version && release.eligible_for_rollback).find(
        |release| !release.artifacts.is_empty() && !runs.artifacts.is_empty() && !release.runs_the_same(runs),
    )
}

/// Whether an identity means this commit: the whole id, or its first 8 digits and more.
pub(super) fn is_commit(identity: &str, commit: &str) -> bool {
    let identity = identity.trim().to_ascii_lowercase();
    identity.len() >= 8 && commit.starts_with(&identity)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(version: u64, image: &str, good: bool) -> Release {
        let artifacts =
            if image.is_empty() { json!([]) } else { json!([{"type": "oci-image", "id": image}]) };
        let status = if good { "succeeded" } else { "failed" };
        serde_json::from_value(json!({
            "id": format!("id-{version}"), "version": version, "status": status, "artifacts": artifacts,
            "eligible_for_rollback": good, "output_stream_url": null,
        }))
        .unwrap()
    }

    #[test]
    fn the_release_to_go_back_to_ran_something_else_and_was_good() {
        let rows = [
            release(7, "new", true),
            // A config var was changed.
            release(6, "new", true),
            release(5, "new", false),
            release(4, "broken", false),
            release(3, "old", true),
        ];
        assert_eq!(earlier(&rows, &rows[0]).map(|found| found.version), Some(3));
        assert_eq!(earlier(&rows[..3], &rows[0]), None);
        let silent = [release(2, "", true), release(1, "", true)];
        assert_eq!(earlier(&silent, &silent[0]), None, "what is not told is not guessed");
    }

    #[test]
    fn an_identity_is_a_commit_or_enough_of_it() {
        let commit = "9f3c1a7e9f3c1a7e9f3c1a7e9f3c1a7e9f3c1a7e";
        for good in [commit, "9f3c1a7e", " 9F3C1A7E9f \n"] {
            assert!(is_commit(good, commit), "{good:?}");
        }
        for bad in ["", "9f3c1a7", "9f3c1a7f", "v9f3c1a7e", "unknown"] {
            assert!(!is_commit(bad, commit), "{bad:?}");
        }
    }
}
