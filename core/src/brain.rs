//! The contract of a brain, and the stepping rules that every driver shares.
//!
//! ```text
//! event, now --> Stepper --> Brain::step --> actions --> hands
//!                   ^                                      |
//!                   +--------- outcomes, in order ---------+
//! ```

use std::collections::VecDeque;

use crate::time::Timestamp;

/// A passive state machine: [`Brain::step`] is the only method that changes it, and its effects are the returned actions.
pub trait Brain {
    /// Something that happened; named in the past tense.
    type Event;
    /// A command to the driver.
    type Action;

    /// Applies one event at `now` and returns the actions it causes. `now` must not decrease from call to call.
    fn step(&mut self, event: Self::Event, now: Timestamp) -> Output<Self::Action>;

    /// The event that a driver passes in when `wake_at` is reached.
    fn woke() -> Self::Event;
}

/// The result of one step.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output<A> {
    /// Commands, to be performed in order.
    pub actions: Vec<A>,
    /// When the brain must be stepped again if no event arrives before.
    pub wake_at: Timestamp,
}

impl<A> Output<A> {
    /// The output of a step without actions that requests no wake-up.
    pub const fn idle() -> Self {
        Self {
            actions: Vec::new(),
            wake_at: Timestamp::NEVER,
        }
    }
}

/// A brain with what every driver of it needs: the queue of outcomes, a clock that never decreases, the next wake-up.
///
/// Performing an action may have an outcome, which is an event. Outcomes are stepped in order and before any event from
/// outside, so that a brain never receives a newer event between an action and its outcome. A new stepper is due to
/// wake at once: only a step sets the next wake-up of its brain.
#[derive(Debug)]
pub struct Stepper<B: Brain> {
    brain: B,
    outcomes: VecDeque<B::Event>,
    now: Timestamp,
    wake_at: Timestamp,
}

impl<B: Brain> Stepper<B> {
    /// A stepper of a brain that has not been stepped; it is due to wake at once.
    #[must_use]
    pub const fn new(brain: B) -> Self {
        Self {
            brain,
            outcomes: VecDeque::new(),
            now: Timestamp::ZERO,
            wake_at: Timestamp::ZERO,
        }
    }

    /// The brain, for reading its state.
    #[must_use]
    pub const fn brain(&self) -> &B {
        &self.brain
    }

    /// When the brain must be stepped again if no event arrives before.
    #[must_use]
    pub const fn wake_at(&self) -> Timestamp {
        self.wake_at
    }

    /// Steps the brain at the later of `now` and the time of the previous step: clock readings that decrease are ignored.
    #[must_use]
    pub fn step(&mut self, event: B::Event, now: Timestamp) -> Vec<B::Action> {
        self.now = self.now.max(now);
        let Output { actions, wake_at } = self.brain.step(event, self.now);
        self.wake_at = wake_at;
        actions
    }

    /// Appends the outcome of an action, if it has one.
    pub fn on_performed(&mut self, outcome: Option<B::Event>) {
        self.outcomes.extend(outcome);
    }

    /// The next event that needs no waiting: the oldest outcome, else a wake-up that is due at `now`.
    pub fn next_event(&mut self, now: Timestamp) -> Option<B::Event> {
        let outcome = self.outcomes.pop_front();
        outcome.or_else(|| (self.wake_at <= now).then(B::woke))
    }

    /// The oldest outcome that has not been stepped, for a driver that keeps its own timers.
    pub fn next_outcome(&mut self) -> Option<B::Event> {
        self.outcomes.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Records the event and time of each step. The outcome of a number is its successor; the wake-up is a second later.
    #[derive(Debug, Default)]
    struct Successor {
        steps: Vec<(Option<u32>, Timestamp)>,
    }

    impl Brain for Successor {
        type Event = Option<u32>;
        type Action = u32;

        fn step(&mut self, event: Option<u32>, now: Timestamp) -> Output<u32> {
            self.steps.push((event, now));
            Output {
                actions: event.map(|number| number + 1).into_iter().collect(),
                wake_at: now + Duration::from_secs(1),
            }
        }

        fn woke() -> Option<u32> {
            None
        }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn stepper() -> Stepper<Successor> {
        Stepper::new(Successor::default())
    }

    #[test]
    fn time_never_decreases() {
        let mut stepper = stepper();
        for millis in [5, 3, 7] {
            assert_eq!(stepper.step(Some(0), at(millis)), [1]);
        }
        let times: Vec<_> = stepper.brain().steps.iter().map(|(_, now)| *now).collect();
        assert_eq!(times, [at(5), at(5), at(7)]);
        assert_eq!(stepper.wake_at(), at(1_007));
    }

    #[test]
    fn outcomes_come_in_order_and_before_a_wake_up_that_is_due() {
        let mut stepper = stepper();
        let _ = stepper.step(Some(0), at(0));
        for outcome in [Some(Some(7)), None, Some(Some(8))] {
            stepper.on_performed(outcome);
        }
        assert_eq!(stepper.next_event(at(1_000)), Some(Some(7)));
        assert_eq!(stepper.next_outcome(), Some(Some(8)));
        assert_eq!(stepper.next_outcome(), None);
        assert_eq!(stepper.next_event(at(1_000)), Some(None), "the wake-up");
    }

    #[test]
    fn a_wake_up_is_due_at_the_start_and_whenever_its_time_is_reached() {
        let mut stepper = stepper();
        assert_eq!(stepper.next_event(at(0)), Some(None));
        let _ = stepper.step(None, at(0));
        assert_eq!(stepper.next_event(at(999)), None);
        assert_eq!(stepper.next_event(at(1_000)), Some(None));
        let _ = stepper.step(Some(1), at(900));
        assert_eq!(stepper.next_event(at(1_000)), None, "the step at 900 ms postponed it");
    }
}
