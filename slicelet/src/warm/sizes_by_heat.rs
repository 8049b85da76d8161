//! Sizes by heat: how much memory hot values take, and how much colder ones do.

/// Bytes of values, by heat. Heats between two powers of two count as the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SizesByHeat {
    sizes: [u64; CLASS_COUNT],
}

/// One for no heat at all, and one for each number of bits.
const CLASS_COUNT: usize = u32::BITS as usize + 1;

impl SizesByHeat {
    /// Nothing yet.
    pub(crate) const fn none() -> Self {
        Self {
            sizes: [0; CLASS_COUNT],
        }
    }

    /// Counts a value.
    pub(crate) const fn add(&mut self, heat: u32, size: u64) {
        let class = (u32::BITS - heat.leading_zeros()) as usize;
        self.sizes[class] = self.sizes[class].saturating_add(size);
    }

    /// How many bytes of newcomers are among the hottest values that `budget` bytes have room for. Where both are equally
    /// hot, what is there already stays.
    pub(crate) fn room_for(&self, newcomers: &Self, budget: u64) -> u64 {
        let (mut left, mut room) = (budget, 0);
        for (present, newcomers) in self.sizes.iter().zip(&newcomers.sizes).rev() {
            left = left.saturating_sub(*present);
            let taken = left.min(*newcomers);
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
        let mut sizes = SizesByHeat::none();
        values.iter().for_each(|(heat, size)| sizes.add(*heat, *size));
        sizes
    }

    #[test]
    fn all_have_room_where_there_is_enough_for_both() {
        let (present, newcomers) = (sizes(&[(9, 50)]), sizes(&[(0, 30), (u32::MAX, 20)]));
        assert_eq!(present.room_for(&newcomers, 100), 50);
    }

    #[test]
    fn what_is_hotter_has_room_before_what_is_colder_and_what_is_there_before_what_is_as_hot() {
        let present = sizes(&[(100, 40), (10, 40), (1, 1_000)]);
        assert_eq!(present.room_for(&sizes(&[(100, 30)]), 100), 30);
        assert_eq!(present.room_for(&sizes(&[(100, 30), (10, 90)]), 100), 30);
        assert_eq!(present.room_for(&sizes(&[(50, 30), (10, 90)]), 125), 45);
        assert_eq!(present.room_for(&sizes(&[(1, 90)]), 100), 0);
    }
}
