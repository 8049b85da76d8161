//! The workflow: the actions and undos of the steps.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::plan::{Retries, StepPlan};
use super::progress::{CallKind, StepCall};
use super::step_error::StepError;

/// The steps in order of execution, for values of type `V`.
pub struct Workflow<V> {
    steps: Vec<WorkflowStep<V>>,
    plan: StepPlan,
}

/// One step: a name, an action and an optional undo.
///
/// Both receive the current value and the idempotency key of the call: `{key}/{step}` for the action, `{key}/{step}/undo` for the
/// undo.
pub struct WorkflowStep<V> {
    name: String,
    action: Action<V>,
    undo: Option<Action<V>>,
}

type Action<V> = Box<dyn Fn(Arc<V>, String) -> BoxFuture<'static, Result<String, StepError>> + Send + Sync>;

impl<V> WorkflowStep<V> {
    /// A step without an undo. Its effect remains if a later step fails; if the step itself fails permanently, it may have taken
    /// effect nevertheless.
    pub fn new<F>(name: impl Into<String>, action: impl Fn(Arc<V>, String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, StepError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            action: Box::new(move |value, key| action(value, key).boxed()),
            undo: None,
        }
    }

    /// Adds an undo. It is retried until it succeeds, and must succeed for an action that never arrived as well.
    #[must_use]
    pub fn undone_by<F>(mut self, undo: impl Fn(Arc<V>, String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, StepError>> + Send + 'static,
    {
        self.undo = Some(Box::new(move |value, key| undo(value, key).boxed()));
        self
    }
}

impl<V> Workflow<V> {
    /// A workflow without steps.
    #[must_use]
    pub const fn new(retries: Retries) -> Self {
        Self {
            steps: Vec::new(),
            plan: StepPlan::new(retries),
        }
    }

    /// Appends a step; names must be unique.
    #[must_use]
    pub fn then(mut self, step: WorkflowStep<V>) -> Self {
        self.plan = self.plan.then(&step.name, step.undo.is_some());
        self.steps.push(step);
        self
    }

    /// The steps without their actions.
    #[must_use]
    pub const fn plan(&self) -> &StepPlan {
        &self.plan
    }

    /// Makes a call for a key with its current value.
    pub(super) async fn call(&self, call: &StepCall, key: &str, value: Arc<V>) -> Result<String, StepError> {
        let step = self.steps.iter().find(|step| step.name == call.step);
        let action = step.and_then(|step| match call.kind {
            CallKind::Do => Some(&step.action),
            CallKind::Undo => step.undo.as_ref(),
        });
        match action {
            Some(action) => action(value, call.idempotency_key(key)).await,
            None => Err(StepError::Transient(format!(
                "this version cannot {:?} step {}",
                call.kind, call.step
            ))),
        }
    }
}

impl<V> fmt::Debug for Workflow<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workflow")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for WorkflowStep<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkflowStep")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
