//! The directory: maps keys to pods, in one immutable snapshot that is swapped as a whole.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use emberkeep_core::assignment::Generation;
use emberkeep_core::clerk::{Overlay, OwnerHint, PodScore, Rank, RoutingTable, pick};
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::pod::{Pod, PodAddress};
use emberkeep_proto::convert::NotOwner;
use emberkeep_runtime::channel::ChannelSettings;
use emberkeep_runtime::watch::AssignmentSnapshot;
use tokio::sync::watch;

use crate::ClerkError;
use crate::peer::Peer;
use crate::seeds::Seeds;

/// Looks up the pod for a key without a lock. The snapshot holds the channels, too.
pub(crate) struct Directory {
    view: ArcSwap<View>,
    /// The assignment behind the snapshot, for readers that wait for a new one.
    newest: watch::Sender<Option<AssignmentSnapshot>>,
    /// Pods that another pod named before an assignment listed them; cleared by the next assignment. Every swap of the
    /// snapshot holds this lock, because it derives the new snapshot from the old one: no change is lost.
    unlisted_peers: Mutex<Vec<Arc<Peer>>>,
    zone: Option<Arc<str>>,
    channel: ChannelSettings,
}

/// The most unlisted peers that are kept; further ones get a new channel each time. Few slices move between two
/// assignments.
const UNLISTED_PEERS_MAX: usize = 64;

enum View {
    /// Before the first assignment.
    Seeds(Seeds),
    Assigned(Assigned),
}

/// An assignment, with the owner hints of pods since then. Cheap to clone.
#[derive(Clone)]
struct Assigned {
    table: Arc<RoutingTable>,
    /// In the order of the assignment's pods.
    peers: Arc<[Arc<Peer>]>,
    overlay: Overlay<Arc<Peer>>,
}

impl Directory {
    pub(crate) fn new(seeds: &[PodAddress], zone: Option<Arc<str>>, channel: ChannelSettings) -> Self {
        let peer = |address: &PodAddress| Arc::new(Peer::of_seed(address.clone(), &channel));
        let seeds = Seeds::new(seeds.iter().map(peer).collect());
        Self {
            view: ArcSwap::from_pointee(View::Seeds(seeds)),
            newest: watch::Sender::new(None),
            unlisted_peers: Mutex::default(),
            zone,
            channel,
        }
    }

    /// The pod for a key; `failed` only if no other serves it.
    pub(crate) fn choose(&self, key: &[u8], failed: Option<&Arc<Peer>>) -> Result<Arc<Peer>, ClerkError> {
        match &**self.view.load() {
            View::Seeds(seeds) => seeds.choose(key, failed).cloned().ok_or(ClerkError::NoAssignment),
            View::Assigned(assigned) => assigned.choose(key, failed),
        }
    }

    /// The pod that owns a key by the assignment; `None` before the first one, since a seed need not own anything.
    pub(crate) fn owner_of(&self, key: &[u8]) -> Option<Arc<Pod>> {
        self.choose(key, None).ok()?.pod().cloned()
    }

    /// The generation of the assignment.
    pub(crate) fn generation(&self) -> Generation {
        match &**self.view.load() {
            View::Seeds(_) => Generation::NONE,
            View::Assigned(assigned) => assigned.generation(),
        }
    }

    /// The generation of the entry for this key: that of an owner hint if there is one, else of the assignment.
    pub(crate) fn generation_for(&self, key: &[u8]) -> Generation {
        match &**self.view.load() {
            View::Seeds(_) => Generation::NONE,
            View::Assigned(assigned) => match assigned.hint_for(key) {
                Some(hint) => hint.generation,
                None => assigned.generation(),
            },
        }
    }

    /// Routes a slice by the hint of a pod whose generation is newer than the assignment, until an assignment of that
    /// generation arrives.
    pub(crate) fn add_hint(&self, not_owner: &NotOwner) {
        let Some(owner) = &not_owner.owner else { return };
        let mut unlisted_peers = self.unlisted_peers();
        let view = self.view.load();
        let View::Assigned(assigned) = &**view else { return };
        if not_owner.generation <= assigned.generation() {
            return;
        }
        let hint = OwnerHint {
            generation: not_owner.generation,
            owner: self.peer_among(&mut unlisted_peers, owner),
        };
        if let Some(overlay) = assigned.overlay.with(&not_owner.slice, &hint) {
            self.view.store(Arc::new(assigned.with_overlay(overlay)));
        }
    }

    /// Removes the hints that name an unreachable pod: their slices are routed by the assignment again.
    pub(crate) fn remove_hints_to(&self, unreachable: &Arc<Peer>) {
        let _lock = self.unlisted_peers();
        let view = self.view.load();
        let View::Assigned(assigned) = &**view else { return };
        let is_unreachable = |owner: &Arc<Peer>| Arc::ptr_eq(owner, unreachable);
        if assigned.overlay.owners().any(is_unreachable) {
            self.view.store(Arc::new(
                assigned.with_overlay(assigned.overlay.without(is_unreachable)),
            ));
        }
    }

    /// The peer of a pod that another pod named, known or new.
    pub(crate) fn peer_of(&self, pod: &Pod) -> Arc<Peer> {
        self.peer_among(&mut self.unlisted_peers(), pod)
    }

    fn peer_among(&self, unlisted_peers: &mut Vec<Arc<Peer>>, pod: &Pod) -> Arc<Peer> {
        let view = self.view.load();
        if let Some(peer) = view.peers().find(|peer| peer.matches(pod)) {
            return Arc::clone(peer);
        }
        if let Some(peer) = unlisted_peers.iter().find(|peer| peer.matches(pod)) {
            return Arc::clone(peer);
        }
        let peer = Arc::new(Peer::of_pod(pod.clone(), self.zone.as_deref(), &self.channel));
        if unlisted_peers.len() < UNLISTED_PEERS_MAX {
            unlisted_peers.push(Arc::clone(&peer));
        }
        peer
    }

    /// Replaces the snapshot by a new assignment. Channels to pods that stay are kept; the others close after their
    /// last request, and idempotent requests on them are abandoned.
    pub(crate) fn apply(&self, held: AssignmentSnapshot) {
        let table = Arc::new(RoutingTable::new(Arc::clone(&held.assignment), held.key_mode));
        let mut unlisted_peers = self.unlisted_peers();
        let view = self.view.load();
        let known: Vec<Arc<Peer>> = view.peers().cloned().chain(unlisted_peers.drain(..)).collect();
        let kept = PeersByAddress::of(&known);
        let peer = |pod: &Pod| match kept.find(pod) {
            Some(peer) => Arc::clone(peer),
            None => Arc::new(Peer::of_pod(pod.clone(), self.zone.as_deref(), &self.channel)),
        };
        let peers = held.assignment.pods().iter().map(peer).collect();
        let assigned = Assigned {
            peers,
            overlay: view.overlay_over(held.assignment.generation()),
            table,
        };
        let next = View::Assigned(assigned);
        let listed: Vec<Arc<Peer>> = next.peers().cloned().collect();
        let listed = PeersByAddress::of(&listed);
        let is_removed = |peer: &&Arc<Peer>| peer.pod().is_some_and(|pod| listed.find(pod).is_none());
        let removed: Vec<_> = known.iter().filter(is_removed).collect();
        self.view.store(Arc::new(next));
        removed.into_iter().for_each(|peer| peer.mark_removed());
        drop(unlisted_peers);
        self.newest.send_replace(Some(held));
    }

    /// Follows the assignment in use for routing.
    pub(crate) fn newest(&self) -> watch::Receiver<Option<AssignmentSnapshot>> {
        self.newest.subscribe()
    }

    fn unlisted_peers(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Peer>>> {
        // A panic of a lock holder leaves the list intact: each change is a single push or drain.
        self.unlisted_peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    /// All peers that requests may be sent to; hinted owners may repeat.
    fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        let (peers, overlay) = match self {
            Self::Seeds(seeds) => (seeds.peers(), None),
            Self::Assigned(assigned) => (&*assigned.peers, Some(&assigned.overlay)),
        };
        peers.iter().chain(overlay.into_iter().flat_map(Overlay::owners))
    }

    /// The hints that are newer than an assignment of this generation.
    fn overlay_over(&self, generation: Generation) -> Overlay<Arc<Peer>> {
        match self {
            Self::Seeds(_) => Overlay::none(),
            Self::Assigned(assigned) => assigned.overlay.newer_than(generation),
        }
    }
}

impl Assigned {
    fn choose(&self, key: &[u8], failed: Option<&Arc<Peer>>) -> Result<Arc<Peer>, ClerkError> {
        if let Some(hint) = self.hint_for(key) {
            return Ok(Arc::clone(&hint.owner));
        }
        let Self { table, peers, .. } = self;
        let serving = table.route(key)?.serving;
        let standing = |peer: &Arc<Peer>| PodScore {
            rank: match failed {
                Some(failed) if Arc::ptr_eq(failed, peer) => Rank::Failed,
                Some(_) | None => peer.rank(),
            },
            in_flight: peer.in_flight(),
        };
        let chance = if serving.len() > 1 { rand::random() } else { 0 };
        pick(serving, |pod| standing(&peers[pod.as_usize()]), chance)
            .map(|pod| Arc::clone(&peers[pod.as_usize()]))
            .ok_or_else(|| no_owner(table, key))
    }

    #[inline]
    fn hint_for(&self, key: &[u8]) -> Option<&OwnerHint<Arc<Peer>>> {
        self.overlay.hint_for(key, self.table.key_mode())
    }

    fn generation(&self) -> Generation {
        self.table.assignment().generation()
    }

    /// The same assignment with another overlay.
    fn with_overlay(&self, overlay: Overlay<Arc<Peer>>) -> View {
        View::Assigned(Self {
            overlay,
            ..self.clone()
        })
    }
}

/// Peers sorted by address: matching thousands of old and new pods is a binary search each.
struct PeersByAddress<'a>(Vec<&'a Arc<Peer>>);

impl<'a> PeersByAddress<'a> {
    fn of(peers: &'a [Arc<Peer>]) -> Self {
        let mut sorted: Vec<_> = peers.iter().collect();
        sorted.sort_by_key(|peer| peer.address());
        Self(sorted)
    }

    fn find(&self, pod: &Pod) -> Option<&'a Arc<Peer>> {
        let first = self.0.partition_point(|peer| *peer.address() < pod.address);
        let at_address = self.0[first..].iter().take_while(|peer| *peer.address() == pod.address);
        at_address.copied().find(|peer| peer.matches(pod))
    }
}

fn no_owner(table: &RoutingTable, key: &[u8]) -> ClerkError {
    match SliceKey::of(key, table.key_mode()) {
        Err(too_long) => too_long.into(),
        Ok(slice_key) => ClerkError::NoOwner {
            slice: table.assignment().get(&slice_key).0,
            generation: table.assignment().generation(),
        },
    }
}
