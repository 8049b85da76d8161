//! Formatting of figures with a fixed number of digits.

use std::time::Duration;

use emberkeep_core::load::Load;
use emberkeep_core::time::Timestamp;

/// Formats a moment as minutes and seconds, `2:05.250`.
pub(crate) fn moment(at: Timestamp) -> String {
    let millis = at.as_micros() / 1_000;
    let (minutes, seconds, millis) = (millis / 60_000, millis / 1_000 % 60, millis % 1_000);
    format!("{minutes}:{seconds:02}.{millis:03}")
}

/// Formats a duration as `2.250 s`.
pub(crate) fn lasting(time: Duration) -> String {
    let millis = time.as_millis();
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// Formats millionths as `16.67 %`.
pub(crate) fn percent(millionths: u64) -> String {
    let hundredths = (millionths + 50) / 100;
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// Formats `part` of `whole` as `16.67 %`.
pub(crate) fn percent_of(part: Load, whole: Load) -> String {
    let millionths = u128::from(part.milli()) * 1_000_000 / u128::from(whole.milli().max(1));
    percent(u64::try_from(millionths).unwrap_or(u64::MAX))
}

/// Formats thousandths as `1.042`.
pub(crate) fn ratio(thousandths: u64) -> String {
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// Formats a load in whole units, rounded.
pub(crate) fn units(load: Load) -> String {
    ((load.milli() + 500) / 1_000).to_string()
}

/// Formats a count with its noun: `1 pod`, `2 pods`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_a_fixed_number_of_digits() {
        assert_eq!(moment(Timestamp::from_millis(125_250)), "2:05.250");
        assert_eq!(lasting(Duration::from_micros(2_250_900)), "2.250 s");
        assert_eq!(percent(166_666), "16.67 %");
        assert_eq!(ratio(1_042), "1.042");
        assert_eq!(counted(1, "pod") + ", " + &counted(2, "pod"), "1 pod, 2 pods");
    }
}
