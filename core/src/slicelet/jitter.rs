//! Jitter: pods that fail together wait for different times. The seed is a parameter, drawn outside of core.

use std::time::Duration;

/// Draws waits (`SplitMix64`, Steele et al., 2014); the same seed gives the same waits.
#[derive(Debug, Clone)]
pub(super) struct Jitter {
    seed: u64,
}

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A wait between half of `longest` and all of it ("equal jitter" of Brooker, "Exponential Backoff And Jitter", 2015).
    pub(super) fn equal(&mut self, longest: Duration) -> Duration {
        let half = longest / 2;
        half + half * self.draw() / u32::from(u16::MAX)
    }

    /// A number of 16 bits.
    const fn draw(&mut self) -> u32 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 48) as u32
    }
}
