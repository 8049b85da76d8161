//! The workflow: what each step does, and how it is undone.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::plan::{Retries, StepPlan};
use super::progress::{CallKind, StepCall};
use super::step_error::StepError;

/// Steps in the order in which they are done, for values of type `V`.
pub struct Workflow<V> {
    steps: Vec<WorkflowStep<V>>,
    plan: StepPlan,
}

/// One step: a name, an action, and how it is undone, if it can be.
///
/// Both are given the value as it is then and the idempotency key of the call: `{key}/{step}` for the action,
/// `{key}/{step}/undo` for its undo.
pub struct WorkflowStep<V> {
    name: String,
    action: Action<V>,
    undo: Option<Action<V>>,
}

type Action<V> = Box<dyn Fn(Arc<V>, String) -> BoxFuture<'static, Result<String, StepError>> + Send + Sync>;

impl<V> WorkflowStep<V> {
    /// A step that cannot be undone: if a later one fails, its effect stays; and if it fails for good itself, it may have
    /// its effect all the same.
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

    /// The same with a way to undo it. An undo is tried until it succeeds, and it has to succeed for an action that never
    /// came, too.
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
    /// No steps yet.
    #[must_use]
    pub const fn new(retries: Retries) -> Self {
        Self {
            steps: Vec::new(),
            plan: StepPlan::new(retries),
        }
    }

    /// The same with one more step at the end.
    #[must_use]
    pub fn then(mut self, step: WorkflowStep<V>) -> Self {
        self.plan = self.plan.then(&step.name, step.undo.is_some());
        self.steps.push(step);
        self
    }

    /// The steps without what they do.
    #[must_use]
    pub const fn plan(&self) -> &StepPlan {
        &self.plan
    }

    /// Makes a call for the key that has that value.
    pub(super) async fn make(&self, call: &StepCall, key: &str, value: Arc<V>) -> Result<String, StepError> {
        let step = self.steps.iter().find(|step| step.name == call.step);
        let action = step.and_then(|step| match call.kind {
            CallKind::Do => Some(&step.action),
            CallKind::Undo => step.undo.as_ref(),
        });
        match action {
            Some(action) => action(value, call.idempotency_key(key)).await,
            None => Err(StepError::Transient(format!(
                "this program knows no way to {:?} step {}",
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
