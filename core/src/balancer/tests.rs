//! What every decision keeps, whatever the signals.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::assignment::{Phase, SliceState};
use crate::keyspace::{Slice, SliceKey, SliceMap};
use crate::load::{Demand, Load, LoadMap};
use crate::pod::{Incarnation, Pod, PodAddress, PodName, Weight};

fn pod(number: usize, life: u128) -> Pod {
    Pod {
        name: PodName::try_new(&format!("pod-{number:03}")).unwrap(),
        incarnation: Incarnation(life),
        address: PodAddress::try_new(&format!("127.0.0.1:{}", 8_000 + number)).unwrap(),
        zone: "".into(),
        weight: Weight::ONE,
        memory_capacity: None,
    }
}

fn signals(pods: impl IntoIterator<Item = (usize, u128, bool)>) -> Signals {
    let signal = |(number, life, may_own)| {
        let pod = pod(number, life);
        let signal = PodSignal {
            pod,
            may_own,
            memory_capacity: None,
        };
        (signal.pod.name.clone(), signal)
    };
    Signals {
        pods: pods.into_iter().map(signal).collect(),
        load: LoadMap::idle(),
        left: BTreeSet::new(),
        scope: Scope::Repair,
        ledger: Ledger::default(),
        pins: Vec::new(),
        poisoned: Vec::new(),
    }
}

fn live(count: usize) -> Signals {
    signals((0..count).map(|number| (number, 0, true)))
}

fn decided(assignment: &Assignment, signals: &Signals, settings: &BalancerSettings) -> Assignment {
    let decision = decide(assignment, signals, settings, Timestamp::ZERO);
    decision.next.unwrap_or_else(|| assignment.clone())
}

fn first(count: usize) -> Assignment {
    decided(&Assignment::unassigned(), &live(count), &BalancerSettings::default())
}

fn served_by(assignment: &Assignment) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for pod in assignment.slices().values().flat_map(|state| state.replicas.serving()) {
        *counts.entry(assignment.pod(pod).name.as_str()).or_default() += 1;
    }
    counts
}

/// All leaving replicas, as if each had lingered long enough.
fn all_leaving(assignment: &Assignment) -> BTreeSet<(SliceKey, PodName)> {
    let leaving = |(slice, state): (Slice, &SliceState)| {
        let replicas = state.replicas.iter().filter(|replica| replica.phase == Phase::Leaving);
        replicas
            .map(|replica| (slice.start().clone(), assignment.pod(replica.pod).name.clone()))
            .collect::<Vec<_>>()
    };
    assignment.slices().iter().flat_map(leaving).collect()
}

#[test]
fn the_first_assignment_deals_slices_out_evenly() {
    let assignment = first(3);
    assert_eq!(assignment.generation().number(), 1);
    let counts = served_by(&assignment);
    assert_eq!(counts.values().sum::<usize>(), 128);
    assert!(counts.values().all(|count| (42..=43).contains(count)), "{counts:?}");
}

#[test]
fn the_slices_of_a_dead_pod_are_spread_and_no_other_moves() {
    let before = first(4);
    let decision = decide(&before, &live(3), &BalancerSettings::default(), Timestamp::ZERO);
    let after = decision.next.unwrap();
    let dead = PodName::try_new("pod-003").unwrap();
    assert_eq!(after.index_of(&dead), None);
    assert_eq!(decision.report.moves.len(), served_by(&before)["pod-003"]);
    assert!(served_by(&after).values().all(|count| (42..=43).contains(count)));
}

#[test]
fn a_pod_that_joins_is_filled_to_the_mean_by_moves_to_it_alone() {
    let decision = decide(&first(3), &live(4), &BalancerSettings::default(), Timestamp::ZERO);
    assert!(decision.report.moves.iter().all(|moved| moved.to.as_str() == "pod-003"));
    assert!(served_by(&decision.next.unwrap()).values().all(|count| *count == 32));
}

#[test]
fn a_new_life_of_a_pod_takes_over_the_slices_of_the_old_one() {
    let before = first(3);
    let signals = signals([(0, 0, true), (1, 7, true), (2, 0, true)]);
    let decision = decide(&before, &signals, &BalancerSettings::default(), Timestamp::ZERO);
    let after = decision.next.unwrap();
    assert!(decision.report.moves.is_empty());
    assert_eq!(served_by(&after), served_by(&before));
    let renewed = after.index_of(&PodName::try_new("pod-001").unwrap()).unwrap();
    assert!(
        after
            .shares_of(renewed)
            .all(|(_, state, _)| state.epoch == after.generation())
    );
}

#[test]
fn a_draining_pod_keeps_each_slice_until_a_successor_has_it() {
    let before = first(2);
    let mut draining = signals([(0, 0, true), (1, 0, false)]);
    let moved = decided(&before, &draining, &BalancerSettings::default());
    let pod = moved.index_of(&PodName::try_new("pod-001").unwrap()).unwrap();
    assert_eq!(moved.shares_of(pod).count(), served_by(&before)["pod-001"]);
    assert!(
        moved
            .shares_of(pod)
            .all(|(_, state, phase)| phase == Phase::Leaving && state.replicas.serving().count() == 1)
    );

    draining.left = all_leaving(&moved);
    let left = decided(&moved, &draining, &BalancerSettings::default());
    assert_eq!(left.index_of(&PodName::try_new("pod-001").unwrap()), None);
}

#[test]
fn the_last_pod_keeps_serving_while_it_drains() {
    let before = first(1);
    let decision = decide(
        &before,
        &signals([(0, 0, false)]),
        &BalancerSettings::default(),
        Timestamp::ZERO,
    );
    assert_eq!(decision.next, None);
}

#[test]
fn load_moves_off_a_pod_that_is_over_the_band_and_stops_well_inside() {
    let settings = BalancerSettings {
        max_load_hint: Load::from_units(100),
        ..BalancerSettings::default()
    };
    let before = first(4);
    let hot = before.index_of(&PodName::try_new("pod-000").unwrap()).unwrap();
    let loads = before.shares_of(hot).map(|(slice, _, _)| (slice, Load::from_units(10)));
    let mut signals = live(4);
    signals.load = load_of(loads);
    assert_eq!(
        decide(&before, &signals, &settings, Timestamp::ZERO).next,
        None,
        "repair moves nothing for load"
    );

    signals.scope = Scope::Balance;
    let decision = decide(&before, &signals, &settings, Timestamp::ZERO);
    assert_eq!(decision.report.before.max, Load::from_units(320));
    assert!(
        decision.report.after.max <= Load::from_units(90),
        "{:?}",
        decision.report.after
    );
    assert!(
        decision
            .report
            .moves
            .iter()
            .all(|moved| moved.cause == Cause::Imbalance)
    );
}

#[test]
fn replicas_are_in_different_zones_where_there_are_zones() {
    let settings = BalancerSettings {
        min_replicas: 2,
        max_replicas: 2,
        ..BalancerSettings::default()
    };
    let mut signals = live(4);
    for (number, signal) in signals.pods.values_mut().enumerate() {
        signal.pod.zone = if number < 2 { "a".into() } else { "b".into() };
    }
    let assignment = decided(&Assignment::unassigned(), &signals, &settings);
    for state in assignment.slices().values() {
        let zones: BTreeSet<_> = state
            .replicas
            .serving()
            .map(|pod| assignment.pod(pod).zone.clone())
            .collect();
        assert_eq!(zones.len(), 2);
    }
}

/// The map of slices that have this load, and of idle keys between them.
fn load_of(slices: impl Iterator<Item = (Slice, Load)>) -> LoadMap {
    let mut pieces = BTreeMap::from([(SliceKey::EMPTY, Demand::NONE)]);
    for (slice, load) in slices {
        pieces.insert(slice.start().clone(), Demand::steady(load));
        if let Some(end) = slice.end() {
            pieces.entry(end.clone()).or_insert(Demand::NONE);
        }
    }
    LoadMap::new(
        SliceMap::try_from_starts(pieces.into_iter().collect()).unwrap(),
        Vec::new(),
    )
}

fn any_signals() -> impl Strategy<Value = Signals> {
    let pods = prop::collection::btree_map(0_usize..8, (0_u128..2, prop::bool::weighted(0.8), 200_u32..3_000), 0..8);
    let loads = prop::collection::vec(0_u64..200_000, 16);
    (pods, loads, any::<bool>()).prop_map(|(pods, loads, balance)| {
        let mut signals = signals(
            pods.iter()
                .map(|(number, (life, may_own, _))| (*number, *life, *may_own)),
        );
        for (signal, (_, _, weight)) in signals.pods.values_mut().zip(pods.values()) {
            signal.pod.weight = Weight::from_thousandths(*weight).unwrap();
        }
        let sixteenth = |at: u64| SliceKey::from_position(at << 60);
        let slices = loads.into_iter().zip(0..).map(|(milli, at)| {
            let end = (at < 15).then(|| sixteenth(at + 1));
            let start = if at == 0 { SliceKey::EMPTY } else { sixteenth(at) };
            (Slice::new(start, end).unwrap(), Load::from_milli(milli))
        });
        signals.load = load_of(slices);
        signals.scope = if balance { Scope::Balance } else { Scope::Repair };
        signals
    })
}

fn any_settings() -> impl Strategy<Value = BalancerSettings> {
    (1_u32..4, 0_u32..3, 1_u32..8, 1_u64..500).prop_map(|(min, more, per_pod, hint)| BalancerSettings {
        max_load_hint: Load::from_units(hint),
        min_replicas: min,
        max_replicas: min + more,
        slices_per_pod_min: per_pod,
        ..BalancerSettings::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_key_has_live_owners_through_any_history(
        history in prop::collection::vec((any_signals(), any::<bool>()), 1..8),
        settings in any_settings(),
    ) {
        let mut assignment = Assignment::unassigned();
        for (mut signals, has_lingered) in history {
            if has_lingered {
                signals.left = all_leaving(&assignment);
            }
            assignment = decided(&assignment, &signals, &settings);
            let owners = signals.pods.values().filter(|signal| signal.may_own).count();
            for (slice, state) in assignment.slices().iter() {
                for replica in state.replicas.iter() {
                    let pod = assignment.pod(replica.pod);
                    prop_assert_eq!(Some(pod), signals.pods.get(&pod.name).map(|signal| &signal.pod), "no dead owner");
                }
                let serving = state.replicas.serving().count();
                let bounds = (settings.min_replicas as usize).min(owners)..=settings.max_replicas as usize;
                prop_assert!(owners == 0 || bounds.contains(&serving), "{} has {} owners", slice, serving);
            }
        }
    }

    #[test]
    fn deciding_again_on_its_own_result_changes_nothing(
        first in any_signals(),
        second in any_signals(),
        settings in any_settings(),
    ) {
        let before = decided(&Assignment::unassigned(), &first, &settings);
        let decision = decide(&before, &second, &settings, Timestamp::ZERO);
        let after = decision.next.unwrap_or(before);
        let again = decide(&after, &second, &settings, Timestamp::ZERO);
        prop_assert_eq!(again.next, None, "{}", again.report);
    }

    #[test]
    fn the_same_input_gives_the_same_decision(signals in any_signals(), settings in any_settings()) {
        let decide = || decide(&Assignment::unassigned(), &signals, &settings, Timestamp::ZERO);
        prop_assert_eq!(decide(), decide());
    }
}
