//! The retry budget: limits retries to a small share of all requests.

use crate::time::Timestamp;

/// The limits of a [`RetryBudget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudgetSettings {
    /// Retries allowed per thousand requests.
    pub per_thousand: u32,
    /// Retries allowed each second, regardless of the number of requests.
    pub floor_per_second: u32,
    /// The most unused retries that are saved.
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

/// A token bucket that requests and time fill and retries empty. Without it, retrying clients multiply the load of pods that
/// are failing already.
///
/// The caller counts requests and passes the count with each retry, so that an ordinary request does not touch the bucket.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    settings: RetryBudgetSettings,
    /// The saved retries, in thousandths.
    saved_milli: u64,
    /// The request count up to which retries were credited.
    requests: u64,
    /// The time up to which retries were credited.
    filled_at: Timestamp,
}

/// One retry in the unit of the bucket.
const RETRY_MILLI: u64 = 1_000;

impl RetryBudget {
    /// A full bucket, since a clerk that has just started often meets pods that are starting, too.
    #[must_use]
    pub fn new(settings: RetryBudgetSettings, now: Timestamp) -> Self {
        Self {
            settings,
            saved_milli: u64::from(settings.saved_max) * RETRY_MILLI,
            requests: 0,
            filled_at: now,
        }
    }

    /// Withdraws one retry if one is saved; returns whether it did. `requests` is the number of first attempts so far.
    pub fn try_withdraw(&mut self, requests: u64, now: Timestamp) -> bool {
        self.fill(requests, now);
        let is_allowed = self.saved_milli >= RETRY_MILLI;
        if is_allowed {
            self.saved_milli -= RETRY_MILLI;
        }
        is_allowed
    }

    /// The saved retries as a share of the most that are saved, in thousandths. `requests` is the number of first attempts so
    /// far.
    #[must_use]
    pub fn left_thousandths(&self, requests: u64, now: Timestamp) -> u32 {
        let mut filled = self.clone();
        filled.fill(requests, now);
        let left = filled.saved_milli / u64::from(self.settings.saved_max).max(1);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    fn fill(&mut self, requests: u64, now: Timestamp) {
        let by_requests = requests
            .saturating_sub(self.requests)
            .saturating_mul(self.settings.per_thousand.into());
        // Credits whole milliseconds and keeps the rest for later: one retry a second is one thousandth a millisecond.
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
    fn a_few_retries_a_second_are_allowed_without_requests() {
        let mut budget = empty(10);
        assert_eq!(allowed(&mut budget, 0, Timestamp::from_millis(99)), 0);
        assert_eq!(allowed(&mut budget, 0, Timestamp::from_millis(100)), 1);
        assert_eq!(allowed(&mut budget, 0, Timestamp::from_millis(1_100)), 10);
    }

    #[test]
    fn no_more_retries_are_saved_than_the_limit() {
        let mut budget = empty(10);
        assert_eq!(allowed(&mut budget, 0, Timestamp::NEVER), 1_000);
    }
}
