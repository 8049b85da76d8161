//! The contract of a brain: one door in, one value out.

use crate::time::Timestamp;

/// A passive state machine. All that changes it comes through [`Brain::step`]; all it wants is in the answer.
pub trait Brain {
    /// What happened, in the past tense.
    type Event;
    /// What is to be done, as a command.
    type Action;

    /// Takes in one event at `now` and answers with what is to be done. `now` never goes back.
    fn step(&mut self, event: Self::Event, now: Timestamp) -> Output<Self::Action>;

    /// The event that a driver hands in when `wake_at` has come.
    fn woke() -> Self::Event;
}

/// What a brain wants after a step.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output<A> {
    /// Commands, to be performed in order.
    pub actions: Vec<A>,
    /// When the brain wants to be woken if nothing happens before.
    pub wake_at: Timestamp,
}

impl<A> Output<A> {
    /// Nothing to do, and no wish to be woken.
    pub const fn idle() -> Self {
        Self {
            actions: Vec::new(),
            wake_at: Timestamp::NEVER,
        }
    }
}
