//! Slice keys: byte strings that compare as unsigned bytes, nearly always in one integer comparison.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh64::xxh64;

use crate::target::KeyMode;

/// The number of leading bytes that are compared as one integer.
const PREFIX_LENGTH: usize = 8;

/// A byte string of at most [`SliceKey::LENGTH_MAX`] bytes.
///
/// The first 8 bytes are stored as a big-endian integer, padded with zeros. The order of the fields is the order of
/// comparison: if the padded prefixes are equal, a key without a tail is a prefix of the other key, and so is the shorter of
/// two keys without tails.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct SliceKey {
    prefix: u64,
    /// The bytes after the eighth; `None` if there are none.
    tail: Option<Arc<[u8]>>,
    length: u16,
}

/// A key over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("key is {length} bytes long, at most {} are allowed", SliceKey::LENGTH_MAX)]
pub struct KeyTooLong {
    length: usize,
}

impl SliceKey {
    /// The longest key, in bytes (the limit of the gRPC auto-sharding standard, gRFC A119).
    pub const LENGTH_MAX: usize = 512;

    /// The empty key: the start of the key space.
    pub const EMPTY: SliceKey = SliceKey {
        prefix: 0,
        tail: None,
        length: 0,
    };

    /// The key with these bytes.
    ///
    /// # Errors
    /// When there are more than [`SliceKey::LENGTH_MAX`].
    pub fn try_new(bytes: &[u8]) -> Result<Self, KeyTooLong> {
        check_length(bytes)?;
        Ok(Self {
            prefix: padded_prefix(bytes),
            tail: bytes
                .get(PREFIX_LENGTH..)
                .filter(|tail| !tail.is_empty())
                .map(Arc::from),
            length: u16::try_from(bytes.len()).expect("the limit is far below 65,536"),
        })
    }

    /// The 8-byte key that is the big-endian form of `position`.
    #[must_use]
    pub const fn from_position(position: u64) -> Self {
        Self {
            prefix: position,
            tail: None,
            length: PREFIX_LENGTH as u16,
        }
    }

    /// The slice key of an application key.
    ///
    /// # Errors
    /// When the application key is longer than [`SliceKey::LENGTH_MAX`], in either mode: an object name could not hold it.
    #[inline]
    pub fn of(application_key: &[u8], mode: KeyMode) -> Result<Self, KeyTooLong> {
        check_length(application_key)?;
        match mode {
            KeyMode::Hashed => Ok(Self::from_position(hashed_position(application_key))),
            KeyMode::Ordered => Self::try_new(application_key),
        }
    }

    /// The smallest key that is greater than this one: this key with a zero byte appended. `None` for a key of maximum length.
    #[must_use]
    pub fn successor(&self) -> Option<Self> {
        let mut bytes = self.to_bytes();
        bytes.push(0);
        Self::try_new(&bytes).ok()
    }

    /// The position of the key in the key space: its first 8 bytes, big-endian, padded with zeros.
    #[inline]
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.prefix
    }

    /// Whether the key is not after the key with these bytes, without constructing that key.
    pub(super) fn is_at_most(&self, bytes: &[u8]) -> bool {
        let head = usize::from(self.length).min(PREFIX_LENGTH);
        let tail = self.tail.as_deref().unwrap_or_default();
        let (other_head, other_tail) = bytes.split_at(bytes.len().min(PREFIX_LENGTH));
        // A head shorter than 8 bytes has no tail, so comparing head and tail equals comparing the whole.
        (&self.prefix.to_be_bytes()[..head], tail) <= (other_head, other_tail)
    }

    /// A copy of the bytes of the key.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = usize::from(self.length).min(PREFIX_LENGTH);
        let mut bytes = self.prefix.to_be_bytes()[..head].to_vec();
        bytes.extend_from_slice(self.tail.as_deref().unwrap_or_default());
        bytes
    }

    /// Whether this is the start of the key space.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Rejects keys over the length limit.
#[inline]
pub(super) fn check_length(key: &[u8]) -> Result<(), KeyTooLong> {
    match key.len() {
        0..=SliceKey::LENGTH_MAX => Ok(()),
        length => Err(KeyTooLong { length }),
    }
}

/// The position of the key that an application key is hashed to.
#[inline]
pub(super) fn hashed_position(application_key: &[u8]) -> u64 {
    xxh64(application_key, 0)
}

/// The position of the key with these bytes.
#[inline]
pub(super) fn padded_prefix(bytes: &[u8]) -> u64 {
    let mut prefix = [0; PREFIX_LENGTH];
    let head = bytes.len().min(PREFIX_LENGTH);
    prefix[..head].copy_from_slice(&bytes[..head]);
    u64::from_be_bytes(prefix)
}

impl TryFrom<Vec<u8>> for SliceKey {
    type Error = KeyTooLong;

    fn try_from(bytes: Vec<u8>) -> Result<Self, KeyTooLong> {
        Self::try_new(&bytes)
    }
}

impl From<SliceKey> for Vec<u8> {
    fn from(key: SliceKey) -> Vec<u8> {
        key.to_bytes()
    }
}

impl fmt::Display for SliceKey {
    /// In hexadecimal; the empty key as `""`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("\"\"");
        }
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SliceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn few_letters() -> impl Strategy<Value = Vec<u8>> {
        // Few letters and zeros make equal prefixes and keys that differ by trailing zeros likely.
        prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255)], 0..12)
    }

    proptest! {
        #[test]
        fn keys_compare_as_their_bytes(a in few_letters(), b in few_letters()) {
            let (key_a, key_b) = (SliceKey::try_new(&a).unwrap(), SliceKey::try_new(&b).unwrap());
            prop_assert_eq!(key_a.cmp(&key_b), a.cmp(&b));
            prop_assert_eq!(key_a.is_at_most(&b), a <= b);
            prop_assert_eq!(key_a.to_bytes(), a);
        }

        #[test]
        fn nothing_lies_between_a_key_and_its_successor(a in few_letters(), b in few_letters()) {
            let (key, other) = (SliceKey::try_new(&a).unwrap(), SliceKey::try_new(&b).unwrap());
            let successor = key.successor().unwrap();
            prop_assert!(key < successor);
            prop_assert!(other <= key || other >= successor);
        }
    }

    #[test]
    fn a_hashed_key_is_xxh64_with_seed_zero() {
        // Golden vectors of the XXH64 reference implementation, which gRPC's ring-hash policy uses too.
        for (application_key, hash) in [
            ("", 0xef46_db37_51d8_e999),
            ("a", 0xd24e_c4f1_a98c_6e5b),
            ("abc", 0x44bc_2cf5_ad77_0999),
            ("Nobody inspects the spammish repetition", 0xfbce_a83c_8a37_8bf1),
        ] {
            let key = SliceKey::of(application_key.as_bytes(), KeyMode::Hashed).unwrap();
            assert_eq!(key, SliceKey::from_position(hash), "{application_key}");
            assert_eq!(key.to_bytes(), hash.to_be_bytes());
        }
    }

    #[test]
    fn an_ordered_key_is_the_application_key() {
        let key = SliceKey::of(b"user/17", KeyMode::Ordered).unwrap();
        assert_eq!(key.to_bytes(), b"user/17");
    }

    #[test]
    fn a_key_over_the_limit_is_rejected_in_both_modes() {
        let long = vec![b'x'; SliceKey::LENGTH_MAX + 1];
        for mode in [KeyMode::Hashed, KeyMode::Ordered] {
            assert!(SliceKey::of(&long[1..], mode).is_ok());
            let error = SliceKey::of(&long, mode).unwrap_err();
            assert_eq!(error.to_string(), "key is 513 bytes long, at most 512 are allowed");
        }
    }
}
