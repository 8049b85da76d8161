//! The runner: does what is next for a key, and notes what came of it, until there is nothing to do for now.

use std::time::Duration;

use emberkeep_slicelet::{Codec, GetError, Guard, Slicelet, WriteError};
use thiserror::Error;

use super::progress::{CallKind, NextAction, StepCall, StepProgress};
use super::step_error::StepError;
use super::unix_time::UnixTime;
use super::workflow::Workflow;

/// A value that says how far the work on its key has come.
pub trait Stepwise: Clone + Send + Sync + 'static {
    /// How far.
    fn progress(&self) -> &StepProgress;

    /// The same value, so much further.
    #[must_use]
    fn with_progress(self, progress: StepProgress) -> Self;
}

/// Does the steps of keys that the pod owns.
#[derive(Debug)]
pub struct Runner<C: Codec> {
    slicelet: Slicelet<C>,
    workflow: Workflow<C::Value>,
    /// How long an outside service may take to answer; then the call has failed, for now.
    call_timeout: Duration,
}

/// How the work on a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// It is over.
    Over,
    /// There is nothing to do before then.
    Later(UnixTime),
    /// Another pod owns the key, and goes on with it.
    NotOurs,
    /// The key has no value.
    Missing,
}

/// Another pod has noted the same call: what it noted counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the call was not due any more")]
pub struct Superseded;

impl<C: Codec<Value: Stepwise>> Runner<C> {
    /// A runner of that workflow for the keys of that slicelet.
    pub const fn new(slicelet: Slicelet<C>, workflow: Workflow<C::Value>, call_timeout: Duration) -> Self {
        Self {
            slicelet,
            workflow,
            call_timeout,
        }
    }

    /// Does the steps of a key until the work is over, has to wait, or is another pod's. Whoever calls sees to it that it
    /// runs once at a time for a key.
    ///
    /// It may be dropped at any point, as by a crash.
    ///
    /// # Errors
    /// When the value cannot be read or written: try again later.
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
            let calling = self.workflow.make(&call, key, value);
            let outcome = tokio::time::timeout(self.call_timeout, calling).await;
            let outcome = outcome.unwrap_or_else(|_| Err(self.too_slow()));
            if let Err(failure) = &outcome {
                say(key, &call, failure);
            }
            match self.note(&guard, &call, &outcome).await {
                Ok(()) | Err(WriteError::Refused(Superseded)) => {}
                Err(WriteError::NotOwner(_)) => return Ok(Advance::NotOurs),
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes down what came of a call; fails if the pod has lost the key since the guard was made.
    async fn note(
        &self,
        guard: &Guard<'_, C>,
        call: &StepCall,
        outcome: &Result<String, StepError>,
    ) -> Result<(), WriteError<Superseded>> {
        let now = UnixTime::now();
        let noted = guard.update(|present| {
            let present = present.ok_or(Superseded)?;
            let progress = present.progress().noting(self.workflow.plan(), call, outcome, now);
            Ok(present.clone().with_progress(progress.ok_or(Superseded)?))
        });
        noted.await.map(drop)
    }

    fn too_slow(&self) -> StepError {
        StepError::Transient(format!("no answer within {:?}", self.call_timeout))
    }
}

/// A step that fails is the workflow's daily business. An undo that fails goes on failing until somebody sees to it.
fn say(key: &str, call: &StepCall, failure: &StepError) {
    let StepCall {
        step, failure_count, ..
    } = call;
    match call.kind {
        CallKind::Do => tracing::info!(key, step, failure_count, %failure, "a step has failed"),
        CallKind::Undo => {
            tracing::warn!(key, step, failure_count, %failure, "a step could not be undone, trying again")
        }
    }
}
