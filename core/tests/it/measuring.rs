//! From counts to the load map: meters of several pods measure a known load, and their reports are merged while slices are
//! split, merged, moved and shared.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_core::assignment::{Assignment, Phase, PodIndex, Proposal, ReplicaSet};
use emberkeep_core::keyspace::{Slice, SliceKey, SliceMap};
use emberkeep_core::load::{Load, LoadHistory, LoadMap, LoadReport};
use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};
use emberkeep_core::slicelet::{
    Hottest, Identity, Metering, Ownership, RangeCounts, SAMPLED_ONE_IN, SKETCH_CAPACITY, SKETCH_COUNT,
};
use emberkeep_core::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const POD_COUNT: usize = 4;
const SECOND: Duration = Duration::from_secs(1);
/// The key space consists of blocks; the load is even within a block.
const BLOCK_COUNT: u64 = 64;

fn pod(number: usize) -> Pod {
    let name = PodName::try_new(&format!("pod-{number}")).unwrap();
    Pod::new(name, Incarnation(1), PodAddress::try_new("127.0.0.1:80").unwrap())
}

fn start_of(block: u64) -> SliceKey {
    match block {
        0 => SliceKey::EMPTY,
        _ => SliceKey::from_position(block << 58),
    }
}

fn serving(pods: &[usize]) -> ReplicaSet {
    let mut replicas = ReplicaSet::none();
    pods.iter()
        .for_each(|pod| replicas.set(PodIndex::from(*pod), Phase::Serving));
    replicas
}

/// The slices, by their first block, with the pods that serve each.
type ServingPlan = Vec<(u64, Vec<usize>)>;

/// One pod: its counts and samples go through the metering of production.
struct MeteredPod {
    metering: Metering,
    ownership: Arc<Ownership>,
    sketches: Vec<Hottest>,
}

impl MeteredPod {
    fn new() -> Self {
        Self {
            metering: Metering::new(Timestamp::ZERO),
            ownership: Arc::new(Ownership::none()),
            sketches: vec![Hottest::with_capacity(SKETCH_CAPACITY); SKETCH_COUNT],
        }
    }

    /// Follows an assignment; nothing has been counted since the last collection.
    fn follow(&mut self, assignment: &Arc<Assignment>, identity: &Identity, now: Timestamp) {
        let units = vec![0; self.ownership.ranges().iter().count()];
        let ownership = self.ownership.followed_by(Arc::clone(assignment), identity);
        self.ownership = Arc::new(ownership);
        let counts = RangeCounts { units, taken_at: now };
        self.metering.on_published(&counts, Arc::clone(&self.ownership));
    }

    /// Records the counts of the time since the last collection, and reports.
    fn collect(&mut self, units: Vec<u64>, now: Timestamp) -> LoadReport {
        let halves = self.metering.begin_collection(now).halves_sketches;
        let sketches: Vec<_> = self.sketches.iter_mut().map(|sketch| sketch.collect(halves)).collect();
        self.metering
            .on_counted(&RangeCounts { units, taken_at: now }, &sketches);
        self.metering.report()
    }
}

/// Pods that serve the slices of a plan and meter a given load.
struct MeteredPods {
    /// Units per second in each block.
    load: Vec<u64>,
    /// A key with a load of its own, in units per second.
    hot: Option<(SliceKey, u64)>,
    assignment: Arc<Assignment>,
    pods: Vec<MeteredPod>,
    history: LoadHistory,
    now: Timestamp,
}

impl MeteredPods {
    fn new(load: Vec<u64>) -> Self {
        Self {
            load,
            hot: None,
            assignment: Arc::new(Assignment::unassigned()),
            pods: (0..POD_COUNT).map(|_| MeteredPod::new()).collect(),
            history: LoadHistory::default(),
            now: Timestamp::ZERO,
        }
    }

    fn follow(&mut self, plan: &ServingPlan) {
        let entries = plan.iter().map(|(block, pods)| (start_of(*block), serving(pods)));
        self.assign(entries.collect());
    }

    fn assign(&mut self, entries: Vec<(SliceKey, ReplicaSet)>) {
        let proposal = Proposal {
            pods: (0..POD_COUNT).map(pod).collect(),
            slices: SliceMap::try_from_starts(entries).unwrap(),
        };
        let Some(next) = proposal.after(&self.assignment) else {
            return;
        };
        self.assignment = Arc::new(next);
        for (number, metered) in self.pods.iter_mut().enumerate() {
            let Pod { name, incarnation, .. } = pod(number);
            let identity = Identity { name, incarnation };
            metered.follow(&self.assignment, &identity, self.now);
        }
    }

    /// Advances time; at the end of each second, the pods report one after the other.
    fn advance(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + SECOND;
            for number in 0..POD_COUNT {
                let counts = self.counts(number);
                self.sample_hot(number);
                let report = self.pods[number].collect(counts, self.now);
                let (name, at) = (pod(number).name, self.now + Duration::from_millis(100 * number as u64));
                self.history.record(&name, &report, at);
            }
        }
    }

    fn counts(&self, pod: usize) -> Vec<u64> {
        let ranges = self.pods[pod].ownership.ranges();
        let count = |(range, share): (Slice, &Option<_>)| {
            let share = share.as_ref()?;
            let emberkeep_core::slicelet::Share { serving_count, .. } = share;
            Some(self.true_load(&range) / u64::from(*serving_count))
        };
        ranges.iter().map(|range| count(range).unwrap_or_default()).collect()
    }

    fn sample_hot(&mut self, pod: usize) {
        let Some((key, units)) = self.hot.clone() else { return };
        let MeteredPod {
            ownership, sketches, ..
        } = &mut self.pods[pod];
        if let (_, Some(share)) = ownership.share_of(&key) {
            let seen = units / u64::from(share.serving_count);
            sketches[0].record_many(&key, seen, seen / SAMPLED_ONE_IN);
        }
        // All other requests are for keys that occur once.
        let others = (0..32).map(|number| self.now.as_micros() + number * 7);
        others.for_each(|number| sketches[0].record(&SliceKey::from_position(number.rotate_right(9)), SAMPLED_ONE_IN));
    }

    /// The load of a slice, in units per second.
    fn true_load(&self, slice: &Slice) -> u64 {
        let blocks = (0..BLOCK_COUNT).filter(|block| slice.contains(&start_of(*block)));
        let even: u64 = blocks.map(|block| self.load[block as usize]).sum();
        let hot = self.hot.iter().filter(|(key, _)| slice.contains(key));
        even + hot.map(|(_, units)| units).sum::<u64>()
    }

    fn map(&self) -> LoadMap {
        self.history.map(self.now + Duration::from_millis(500))
    }
}

fn units(load: Load) -> u64 {
    (load.milli() + 500) / 1_000
}

fn slice_plan() -> impl Strategy<Value = ServingPlan> {
    let serving = || prop::sample::subsequence((0..POD_COUNT).collect::<Vec<_>>(), 1..=POD_COUNT);
    let rest = prop::collection::btree_map(1..BLOCK_COUNT, serving(), 0..12);
    (serving(), rest).prop_map(|(first, rest)| {
        let mut plan = vec![(0, first)];
        plan.extend(rest);
        plan
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_load_is_lost_or_counted_twice_while_slices_are_cut_joined_moved_and_shared(
        plans in prop::collection::vec((slice_plan(), 1_u64..6), 1..8),
        load in 1_000_u64..10_000,
    ) {
        let mut pods = MeteredPods::new(vec![load; BLOCK_COUNT as usize]);
        for (plan, seconds) in plans {
            pods.follow(&plan);
            pods.advance(seconds);
            let total = pods.map().total();
            for total in [units(total.now), units(total.steady)] {
                let expected = load * BLOCK_COUNT;
                prop_assert!(total.abs_diff(expected) <= expected / 100, "{} of {}", total, expected);
            }
        }
    }
}

proptest! {
    // The tolerance is no theorem: about one plan in 15,000 exceeds it, where a slice without load was part of a very hot one.
    // With a fixed seed the cases are the same in each run.
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7), ..ProptestConfig::with_cases(64) })]

    #[test]
    fn after_half_a_minute_the_load_of_each_slice_is_known(
        plans in prop::collection::vec(slice_plan(), 2..5),
        load in prop::collection::vec(0_u64..10_000, BLOCK_COUNT as usize),
    ) {
        let mut pods = MeteredPods::new(load);
        for plan in &plans {
            pods.follow(plan);
            pods.advance(3);
        }
        pods.advance(30);
        let (map, total) = (pods.map(), pods.true_load(&Slice::FULL));
        for (slice, _) in pods.assignment.slices().iter() {
            let (known, truth) = (units(map.demand_of(&slice).now), pods.true_load(&slice));
            prop_assert!(known.abs_diff(truth) <= truth / 5 + total / 150, "{} has {}, not {}", slice, truth, known);
        }
    }
}

#[test]
fn a_slice_that_moves_keeps_its_load_until_the_new_owner_has_measured_it() {
    let mut pods = MeteredPods::new(vec![100; BLOCK_COUNT as usize]);
    pods.follow(&vec![(0, vec![0]), (32, vec![1])]);
    pods.advance(60);
    pods.follow(&vec![(0, vec![2]), (32, vec![1])]);
    let lower = Slice::new(SliceKey::EMPTY, Some(start_of(32))).unwrap();
    let known: Vec<_> = (0..40)
        .map(|_| {
            pods.advance(1);
            units(pods.map().demand_of(&lower).now)
        })
        .collect();
    assert!(known.iter().all(|units| (3_190..=3_210).contains(units)), "{known:?}");
}

#[test]
fn the_load_of_a_lost_pod_expires_after_five_minutes() {
    let mut pods = MeteredPods::new(vec![100; BLOCK_COUNT as usize]);
    pods.follow(&vec![(0, vec![0])]);
    pods.advance(20);
    pods.history.forget(&pod(0).name, pods.now);
    assert!(!pods.history.is_fresh(&pod(0).name, pods.now));
    assert_eq!(units(pods.map().total().now), 6_400);
    pods.now = pods.now + Duration::from_secs(301);
    assert_eq!(pods.map().total().now, Load::ZERO);
}

#[test]
fn a_key_with_a_third_of_all_load_is_known_after_four_seconds() {
    let mut pods = MeteredPods::new(vec![100; BLOCK_COUNT as usize]);
    let quarters: ServingPlan = (0..4).map(|pod| (16 * pod, vec![pod as usize])).collect();
    pods.follow(&quarters);
    pods.hot = Some((SliceKey::from_position(5 << 58 | 7), 16));
    pods.advance(60);
    pods.hot = Some((SliceKey::from_position(5 << 58 | 7), 3_200));
    pods.advance(4);
    let map = pods.map();
    let hottest = map.points().iter().max_by_key(|(_, demand)| demand.now).unwrap();
    assert_eq!(hottest.0, SliceKey::from_position(5 << 58 | 7));
    assert!(units(hottest.1.now) >= 3_000, "{:?}", hottest.1);
    assert!(units(hottest.1.steady) >= 3_000, "{:?}", hottest.1);
    let (total, truth) = (units(map.total().steady), pods.true_load(&Slice::FULL));
    assert!(total.abs_diff(truth) <= truth / 20, "{total} of {truth}");
}

#[test]
fn replicas_that_come_and_go_leave_the_load_of_a_hot_key_unchanged() {
    let mut pods = MeteredPods::new(vec![100; BLOCK_COUNT as usize]);
    let key = SliceKey::from_position(5 << 58 | 7);
    pods.hot = Some((key.clone(), 3_200));
    pods.follow(&vec![(0, vec![0]), (16, vec![1, 2, 3])]);
    pods.advance(20);
    for replicas in [vec![0, 1], vec![0, 1, 2, 3], vec![1, 2]] {
        pods.follow(&vec![(0, replicas), (16, vec![1, 2, 3])]);
        for _ in 0..5 {
            pods.advance(1);
            let map = pods.map();
            let known: Vec<_> = map.points().iter().filter(|(hot, _)| *hot == key).collect();
            assert!(units(known[0].1.now).abs_diff(3_200) <= 320, "{known:?}");
        }
    }
}

/// A pod that owns all keys, after three seconds of requests for 5,000 consecutive keys, each equally likely.
fn pod_with_natural_keys(name: impl Fn(u64) -> SliceKey) -> MeteredPods {
    let mut pods = MeteredPods::new(vec![0; BLOCK_COUNT as usize]);
    pods.follow(&vec![(0, vec![0])]);
    for second in 0..3 {
        for ordinal in 0..2_000_u64 {
            let number = (2_000 * second + ordinal).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let number = (number * 5_000) >> 32;
            let sketch = &mut pods.pods[0].sketches[number as usize % SKETCH_COUNT];
            sketch.record(&name(number), SAMPLED_ONE_IN);
        }
        pods.now = pods.now + SECOND;
        pods.pods[0].collect(vec![32_000], pods.now);
    }
    let report = pods.pods[0].metering.report();
    pods.history.record(&pod(0).name, &report, pods.now);
    pods
}

#[test]
fn a_slice_of_natural_keys_and_its_rates_are_split_in_the_middle_of_its_load() {
    let with_common_bytes = |number: u64| SliceKey::try_new(format!("customer/{number:05}").as_bytes()).unwrap();
    let in_a_corner = |number: u64| SliceKey::from_position((7 << 40) + number);
    let names: [&dyn Fn(u64) -> SliceKey; 2] = [&with_common_bytes, &in_a_corner];
    for name in names {
        let mut pods = pod_with_natural_keys(name);
        let half = Load::from_units(16_000);
        let split_key = pods.map().split_key(&Slice::FULL, half).unwrap();
        let left_count = (0..5_000).filter(|number| name(*number) < split_key).count();
        assert!(
            (2_000..3_000).contains(&left_count),
            "{left_count} of 5,000 keys are before {split_key}"
        );

        pods.assign(vec![(SliceKey::EMPTY, serving(&[0])), (split_key, serving(&[0]))]);
        let report = pods.pods[0].metering.report();
        let left = units(report.slices[0].fast);
        assert!((14_000..18_000).contains(&left), "{left} of 32,000");
        assert_eq!(units(report.total()), 32_000);
    }
}
