//! A peer: one pod as a clerk sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use emberkeep_core::clerk::Rank;
use emberkeep_core::pod::{Pod, PodAddress};
use emberkeep_runtime::call_failure::CallFailure;
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};

use crate::outcome::Outcome;
use crate::outgoing_request::OutgoingRequest;

/// One life of one pod, with the one channel to it.
#[derive(Debug)]
pub(crate) struct Peer {
    address: PodAddress,
    /// Nothing but the address is known of a seed.
    pod: Option<Arc<Pod>>,
    rank: Rank,
    channel: Result<Channel, BadAddress>,
    in_flight: AtomicU64,
    /// Cancelled when no assignment names the pod any more.
    gone: CancellationToken,
}

impl Peer {
    /// A pod that an assignment or another pod names. `zone` is the caller's.
    pub(crate) fn of_pod(pod: Pod, zone: Option<&str>, settings: &ChannelSettings) -> Self {
        let is_near = zone.is_some_and(|zone| *zone == *pod.zone);
        Self {
            address: pod.address.clone(),
            rank: if is_near { Rank::Near } else { Rank::Far },
            channel: channel_to(pod.address.as_str(), settings),
            pod: Some(Arc::new(pod)),
            in_flight: AtomicU64::new(0),
            gone: CancellationToken::new(),
        }
    }

    /// A pod of which only the address is known.
    pub(crate) fn of_seed(address: PodAddress, settings: &ChannelSettings) -> Self {
        Self {
            channel: channel_to(address.as_str(), settings),
            address,
            pod: None,
            rank: Rank::Far,
            in_flight: AtomicU64::new(0),
            gone: CancellationToken::new(),
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

    /// Requests that were sent and are not answered yet.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// Whether this is the same life of the same pod at the same place, so that its channel may go on being used.
    pub(crate) fn is(&self, pod: &Pod) -> bool {
        self.address == pod.address
            && self
                .pod
                .as_ref()
                .is_some_and(|own| own.incarnation == pod.incarnation && own.zone == pod.zone)
    }

    /// No assignment names the pod any more: it has died, or owns nothing.
    pub(crate) fn leave(&self) {
        self.gone.cancel();
    }

    /// Sends a request that may be sent to another pod, too: it is not waited for once the pod is gone, which may be
    /// because it does not answer.
    pub(crate) async fn send_while_it_is_there(&self, request: &mut OutgoingRequest) -> Outcome {
        let answered = self.gone.run_until_cancelled(self.send(request)).await;
        answered.unwrap_or(Outcome::Abandoned)
    }

    /// Sends one request; whatever comes of it is an outcome.
    pub(crate) async fn send(&self, request: &mut OutgoingRequest) -> Outcome {
        let mut channel = match &self.channel {
            Ok(channel) => channel.clone(),
            Err(bad) => return Outcome::Failed(CallFailure::NotSent(bad.to_string())),
        };
        let _in_flight = InFlight::enter(&self.in_flight);
        let answer = match channel.ready().await {
            Ok(channel) => channel.call(request.next_attempt()).await,
            Err(error) => return Outcome::Failed(CallFailure::NotSent(CallFailure::reason(&error))),
        };
        Outcome::of(answer)
    }
}

/// Counts a request for as long as it lives, so that one that is dropped half-way counts no longer.
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
