//! Churn: how much of the load got other owners, within the last ten minutes.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// How long churn is kept.
const MEMORY: Duration = Duration::from_secs(600);
/// The most entries; the oldest ones are merged beyond that, so that no load is forgotten early.
const ENTRIES_MAX: usize = 1_000;

/// The part of all load that got other owners, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct LoadChurn {
    /// Because it had to: pods came, went, drained or were pinned to.
    pub(super) forced: u64,
    /// For balance alone, within the budget of moves.
    pub(super) voluntary: u64,
}

/// The churn of the last ten minutes, oldest first.
#[derive(Debug, Default)]
pub(super) struct ChurnLog {
    entries: VecDeque<(Instant, LoadChurn)>,
}

impl LoadChurn {
    /// Both parts together, in millionths of the load.
    pub(super) const fn total(self) -> u64 {
        self.forced.saturating_add(self.voluntary)
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            forced: self.forced.saturating_add(other.forced),
            voluntary: self.voluntary.saturating_add(other.voluntary),
        }
    }
}

impl ChurnLog {
    /// Records what one decision moved.
    pub(super) fn push(&mut self, at: Instant, churn: LoadChurn) {
        if churn.total() == 0 {
            return;
        }
        self.entries.push_back((at, churn));
        let is_forgotten = |entry: &(Instant, LoadChurn)| at.saturating_duration_since(entry.0) > MEMORY;
        while self.entries.front().is_some_and(is_forgotten) {
            self.entries.pop_front();
        }
        if self.entries.len() > ENTRIES_MAX
            && let Some((_, oldest)) = self.entries.pop_front()
            && let Some((_, next)) = self.entries.front_mut()
        {
            *next = next.plus(oldest);
        }
    }

    /// What moved in this period before `now`.
    pub(super) fn within(&self, period: Duration, now: Instant) -> LoadChurn {
        let newest_first = self.entries.iter().rev();
        newest_first
            .filter(|(at, _)| now.saturating_duration_since(*at) < period)
            .fold(LoadChurn::default(), |sum, (_, churn)| sum.plus(*churn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn churn_is_summed_over_a_period_and_forgotten_after_ten_minutes() {
        let begin = Instant::now();
        let one = LoadChurn {
            forced: 2,
            voluntary: 1,
        };
        let mut log = ChurnLog::default();
        for second in 0..1_200 {
            log.push(begin + Duration::from_secs(second), one);
        }
        let now = begin + Duration::from_secs(1_199);
        assert_eq!(log.within(Duration::from_secs(10), now).total(), 30);
        assert_eq!(log.within(MEMORY, now).total(), 1_800);
        assert_eq!(log.entries.len(), 601);
        for _ in 0..2_000 {
            log.push(now, one);
        }
        assert_eq!(log.entries.len(), ENTRIES_MAX);
        assert_eq!(log.within(MEMORY, now).total(), 7_803, "nothing recent is lost");
    }
}
