//! Durable steps: a workflow per key that continues after any crash and makes each call take effect exactly once.
//!
//! The [`StepProgress`] is part of the key's value, so it is durable and written only by the key's owner. Each step is a call to an
//! outside service with an idempotency key:
//!
//! ```text
//!                  +---------------------------------------------------------+
//!                  v                                                         |
//! read progress --> next action --> call the service (key/step) --> record the outcome, if the call is still due
//!                     |      |
//!                     |      +--> not due yet: wait
//!                     +--> none: the workflow has ended
//! ```
//!
//! After a crash before the outcome is recorded, the next owner repeats the call with the same idempotency key, which has no second
//! effect. For a short time two pods may both consider themselves the owner: they make the same calls, and only one of the recorded
//! outcomes counts.
//!
//! Requirements for the outside services:
//! 1. Calls with the same idempotency key take effect once, and all get the reply of the first that did.
//! 2. A rejection is permanent: the same call never takes effect later.
//! 3. The undo of a call that never arrived succeeds, and that call never takes effect later.
//!
//! A [`StepScheduler`] runs all unfinished keys of a pod; it finds those of earlier owners by their [`OpenKeys`] markers.

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
