//! The share of answers from warm memory, and the second in which it was lowest.

use std::time::Duration;

/// Answers, and how many of them came from warm memory.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HitCount {
    all: u64,
    warm: u64,
}

impl HitCount {
    pub(super) const fn record(&mut self, was_warm: bool) {
        self.all += 1;
        self.warm += was_warm as u64;
    }

    /// The share from warm memory, if there was any answer.
    pub(super) fn hit_share(self) -> Option<f64> {
        (self.all > 0).then(|| self.warm as f64 / self.all as f64)
    }
}

/// The worst whole second after the warm-up. The second that has not ended yet does not count.
#[derive(Debug, Default)]
pub(super) struct WorstSecond {
    since: Duration,
    second: u64,
    answers: HitCount,
    worst: Option<f64>,
}

impl WorstSecond {
    pub(super) fn since(since: Duration) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Counts an answer. One that is recorded late counts to the second in which it is recorded.
    pub(super) fn record(&mut self, at: Duration, was_warm: bool) {
        let Some(after) = at.checked_sub(self.since) else {
            return;
        };
        if after.as_secs() > self.second {
            let over = std::mem::take(&mut self.answers).hit_share();
            self.worst = self.worst.into_iter().chain(over).reduce(f64::min);
            self.second = after.as_secs();
        }
        self.answers.record(was_warm);
    }

    /// The share of the answers in that second that came from warm memory; 1 without answers.
    pub(super) fn hit_share(&self) -> f64 {
        self.worst.unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_whole_second_counts() {
        let mut worst = WorstSecond::since(Duration::from_secs(2));
        let answers = [
            (1_999, false),
            (2_000, true),
            (2_999, false),
            (3_500, true),
            (3_600, true),
            (3_700, false),
            (4_000, true),
            (5_000, false),
        ];
        for (at, was_warm) in answers {
            worst.record(Duration::from_millis(at), was_warm);
        }
        assert_eq!(worst.hit_share(), 0.5);
        assert_eq!(WorstSecond::default().hit_share(), 1.0);
    }
}
