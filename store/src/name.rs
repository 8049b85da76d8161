//! The name of an object: safe in a URL, in an S3 key and in a file path.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// The longest name, in bytes. S3 allows 1,024 for prefix and name together, so every name fits below every prefix.
pub const NAME_BYTES_MAX: usize = 896;

/// The bytes of an application key that are percent-encoded: all but letters, digits and `- . _ ~`.
const NOT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text that is not an object name, and what is allowed: correct it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("object name {name:?} {reason}")]
pub struct InvalidObjectName {
    /// The text as given.
    pub name: String,
    /// The rule it breaks and what is allowed, to be read after the name.
    pub reason: String,
}

/// A validated object name: segments of `A-Z a-z 0-9 - . _ ~ %` between slashes, none empty, none beginning with a dot.
///
/// Names are relative to the prefix of the store, compare as bytes, and mean the same in every backend.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName(Arc<str>);

impl ObjectName {
    /// Validates the characters, segments and length of a name.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidObjectName> {
        let text = text.into();
        match fault(&text) {
            None => Ok(Self(text)),
            Some(reason) => Err(InvalidObjectName {
                name: text.to_string(),
                reason,
            }),
        }
    }

    /// The name of a key's object: `{target}/{slice key in hex}/{application key, percent-encoded}`.
    ///
    /// The name does not depend on slice boundaries: splits, merges and moves rename no object, and one listing of
    /// [`NameRange::of_keys`](crate::NameRange::of_keys) finds all keys of a slice.
    pub fn of_key(target: &str, slice_key: &[u8], application_key: &[u8]) -> Result<Self, InvalidObjectName> {
        Self::new(format!("{target}/{}/{}", hex(slice_key), percent(application_key)))
    }

    /// Decodes the application key of a name made by [`ObjectName::of_key`]; `None` for other names.
    pub fn application_key(&self) -> Option<Vec<u8>> {
        let (_, key) = self.0.split_once('/')?.1.split_once('/')?;
        (!key.contains('/')).then(|| percent_decode_str(key).collect())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectName({})", self.0)
    }
}

/// Lower-case hex, whose text order is the order of the bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Encodes an application key as one segment; a leading dot too, so that no segment is `.`, `..` or a hidden file.
fn percent(key: &[u8]) -> String {
    match key.strip_prefix(b".") {
        Some(rest) => format!("%2E{}", percent_encode(rest, NOT_PLAIN)),
        None => percent_encode(key, NOT_PLAIN).to_string(),
    }
}

fn fault(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~%/".contains(c);
    if text.len() > NAME_BYTES_MAX {
        Some(format!(
            "is {} bytes long, at most {NAME_BYTES_MAX} are allowed",
            text.len()
        ))
    } else if let Some(odd) = text.chars().find(|&c| !is_plain(c)) {
        Some(format!("contains {odd:?}, allowed are A-Z a-z 0-9 - . _ ~ % and /"))
    } else if text.split('/').any(str::is_empty) {
        Some("has an empty segment".to_owned())
    } else if text.split('/').any(|segment| segment.starts_with('.')) {
        Some("has a segment that begins with a dot, write %2E for it".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_key_is_target_hex_and_percent() {
        let name = ObjectName::of_key("profiles", &[0x00, 0xfe], "a/b é".as_bytes()).unwrap();
        assert_eq!(name.as_str(), "profiles/00fe/a%2Fb%20%C3%A9");
    }

    #[test]
    fn an_application_key_is_decoded_from_its_name() {
        for key in [
            &b"."[..],
            b"..",
            b".hidden",
            b"%2E",
            b"a/b",
            &[0, 255, 128],
            "é".as_bytes(),
        ] {
            let name = ObjectName::of_key("t", &[1], key).unwrap();
            assert_eq!(name.application_key().as_deref(), Some(key), "{name}");
        }
    }

    #[test]
    fn names_that_would_escape_the_store_are_rejected() {
        for text in ["", "/a", "a/", "a//b", ".", "../a", "a/..", "a/.b", "a b", "é", "a\0"] {
            assert!(ObjectName::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_rejected_name_states_what_is_allowed() {
        let error = ObjectName::of_key("t", &[0; 512], b"key").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("is 1030 bytes long, at most 896 are allowed"),
            "{error}"
        );
    }
}
