//! The warm store: decoded values in memory, bounded in bytes, each loaded once.
//!
//! ```text
//! get --warm--> Arc<V>                       no waiting, no lock shared by all keys
//!     --cold--> one read for all who ask --> the value, its absence (for a second), or an error (for nobody else)
//! ```
//!
//! A value counts only while the pod has held its key without interruption since it was loaded. So what is left
//! behind by slices that went away is never answered, even before it is cleared.

mod entry;
mod get_error;
mod key;
mod store;

pub use get_error::GetError;
pub(crate) use key::HashedKey;
pub(crate) use store::{Hold, LoadSettings, WarmStore};
