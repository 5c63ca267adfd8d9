//! When a read is tried again, and how long to wait before it.
//!
//! Owns attempts, back-off and `Retry-After`. Pure but for its dice; it never sleeps itself and it
//! knows nothing of writes, which are never tried again.

#![warn(clippy::indexing_slicing)]

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// How reads are tried again. All of it is configuration, so that tests wait for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How often a read is sent at most, the first time included.
    pub attempts: u32,
    /// The first pause is somewhere between zero and this; it doubles with each attempt.
    pub base: Duration,
    /// No pause of our own choosing is longer.
    pub longest: Duration,
    /// All pauses of one read together; a server that asks for more ends the read.
    pub budget: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry {
            attempts: 5,
            base: Duration::from_millis(500),
            longest: Duration::from_secs(10),
            budget: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// The pause before the next attempt, or `None` to give up. `tried` counts the attempts made,
    /// `waited` the pauses so far, `asked` is what the server asked for.
    pub fn pause(&self, tried: u32, waited: Duration, asked: Option<Duration>) -> Option<Duration> {
        if tried >= self.attempts {
            return None;
        }
        let pause = asked.unwrap_or_else(|| jitter(self.ceiling(tried)));
        (pause.is_zero() || waited.saturating_add(pause) <= self.budget).then_some(pause)
    }

    fn ceiling(&self, tried: u32) -> Duration {
        self.base
            .saturating_mul(1_u32.checked_shl(tried.saturating_sub(1)).unwrap_or(u32::MAX))
            .min(self.longest)
    }
}

/// Full jitter: anywhere between nothing and `ceiling`, so that many clients do not come back at
/// the same moment.
pub fn jitter(ceiling: Duration) -> Duration {
    // Each RandomState is keyed anew; no random number crate is needed for a pause.
    let dice = RandomState::new().hash_one(0_u8) >> 32;
    ceiling.mul_f64(dice as f64 / f64::from(u32::MAX))
}

/// Reads `Retry-After`: seconds, or an HTTP date, which is counted from the answer's own `Date` since
/// the two clocks may disagree. Past and negative values are no wait; nonsense is `None`.
pub(super) fn retry_after(value: &str, date: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Some(digits) = value.strip_prefix('-') {
        return digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(Duration::ZERO);
    }
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date(value)?.duration_since(date.unwrap_or(now));
    Some(Duration::try_from(until).unwrap_or(Duration::ZERO))
}

/// Reads an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(value: &str) -> Option<Timestamp> {
    const PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(value.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-01T03:00:00Z";

    #[test]
    fn retry_after_is_seconds_or_a_date_against_the_servers_clock() {
        let now: Timestamp = NOW.parse().unwrap();
        let server = http_date("Wed, 01 Mar 2016 03:00:00 GMT");
        assert!(server.is_none(), "the day of the week is wrong");
        let server = http_date("Tue, 01 Mar 2016 03:00:00 GMT");
        assert!(server.is_some());
        for (value, date, seconds) in [
            ("7", None, Some(7)),
            (" 0 ", None, Some(0)),
            ("-5", None, Some(0)),
            ("99999999", None, Some(99_999_999)),
            ("99999999999999999999999", None, Some(u64::MAX)),
            ("Tue, 01 Mar 2016 03:00:30 GMT", server, Some(30)),
            ("Tue, 01 Mar 2016 02:00:00 GMT", server, Some(0)),
            ("Sun, 01 Mar 2026 03:01:00 GMT", None, Some(60)),
            ("soon", None, None),
            ("", None, None),
            ("-", None, Some(0)),
            ("1.5", None, None),
        ] {
            assert_eq!(retry_after(value, date, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let retry = Retry::default();
        for tried in 1..5 {
            let pause = retry.pause(tried, Duration::ZERO, None).unwrap();
            assert!(pause <= retry.base * 2_u32.pow(tried - 1));
        }
        assert_eq!(retry.pause(5, Duration::ZERO, None), None);
        assert_eq!(retry.ceiling(60), retry.longest);
        let seconds = Duration::from_secs;
        assert_eq!(retry.pause(1, seconds(0), Some(seconds(60))), Some(seconds(60)));
        assert_eq!(retry.pause(1, seconds(1), Some(seconds(60))), None);
        assert_eq!(retry.pause(1, seconds(0), Some(Duration::MAX)), None);
        let none = Retry { base: seconds(0), budget: seconds(0), ..Retry::default() };
        assert_eq!(none.pause(1, seconds(0), None), Some(seconds(0)));
        assert_eq!(none.pause(1, seconds(0), Some(seconds(1))), None);
    }

    #[test]
    fn jitter_uses_the_whole_range() {
        let rolls: Vec<Duration> = (0..200).map(|_| jitter(Duration::from_secs(100))).collect();
        assert!(rolls.iter().all(|roll| *roll <= Duration::from_secs(100)));
        assert!(rolls.iter().any(|roll| *roll < Duration::from_secs(25)));
        assert!(rolls.iter().any(|roll| *roll > Duration::from_secs(75)));
    }
}
