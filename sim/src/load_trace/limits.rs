//! The bounds of a load trace.

/// The longest line that is read, in bytes; the loads of several million keys fit on it. A longer line is rejected before it fills
/// the memory.
pub const LINE_BYTES_MAX: usize = 256 << 20;
