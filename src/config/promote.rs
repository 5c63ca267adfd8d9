//! Settings of the pipeline's side: where Heroku is, and how long it may take.
//!
//! None of them may stand in `.hotfix.toml`: they say where a key is sent, or how much is believed.

use std::time::Duration;

use url::Url;

use super::value::{count, duration, heroku_url, timeout};
use super::{Key, Layers, Setting, env, key};
use crate::error::Problem;

pub(super) const HEROKU_URL: Key =
    key("heroku_url", env::HEROKU_URL, "hotfix.herokuUrl", "https://api.heroku.com");
pub(super) const HEROKU_REGISTRY: Key =
    key("heroku_registry", env::HEROKU_REGISTRY, "hotfix.herokuRegistry", "https://registry.heroku.com");
pub(super) const RELEASE_DEADLINE: Key =
    key("release_deadline", env::RELEASE_DEADLINE, "hotfix.releaseDeadline", "1h");
pub(super) const BOOT_DEADLINE: Key = key("boot_deadline", env::BOOT_DEADLINE, "hotfix.bootDeadline", "300s");
pub(super) const HEALTH_DEADLINE: Key =
    key("health_deadline", env::HEALTH_DEADLINE, "hotfix.healthDeadline", "300s");
pub(super) const HEALTH_TIMEOUT: Key =
    key("health_timeout", env::HEALTH_TIMEOUT, "hotfix.healthTimeout", "5s");
pub(super) const HEALTH_MIN: Key = key("health_min", env::HEALTH_MIN, "hotfix.healthMin", "2s");
pub(super) const HEALTH_MAX: Key = key("health_max", env::HEALTH_MAX, "hotfix.healthMax", "10s");
pub(super) const HEALTH_STREAK: Key = key("health_streak", env::HEALTH_STREAK, "hotfix.healthStreak", "3");
pub(super) const MIGRATION_SILENCE: Key =
    key("migrations_silence", env::MIGRATION_SILENCE, "hotfix.migrationSilence", "1h");

/// Where Heroku is, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promote {
    /// The Platform API.
    pub heroku_url: Setting<Url>,
    /// The container registry.
    pub heroku_registry: Setting<Url>,
    /// How long a release may be pending.
    pub release_deadline: Setting<Duration>,
    /// How long dynos may take until they are up.
    pub boot_deadline: Setting<Duration>,
    /// How long an app may take until it is healthy.
    pub health_deadline: Setting<Duration>,
    /// How long one answer of a health page may take.
    pub health_timeout: Setting<Duration>,
    /// The first pause between two health checks.
    pub health_min: Setting<Duration>,
    /// The longest one.
    pub health_max: Setting<Duration>,
    /// How many good answers in a row make an app healthy.
    pub health_streak: Setting<u32>,
    /// The longest silence of a migration.
    pub migration_silence: Setting<Duration>,
}

impl Promote {
    pub(super) fn resolve(layers: &Layers<'_>) -> Result<Promote, Problem> {
        Ok(Promote {
            heroku_url: layers.one(&HEROKU_URL, None, heroku_url)?,
            heroku_registry: layers.one(&HEROKU_REGISTRY, None, heroku_url)?,
            release_deadline: layers.one(&RELEASE_DEADLINE, None, duration)?,
            boot_deadline: layers.one(&BOOT_DEADLINE, None, duration)?,
            health_deadline: layers.one(&HEALTH_DEADLINE, None, duration)?,
            health_timeout: layers.one(&HEALTH_TIMEOUT, None, timeout)?,
            health_min: layers.one(&HEALTH_MIN, None, duration)?,
            health_max: layers.one(&HEALTH_MAX, None, duration)?,
            health_streak: layers.one(&HEALTH_STREAK, None, count)?,
            migration_silence: layers.one(&MIGRATION_SILENCE, None, timeout)?,
        })
    }
}
