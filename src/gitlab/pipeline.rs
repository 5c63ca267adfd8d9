//! Pipelines, their jobs, triggers and logs.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Client, Error, Result, User};
use crate::http::Method;

words! {
    /// The state of a pipeline or job. `canceling` is not final.
    CiStatus {
        Created = "created",
        WaitingForResource = "waiting_for_resource",
        Preparing = "preparing",
        WaitingForCallback = "waiting_for_callback",
        Pending = "pending",
        Running = "running",
        Success = "success",
        Failed = "failed",
        Canceling = "canceling",
        Canceled = "canceled",
        Skipped = "skipped",
        Manual = "manual",
        Scheduled = "scheduled",
    }
}

impl CiStatus {
    /// Whether it has come to an end, good or bad.
    pub fn is_finished(&self) -> bool {
        matches!(self, CiStatus::Success | CiStatus::Failed | CiStatus::Canceled | CiStatus::Skipped)
    }
}

/// A pipeline; lists leave most of it out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pipeline {
    /// Its number.
    pub id: u64,
    /// The commit it runs for; of merged results, a temporary one.
    pub sha: String,
    /// A branch or tag, or `refs/merge-requests/N/head` and its kin.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Its state. Decide on jobs, not on this: it can be `running` while the deploy job waits.
    pub status: CiStatus,
    /// `push`, `merge_request_event`, `schedule` and others.
    pub source: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why the pipeline file could not be used.
    pub yaml_errors: Option<String>,
    /// Percent, as GitLab writes it: a string, or nothing.
    #[serde(default, deserialize_with = "coverage")]
    pub coverage: Option<String>,
    /// Who started it.
    pub user: Option<User>,
    /// Its page.
    pub web_url: Option<String>,
}

/// A job. A retry is another job of the same name with a higher id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its stage.
    pub stage: Option<String>,
    /// Its state.
    pub status: CiStatus,
    /// Its failure then does not count.
    #[serde(default, deserialize_with = "super::or_default")]
    pub allow_failure: bool,
    /// The branch or tag.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Only on failed ones: `script_failure`, `deployment_rejected` and others.
    pub failure_reason: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Who started it; changes with play.
    pub user: Option<User>,
    /// The pipeline it belongs to.
    pub pipeline: Option<JobPipeline>,
    /// Its page.
    pub web_url: Option<String>,
}

/// The pipeline of a job, in short.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JobPipeline {
    /// Its number.
    pub id: u64,
    /// The commit.
    pub sha: Option<String>,
    /// The branch or tag.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Its state.
    pub status: Option<CiStatus>,
    /// Its page.
    pub web_url: Option<String>,
}

/// A trigger job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Bridge {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: CiStatus,
    /// Its failure then does not count.
    #[serde(default, deserialize_with = "super::or_default")]
    pub allow_failure: bool,
    /// The child or other project's pipeline, once there is one.
    pub downstream_pipeline: Option<JobPipeline>,
}

/// The end of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// What came after the offset asked for, as much of its end as was wanted.
    pub bytes: Vec<u8>,
    /// How much of what came after that offset is not in `bytes`.
    pub skipped: u64,
    /// Where the next read goes on.
    pub offset: u64,
    /// The log is longer than what is read at all; following it would cost too much.
    pub too_long: bool,
}

/// How much of a log is read at most: GitLab sends it whole each time.
const LOG_CAP: u64 = 64 << 20;

impl Client {
    /// The pipelines of a commit on a branch, newest first. Made some time after the push: none at first,
    /// and none ever where the rules of the pipeline file say so.
    pub fn pipelines(&self, sha: &str, branch: &str) -> Result<Vec<Pipeline>> {
        let request = self
            .in_project(Method::Get, &["pipelines"])
            .query("sha", sha)
            .query("ref", branch)
            .query("order_by", "id")
            .query("sort", "desc");
        self.list(&request)
    }

    /// One pipeline.
    pub fn pipeline(&self, id: u64) -> Result<Pipeline> {
        self.get(&self.in_project(Method::Get, &["pipelines", &id.to_string()]))
    }

    /// The jobs of a pipeline that `keep` wants; `retried` ones are left out by default. Those of child
    /// pipelines are listed under the child.
    pub fn jobs(&self, pipeline: u64, retried: bool, mut keep: impl FnMut(&Job) -> bool) -> Result<Vec<Job>> {
        let request = self
            .in_project(Method::Get, &["pipelines", &pipeline.to_string(), "jobs"])
            .query_if("include_retried", retried.then_some(true));
        let mut jobs = Vec::new();
        self.visit(&request, 100, |job: Job| {
            if keep(&job) {
                jobs.push(job);
            }
            ControlFlow::Continue(())
        })?;
        Ok(jobs)
    }

    /// The trigger jobs of a pipeline.
    pub fn bridges(&self, pipeline: u64) -> Result<Vec<Bridge>> {
        self.list(&self.in_project(Method::Get, &["pipelines", &pipeline.to_string(), "bridges"]))
    }

    /// One job.
    pub fn job(&self, id: u64) -> Result<Job> {
        self.get(&self.in_project(Method::Get, &["jobs", &id.to_string()]))
    }

    /// Starts a manual job. Read it right before and call this only while it is `manual`: playing a
    /// finished one starts it again as a new job, a second deployment. Compare the id that comes back.
    /// 400 while approvals are missing.
    pub fn play_job(&self, id: u64) -> Result<Job> {
        self.write(&self.in_project(Method::Post, &["jobs", &id.to_string(), "play"]))
    }

    /// Runs a finished job again as a new one; approvals of its deployment start over.
    pub fn retry_job(&self, id: u64) -> Result<Job> {
        self.write(&self.in_project(Method::Post, &["jobs", &id.to_string(), "retry"]))
    }

    /// Cancels a job.
    pub fn cancel_job(&self, id: u64) -> Result<Job> {
        self.write(&self.in_project(Method::Post, &["jobs", &id.to_string(), "cancel"]))
    }

    /// One file of a job's artifacts; `None` where the job left none, or they have expired.
    pub fn artifact(&self, job: u64, path: &str) -> Result<Option<Vec<u8>>> {
        let job = job.to_string();
        let segments: Vec<&str> = ["jobs", &job, "artifacts"].into_iter().chain(path.split('/')).collect();
        let request = self.in_project(Method::Get, &segments).accept("*/*");
        match self.answer(&request) {
            Ok(response) if response.says_html() => Err(self.malformed(&request, "an HTML page")),
            Ok(response) => Ok(Some(response.body)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The log from `offset` on, its last `longest` bytes. A log that got shorter, as of an erased job,
    /// starts over.
    pub fn log(&self, id: u64, offset: u64, longest: usize) -> Result<Tail> {
        let request = self.in_project(Method::Get, &["jobs", &id.to_string(), "trace"]).accept("text/plain");
        let mut tail = TailReader::new(offset, longest);
        let response = self.http.stream(&request, &mut |piece| tail.take(piece)).map_err(Error::from_http)?;
        if !response.is_success() {
            return Err(self.refusal(&request, &response));
        }
        if response.says_html() {
            return Err(self.malformed(&request, "an HTML page"));
        }
        Ok(tail.finish())
    }
}

/// Keeps the end of a stream.
struct TailReader {
    offset: u64,
    longest: usize,
    seen: u64,
    kept: VecDeque<u8>,
}

impl TailReader {
    fn new(offset: u64, longest: usize) -> TailReader {
        TailReader { offset, longest, seen: 0, kept: VecDeque::new() }
    }

    fn take(&mut self, piece: &[u8]) -> ControlFlow<()> {
        let known = usize::try_from(self.offset.saturating_sub(self.seen)).unwrap_or(usize::MAX);
        self.seen += piece.len() as u64;
        self.kept.extend(piece.get(known..).unwrap_or_default());
        let excess = self.kept.len().saturating_sub(self.longest);
        self.kept.drain(..excess);
        if self.seen < LOG_CAP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn finish(self) -> Tail {
        let after = self.seen.saturating_sub(self.offset);
        Tail {
            skipped: after - self.kept.len() as u64,
            offset: self.seen,
            too_long: self.seen >= LOG_CAP,
            bytes: self.kept.into(),
        }
    }
}

/// Documented as a number, sent as a string or null.
fn coverage<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(log: &[u8], offset: u64, longest: usize) -> Tail {
        let mut reader = TailReader::new(offset, longest);
        for piece in log.chunks(3) {
            assert!(reader.take(piece).is_continue());
        }
        reader.finish()
    }

    #[test]
    fn a_tail_goes_on_where_it_ended() {
        for (offset, longest, bytes, skipped) in [
            (0, 100, "0123456789", 0),
            (0, 4, "6789", 6),
            (7, 100, "789", 0),
            (7, 2, "89", 1),
            (10, 100, "", 0),
            (99, 100, "", 0),
            (0, 0, "", 10),
        ] {
            let tail = tail(b"0123456789", offset, longest);
            assert_eq!(
                (tail.bytes.as_slice(), tail.skipped),
                (bytes.as_bytes(), skipped),
                "{offset} {longest}"
            );
            assert_eq!((tail.offset, tail.too_long), (10, false));
        }
    }

    #[test]
    fn a_giant_log_is_left() {
        let mut reader = TailReader::new(0, 1000);
        let piece = [b'x'; 1 << 20];
        let pieces = (0..1024).take_while(|_| reader.take(&piece).is_continue()).count();
        assert_eq!(pieces, 63);
        let tail = reader.finish();
        assert!(tail.too_long);
        assert_eq!(tail.bytes.len(), 1000);
    }
}
