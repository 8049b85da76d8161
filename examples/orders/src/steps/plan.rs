//! The plan: the steps of a workflow and their retries.

use std::time::Duration;

/// The steps of a workflow without their actions, as needed to compute the next action.
#[derive(Debug, Clone, Default)]
pub struct StepPlan {
    /// In order of execution.
    steps: Vec<PlannedStep>,
    retries: Retries,
}

#[derive(Debug, Clone)]
struct PlannedStep {
    name: String,
    may_be_undone: bool,
}

impl StepPlan {
    /// A plan without steps.
    #[must_use]
    pub const fn new(retries: Retries) -> Self {
        Self {
            steps: Vec::new(),
            retries,
        }
    }

    /// Appends a step. Names must be unique. They are stored in objects, so a step must keep its name as long as there may be
    /// unfinished workflows with it.
    #[must_use]
    pub fn then(mut self, name: impl Into<String>, may_be_undone: bool) -> Self {
        self.steps.push(PlannedStep {
            name: name.into(),
            may_be_undone,
        });
        self
    }

    /// The names of the steps, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    pub(super) fn may_be_undone(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name == name && step.may_be_undone)
    }

    pub(super) const fn retries(&self) -> &Retries {
        &self.retries
    }
}

/// The delays between attempts of a step after transient failures; 1, 5 and 25 s by default. When the attempt after the last delay
/// fails too, the step has failed permanently and the workflow is undone.
///
/// An undo is retried without end, with the last delay.
///
/// The delays have no jitter: a recovering service is protected by the bound on the keys that a
/// [`StepScheduler`](super::StepScheduler) processes concurrently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// The delay after the first failure, after the second, and so on.
    pub delays: Vec<Duration>,
}

/// The delay of an undo if `delays` is empty.
const UNDO_DELAY: Duration = Duration::from_secs(1);

impl Default for Retries {
    fn default() -> Self {
        Self {
            delays: [1, 5, 25].map(Duration::from_secs).into(),
        }
    }
}

impl Retries {
    /// The delay after that many consecutive failures of a step; `None` once it has failed permanently.
    pub(super) fn delay_after(&self, failure_count: u32) -> Option<Duration> {
        let index = usize::try_from(failure_count).ok()?.checked_sub(1)?;
        self.delays.get(index).copied()
    }

    /// The delay after that many consecutive failures of an undo, which is retried without end.
    pub(super) fn undo_delay_after(&self, failure_count: u32) -> Duration {
        let last = self.delays.last().copied().unwrap_or(UNDO_DELAY);
        self.delay_after(failure_count).unwrap_or(last)
    }
}
