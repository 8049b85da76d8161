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
    since: BTreeMap<(usize, usize), Timestamp>,
}

/// One unit of load in milli-units times microseconds a second: a request.
const ONE_REQUEST: u128 = 1_000 * 1_000_000;

impl ColdKeys {
    /// Records that clients route by `after` instead of `before`.
    pub(crate) fn on_routed(&mut self, cluster: &SimCluster, before: &Assignment, after: &Assignment) {
        let now = cluster.now();
        let was = std::mem::take(&mut self.since);
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
                    let since = match was.get(&(key, index)) {
                        Some(since) => Some(*since),
                        None => (!is_unchanged && !holds(before, position, pod)).then_some(now),
                    };
                    if let Some(since) = since {
                        self.since.insert((key, index), since);
                    }
                }
            }
        }
    }

    /// The load that cold keys have at their owners now; keys that have become warm are forgotten.
    pub(crate) fn load(&mut self, cluster: &SimCluster) -> Load {
        let (routes, traffic, now) = (cluster.routing().routes(), cluster.traffic(), cluster.now());
        let mut load = Load::ZERO;
        self.since.retain(|(key, pod), since| {
            let (_, rate) = traffic.key(*key);
            let Some(owners) = route_of(routes, *key).map(|route| &route.answered_by) else {
                return true;
            };
            if !owners.contains(pod) {
                return true;
            }
            let share = rate.share(1, owners.len() as u128);
            let is_cold = u128::from(share.milli()) * now.since(*since).as_micros() < ONE_REQUEST;
            if is_cold {
                load += share;
            }
            is_cold
        });
        load
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
    use super::*;
    use crate::cluster::ClusterEvent;
    use crate::cluster::{Fault, NewPod, SimClusterSettings};
    use crate::observer::Observer;
    use emberkeep_core::pod::{PodName, Weight};

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
                    most = most.max(cold.load(cluster));
                }
            });
            (most, cold.load(cluster))
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
        assert!(most > Load::from_units(8) && most < Load::from_units(14), "{most}");
        assert_eq!(cold_after(&mut cluster, 4_000).1, Load::ZERO);
    }
}
