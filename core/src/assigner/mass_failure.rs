//! Mass failures: so many pods fail within a short time that it may be the network and not the pods.
//!
//! When a zone, a switch or this member's own network fails, many pods seem lost together, and most of them are likely
//! to come back. The consequences:
//!
//! - For a minute no slice moves for balance. Slices without an owner still get one, but any further move would cost
//!   warmth just when there is least of it. Such a pause costs little, so two failed pods are enough for it.
//! - For ten seconds the conditions for declaring a pod dead are stricter, see [`super::mass_failure_guard`]. Keeping
//!   dead pods costs requests, so three failed pods are required for it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::PodRecord;
use crate::pod::PodName;
use crate::time::Timestamp;

/// The thresholds of a mass failure.
struct FailureThreshold {
    /// How long a failed pod counts.
    window: Duration,
    /// The fewest failed pods; one pod alone is never a mass failure.
    failed_min: usize,
}

/// From here on no slice moves for balance.
const BALANCE_PAUSE: FailureThreshold = FailureThreshold {
    window: Duration::from_secs(60),
    failed_min: 2,
};

/// From here on the [`super::mass_failure_guard`] is active.
const DEATH_GUARD: FailureThreshold = FailureThreshold {
    window: Duration::from_secs(10),
    failed_min: 3,
};

/// The pods that failed within the last minute without draining, and when.
#[derive(Debug, Default)]
pub(super) struct MassFailureDetector {
    failed_at: BTreeMap<PodName, Timestamp>,
}

/// A mass failure that has been detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MassFailure {
    pub(super) failed_count: usize,
    /// All registered pods, and failed ones that are no longer registered.
    pub(super) pod_count: usize,
    /// When the first failed pod leaves the window.
    pub(super) until: Timestamp,
}

impl MassFailureDetector {
    /// Records the pods that are suspected or dead now.
    pub(super) fn observe<'a>(&mut self, failed: impl Iterator<Item = &'a PodName>, now: Timestamp) {
        self.failed_at.retain(|_, at| now.since(*at) < BALANCE_PAUSE.window);
        self.failed_at.extend(failed.map(|name| (name.clone(), now)));
    }

    /// Until when no slice may move for balance unless more pods fail. `share` is in thousandths.
    pub(super) fn balance_paused_until(
        &self,
        pods: &BTreeMap<PodName, PodRecord>,
        share: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.detected(BALANCE_PAUSE, pods, share, now)
            .map(|failure| failure.until)
    }

    /// The mass failure that activates the guard. `share` is in thousandths.
    pub(super) fn mass_failure(
        &self,
        pods: &BTreeMap<PodName, PodRecord>,
        share: u32,
        now: Timestamp,
    ) -> Option<MassFailure> {
        self.detected(DEATH_GUARD, pods, share, now)
    }

    fn detected(
        &self,
        FailureThreshold { window, failed_min }: FailureThreshold,
        pods: &BTreeMap<PodName, PodRecord>,
        share: u32,
        now: Timestamp,
    ) -> Option<MassFailure> {
        let recent = || self.failed_at.iter().filter(|(_, at)| now.since(**at) < window);
        let failed_count = recent().count();
        let removed_count = recent().filter(|(name, _)| !pods.contains_key(*name)).count();
        let pod_count = pods.len() + removed_count;
        let is_mass = failed_count >= failed_min && failed_count * 1_000 > pod_count * share as usize;
        let first = recent().map(|(_, at)| *at).min()?;
        is_mass.then_some(MassFailure {
            failed_count,
            pod_count,
            until: first + window,
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

    fn fail(detector: &mut MassFailureDetector, numbers: std::ops::Range<u64>, now: Timestamp) {
        let names: Vec<_> = numbers.map(pod_name).collect();
        detector.observe(names.iter(), now);
    }

    #[test]
    fn more_than_a_third_is_a_mass_failure_whether_the_pods_are_still_registered_or_not() {
        let mut detector = MassFailureDetector::default();
        let until =
            |detector: &MassFailureDetector, numbers, now| detector.balance_paused_until(&pods(numbers), THIRD, now);
        fail(&mut detector, 0..3, second(0));
        assert_eq!(
            until(&detector, 0..9, second(1)),
            None,
            "a third is not more than a third"
        );
        assert_eq!(until(&detector, 3..9, second(1)), None, "there were nine pods");
        fail(&mut detector, 3..4, second(5));
        assert_eq!(until(&detector, 4..9, second(5)), Some(second(60)));
        assert_eq!(until(&detector, 4..9, second(60)), None, "one failed within a minute");
    }

    #[test]
    fn the_guard_is_active_for_ten_seconds_after_three_pods_failed() {
        let mut detector = MassFailureDetector::default();
        let failure = |detector: &MassFailureDetector, numbers, now| detector.mass_failure(&pods(numbers), THIRD, now);
        fail(&mut detector, 0..2, second(0));
        assert_eq!(failure(&detector, 0..3, second(0)), None, "two may fail by chance");
        fail(&mut detector, 2..3, second(5));
        let expected = MassFailure {
            failed_count: 3,
            pod_count: 6,
            until: second(10),
        };
        assert_eq!(failure(&detector, 0..6, second(5)), Some(expected));
        assert_eq!(failure(&detector, 3..6, second(5)), Some(expected));
        assert_eq!(failure(&detector, 3..6, second(10)), None);
        assert_eq!(
            detector.mass_failure(&pods(0..6), 500, second(5)),
            None,
            "the share is a setting"
        );
    }

    #[test]
    fn one_pod_of_two_is_no_mass_failure() {
        let mut detector = MassFailureDetector::default();
        fail(&mut detector, 0..1, second(0));
        assert_eq!(detector.balance_paused_until(&pods(0..2), THIRD, second(1)), None);
    }
}
