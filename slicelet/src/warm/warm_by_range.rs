//! The size of the warm store by range of the ownership.

/// Warm values of each range, indexed by the range's number in the ownership.
#[derive(Debug)]
pub(crate) struct WarmByRange {
    /// Memory used, in bytes.
    pub(crate) sizes: Vec<u64>,
    pub(crate) key_counts: Vec<u64>,
}
