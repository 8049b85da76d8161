//! The bucket of all tests.

pub(crate) const BUCKET: &str = "state";
