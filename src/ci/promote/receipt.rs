//! The receipt: what was done to which app, by whom and when, as JSON for programs and Markdown for people.
//!
//! Written as the work goes on (`file`), so that there is always one that can be read.

mod file;
mod markdown;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ready;
use crate::ci::heroku::Release;
use crate::error::Problem;

/// The receipt of a promotion, where nobody names another file. Its Markdown is beside it.
pub const RECEIPT: &str = "promote-receipt.json";

/// The receipt of a rollback.
pub const ROLLBACK_RECEIPT: &str = "rollback-receipt.json";

/// What a receipt is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Apps got an image.
    Promote,
    /// Apps went back.
    Rollback,
}

/// How it stands with an app, or with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing was done to it.
    Untouched,
    /// It was on the way when this was written; later receipts tell more.
    Releasing,
    /// Released and verified.
    Live,
    /// It ran this already, and was verified.
    AlreadyLive,
    /// It did not work out.
    Failed,
    /// It is back at what it ran before, and was verified.
    RolledBack,
}

impl Outcome {
    pub(super) fn words(self) -> &'static str {
        match self {
            Outcome::Untouched => "untouched",
            Outcome::Releasing => "on the way",
            Outcome::Live => "live",
            Outcome::AlreadyLive => "was live already",
            Outcome::Failed => "failed",
            Outcome::RolledBack => "rolled back",
        }
    }
}

/// A stage of the work on an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Its image is copied, with those of all others.
    Copy,
    /// Its release is made.
    Release,
    /// Its dynos come up.
    Dynos,
    /// Its health page is asked.
    Health,
}

/// A release, as it is gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Heroku's id.
    pub id: String,
    /// As in `v42`.
    pub version: u64,
}

impl Mark {
    /// The mark of a release.
    pub fn of(release: &Release) -> Mark {
        Mark { id: release.id.clone(), version: release.version }
    }
}

/// What was done to one app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppReceipt {
    /// Its name in the configuration.
    pub name: String,
    /// Its name on Heroku.
    pub heroku: String,
    /// Where its image came from.
    pub image: String,
    /// What the tag stood for.
    pub digest: String,
    /// The image as Heroku calls it.
    pub docker_image: String,
    /// The commit that the image says it was built from.
    pub revision: Option<String>,
    /// How it stands.
    pub outcome: Outcome,
    /// What ran before.
    pub before: Option<Mark>,
    /// What was released.
    pub after: Option<Mark>,
    /// What was seen of its health.
    pub health: Option<String>,
    /// How long each stage took.
    pub seconds: BTreeMap<Stage, f64>,
    /// Why it failed.
    pub problem: Option<String>,
}

impl AppReceipt {
    pub(super) fn took(&mut self, stage: Stage, time: Duration) {
        self.seconds.insert(stage, rounded(time));
    }

    pub(super) fn fail(&mut self, problem: &Problem) {
        self.outcome = Outcome::Failed;
        self.problem = Some(problem.to_string());
    }

    /// Whether this release is one that was made here.
    pub(super) fn released(&self, release: &Release) -> bool {
        let after = self.after.as_ref().filter(|after| Some(*after) != self.before.as_ref());
        after.is_some_and(|after| after.id == release.id)
    }

    /// What a release is to this app, in words.
    pub(super) fn stands(&self, release: &Release) -> String {
        let version = release.version;
        match () {
            () if self.outcome == Outcome::AlreadyLive => format!("v{version}, this image, as before"),
            () if self.after.as_ref().is_some_and(|after| after.id == release.id) => {
                let verified = if self.outcome == Outcome::Live { "verified" } else { "not verified" };
                let before =
                    self.before.as_ref().map_or("nothing".to_owned(), |mark| format!("v{}", mark.version));
                format!("v{version}, released and {verified}; before it {before}")
            }
            () if self.before.as_ref().is_some_and(|before| before.id == release.id) => {
                format!("v{version}, as before")
            }
            () if self.outcome == Outcome::Untouched => format!("v{version}, untouched"),
            () => format!("v{version} ({})", release.description),
        }
    }
}

/// The whole receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// 1; fields may be added, never changed.
    pub version: u32,
    /// What it is of.
    pub work: Work,
    /// `failed`, `live`, `rolled-back`, or `releasing` while nobody has finished it.
    pub outcome: Outcome,
    /// The commit that was promoted; of a rollback, the one that was taken back.
    pub commit: String,
    /// Who started it.
    pub who: String,
    /// Why it ran outside the pipeline of a production job.
    pub outside_pipeline: Option<String>,
    /// The job's page.
    pub job: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What was done to each app, in order.
    pub apps: Vec<AppReceipt>,
    /// Why it failed, with all causes.
    pub problem: Option<String>,
}

impl Receipt {
    /// A receipt of a promotion that has not begun.
    pub fn begin(commit: &str, who: &str, at: Timestamp, ready: &[Ready]) -> Receipt {
        let app = |app: &Ready| AppReceipt {
            name: app.target.name.clone(),
            heroku: app.target.heroku.clone(),
            image: app.target.source.to_string(),
            digest: app.image.digest.to_string(),
            docker_image: app.image.config_digest.to_string(),
            revision: app.image.revision().map(str::to_owned),
            outcome: Outcome::Untouched,
            before: app.runs.as_ref().map(Mark::of),
            after: None,
            health: None,
            seconds: BTreeMap::new(),
            problem: None,
        };
        Receipt {
            version: 1,
            work: Work::Promote,
            outcome: Outcome::Releasing,
            commit: commit.to_owned(),
            who: who.to_owned(),
            outside_pipeline: None,
            job: None,
            started_at: at,
            finished_at: None,
            apps: ready.iter().map(app).collect(),
            problem: None,
        }
    }

    pub(super) fn app(&mut self, at: usize) -> &mut AppReceipt {
        &mut self.apps[at]
    }

    /// Notes the end.
    pub fn finish(&mut self, at: Timestamp, problem: Option<&Problem>) {
        self.finished_at = Some(at);
        self.outcome = match (problem, self.work) {
            (Some(_), _) => Outcome::Failed,
            (None, Work::Promote) => Outcome::Live,
            (None, Work::Rollback) => Outcome::RolledBack,
        };
        self.problem = problem.map(Problem::to_string);
    }
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// The first digits of a commit or digest.
pub fn short(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..8).unwrap_or(hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::http::Secret;

    fn receipt() -> Receipt {
        let mark = |version: u64| Some(Mark { id: format!("id-{version}"), version });
        let app = AppReceipt {
            name: "portal".to_owned(),
            heroku: "acme-portal".to_owned(),
            image: "registry.example/shop/web/portal:9f3c1a7e".to_owned(),
            digest: "sha256:1111".to_owned(),
            docker_image: "sha256:2222".to_owned(),
            revision: None,
            outcome: Outcome::Failed,
            before: mark(41),
            after: mark(42),
            health: None,
            seconds: BTreeMap::from([(Stage::Copy, 1.25), (Stage::Release, 30.0)]),
            problem: Some("HRKU-0123456789_abcdef0123 | <b>\u{1b}[31m".to_owned()),
        };
        let at: Timestamp = "2026-03-01T03:00:00Z".parse().unwrap();
        Receipt { apps: vec![app], ..Receipt::begin("9f3c1a7e9f3c", "mia", at, &[]) }
    }

    #[test]
    fn it_is_written_whole_and_without_secrets_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("promote-receipt.json");
        let secret = Secret::new("HRKU-0123456789_abcdef0123").unwrap();
        receipt().write(&path, &[secret]).unwrap();
        let read = Receipt::read(&path).unwrap();
        assert_eq!(read.apps[0].before, receipt().apps[0].before);
        assert!(!read.apps[0].problem.as_ref().unwrap().contains("abcdef0123"));
        assert!(!std::fs::read_to_string(path.with_extension("md")).unwrap().contains("abcdef0123"));
        std::fs::write(&path, "{\"version\": 1}").unwrap();
        assert_eq!(Receipt::read(&path).unwrap_err().kind, Kind::Config);
    }

    #[test]
    fn other_peoples_words_make_no_markdown() {
        let text = receipt().markdown();
        assert!(text.contains("\\| \\<b\\> \\[31m"), "{text}");
        assert!(text.contains("| portal (acme-portal) | failed | v41 | v42 |"), "{text}");
        assert!(text.contains("- started: 2026-03-01 03:00:00 UTC"), "{text}");
        assert!(
            text.contains("| copy 1.2, release 30.0 |") || text.contains("| copy 1.3, release 30.0 |"),
            "{text}"
        );
    }
}
