//! Flapping: pods that die again and again are held back before they get slices again.
//!
//! Each time that a pod dies, its slices move to others and lose their warmth; if it gets slices the moment it comes
//! back, the next death costs the same again. So from its second death on a pod has to live for a while first, each
//! time for twice as long. A pod that drains has not died. A pod that comes back under another name is another pod,
//! so what is said here is about pods with lasting names.
//!
//! At most half of the pods are held back: where more of them flap, it is hardly their own fault, and the others could
//! not carry the load. Deaths are not replicated, so a new leader begins to count anew.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::PodRecord;
use crate::pod::{Incarnation, PodName};
use crate::time::Timestamp;

/// How long a pod is held back that has died for the second time: about what it takes to warm a few slices.
const DELAY_FIRST: Duration = Duration::from_secs(5);
/// The longest that a pod is held back, as long as Kubernetes waits at most before it starts a container again.
const DELAY_MAX: Duration = Duration::from_secs(5 * 60);
/// After so long without a death, and not held back, a pod's deaths are forgotten: twice the longest delay.
const CALM: Duration = Duration::from_secs(10 * 60);
/// At most one of so many pods is held back.
const HELD_PART: usize = 2;

/// The deaths of pods, and who is held back.
#[derive(Debug, Default)]
pub(super) struct FlapDamping {
    pods: BTreeMap<PodName, Deaths>,
}

#[derive(Debug)]
struct Deaths {
    count: u32,
    /// When it died, or will have been held back.
    calm_since: Timestamp,
    /// Since it has come back.
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
    /// Takes in which pods are registered now: those that have died since, and those that have come back.
    pub(super) fn observe(
        &mut self,
        before: &BTreeMap<PodName, PodRecord>,
        after: &BTreeMap<PodName, PodRecord>,
        now: Timestamp,
    ) {
        let ended = before.values().filter(|record| !is_in(after, record));
        for record in ended.filter(|record| !record.is_draining) {
            self.died(&record.pod.name, now);
        }
        let held_max = after.values().filter(|record| !record.is_draining).count() / HELD_PART;
        for record in after.values().filter(|record| !is_in(before, record)) {
            let has_room = self.held().count() < held_max;
            self.came_back(&record.pod.name, has_room, now);
        }
    }

    /// Lets those go that have been held back for long enough, and forgets those that have long been calm.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.pods.retain(|_, deaths| {
            deaths.held_until = deaths.held_until.filter(|until| now < *until);
            now.since(deaths.calm_since) < CALM
        });
    }

    /// Lets all go who are held back: there is nobody else to own anything.
    pub(super) fn pardon(&mut self) {
        self.pods.values_mut().for_each(|deaths| deaths.held_until = None);
    }

    /// Whether the pod is to get no slices yet.
    pub(super) fn is_held(&self, pod: &PodName) -> bool {
        self.pods.get(pod).is_some_and(|deaths| deaths.held_until.is_some())
    }

    /// Who is held back, in the order of their names.
    pub(super) fn held(&self) -> impl Iterator<Item = HeldBackPod<'_>> {
        self.pods.iter().filter_map(|(pod, deaths)| {
            let death_count = deaths.count;
            deaths.held_until.map(|until| HeldBackPod {
                pod,
                death_count,
                until,
            })
        })
    }

    /// When [`FlapDamping::pass`] will let the next one go.
    pub(super) fn wake_at(&self) -> Timestamp {
        let first = self.held().map(|held| held.until).min();
        first.unwrap_or(Timestamp::NEVER)
    }

    fn died(&mut self, pod: &PodName, now: Timestamp) {
        let deaths = self.pods.entry(pod.clone()).or_insert(Deaths {
            count: 0,
            calm_since: now,
            held_until: None,
        });
        *deaths = Deaths {
            count: deaths.count.saturating_add(1),
            calm_since: now,
            held_until: None,
        };
    }

    fn came_back(&mut self, pod: &PodName, has_room: bool, now: Timestamp) {
        let Some(deaths) = self.pods.get_mut(pod).filter(|_| has_room) else {
            return;
        };
        if let Some(delay) = delay_after(deaths.count) {
            let until = now + delay;
            deaths.held_until = Some(until);
            deaths.calm_since = until;
        }
    }
}

/// How long a pod is held back that has died so often; `None` after a single death.
fn delay_after(death_count: u32) -> Option<Duration> {
    let doublings = death_count.checked_sub(2)?;
    let factor = 2_u32.saturating_pow(doublings);
    Some(DELAY_FIRST.saturating_mul(factor).min(DELAY_MAX))
}

/// Whether the same life of the pod is registered.
fn is_in(pods: &BTreeMap<PodName, PodRecord>, record: &PodRecord) -> bool {
    let life = |record: &PodRecord| -> Incarnation { record.pod.incarnation };
    pods.get(&record.pod.name).map(life) == Some(life(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::fixtures::{pod_in, pod_name};

    type PodRecords = BTreeMap<PodName, PodRecord>;

    /// Pods by the numbers of their lives; without one, a pod is not registered.
    fn pods(lives: &[Option<u128>]) -> PodRecords {
        let record = |(number, life): (u64, &Option<u128>)| {
            life.map(|life| PodRecord {
                pod: pod_in(number, life),
                is_draining: false,
            })
        };
        let records = (0..).zip(lives).filter_map(record);
        records.map(|record| (record.pod.name.clone(), record)).collect()
    }

    fn second(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    /// For how many seconds the first of four pods is held back when a new life of it follows at once.
    fn held_for(flapping: &mut FlapDamping, life: u128, now: Timestamp) -> u64 {
        let others = Some(0);
        let before = pods(&[Some(life), others, others, others]);
        let after = pods(&[Some(life + 1), others, others, others]);
        flapping.pass(now);
        flapping.observe(&before, &after, now);
        let until = flapping.held().next().map(|held| held.until);
        until.map_or(0, |until| until.since(now).as_secs())
    }

    #[test]
    fn a_pod_is_held_back_twice_as_long_each_time_up_to_five_minutes() {
        let mut flapping = FlapDamping::default();
        let mut now = second(0);
        let mut delays = Vec::new();
        for life in 0..9 {
            let delay = held_for(&mut flapping, life, now);
            delays.push(delay);
            now = now + Duration::from_secs(delay + 60);
        }
        assert_eq!(delays, [0, 5, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_pod_gets_slices_when_its_time_is_over() {
        let mut flapping = FlapDamping::default();
        held_for(&mut flapping, 0, second(0));
        held_for(&mut flapping, 1, second(1));
        assert_eq!(flapping.wake_at(), second(6));
        flapping.pass(Timestamp::from_millis(5_999));
        assert!(flapping.is_held(&pod_name(0)));
        flapping.pass(second(6));
        assert!(!flapping.is_held(&pod_name(0)));
        assert_eq!(flapping.wake_at(), Timestamp::NEVER);
    }

    #[test]
    fn deaths_are_forgotten_after_ten_calm_minutes() {
        let mut flapping = FlapDamping::default();
        held_for(&mut flapping, 0, second(0));
        assert_eq!(held_for(&mut flapping, 1, second(599)), 5);
        assert_eq!(held_for(&mut flapping, 2, second(604 + 599)), 10);
        assert_eq!(held_for(&mut flapping, 3, second(1_213 + 600)), 0);
        flapping.pass(second(5_000));
        assert!(flapping.pods.is_empty());
    }

    #[test]
    fn a_pod_that_stays_away_is_held_back_only_once_it_is_there() {
        let mut flapping = FlapDamping::default();
        held_for(&mut flapping, 0, second(0));
        let with = |life| pods(&[life, Some(0), Some(0), Some(0)]);
        flapping.observe(&with(Some(1)), &with(None), second(10));
        assert!(!flapping.is_held(&pod_name(0)));
        flapping.observe(&with(None), &with(Some(2)), second(100));
        assert_eq!(flapping.wake_at(), second(105));
    }

    #[test]
    fn a_pod_that_drained_has_not_died() {
        let mut flapping = FlapDamping::default();
        for life in 0..4 {
            let mut before = pods(&[Some(life), Some(0)]);
            before.values_mut().for_each(|record| record.is_draining = true);
            flapping.observe(&before, &pods(&[Some(life + 1), Some(0)]), second(0));
        }
        assert!(flapping.pods.is_empty());
    }

    #[test]
    fn at_most_half_of_the_pods_are_held_back() {
        let mut flapping = FlapDamping::default();
        for life in 0..3 {
            let (before, after) = ([Some(life); 5], [Some(life + 1); 5]);
            flapping.observe(&pods(&before), &pods(&after), second(0));
        }
        assert_eq!(flapping.held().count(), 2);
        flapping.pardon();
        assert_eq!(flapping.held().count(), 0);
    }
}
