//! Facts about the way back from a production deployment.

use serde::{Deserialize, Serialize};

use super::{Fact, Job, Sha};

/// The receipt among the artifacts of a production job; `ci promote` writes it.
pub const RECEIPT: &str = "promote-receipt.json";

/// The way back of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct WayBack {
    /// The rollback job in the deployment's pipeline.
    pub job: Fact<Job>,
    /// What production ran before: the last commit that was deployed with success before this one.
    pub before: Fact<Sha>,
    /// What the deployment's job wrote down.
    pub receipt: Fact<Receipt>,
    /// A job of the same commit that ended before a new one was made, which waits: the rollback job sees only what
    /// the new one left.
    #[serde(default)]
    pub hidden: Option<u64>,
}

/// The receipt that a production job leaves as an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The commit it deployed.
    pub commit: String,
    /// Each app, in the order they were deployed.
    pub apps: Vec<AppRelease>,
}

/// What became of one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRelease {
    /// Its name.
    pub name: String,
    /// `untouched`, `releasing`, `live`, `already-live`, `failed` or `rolled-back`.
    pub outcome: String,
    /// The release it ran before.
    pub before: Option<u64>,
    /// The release it got.
    pub after: Option<u64>,
    /// Why it failed.
    pub problem: Option<String>,
}

impl AppRelease {
    /// The release that the app runs as far as the receipt tells: a failed one may or may not have taken over.
    pub fn runs(&self) -> Option<u64> {
        self.after.or(self.before)
    }

    /// Whether it still runs what it ran before.
    pub fn is_as_before(&self) -> bool {
        self.after.is_none() || self.after == self.before
    }
}

impl Receipt {
    /// Reads the receipt of version 1; `None` for anything else.
    pub fn parse(bytes: &[u8]) -> Option<Receipt> {
        let document: Document =
            serde_json::from_slice(bytes).ok().filter(|found: &Document| found.version == 1)?;
        let number = |mark: Option<Mark>| mark.map(|mark| mark.version);
        let apps = document.apps.into_iter().map(|app| AppRelease {
            name: app.name,
            outcome: app.outcome,
            before: number(app.before),
            after: number(app.after),
            problem: app.problem,
        });
        Some(Receipt { commit: document.commit, apps: apps.collect() })
    }

    /// Whether some apps got the deployment and others did not.
    pub fn differs(&self) -> bool {
        let as_before = |app: &AppRelease| app.is_as_before() && app.outcome != "already-live";
        self.apps.iter().any(as_before) && !self.apps.iter().all(as_before)
    }
}

#[derive(Deserialize)]
struct Document {
    version: u32,
    commit: String,
    apps: Vec<App>,
}

#[derive(Deserialize)]
struct App {
    name: String,
    outcome: String,
    before: Option<Mark>,
    after: Option<Mark>,
    problem: Option<String>,
}

#[derive(Deserialize)]
struct Mark {
    version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_by_its_version_and_whatever_else_it_holds() {
        let text = r#"{"version":1,"work":"promote","commit":"9f","new":true,"apps":[
            {"name":"portal","outcome":"live","before":{"id":"x","version":101},"after":{"id":"y","version":102}},
            {"name":"admin","outcome":"failed","before":{"id":"z","version":87},"after":null,"problem":"no dyno"},
            {"name":"api","outcome":"untouched","before":null}]}"#;
        let receipt = Receipt::parse(text.as_bytes()).unwrap();
        assert!(receipt.differs());
        let runs: Vec<Option<u64>> = receipt.apps.iter().map(AppRelease::runs).collect();
        assert_eq!(runs, [Some(102), Some(87), None]);
        assert_eq!(Receipt::parse(text.replace("\"version\":1,", "\"version\":2,").as_bytes()), None);
        assert_eq!(Receipt::parse(b"<html>"), None);
    }

    #[test]
    fn apps_differ_only_where_some_got_it_and_some_did_not() {
        let app = |outcome: &str, after| AppRelease {
            name: "a".into(),
            outcome: outcome.into(),
            before: Some(1),
            after,
            problem: None,
        };
        let differs = |apps: &[AppRelease]| Receipt { commit: String::new(), apps: apps.to_vec() }.differs();
        assert!(differs(&[app("live", Some(2)), app("untouched", None)]));
        assert!(!differs(&[app("live", Some(2)), app("already-live", Some(1))]));
        assert!(!differs(&[app("failed", None), app("untouched", None)]));
        assert!(!differs(&[]));
    }
}
