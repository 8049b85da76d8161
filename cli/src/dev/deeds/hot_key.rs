//! Watching what becomes of a key that gets hot.

use std::time::Duration;

use emberkeep_proto::pb;
use tokio::time::{Instant, sleep_until};

use super::scene::{Scene, ticks};
use crate::dev::demo::TARGET;
use crate::dev::events::EventKind;
use crate::dev::hot_key::HotKey;
use crate::exit::Failure;

/// How often the pods' loads are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How long the load must stay balanced to count as such.
const STEADY: Duration = Duration::from_secs(5);

/// From when the key is hot, waits until the load is balanced again and stays so.
pub(in crate::dev) async fn watch_hot_key(scene: &Scene<'_>, hot: &HotKey) -> Result<(), Failure> {
    sleep_until(scene.run.instant_of(hot.since)).await;
    let begun = Instant::now();
    let event = scene.begin(EventKind::HotKey, &[hot.key.to_string()]);
    scene.run.tally().key_gets_hot(event);
    let admin = scene.cluster().await.admin();
    let mut looks = ticks(LOOK_INTERVAL);
    let mut balanced = BalancedSince::default();
    loop {
        let now = looks.tick().await;
        // Between two leaders, nobody knows.
        let is_balanced = admin.loads(TARGET).await.is_ok_and(|loads| is_balanced(&loads));
        if let Some(since) = balanced.seen(is_balanced, now) {
            let took = since.saturating_duration_since(begun);
            scene.run.tally().events.load_balanced(event, took);
            return Ok(());
        }
    }
}

fn is_balanced(loads: &pb::DescribeLoadResponse) -> bool {
    let hottest = loads.pods.iter().map(|pod| pod.load_milli).max();
    hottest.is_some_and(|hottest| hottest <= loads.mean_milli.saturating_add(loads.tolerance_milli))
}

/// Since when the load has been balanced without a break.
#[derive(Debug, Default)]
struct BalancedSince(Option<Instant>);

impl BalancedSince {
    /// The moment since when, once that was long enough ago.
    fn seen(&mut self, is_balanced: bool, now: Instant) -> Option<Instant> {
        let since = is_balanced.then(|| self.0.unwrap_or(now));
        self.0 = since;
        since.filter(|since| now.saturating_duration_since(*since) >= STEADY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_balanced_once_it_stays_so() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut balanced = BalancedSince::default();
        assert_eq!(balanced.seen(true, at(0)), None);
        assert_eq!(balanced.seen(false, at(3)), None);
        assert_eq!(balanced.seen(true, at(4)), None);
        assert_eq!(balanced.seen(true, at(8)), None);
        assert_eq!(balanced.seen(true, at(9)), Some(at(4)));
    }

    #[test]
    fn the_hottest_pod_decides() {
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
