//! The apps' health pages: whoever answers says which commit it was built from.

use serde_json::json;

use super::platform::Platform;
use crate::sim::respond::{Answer, Reply};

/// `GET /health/<app>`. While an app turns to a new release, the one before answers, as with preboot.
pub(super) fn page(platform: &mut Platform, name: &str) -> Reply {
    let revisions = platform.revisions.clone();
    let app = platform.app(name).ok_or_else(|| Answer::text(404, "no such app"))?;
    let answering = app.releases.iter().find(|release| release.version == app.answering);
    let image = answering.and_then(|release| release.images.get("web").or(release.images.values().next()));
    let commit = image.and_then(|image| revisions.get(image)).cloned().unwrap_or_default();
    let current = app.current().map_or(0, |release| release.version);
    let ready = app.dynos.iter().any(|dyno| dyno.release == current && dyno.state == "up");
    if ready && !app.stays_old {
        match app.turning {
            0 => app.answering = current,
            _ => app.turning -= 1,
        }
    }
    let body = json!({"status": "ok", "build": {"commit": commit}});
    Ok(Answer::json(app.health_status, &body).with("x-revision", commit))
}
