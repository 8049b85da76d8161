//! The warm transfer of a slice: the request of the new owner, and the manifest and values of the old one.

use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::target::TargetName;

use super::InvalidMessage;
use super::invalid_message::{check_count, each, required};
use super::slice::generation;
use super::target_settings::millis;
use super::watch::target_name;
use crate::pb;

/// The largest number of entries in a manifest, and of versions that a request lists as held: such a request fits into
/// one message.
pub const MANIFEST_COUNT_MAX: usize = 500_000;
/// The largest number of entries in a manifest page.
pub const PAGE_COUNT_MAX: usize = 2_048;
/// The largest number of values in a batch.
pub const BATCH_COUNT_MAX: usize = 4_096;
/// The largest total size of the objects in a batch of several, in bytes.
pub const BATCH_SIZE_MAX: usize = 1 << 20;
/// The largest object that is sent, in bytes.
pub const SENT_OBJECT_SIZE_MAX: usize = 4 << 20;
/// The largest message that is sent or accepted, in bytes: the objects, and 4 MiB for keys and ETags.
pub const TRANSFER_MESSAGE_SIZE_MAX: usize = SENT_OBJECT_SIZE_MAX + (4 << 20);
/// The longest ETag, in bytes.
pub const ETAG_LENGTH_MAX: usize = 512;

/// The request of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferStart {
    /// The target to whose key space the slice belongs.
    pub target: TargetName,
    /// The slice whose values are requested.
    pub slice: Slice,
    /// The fingerprints of the values that the receiver already holds.
    pub held: Vec<u64>,
}

/// A message to the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transferred {
    /// A part of the list of warm values.
    Manifest(ManifestPage),
    /// Some of the values; never empty.
    Values(Vec<WarmValue>),
}

/// A page of the list of warm values, sorted by heat, hottest first, then by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestPage {
    /// The values; empty only in the last page.
    pub entries: Vec<ManifestEntry>,
    /// Whether this is the last page.
    pub is_last: bool,
}

/// The description of a warm value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The application key of the value.
    pub key: Vec<u8>,
    /// The recent access frequency of the value.
    pub heat: u32,
    /// The version: the XXH64 of the ETag, seeded by the XXH64 of the key.
    pub fingerprint: u64,
    /// The memory of the value, in bytes.
    pub size: u64,
}

/// A value in transfer, with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmValue {
    /// The application key of the value.
    pub key: Vec<u8>,
    /// The ETag of the version in the store.
    pub etag: String,
    /// The object as it is stored. An allocation of its own, because it may be kept as long as the value is warm.
    pub object: Vec<u8>,
    /// The generation at which this version was last known to be the newest.
    pub checked_by: Generation,
    /// The time from that moment to the arrival of the request, rounded up to milliseconds. The receiver adds the time
    /// since it sent the request, so network delay never makes a value look younger than it is.
    pub checked_before: Duration,
}

impl TryFrom<pb::TransferRequest> for TransferStart {
    type Error = InvalidMessage;

    fn try_from(wire: pb::TransferRequest) -> Result<Self, InvalidMessage> {
        check_count(MANIFEST_COUNT_MAX, wire.held.len(), "held")?;
        Ok(Self {
            target: target_name(&wire.target)?,
            slice: required(wire.slice, "slice")?,
            held: wire.held,
        })
    }
}

impl From<&TransferStart> for pb::TransferRequest {
    fn from(start: &TransferStart) -> Self {
        Self {
            target: start.target.as_str().to_owned(),
            slice: Some((&start.slice).into()),
            held: start.held.clone(),
        }
    }
}

impl TryFrom<pb::TransferResponse> for Transferred {
    type Error = InvalidMessage;

    fn try_from(wire: pb::TransferResponse) -> Result<Self, InvalidMessage> {
        use pb::transfer_response::Message;
        match wire.message {
            Some(Message::Manifest(page)) => required(Some(page), "manifest").map(Self::Manifest),
            Some(Message::Values(batch)) => values(batch.values).map(Self::Values),
            None => Err(InvalidMessage::missing("message")),
        }
    }
}

/// By value, because the objects are large.
impl From<Transferred> for pb::TransferResponse {
    fn from(transferred: Transferred) -> Self {
        use pb::transfer_response::Message;
        let message = match transferred {
            Transferred::Manifest(page) => Message::Manifest(page.into()),
            Transferred::Values(values) => Message::Values(pb::ValueBatch {
                values: values.into_iter().map(pb::WarmValue::from).collect(),
            }),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<pb::ManifestPage> for ManifestPage {
    type Error = InvalidMessage;

    fn try_from(wire: pb::ManifestPage) -> Result<Self, InvalidMessage> {
        let entries: Vec<ManifestEntry> = each(wire.entries, "entries", PAGE_COUNT_MAX)?;
        if entries.is_empty() && !wire.is_last {
            let reason = "it is empty, which is allowed in the last page only";
            return Err(InvalidMessage::new("entries", reason));
        }
        if let Some(at) = entries.windows(2).position(|pair| !pair[0].comes_before(&pair[1])) {
            let reason = "entries must be sorted by heat, hottest first, then by key, without duplicates";
            return Err(InvalidMessage::new(format!("entries[{}]", at + 1), reason));
        }
        Ok(Self {
            entries,
            is_last: wire.is_last,
        })
    }
}

impl From<ManifestPage> for pb::ManifestPage {
    fn from(page: ManifestPage) -> Self {
        Self {
            entries: page.entries.into_iter().map(pb::ManifestEntry::from).collect(),
            is_last: page.is_last,
        }
    }
}

impl ManifestEntry {
    /// Whether `next` may follow this entry in a manifest.
    #[must_use]
    pub fn comes_before(&self, next: &Self) -> bool {
        self.heat > next.heat || (self.heat == next.heat && self.key < next.key)
    }
}

impl TryFrom<pb::ManifestEntry> for ManifestEntry {
    type Error = InvalidMessage;

    fn try_from(wire: pb::ManifestEntry) -> Result<Self, InvalidMessage> {
        Ok(Self {
            key: application_key(wire.key)?,
            heat: wire.heat,
            fingerprint: wire.fingerprint,
            size: wire.size,
        })
    }
}

impl From<ManifestEntry> for pb::ManifestEntry {
    fn from(entry: ManifestEntry) -> Self {
        Self {
            key: entry.key,
            heat: entry.heat,
            fingerprint: entry.fingerprint,
            size: entry.size,
        }
    }
}

fn values(wire: Vec<pb::WarmValue>) -> Result<Vec<WarmValue>, InvalidMessage> {
    let values: Vec<WarmValue> = each(wire, "values", BATCH_COUNT_MAX)?;
    let size: usize = values.iter().map(|value| value.object.len()).sum();
    match values.len() {
        0 => Err(InvalidMessage::new(
            "values",
            "it is empty, but a batch has at least one value",
        )),
        1 => Ok(values),
        _ if size <= BATCH_SIZE_MAX => Ok(values),
        count => {
            let reason = format!("{count} objects have {size} bytes, allowed are {BATCH_SIZE_MAX}");
            Err(InvalidMessage::new("values", reason))
        }
    }
}

impl TryFrom<pb::WarmValue> for WarmValue {
    type Error = InvalidMessage;

    fn try_from(wire: pb::WarmValue) -> Result<Self, InvalidMessage> {
        let etag_length = wire.etag.len();
        if !(1..=ETAG_LENGTH_MAX).contains(&etag_length) {
            let reason = format!("it has {etag_length} bytes, allowed are 1 to {ETAG_LENGTH_MAX}");
            return Err(InvalidMessage::new("etag", reason));
        }
        let size = wire.object.len();
        if size > SENT_OBJECT_SIZE_MAX {
            let reason = format!("it has {size} bytes, allowed are {SENT_OBJECT_SIZE_MAX}");
            return Err(InvalidMessage::new("object", reason));
        }
        Ok(Self {
            key: application_key(wire.key)?,
            etag: wire.etag,
            object: wire.object,
            checked_by: generation(wire.checked_generation, "checked_generation")?,
            checked_before: Duration::from_millis(wire.checked_ms_before),
        })
    }
}

impl From<WarmValue> for pb::WarmValue {
    fn from(value: WarmValue) -> Self {
        let has_rest = !value.checked_before.subsec_nanos().is_multiple_of(1_000_000);
        Self {
            key: value.key,
            etag: value.etag,
            object: value.object,
            checked_generation: value.checked_by.number(),
            checked_ms_before: millis(value.checked_before).saturating_add(has_rest.into()),
        }
    }
}

/// Application keys have the length limit of slice keys in every key mode.
fn application_key(key: Vec<u8>) -> Result<Vec<u8>, InvalidMessage> {
    let (length, max) = (key.len(), SliceKey::LENGTH_MAX);
    if length > max {
        return Err(InvalidMessage::new(
            "key",
            format!("it has {length} bytes, allowed are {max}"),
        ));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(size: usize) -> pb::WarmValue {
        pb::WarmValue {
            key: b"a".to_vec(),
            etag: "\"1\"".into(),
            object: vec![7; size],
            checked_generation: 3,
            checked_ms_before: 10,
        }
    }

    fn entry(key: &str, heat: u32) -> pb::ManifestEntry {
        pb::ManifestEntry {
            key: key.into(),
            heat,
            fingerprint: 1,
            size: 1,
        }
    }

    fn batch(values: Vec<pb::WarmValue>) -> pb::TransferResponse {
        let message = pb::transfer_response::Message::Values(pb::ValueBatch { values });
        pb::TransferResponse { message: Some(message) }
    }

    fn page(entries: Vec<pb::ManifestEntry>, is_last: bool) -> pb::TransferResponse {
        let message = pb::transfer_response::Message::Manifest(pb::ManifestPage { entries, is_last });
        pb::TransferResponse { message: Some(message) }
    }

    fn error_of(wire: pb::TransferResponse) -> String {
        Transferred::try_from(wire).unwrap_err().to_string()
    }

    #[test]
    fn each_field_of_a_value_is_checked() {
        assert!(Transferred::try_from(batch(vec![value(SENT_OBJECT_SIZE_MAX)])).is_ok());
        type CorruptValue = fn(&mut pb::WarmValue);
        let bad: [(&str, CorruptValue); 5] = [
            ("values[0].key: it has 513 bytes, allowed are 512", |value| {
                value.key = vec![7; 513]
            }),
            ("values[0].etag: it has 0 bytes, allowed are 1 to 512", |value| {
                value.etag.clear()
            }),
            ("values[0].etag: it has 513 bytes, allowed are 1 to 512", |value| {
                value.etag = "e".repeat(513);
            }),
            ("values[0].object: it has 4194305 bytes, allowed are 4194304", |value| {
                value.object = vec![7; SENT_OBJECT_SIZE_MAX + 1];
            }),
            (
                "values[0].checked_generation: it is -1, but must not be negative",
                |value| {
                    value.checked_generation = -1;
                },
            ),
        ];
        for (expected, corrupt) in bad {
            let mut value = value(1);
            corrupt(&mut value);
            assert_eq!(error_of(batch(vec![value])), expected);
        }
    }

    #[test]
    fn a_batch_is_neither_empty_nor_too_large() {
        assert_eq!(
            error_of(batch(vec![])),
            "values: it is empty, but a batch has at least one value"
        );
        let many = vec![value(0); BATCH_COUNT_MAX + 1];
        assert_eq!(
            error_of(batch(many)),
            "values: it has 4097 entries, at most 4096 are allowed"
        );
        let large = vec![value(1), value(BATCH_SIZE_MAX)];
        assert_eq!(
            error_of(batch(large)),
            "values: 2 objects have 1048577 bytes, allowed are 1048576"
        );
    }

    #[test]
    fn a_manifest_is_sorted_by_heat() {
        let sorted = page(vec![entry("b", 7), entry("a", 3), entry("c", 3)], false);
        assert!(Transferred::try_from(sorted).is_ok());
        let expected =
            "manifest.entries[1]: entries must be sorted by heat, hottest first, then by key, without duplicates";
        for (key, heat) in [("c", 8), ("a", 7), ("b", 7)] {
            assert_eq!(error_of(page(vec![entry("b", 7), entry(key, heat)], true)), expected);
        }
    }

    #[test]
    fn a_page_is_bounded_and_only_the_last_one_may_be_empty() {
        assert!(Transferred::try_from(page(vec![], true)).is_ok());
        let expected = "manifest.entries: it is empty, which is allowed in the last page only";
        assert_eq!(error_of(page(vec![], false)), expected);
        let many = vec![entry("a", 1); PAGE_COUNT_MAX + 1];
        let expected = "manifest.entries: it has 2049 entries, at most 2048 are allowed";
        assert_eq!(error_of(page(many, true)), expected);
        let nothing = pb::TransferResponse { message: None };
        assert_eq!(error_of(nothing), "message: it is missing, but must be set");
    }

    #[test]
    fn a_request_names_its_slice_and_lists_a_bounded_number_of_versions() {
        let wire = pb::TransferRequest {
            target: "numbers".into(),
            slice: Some((&Slice::FULL).into()),
            held: vec![7; MANIFEST_COUNT_MAX],
        };
        assert!(TransferStart::try_from(wire.clone()).is_ok());
        let error_of = |corrupt: fn(&mut pb::TransferRequest)| {
            let mut wire = wire.clone();
            corrupt(&mut wire);
            TransferStart::try_from(wire).unwrap_err().to_string()
        };
        assert_eq!(
            error_of(|wire| wire.slice = None),
            "slice: it is missing, but must be set"
        );
        assert!(error_of(|wire| wire.target = "No".into()).starts_with("target: target \"No\" is not allowed"));
        let expected = "held: it has 500001 entries, at most 500000 are allowed";
        assert_eq!(error_of(|wire| wire.held.push(7)), expected);
    }

    #[test]
    fn an_age_is_rounded_up() {
        let value = WarmValue {
            checked_before: Duration::from_micros(1_001),
            ..WarmValue::try_from(value(1)).unwrap()
        };
        assert_eq!(pb::WarmValue::from(value).checked_ms_before, 2);
    }
}
