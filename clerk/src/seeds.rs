//! Seeds: pods to ask before the first assignment has come.

use std::sync::Arc;

use hashring::HashRing;

use crate::peer::Peer;

/// Consistent hashing over the seed pods: all clerks with the same seeds ask the same pod for a key, so that even a
/// cluster without an assigner warms each key in one place.
pub(crate) struct Seeds {
    peers: Vec<Arc<Peer>>,
    ring: HashRing<Point>,
}

/// One of a seed's points on the ring. Hashed by address, so that the order of the seeds does not matter.
struct Point {
    address: String,
    number: usize,
    seed: usize,
}

/// As many as libketama gives each server: shares then differ by about a twelfth, one over the root of the points.
const POINTS_PER_SEED: usize = 160;

/// How many places on the ring are tried to find a pod other than the one that failed.
const DETOURS_MAX: u64 = 16;

impl Seeds {
    pub(crate) fn new(peers: Vec<Arc<Peer>>) -> Self {
        let points = peers.iter().enumerate().flat_map(|(seed, peer)| {
            let address = peer.address().as_str();
            (0..POINTS_PER_SEED).map(move |number| Point {
                address: address.to_owned(),
                number,
                seed,
            })
        });
        let mut ring = HashRing::new();
        ring.batch_add(points.collect());
        Self { peers, ring }
    }

    /// The pod to ask for a key: another one than `failed`, if there is another one.
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

impl std::hash::Hash for Point {
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
    async fn a_seed_that_failed_is_asked_again_only_if_it_is_the_only_one() {
        let (three, alone) = (seeds(&[1, 2, 3]), seeds(&[1]));
        let failed = three.choose(b"key", None).unwrap();
        assert!(!Arc::ptr_eq(three.choose(b"key", Some(failed)).unwrap(), failed));
        let only = alone.choose(b"key", None).unwrap();
        assert!(Arc::ptr_eq(alone.choose(b"key", Some(only)).unwrap(), only));
        assert!(seeds(&[]).choose(b"key", None).is_none());
    }
}
