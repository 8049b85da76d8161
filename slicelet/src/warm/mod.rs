//! The warm store: decoded values in memory, bounded in bytes, each loaded once and written through.
//!
//! ```text
//! get    --warm--> Arc<V>                              no waiting, no lock shared by all keys
//!        --cold--> disk, else one read for all         caches the value, or its absence for 1 s; errors are not cached
//! update --change--> conditional put --> memory, disk  durable first, then visible
//! ```
//!
//! The entry of a key changes only under the lock of that key, so that loads and writes never overtake each other. Every
//! read checks the entry against the [`OwnershipFence`] of its request: an entry left over from a lost slice is never
//! returned while stale, even before it is cleared.

mod decoder;
mod disk;
mod entry;
mod freshness;
mod get_error;
mod hashed_key;
mod hot_value;
mod key_locks;
mod load;
mod load_trace;
mod offer;
mod sizes_by_heat;
mod store;
mod stored_object;
mod transferred_value;
mod warm_by_range;
mod write;
mod write_error;

pub use disk::DiskError;
pub(crate) use disk::{DiskSettings, DiskTier};
pub use freshness::Freshness;
pub(crate) use freshness::{OwnershipFence, VersionCheck};
pub use get_error::GetError;
pub(crate) use hashed_key::HashedKey;
pub use hot_value::HotValue;
pub(crate) use offer::{EncodedValue, Offer, fingerprint};
pub(crate) use sizes_by_heat::SizesByHeat;
pub(crate) use store::{LoadRequest, WarmParts, WarmSettings, WarmStore};
pub(crate) use transferred_value::{Inventory, TransferredValue};
pub(crate) use warm_by_range::WarmByRange;
pub(crate) use write::{ValueChange, WriteOptions};
pub use write_error::WriteError;
