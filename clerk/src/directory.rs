//! The directory: who is asked for a key, in one snapshot that is swapped whole.

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

/// Answers who is asked for a key, without a lock; the channels are in the snapshot.
pub(crate) struct Directory {
    view: ArcSwap<View>,
    /// What the snapshot was made of, for those who wait for a new one.
    newest: watch::Sender<Option<AssignmentSnapshot>>,
    /// Pods that another pod named before an assignment did; gone with the next assignment. Whoever swaps the snapshot
    /// for one that is made from it has this lock, so that no change is lost.
    strangers: Mutex<Vec<Arc<Peer>>>,
    zone: Option<Arc<str>>,
    channel: ChannelSettings,
}

/// More strangers than this are not remembered: between two assignments only few slices move.
const STRANGERS_MAX: usize = 64;

enum View {
    /// Before the first assignment.
    Seeds(Seeds),
    Assigned(Assigned),
}

/// An assignment, and what pods said since. Cheap to copy.
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
            strangers: Mutex::default(),
            zone,
            channel,
        }
    }

    /// The pod to ask for a key: rather another one than `failed`.
    pub(crate) fn choose(&self, key: &[u8], failed: Option<&Arc<Peer>>) -> Result<Arc<Peer>, ClerkError> {
        match &**self.view.load() {
            View::Seeds(seeds) => seeds.choose(key, failed).cloned().ok_or(ClerkError::NoAssignment),
            View::Assigned(assigned) => assigned.choose(key, failed),
        }
    }

    /// The pod that owns a key, as far as an assignment says so.
    pub(crate) fn owner_of(&self, key: &[u8]) -> Option<Arc<Pod>> {
        self.choose(key, None).ok()?.pod().cloned()
    }

    /// The generation of the snapshot.
    pub(crate) fn generation(&self) -> Generation {
        match &**self.view.load() {
            View::Seeds(_) => Generation::NONE,
            View::Assigned(assigned) => assigned.generation(),
        }
    }

    /// The generation by which the owner of this key is known: the snapshot's, unless a pod has spoken of a newer one.
    pub(crate) fn generation_for(&self, key: &[u8]) -> Generation {
        match &**self.view.load() {
            View::Seeds(_) => Generation::NONE,
            View::Assigned(assigned) => match assigned.hint_for(key) {
                Some(word) => word.generation,
                None => assigned.generation(),
            },
        }
    }

    /// Routes by the word of a pod until an assignment as new has come, if the pod goes by a newer one than is known.
    pub(crate) fn learn(&self, not_owner: &NotOwner) {
        let Some(owner) = &not_owner.owner else { return };
        let mut strangers = self.strangers();
        let view = self.view.load();
        let View::Assigned(assigned) = &**view else { return };
        if not_owner.generation <= assigned.generation() {
            return;
        }
        let word = OwnerHint {
            generation: not_owner.generation,
            owner: self.peer_among(&mut strangers, owner),
        };
        if let Some(overlay) = assigned.overlay.with(&not_owner.slice, &word) {
            self.view.store(Arc::new(assigned.under(overlay)));
        }
    }

    /// Routes by the assignment again where pods have named one that cannot be reached.
    pub(crate) fn forget(&self, unreachable: &Arc<Peer>) {
        let _changing = self.strangers();
        let view = self.view.load();
        let View::Assigned(assigned) = &**view else { return };
        let is_it = |owner: &Arc<Peer>| Arc::ptr_eq(owner, unreachable);
        if assigned.overlay.owners().any(is_it) {
            self.view
                .store(Arc::new(assigned.under(assigned.overlay.without(is_it))));
        }
    }

    /// The peer of a pod that another pod named.
    pub(crate) fn peer_of(&self, pod: &Pod) -> Arc<Peer> {
        self.peer_among(&mut self.strangers(), pod)
    }

    fn peer_among(&self, strangers: &mut Vec<Arc<Peer>>, pod: &Pod) -> Arc<Peer> {
        let view = self.view.load();
        if let Some(peer) = view.peers().find(|peer| peer.is(pod)) {
            return Arc::clone(peer);
        }
        if let Some(peer) = strangers.iter().find(|peer| peer.is(pod)) {
            return Arc::clone(peer);
        }
        let peer = Arc::new(Peer::of_pod(pod.clone(), self.zone.as_deref(), &self.channel));
        if strangers.len() < STRANGERS_MAX {
            strangers.push(Arc::clone(&peer));
        }
        peer
    }

    /// Makes the snapshot of what is held now. Channels to pods that stay are kept, all others end with their last
    /// request; those that may be sent elsewhere are not waited for.
    pub(crate) fn take_in(&self, held: AssignmentSnapshot) {
        let table = Arc::new(RoutingTable::new(Arc::clone(&held.assignment), held.key_mode));
        let mut strangers = self.strangers();
        let view = self.view.load();
        let known: Vec<Arc<Peer>> = view.peers().cloned().chain(strangers.drain(..)).collect();
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
        let named: Vec<Arc<Peer>> = next.peers().cloned().collect();
        let named = PeersByAddress::of(&named);
        let is_gone = |peer: &&Arc<Peer>| peer.pod().is_some_and(|pod| named.find(pod).is_none());
        let gone: Vec<_> = known.iter().filter(is_gone).collect();
        self.view.store(Arc::new(next));
        gone.into_iter().for_each(|peer| peer.leave());
        drop(strangers);
        self.newest.send_replace(Some(held));
    }

    /// The assignment that requests are routed by, now and later.
    pub(crate) fn newest(&self) -> watch::Receiver<Option<AssignmentSnapshot>> {
        self.newest.subscribe()
    }

    fn strangers(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Peer>>> {
        // The list is whole whatever a holder was doing when it panicked.
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    /// All that requests may go to by this view; the same one may come several times.
    fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        let (peers, overlay) = match self {
            Self::Seeds(seeds) => (seeds.peers(), None),
            Self::Assigned(assigned) => (&*assigned.peers, Some(&assigned.overlay)),
        };
        peers.iter().chain(overlay.into_iter().flat_map(Overlay::owners))
    }

    /// What was heard that an assignment of this generation does not say.
    fn overlay_over(&self, generation: Generation) -> Overlay<Arc<Peer>> {
        match self {
            Self::Seeds(_) => Overlay::none(),
            Self::Assigned(assigned) => assigned.overlay.newer_than(generation),
        }
    }
}

impl Assigned {
    fn choose(&self, key: &[u8], failed: Option<&Arc<Peer>>) -> Result<Arc<Peer>, ClerkError> {
        if let Some(word) = self.hint_for(key) {
            return Ok(Arc::clone(&word.owner));
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

    /// The same assignment under another overlay.
    fn under(&self, overlay: Overlay<Arc<Peer>>) -> View {
        View::Assigned(Self {
            overlay,
            ..self.clone()
        })
    }
}

/// Finds peers among thousands.
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
        at_address.copied().find(|peer| peer.is(pod))
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
