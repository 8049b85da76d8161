//! The last hour of a target in samples: how even the load was, how much of it moved, how many slices were moving.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::churn::LoadChurn;

/// The interval between two samples.
pub(super) const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);
/// The most samples: an hour of them.
const SAMPLES_MAX: usize = 360;

/// The samples of the last hour, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    samples: VecDeque<(Instant, Sample)>,
}

/// One moment, and the interval before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// The load of the most loaded pod in thousandths of the mean; `None` without load.
    pub(super) balance_thousandths: Option<u64>,
    /// What moved since the sample before.
    pub(super) churn: LoadChurn,
    /// How many slices were warming at a next owner.
    pub(super) moving_count: u64,
}

/// One sample for the page.
#[derive(Debug, Serialize)]
pub(super) struct SampleView {
    age_ms: u64,
    balance_thousandths: Option<u64>,
    forced_millionths: u64,
    voluntary_millionths: u64,
    moving_count: u64,
}

impl History {
    /// Whether the next sample is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let newest = self.samples.back();
        newest.is_none_or(|(at, _)| now.saturating_duration_since(*at) >= SAMPLE_INTERVAL)
    }

    /// How long before `now` the newest sample was; `None` if there is none.
    pub(super) fn newest_age(&self, now: Instant) -> Option<Duration> {
        let (at, _) = self.samples.back()?;
        Some(now.saturating_duration_since(*at))
    }

    pub(super) fn push(&mut self, sample: Sample, now: Instant) {
        self.samples.push_back((now, sample));
        while self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
    }

    /// The samples for the page, oldest first.
    pub(super) fn views(&self, now: Instant) -> Vec<SampleView> {
        let views = self.samples.iter().map(|(at, sample)| SampleView {
            age_ms: u64::try_from(now.saturating_duration_since(*at).as_millis()).unwrap_or(u64::MAX),
            balance_thousandths: sample.balance_thousandths,
            forced_millionths: sample.churn.forced,
            voluntary_millionths: sample.churn.voluntary,
            moving_count: sample.moving_count,
        });
        views.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept() {
        let begin = Instant::now();
        let mut history = History::default();
        assert!(history.is_due(begin));
        for number in 0..400_u32 {
            let sample = Sample {
                balance_thousandths: Some(1_000),
                churn: LoadChurn::default(),
                moving_count: number.into(),
            };
            history.push(sample, begin + SAMPLE_INTERVAL * number);
        }
        let now = begin + SAMPLE_INTERVAL * 399;
        assert!(!history.is_due(now));
        assert!(history.is_due(now + SAMPLE_INTERVAL));
        let views = history.views(now);
        assert_eq!((views.len(), views[0].moving_count), (SAMPLES_MAX, 40));
        assert_eq!((views[0].age_ms, views[359].age_ms), (3_590_000, 0));
    }
}
