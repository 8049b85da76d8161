//! Properties of every decision, for any signals.

use proptest::prelude::*;

use super::*;
use crate::pod::Weight;

fn any_signals() -> impl Strategy<Value = Signals> {
    let pods = prop::collection::btree_map(0_u64..8, (0_u128..2, prop::bool::weighted(0.8), 200_u32..3_000), 0..8);
    let rates = || (0_u64..200_000, 0_u64..200_000);
    let loads = prop::collection::vec(rates(), 16);
    let hot = prop::collection::btree_map(any::<u64>(), rates(), 0..5);
    let demand = |now, steady| Demand {
        now: Load::from_milli(now),
        steady: Load::from_milli(steady),
        memory: 0,
    };
    (pods, loads, hot, any::<bool>()).prop_map(move |(pods, loads, hot, balance)| {
        let mut signals = signals(
            pods.iter()
                .map(|(number, (incarnation, may_own, _))| (*number, *incarnation, *may_own)),
        );
        for (signal, (_, _, weight)) in signals.pods.values_mut().zip(pods.values()) {
            signal.pod.weight = Weight::from_thousandths(*weight).unwrap();
        }
        let sixteenth = |at: u64| SliceKey::from_position(at << 60);
        let pieces = loads.into_iter().zip(0..).map(|((now, steady), at)| {
            let start = if at == 0 { SliceKey::EMPTY } else { sixteenth(at) };
            (start, demand(now, steady))
        });
        let points = hot
            .into_iter()
            .map(|(key, (now, steady))| (SliceKey::from_position(key), demand(now, steady)));
        let points = points.collect();
        signals.load = LoadMap::new(SliceMap::try_from_starts(pieces.collect()).unwrap(), points);
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
                signals.lingered = all_leaving(&assignment);
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
        mut second in any_signals(),
        settings in any_settings(),
    ) {
        let before = decided(&Assignment::unassigned(), &first, &settings);
        let decision = decide(&before, &second, &settings, Timestamp::ZERO);
        second.recent_moves.record(&decision.report);
        let after = decision.next.unwrap_or(before);
        let again = decide(&after, &second, &settings, Timestamp::ZERO);
        prop_assert_eq!(again.next, None, "first {}; again {}", decision.report, again.report);
    }

    #[test]
    fn the_same_input_gives_the_same_decision(signals in any_signals(), settings in any_settings()) {
        let decide = || decide(&Assignment::unassigned(), &signals, &settings, Timestamp::ZERO);
        prop_assert_eq!(decide(), decide());
    }
}
