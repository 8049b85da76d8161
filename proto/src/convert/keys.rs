//! Keys in requests of operators.

use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::target::KeyMode;

use super::InvalidMessage;
use super::invalid_message::required;
use crate::pb;

/// The slice of a request: that of one application key, or a range of slice keys.
///
/// # Errors
/// When neither is set, or the key or the range is invalid.
pub fn named_keys(wire: Option<pb::Keys>, mode: KeyMode) -> Result<Slice, InvalidMessage> {
    use pb::keys::Keys;
    match wire.and_then(|wire| wire.keys) {
        Some(Keys::Key(key)) => single_key_slice(&key, mode),
        Some(Keys::Slice(slice)) => required(Some(slice), "keys.slice"),
        None => Err(InvalidMessage::missing("keys")),
    }
}

/// The range of slice keys that a text names as `START..END` in hexadecimal, where an omitted bound is the start or the end
/// of the key space; `None` if it has another form.
#[must_use]
pub fn range_of_text(text: &str) -> Option<pb::Slice> {
    let (start, end) = text.split_once("..")?;
    let end = bytes_of_hexadecimal(end)?;
    Some(pb::Slice {
        start: bytes_of_hexadecimal(start)?,
        end: (!end.is_empty()).then_some(end),
    })
}

fn bytes_of_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let is_valid = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    is_valid.then(|| (0..digits.len()).step_by(2).map(byte).collect())?
}

/// The slice that holds only this key.
fn single_key_slice(application_key: &[u8], mode: KeyMode) -> Result<Slice, InvalidMessage> {
    let key = SliceKey::of(application_key, mode).map_err(|error| InvalidMessage::new("keys.key", error))?;
    let too_long = || InvalidMessage::new("keys.key", "it has the maximum length of a key: name a range instead");
    let end = key.successor().ok_or_else(too_long)?;
    Ok(Slice::new(key, Some(end)).expect("a key comes before its successor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &[u8]) -> Option<pb::Keys> {
        let keys = Some(pb::keys::Keys::Key(key.to_vec()));
        Some(pb::Keys { keys })
    }

    #[test]
    fn an_application_key_becomes_the_slice_of_that_key() {
        let hashed = named_keys(key(b"alice"), KeyMode::Hashed).unwrap();
        assert!(hashed.contains(&SliceKey::of(b"alice", KeyMode::Hashed).unwrap()));
        let ordered = named_keys(key(b"a"), KeyMode::Ordered).unwrap();
        assert_eq!(ordered.to_string(), "[61, 6100)");
    }

    #[test]
    fn invalid_keys_and_ranges_are_rejected() {
        assert_eq!(named_keys(None, KeyMode::Hashed).unwrap_err().field, "keys");
        let longest = named_keys(key(&[7; 512]), KeyMode::Ordered).unwrap_err();
        assert_eq!(longest.field, "keys.key");
        let slice = pb::Slice {
            start: vec![2],
            end: Some(vec![1]),
        };
        let keys = Some(pb::keys::Keys::Slice(slice));
        let empty = named_keys(Some(pb::Keys { keys }), KeyMode::Hashed).unwrap_err();
        assert_eq!(empty.field, "keys.slice.end");
    }
}
