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
