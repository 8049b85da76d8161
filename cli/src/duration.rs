//! Durations as people write them: `500ms`, `30s`, `2m`, `1h`.

use std::time::Duration;

/// Reads a whole number with a unit.
///
/// # Errors
/// Says what is allowed.
pub(crate) fn duration_from(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let count = count.parse::<u64>().ok();
    let millis = count
        .zip(unit_ms)
        .and_then(|(count, unit_ms)| count.checked_mul(unit_ms));
    millis
        .filter(|millis| *millis <= LONGEST_MS)
        .map(Duration::from_millis)
        .ok_or_else(|| "write a number and a unit, as 500ms, 30s, 2m or 1h, up to 10000h".to_owned())
}

/// The same, but not zero.
///
/// # Errors
/// Says what is allowed.
pub(crate) fn positive_duration_from(text: &str) -> Result<Duration, String> {
    match duration_from(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// More than a year; anything longer is a slip.
const LONGEST_MS: u64 = 10_000 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_understood() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(duration_from(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_says_what_is_allowed() {
        for text in ["", "30", "s", "-1s", "1.5s", "3 s", "99999999999999999999h", "10001h"] {
            assert!(duration_from(text).unwrap_err().contains("500ms, 30s"), "{text}");
        }
        assert!(positive_duration_from("0ms").is_err());
    }
}
