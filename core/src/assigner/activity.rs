//! The activity of a target: its pods with their load and warmth, and the moves in progress.

use std::collections::BTreeMap;

use super::handoff::WarmingProgress;
use super::load_summary::LoadSummary;
use super::overview::{PodCondition, TargetOverview};
use crate::assignment::Phase;
use crate::keyspace::Slice;
use crate::load::Load;
use crate::pod::PodName;

/// The pods of a target and the moves in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetActivity {
    /// Total load, band and the used part of the budget for moves.
    pub summary: LoadSummary,
    /// The registered pods, by name.
    pub pods: BTreeMap<PodName, PodActivity>,
    /// The slices that warm at their next owners, in key order.
    pub moves: Vec<MoveActivity>,
}

/// One pod at work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct PodActivity {
    pub condition: PodCondition,
    /// The load of the slices that it serves; of a replicated slice its equal part.
    pub load: Load,
    /// The most load that it can carry.
    pub capacity: Load,
    /// Bytes of warm values of the slices that it serves.
    pub memory: u64,
    /// Bytes of values that it can keep warm; `None` if unlimited.
    pub memory_capacity: Option<u64>,
    /// How many replicas it has in each phase.
    pub replica_counts: BTreeMap<Phase, usize>,
    /// The mean of its warming slices, in thousandths; `None` without one.
    pub warm_share: Option<u64>,
}

/// One slice that warms at its next owner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct MoveActivity {
    pub slice: Slice,
    pub to: PodName,
    pub warming: WarmingProgress,
}

impl TargetActivity {
    /// The activity at the time of the overview.
    #[must_use]
    pub fn of(overview: &TargetOverview) -> Self {
        let inputs = &overview.inputs;
        let assignment = &inputs.assignment;
        let mut pods: BTreeMap<PodName, PodActivity> = overview
            .pods
            .iter()
            .map(|(name, condition)| {
                let pod = inputs.signals.pods.get(name).map(|signal| &signal.pod);
                let weight = pod.map(|pod| pod.weight).unwrap_or_default();
                let activity = PodActivity {
                    condition: *condition,
                    load: Load::ZERO,
                    capacity: inputs.settings.capacity_of(weight),
                    memory: 0,
                    memory_capacity: pod.and_then(|pod| pod.memory_capacity),
                    replica_counts: BTreeMap::new(),
                    warm_share: warm_share(overview, name),
                };
                (name.clone(), activity)
            })
            .collect();
        let demands = inputs.signals.load.demands_of(assignment.slices());
        for (state, demand) in assignment.slices().values().zip(demands) {
            let part = demand.share(1, state.replicas.serving().count().max(1) as u128);
            for replica in state.replicas.iter() {
                if let Some(pod) = pods.get_mut(&assignment.pod(replica.pod).name) {
                    *pod.replica_counts.entry(replica.phase).or_default() += 1;
                    if replica.phase.is_routed_to() {
                        pod.load += part.now;
                        pod.memory = pod.memory.saturating_add(part.memory);
                    }
                }
            }
        }
        let moves = overview.warming.iter().map(|((start, to), warming)| MoveActivity {
            slice: assignment.get(start).0,
            to: to.clone(),
            warming: warming.clone(),
        });
        Self {
            summary: LoadSummary::of(inputs),
            pods,
            moves: moves.collect(),
        }
    }
}

impl PodActivity {
    /// How many of its replicas are in this phase.
    #[must_use]
    pub fn replica_count(&self, phase: Phase) -> usize {
        self.replica_counts.get(&phase).copied().unwrap_or_default()
    }
}

fn warm_share(overview: &TargetOverview, pod: &PodName) -> Option<u64> {
    let of_pod = overview.warming.iter().filter(|((_, to), _)| to == pod);
    let shares: Vec<u64> = of_pod
        .map(|(_, warming)| warming.heat_share_thousandths.into())
        .collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<u64>() / shares.len() as u64)
}
