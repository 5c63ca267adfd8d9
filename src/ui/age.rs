//! Durations, times and sizes as people say them.
//!
//! Pure: now and the time zone come in.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long something took, to the two units that matter: `42s`, `4m 02s`, `2h 05m`, `3d 04h`.
pub fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m {:02}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h {:02}m", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{}d {:02}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// How long something has been so, roughly: `42s`, `4m`, `7 h`, `2 d`.
pub fn roughly(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        HOUR..DAY => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

/// The time from `then` to `now`; none where the clocks disagree and `then` is still to come.
pub fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// How long ago: `2 d ago`, or `just now`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let since = since(then, now);
    if since.as_secs() == 0 { "just now".to_owned() } else { format!("{} ago", roughly(since)) }
}

/// When: `03:31` today, `2026-11-20 03:31` on any other day.
pub fn when(then: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (then, now) = (then.to_zoned_datetime(zone.clone()), now.to_zoned_datetime(zone.clone()));
    let format = if then.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    then.strftime(format).to_string()
}

/// The time of day to the second, for `as of 03:21:04`.
pub fn clock(now: Timestamp, zone: &TimeZone) -> String {
    now.to_zoned_datetime(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// A size in bytes: `512 B`, `1.5 KiB`, `12.3 MiB`.
pub fn size(bytes: u64) -> String {
    let mut unit = "B";
    let mut whole = bytes;
    let mut tenths = 0;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        // Rounded down, so that nothing below a limit is shown as reaching it.
        if whole < 1024 {
            break;
        }
        (unit, tenths, whole) = (larger, whole % 1024 * 10 / 1024, whole / 1024);
    }
    if unit == "B" { format!("{whole} B") } else { format!("{whole}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::Offset;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn durations_have_two_units_or_one() {
        for (seconds, exact, rough) in [
            (0, "0s", "0s"),
            (59, "59s", "59s"),
            (242, "4m 02s", "4m"),
            (3599, "59m 59s", "59m"),
            (7500, "2h 05m", "2 h"),
            (25_200, "7h 00m", "7 h"),
            (86_399, "23h 59m", "23 h"),
            (273_600, "3d 04h", "3 d"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!((elapsed(duration).as_str(), roughly(duration).as_str()), (exact, rough));
        }
    }

    #[test]
    fn times_are_local_and_a_clock_ahead_is_now() {
        let zone = TimeZone::fixed(Offset::constant(2));
        let now = at("2026-11-22T01:31:40Z");
        assert_eq!(when(at("2026-11-21T23:31:04Z"), now, &zone), "01:31");
        assert_eq!(when(at("2026-11-21T21:59:59Z"), now, &zone), "2026-11-21 23:59");
        assert_eq!(clock(now, &zone), "03:31:40");
        assert_eq!(ago(at("2026-11-20T01:31:40Z"), now), "2 d ago");
        assert_eq!(ago(at("2026-11-22T01:31:40.5Z"), now), "just now");
        assert_eq!(ago(at("2027-01-01T00:00:00Z"), now), "just now");
    }

    #[test]
    fn sizes_are_binary_and_rounded_down() {
        for (bytes, shown) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1023.9 KiB"), (1 << 30, "1.0 GiB")]
        {
            assert_eq!(size(bytes), shown);
        }
    }
}
