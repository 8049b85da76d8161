//! The format of stored objects.
//!
//! An object without answered requests is the value's own bytes, which any program can read and write. With answered
//! requests, or after the value was removed, it is an envelope:
//!
//! ```text
//! magic (8 bytes) | length of the contents (4, little-endian) | their XXH64 (8, little-endian) | contents | value
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use emberkeep_core::slicelet::Answered;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

use crate::codec::CodecError;

/// No text and no common file format begins with these bytes; a value that does is always wrapped in an envelope.
const MAGIC: &[u8; 8] = b"\x89EMBER\x1a\x01";
const HEAD_SIZE: usize = MAGIC.len() + size_of::<u32>() + size_of::<u64>();

/// The contents of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StoredObject {
    /// `None` after the value was removed.
    pub(super) value: Option<Bytes>,
    pub(super) answered: Answered,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    has_value: bool,
    answered: Answered,
}

impl StoredObject {
    /// The bytes of the object.
    pub(super) fn into_bytes(self) -> Bytes {
        match self.value {
            Some(value) if self.answered.is_empty() && !value.starts_with(MAGIC) => value,
            value => wrapped(value, self.answered),
        }
    }

    /// The contents of an object with these bytes; fails if it is a truncated or damaged envelope.
    pub(super) fn from_bytes(mut object: Bytes) -> Result<Self, CodecError> {
        if !object.starts_with(MAGIC) {
            return Ok(Self {
                value: Some(object),
                answered: Answered::default(),
            });
        }
        if object.len() < HEAD_SIZE {
            return Err("the envelope is truncated".into());
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
    let contents = postcard::to_stdvec(&contents).expect("bytes and numbers can be encoded");
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
    fn an_object_is_decoded_as_it_was_encoded() {
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
    fn a_truncated_or_damaged_envelope_is_rejected() {
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
