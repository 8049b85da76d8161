//! The one loop that runs a brain: wait, read the clock, step, perform.

use std::future::Future;

use emberkeep_core::brain::{Brain, Stepper};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// Performs the actions of a brain.
pub trait Hands<B: Brain>: Send {
    /// Performs one action; returns its outcome, if it has one, as an event.
    ///
    /// The brain is not stepped meanwhile, so this must be quick: work that takes time is spawned, and reports by an event
    /// on the channel that the driver reads.
    fn perform(&mut self, action: B::Action) -> impl Future<Output = Option<B::Event>> + Send;
}

/// Runs `brain` until `stop` is cancelled or all senders of `events` are dropped.
///
/// The brain is woken once at the start, which sets its first wake-up. Outcomes of actions are stepped first, then a
/// wake-up that is due, then the next of `events`.
pub async fn drive<B, H>(
    brain: B,
    mut hands: H,
    mut events: mpsc::Receiver<B::Event>,
    clock: Clock,
    stop: CancellationToken,
) where
    B: Brain,
    H: Hands<B>,
{
    let mut stepper = Stepper::new(brain);
    while !stop.is_cancelled() {
        let mut now = clock.now();
        let event = match stepper.next_event(now) {
            Some(event) => event,
            None => {
                let event = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = clock.sleep_until(stepper.wake_at()) => B::woke(),
                    event = events.recv() => match event {
                        Some(event) => event,
                        None => return,
                    },
                };
                now = clock.now();
                event
            }
        };
        for action in stepper.step(event, now) {
            stepper.on_performed(hands.perform(action).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use emberkeep_core::brain::Output;
    use emberkeep_core::time::Timestamp;

    use super::*;

    /// The arguments of a step.
    type QuizStep = (QuizEvent, Timestamp);

    #[derive(Debug, Clone, PartialEq)]
    enum QuizEvent {
        Woke,
        Asked(u32),
        Answered(u32),
    }

    /// Has each question and its successor answered, and wakes a second after each step.
    struct QuizBrain {
        steps: mpsc::UnboundedSender<QuizStep>,
    }

    impl Brain for QuizBrain {
        type Event = QuizEvent;
        type Action = u32;

        fn step(&mut self, event: QuizEvent, now: Timestamp) -> Output<u32> {
            let actions = match event {
                QuizEvent::Asked(question) => vec![question, question + 1],
                QuizEvent::Woke | QuizEvent::Answered(_) => Vec::new(),
            };
            let _ = self.steps.send((event, now));
            Output {
                actions,
                wake_at: now + Duration::from_secs(1),
            }
        }

        fn woke() -> QuizEvent {
            QuizEvent::Woke
        }
    }

    struct QuizHands;

    impl Hands<QuizBrain> for QuizHands {
        async fn perform(&mut self, question: u32) -> Option<QuizEvent> {
            Some(QuizEvent::Answered(question))
        }
    }

    struct Driven {
        events: mpsc::Sender<QuizEvent>,
        steps: mpsc::UnboundedReceiver<QuizStep>,
        stop: CancellationToken,
        driver: tokio::task::JoinHandle<()>,
    }

    fn driven(waiting: &[QuizEvent]) -> Driven {
        let (events, received) = mpsc::channel(8);
        let (steps_of, steps) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        for event in waiting {
            events.try_send(event.clone()).unwrap();
        }
        let brain = QuizBrain { steps: steps_of };
        let driver = tokio::spawn(drive(brain, QuizHands, received, Clock::start(), stop.clone()));
        Driven {
            events,
            steps,
            stop,
            driver,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_brain_is_woken_at_the_start_and_at_each_wake_up() {
        let mut driven = driven(&[]);
        for second in 0..3 {
            let (event, now) = driven.steps.recv().await.unwrap();
            assert_eq!(event, QuizEvent::Woke);
            assert!(now >= Timestamp::from_millis(second * 1_000));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn outcomes_are_stepped_in_order_and_before_the_next_event() {
        let mut driven = driven(&[QuizEvent::Asked(1), QuizEvent::Asked(7)]);
        let mut events = Vec::new();
        for _ in 0..7 {
            events.push(driven.steps.recv().await.unwrap().0);
        }
        use QuizEvent::{Answered, Asked, Woke};
        let expected = [
            Woke,
            Asked(1),
            Answered(1),
            Answered(2),
            Asked(7),
            Answered(7),
            Answered(8),
        ];
        assert_eq!(events, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn the_driver_ends_when_it_is_stopped() {
        let driven = driven(&[]);
        driven.stop.cancel();
        driven.driver.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_driver_ends_when_all_senders_are_dropped() {
        let Driven { events, driver, .. } = driven(&[]);
        drop(events);
        driver.await.unwrap();
    }
}
