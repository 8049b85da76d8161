//! The one loop that runs a brain: wait, read the clock, step, perform.

use std::collections::VecDeque;
use std::future::Future;

use emberkeep_core::brain::Brain;
use emberkeep_core::time::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// What carries out a brain's actions.
pub trait Hands<B: Brain>: Send {
    /// Carries out one action and answers with what came of it, if the brain is to know.
    ///
    /// The brain waits meanwhile, so this must be quick: what takes time is spawned, and comes back as an event
    /// through the channel that the driver reads.
    fn perform(&mut self, action: B::Action) -> impl Future<Output = Option<B::Event>> + Send;
}

/// Runs `brain` until `stop` is cancelled or all senders of `events` are gone.
///
/// The brain is woken once at the start, so that it can say when it wants to be woken next. Outcomes of actions come
/// before what waits in `events`, and a wake-up that is due comes before both kinds of waiting.
pub async fn drive<B, H>(
    mut brain: B,
    mut hands: H,
    mut events: mpsc::Receiver<B::Event>,
    clock: Clock,
    stop: CancellationToken,
) where
    B: Brain,
    H: Hands<B>,
{
    let mut outcomes = VecDeque::from([B::woke()]);
    let mut wake_at = Timestamp::NEVER;
    let mut now = Timestamp::ZERO;
    while !stop.is_cancelled() {
        let event = match outcomes.pop_front() {
            Some(outcome) => outcome,
            None => tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = clock.sleep_until(wake_at) => B::woke(),
                event = events.recv() => match event {
                    Some(event) => event,
                    None => return,
                },
            },
        };
        now = now.max(clock.now());
        let output = brain.step(event, now);
        wake_at = output.wake_at;
        for action in output.actions {
            outcomes.extend(hands.perform(action).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use emberkeep_core::brain::Output;

    use super::*;

    /// What a step was called with.
    type Seen = (Event, Timestamp);

    #[derive(Debug, Clone, PartialEq)]
    enum Event {
        Woke,
        Asked(u32),
        Answered(u32),
    }

    /// Asks for an answer to each question, and wants to be woken every second.
    struct Asker {
        seen: mpsc::UnboundedSender<Seen>,
    }

    impl Brain for Asker {
        type Event = Event;
        type Action = u32;

        fn step(&mut self, event: Event, now: Timestamp) -> Output<u32> {
            let actions = match event {
                Event::Asked(question) => vec![question, question + 1],
                Event::Woke | Event::Answered(_) => Vec::new(),
            };
            let _ = self.seen.send((event, now));
            Output {
                actions,
                wake_at: now + Duration::from_secs(1),
            }
        }

        fn woke() -> Event {
            Event::Woke
        }
    }

    struct Answers;

    impl Hands<Asker> for Answers {
        async fn perform(&mut self, question: u32) -> Option<Event> {
            Some(Event::Answered(question))
        }
    }

    struct Driven {
        events: mpsc::Sender<Event>,
        seen: mpsc::UnboundedReceiver<Seen>,
        stop: CancellationToken,
        driver: tokio::task::JoinHandle<()>,
    }

    fn driven(waiting: &[Event]) -> Driven {
        let (events, received) = mpsc::channel(8);
        let (seen_by, seen) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        for event in waiting {
            events.try_send(event.clone()).unwrap();
        }
        let brain = Asker { seen: seen_by };
        let driver = tokio::spawn(drive(brain, Answers, received, Clock::start(), stop.clone()));
        Driven {
            events,
            seen,
            stop,
            driver,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_brain_is_woken_at_the_start_and_whenever_it_wants() {
        let mut driven = driven(&[]);
        for second in 0..3 {
            let (event, now) = driven.seen.recv().await.unwrap();
            assert_eq!(event, Event::Woke);
            assert!(now >= Timestamp::from_millis(second * 1_000));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn outcomes_come_in_order_and_before_the_next_event() {
        let mut driven = driven(&[Event::Asked(1), Event::Asked(7)]);
        let mut events = Vec::new();
        for _ in 0..7 {
            events.push(driven.seen.recv().await.unwrap().0);
        }
        use Event::{Answered, Asked, Woke};
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
    async fn the_driver_ends_when_nobody_can_tell_it_anything() {
        let Driven { events, driver, .. } = driven(&[]);
        drop(events);
        driver.await.unwrap();
    }
}
