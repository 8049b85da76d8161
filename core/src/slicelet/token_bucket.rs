//! The token bucket: limits requests to a rate, without rounding.

use std::time::Duration;

use crate::rate::Rate;
use crate::time::Timestamp;

/// A bucket that fills at a rate; each request takes one token.
///
/// In any time `t` at most `rate * t` requests pass, plus one burst: the tokens of a quarter of a second, or one if that is
/// more. A rate in thousandths a second times microseconds gives billionths of a token, so the level is never rounded,
/// however often it is read.
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
    /// A bucket that starts with a full burst.
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

    /// Fills at another rate from `now` on. The level stays, up to the new capacity.
    pub(super) fn change(&mut self, rate: Rate, now: Timestamp) {
        self.level = self.level_at(now).min(capacity(rate));
        self.filled_at = now;
        self.rate = rate;
    }

    /// Takes one token; returns whether there was one.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        self.level = self.level_at(now);
        self.filled_at = self.filled_at.max(now);
        let has_token = self.level >= TOKEN;
        if has_token {
            self.level -= TOKEN;
        }
        has_token
    }

    /// When `count` tokens will have arrived, if each is taken at once.
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

/// The highest level. A quarter of a second at the highest rate fits in 64 bits.
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
    fn at_rate_zero_no_token_arrives_until_the_rate_changes() {
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
        fn in_no_window_more_than_the_rate_and_a_burst_passes_and_no_token_is_lost(
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
            // If the bucket never overflowed, all tokens have been taken, except for part of one.
            if seen.windows(2).all(|pair| brought(pair[0].0, pair[1].0) + u128::from(TOKEN) <= u128::from(capacity(rate))) {
                let let_through = u128::from(seen[seen.len() - 1].1 + 1) * u128::from(TOKEN);
                prop_assert!(let_through > brought(Timestamp::ZERO, now));
            }
        }
    }
}
