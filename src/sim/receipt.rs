//! The receipt that a production job leaves among its artifacts, as `ci promote` writes it.
//!
//! A job that fails got half way: the first app is live, the second failed, the rest is untouched.

use serde_json::{Value, json};

use super::present::time;
use super::world::{Job, World};

/// Its path among the artifacts.
pub(super) const NAME: &str = "promote-receipt.json";

const APPS: [&str; 3] = ["portal", "admin", "api-gateway"];

impl World {
    pub(super) fn receipt(&self, job: &Job, failed: bool) -> Vec<u8> {
        let commit = self.pipeline(job.pipeline).map(|found| found.sha.clone()).unwrap_or_default();
        // Each deployment that worked made one release of every app.
        let made = self.deployments.iter().filter(|found| found.status == "success").count();
        let app = |(index, name): (usize, &str)| -> Value {
            let before = 40 + 10 * index + made;
            let (outcome, after, problem) = match (failed, index) {
                (false, _) | (true, 0) => ("live", json!(mark(name, before + 1)), Value::Null),
                (true, 1) => {
                    ("failed", Value::Null, json!("its release failed: release command exited with 1"))
                }
                (true, _) => ("untouched", Value::Null, Value::Null),
            };
            json!({
                "name": name,
                "heroku": format!("acme-{name}-prod"),
                "outcome": outcome,
                "before": mark(name, before),
                "after": after,
                "revision": commit,
                "problem": problem,
            })
        };
        let receipt = json!({
            "version": 1,
            "work": "promote",
            "outcome": if failed { "failed" } else { "live" },
            "commit": commit,
            "who": self.user(job.user).map(|user| user.username.clone()),
            "started_at": job.started_at.map(time),
            "finished_at": time(self.now()),
            "apps": APPS.into_iter().enumerate().map(app).collect::<Vec<_>>(),
        });
        format!("{receipt:#}\n").into_bytes()
    }
}

fn mark(app: &str, version: usize) -> Value {
    json!({"id": format!("{app}-{version}"), "version": version})
}
