//! The delay before the next attempt.

use std::time::Duration;

/// Exponential backoff with full jitter: each delay is drawn from zero to a ceiling, which doubles from `first` up to
/// `max`. (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of the usual jitters, this one
/// causes the fewest calls.)
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// The ceiling of the first delay is `first`, of all later ones at most `max`.
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            ceiling: first,
        }
    }

    /// Draws the next delay and doubles the ceiling.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.ceiling.min(self.max);
        self.ceiling = ceiling.saturating_mul(2);
        ceiling.mul_f64(rand::random_range(0.0..=1.0))
    }

    /// Sets the ceiling back to `first`, after an attempt succeeded.
    pub const fn reset(&mut self) {
        self.ceiling = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_below_a_ceiling_that_doubles_up_to_the_maximum() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new(millis(100), millis(350));
        for ceiling in [100, 200, 350, 350] {
            assert!(backoff.next_delay() <= millis(ceiling));
        }
        backoff.reset();
        assert!(backoff.next_delay() <= millis(100));
    }
}
