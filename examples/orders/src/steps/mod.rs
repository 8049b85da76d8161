//! Durable steps: work on a key that goes on after any crash, and has each of its effects once.
//!
//! How far the work has come, its [`StepProgress`], is part of the key's value, so it is durable and written by the key's owner
//! alone. Each step is a call of an outside service, which is given an idempotency key:
//!
//! ```text
//!                  +--------------------------------------------------------+
//!                  v                                                        |
//! read progress --> what is next --> call the service (key/step) --> note what came of it, if it still was due
//!                     |      |
//!                     |      +--> not yet: wait
//!                     +--> nothing: the work is over
//! ```
//!
//! A crash before the note makes the next owner call again with the same idempotency key, which has no second effect. For a
//! short time two pods may both hold themselves for the owner: they make the same calls, and only one of their notes counts.
//!
//! What the outside services have to promise:
//! 1. Calls with the same idempotency key have one effect, and all get the answer of the first that had one.
//! 2. A refusal is final: the same call has no effect later.
//! 3. An undo of a call that never came succeeds, and that call has no effect later.
//!
//! [`StepScheduler`] sees to all unfinished keys of a pod, and finds those that other pods left behind by their [`OpenKeys`].

mod open_keys;
mod plan;
mod progress;
mod queue;
mod runner;
mod scheduler;
mod step_error;
mod unix_time;
mod workflow;

pub use open_keys::OpenKeys;
pub use plan::{Retries, StepPlan};
pub use progress::{CallKind, DoneStep, NextAction, StepCall, StepProgress, WorkStage};
pub use runner::{Advance, Runner, Stepwise, Superseded};
pub use scheduler::{StepScheduler, StepSchedulerHandle, StepSchedulerSettings};
pub use step_error::StepError;
pub use unix_time::UnixTime;
pub use workflow::{Workflow, WorkflowStep};
