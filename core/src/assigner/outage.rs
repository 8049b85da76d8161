//! Outages: whether so many pods have fallen silent at once that it is not the time to move slices for balance.
//!
//! When a zone, a switch or this member's own network fails, many pods seem lost together. What has lost its owner is
//! repaired all the same; but to move more than that would cost warmth just when there is least of it, and most of the
//! pods are likely to come back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::PodRecord;
use crate::pod::PodName;
use crate::time::Timestamp;

/// For so long a pod counts as fallen.
const MEMORY: Duration = Duration::from_secs(60);
/// The fewest pods whose fall is a mass failure: one pod alone never is.
const FALLEN_MIN: usize = 2;
/// It is one if more than this part of the pods has fallen: a third, which is a zone of three.
const PART: usize = 3;

/// The pods that fell silent lately without having asked to stop.
#[derive(Debug, Default)]
pub(super) struct Outage {
    fallen: BTreeMap<PodName, Timestamp>,
}

impl Outage {
    /// Notes the pods that are suspected or dead at this moment.
    pub(super) fn observe<'a>(&mut self, fallen: impl Iterator<Item = &'a PodName>, now: Timestamp) {
        self.fallen.retain(|_, at| now.since(*at) < MEMORY);
        self.fallen.extend(fallen.map(|name| (name.clone(), now)));
    }

    /// Until when a mass failure is suspected, if one is and no more pods fall.
    pub(super) fn suspected_until(&self, pods: &BTreeMap<PodName, PodRecord>, now: Timestamp) -> Option<Timestamp> {
        let recent = || self.fallen.iter().filter(|(_, at)| now.since(**at) < MEMORY);
        let fallen_count = recent().count();
        let gone_count = recent().filter(|(name, _)| !pods.contains_key(*name)).count();
        let is_mass = fallen_count >= FALLEN_MIN && fallen_count * PART > pods.len() + gone_count;
        let first = recent().map(|(_, at)| *at).min()?;
        is_mass.then(|| first + MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::{Incarnation, Pod, PodAddress, Weight};

    fn name(number: usize) -> PodName {
        PodName::try_new(&format!("pod-{number}")).unwrap()
    }

    fn pods(numbers: std::ops::Range<usize>) -> BTreeMap<PodName, PodRecord> {
        let record = |number| PodRecord {
            pod: Pod {
                name: name(number),
                incarnation: Incarnation(1),
                address: PodAddress::try_new("127.0.0.1:80").unwrap(),
                zone: "".into(),
                weight: Weight::ONE,
                memory_capacity: None,
            },
            is_draining: false,
        };
        numbers.map(|number| (name(number), record(number))).collect()
    }

    fn second(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn fallen(outage: &mut Outage, numbers: std::ops::Range<usize>, now: Timestamp) {
        let names: Vec<_> = numbers.map(name).collect();
        outage.observe(names.iter(), now);
    }

    #[test]
    fn more_than_a_third_is_a_mass_failure_whether_the_pods_are_still_registered_or_not() {
        let mut outage = Outage::default();
        fallen(&mut outage, 0..3, second(0));
        assert_eq!(
            outage.suspected_until(&pods(0..9), second(1)),
            None,
            "a third is not more"
        );
        assert_eq!(outage.suspected_until(&pods(3..9), second(1)), None, "they were nine");
        fallen(&mut outage, 3..4, second(5));
        assert_eq!(outage.suspected_until(&pods(4..9), second(5)), Some(second(60)));
        assert_eq!(
            outage.suspected_until(&pods(4..9), second(60)),
            None,
            "one has fallen within a minute"
        );
    }

    #[test]
    fn one_pod_of_two_is_no_mass_failure() {
        let mut outage = Outage::default();
        fallen(&mut outage, 0..1, second(0));
        assert_eq!(outage.suspected_until(&pods(0..2), second(1)), None);
    }
}
