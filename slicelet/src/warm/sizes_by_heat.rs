//! Sizes by heat: a histogram of the memory used by values, from cold to hot.

/// Bytes of values by heat. Heats between two powers of two share a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SizesByHeat {
    sizes: [u64; CLASS_COUNT],
}

/// One class for heat 0, and one for each number of significant bits.
const CLASS_COUNT: usize = u32::BITS as usize + 1;

impl Default for SizesByHeat {
    fn default() -> Self {
        Self {
            sizes: [0; CLASS_COUNT],
        }
    }
}

impl SizesByHeat {
    /// Adds a value of `size` bytes.
    pub(crate) const fn add(&mut self, heat: u32, size: u64) {
        let class = (u32::BITS - heat.leading_zeros()) as usize;
        self.sizes[class] = self.sizes[class].saturating_add(size);
    }

    /// The bytes of `candidates` that fit when `budget` bytes are filled with the hottest values of both. Among equally hot
    /// values, those already present have priority.
    pub(crate) fn room_for(&self, candidates: &Self, budget: u64) -> u64 {
        let (mut left, mut room) = (budget, 0);
        for (present, candidates) in self.sizes.iter().zip(&candidates.sizes).rev() {
            left = left.saturating_sub(*present);
            let taken = left.min(*candidates);
            left -= taken;
            room += taken;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(values: &[(u32, u64)]) -> SizesByHeat {
        let mut sizes = SizesByHeat::default();
        values.iter().for_each(|(heat, size)| sizes.add(*heat, *size));
        sizes
    }

    #[test]
    fn all_candidates_fit_in_a_sufficient_budget() {
        let (present, candidates) = (sizes(&[(9, 50)]), sizes(&[(0, 30), (u32::MAX, 20)]));
        assert_eq!(present.room_for(&candidates, 100), 50);
    }

    #[test]
    fn hotter_values_have_priority_and_present_ones_among_equally_hot() {
        let present = sizes(&[(100, 40), (10, 40), (1, 1_000)]);
        assert_eq!(present.room_for(&sizes(&[(100, 30)]), 100), 30);
        assert_eq!(present.room_for(&sizes(&[(100, 30), (10, 90)]), 100), 30);
        assert_eq!(present.room_for(&sizes(&[(50, 30), (10, 90)]), 125), 45);
        assert_eq!(present.room_for(&sizes(&[(1, 90)]), 100), 0);
    }
}
