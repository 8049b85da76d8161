//! The hands of `emberkeep_core::slicelet::Session`: its actions are performed here.
//!
//! ```text
//! drain, SIGTERM --------+                                +--> ConnectionTask: one connection to an assigner
//! connection's events ---+--> events --> drive(Session) --+--> PublishedState: the assignment in effect
//! peers' assignments ----+                                +--> WarmStore: drops the values of lost slices
//! warmth of the pulls ---+                                +--> RunningPulls: prepare slices to be owned
//!                                                         +--> StoreAccess: the granted rate
//! ```

mod connection_task;
mod hands;
mod parts;
mod peers;
mod running_pulls;
mod weighing;

use emberkeep_core::slicelet::{Reconnect, Session, SessionEvent};
use emberkeep_runtime::driver::drive;
use tokio::sync::mpsc;

use crate::codec::Codec;
use hands::SessionHands;
pub(crate) use parts::SessionParts;

/// Bound of the queue of events for the brain. When it is full, the connection is not read, and flow control slows the assigner.
const EVENTS_MAX: usize = 64;

/// Starts the session; it ends with the tasks.
pub(crate) fn start<C: Codec>(parts: SessionParts<C>) {
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let (tasks, clock, drain) = (parts.tasks.clone(), parts.clock, parts.drain.clone());
    let brain = Session::new(&parts.pod, reconnect(&parts), parts.clock.now());
    if !parts.peers.is_empty() {
        let (target, name) = (parts.target.clone(), parts.pod.name.to_string());
        let (peers, left) = (parts.peers.clone(), parts.peers_left.clone());
        tasks.spawn_supervised("peers", peers::watch(target, name, peers, sender.clone(), left));
    }
    let hands = SessionHands::new(parts, sender.clone());
    tasks.spawn_supervised("session", drive(brain, hands, events, clock, tasks.stop().clone()));
    let stop = tasks.stop().clone();
    tasks.spawn_supervised("drain", async move {
        if stop.run_until_cancelled(drain.cancelled()).await.is_some() {
            // The receiver is gone only after the session has ended, when there is nothing left to drain.
            let _ = sender.send(SessionEvent::DrainRequested).await;
        }
    });
}

/// The incarnation is random; its low half seeds the brain.
fn reconnect<C: Codec>(parts: &SessionParts<C>) -> Reconnect {
    Reconnect::new(parts.assigners.clone(), parts.pod.incarnation.0 as u64)
}
