//! Seeds: the configured pods that receive requests before the first assignment.

use std::sync::Arc;

use hashring::HashRing;

use crate::peer::Peer;

/// Consistent hashing over the seed pods: all clerks with the same seeds choose the same pod for a key, so that even
/// without an assigner each key is warm in one pod only.
pub(crate) struct Seeds {
    peers: Vec<Arc<Peer>>,
    ring: HashRing<SeedPoint>,
}

/// A point of a seed on the ring. Hashed by address, so that the order of the seeds does not matter.
struct SeedPoint {
    address: String,
    number: usize,
    seed: usize,
}

/// As in libketama. The shares of the seeds then deviate by about 8 %: 1 over the square root of 160.
const POINTS_PER_SEED: usize = 160;

/// The number of ring positions tried to find a pod other than the failed one.
const DETOURS_MAX: u64 = 16;

impl Seeds {
    pub(crate) fn new(peers: Vec<Arc<Peer>>) -> Self {
        let points = peers.iter().enumerate().flat_map(|(seed, peer)| {
            let address = peer.address().as_str();
            (0..POINTS_PER_SEED).map(move |number| SeedPoint {
                address: address.to_owned(),
                number,
                seed,
            })
        });
        let mut ring = HashRing::new();
        ring.batch_add(points.collect());
        Self { peers, ring }
    }

    /// The pod for a key; `failed` only if there is no other.
    pub(crate) fn choose(&self, key: &[u8], failed: Option<&Arc<Peer>>) -> Option<&Arc<Peer>> {
        let at = |detour: u64| self.ring.get(&(key, detour)).map(|point| &self.peers[point.seed]);
        let has_failed = |peer: &&Arc<Peer>| failed.is_some_and(|failed| Arc::ptr_eq(peer, failed));
        (0..DETOURS_MAX)
            .filter_map(at)
            .find(|peer| !has_failed(peer))
            .or_else(|| at(0))
    }

    pub(crate) fn peers(&self) -> &[Arc<Peer>] {
        &self.peers
    }
}

impl std::hash::Hash for SeedPoint {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.address, self.number).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_core::pod::PodAddress;
    use emberkeep_runtime::channel::ChannelSettings;

    use super::*;

    fn seeds(ports: &[u16]) -> Seeds {
        let peer = |port: &u16| {
            let address = PodAddress::try_new(&format!("127.0.0.1:{port}")).unwrap();
            Arc::new(Peer::of_seed(address, &ChannelSettings::default()))
        };
        Seeds::new(ports.iter().map(peer).collect())
    }

    #[tokio::test]
    async fn the_order_of_the_seeds_does_not_matter() {
        let (one, other) = (seeds(&[1, 2, 3]), seeds(&[3, 1, 2]));
        for key in 0..100_u8 {
            let address = |seeds: &Seeds| seeds.choose(&[key], None).unwrap().address().clone();
            assert_eq!(address(&one), address(&other));
        }
    }

    #[tokio::test]
    async fn a_failed_seed_is_chosen_again_only_if_there_is_no_other() {
        let (three, alone) = (seeds(&[1, 2, 3]), seeds(&[1]));
        let failed = three.choose(b"key", None).unwrap();
        assert!(!Arc::ptr_eq(three.choose(b"key", Some(failed)).unwrap(), failed));
        let only = alone.choose(b"key", None).unwrap();
        assert!(Arc::ptr_eq(alone.choose(b"key", Some(only)).unwrap(), only));
        assert!(seeds(&[]).choose(b"key", None).is_none());
    }
}
