//! The slicelet's brains: ownership, load, the session with the assigner, and admission to the object store.
//!
//! ```text
//! Update --Session--> Ownership      the slices this pod may answer for, and since when
//! counts --Metering--> LoadReport    a decayed rate for each slice, and the hottest keys
//! Requested --Admission--> Admit     which requests to the object store may be made now
//! request --Answered--> its answer   a repeated request has its effect once
//! ```

pub mod admission;
mod answered;
mod arrivals;
mod concurrency_limit;
mod decayed_rate;
#[cfg(test)]
mod fixtures;
mod hot_keys;
mod hottest;
mod jitter;
mod load_meter;
mod metered_rate;
mod metering;
mod ownership;
mod pulls;
mod reconnect;
mod service_time;
mod session;
mod split_hints;
mod step_watch;
mod ticket;
mod token_bucket;
mod waiting_line;

pub use answered::{Answered, AnsweredLimits};
pub use decayed_rate::DecayedRate;
pub use hottest::{HotKey, Hottest};
pub use load_meter::LoadMeter;
pub use metered_rate::SLOW_HALF_LIFE;
pub use metering::{Collection, Metering, RangeCounts, SAMPLED_ONE_IN, SKETCH_CAPACITY, SKETCH_COUNT};
pub use ownership::{Identity, Ownership, Share};
pub use reconnect::{Reconnect, WELCOME_TIMEOUT};
pub use session::{Session, SessionAction, SessionEvent};
