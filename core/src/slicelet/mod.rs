//! The slicelet's brain: what a pod owns, how much load it measures, how it keeps its session, what it asks of its
//! store.
//!
//! ```text
//! Update --Session--> Ownership      what this pod may answer, and since when
//! counts --LoadMeter--> LoadReport   a decayed rate for each slice, and the hottest keys
//! Asked --Admission--> Admit         which requests of the object store may be made now
//! request --Answered--> its answer   once, however often it is repeated
//! ```

pub mod admission;
mod answered;
mod arrivals;
mod chance;
mod concurrency_limit;
mod cuts;
mod decayed_rate;
mod hot_keys;
mod hottest;
mod load_meter;
mod metered_rate;
mod metering;
mod ownership;
mod pulls;
mod reconnect;
mod service_time;
mod session;
mod step_watch;
mod ticket;
mod token_bucket;
mod waiting_line;

pub use answered::{Answered, AnsweredLimits};
pub use decayed_rate::DecayedRate;
pub use hottest::{HotKey, Hottest};
pub use load_meter::LoadMeter;
pub use metering::{Collection, Metering, RangeCounts, SAMPLED_ONE_IN, SKETCH_CAPACITY, SKETCH_COUNT};
pub use ownership::{Identity, Ownership, Share};
pub use reconnect::Reconnect;
pub use session::{Session, SessionAction, SessionEvent};
