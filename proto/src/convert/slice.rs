//! Keys, slices and generations.

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::{Slice, SliceKey};

use super::InvalidMessage;
use crate::pb;

impl TryFrom<pb::Slice> for Slice {
    type Error = InvalidMessage;

    fn try_from(wire: pb::Slice) -> Result<Self, InvalidMessage> {
        let start = slice_key(&wire.start, "start")?;
        let end = wire.end.map(|end| slice_key(&end, "end")).transpose()?;
        let empty = || InvalidMessage::new("end", "it must lie after the start, a slice is never empty");
        Slice::new(start, end).ok_or_else(empty)
    }
}

impl From<&Slice> for pb::Slice {
    fn from(slice: &Slice) -> Self {
        Self {
            start: slice.start().to_bytes(),
            end: slice.end().map(SliceKey::to_bytes),
        }
    }
}

pub(super) fn slice_key(bytes: &[u8], field: &str) -> Result<SliceKey, InvalidMessage> {
    SliceKey::try_new(bytes).map_err(|error| InvalidMessage::new(field, error))
}

pub(super) fn generation(number: i64, field: &str) -> Result<Generation, InvalidMessage> {
    let negative = || InvalidMessage::new(field, format!("it is {number}, but must not be negative"));
    Generation::from_number(number).ok_or_else(negative)
}

/// Rejects slices that are not in key order or that overlap.
pub(super) fn check_order<'a>(slices: impl Iterator<Item = &'a Slice>) -> Result<(), InvalidMessage> {
    let mut before: Option<&Slice> = None;
    for (at, slice) in slices.enumerate() {
        if let Some(before) = before.filter(|before| before.end().is_none_or(|end| end > slice.start())) {
            let reason = format!("slices must be in key order and not overlap, but {slice} follows {before}");
            return Err(InvalidMessage::new(format!("slices[{at}]"), reason));
        }
        before = Some(slice);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(start: &[u8], end: Option<&[u8]>) -> String {
        let wire = pb::Slice {
            start: start.to_vec(),
            end: end.map(<[u8]>::to_vec),
        };
        Slice::try_from(wire).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_slice_is_rejected() {
        let expected = "end: it must lie after the start, a slice is never empty";
        assert_eq!(error_of(b"b", Some(b"b")), expected);
        assert_eq!(error_of(b"b", Some(b"a")), expected);
        assert_eq!(error_of(b"", Some(b"")), expected);
    }

    #[test]
    fn an_oversize_key_is_rejected() {
        let expected = "end: key is 513 bytes long, at most 512 are allowed";
        assert_eq!(error_of(b"", Some(&[7; 513])), expected);
    }

    #[test]
    fn a_negative_generation_is_rejected() {
        let error = generation(-1, "base").unwrap_err();
        assert_eq!(error.to_string(), "base: it is -1, but must not be negative");
    }
}
