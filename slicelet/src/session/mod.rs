//! The session's hands: what `emberkeep_core::slicelet::Session` decides is carried out here.
//!
//! ```text
//! drain, SIGTERM --+                                +--> link: one stream to the assigner
//!                  +--> events --> drive(Session) --+--> Published: what requests go by
//! link's news -----+                                +--> WarmStore: forgets what is lost
//!                                                   +--> Pulls: get ready what is to be owned
//!                                                   +--> StoreAccess: learns what it is granted
//! ```

mod assigner_link;
mod hands;
mod peers;
mod running_pulls;
mod weighing;

use std::sync::Arc;

use emberkeep_core::pod::Pod;
use emberkeep_core::slicelet::{Reconnect, Session, SessionEvent};
use emberkeep_core::target::TargetName;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::driver::drive;
use emberkeep_runtime::tasks::Tasks;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::codec::Codec;
use crate::metrics::Metrics;
use crate::published_state::PublishedState;
use crate::store_access::StoreAccess;
use crate::warm::WarmStore;
use hands::SessionHands;

/// What the session works with.
pub(crate) struct SessionParts<C: Codec> {
    pub(crate) target: TargetName,
    pub(crate) pod: Pod,
    pub(crate) assigners: Vec<Arc<str>>,
    /// The URLs of other pods.
    pub(crate) peers: Vec<String>,
    /// Cancelled when they need not be listened to any more; ends with the tasks.
    pub(crate) peers_left: CancellationToken,
    pub(crate) published: Arc<PublishedState>,
    pub(crate) warm: Arc<WarmStore<C>>,
    pub(crate) store_access: StoreAccess,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    /// Cancelled when the pod is to drain.
    pub(crate) drain: CancellationToken,
    /// Cancelled when the pod may stop.
    pub(crate) drained: CancellationToken,
}

/// News that wait for the brain; a link that has more waits itself, and so does the assigner behind it.
const EVENTS_MAX: usize = 64;

/// Starts the session; it ends with the tasks.
pub(crate) fn start<C: Codec>(parts: SessionParts<C>) {
    let (news, events) = mpsc::channel(EVENTS_MAX);
    let (tasks, clock, drain) = (parts.tasks.clone(), parts.clock, parts.drain.clone());
    let brain = Session::new(&parts.pod, reconnect(&parts));
    if !parts.peers.is_empty() {
        let (target, name) = (parts.target.clone(), parts.pod.name.to_string());
        let (peers, left) = (parts.peers.clone(), parts.peers_left.clone());
        tasks.spawn_supervised("peers", peers::listen(target, name, peers, news.clone(), left));
    }
    let hands = SessionHands::new(parts, news.clone());
    tasks.spawn_supervised("session", drive(brain, hands, events, clock, tasks.stop().clone()));
    let stop = tasks.stop().clone();
    tasks.spawn_supervised("drain", async move {
        if stop.run_until_cancelled(drain.cancelled()).await.is_some() {
            // Nobody listens only if the session has ended, and then there is nothing to drain.
            let _ = news.send(SessionEvent::DrainRequested).await;
        }
    });
}

/// The incarnation is random already, so its low half is the chance that the brain is given.
fn reconnect<C: Codec>(parts: &SessionParts<C>) -> Reconnect {
    Reconnect::new(parts.assigners.clone(), parts.pod.incarnation.0 as u64)
}
