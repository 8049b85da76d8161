//! How long keys were unavailable.
//!
//! A key is unavailable while requests for it wait or fail and none is answered. The time begins when the first of them
//! was due, or with the last answer, if that came later, and ends with the next answer.

use std::time::Duration;

/// The longest time that any key was unavailable.
#[derive(Debug)]
pub(super) struct Unavailability {
    keys: Vec<KeyAvailability>,
    longest: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct KeyAvailability {
    answered_at: Duration,
    /// When the first of the failed requests since the last answer was due.
    failing_since: Option<Duration>,
}

impl Unavailability {
    pub(super) fn of_keys(count: usize) -> Self {
        Self {
            keys: vec![KeyAvailability::default(); count],
            longest: Duration::ZERO,
        }
    }

    /// Records an answer at `at` to a request that was due at `due`. Returns how long the key had been unavailable.
    pub(super) fn on_answer(&mut self, key: usize, due: Duration, at: Duration) -> Duration {
        let record = &mut self.keys[key];
        let since = record.failing_since.map_or(due, |since| since.min(due));
        let lasted = at.saturating_sub(since.max(record.answered_at));
        *record = KeyAvailability {
            answered_at: record.answered_at.max(at),
            failing_since: None,
        };
        self.longest = self.longest.max(lasted);
        lasted
    }

    /// Records a failure at `at` of a request that was due at `due`. Returns how long the key has been unavailable.
    pub(super) fn on_failure(&mut self, key: usize, due: Duration, at: Duration) -> Duration {
        let record = &mut self.keys[key];
        let since = record.failing_since.map_or(due, |since| since.min(due));
        let since = since.max(record.answered_at);
        record.failing_since = Some(since);
        let lasted = at.saturating_sub(since);
        self.longest = self.longest.max(lasted);
        lasted
    }

    pub(super) const fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_waiting_request_makes_its_key_unavailable() {
        let mut keys = Unavailability::of_keys(2);
        assert_eq!(keys.on_answer(0, ms(100), ms(103)), ms(3));
        assert_eq!(keys.on_answer(1, ms(100), ms(900)), ms(800));
        assert_eq!(keys.longest(), ms(800));
    }

    #[test]
    fn failures_count_until_the_next_answer() {
        let mut keys = Unavailability::of_keys(1);
        keys.on_failure(0, ms(100), ms(300));
        assert_eq!(keys.on_failure(0, ms(400), ms(600)), ms(500));
        assert_eq!(keys.on_answer(0, ms(700), ms(710)), ms(610));
        assert_eq!(keys.on_answer(0, ms(720), ms(721)), ms(1));
    }

    #[test]
    fn an_answer_to_another_request_shows_that_the_key_was_available() {
        let mut keys = Unavailability::of_keys(1);
        keys.on_answer(0, ms(400), ms(410));
        assert_eq!(keys.on_answer(0, ms(100), ms(500)), ms(90));
    }

    #[test]
    fn a_key_that_stays_unavailable_counts_until_its_last_failure() {
        let mut keys = Unavailability::of_keys(1);
        keys.on_failure(0, ms(0), ms(2_000));
        keys.on_failure(0, ms(5_000), ms(7_000));
        assert_eq!(keys.longest(), ms(7_000));
    }
}
