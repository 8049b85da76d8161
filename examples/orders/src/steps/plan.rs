//! The plan: which steps there are, and how often they are tried.

use std::time::Duration;

/// The steps of a workflow without what they do: all that is needed to know what is next.
#[derive(Debug, Clone, Default)]
pub struct StepPlan {
    /// In the order in which they are done.
    steps: Vec<PlannedStep>,
    retries: Retries,
}

#[derive(Debug, Clone)]
struct PlannedStep {
    name: String,
    may_be_undone: bool,
}

impl StepPlan {
    /// No steps yet.
    #[must_use]
    pub const fn new(retries: Retries) -> Self {
        Self {
            steps: Vec::new(),
            retries,
        }
    }

    /// The same with one more step at the end. Names are kept in objects, so a step keeps its name for as long as work on
    /// it may be unfinished; each is used once.
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

/// How long to wait after each failure of a step that may pass: 1, 5 and 25 s without other wishes. After one failure
/// more than there are delays, the step has failed for good, and what was done is undone.
///
/// An undo has no such end: it is tried for ever, with the last delay.
///
/// The delays are not scattered: what keeps a service that comes back from being overrun is how few keys a
/// [`StepScheduler`](super::StepScheduler) works on at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// After the first failure, the second, and so on.
    pub delays: Vec<Duration>,
}

/// How long an undo waits where there are no delays at all.
const UNDO_DELAY: Duration = Duration::from_secs(1);

impl Default for Retries {
    fn default() -> Self {
        Self {
            delays: [1, 5, 25].map(Duration::from_secs).into(),
        }
    }
}

impl Retries {
    /// How long to wait after that many failures of a step in a row; `None` once it has failed for good.
    pub(super) fn delay_after(&self, failure_count: u32) -> Option<Duration> {
        let index = usize::try_from(failure_count).ok()?.checked_sub(1)?;
        self.delays.get(index).copied()
    }

    /// The same for an undo, which is never given up.
    pub(super) fn undo_delay_after(&self, failure_count: u32) -> Duration {
        let last = self.delays.last().copied().unwrap_or(UNDO_DELAY);
        self.delay_after(failure_count).unwrap_or(last)
    }
}
