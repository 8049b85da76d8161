//! The disruptions of a run.

use std::time::Duration;

/// The disruptions of a run, all of which begin after the warm-up. By default there are none.
#[derive(Debug, Clone, Default)]
pub struct ChaosSettings {
    /// Kill a random pod at this interval, and start another one at once.
    pub kill_every: Option<Duration>,
    /// Kill the leading member of the assigner at this interval, and start it again at once.
    pub kill_leader_every: Option<Duration>,
    /// Drain a random pod at this interval, and start another one at the same time.
    pub drain_every: Option<Duration>,
    /// Halt a random pod.
    pub stop: Option<RecurringFault>,
    /// Partition a random pod.
    pub partition: Option<RecurringFault>,
    /// Replace all pods, this number at a time.
    pub rolling_restart: Option<u16>,
    /// Change the number of pods to each of these in turn.
    pub scale: Vec<u16>,
    /// Kill all members of the assigner once, and start them again after this time.
    pub kill_assigners_for: Option<Duration>,
    /// From the middle of the run on, send this share of the requests to one key.
    pub hot_key: Option<f64>,
    /// The time of requests before the first disruption; `None` for 10 s, or a quarter of the run if that is shorter.
    pub warm_up: Option<Duration>,
}

/// A fault that is injected and healed periodically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecurringFault {
    /// The interval between injections.
    pub every: Duration,
    /// The duration of the fault.
    pub lasts: Duration,
}

/// Clients have connected and load has been reported by then.
const DEFAULT_WARM_UP: Duration = Duration::from_secs(10);

impl ChaosSettings {
    /// Whether there is any disruption.
    pub const fn is_any(&self) -> bool {
        self.kill_every.is_some()
            || self.kill_leader_every.is_some()
            || self.drain_every.is_some()
            || self.stop.is_some()
            || self.partition.is_some()
            || self.rolling_restart.is_some()
            || !self.scale.is_empty()
            || self.kill_assigners_for.is_some()
            || self.hot_key.is_some()
    }

    /// The time of requests before the first disruption, in a run of that length.
    pub fn warm_up(&self, run: Option<Duration>) -> Duration {
        match self.warm_up {
            Some(chosen) => chosen,
            None if self.is_any() => run.map_or(DEFAULT_WARM_UP, |run| DEFAULT_WARM_UP.min(run / 4)),
            None => Duration::ZERO,
        }
    }

    /// The middle of a run of that length after its warm-up.
    pub fn middle_of(&self, run: Duration) -> Duration {
        let warm_up = self.warm_up(Some(run));
        warm_up + run.saturating_sub(warm_up) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn requests_run_for_a_while_before_the_first_disruption() {
        let mut chaos = ChaosSettings::default();
        assert_eq!(chaos.warm_up(None), Duration::ZERO);
        chaos.kill_every = Some(seconds(5));
        assert_eq!(chaos.warm_up(None), seconds(10));
        assert_eq!(chaos.warm_up(Some(seconds(60))), seconds(10));
        assert_eq!(chaos.warm_up(Some(seconds(8))), seconds(2));
        chaos.warm_up = Some(seconds(3));
        assert_eq!(chaos.warm_up(Some(seconds(60))), seconds(3));
        assert_eq!(chaos.middle_of(seconds(13)), seconds(8));
    }
}
