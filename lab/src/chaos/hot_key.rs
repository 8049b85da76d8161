//! Measures the time until the load is balanced after a key has become hot.

use std::time::Duration;

use emberkeep_proto::pb;
use tokio::time::{Instant, sleep_until};

use super::context::{ChaosContext, ticks};
use crate::LabError;
use crate::demo::TARGET;
use crate::load::HotKeyPlan;
use crate::report::EventKind;

/// The interval at which the pods' loads are read.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The time for which the load must stay within the tolerance to count as balanced.
const STEADY: Duration = Duration::from_secs(5);

/// Once the key is hot, waits until the load is balanced again and stays so.
pub(super) async fn watch_hot_key(context: &ChaosContext<'_>, hot: &HotKeyPlan) -> Result<(), LabError> {
    sleep_until(context.run.instant_of(hot.since)).await;
    let began = Instant::now();
    let event = context.record(EventKind::HotKey, &[hot.key.to_string()]);
    context.run.tally().record_hot_key(event);
    let admin = context.cluster().await.admin();
    let mut polls = ticks(POLL_INTERVAL);
    let mut balanced = BalancedSince::default();
    loop {
        let now = polls.tick().await;
        // While no member leads, the load is unknown and counts as unbalanced.
        let is_balanced = admin.loads(TARGET).await.is_ok_and(|loads| is_balanced(&loads));
        if let Some(since) = balanced.observe(is_balanced, now) {
            let took = since.saturating_duration_since(began);
            context.run.tally().events.record_balanced(event, took);
            return Ok(());
        }
    }
}

fn is_balanced(loads: &pb::DescribeLoadResponse) -> bool {
    let hottest = loads.pods.iter().map(|pod| pod.load_milli).max();
    hottest.is_some_and(|hottest| hottest <= loads.mean_milli.saturating_add(loads.tolerance_milli))
}

/// The start of the present uninterrupted period of balance.
#[derive(Debug, Default)]
struct BalancedSince(Option<Instant>);

impl BalancedSince {
    /// Records whether the load is balanced now; returns the start of the period once it has lasted long enough.
    fn observe(&mut self, is_balanced: bool, now: Instant) -> Option<Instant> {
        let since = is_balanced.then(|| self.0.unwrap_or(now));
        self.0 = since;
        since.filter(|since| now.saturating_duration_since(*since) >= STEADY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_counts_as_balanced_once_it_stays_balanced() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut balanced = BalancedSince::default();
        assert_eq!(balanced.observe(true, at(0)), None);
        assert_eq!(balanced.observe(false, at(3)), None);
        assert_eq!(balanced.observe(true, at(4)), None);
        assert_eq!(balanced.observe(true, at(8)), None);
        assert_eq!(balanced.observe(true, at(9)), Some(at(4)));
    }

    #[test]
    fn the_load_is_balanced_if_the_hottest_pod_is_within_tolerance() {
        let pod = |load_milli| pb::PodLoad {
            pod: String::new(),
            load_milli,
        };
        let loads = |pods: &[u64]| pb::DescribeLoadResponse {
            pods: pods.iter().copied().map(pod).collect(),
            mean_milli: 1_000,
            tolerance_milli: 100,
        };
        assert!(is_balanced(&loads(&[900, 1_100])));
        assert!(!is_balanced(&loads(&[899, 1_101])));
        assert!(!is_balanced(&loads(&[])));
    }
}
