//! Outages: whether so many pods have fallen silent at once that it may be the network and not the pods.
//!
//! When a zone, a switch or this member's own network fails, many pods seem lost together, and most of them are likely
//! to come back. Two things follow. For a minute nothing moves for balance: what has lost its owner is repaired all the
//! same, but to move more than that would cost warmth just when there is least of it. And for ten seconds it takes
//! more than usual to believe that a pod is dead, see [`super::caution`]. To hold still costs little, so that two pods
//! are reason enough; to keep dead pods costs requests, so that it takes three.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::PodRecord;
use crate::pod::PodName;
use crate::time::Timestamp;

/// What is a mass failure.
struct FailureThreshold {
    /// For so long a pod counts as fallen.
    memory: Duration,
    /// The fewest pods whose fall is one: one pod alone never is.
    fallen_min: usize,
}

/// When nothing moves for balance.
const HOLD_STILL: FailureThreshold = FailureThreshold {
    memory: Duration::from_secs(60),
    fallen_min: 2,
};

/// When deaths are not believed as usual.
const DOUBT_DEATHS: FailureThreshold = FailureThreshold {
    memory: Duration::from_secs(10),
    fallen_min: 3,
};

/// The pods that fell silent lately without having asked to stop.
#[derive(Debug, Default)]
pub(super) struct MassFailureDetector {
    fallen: BTreeMap<PodName, Timestamp>,
}

/// Many pods fell at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MassFailure {
    pub(super) fallen_count: usize,
    /// With those that are gone.
    pub(super) pod_count: usize,
    /// When the first of the fallen counts no longer.
    pub(super) until: Timestamp,
}

impl MassFailureDetector {
    /// Notes the pods that are suspected or dead at this moment.
    pub(super) fn observe<'a>(&mut self, fallen: impl Iterator<Item = &'a PodName>, now: Timestamp) {
        self.fallen.retain(|_, at| now.since(*at) < HOLD_STILL.memory);
        self.fallen.extend(fallen.map(|name| (name.clone(), now)));
    }

    /// Until when nothing is to move for balance, if no more pods fall. `share` is in thousandths.
    pub(super) fn held_still_until(
        &self,
        pods: &BTreeMap<PodName, PodRecord>,
        share: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.measured(HOLD_STILL, pods, share, now).map(|failure| failure.until)
    }

    /// The failure because of which deaths are to be doubted. `share` is in thousandths.
    pub(super) fn mass_failure(
        &self,
        pods: &BTreeMap<PodName, PodRecord>,
        share: u32,
        now: Timestamp,
    ) -> Option<MassFailure> {
        self.measured(DOUBT_DEATHS, pods, share, now)
    }

    fn measured(
        &self,
        FailureThreshold { memory, fallen_min }: FailureThreshold,
        pods: &BTreeMap<PodName, PodRecord>,
        share: u32,
        now: Timestamp,
    ) -> Option<MassFailure> {
        let recent = || self.fallen.iter().filter(|(_, at)| now.since(**at) < memory);
        let fallen_count = recent().count();
        let gone_count = recent().filter(|(name, _)| !pods.contains_key(*name)).count();
        let pod_count = pods.len() + gone_count;
        let is_mass = fallen_count >= fallen_min && fallen_count * 1_000 > pod_count * share as usize;
        let first = recent().map(|(_, at)| *at).min()?;
        is_mass.then_some(MassFailure {
            fallen_count,
            pod_count,
            until: first + memory,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::fixtures::{pod, pod_name};

    const THIRD: u32 = 334;

    fn pods(numbers: std::ops::Range<u64>) -> BTreeMap<PodName, PodRecord> {
        let record = |number| PodRecord {
            pod: pod(number),
            is_draining: false,
        };
        numbers.map(|number| (pod_name(number), record(number))).collect()
    }

    fn second(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn fallen(outage: &mut MassFailureDetector, numbers: std::ops::Range<u64>, now: Timestamp) {
        let names: Vec<_> = numbers.map(pod_name).collect();
        outage.observe(names.iter(), now);
    }

    #[test]
    fn more_than_a_third_is_a_mass_failure_whether_the_pods_are_still_registered_or_not() {
        let mut outage = MassFailureDetector::default();
        let until = |outage: &MassFailureDetector, numbers, now| outage.held_still_until(&pods(numbers), THIRD, now);
        fallen(&mut outage, 0..3, second(0));
        assert_eq!(until(&outage, 0..9, second(1)), None, "a third is not more");
        assert_eq!(until(&outage, 3..9, second(1)), None, "they were nine");
        fallen(&mut outage, 3..4, second(5));
        assert_eq!(until(&outage, 4..9, second(5)), Some(second(60)));
        assert_eq!(until(&outage, 4..9, second(60)), None, "one has fallen within a minute");
    }

    #[test]
    fn deaths_are_doubted_for_ten_seconds_after_three_pods_fell() {
        let mut outage = MassFailureDetector::default();
        let failure = |outage: &MassFailureDetector, numbers, now| outage.mass_failure(&pods(numbers), THIRD, now);
        fallen(&mut outage, 0..2, second(0));
        assert_eq!(failure(&outage, 0..3, second(0)), None, "two may die by chance");
        fallen(&mut outage, 2..3, second(5));
        let expected = MassFailure {
            fallen_count: 3,
            pod_count: 6,
            until: second(10),
        };
        assert_eq!(failure(&outage, 0..6, second(5)), Some(expected));
        assert_eq!(failure(&outage, 3..6, second(5)), Some(expected));
        assert_eq!(failure(&outage, 3..6, second(10)), None);
        assert_eq!(
            outage.mass_failure(&pods(0..6), 500, second(5)),
            None,
            "the share is chosen"
        );
    }

    #[test]
    fn one_pod_of_two_is_no_mass_failure() {
        let mut outage = MassFailureDetector::default();
        fallen(&mut outage, 0..1, second(0));
        assert_eq!(outage.held_still_until(&pods(0..2), THIRD, second(1)), None);
    }
}
