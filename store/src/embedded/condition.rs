//! Conversion of conditional headers and tags between the S3 protocol and the store.

use s3s::dto::{ETag as S3Tag, ETagCondition, Metadata};
use s3s::{S3Result, s3_error};

use crate::s3::WRITE_ID;
use crate::{ETag, Expect};

/// The condition of a write. As in AWS: `If-Match` with a tag, or `If-None-Match: *`.
pub(super) fn expectation(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> S3Result<Expect> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Expect::Anything),
        (None, Some(ETagCondition::Any)) => Ok(Expect::Absent),
        (Some(ETagCondition::ETag(tag)), None) => Ok(Expect::Matches(from_wire(&tag))),
        _ => Err(s3_error!(
            NotImplemented,
            "a write takes If-Match with a tag, or If-None-Match with *"
        )),
    }
}

/// Whether the condition of a read matches this version.
pub(super) fn matches(condition: &ETagCondition, etag: &ETag) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => from_wire(tag) == *etag,
    }
}

pub(super) fn to_wire(etag: &ETag) -> S3Tag {
    S3Tag::Strong(etag.as_str().trim_matches('"').to_owned())
}

pub(super) fn from_wire(tag: &S3Tag) -> ETag {
    ETag::new(format!("\"{}\"", tag.value()))
}

/// The write id in the metadata of an object, see [`WRITE_ID`].
pub(super) fn write_id(metadata: Option<&Metadata>) -> Option<&str> {
    metadata?.get(WRITE_ID).map(String::as_str)
}

pub(super) fn metadata(write_id: String) -> Metadata {
    [(WRITE_ID.to_owned(), write_id)].into_iter().collect()
}
