//! The runner: executes the next action of a key and records its outcome, until no action is due.

use std::time::Duration;

use emberkeep_slicelet::{Codec, GetError, Guard, Slicelet, WriteError};
use thiserror::Error;

use super::progress::{CallKind, NextAction, StepCall, StepProgress};
use super::step_error::StepError;
use super::unix_time::UnixTime;
use super::workflow::Workflow;

/// A value that contains the progress of its workflow.
pub trait Stepwise: Clone + Send + Sync + 'static {
    /// The progress in the value.
    fn progress(&self) -> &StepProgress;

    /// The value with a new progress.
    #[must_use]
    fn with_progress(self, progress: StepProgress) -> Self;
}

/// Executes the steps of keys that the pod owns.
#[derive(Debug)]
pub struct Runner<C: Codec> {
    slicelet: Slicelet<C>,
    workflow: Workflow<C::Value>,
    /// The deadline of a call to an outside service; exceeding it is a transient failure.
    call_timeout: Duration,
}

/// The outcome of [`Runner::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// The workflow has ended.
    Over,
    /// No call is due before this time.
    Later(UnixTime),
    /// Another pod owns the key and continues.
    NotOurs,
    /// The key has no value.
    Missing,
}

/// Another pod has recorded the outcome of the same call, and that outcome counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the call is no longer due")]
pub struct Superseded;

impl<C: Codec<Value: Stepwise>> Runner<C> {
    /// A runner of `workflow` for the keys of `slicelet`.
    pub const fn new(slicelet: Slicelet<C>, workflow: Workflow<C::Value>, call_timeout: Duration) -> Self {
        Self {
            slicelet,
            workflow,
            call_timeout,
        }
    }

    /// Executes the steps of a key until the workflow ends, has to wait, or belongs to another pod. The caller must not run it
    /// concurrently for the same key.
    ///
    /// Cancel safe: dropping it at any point is like a crash.
    ///
    /// # Errors
    /// When the value cannot be read or written: retry later.
    pub async fn advance(&self, key: &str) -> Result<Advance, WriteError<Superseded>> {
        loop {
            let Ok(guard) = self.slicelet.own(key) else {
                return Ok(Advance::NotOurs);
            };
            let value = match guard.get().await {
                Ok(value) => value,
                Err(GetError::NotFound) => return Ok(Advance::Missing),
                Err(error) => return Err(error.into()),
            };
            let call = match value.progress().next(self.workflow.plan(), UnixTime::now()) {
                NextAction::Call(call) => call,
                NextAction::WaitUntil(due_at) => return Ok(Advance::Later(due_at)),
                NextAction::Over => return Ok(Advance::Over),
            };
            let reply = self.workflow.call(&call, key, value);
            let outcome = tokio::time::timeout(self.call_timeout, reply).await;
            let outcome = outcome.unwrap_or_else(|_| Err(self.timed_out()));
            if let Err(failure) = &outcome {
                log_failure(key, &call, failure);
            }
            match self.record(&guard, &call, &outcome).await {
                Ok(()) | Err(WriteError::Refused(Superseded)) => {}
                Err(WriteError::NotOwner(_)) => return Ok(Advance::NotOurs),
                Err(error) => return Err(error),
            }
        }
    }

    /// Records the outcome of a call; fails if the pod has lost the key since the guard was created.
    async fn record(
        &self,
        guard: &Guard<'_, C>,
        call: &StepCall,
        outcome: &Result<String, StepError>,
    ) -> Result<(), WriteError<Superseded>> {
        let now = UnixTime::now();
        let recorded = guard.update(|present| {
            let present = present.ok_or(Superseded)?;
            let progress = present
                .progress()
                .with_outcome(self.workflow.plan(), call, outcome, now);
            Ok(present.clone().with_progress(progress.ok_or(Superseded)?))
        });
        recorded.await.map(drop)
    }

    fn timed_out(&self) -> StepError {
        StepError::Transient(format!("no reply within {:?}", self.call_timeout))
    }
}

/// A failed step is handled by the workflow; a failed undo may need an operator, so it is a warning.
fn log_failure(key: &str, call: &StepCall, failure: &StepError) {
    let StepCall {
        step, failure_count, ..
    } = call;
    match call.kind {
        CallKind::Do => tracing::info!(key, step, failure_count, %failure, "step failed"),
        CallKind::Undo => {
            tracing::warn!(key, step, failure_count, %failure, "undo of a step failed, retrying")
        }
    }
}
