//! The rollback card: after a deployment that failed, went half way or was taken back, what each app runs, which
//! commit is the last good one, and whether anything forbids going back.

use serde_json::{Value, json};

use super::called::Called;
use super::{Block, Style, Text};
use crate::hotfix::rung::taken_back;
use crate::hotfix::snapshot::{AppRelease, Deployment, Fact, Job, RunStatus, Sha, Snapshot};

/// The card, where there is reason for one.
pub fn card(s: &Snapshot, called: &Called) -> Option<Block> {
    let deployment = s.deployment.known()?;
    let back = taken_back(s);
    if !ended_badly(deployment) && back.is_none() {
        return None;
    }
    let what = match back {
        Some(job) => format!("taken back by {} (job {})", job.name, job.id),
        None => format!("{} {}", deployment.job.name, deployment.job.status.words()),
    };
    let mut block = Block::new().text(
        Text::new().with(Style::Strong, format!("production after {}: {what}", deployment.commit.short())),
    );
    match (&s.way_back.receipt, back) {
        // The receipt is of the deployment: it knows nothing of what came after it.
        (_, Some(_)) => {}
        (Fact::Known(receipt), None) => block = block.then(releases(&receipt.apps, "  ")),
        (_, None) => {
            block =
                block.text(format!("  what each app runs is not known here: see {}", deployment.job.web_url));
        }
    }
    if let Some(good) = last_good(s) {
        block = block.text(format!("last good: {}", good.short()));
    }
    block = block.hanging(Text::from(migrations(s).1), 2);
    if back.is_none() {
        let command = called.put("git hotfix rollback");
        let playable = s.way_back.job.known().is_some_and(|job| job.status == RunStatus::Manual);
        if playable {
            block =
                block.hanging(Text::new().with(Style::Strong, "way back: ").with(Style::Command, command), 6);
        }
    }
    Some(block)
}

/// Each app with the release it runs, what became of it, and what it ran before.
pub fn releases(apps: &[AppRelease], lead: &str) -> Block {
    let version =
        |release: Option<u64>| release.map_or_else(|| "-".to_owned(), |number| format!("v{number}"));
    let mut block = Block::new();
    for app in apps {
        let mut outcome = Text::from(app.outcome.replace('-', " "));
        if let Some(problem) = &app.problem {
            outcome = outcome.plain(": ").with(Style::Warn, problem);
        }
        if !app.is_as_before() {
            outcome = outcome.with(Style::Dim, format!(" (before: {})", version(app.before)));
        }
        block = block.cells(
            lead,
            [Text::from(&app.name), Text::new().with(Style::Strong, version(app.runs())), outcome],
        );
    }
    block
}

/// For scripts.
pub fn document(s: &Snapshot) -> Value {
    let receipt = s.way_back.receipt.known();
    json!({
        "job": s.way_back.job.known().map(|job| json!({
            "id": job.id, "name": job.name, "status": job.status, "web_url": job.web_url,
        })),
        "last_good": last_good(s),
        "taken_back": taken_back(s).is_some(),
        "migrations": migrations(s).0,
        "differs": receipt.map(|receipt| receipt.differs()),
        "apps": receipt.map(|receipt| receipt.apps.iter().map(|app| json!({
            "name": app.name,
            "outcome": app.outcome,
            "runs": app.runs(),
            "before": app.before,
            "problem": app.problem,
        })).collect::<Vec<_>>()),
    })
}

fn ended_badly(deployment: &Deployment) -> bool {
    let rejected = deployment.job.failure_reason.as_deref() == Some("deployment_rejected");
    matches!(deployment.job.status, RunStatus::Failed | RunStatus::Canceled) && !rejected
}

/// After a deployment that failed, what GitLab calls production is what ran before.
fn last_good(s: &Snapshot) -> Option<&Sha> {
    match ended_badly(s.deployment.known()?) {
        true => s.production.known().map(|production| &production.commit),
        false => s.way_back.before.known(),
    }
}

/// Whether migrations stand in the way: a word for scripts, a sentence for people.
fn migrations(s: &Snapshot) -> (&'static str, String) {
    let job = &s.policy.migration_job;
    let idle = |job: &Job| {
        matches!(
            job.status,
            RunStatus::Manual | RunStatus::Created | RunStatus::Skipped | RunStatus::Scheduled
        )
    };
    match (&s.migration.paths, &s.migration.job) {
        (Fact::Unknown, _) => ("unknown", "whether it holds migrations is not known".to_owned()),
        (Fact::Absent, _) => ("none", "no migrations in it: nothing forbids going back".to_owned()),
        (Fact::Known(_), Fact::Known(found)) if idle(found) => (
            "not-run",
            format!(
                "its migrations have not run ({job}): nothing forbids going back, unless a release phase ran them"
            ),
        ),
        (Fact::Known(paths), _) => (
            "ran",
            format!(
                "its migrations may have run ({}): going back does not undo them, and what ran before must work with them",
                paths.join(", ")
            ),
        ),
    }
}
