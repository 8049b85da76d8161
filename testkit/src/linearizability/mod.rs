//! Whether a history of concurrent operations can be explained by some order in which they ran one after the other.
//!
//! Each operation must take effect at one moment between its call and its answer (Herlihy and Wing: "Linearizability",
//! 1990). One whose answer nobody heard may take effect at any moment after its call, or never.
//!
//! ```
//! use emberkeep_testkit::linearizability::{Appends, Told};
//!
//! let list = Appends::default();
//! let (first, second) = (list.called("a"), list.called("b"));
//! list.ended(second, Told::List(vec!["b"]));
//! list.ended(first, Told::Nothing);
//! // What the list held in the end says that "a" was appended after all, although nobody was told.
//! list.check(&["b", "a"]).unwrap();
//! list.check(&["a", "b"]).unwrap_err();
//! ```

mod appends;
mod checker;

pub use self::appends::{Appends, Call, Told};
pub use self::checker::{Model, Operation, Violation, check};
