//! Measures how long decisions take, by a clock of the caller.

use std::fmt;
use std::time::Duration;

/// Measures each decision. The clock is a parameter, because the simulator itself reads none.
pub struct Stopwatch<'a> {
    clock: &'a mut dyn FnMut() -> Duration,
    times: Vec<Duration>,
}

impl<'a> Stopwatch<'a> {
    /// `clock` returns the time since a fixed moment.
    pub fn new(clock: &'a mut dyn FnMut() -> Duration) -> Self {
        Self {
            clock,
            times: Vec::new(),
        }
    }

    /// Runs a decision and records its duration.
    pub fn time<T>(&mut self, decision: impl FnOnce() -> T) -> T {
        let started = (self.clock)();
        let decided = decision();
        self.times.push((self.clock)().saturating_sub(started));
        decided
    }

    /// The durations of all decisions, in order.
    #[must_use]
    pub fn times(&self) -> &[Duration] {
        &self.times
    }
}

impl fmt::Debug for Stopwatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopwatch").field("times", &self.times).finish()
    }
}
