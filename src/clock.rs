//! Time, passed in: the wall clock, a monotonic clock, and sleeping.
//!
//! Owns the only calls of `Instant::now` and of the system's wall clock, so that tests can turn
//! time by hand. Deadlines use [`Clock::elapsed`]; [`Clock::now`] is for showing ages only, since a
//! laptop's wall clock may be wrong.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, never going back.
    fn elapsed(&self) -> Duration;

    /// Blocks the calling thread.
    fn sleep(&self, time: Duration);
}

/// The clock of the machine.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts counting at the present moment.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, time: Duration) {
        if !time.is_zero() {
            std::thread::sleep(time);
        }
    }
}

/// The wall clock as seconds since 1970, with the local time zone's seconds east of Greenwich; nothing where
/// the zone is not known.
pub fn local() -> Option<(i64, i32)> {
    let zone = jiff::tz::TimeZone::try_system().ok().filter(|zone| !zone.is_unknown())?;
    let now = Timestamp::now();
    Some((now.as_second(), zone.to_offset(now).seconds()))
}

#[cfg(test)]
pub(crate) mod by_hand {
    //! A clock for tests: sleeping costs nothing and moves it on.

    use std::sync::Mutex;

    use super::*;

    /// Starts at 2026-03-01T03:00:00Z; keeps every sleep it was asked for.
    pub(crate) struct ClockByHand {
        start: Timestamp,
        slept: Mutex<Vec<Duration>>,
    }

    impl ClockByHand {
        pub(crate) fn new() -> Self {
            let start = "2026-03-01T03:00:00Z".parse().unwrap();
            ClockByHand { start, slept: Mutex::default() }
        }

        pub(crate) fn slept(&self) -> Vec<Duration> {
            self.slept.lock().unwrap().clone()
        }
    }

    impl Clock for ClockByHand {
        fn now(&self) -> Timestamp {
            self.start.saturating_add(jiff::SignedDuration::try_from(self.elapsed()).unwrap()).unwrap()
        }

        fn elapsed(&self) -> Duration {
            self.slept.lock().unwrap().iter().sum()
        }

        fn sleep(&self, time: Duration) {
            self.slept.lock().unwrap().push(time);
        }
    }
}
