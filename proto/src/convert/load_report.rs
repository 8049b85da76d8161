//! Load reports of slicelets.

use std::time::Duration;

use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::load::{KeyLoad, Load, LoadReport, SliceLoad};

use super::InvalidMessage;
use super::invalid_message::{check_count, each, required};
use super::slice::{check_order, slice_key};
use super::target_settings::millis;
use crate::pb;

/// The largest number of slices in a report.
pub const REPORTED_SLICES_MAX: usize = 100_000;
/// The largest number of hottest keys in a report.
pub const HOTTEST_MAX: usize = 10_000;
/// The largest number of split hints of a slice.
pub const SPLIT_HINTS_MAX: usize = 255;
/// The longest measuring window.
pub const WINDOW_MAX: Duration = Duration::from_secs(60 * 60);

impl TryFrom<pb::LoadReport> for LoadReport {
    type Error = InvalidMessage;

    /// Fills in the fields that an older slicelet does not set: the slow rate from the fast one, the windows of slices
    /// from that of the report, one replica.
    fn try_from(mut wire: pb::LoadReport) -> Result<Self, InvalidMessage> {
        window(wire.window_ms, 1)?;
        for share in &mut wire.slices {
            share.window_ms.get_or_insert(wire.window_ms);
        }
        let slices: Vec<SliceLoad> = each(wire.slices, "slices", REPORTED_SLICES_MAX)?;
        check_order(slices.iter().map(|share| &share.slice))?;
        let hottest: Vec<KeyLoad> = each(wire.hottest, "hottest", HOTTEST_MAX)?;
        if !hottest.is_sorted_by(|hotter, next| hotter.fast >= next.fast) {
            return Err(InvalidMessage::new("hottest", "keys must be sorted, hottest first"));
        }
        Ok(Self {
            slices,
            hottest,
            unlisted_max: Load::from_milli(wire.unlisted_max_milli),
        })
    }
}

impl From<&LoadReport> for pb::LoadReport {
    fn from(report: &LoadReport) -> Self {
        let longest = report.slices.iter().map(|share| share.window).max();
        Self {
            window_ms: millis(longest.unwrap_or_default()).max(1),
            slices: report.slices.iter().map(pb::SliceLoad::from).collect(),
            hottest: report.hottest.iter().map(pb::KeyLoad::from).collect(),
            unlisted_max_milli: report.unlisted_max.milli(),
        }
    }
}

impl From<&SliceLoad> for pb::SliceLoad {
    fn from(share: &SliceLoad) -> Self {
        Self {
            slice: Some((&share.slice).into()),
            load_milli: share.fast.milli(),
            slow_milli: Some(share.slow.milli()),
            memory_bytes: share.memory,
            replica_count: share.replicas,
            window_ms: Some(millis(share.window)),
            split_hints: share.split_hints.iter().map(SliceKey::to_bytes).collect(),
        }
    }
}

impl From<&KeyLoad> for pb::KeyLoad {
    fn from(hot: &KeyLoad) -> Self {
        Self {
            key: hot.key.to_bytes(),
            load_milli: hot.fast.milli(),
            slow_milli: Some(hot.slow.milli()),
        }
    }
}

impl TryFrom<pb::SliceLoad> for SliceLoad {
    type Error = InvalidMessage;

    fn try_from(wire: pb::SliceLoad) -> Result<Self, InvalidMessage> {
        let slice: Slice = required(wire.slice, "slice")?;
        Ok(Self {
            fast: Load::from_milli(wire.load_milli),
            slow: Load::from_milli(wire.slow_milli.unwrap_or(wire.load_milli)),
            memory: wire.memory_bytes,
            replicas: wire.replica_count.max(1),
            window: window(wire.window_ms.unwrap_or_default(), 0)?,
            split_hints: split_hints(&slice, &wire.split_hints)?,
            slice,
        })
    }
}

impl TryFrom<pb::KeyLoad> for KeyLoad {
    type Error = InvalidMessage;

    fn try_from(wire: pb::KeyLoad) -> Result<Self, InvalidMessage> {
        Ok(Self {
            key: slice_key(&wire.key, "key")?,
            fast: Load::from_milli(wire.load_milli),
            slow: Load::from_milli(wire.slow_milli.unwrap_or(wire.load_milli)),
        })
    }
}

fn window(millis: u64, millis_min: u64) -> Result<Duration, InvalidMessage> {
    let window = Duration::from_millis(millis);
    if millis >= millis_min && window <= WINDOW_MAX {
        return Ok(window);
    }
    let reason = format!("it is {millis}, allowed is {millis_min} to {}", WINDOW_MAX.as_millis());
    Err(InvalidMessage::new("window_ms", reason))
}

/// Split hints must lie inside their slice, in key order.
fn split_hints(slice: &Slice, wire: &[Vec<u8>]) -> Result<Vec<SliceKey>, InvalidMessage> {
    check_count(SPLIT_HINTS_MAX, wire.len(), "split_hints")?;
    let mut hints: Vec<SliceKey> = Vec::with_capacity(wire.len());
    for (at, bytes) in wire.iter().enumerate() {
        let field = format!("split_hints[{at}]");
        let hint = slice_key(bytes, &field)?;
        let before = hints.last().unwrap_or(slice.start());
        if hint <= *before || !slice.contains(&hint) {
            let reason = format!("{hint} must lie after {before} and inside {slice}");
            return Err(InvalidMessage::new(field, reason));
        }
        hints.push(hint);
    }
    Ok(hints)
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
            ..pb::SliceLoad::default()
        }
    }

    fn report(slices: Vec<pb::SliceLoad>) -> pb::LoadReport {
        pb::LoadReport {
            window_ms: 1_000,
            slices,
            ..pb::LoadReport::default()
        }
    }

    fn error_of(wire: pb::LoadReport) -> String {
        LoadReport::try_from(wire).unwrap_err().to_string()
    }

    #[test]
    fn a_window_of_zero_or_of_more_than_an_hour_is_rejected() {
        for window_ms in [0, 3_600_001, u64::MAX] {
            let wire = pb::LoadReport {
                window_ms,
                ..report(vec![])
            };
            assert_eq!(
                error_of(wire),
                format!("window_ms: it is {window_ms}, allowed is 1 to 3600000")
            );
        }
    }

    #[test]
    fn slices_out_of_order_or_overlapping_are_rejected() {
        assert!(LoadReport::try_from(report(vec![slice(1, 2), slice(2, 3), slice(5, 6)])).is_ok());
        let expected = "slices[1]: slices must be in key order and not overlap, but [01, 03) follows [02, 04)";
        assert_eq!(error_of(report(vec![slice(2, 4), slice(1, 3)])), expected);
        assert!(error_of(report(vec![slice(2, 4), slice(3, 5)])).starts_with("slices[1]"));
    }

    #[test]
    fn a_report_of_too_many_slices_is_rejected() {
        let long = report(vec![slice(1, 2); REPORTED_SLICES_MAX + 1]);
        assert_eq!(
            error_of(long),
            "slices: it has 100001 entries, at most 100000 are allowed"
        );
    }

    #[test]
    fn an_oversize_key_is_rejected_with_its_path() {
        let key = |length| pb::KeyLoad {
            key: vec![0; length],
            ..pb::KeyLoad::default()
        };
        let wire = pb::LoadReport {
            hottest: vec![key(512), key(513)],
            ..report(vec![])
        };
        assert_eq!(
            error_of(wire),
            "hottest[1].key: key is 513 bytes long, at most 512 are allowed"
        );
    }

    #[test]
    fn the_fields_that_an_older_slicelet_lacks_are_filled_in() {
        let wire = pb::LoadReport {
            hottest: vec![pb::KeyLoad {
                key: vec![1],
                load_milli: 1,
                ..pb::KeyLoad::default()
            }],
            ..report(vec![slice(1, 2)])
        };
        let report = LoadReport::try_from(wire).unwrap();
        let share = &report.slices[0];
        assert_eq!((share.slow, share.replicas), (Load::from_milli(1), 1));
        assert_eq!(share.window, Duration::from_secs(1));
        assert_eq!(report.hottest[0].slow, Load::from_milli(1));
    }

    #[test]
    fn split_hints_outside_of_their_slice_or_out_of_order_are_rejected() {
        let hints_at = |hints: &[u8]| {
            report(vec![pb::SliceLoad {
                split_hints: hints.iter().map(|hint| vec![*hint]).collect(),
                ..slice(2, 9)
            }])
        };
        assert!(LoadReport::try_from(hints_at(&[3, 8])).is_ok());
        assert_eq!(
            error_of(hints_at(&[3, 9])),
            "slices[0].split_hints[1]: 09 must lie after 03 and inside [02, 09)"
        );
        assert_eq!(
            error_of(hints_at(&[2])),
            "slices[0].split_hints[0]: 02 must lie after 02 and inside [02, 09)"
        );
        assert!(error_of(hints_at(&[4, 4])).contains("04 must lie after 04"));
        assert_eq!(
            error_of(hints_at(&[3; SPLIT_HINTS_MAX + 1])),
            "slices[0].split_hints: it has 256 entries, at most 255 are allowed"
        );
    }
}
