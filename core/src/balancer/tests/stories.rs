//! Stories of pods that join, drain, restart and die.

use super::*;

#[test]
fn the_first_assignment_spreads_slices_evenly() {
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
    let dead = pod_name(3);
    assert_eq!(after.index_of(&dead), None);
    assert_eq!(decision.report.moves.len(), served_by(&before)["pod-3"]);
    assert!(served_by(&after).values().all(|count| (42..=43).contains(count)));
}

#[test]
fn a_pod_that_joins_is_filled_to_the_mean_by_moves_to_it_alone() {
    let decision = decide(&first(3), &live(4), &BalancerSettings::default(), Timestamp::ZERO);
    assert!(decision.report.moves.iter().all(|moved| moved.to.as_str() == "pod-3"));
    assert!(served_by(&decision.next.unwrap()).values().all(|count| *count == 32));
}

#[test]
fn a_restarted_pod_keeps_its_slices() {
    let before = first(3);
    let signals = signals([(0, 0, true), (1, 7, true), (2, 0, true)]);
    let decision = decide(&before, &signals, &BalancerSettings::default(), Timestamp::ZERO);
    let after = decision.next.unwrap();
    assert!(decision.report.moves.is_empty());
    assert_eq!(served_by(&after), served_by(&before));
    let renewed = after.index_of(&pod_name(1)).unwrap();
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
    let pod = moved.index_of(&pod_name(1)).unwrap();
    assert_eq!(moved.shares_of(pod).count(), served_by(&before)["pod-1"]);
    assert!(
        moved
            .shares_of(pod)
            .all(|(_, state, phase)| phase == Phase::Leaving && state.replicas.serving().count() == 1)
    );

    draining.lingered = all_leaving(&moved);
    let left = decided(&moved, &draining, &BalancerSettings::default());
    assert_eq!(left.index_of(&pod_name(1)), None);
}

#[test]
fn a_draining_pod_takes_its_slices_back_when_no_other_pod_is_left() {
    let before = first(2);
    let settings = BalancerSettings::default();
    let moved = decided(&before, &signals([(0, 0, true), (1, 0, false)]), &settings);
    let alone = decided(&moved, &signals([(1, 0, false)]), &settings);
    let left = BTreeMap::from([("pod-1", served_by(&before)["pod-1"])]);
    assert_eq!(served_by(&alone), left);
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
fn replicas_are_in_different_zones_if_there_are_zones() {
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
