//! Parsing quantities: durations as `500ms`, sizes as `256MiB`, numbers within bounds. An error is a sentence with the
//! allowed forms.

use std::ops::RangeBounds;
use std::time::Duration;

/// More than a year; a longer duration is rejected as a typing error.
const MILLIS_MAX: u64 = 10_000 * 3_600_000;
/// A pebibyte; a larger size is rejected as a typing error.
const BYTES_MAX: u64 = 1 << 50;

/// Parses a whole number with a unit: `500ms`, `30s`, `2m`, `1h`.
pub(crate) fn duration_from(text: &str) -> Result<Duration, String> {
    count_from(text, &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)])
        .filter(|millis| *millis <= MILLIS_MAX)
        .map(Duration::from_millis)
        .ok_or_else(|| "write a number and a unit, as 500ms, 30s, 2m or 1h, up to 10000h".to_owned())
}

/// Parses a duration above zero.
pub(crate) fn positive_duration_from(text: &str) -> Result<Duration, String> {
    match duration_from(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// Parses a whole number of bytes above zero, with or without a unit: `4096`, `4KiB`, `256MiB`, `2GiB`.
pub(crate) fn byte_count_from(text: &str) -> Result<u64, String> {
    count_from(text, &[("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)])
        .filter(|bytes| (1..=BYTES_MAX).contains(bytes))
        .ok_or_else(|| "write a number of bytes, as 4096, 4KiB, 256MiB or 2GiB, up to 1048576GiB".to_owned())
}

/// Parses a number within these bounds.
pub(crate) fn number_from(text: &str, bounds: impl RangeBounds<f64>) -> Option<f64> {
    text.parse().ok().filter(|number| bounds.contains(number))
}

/// A whole number with one of these units, times the factor of its unit.
fn count_from(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    count.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_parsed() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(duration_from(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, bytes) in [
            ("1", 1),
            ("4096", 4_096),
            ("4KiB", 4_096),
            ("3MiB", 3 << 20),
            ("1048576GiB", 1 << 50),
        ] {
            assert_eq!(byte_count_from(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn other_durations_are_refused_with_the_allowed_forms() {
        for text in ["", "30", "s", "-1s", "1.5s", "3 s", "99999999999999999999h", "10001h"] {
            assert!(duration_from(text).unwrap_err().contains("500ms, 30s"), "{text}");
        }
        assert!(positive_duration_from("0ms").is_err());
    }

    #[test]
    fn other_sizes_are_refused_with_the_allowed_forms() {
        for text in ["", "0", "KiB", "-1", "1.5GiB", "3 MiB", "4kb", "1048577GiB"] {
            assert!(byte_count_from(text).unwrap_err().contains("4096, 4KiB"), "{text}");
        }
        assert!(byte_count_from("99999999999999999999").is_err());
    }

    #[test]
    fn a_number_is_within_its_bounds() {
        assert_eq!(number_from("0.5", 0.0..1.0), Some(0.5));
        for text in ["1", "-1", "NaN", "inf", "half"] {
            assert_eq!(number_from(text, 0.0..1.0), None, "{text}");
        }
    }
}
