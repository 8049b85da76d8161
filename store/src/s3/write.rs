//! One write: its condition, and the id that distinguishes it from all others.

use uuid::Uuid;

use super::attempts::AttemptTracker;
use crate::Expect;

/// The metadata key of the write id, by which a writer recognises its own write after a lost reply.
pub(crate) const WRITE_ID: &str = "emberkeep-write";

#[derive(Debug)]
pub(super) struct Write {
    pub(super) id: String,
    pub(super) attempts: AttemptTracker,
    expect: Expect,
}

impl Write {
    pub(super) fn new(expect: Expect) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            attempts: AttemptTracker::new(),
            expect,
        }
    }

    pub(super) fn if_none_match(&self) -> Option<String> {
        matches!(self.expect, Expect::Absent).then(|| "*".to_owned())
    }

    pub(super) fn if_match(&self) -> Option<String> {
        match &self.expect {
            Expect::Matches(etag) => Some(etag.to_string()),
            Expect::Anything | Expect::Absent => None,
        }
    }
}
