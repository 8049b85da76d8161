//! The plan of a request replay: its pods, its speed, and the pods' events.

use emberkeep_core::load::Load;

use super::plan_error::{POD_COUNT_MAX, PlanError, REPLICAS_MAX, RESTART_TIME};
use super::pod_events::PodEvents;

/// The settings of a request replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPlan {
    /// Pods at the start.
    pub pod_count: u32,
    /// Replay speed, in thousandths of the recorded speed.
    pub speed_milli: u64,
    /// Warm capacity of each pod.
    pub room: WarmCapacity,
    /// Memory of one value, with its overhead.
    pub value_bytes: u64,
    /// Capacity of a pod in load units a second; `None` is twice its part of the mean load.
    pub capacity: Option<Load>,
    /// The most pods that may serve a slice.
    pub replicas_max: u32,
    /// Pods that are killed, replaced or added.
    pub events: PodEvents,
    /// Seed of all random numbers.
    pub seed: u64,
}

/// The warm capacity of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmCapacity {
    /// All pods together hold the values of half of the keys.
    HalfOfAllKeys,
    /// A number of bytes.
    Bytes(u64),
    /// A number of values.
    Values(u64),
}

/// A thousand times the recorded speed; the lowest speed is a thousandth of it.
const SPEED_MILLI_MAX: u64 = 1_000_000;

impl ReplayPlan {
    /// A plan with that many pods and no events.
    #[must_use]
    pub fn of_pods(pod_count: u32) -> Self {
        Self {
            pod_count,
            speed_milli: 1_000,
            room: WarmCapacity::HalfOfAllKeys,
            value_bytes: 4_096,
            capacity: None,
            replicas_max: 1,
            events: PodEvents::default(),
            seed: 1,
        }
    }

    /// Warm capacity of each pod, in bytes.
    pub(super) fn room_bytes(&self, key_count: usize) -> u64 {
        let values = match self.room {
            WarmCapacity::Bytes(bytes) => return bytes,
            WarmCapacity::Values(values) => values,
            WarmCapacity::HalfOfAllKeys => (key_count as u64).div_ceil(2 * u64::from(self.pod_count)),
        };
        values.saturating_mul(self.value_bytes)
    }

    /// Checks all settings against their bounds.
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let within = |is_right: bool, error: PlanError| if is_right { Ok(()) } else { Err(error) };
        within(
            (1..=POD_COUNT_MAX).contains(&self.pod_count),
            PlanError::PodCount(self.pod_count),
        )?;
        within((1..=SPEED_MILLI_MAX).contains(&self.speed_milli), PlanError::Speed)?;
        within(
            (1..=REPLICAS_MAX).contains(&self.replicas_max),
            PlanError::Replicas(self.replicas_max),
        )?;
        within(self.value_bytes > 0, PlanError::ValueWithoutBytes)?;
        within(
            self.capacity.is_none_or(|capacity| capacity > Load::ZERO),
            PlanError::NoCapacity,
        )?;
        let room = self.room_bytes(1);
        within(
            room >= self.value_bytes,
            PlanError::NoRoom {
                room,
                value: self.value_bytes,
            },
        )?;
        self.check_events()
    }

    fn check_events(&self) -> Result<(), PlanError> {
        let pods_at_most = self
            .events
            .additions
            .iter()
            .fold(self.pod_count, |pods, addition| pods.saturating_add(addition.pod_count));
        match self.events.kill_every {
            _ if pods_at_most > POD_COUNT_MAX => Err(PlanError::PodCount(pods_at_most)),
            Some(_) if self.pod_count < 2 => Err(PlanError::LastPodKilled),
            Some(every) if every <= RESTART_TIME => Err(PlanError::KilledTooOften(every)),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::pod_events::Addition;
    use super::*;

    fn refused(change: impl FnOnce(&mut ReplayPlan)) -> String {
        let mut plan = ReplayPlan::of_pods(4);
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    }

    #[test]
    fn an_invalid_plan_is_refused_in_one_sentence() {
        let (killed, at) = (Some(Duration::from_secs(10)), Duration::from_secs(1));
        let cases = [
            (
                refused(|plan| plan.pod_count = 0),
                "there are 0 pods, it must be 1 to 1000, those that join counted",
            ),
            (
                refused(|plan| plan.events.additions.push(Addition { pod_count: 997, at })),
                "there are 1001 pods, it must be 1 to 1000, those that join counted",
            ),
            (refused(|plan| plan.speed_milli = 0), "the speed must be 0.001 to 1000"),
            (
                refused(|plan| plan.replicas_max = 0),
                "a slice may have 0 replicas, it must be 1 to 100",
            ),
            (
                refused(|plan| plan.value_bytes = 0),
                "a value has 0 bytes, it must have at least 1",
            ),
            (
                refused(|plan| plan.room = WarmCapacity::Bytes(4_095)),
                "a pod can keep 4095 bytes warm, which is less than the 4096 bytes of one value",
            ),
            (
                refused(|plan| plan.room = WarmCapacity::Values(0)),
                "a pod can keep 0 bytes warm, which is less than the 4096 bytes of one value",
            ),
            (
                refused(|plan| plan.capacity = Some(Load::ZERO)),
                "a pod can carry a load of 0, it must be above 0",
            ),
            (
                refused(|plan| plan.events.kill_every = killed),
                "a pod is killed every 10000 ms, it must be more than the 10 s that a killed one takes to be back",
            ),
            (
                refused(|plan| (plan.pod_count, plan.events.kill_every) = (1, killed)),
                "a pod is killed again and again, so there must be at least 2 pods",
            ),
        ];
        for (sentence, expected) in cases {
            assert_eq!(sentence, expected);
        }
    }

    #[test]
    fn half_of_the_keys_fit_by_default() {
        assert_eq!(ReplayPlan::of_pods(4).room_bytes(80), 10 * 4_096);
        assert_eq!(ReplayPlan::of_pods(4).room_bytes(81), 11 * 4_096);
    }
}
