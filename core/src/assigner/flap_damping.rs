//! Flap damping: pods that die repeatedly wait before they get slices again.
//!
//! Each time a pod dies, its slices move to other pods and lose their warmth; if it gets slices as soon as it comes back,
//! the next death costs the same again. So from its second death on a pod is held back after it comes back, each time for
//! twice as long. A drain is not a death. A pod that comes back under another name is another pod, so this helps only
//! pods with stable names (a StatefulSet).
//!
//! At most half of the pods are held back: where more of them flap, the cause is probably elsewhere, and the others
//! could not carry the load. Deaths are not replicated, so a new leader starts counting from zero.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::PodRecord;
use crate::pod::{Incarnation, PodName};
use crate::time::Timestamp;

/// The delay after the second death: about the time to warm a few slices.
const DELAY_FIRST: Duration = Duration::from_secs(5);
/// The longest delay, the same as of Kubernetes before it restarts a container.
const DELAY_MAX: Duration = Duration::from_secs(5 * 60);
/// Deaths are forgotten after this time without another one and without being held back: twice the longest delay.
const FORGET_AFTER: Duration = Duration::from_secs(10 * 60);
/// At most one pod of this many is held back.
const HELD_BACK_DIVISOR: usize = 2;

/// The recent deaths of pods, and which pods are held back.
#[derive(Debug, Default)]
pub(super) struct FlapDamping {
    pods: BTreeMap<PodName, Deaths>,
}

#[derive(Debug)]
struct Deaths {
    count: u32,
    /// The later of its last death and the end of its last delay.
    calm_since: Timestamp,
    /// `None` before it comes back, and after the delay.
    held_until: Option<Timestamp>,
}

/// A pod that is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeldBackPod<'a> {
    pub(super) pod: &'a PodName,
    pub(super) death_count: u32,
    pub(super) until: Timestamp,
}

impl FlapDamping {
    /// Compares the registered pods before and after a change: counts deaths, and holds back pods that come back.
    pub(super) fn observe(
        &mut self,
        before: &BTreeMap<PodName, PodRecord>,
        after: &BTreeMap<PodName, PodRecord>,
        now: Timestamp,
    ) {
        let ended = before.values().filter(|record| !is_in(after, record));
        for record in ended.filter(|record| !record.is_draining) {
            self.on_death(&record.pod.name, now);
        }
        let held_max = after.values().filter(|record| !record.is_draining).count() / HELD_BACK_DIVISOR;
        for record in after.values().filter(|record| !is_in(before, record)) {
            let has_room = self.held_back().count() < held_max;
            self.on_return(&record.pod.name, has_room, now);
        }
    }

    /// Releases pods whose delay is over, and forgets deaths after [`FORGET_AFTER`].
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.pods.retain(|_, deaths| {
            deaths.held_until = deaths.held_until.filter(|until| now < *until);
            now.since(deaths.calm_since) < FORGET_AFTER
        });
    }

    /// Ends all delays, because no other pod could own slices.
    pub(super) fn release_all(&mut self) {
        self.pods.values_mut().for_each(|deaths| deaths.held_until = None);
    }

    pub(super) fn is_held_back(&self, pod: &PodName) -> bool {
        self.pods.get(pod).is_some_and(|deaths| deaths.held_until.is_some())
    }

    /// Until when the pod is held back, if it is.
    pub(super) fn held_until(&self, pod: &PodName) -> Option<Timestamp> {
        self.pods.get(pod).and_then(|deaths| deaths.held_until)
    }

    /// The pods that are held back, by name.
    pub(super) fn held_back(&self) -> impl Iterator<Item = HeldBackPod<'_>> {
        self.pods.iter().filter_map(|(pod, deaths)| {
            let death_count = deaths.count;
            deaths.held_until.map(|until| HeldBackPod {
                pod,
                death_count,
                until,
            })
        })
    }

    /// When the next delay ends: see [`FlapDamping::expire`].
    pub(super) fn wake_at(&self) -> Timestamp {
        let first = self.held_back().map(|held| held.until).min();
        first.unwrap_or(Timestamp::NEVER)
    }

    fn on_death(&mut self, pod: &PodName, now: Timestamp) {
        let deaths = self.pods.entry(pod.clone()).or_insert(Deaths {
            count: 0,
            calm_since: now,
            held_until: None,
        });
        // ## held back, released -> away: it died
        *deaths = Deaths {
            count: deaths.count.saturating_add(1),
            calm_since: now,
            held_until: None,
        };
    }

    fn on_return(&mut self, pod: &PodName, has_room: bool, now: Timestamp) {
        let Some(deaths) = self.pods.get_mut(pod).filter(|_| has_room) else {
            return;
        };
        // ## away -> held back: it came back after more than one death
        if let Some(delay) = delay_after(deaths.count) {
            let until = now + delay;
            deaths.held_until = Some(until);
            deaths.calm_since = until;
        }
    }
}

/// The delay after so many deaths; `None` after a single one.
fn delay_after(death_count: u32) -> Option<Duration> {
    let doublings = death_count.checked_sub(2)?;
    let factor = 2_u32.saturating_pow(doublings);
    Some(DELAY_FIRST.saturating_mul(factor).min(DELAY_MAX))
}

/// Whether the same incarnation of the pod is registered.
fn is_in(pods: &BTreeMap<PodName, PodRecord>, record: &PodRecord) -> bool {
    let incarnation = |record: &PodRecord| -> Incarnation { record.pod.incarnation };
    pods.get(&record.pod.name).map(incarnation) == Some(incarnation(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::fixtures::{pod_in, pod_name};

    type PodRecords = BTreeMap<PodName, PodRecord>;

    /// Pods by their incarnations; `None` is not registered.
    fn pods(incarnations: &[Option<u128>]) -> PodRecords {
        let record = |(number, incarnation): (u64, &Option<u128>)| {
            incarnation.map(|incarnation| PodRecord {
                pod: pod_in(number, incarnation),
                is_draining: false,
            })
        };
        let records = (0..).zip(incarnations).filter_map(record);
        records.map(|record| (record.pod.name.clone(), record)).collect()
    }

    fn second(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    /// For how many seconds the first of four pods is held back when its next incarnation follows at once.
    fn held_for(damping: &mut FlapDamping, incarnation: u128, now: Timestamp) -> u64 {
        let others = Some(0);
        let before = pods(&[Some(incarnation), others, others, others]);
        let after = pods(&[Some(incarnation + 1), others, others, others]);
        damping.expire(now);
        damping.observe(&before, &after, now);
        let until = damping.held_back().next().map(|held| held.until);
        until.map_or(0, |until| until.since(now).as_secs())
    }

    #[test]
    fn a_pod_is_held_back_twice_as_long_each_time_up_to_five_minutes() {
        let mut damping = FlapDamping::default();
        let mut now = second(0);
        let mut delays = Vec::new();
        for incarnation in 0..9 {
            let delay = held_for(&mut damping, incarnation, now);
            delays.push(delay);
            now = now + Duration::from_secs(delay + 60);
        }
        assert_eq!(delays, [0, 5, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_pod_is_released_when_its_delay_is_over() {
        let mut damping = FlapDamping::default();
        held_for(&mut damping, 0, second(0));
        held_for(&mut damping, 1, second(1));
        assert_eq!(damping.wake_at(), second(6));
        damping.expire(Timestamp::from_millis(5_999));
        assert!(damping.is_held_back(&pod_name(0)));
        damping.expire(second(6));
        assert!(!damping.is_held_back(&pod_name(0)));
        assert_eq!(damping.wake_at(), Timestamp::NEVER);
    }

    #[test]
    fn deaths_are_forgotten_after_ten_calm_minutes() {
        let mut damping = FlapDamping::default();
        held_for(&mut damping, 0, second(0));
        assert_eq!(held_for(&mut damping, 1, second(599)), 5);
        assert_eq!(held_for(&mut damping, 2, second(604 + 599)), 10);
        assert_eq!(held_for(&mut damping, 3, second(1_213 + 600)), 0);
        damping.expire(second(5_000));
        assert!(damping.pods.is_empty());
    }

    #[test]
    fn a_pod_is_held_back_from_when_it_comes_back() {
        let mut damping = FlapDamping::default();
        held_for(&mut damping, 0, second(0));
        let with = |incarnation| pods(&[incarnation, Some(0), Some(0), Some(0)]);
        damping.observe(&with(Some(1)), &with(None), second(10));
        assert!(!damping.is_held_back(&pod_name(0)));
        damping.observe(&with(None), &with(Some(2)), second(100));
        assert_eq!(damping.wake_at(), second(105));
    }

    #[test]
    fn a_pod_that_drained_has_not_died() {
        let mut damping = FlapDamping::default();
        for incarnation in 0..4 {
            let mut before = pods(&[Some(incarnation), Some(0)]);
            before.values_mut().for_each(|record| record.is_draining = true);
            damping.observe(&before, &pods(&[Some(incarnation + 1), Some(0)]), second(0));
        }
        assert!(damping.pods.is_empty());
    }

    #[test]
    fn at_most_half_of_the_pods_are_held_back() {
        let mut damping = FlapDamping::default();
        for incarnation in 0..3 {
            let (before, after) = ([Some(incarnation); 5], [Some(incarnation + 1); 5]);
            damping.observe(&pods(&before), &pods(&after), second(0));
        }
        assert_eq!(damping.held_back().count(), 2);
        damping.release_all();
        assert_eq!(damping.held_back().count(), 0);
    }
}
