//! A peer: one pod with the channel to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use emberkeep_core::clerk::Rank;
use emberkeep_core::pod::{Pod, PodAddress};
use emberkeep_runtime::call_failure::CallFailure;
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};

use crate::attempt_outcome::AttemptOutcome;
use crate::outgoing_request::OutgoingRequest;

/// One incarnation of a pod, with the one channel to it.
#[derive(Debug)]
pub(crate) struct Peer {
    address: PodAddress,
    /// `None` for a seed, of which only the address is known.
    pod: Option<Arc<Pod>>,
    rank: Rank,
    channel: Result<Channel, BadAddress>,
    in_flight: AtomicU64,
    /// Cancelled when the assignment no longer names the pod.
    removed: CancellationToken,
}

impl Peer {
    /// A pod of an assignment, or named by another pod. `zone` is the caller's.
    pub(crate) fn of_pod(pod: Pod, zone: Option<&str>, settings: &ChannelSettings) -> Self {
        let is_near = zone.is_some_and(|zone| *zone == *pod.zone);
        Self {
            address: pod.address.clone(),
            rank: if is_near { Rank::Near } else { Rank::Far },
            channel: channel_to(pod.address.as_str(), settings),
            pod: Some(Arc::new(pod)),
            in_flight: AtomicU64::new(0),
            removed: CancellationToken::new(),
        }
    }

    /// A configured seed pod.
    pub(crate) fn of_seed(address: PodAddress, settings: &ChannelSettings) -> Self {
        Self {
            channel: channel_to(address.as_str(), settings),
            address,
            pod: None,
            rank: Rank::Far,
            in_flight: AtomicU64::new(0),
            removed: CancellationToken::new(),
        }
    }

    pub(crate) const fn address(&self) -> &PodAddress {
        &self.address
    }

    pub(crate) const fn pod(&self) -> Option<&Arc<Pod>> {
        self.pod.as_ref()
    }

    pub(crate) const fn rank(&self) -> Rank {
        self.rank
    }

    /// The number of requests in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// Whether the incarnation, address and zone are the same, so that the peer and its channel can be kept.
    pub(crate) fn matches(&self, pod: &Pod) -> bool {
        self.address == pod.address
            && self
                .pod
                .as_ref()
                .is_some_and(|own| own.incarnation == pod.incarnation && own.zone == pod.zone)
    }

    /// Marks the pod as removed from the assignment: it is dead, or owns no slice.
    pub(crate) fn mark_removed(&self) {
        self.removed.cancel();
    }

    /// Sends an idempotent request, and abandons it when the pod is removed from the assignment: a dead pod may never
    /// answer.
    pub(crate) async fn send_unless_removed(&self, request: &mut OutgoingRequest) -> AttemptOutcome {
        let answered = self.removed.run_until_cancelled(self.send(request)).await;
        answered.unwrap_or(AttemptOutcome::Abandoned)
    }

    /// Sends the request once.
    pub(crate) async fn send(&self, request: &mut OutgoingRequest) -> AttemptOutcome {
        let mut channel = match &self.channel {
            Ok(channel) => channel.clone(),
            Err(bad) => return AttemptOutcome::Failed(CallFailure::NotSent(bad.to_string())),
        };
        let _in_flight = InFlight::enter(&self.in_flight);
        let answer = match channel.ready().await {
            Ok(channel) => channel.call(request.next_attempt()).await,
            Err(error) => return AttemptOutcome::Failed(CallFailure::NotSent(CallFailure::reason(&error))),
        };
        AttemptOutcome::of(answer)
    }
}

/// Counts a request as in flight until dropped, so that a cancelled one is subtracted too.
struct InFlight<'a>(&'a AtomicU64);

impl<'a> InFlight<'a> {
    fn enter(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
