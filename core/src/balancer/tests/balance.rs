//! Stories of load: moves for balance, replicas of hot keys, memory, pins and poison.

use std::time::Duration;

use super::*;

/// Ten pods with a capacity of 100 units each and a tolerance of 10 units.
const POD_COUNT: u64 = 10;

fn settings(max_replicas: u32) -> BalancerSettings {
    BalancerSettings {
        max_load_hint: Load::from_units(100),
        max_replicas,
        ..BalancerSettings::default()
    }
}

fn signals_with(load: LoadMap) -> Signals {
    Signals {
        load,
        scope: Scope::Balance,
        ..live(POD_COUNT)
    }
}

/// Decides every 5 s until nothing changes, at most 120 times; returns all reports and the last assignment.
fn settled(
    before: &Assignment,
    signals: &mut Signals,
    settings: &BalancerSettings,
) -> (Vec<DecisionReport>, Assignment) {
    let mut assignment = before.clone();
    let mut reports = Vec::new();
    for round in 0..120 {
        signals.lingered = all_leaving(&assignment);
        let now = Timestamp::from_millis(3_600_000 + round * 5_000);
        let decision = decide(&assignment, signals, settings, now);
        let Some(next) = decision.next else { break };
        signals.recent_moves.record(&decision.report);
        reports.push(decision.report);
        assignment = next;
    }
    (reports, assignment)
}

fn moved_share(report: &DecisionReport) -> f64 {
    let voluntary = report.moves.iter().filter(|moved| moved.cause.is_voluntary());
    let moved: Load = voluntary.map(|moved| moved.load).sum();
    moved.milli() as f64 / report.total.milli() as f64
}

#[test]
fn load_moves_in_rounds_of_nine_percent_until_all_pods_are_in_the_band() {
    let settings = settings(1);
    let mut signals = signals_with(load(500, &[]));
    let even = decided(&Assignment::unassigned(), &signals, &settings);
    let hot: Vec<_> = even
        .shares_of(crate::assignment::PodIndex(0))
        .map(|(slice, ..)| slice.start().position())
        .collect();
    // 25 slices of the first pod get a hot key with 4 units each: the pod carries 150 units.
    let points: Vec<_> = hot.iter().take(25).map(|position| (position + 1, 4)).collect();
    signals.load = load(500, &points);
    let (reports, _) = settled(&even, &mut signals, &settings);
    let last = reports.last().unwrap();
    assert!(reports[0].before.max > Load::from_units(145), "{}", reports[0]);
    assert!(last.after.max <= Load::from_units(70), "{last}");
    assert!(reports.iter().all(|report| moved_share(report) <= 0.09));
    assert!(
        reports
            .iter()
            .flat_map(|report| &report.moves)
            .all(|moved| moved.cause == MoveCause::Imbalance || moved.load == Load::ZERO)
    );
}

#[test]
fn two_hot_keys_on_one_pod_are_separated() {
    let settings = settings(1);
    let mut signals = signals_with(load(400, &[]));
    let even = decided(&Assignment::unassigned(), &signals, &settings);
    let (slice, _) = even.get(&SliceKey::from_position(1 << 60));
    let key = slice.start().position();
    signals.load = load(400, &[(key + 1, 50), (key + 1_000, 50)]);
    assert_eq!(owners_of(&even, key + 1), owners_of(&even, key + 1_000));
    let (reports, assignment) = settled(&even, &mut signals, &settings);
    assert_ne!(owners_of(&assignment, key + 1), owners_of(&assignment, key + 1_000));
    assert!(
        reports.last().unwrap().after.max <= Load::from_units(61),
        "{}",
        reports.last().unwrap()
    );
}

#[test]
fn a_key_above_the_capacity_of_a_pod_gets_replicas_and_loses_them_when_it_cools() {
    let settings = settings(8);
    let mut signals = signals_with(load(300, &[(77, 1)]));
    let even = decided(&Assignment::unassigned(), &signals, &settings);
    let warm = owners_of(&even, 77);
    signals.load = load(300, &[(77, 200)]);
    let (reports, hot) = settled(&even, &mut signals, &settings);
    assert!(owners_of(&hot, 77).len() > 2 && owners_of(&hot, 77).contains(&warm[0]));
    assert!(
        reports.last().unwrap().after.max <= Load::from_units(61),
        "{}",
        reports.last().unwrap()
    );
    for units in [100, 50, 20, 1] {
        signals.load = load(300, &[(77, units)]);
        (_, _) = settled(&hot, &mut signals, &settings);
    }
    let (_, cold) = settled(&hot, &mut signals, &settings);
    assert_eq!(owners_of(&cold, 77).len(), 1);
}

#[test]
fn noise_swaps_nothing() {
    let settings = settings(1);
    let mut signals = signals_with(load(400, &[(77, 20), (78, 20)]));
    let before = decided(&Assignment::unassigned(), &signals, &settings);
    let noisy = |now| Demand {
        now: Load::from_units(now),
        ..Demand::steady(Load::from_units(20))
    };
    let even = SliceMap::full(Demand::steady(Load::from_units(400)));
    let points = [(77, noisy(36)), (78, noisy(24))].map(|(key, demand)| (SliceKey::from_position(key), demand));
    signals.load = LoadMap::new(even, points.to_vec());
    let decision = decide(&before, &signals, &settings, Timestamp::from_millis(5_000));
    let moved: Load = decision.report.moves.iter().map(|moved| moved.load).sum();
    assert!(moved < Load::from_units(20), "{}", decision.report);
}

#[test]
fn a_pod_receives_no_more_than_fits_its_memory() {
    let settings = settings(1);
    let demand = Demand {
        memory: 1_000_000,
        ..Demand::steady(Load::from_units(500))
    };
    let mut signals = signals_with(LoadMap::new(SliceMap::full(demand), Vec::new()));
    for (signal, capacity) in signals.pods.values_mut().zip([40_000, 20_000]) {
        signal.pod.memory_capacity = Some(capacity);
    }
    let assignment = decided(&Assignment::unassigned(), &signals, &settings);
    for (name, capacity) in [("pod-0", 40_000), ("pod-1", 20_000)] {
        let pod = assignment.index_of(&PodName::try_new(name).unwrap()).unwrap();
        let shares = assignment.shares_of(pod);
        let memory: u64 = shares.map(|(slice, ..)| signals.load.demand_of(&slice).memory).sum();
        assert!(
            memory > capacity / 2 && memory <= capacity,
            "{name} holds {memory} of {capacity}"
        );
    }
}

#[test]
fn a_pod_with_too_little_memory_gives_the_least_used_slices_away() {
    let settings = settings(1);
    let warm = |memory| Demand {
        memory,
        ..Demand::steady(Load::from_units(500))
    };
    let mut signals = signals_with(LoadMap::new(SliceMap::full(warm(0)), Vec::new()));
    let before = decided(&Assignment::unassigned(), &signals, &settings);
    signals.load = LoadMap::new(SliceMap::full(warm(10_000_000)), Vec::new());
    let pod = pod_name(3);
    signals.pods.get_mut(&pod).unwrap().pod.memory_capacity = Some(600_000);
    signals.scope = Scope::Repair;
    let decision = decide(&before, &signals, &settings, Timestamp::ZERO);
    assert!(
        decision
            .report
            .moves
            .iter()
            .all(|moved| moved.cause == MoveCause::Memory && moved.from.as_ref() == Some(&pod))
    );
    let after = decision.next.unwrap();
    let serving = after
        .shares_of(after.index_of(&pod).unwrap())
        .filter(|(.., phase)| *phase == Phase::Serving);
    let memory: u64 = serving.map(|(slice, ..)| signals.load.demand_of(&slice).memory).sum();
    assert!(memory > 500_000 && memory <= 600_000, "{memory}");
}

#[test]
fn pinned_keys_stay_with_their_pod_and_return_to_it_after_a_drain() {
    let settings = settings(1);
    let mut signals = signals_with(load(500, &[]));
    let pinned = Slice::new(SliceKey::from_position(1 << 60), Some(SliceKey::from_position(3 << 59))).unwrap();
    let pod = pod_name(7);
    signals.pins = vec![Pin {
        slice: pinned.clone(),
        pod: pod.clone(),
    }];
    let (_, assignment) = settled(&Assignment::unassigned(), &mut signals, &settings);
    for position in [1 << 60, (1 << 60) + 12_345, (3 << 59) - 1] {
        assert_eq!(owners_of(&assignment, position), ["pod-7"]);
    }
    signals.pods.get_mut(&pod).unwrap().may_own = false;
    let (_, moved) = settled(&assignment, &mut signals, &settings);
    assert_ne!(owners_of(&moved, 1 << 60), ["pod-7"]);
    signals.pods.get_mut(&pod).unwrap().may_own = true;
    let (_, back) = settled(&moved, &mut signals, &settings);
    assert_eq!(owners_of(&back, 1 << 60), ["pod-7"]);
}

#[test]
fn poisoned_keys_gather_on_one_pod_and_their_hot_keys_are_split_off() {
    let settings = settings(1);
    let mut signals = signals_with(load(500, &[(1 << 61, 3)]));
    let before = decided(&Assignment::unassigned(), &signals, &settings);
    let (slice, _) = before.get(&SliceKey::from_position(1 << 61));
    let owner = PodName::try_new(&owners_of(&before, 1 << 61)[0]).unwrap();
    signals.poisoned = vec![slice.clone()];
    signals.pods.remove(&owner);
    let (_, after) = settled(&before, &mut signals, &settings);
    assert!(after.get(&SliceKey::from_position(1 << 61)).0.holds_one_key());
    let owners: BTreeSet<_> = after
        .slices()
        .overlapping(&slice)
        .flat_map(|(part, _)| owners_of(&after, part.start().position()))
        .collect();
    assert_eq!(owners.len(), 1, "{owners:?}");
}

#[test]
fn neighbours_are_merged_when_there_are_too_many_slices() {
    let settings = settings(1);
    let mut signals = signals_with(load(500, &[]));
    let before = decided(&Assignment::unassigned(), &signals, &settings);
    assert_eq!(before.slices().slice_count(), 512);
    signals.pods = live(3).pods;
    let (reports, after) = settled(&before, &mut signals, &settings);
    assert!(after.slices().slice_count() <= 240, "{}", after.slices().slice_count());
    assert!(reports.iter().skip(1).all(|report| moved_share(report) <= 0.09));
}

#[test]
fn no_slice_moves_twice_within_its_cooldown() {
    let settings = settings(1);
    let mut signals = signals_with(load(400, &[(77, 30)]));
    let before = decided(&Assignment::unassigned(), &signals, &settings);
    let (reports, after) = settled(&before, &mut signals, &settings);
    assert!(reports.len() <= 1, "the first assignment is balanced already");
    signals.load = load(400, &[(77, 30), (1 << 62, 45)]);
    let (reports, _) = settled(&after, &mut signals, &settings);
    let mut moved = BTreeSet::new();
    let moves = reports.iter().flat_map(|report| &report.moves);
    assert!(moves.clone().count() > 0 && moves.map(|moved| moved.slice.clone()).all(|slice| moved.insert(slice)));
}

#[test]
fn the_move_history_forgets_after_ten_minutes() {
    let mut recent_moves = MoveHistory::default();
    let report = |seconds: u64, units: u64| DecisionReport {
        decided_at: Timestamp::from_millis(seconds * 1_000),
        moves: vec![Move {
            slice: Slice::FULL,
            from: None,
            to: PodName::try_new("pod").unwrap(),
            load: Load::from_units(units),
            gain: Load::from_units(units),
            cause: MoveCause::Imbalance,
        }],
        ..decide(
            &Assignment::unassigned(),
            &signals_with(load(100, &[])),
            &settings(1),
            Timestamp::ZERO,
        )
        .report
    };
    recent_moves.record(&report(0, 5));
    recent_moves.record(&report(500, 7));
    let now = Timestamp::from_millis(500_000);
    assert_eq!(recent_moves.moved_within(Duration::from_secs(600), now), 120_000);
    recent_moves.record(&report(601, 1));
    assert_eq!(
        recent_moves
            .slices_within(Duration::MAX, Timestamp::from_millis(601_000))
            .count(),
        2
    );
}

/// The reports of the worked example in the README, round by round.
fn worked_example() -> String {
    let settings = settings(1);
    let mut signals = Signals {
        load: load(200, &[]),
        scope: Scope::Balance,
        ..live(4)
    };
    let even = decided(&Assignment::unassigned(), &signals, &settings);
    signals.load = load(200, &[((7 << 60) + 1, 60)]);
    let (reports, _) = settled(&even, &mut signals, &settings);
    let reports = reports.iter().filter(|report| !report.moves.is_empty());
    let lines = reports
        .zip(1..)
        .map(|(report, round)| format!("round {round}: {report}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_readme_shows_the_reports_of_the_worked_example() {
    let example = worked_example();
    assert!(
        include_str!("../README.md").contains(&example),
        "the README must contain\n{example}"
    );
}
