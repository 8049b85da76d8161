//! What every member knows of a target without asking the leader: the assignment and the pods, but no load and no health.

use emberkeep_core::assigner::{KeySpaceBands, TargetState};
use emberkeep_core::assignment::{Phase, PodIndex};
use emberkeep_core::load::LoadMap;
use emberkeep_core::pod::PodName;
use emberkeep_proto::pb;

/// The condition of a pod while nobody leads.
const UNKNOWN: &str = "unknown";

/// The activity as far as it is replicated.
pub(super) fn replicated_activity(state: &TargetState) -> pb::DescribeActivityResponse {
    let assignment = &state.assignment;
    let mut counts = vec![[0; 4]; assignment.pods().len()];
    let mut move_count = 0;
    for slice in assignment.slices().values() {
        for replica in slice.replicas.iter() {
            counts[replica.pod.as_usize()][phase_index(replica.phase)] += 1;
        }
        move_count += u64::from(slice.replicas.warming().next().is_some());
    }
    let count = |index: Option<PodIndex>, phase| index.map_or(0, |index| counts[index.as_usize()][phase_index(phase)]);
    let pods = state.pods.iter().map(|(name, record)| {
        let index = assignment.index_of(name);
        pb::PodActivity {
            condition: if record.is_draining { "draining" } else { UNKNOWN }.to_owned(),
            serving_count: count(index, Phase::Serving) + count(index, Phase::Yielding),
            warming_count: count(index, Phase::Warming),
            yielding_count: count(index, Phase::Yielding),
            leaving_count: count(index, Phase::Leaving),
            memory_capacity_bytes: record.pod.memory_capacity,
            ..named(name)
        }
    });
    pb::DescribeActivityResponse {
        generation: assignment.generation().number(),
        status: "no decision is made while no member leads".to_owned(),
        pods: pods.collect(),
        move_count,
        ..pb::DescribeActivityResponse::default()
    }
}

/// The key space without loads.
pub(super) fn replicated_key_space(state: &TargetState, band_count: u32) -> pb::DescribeKeySpaceResponse {
    let picture = KeySpaceBands::of(&state.assignment, &LoadMap::idle(), band_count as usize);
    pb::DescribeKeySpaceResponse {
        generation: state.assignment.generation().number(),
        ..(&picture).into()
    }
}

fn named(pod: &PodName) -> pb::PodActivity {
    pb::PodActivity {
        pod: pod.as_str().to_owned(),
        ..pb::PodActivity::default()
    }
}

const fn phase_index(phase: Phase) -> usize {
    match phase {
        Phase::Warming => 0,
        Phase::Serving => 1,
        Phase::Yielding => 2,
        Phase::Leaving => 3,
    }
}
