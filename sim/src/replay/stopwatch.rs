//! The stopwatch: how long decisions take, by a clock that the caller has.

use std::fmt;
use std::time::Duration;

/// Takes the time of each decision. It is told the time: the simulator itself has no clock.
pub struct Stopwatch<'a> {
    clock: &'a mut dyn FnMut() -> Duration,
    times: Vec<Duration>,
}

impl<'a> Stopwatch<'a> {
    /// `clock` says how much time has passed since any fixed moment.
    pub fn new(clock: &'a mut dyn FnMut() -> Duration) -> Self {
        Self {
            clock,
            times: Vec::new(),
        }
    }

    /// Runs a decision.
    pub fn time<T>(&mut self, decision: impl FnOnce() -> T) -> T {
        let started = (self.clock)();
        let decided = decision();
        self.times.push((self.clock)().saturating_sub(started));
        decided
    }

    /// How long each decision took.
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
