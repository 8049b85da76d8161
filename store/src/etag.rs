//! The version tag of an object's content.

use std::fmt;
use std::sync::Arc;

/// Identifies one version of an object's content: equal tags mean equal bytes.
///
/// Kept byte for byte as the store sent it, quotes included, because S3 compares it so in `If-Match`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(Arc<str>);

impl ETag {
    /// A tag from the header of a reply.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The tag for a conditional header, quotes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
