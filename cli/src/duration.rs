//! Parsing durations: `500ms`, `30s`, `2m`, `1h`.

use std::time::Duration;

/// Parses a whole number with a unit.
///
/// # Errors
/// A sentence with the allowed forms.
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
        .filter(|millis| *millis <= MILLIS_MAX)
        .map(Duration::from_millis)
        .ok_or_else(|| "write a number and a unit, as 500ms, 30s, 2m or 1h, up to 10000h".to_owned())
}

/// Parses a duration above zero.
///
/// # Errors
/// A sentence with the allowed forms.
pub(crate) fn positive_duration_from(text: &str) -> Result<Duration, String> {
    match duration_from(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// More than a year; a longer duration is rejected as a typing error.
const MILLIS_MAX: u64 = 10_000 * 3_600_000;

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
    }

    #[test]
    fn other_forms_are_refused_with_the_allowed_ones() {
        for text in ["", "30", "s", "-1s", "1.5s", "3 s", "99999999999999999999h", "10001h"] {
            assert!(duration_from(text).unwrap_err().contains("500ms, 30s"), "{text}");
        }
        assert!(positive_duration_from("0ms").is_err());
    }
}
