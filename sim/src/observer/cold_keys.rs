//! Cold keys: the keys that an owner serves without having their state yet.

use std::collections::BTreeMap;

use emberkeep_core::assignment::Assignment;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::load::Load;
use emberkeep_core::pod::Pod;
use emberkeep_core::time::Timestamp;

use crate::cluster::{SimCluster, SliceRoute};

/// The keys that are cold at an owner, and since when.
///
/// An owner that took a key over in a handoff has its state. Any other one begins without it, and has it once it has answered one
/// request for the key, which is expected after the inverse of the key's rate.
#[derive(Debug, Default)]
pub(crate) struct ColdKeys {
    /// By the index of the key in the traffic and the index of the pod.
    keys: BTreeMap<(usize, usize), ColdKey>,
}

/// A key that is cold at one owner.
#[derive(Debug, Clone, Copy)]
struct ColdKey {
    since: Timestamp,
    /// The owner's share of the requests for the key; zero while the owner does not answer.
    share: Load,
}

impl ColdKey {
    fn is_cold(&self, now: Timestamp) -> bool {
        u128::from(self.share.milli()) * now.since(self.since).as_micros() < ONE_REQUEST
    }
}

/// One unit of load in milli-units times microseconds a second: a request.
const ONE_REQUEST: u128 = 1_000 * 1_000_000;

impl ColdKeys {
    /// Records that clients route by `after` instead of `before`.
    pub(crate) fn on_routed(&mut self, cluster: &SimCluster, before: &Assignment, after: &Assignment) {
        let now = cluster.now();
        let was = std::mem::take(&mut self.keys);
        let indices: BTreeMap<_, _> = cluster
            .pods()
            .enumerate()
            .map(|(at, pod)| (pod.pod.name.clone(), at))
            .collect();
        let is_same_pods = before.pods() == after.pods();
        for (slice, state) in after.slices().iter() {
            let is_unchanged = is_same_pods && state.changed_at <= before.generation();
            for pod in state.replicas.serving().map(|pod| after.pod(pod)) {
                let Some(index) = indices.get(&pod.name).copied() else {
                    continue;
                };
                for key in cluster.traffic().keys_in(&slice) {
                    let (position, _) = cluster.traffic().key(key);
                    let known = was.get(&(key, index)).copied();
                    let is_new = known.is_none() && !is_unchanged && !holds(before, position, pod);
                    let new = is_new.then_some(ColdKey {
                        since: now,
                        share: Load::ZERO,
                    });
                    if let Some(cold) = known.or(new) {
                        self.keys.insert((key, index), cold);
                    }
                }
            }
        }
    }

    /// Updates the shares of the requests after a change of load or routing; forgets the keys that have become warm before.
    pub(crate) fn on_changed(&mut self, cluster: &SimCluster) {
        let (routes, traffic, now) = (cluster.routing().routes(), cluster.traffic(), cluster.now());
        self.keys.retain(|(key, pod), cold| {
            let is_cold = cold.is_cold(now);
            let route = route_of(routes, *key).filter(|route| route.answered_by.contains(pod));
            let (_, rate) = traffic.key(*key);
            cold.share = route.map_or(Load::ZERO, |route| rate.share(1, route.answered_by.len() as u128));
            is_cold
        });
    }

    /// The load that cold keys have at their owners at `now`, which is not before the last change.
    pub(crate) fn load(&self, now: Timestamp) -> Load {
        let cold = self.keys.values().filter(|cold| cold.is_cold(now));
        cold.map(|cold| cold.share).sum()
    }
}

/// Whether the pod had a part in the key: it served the key, or was warming it.
fn holds(assignment: &Assignment, position: u64, pod: &Pod) -> bool {
    let (_, state) = assignment.get(&SliceKey::from_position(position));
    state.replicas.iter().any(|replica| {
        let known = assignment.pod(replica.pod);
        known.name == pod.name && known.incarnation == pod.incarnation
    })
}

fn route_of(routes: &[SliceRoute], key: usize) -> Option<&SliceRoute> {
    routes.get(routes.partition_point(|route| route.keys.end <= key))
}

#[cfg(test)]
mod tests {
    use emberkeep_core::pod::{PodName, Weight};

    use super::*;
    use crate::cluster::{ClusterEvent, Fault, NewPod, SimClusterSettings};
    use crate::observer::Observer;

    #[test]
    fn keys_are_cold_after_a_crash_until_their_first_request_and_stay_warm_in_a_drain() {
        let mut cluster = SimCluster::new(SimClusterSettings::default());
        let name = |number: u64| PodName::try_new(&format!("pod-{number}")).unwrap();
        // One request every two seconds for each of 64 keys.
        let rates = (0..64).map(|key: u64| (key << 58, Load::from_milli(500)));
        cluster.set_loads(rates);
        for number in 0..4 {
            cluster.add_pod(NewPod {
                name: name(number),
                zone: "".into(),
                weight: Weight::ONE,
            });
        }
        let mut cold = ColdKeys::default();
        let mut observer = Observer::new(Timestamp::ZERO);
        let mut cold_after = |cluster: &mut SimCluster, millis: u64| {
            let end = cluster.now() + std::time::Duration::from_millis(millis);
            let mut most = Load::ZERO;
            observer.run(cluster, end, &mut |cluster, event| {
                if let ClusterEvent::Routed { before, after } = &event.what {
                    cold.on_routed(cluster, before, after);
                    cold.on_changed(cluster);
                    most = most.max(cold.load(cluster.now()));
                }
            });
            (most, cold.load(end))
        };
        let all = Load::from_units(32);
        assert_eq!(
            cold_after(&mut cluster, 1_000),
            (all, all),
            "no pod has served a key yet"
        );
        assert_eq!(cold_after(&mut cluster, 9_000).1, Load::ZERO);
        assert!(cluster.inject(&name(0), Fault::Drain));
        assert_eq!(cold_after(&mut cluster, 20_000), (Load::ZERO, Load::ZERO));
        assert!(cluster.inject(&name(1), Fault::Kill));
        let (most, _) = cold_after(&mut cluster, 1_000);
        assert!(most >= Load::from_units(8) && most < Load::from_units(14), "{most}");
        assert_eq!(cold_after(&mut cluster, 4_000).1, Load::ZERO);
    }
}
