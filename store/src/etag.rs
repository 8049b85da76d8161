//! The version of an object's content, as the store names it.

use std::fmt;
use std::sync::Arc;

/// Names one version of an object's content; two reads with equal tags saw equal bytes.
///
/// Kept as the store sent it, quotes included, because S3 wants it back the same way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(Arc<str>);

impl ETag {
    /// The tag as the store sent it.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The tag as the store sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
