//! Units and ratios as figures and as text.

use std::time::Duration;

/// A part of a whole in percent; `-` if the whole is zero.
pub fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
    }
}

/// Microseconds as milliseconds, to two digits.
pub fn in_ms(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1_000.0)
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The mean number of changes per key.
pub(super) fn per_key(changes: u64, key_count: usize) -> f64 {
    changes as f64 / key_count.max(1) as f64
}
