//! The bounds of a request trace.

use emberkeep_core::keyspace::SliceKey;

/// The longest key, in bytes: as long as a slice key may be.
pub const KEY_BYTES_MAX: usize = SliceKey::LENGTH_MAX;

/// The longest line, in bytes: a row with the longest key and the largest numbers fits. A longer line is rejected before it fills
/// the memory.
pub const LINE_BYTES_MAX: usize = 1_024;
