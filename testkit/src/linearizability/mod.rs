//! Checks that a history of concurrent operations is linearizable: that some sequential order explains it.
//!
//! Each operation takes effect at one moment between its call and its answer (Herlihy and Wing: "Linearizability", 1990).
//! An operation without an answer may take effect at any moment after its call, or never.
//!
//! ```
//! use emberkeep_testkit::linearizability::{AppendHistory, AppendOutcome};
//!
//! let list = AppendHistory::default();
//! let (first, second) = (list.on_call("a"), list.on_call("b"));
//! list.on_outcome(second, AppendOutcome::Appended(vec!["b"]));
//! list.on_outcome(first, AppendOutcome::Unknown);
//! // The final list shows that "a" was appended after all.
//! list.check(&["b", "a"]).unwrap();
//! list.check(&["a", "b"]).unwrap_err();
//! ```

mod append_history;
mod checker;

pub use self::append_history::{AppendHistory, AppendOutcome, PendingAppend};
pub use self::checker::{SequentialModel, TimedOperation, Violation, check};
