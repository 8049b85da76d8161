//! The plan: to which pods requests are played, how fast, and what happens to the pods meanwhile.

use std::time::Duration;

use emberkeep_core::load::Load;
use thiserror::Error;

use super::pod_events::{PodEvents, RESTART_TAKES};

/// All that is chosen beside the requests themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many pods there are in the beginning.
    pub pod_count: u32,
    /// How fast requests are played, in thousandths of the speed at which they were recorded.
    pub speed_milli: u64,
    /// What each pod can keep warm.
    pub room: Room,
    /// What a value takes in memory, with all that goes with it.
    pub value_bytes: u64,
    /// What a pod can carry, in load units a second; if not said, twice its part of the mean load.
    pub capacity: Option<Load>,
    /// The most pods that may serve a slice.
    pub replicas_max: u32,
    /// What happens to pods.
    pub events: PodEvents,
    /// What chance comes from.
    pub seed: u64,
}

/// What a pod can keep warm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// So much that all pods together can keep the values of half of the keys.
    HalfOfAllKeys,
    /// So many bytes.
    Bytes(u64),
    /// So many values.
    Values(u64),
}

/// More pods than that are a slip.
const POD_COUNT_MAX: u32 = 1_000;
/// From a thousandth to a thousand times the speed.
const SPEED_MILLI_MAX: u64 = 1_000_000;
/// More replicas than that are a slip.
const REPLICAS_MAX: u32 = 100;

impl Plan {
    /// So many pods, and nothing happens to them.
    #[must_use]
    pub fn of_pods(pod_count: u32) -> Self {
        Self {
            pod_count,
            speed_milli: 1_000,
            room: Room::HalfOfAllKeys,
            value_bytes: 4_096,
            capacity: None,
            replicas_max: 1,
            events: PodEvents::default(),
            seed: 1,
        }
    }

    /// What each pod can keep warm, in bytes.
    pub(super) fn room_bytes(&self, key_count: usize) -> u64 {
        let values = match self.room {
            Room::Bytes(bytes) => return bytes,
            Room::Values(values) => values,
            Room::HalfOfAllKeys => (key_count as u64).div_ceil(2 * u64::from(self.pod_count)),
        };
        values.saturating_mul(self.value_bytes)
    }

    /// Whether it can be played.
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
            Some(every) if every <= RESTART_TAKES => Err(PlanError::KilledTooOften(every)),
            Some(_) | None => Ok(()),
        }
    }
}

/// What is wrong with a plan, in the words of whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Too few pods, or too many.
    #[error("there are {0} pods, it must be 1 to {POD_COUNT_MAX}, those that join counted")]
    PodCount(u32),
    /// Too slow, or too fast.
    #[error("the speed must be 0.001 to 1000")]
    Speed,
    /// Too few replicas, or too many.
    #[error("a slice may have {0} replicas, it must be 1 to {REPLICAS_MAX}")]
    Replicas(u32),
    /// A value that takes nothing.
    #[error("a value has 0 bytes, it must have at least 1")]
    ValueWithoutBytes,
    /// A pod that can carry nothing.
    #[error("a pod can carry a load of 0, it must be above 0")]
    NoCapacity,
    /// Not one value fits.
    #[error("a pod can keep {room} bytes warm, which is less than the {value} bytes of one value")]
    NoRoom {
        /// What a pod can keep.
        room: u64,
        /// What a value takes.
        value: u64,
    },
    /// Nobody would be left.
    #[error("a pod is killed again and again, so there must be at least 2 pods")]
    LastPodKilled,
    /// The next pod is killed before the last one is back.
    #[error(
        "a pod is killed every {} ms, it must be more than the {} s that a killed one takes to be back",
        .0.as_millis(),
        RESTART_TAKES.as_secs()
    )]
    KilledTooOften(Duration),
    /// So long that it is a slip.
    #[error("the run would be longer than 31 days; play the requests faster")]
    TooLong,
    /// Something is to happen after the last request.
    #[error("pods are to {what} at {at_ms} ms, but the last request is at {last_ms} ms")]
    TooLate {
        /// What is to happen.
        what: &'static str,
        /// When.
        at_ms: u64,
        /// When the last request is.
        last_ms: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::super::Addition;
    use super::*;

    fn refused(change: impl FnOnce(&mut Plan)) -> String {
        let mut plan = Plan::of_pods(4);
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_played_is_refused_in_one_sentence() {
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
                refused(|plan| plan.room = Room::Bytes(4_095)),
                "a pod can keep 4095 bytes warm, which is less than the 4096 bytes of one value",
            ),
            (
                refused(|plan| plan.room = Room::Values(0)),
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
    fn half_of_the_keys_fit_if_nothing_else_is_said() {
        assert_eq!(Plan::of_pods(4).room_bytes(80), 10 * 4_096);
        assert_eq!(Plan::of_pods(4).room_bytes(81), 11 * 4_096);
    }
}
