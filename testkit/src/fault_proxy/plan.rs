//! Which request meets which fault: first by order, then by chance.

use std::time::Duration;

use http::Request;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Fault, Injected, Requests};

/// Faults by chance: the same sequence for the same seed.
#[derive(Debug)]
pub struct RandomFaults {
    requests: Requests,
    shares: Vec<(u32, Fault)>,
    chance: StdRng,
}

impl RandomFaults {
    /// No faults yet; `seed` decides which requests will meet them.
    pub fn seeded(seed: u64) -> Self {
        Self {
            requests: Requests::any(),
            shares: Vec::new(),
            chance: StdRng::seed_from_u64(seed),
        }
    }

    /// Spares all but these requests.
    #[must_use]
    pub fn among(mut self, requests: Requests) -> Self {
        self.requests = requests;
        self
    }

    /// So many of a hundred requests meet `fault`.
    ///
    /// # Panics
    ///
    /// If all shares together are more than a hundred.
    #[must_use]
    pub fn percent(mut self, share: u32, fault: Fault) -> Self {
        self.shares.push((share, fault));
        let total: u32 = self.shares.iter().map(|(share, _)| share).sum();
        assert!(total <= 100, "the shares are {total} %, allowed are 100 %");
        self
    }

    fn draw(&mut self) -> Option<Fault> {
        let mut drawn = self.chance.random_range(0..100);
        for &(share, fault) in &self.shares {
            if drawn < share {
                return Some(self.refined(fault));
            }
            drawn -= share;
        }
        None
    }

    fn refined(&mut self, fault: Fault) -> Fault {
        match fault {
            Fault::Delay(max) => Fault::Delay(self.chance.random_range(Duration::ZERO..=max)),
            other => other,
        }
    }
}

/// All orders that a proxy has, and what has come of them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    strikes: Vec<Strike>,
    random: Option<RandomFaults>,
    injected: Injected,
}

#[derive(Debug)]
struct Strike {
    left: usize,
    requests: Requests,
    fault: Fault,
}

impl Plan {
    pub(super) fn strike(&mut self, count: usize, requests: Requests, fault: Fault) {
        self.strikes.push(Strike {
            left: count,
            requests,
            fault,
        });
    }

    pub(super) fn strike_at_random(&mut self, faults: RandomFaults) {
        self.random = Some(faults);
    }

    pub(super) fn calm(&mut self) {
        self.strikes.clear();
        self.random = None;
    }

    pub(super) fn injected(&self) -> Injected {
        self.injected
    }

    pub(super) fn count(&mut self, fault: Fault) {
        self.injected.add(fault);
    }

    /// What this request is to meet.
    pub(super) fn draw<B>(&mut self, request: &Request<B>) -> Option<Fault> {
        let mut strikes = self.strikes.iter_mut();
        if let Some(strike) = strikes.find(|strike| strike.left > 0 && strike.requests.contain(request)) {
            strike.left -= 1;
            return Some(strike.fault);
        }
        let random = self.random.as_mut()?;
        random.requests.contain(request).then(|| random.draw()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request<()> {
        Request::builder().method(method).uri(path).body(()).unwrap()
    }

    fn drawn(faults: RandomFaults, count: usize) -> Vec<Option<Fault>> {
        let mut plan = Plan::default();
        plan.strike_at_random(faults);
        (0..count).map(|_| plan.draw(&request("GET", "/a"))).collect()
    }

    #[test]
    fn orders_strike_as_many_requests_as_they_say_the_oldest_first() {
        let mut plan = Plan::default();
        plan.strike(2, Requests::to("PUT", "/a"), Fault::CutBefore);
        plan.strike(1, Requests::any(), Fault::SlowDown);
        let requests = [("PUT", "/a/b"), ("GET", "/a"), ("PUT", "/a"), ("PUT", "/a")];
        let drawn = requests.map(|(method, path)| plan.draw(&request(method, path)));
        let (cut, slow) = (Some(Fault::CutBefore), Some(Fault::SlowDown));
        assert_eq!(drawn, [cut, slow, cut, None]);
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let faults = |seed| {
            RandomFaults::seeded(seed)
                .percent(30, Fault::Delay(Duration::from_millis(50)))
                .percent(20, Fault::CutBody)
        };
        assert_eq!(drawn(faults(7), 100), drawn(faults(7), 100));
        assert_ne!(drawn(faults(7), 100), drawn(faults(8), 100));
    }

    #[test]
    fn shares_come_out_about_as_ordered() {
        let faults = RandomFaults::seeded(7).percent(10, Fault::SlowDown);
        let count = drawn(faults, 10_000).into_iter().flatten().count();
        assert!((900..1_100).contains(&count), "{count} of 10,000");
    }

    #[test]
    fn a_delay_by_chance_is_no_longer_than_ordered() {
        let max = Duration::from_millis(50);
        for fault in drawn(RandomFaults::seeded(7).percent(100, Fault::Delay(max)), 100) {
            assert!(matches!(fault, Some(Fault::Delay(delay)) if delay <= max), "{fault:?}");
        }
    }

    #[test]
    fn a_calm_plan_strikes_nothing() {
        let mut plan = Plan::default();
        plan.strike(1, Requests::any(), Fault::CutAfter);
        plan.strike_at_random(RandomFaults::seeded(7).percent(100, Fault::SlowDown));
        plan.calm();
        assert_eq!(plan.draw(&request("GET", "/a")), None);
    }
}
