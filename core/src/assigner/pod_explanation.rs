//! The explanation of one pod: its condition, its slices and load, its last moves, and what would move its slices.

use std::collections::BTreeMap;
use std::fmt;

use super::load_summary::LoadSummary;
use super::overview::{PodCondition, TargetOverview};
use super::past_move::PastMoveOfSlice;
use super::prospect::{PodBand, Prospect, pod_prospects, target_prospects};
use super::slice_explanation::{HOTTEST_MAX, hottest, pod_band, thousandths, write_hottest, write_prospects};
use crate::assignment::Phase;
use crate::keyspace::{Slice, SliceKey};
use crate::load::{Demand, Load};
use crate::pod::PodName;
use crate::quantity_text::{PerSecond, Percentage, ReadableSize};

/// The most moves that an explanation lists.
const MOVES_MAX: usize = 5;

/// One pod and its slices.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named by their types")]
pub struct PodExplanation {
    pub pod: PodName,
    pub condition: PodCondition,
    /// How many replicas it has in each phase.
    pub replica_counts: BTreeMap<Phase, usize>,
    /// The demand of the slices that it serves; of a replicated slice its equal part.
    pub demand: Demand,
    /// The most load that it can carry.
    pub capacity: Load,
    /// Bytes of values that it can keep warm; `None` if unlimited.
    pub memory_capacity: Option<u64>,
    /// Its place in the load band; `None` if it may not own slices.
    pub band: Option<PodBand>,
    /// The slices with the most load, hottest first.
    pub hottest_slices: Vec<(Slice, Load)>,
    /// The hottest keys that it serves, hottest first.
    pub hottest_keys: Vec<(SliceKey, Demand)>,
    /// The last moves to and from it, newest first.
    pub last_moves: Vec<PastMoveOfSlice>,
    /// What keeps its slices in place, and what would move them.
    pub prospects: Vec<Prospect>,
}

impl PodExplanation {
    /// The explanation of a registered pod.
    pub(super) fn of(overview: &TargetOverview, pod: &PodName) -> Self {
        let inputs = &overview.inputs;
        let (assignment, load) = (&inputs.assignment, &inputs.signals.load);
        let mut replica_counts = BTreeMap::new();
        let mut demand = Demand::NONE;
        let (mut slices, mut keys) = (Vec::new(), Vec::new());
        let shares = assignment.index_of(pod).map(|index| assignment.shares_of(index));
        for (slice, state, phase) in shares.into_iter().flatten() {
            *replica_counts.entry(phase).or_default() += 1;
            if phase.is_routed_to() {
                let owner_count = state.replicas.serving().count().max(1) as u128;
                let part = load.demand_of(&slice).share(1, owner_count);
                demand += part;
                keys.extend(hottest(load.points_of(&slice)));
                slices.push((slice, part.now));
            }
        }
        slices.sort_by(|(a, a_load), (b, b_load)| b_load.cmp(a_load).then_with(|| a.cmp(b)));
        slices.truncate(HOTTEST_MAX);
        let summary = LoadSummary::of(inputs);
        let band = pod_band(overview, pod, &summary);
        let record = inputs.signals.pods.get(pod).map(|signal| &signal.pod);
        let mut prospects = pod_prospects(overview, pod, band);
        prospects.extend(target_prospects(overview, summary.move_budget_used));
        Self {
            pod: pod.clone(),
            condition: overview.pods.get(pod).copied().unwrap_or(PodCondition::Awaited),
            replica_counts,
            demand,
            capacity: record.map_or(Load::ZERO, |record| inputs.settings.capacity_of(record.weight)),
            memory_capacity: record.and_then(|record| record.memory_capacity),
            band,
            hottest_slices: slices,
            hottest_keys: hottest(&keys),
            last_moves: PastMoveOfSlice::of_pod(overview, pod, MOVES_MAX),
            prospects,
        }
    }

    /// How many of its replicas are in this phase.
    #[must_use]
    pub fn replica_count(&self, phase: Phase) -> usize {
        self.replica_counts.get(&phase).copied().unwrap_or_default()
    }
}

impl fmt::Display for PodExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pod {} {}", self.pod, self.condition)?;
        let count = |phase| self.replica_count(phase);
        writeln!(f, "\nslices")?;
        writeln!(
            f,
            "  {} serving, {} yielding to a successor, {} warming, {} leaving",
            count(Phase::Serving),
            count(Phase::Yielding),
            count(Phase::Warming),
            count(Phase::Leaving)
        )?;
        writeln!(f, "\nload")?;
        let Demand { now, steady, memory } = self.demand;
        let used = Percentage(thousandths(now, self.capacity));
        let capacity = PerSecond(self.capacity);
        writeln!(
            f,
            "  {} now, {} to plan by; {used} of its capacity {capacity}",
            PerSecond(now),
            PerSecond(steady)
        )?;
        write!(f, "  {} of warm values", ReadableSize(memory))?;
        match self.memory_capacity {
            Some(capacity) => writeln!(f, " of at most {}", ReadableSize(capacity))?,
            None => writeln!(f, ", without a limit")?,
        }
        for (slice, load) in self.hottest_slices.iter().filter(|(_, load)| *load > Load::ZERO) {
            writeln!(f, "  slice {slice}: {}", PerSecond(*load))?;
        }
        write_hottest(f, &self.hottest_keys)?;
        writeln!(f, "\nlast moves")?;
        if self.last_moves.is_empty() {
            writeln!(f, "  no known decision moved anything to or from it")?;
        }
        for moved in &self.last_moves {
            writeln!(f, "  {moved}")?;
        }
        write_prospects(f, &self.prospects)
    }
}
