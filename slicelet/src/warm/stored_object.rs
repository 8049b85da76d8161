//! The envelope: an object that holds more than a value.
//!
//! Objects are the values' own bytes, as anyone may read and write them, so long as a value is all there is. Where the
//! memory of answered requests goes with it, or the value was removed, an object is an envelope:
//!
//! ```text
//! magic (8 bytes) | length of the contents (4, little-endian) | their XXH64 (8, little-endian) | contents | value
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use emberkeep_core::slicelet::Answered;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

use crate::codec::CodecError;

/// No text, and no format we know of, begins like this.
const MAGIC: &[u8; 8] = b"\x89EMBER\x1a\x01";
const HEAD_SIZE: usize = MAGIC.len() + size_of::<u32>() + size_of::<u64>();

/// What an object says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StoredObject {
    /// `None` once it was removed.
    pub(super) value: Option<Bytes>,
    pub(super) answered: Answered,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    has_value: bool,
    answered: Answered,
}

impl StoredObject {
    /// The object that says this.
    pub(super) fn into_bytes(self) -> Bytes {
        match self.value {
            Some(value) if self.answered.is_empty() && !value.starts_with(MAGIC) => value,
            value => wrapped(value, self.answered),
        }
    }

    /// What an object says.
    pub(super) fn from_bytes(mut object: Bytes) -> Result<Self, CodecError> {
        if !object.starts_with(MAGIC) {
            return Ok(Self {
                value: Some(object),
                answered: Answered::default(),
            });
        }
        if object.len() < HEAD_SIZE {
            return Err("the envelope breaks off".into());
        }
        object.advance(MAGIC.len());
        let (length, sum) = (object.get_u32_le() as usize, object.get_u64_le());
        if object.len() < length || xxh64(&object[..length], 0) != sum {
            return Err("the envelope is damaged".into());
        }
        let Contents { has_value, answered } = postcard::from_bytes(&object.split_to(length))?;
        Ok(Self {
            value: has_value.then_some(object),
            answered,
        })
    }
}

fn wrapped(value: Option<Bytes>, answered: Answered) -> Bytes {
    let contents = Contents {
        has_value: value.is_some(),
        answered,
    };
    let contents = postcard::to_stdvec(&contents).expect("bytes and numbers can be written");
    let value = value.unwrap_or_default();
    let mut object = BytesMut::with_capacity(HEAD_SIZE + contents.len() + value.len());
    object.put_slice(MAGIC);
    object.put_u32_le(u32::try_from(contents.len()).expect("the answers of a key are bounded"));
    object.put_u64_le(xxh64(&contents, 0));
    object.put_slice(&contents);
    object.put_slice(&value);
    object.freeze()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use emberkeep_core::slicelet::AnsweredLimits;

    use super::*;

    fn answered() -> Answered {
        let limits = AnsweredLimits {
            count: 10,
            age: Duration::from_secs(1),
        };
        Answered::default().with(b"id", b"answer", 7, limits)
    }

    #[test]
    fn a_value_alone_is_its_own_object() {
        let stored = StoredObject {
            value: Some(Bytes::from_static(b"{}")),
            answered: Answered::default(),
        };
        assert_eq!(stored.into_bytes(), "{}");
    }

    #[test]
    fn what_is_said_is_what_is_read() {
        let values = [None, Some(""), Some("value")].map(|value| value.map(Bytes::from));
        for value in values.into_iter().chain([Some(Bytes::from_static(MAGIC))]) {
            for answered in [Answered::default(), answered()] {
                let stored = StoredObject {
                    value: value.clone(),
                    answered,
                };
                assert_eq!(StoredObject::from_bytes(stored.clone().into_bytes()).unwrap(), stored);
            }
        }
    }

    #[test]
    fn an_envelope_that_is_not_whole_is_refused_whatever_is_missing() {
        let stored = StoredObject {
            value: None,
            answered: answered(),
        };
        let object = stored.into_bytes();
        for length in MAGIC.len()..object.len() {
            assert!(
                StoredObject::from_bytes(object.slice(..length)).is_err(),
                "{length} bytes"
            );
        }
        let mut damaged = object.to_vec();
        damaged[HEAD_SIZE] ^= 1;
        assert!(StoredObject::from_bytes(damaged.into()).is_err());
    }
}
