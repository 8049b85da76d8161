//! The key space: keys, and the slices that it is split into.
//!
//! ```text
//! application key --KeyMode--> SliceKey   ""  <= k < infinity, unsigned bytes
//!                              Slice      [start, end)
//!                              SliceMap   every key has exactly one value
//!                              Marks      some keys have a value
//!                              SliceIndex from a key to the number of its slice, fast
//! ```

mod marks;
mod slice;
mod slice_index;
mod slice_key;
mod slice_map;

pub use marks::Marks;
pub use slice::Slice;
pub use slice_index::SliceIndex;
pub use slice_key::{KeyTooLong, SliceKey};
pub use slice_map::{CoverError, SliceMap};
