//! Load reports.

use std::time::Duration;

use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::load::{Load, LoadReport};

use super::InvalidMessage;
use super::invalid_message::{each, required};
use super::slice::{in_order, slice_key};
use crate::pb;

/// The most slices of one report.
pub const REPORTED_SLICES_MAX: usize = 100_000;
/// The most hottest keys of one report.
pub const HOTTEST_MAX: usize = 10_000;
/// The longest time over which load may have been measured.
pub const WINDOW_MAX: Duration = Duration::from_secs(60 * 60);

impl TryFrom<pb::LoadReport> for LoadReport {
    type Error = InvalidMessage;

    fn try_from(wire: pb::LoadReport) -> Result<Self, InvalidMessage> {
        let slices: Vec<SliceLoad> = each(wire.slices, "slices", REPORTED_SLICES_MAX)?;
        in_order(slices.iter().map(|measured| &measured.0))?;
        let hottest: Vec<KeyLoad> = each(wire.hottest, "hottest", HOTTEST_MAX)?;
        if !hottest.is_sorted_by(|hotter, next| hotter.1 >= next.1) {
            return Err(InvalidMessage::new("hottest", "keys must come hottest first"));
        }
        Ok(Self {
            window: window(wire.window_ms)?,
            slices: slices.into_iter().map(|measured| (measured.0, measured.1)).collect(),
            hottest: hottest.into_iter().map(|measured| (measured.0, measured.1)).collect(),
        })
    }
}

impl From<&LoadReport> for pb::LoadReport {
    /// A window of less than a millisecond is written as one.
    fn from(report: &LoadReport) -> Self {
        let slices = report.slices.iter().map(|(slice, load)| pb::SliceLoad {
            slice: Some(slice.into()),
            load_milli: load.milli(),
        });
        let hottest = report.hottest.iter().map(|(key, load)| pb::KeyLoad {
            key: key.to_bytes(),
            load_milli: load.milli(),
        });
        Self {
            window_ms: super::target_settings::millis(report.window).max(1),
            slices: slices.collect(),
            hottest: hottest.collect(),
        }
    }
}

fn window(millis: u64) -> Result<Duration, InvalidMessage> {
    let window = Duration::from_millis(millis);
    if window > Duration::ZERO && window <= WINDOW_MAX {
        return Ok(window);
    }
    let reason = format!("it is {millis}, allowed is 1 to {}", WINDOW_MAX.as_millis());
    Err(InvalidMessage::new("window_ms", reason))
}

struct SliceLoad(Slice, Load);

impl TryFrom<pb::SliceLoad> for SliceLoad {
    type Error = InvalidMessage;

    fn try_from(wire: pb::SliceLoad) -> Result<Self, InvalidMessage> {
        Ok(Self(required(wire.slice, "slice")?, Load::from_milli(wire.load_milli)))
    }
}

struct KeyLoad(SliceKey, Load);

impl TryFrom<pb::KeyLoad> for KeyLoad {
    type Error = InvalidMessage;

    fn try_from(wire: pb::KeyLoad) -> Result<Self, InvalidMessage> {
        Ok(Self(slice_key(&wire.key, "key")?, Load::from_milli(wire.load_milli)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(start: u8, end: u8) -> pb::SliceLoad {
        pb::SliceLoad {
            slice: Some(pb::Slice {
                start: vec![start],
                end: Some(vec![end]),
            }),
            load_milli: 1,
        }
    }

    fn report(slices: Vec<pb::SliceLoad>) -> pb::LoadReport {
        pb::LoadReport {
            window_ms: 1_000,
            slices,
            hottest: Vec::new(),
        }
    }

    fn refusal(wire: pb::LoadReport) -> String {
        LoadReport::try_from(wire).unwrap_err().to_string()
    }

    #[test]
    fn a_window_of_nothing_or_of_more_than_an_hour_is_refused() {
        for window_ms in [0, 3_600_001, u64::MAX] {
            let wire = pb::LoadReport {
                window_ms,
                ..report(vec![])
            };
            assert_eq!(
                refusal(wire),
                format!("window_ms: it is {window_ms}, allowed is 1 to 3600000")
            );
        }
    }

    #[test]
    fn slices_out_of_order_or_overlapping_are_refused() {
        assert!(LoadReport::try_from(report(vec![slice(1, 2), slice(2, 3), slice(5, 6)])).is_ok());
        let expected = "slices[1]: slices must be in key order and not overlap, but [01, 03) follows [02, 04)";
        assert_eq!(refusal(report(vec![slice(2, 4), slice(1, 3)])), expected);
        assert!(refusal(report(vec![slice(2, 4), slice(3, 5)])).starts_with("slices[1]"));
    }

    #[test]
    fn a_report_that_is_too_long_is_refused() {
        let long = report(vec![slice(1, 2); REPORTED_SLICES_MAX + 1]);
        assert_eq!(
            refusal(long),
            "slices: it has 100001 entries, at most 100000 are allowed"
        );
    }

    #[test]
    fn an_oversize_key_is_found_where_it_is() {
        let key = |length| pb::KeyLoad {
            key: vec![0; length],
            load_milli: 1,
        };
        let wire = pb::LoadReport {
            hottest: vec![key(512), key(513)],
            ..report(vec![])
        };
        assert_eq!(
            refusal(wire),
            "hottest[1].key: key is 513 bytes long, at most 512 are allowed"
        );
    }
}
