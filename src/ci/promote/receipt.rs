//! The receipt: what was done to which app, by whom and when, as JSON for programs and Markdown for people.
//!
//! Written as the work goes on, each time whole and by renaming, so that there is always one that can be read.
//! It holds no secret: whoever writes it takes them out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ready;
use crate::ci::heroku::Release;
use crate::error::{Kind, Problem, Result};
use crate::http::Secret;

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
            () if self.after.as_ref().is_some_and(|after| after.id == release.id) => match self.outcome {
                Outcome::Live => format!("v{version}, released and verified"),
                _ => format!("v{version}, released and not verified"),
            },
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

    /// Reads a receipt from a file.
    pub fn read(path: &Path) -> Result<Receipt> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|why| unusable(&name, why.to_string()))?;
        Receipt::parse(&bytes, &name)
    }

    /// Reads a receipt; `name` says which one it is.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Receipt> {
        let receipt: Receipt =
            serde_json::from_slice(bytes).map_err(|why| unusable(name, why.to_string()))?;
        match receipt.version {
            1 => Ok(receipt),
            other => {
                Err(unusable(name, format!("it is of version {other}, which this program does not know")))
            }
        }
    }

    /// Writes it to `path`, and its Markdown beside it, without these secrets.
    pub fn write(&self, path: &Path, secrets: &[Secret]) -> Result<()> {
        let unwritable = |path: &Path, why: String| {
            Problem::new(Kind::Failed, format!("could not write the receipt {}", path.display()))
                .because(why)
                .hint("name a place that can be written: git hotfix ci promote --receipt <file>")
        };
        let json = serde_json::to_value(self).map_err(|why| unwritable(path, why.to_string()))?;
        for (path, text) in
            [(path.to_owned(), format!("{json:#}\n")), (path.with_extension("md"), self.markdown())]
        {
            let text = secrets.iter().fold(text, |text, secret| secret.redact(&text));
            replace(&path, &text).map_err(|why| unwritable(&path, why.to_string()))?;
        }
        Ok(())
    }

    /// For people, and for a comment on the merge request.
    pub fn markdown(&self) -> String {
        let title = match self.work {
            Work::Promote => "Promotion",
            Work::Rollback => "Rollback",
        };
        let mut text = format!("# {title} of {}: {}\n\n", short(&self.commit), self.outcome.words());
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "- {name}: {}", plain(value));
        };
        line("commit", &self.commit);
        line("by", &self.who);
        line("started", &self.started_at.to_string());
        if let Some(at) = self.finished_at {
            line("finished", &at.to_string());
        }
        if let Some(job) = &self.job {
            line("job", job);
        }
        if let Some(reason) = &self.outside_pipeline {
            line("outside the pipeline, because", reason);
        }
        if let Some(problem) = &self.problem {
            line("problem", problem);
        }
        text.push_str("\n| app | outcome | release before | release after | image | health | seconds |\n");
        text.push_str("|---|---|---|---|---|---|---|\n");
        for app in &self.apps {
            let mark = |mark: &Option<Mark>| {
                mark.as_ref().map_or("none".to_owned(), |mark| format!("v{}", mark.version))
            };
            let seconds: Vec<String> = app
                .seconds
                .iter()
                .map(|(stage, time)| format!("{stage:?} {time:.1}").to_lowercase())
                .collect();
            let _ = writeln!(
                text,
                "| {} ({}) | {} | {} | {} | {} `{}` | {} | {} |",
                plain(&app.name),
                plain(&app.heroku),
                app.outcome.words(),
                mark(&app.before),
                mark(&app.after),
                plain(&app.image),
                plain(&app.digest),
                plain(app.problem.as_deref().or(app.health.as_deref()).unwrap_or("not seen")),
                seconds.join(", "),
            );
        }
        text.push_str(
            "\nA rollback takes the config vars back as well; what migrations did to databases stays.\n",
        );
        text
    }
}

fn unusable(name: &str, why: String) -> Problem {
    Problem::new(Kind::Config, format!("{name} is no receipt that can be used"))
        .because(why)
        .hint("take promote-receipt.json from the artifacts of the job that deployed")
}

/// Text that is no Markdown of its own: other people's words stand in it.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '|' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    // The runner uploads it as another user perhaps; it holds nothing that is not in the log.
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.persist(path).map(drop).map_err(|error| error.error)
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
            problem: Some("HRKU-0123456789abcdef0123 | <b>\u{1b}[31m".to_owned()),
        };
        let at: Timestamp = "2026-03-01T03:00:00Z".parse().unwrap();
        Receipt { apps: vec![app], ..Receipt::begin("9f3c1a7e9f3c", "mia", at, &[]) }
    }

    #[test]
    fn it_is_written_whole_and_without_secrets_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("promote-receipt.json");
        let secret = Secret::new("HRKU-0123456789abcdef0123").unwrap();
        receipt().write(&path, &[secret]).unwrap();
        let read = Receipt::read(&path).unwrap();
        assert_eq!(read.apps[0].before, receipt().apps[0].before);
        assert!(!read.apps[0].problem.as_ref().unwrap().contains("0123456789abcdef"));
        assert!(!std::fs::read_to_string(path.with_extension("md")).unwrap().contains("0123456789abcdef"));
        std::fs::write(&path, "{\"version\": 1}").unwrap();
        assert_eq!(Receipt::read(&path).unwrap_err().kind, Kind::Config);
        assert!(receipt().write(&dir.path().join("none/x.json"), &[]).is_err());
    }

    #[test]
    fn other_peoples_words_make_no_markdown() {
        let text = receipt().markdown();
        assert!(text.contains("\\| \\<b\\> \\[31m"), "{text}");
        assert!(text.contains("| portal (acme-portal) | failed | v41 | v42 |"), "{text}");
        assert!(
            text.contains("| copy 1.2, release 30.0 |") || text.contains("| copy 1.3, release 30.0 |"),
            "{text}"
        );
    }
}
