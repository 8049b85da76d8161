//! The token bucket: how many requests a rate allows, to the last one.

use std::time::Duration;

use crate::rate::Rate;
use crate::time::Timestamp;

/// A bucket that time fills at a rate and that each request takes one token from.
///
/// In any time `t` it lets through at most `rate * t` requests and one burst: what a quarter of a second brings, or one
/// request where that is more. A rate in thousandths a second times microseconds makes billionths of a token, so
/// nothing is ever rounded, however often it is asked.
#[derive(Debug, Clone)]
pub(super) struct TokenBucket {
    rate: Rate,
    /// In billionths of a token.
    level: u64,
    filled_at: Timestamp,
}

const TOKEN: u64 = 1_000_000_000;
const BURST: Duration = Duration::from_millis(250);

impl TokenBucket {
    /// A full bucket.
    pub(super) fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            rate,
            level: capacity(rate),
            filled_at: now,
        }
    }

    pub(super) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Fills at another rate from now on; what has been saved up stays, as far as there is room for it.
    pub(super) fn change(&mut self, rate: Rate, now: Timestamp) {
        self.level = self.level_at(now).min(capacity(rate));
        self.filled_at = now;
        self.rate = rate;
    }

    /// Takes one token out, if there is one.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        self.level = self.level_at(now);
        self.filled_at = self.filled_at.max(now);
        let has_token = self.level >= TOKEN;
        if has_token {
            self.level -= TOKEN;
        }
        has_token
    }

    /// When so many tokens will have come, if each is taken as it comes.
    pub(super) fn ready_at(&self, count: u64, now: Timestamp) -> Timestamp {
        let missing = u128::from(count) * u128::from(TOKEN);
        let missing = missing.saturating_sub(self.level_at(now).into());
        if missing == 0 {
            return now;
        }
        if self.rate == Rate::ZERO {
            return Timestamp::NEVER;
        }
        let micros = missing.div_ceil(self.rate.milli().into());
        now + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn level_at(&self, now: Timestamp) -> u64 {
        let filled = u128::from(self.rate.milli()) * now.since(self.filled_at).as_micros();
        let level = u128::from(self.level).saturating_add(filled);
        u64::try_from(level).unwrap_or(u64::MAX).min(capacity(self.rate))
    }
}

/// How much there is room for. The highest rate brings less in a quarter of a second than 64 bits hold.
fn capacity(rate: Rate) -> u64 {
    (rate.milli() * BURST.as_micros() as u64).max(TOKEN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(bucket: &mut TokenBucket, now: Timestamp) -> u64 {
        (0..).take_while(|_| bucket.take(now)).count() as u64
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_burst_is_a_quarter_of_a_second_and_at_least_one_request() {
        let mut bucket = TokenBucket::full(Rate::per_second(100), Timestamp::ZERO);
        assert_eq!(taken(&mut bucket, at(0)), 25);
        assert_eq!(taken(&mut bucket, at(100)), 10);
        assert_eq!(taken(&mut bucket, at(60_000)), 25);
        let mut bucket = TokenBucket::full(Rate::per_second(1), Timestamp::ZERO);
        assert_eq!(taken(&mut bucket, at(0)), 1);
        assert_eq!(taken(&mut bucket, at(999)), 0);
        assert_eq!(taken(&mut bucket, at(1_000)), 1);
    }

    #[test]
    fn without_a_rate_nothing_comes_until_there_is_one() {
        let mut bucket = TokenBucket::full(Rate::per_second(4), Timestamp::ZERO);
        bucket.change(Rate::ZERO, at(0));
        assert_eq!(taken(&mut bucket, at(1_000_000)), 1);
        assert_eq!(bucket.ready_at(1, at(1_000_000)), Timestamp::NEVER);
        bucket.change(Rate::from_milli(500), at(1_000_000));
        assert_eq!(bucket.ready_at(1, at(1_000_000)), at(1_002_000));
        assert_eq!(bucket.ready_at(2, at(1_001_000)), at(1_004_000));
        assert_eq!(taken(&mut bucket, at(1_002_000)), 1);
    }

    #[test]
    fn no_rate_and_no_time_overflows() {
        let mut bucket = TokenBucket::full(Rate::per_second(u32::MAX), Timestamp::ZERO);
        assert!(bucket.take(Timestamp::NEVER));
        assert!(bucket.ready_at(u64::MAX, at(0)) > at(0));
    }

    proptest! {
        #[test]
        fn no_window_lets_through_more_than_the_rate_and_a_burst_and_nothing_is_lost(
            milli in 1_u64..5_000_000,
            steps in prop::collection::vec(1_u64..400_000, 1..200),
        ) {
            let rate = Rate::from_milli(milli);
            let mut bucket = TokenBucket::full(rate, Timestamp::ZERO);
            let mut now = Timestamp::ZERO;
            let mut seen = vec![(now, taken(&mut bucket, now))];
            for step in steps {
                now = now + Duration::from_micros(step);
                let total = seen.last().map_or(0, |(_, total)| *total);
                seen.push((now, total + taken(&mut bucket, now)));
            }
            let brought = |from: Timestamp, to: Timestamp| u128::from(milli) * to.since(from).as_micros();
            for (index, (from, _)) in seen.iter().enumerate() {
                let before = index.checked_sub(1).map_or(0, |before| seen[before].1);
                let let_through = u128::from(seen[seen.len() - 1].1 - before) * u128::from(TOKEN);
                prop_assert!(let_through <= brought(*from, now) + u128::from(capacity(rate)));
            }
            // Where the bucket never ran over, all that was brought has been let through, but for part of a token.
            if seen.windows(2).all(|pair| brought(pair[0].0, pair[1].0) + u128::from(TOKEN) <= u128::from(capacity(rate))) {
                let let_through = u128::from(seen[seen.len() - 1].1 + 1) * u128::from(TOKEN);
                prop_assert!(let_through > brought(Timestamp::ZERO, now));
            }
        }
    }
}
