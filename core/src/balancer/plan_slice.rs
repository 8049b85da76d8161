//! A slice while an assignment is being planned.

use crate::assignment::{Phase, PodIndex, Replica, ReplicaSet};
use crate::keyspace::Slice;
use crate::load::{Load, LoadMap};

/// One slice.
#[derive(Clone)]
pub(super) struct PlanSlice {
    pub(super) slice: Slice,
    pub(super) replicas: ReplicaSet,
    /// Its measured load.
    pub(super) load: Load,
    /// What it costs its owners together: its load, and its part of the reserve.
    cost: u128,
    reserve: Reserve,
}

/// Load that is set aside for all keys alike, in milli-units a second, so that slices that nobody has measured yet
/// weigh something too and unloaded slices are dealt out evenly.
#[derive(Clone, Copy)]
pub(super) struct Reserve(u128);

impl Reserve {
    /// A tenth of the whole load, but at least one unit for each pod.
    pub(super) fn for_total(total: Load, pod_count: usize) -> Self {
        Self((u128::from(total.milli()) / 10).max(pod_count as u128 * 1_000))
    }

    fn part_of(self, slice: &Slice) -> u128 {
        // Positions have 64 bits; without the lowest 20 of a width the product has at most 64 + 44 bits.
        (self.0 * (slice.width() >> 20)) >> 44
    }
}

impl PlanSlice {
    pub(super) fn new(slice: Slice, replicas: Vec<(PodIndex, Phase)>, load: Load, reserve: Reserve) -> Self {
        Self {
            cost: u128::from(load.milli()) + reserve.part_of(&slice),
            replicas: replicas
                .into_iter()
                .map(|(pod, phase)| Replica { pod, phase })
                .collect(),
            slice,
            load,
            reserve,
        }
    }

    pub(super) fn cost(&self) -> u128 {
        self.cost
    }

    /// What it costs each of its owners; all of it while it has none.
    pub(super) fn cost_per_owner(&self) -> u128 {
        self.cost / (self.replicas.serving().count() as u128).max(1)
    }

    /// Whether a pod is still giving it up.
    pub(super) fn is_changing_hands(&self) -> bool {
        self.replicas.iter().any(|replica| replica.phase == Phase::Leaving)
    }

    /// The two halves with the load that each has; `None` for a slice that is too narrow.
    pub(super) fn halved(&self, load: &LoadMap) -> Option<[PlanSlice; 2]> {
        let (left, right) = self.slice.split_at(&self.slice.middle()?)?;
        Some([left, right].map(|half| {
            let replicas = self.replicas.iter().map(|replica| (replica.pod, replica.phase));
            let load = load.demand_of(&half).steady;
            PlanSlice::new(half, replicas.collect(), load, self.reserve)
        }))
    }
}
