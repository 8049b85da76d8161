//! The retry budget: second attempts may never be more than a small share of all requests.

use crate::time::Timestamp;

/// How many retries are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudgetSettings {
    /// Retries allowed per thousand requests.
    pub per_thousand: u32,
    /// Retries allowed each second however few requests there are.
    pub floor_per_second: u32,
    /// The most retries that can be saved up.
    pub saved_max: u32,
}

impl Default for RetryBudgetSettings {
    fn default() -> Self {
        Self {
            per_thousand: 100,
            floor_per_second: 10,
            saved_max: 1_000,
        }
    }
}

/// A bucket of tokens that requests and time fill and retries empty.
///
/// It is told how many requests there were, so that a request costs it nothing: it is only asked when a retry is
/// wanted. Without it, clients that retry multiply the load of pods that are failing already.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    settings: RetryBudgetSettings,
    /// What has been saved up, in thousandths of a retry.
    saved_milli: u64,
    /// The count of requests that has been credited.
    requests: u64,
    /// The time that has been credited.
    filled_at: Timestamp,
}

/// A retry, in the unit of the bucket.
const RETRY_MILLI: u64 = 1_000;

impl RetryBudget {
    /// A full bucket: a clerk that has just started may well meet pods that are starting too.
    #[must_use]
    pub fn new(settings: RetryBudgetSettings, now: Timestamp) -> Self {
        Self {
            settings,
            saved_milli: u64::from(settings.saved_max) * RETRY_MILLI,
            requests: 0,
            filled_at: now,
        }
    }

    /// Takes one retry out, if there is one. `requests` is how many there were so far, first attempts only.
    pub fn try_withdraw(&mut self, requests: u64, now: Timestamp) -> bool {
        self.fill(requests, now);
        let is_allowed = self.saved_milli >= RETRY_MILLI;
        if is_allowed {
            self.saved_milli -= RETRY_MILLI;
        }
        is_allowed
    }

    fn fill(&mut self, requests: u64, now: Timestamp) {
        let by_requests = requests
            .saturating_sub(self.requests)
            .saturating_mul(self.settings.per_thousand.into());
        // Whole milliseconds only, and the rest is kept for later: a retry a second is a thousandth a millisecond.
        let elapsed_ms = (now.as_micros().saturating_sub(self.filled_at.as_micros())) / 1_000;
        let by_time = elapsed_ms.saturating_mul(self.settings.floor_per_second.into());
        self.requests = self.requests.max(requests);
        self.filled_at = Timestamp::from_micros(self.filled_at.as_micros() + elapsed_ms * 1_000);
        self.saved_milli = self
            .saved_milli
            .saturating_add(by_requests)
            .saturating_add(by_time)
            .min(u64::from(self.settings.saved_max) * RETRY_MILLI);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(floor_per_second: u32) -> RetryBudget {
        let settings = RetryBudgetSettings {
            floor_per_second,
            ..RetryBudgetSettings::default()
        };
        let mut budget = RetryBudget::new(settings, Timestamp::ZERO);
        while budget.try_withdraw(0, Timestamp::ZERO) {}
        budget
    }

    fn allowed(budget: &mut RetryBudget, requests: u64, now: Timestamp) -> usize {
        (0..5_000).filter(|_| budget.try_withdraw(requests, now)).count()
    }

    #[test]
    fn one_in_ten_requests_may_be_retried() {
        let mut budget = empty(0);
        assert_eq!(allowed(&mut budget, 1_000, Timestamp::ZERO), 100);
        assert_eq!(allowed(&mut budget, 1_009, Timestamp::ZERO), 0);
        assert_eq!(allowed(&mut budget, 1_010, Timestamp::ZERO), 1);
    }

    #[test]
    fn a_few_retries_a_second_are_allowed_however_few_requests_there_are() {
        let mut budget = empty(10);
        assert_eq!(allowed(&mut budget, 0, Timestamp::from_millis(99)), 0);
        assert_eq!(allowed(&mut budget, 0, Timestamp::from_millis(100)), 1);
        assert_eq!(allowed(&mut budget, 0, Timestamp::from_millis(1_100)), 10);
    }

    #[test]
    fn a_quiet_night_saves_up_no_more_than_the_limit() {
        let mut budget = empty(10);
        assert_eq!(allowed(&mut budget, 0, Timestamp::NEVER), 1_000);
    }
}
