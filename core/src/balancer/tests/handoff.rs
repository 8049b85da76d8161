//! Handoffs: the steps of replicas to their planned owners.

use proptest::prelude::*;

use super::*;
use crate::assignment::Replica;

/// The signals while no replica is warm.
fn none_warm(signals: Signals) -> Signals {
    Signals {
        warm: WarmReplicas::Only(BTreeSet::new()),
        ..signals
    }
}

/// The signals once all warming replicas are warm.
fn all_warm(signals: Signals, assignment: &Assignment) -> Signals {
    Signals {
        warm: WarmReplicas::Only(all_in(Phase::Warming, assignment)),
        ..signals
    }
}

/// How many replicas the pod has in each phase: warming, serving, yielding, leaving.
fn phases_of(number: u64, assignment: &Assignment) -> [usize; 4] {
    let index = assignment.index_of(&pod_name(number));
    let count = |wanted| {
        let shares = index.into_iter().flat_map(|index| assignment.shares_of(index));
        shares.filter(|(_, _, phase)| *phase == wanted).count()
    };
    [Phase::Warming, Phase::Serving, Phase::Yielding, Phase::Leaving].map(count)
}

/// Two pods, of which the second drains: the signals, and the assignment after the first step.
fn draining() -> (Signals, Assignment) {
    let signals = none_warm(signals([(0, 0, true), (1, 0, false)]));
    let next = decided(&first(2), &signals, &BalancerSettings::default());
    (signals, next)
}

#[test]
fn the_first_owners_serve_at_once() {
    let assignment = decided(
        &Assignment::unassigned(),
        &none_warm(live(2)),
        &BalancerSettings::default(),
    );
    assert_eq!(phases_of(0, &assignment), [0, 32, 0, 0]);
}

#[test]
fn an_owner_yields_until_its_successor_is_warm_then_leaves_then_is_removed() {
    let settings = BalancerSettings::default();
    let (signals, warming) = draining();
    assert_eq!(phases_of(0, &warming), [32, 32, 0, 0]);
    assert_eq!(phases_of(1, &warming), [0, 0, 32, 0]);
    let epochs = |assignment: &Assignment| assignment.slices().values().map(|state| state.epoch).max();
    assert_eq!(
        epochs(&warming),
        epochs(&first(2)),
        "the answering pods have not changed"
    );

    let switch = all_warm(signals, &warming);
    let report = decide(&warming, &switch, &settings, Timestamp::ZERO).report;
    assert_eq!((report.switch_count, report.moves.len()), (32, 0));
    let switched = decided(&warming, &switch, &settings);
    assert_eq!(phases_of(0, &switched), [0, 64, 0, 0]);
    assert_eq!(phases_of(1, &switched), [0, 0, 0, 32]);
    assert!(epochs(&switched) > epochs(&warming));

    let left = Signals {
        lingered: all_leaving(&switched),
        ..switch
    };
    assert_eq!(phases_of(1, &decided(&switched, &left, &settings)), [0; 4]);
}

#[test]
fn each_slice_switches_on_its_own_when_it_is_warm() {
    let (signals, warming) = draining();
    let some = all_in(Phase::Warming, &warming).into_iter().step_by(4).collect();
    let signals = Signals {
        warm: WarmReplicas::Only(some),
        ..signals
    };
    let next = decided(&warming, &signals, &BalancerSettings::default());
    assert_eq!(phases_of(0, &next), [24, 40, 0, 0]);
    assert_eq!(phases_of(1, &next), [0, 0, 24, 8]);
}

#[test]
fn when_a_successor_dies_the_owner_keeps_its_slices() {
    let (_, warming) = draining();
    let alone = none_warm(signals([(1, 0, true)]));
    let next = decided(&warming, &alone, &BalancerSettings::default());
    assert_eq!(
        phases_of(1, &next),
        [0, 64, 0, 0],
        "and gets the slices of the dead pod"
    );
}

#[test]
fn a_successor_serves_at_once_when_the_owner_dies() {
    let (_, warming) = draining();
    let alone = none_warm(signals([(0, 0, true)]));
    let next = decided(&warming, &alone, &BalancerSettings::default());
    assert_eq!(phases_of(0, &next), [0, 64, 0, 0]);
}

#[test]
fn a_replacement_takes_over_all_slices_of_the_replaced_pod() {
    let settings = BalancerSettings::default();
    let signals = none_warm(signals([(0, 0, true), (1, 0, false), (2, 0, true)]));
    let mut assignment = decided(&first(2), &signals, &settings);
    assert_eq!(phases_of(2, &assignment), [32, 0, 0, 0]);
    assert_eq!(phases_of(0, &assignment), [0, 32, 0, 0]);
    for _ in 0..3 {
        let some = all_in(Phase::Warming, &assignment).into_iter().step_by(2).collect();
        let warm = WarmReplicas::Only(some);
        let signals = Signals {
            warm,
            ..signals.clone()
        };
        assignment = decided(&assignment, &signals, &settings);
    }
    assert_eq!(
        phases_of(2, &assignment),
        [4, 28, 0, 0],
        "it gets no other slices meanwhile"
    );
    assert_eq!(phases_of(0, &assignment), [0, 32, 0, 0]);
}

#[test]
fn a_hot_key_gets_more_owners_beside_its_warm_one() {
    let settings = BalancerSettings {
        max_load_hint: Load::from_units(100),
        max_replicas: 3,
        ..BalancerSettings::default()
    };
    let hot = Signals {
        load: load(100, &[(1 << 60, 300)]),
        scope: Scope::Balance,
        ..none_warm(live(4))
    };
    let next = decided(&first(4), &hot, &settings);
    let (_, state) = next.get(&SliceKey::from_position(1 << 60));
    let count = |wanted| state.replicas.iter().filter(|replica| replica.phase == wanted).count();
    assert_eq!(count(Phase::Serving), 1, "it serves alone until others are warm");
    assert!(count(Phase::Warming) > 0);
    assert_eq!(count(Phase::Yielding), 0);
}

/// The inputs of one decision: the live pods with their incarnations and whether they may own slices, and that every nth
/// warming and every nth leaving replica is done.
fn any_step() -> impl Strategy<Value = (Vec<(u64, u128, bool)>, usize, usize)> {
    let pods = prop::collection::btree_map(0_u64..6, (0_u128..2, prop::bool::weighted(0.7)), 1..6);
    let pods = pods.prop_map(|pods| {
        pods.into_iter()
            .map(|(number, (incarnation, owns))| (number, incarnation, owns))
            .collect()
    });
    (pods, 1_usize..5, 1_usize..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_served_slice_with_a_live_owner_is_always_served(
        steps in prop::collection::vec(any_step(), 1..8),
        replicas in 1_u32..3,
    ) {
        let settings = BalancerSettings {
            min_replicas: replicas,
            max_replicas: replicas + 1,
            slices_per_pod_min: 4,
            ..BalancerSettings::default()
        };
        let mut assignment = Assignment::unassigned();
        for (pods, nth_warm, nth_left) in steps {
            let mut signals = none_warm(signals(pods));
            let nth = |phase, nth| all_in(phase, &assignment).into_iter().step_by(nth).collect();
            signals.warm = WarmReplicas::Only(nth(Phase::Warming, nth_warm));
            signals.lingered = nth(Phase::Leaving, nth_left);
            let decision = decide(&assignment, &signals, &settings, Timestamp::ZERO);
            signals.recent_moves.record(&decision.report);
            let next = decision.next.unwrap_or_else(|| assignment.clone());
            for (slice, state) in next.slices().iter() {
                for (_, old) in assignment.slices().overlapping(&slice) {
                    let is_alive = |pod| signals.pods.get(&assignment.pod(pod).name).is_some_and(|live| live.pod == *assignment.pod(pod));
                    let was_served = old.replicas.serving().any(is_alive);
                    prop_assert!(!was_served || !state.is_unserved(), "{} is not served any more", slice);
                }
                let warming = state.replicas.warming().count();
                let is_yielding = |replica: &Replica| replica.phase == Phase::Yielding;
                let yielding = state.replicas.iter().filter(is_yielding).count();
                prop_assert!(yielding <= warming, "{} has {} yielding and {} warming replicas", slice, yielding, warming);
            }
            let again = decide(&next, &signals, &settings, Timestamp::ZERO);
            prop_assert_eq!(again.next, None);
            assignment = next;
        }
    }

    #[test]
    fn once_all_handoffs_are_complete_every_slice_has_only_its_owners(
        pods in any_step(),
        more in any_step(),
        replicas in 1_u32..3,
    ) {
        let settings = BalancerSettings {
            min_replicas: replicas,
            max_replicas: replicas,
            slices_per_pod_min: 4,
            ..BalancerSettings::default()
        };
        let mut assignment = Assignment::unassigned();
        for pods in [pods.0, more.0] {
            let mut signals = none_warm(signals(pods));
            for _ in 0..4 {
                signals.lingered = all_leaving(&assignment);
                signals = all_warm(signals, &assignment);
                assignment = decided(&assignment, &signals, &settings);
            }
            let is_settled = |state: &SliceState| state.replicas.iter().all(|replica| replica.phase == Phase::Serving);
            prop_assert!(assignment.slices().values().all(is_settled));
        }
    }
}
