//! The parts of the session, shared by its hands.

use std::sync::Arc;

use emberkeep_core::pod::Pod;
use emberkeep_core::target::TargetName;
use emberkeep_runtime::clock::Clock;
use emberkeep_runtime::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use crate::codec::Codec;
use crate::metrics::Metrics;
use crate::published_state::PublishedState;
use crate::store_access::StoreAccess;
use crate::warm::WarmStore;

/// The components and identity of one session.
pub(crate) struct SessionParts<C: Codec> {
    pub(crate) target: TargetName,
    pub(crate) pod: Pod,
    pub(crate) assigners: Vec<Arc<str>>,
    /// URLs of other pods.
    pub(crate) peers: Vec<String>,
    /// Cancelled once the peers are no longer watched; a child of the tasks' stop token.
    pub(crate) peers_left: CancellationToken,
    pub(crate) published: Arc<PublishedState>,
    pub(crate) warm: Arc<WarmStore<C>>,
    pub(crate) store_access: StoreAccess,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    /// Cancelled to request a drain.
    pub(crate) drain: CancellationToken,
    /// Cancelled when the pod may stop.
    pub(crate) drained: CancellationToken,
}
