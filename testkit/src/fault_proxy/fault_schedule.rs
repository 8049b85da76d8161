//! Which request meets which fault: scheduled faults first, then random ones.

use std::time::Duration;

use http::Request;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{HttpFault, InjectedFaults, RequestMatcher};

/// Random faults: the same sequence for the same seed.
#[derive(Debug)]
pub struct RandomFaults {
    requests: RequestMatcher,
    shares: Vec<(u32, HttpFault)>,
    rng: StdRng,
}

impl RandomFaults {
    /// No faults yet; `seed` determines which requests meet the faults that are added.
    pub fn seeded(seed: u64) -> Self {
        Self {
            requests: RequestMatcher::any(),
            shares: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Limits the faults to these requests.
    #[must_use]
    pub fn among(mut self, requests: RequestMatcher) -> Self {
        self.requests = requests;
        self
    }

    /// On average `share` of a hundred requests meet `fault`.
    ///
    /// # Panics
    ///
    /// If the shares of all faults exceed a hundred.
    #[must_use]
    pub fn percent(mut self, share: u32, fault: HttpFault) -> Self {
        self.shares.push((share, fault));
        let total: u32 = self.shares.iter().map(|(share, _)| share).sum();
        assert!(total <= 100, "the shares are {total} %, allowed are 100 %");
        self
    }

    fn draw(&mut self) -> Option<HttpFault> {
        let mut drawn = self.rng.random_range(0..100);
        for &(share, fault) in &self.shares {
            if drawn < share {
                return Some(self.refined(fault));
            }
            drawn -= share;
        }
        None
    }

    fn refined(&mut self, fault: HttpFault) -> HttpFault {
        match fault {
            HttpFault::Delay(max) => HttpFault::Delay(self.rng.random_range(Duration::ZERO..=max)),
            other => other,
        }
    }
}

/// The faults to inject, and the counts of injected ones.
#[derive(Debug, Default)]
pub(super) struct FaultSchedule {
    scheduled: Vec<ScheduledFault>,
    random: Option<RandomFaults>,
    injected: InjectedFaults,
}

#[derive(Debug)]
struct ScheduledFault {
    remaining_count: usize,
    requests: RequestMatcher,
    fault: HttpFault,
}

impl FaultSchedule {
    pub(super) fn push(&mut self, count: usize, requests: RequestMatcher, fault: HttpFault) {
        self.scheduled.push(ScheduledFault {
            remaining_count: count,
            requests,
            fault,
        });
    }

    pub(super) fn inject_at_random(&mut self, faults: RandomFaults) {
        self.random = Some(faults);
    }

    pub(super) fn heal(&mut self) {
        self.scheduled.clear();
        self.random = None;
    }

    pub(super) fn injected(&self) -> InjectedFaults {
        self.injected
    }

    pub(super) fn on_injected(&mut self, fault: HttpFault) {
        self.injected.add(fault);
    }

    /// The fault that this request meets.
    pub(super) fn draw<B>(&mut self, request: &Request<B>) -> Option<HttpFault> {
        let is_due = |fault: &&mut ScheduledFault| fault.remaining_count > 0 && fault.requests.matches(request);
        if let Some(scheduled) = self.scheduled.iter_mut().find(is_due) {
            scheduled.remaining_count -= 1;
            return Some(scheduled.fault);
        }
        let random = self.random.as_mut()?;
        random.requests.matches(request).then(|| random.draw()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request<()> {
        Request::builder().method(method).uri(path).body(()).unwrap()
    }

    fn drawn(faults: RandomFaults, count: usize) -> Vec<Option<HttpFault>> {
        let mut schedule = FaultSchedule::default();
        schedule.inject_at_random(faults);
        (0..count).map(|_| schedule.draw(&request("GET", "/a"))).collect()
    }

    #[test]
    fn scheduled_faults_strike_their_number_of_requests_the_oldest_first() {
        let mut schedule = FaultSchedule::default();
        schedule.push(2, RequestMatcher::to("PUT", "/a"), HttpFault::CutBefore);
        schedule.push(1, RequestMatcher::any(), HttpFault::SlowDown);
        let requests = [("PUT", "/a/b"), ("GET", "/a"), ("PUT", "/a"), ("PUT", "/a")];
        let drawn = requests.map(|(method, path)| schedule.draw(&request(method, path)));
        let (cut, slow) = (Some(HttpFault::CutBefore), Some(HttpFault::SlowDown));
        assert_eq!(drawn, [cut, slow, cut, None]);
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let faults = |seed| {
            RandomFaults::seeded(seed)
                .percent(30, HttpFault::Delay(Duration::from_millis(50)))
                .percent(20, HttpFault::CutBody)
        };
        assert_eq!(drawn(faults(7), 100), drawn(faults(7), 100));
        assert_ne!(drawn(faults(7), 100), drawn(faults(8), 100));
    }

    #[test]
    fn the_share_of_faulty_requests_is_about_the_requested_one() {
        let faults = RandomFaults::seeded(7).percent(10, HttpFault::SlowDown);
        let count = drawn(faults, 10_000).into_iter().flatten().count();
        assert!((900..1_100).contains(&count), "{count} of 10,000");
    }

    #[test]
    fn a_random_delay_does_not_exceed_its_maximum() {
        let max = Duration::from_millis(50);
        for fault in drawn(RandomFaults::seeded(7).percent(100, HttpFault::Delay(max)), 100) {
            assert!(
                matches!(fault, Some(HttpFault::Delay(delay)) if delay <= max),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn a_healed_schedule_has_no_faults() {
        let mut schedule = FaultSchedule::default();
        schedule.push(1, RequestMatcher::any(), HttpFault::CutAfter);
        schedule.inject_at_random(RandomFaults::seeded(7).percent(100, HttpFault::SlowDown));
        schedule.heal();
        assert_eq!(schedule.draw(&request("GET", "/a")), None);
    }
}
