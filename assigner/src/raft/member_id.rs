//! The number of a member.

/// Identifies a member. Unique in its cluster and permanently bound to one data folder.
pub type MemberId = u64;
