//! Chance: numbers that nobody expects, from a seed that was drawn outside.

/// Draws numbers from a seed (`SplitMix64`, Steele et al., 2014); the same seed gives the same numbers.
#[derive(Debug, Clone)]
pub(super) struct Chance {
    seed: u64,
}

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A number of 16 bits.
    pub(super) const fn draw(&mut self) -> u32 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 48) as u32
    }
}
