//! Traffic: the true load of each key, which pods can only count.

use std::cmp::Reverse;
use std::ops::Range;

use emberkeep_core::keyspace::{Slice, SliceKey};
use emberkeep_core::load::Load;

/// Keys with their rates. The load of a slice is one subtraction.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// The positions of the keys, ascending.
    positions: Vec<u64>,
    rates: Vec<Load>,
    /// The sum of the rates of the keys before each key, in thousandths, and at the end the sum of all.
    before: Vec<u64>,
    /// How often rates were changed.
    change_count: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            positions: Vec::new(),
            rates: Vec::new(),
            before: vec![0],
            change_count: 0,
        }
    }
}

impl Traffic {
    /// Changes the rates of some keys; the later of two rates for one key counts. A key of rate zero stays.
    pub fn set(&mut self, rates: impl IntoIterator<Item = (u64, Load)>) {
        let mut unknown = Vec::new();
        for (position, rate) in rates {
            match self.positions.binary_search(&position) {
                Ok(at) => self.rates[at] = rate,
                Err(_) => unknown.push((position, rate)),
            }
        }
        self.add(unknown);
        self.sum_up();
        self.change_count += 1;
    }

    /// The load of all keys.
    #[must_use]
    pub fn total(&self) -> Load {
        self.load_of(&(0..self.positions.len()))
    }

    /// The load of keys, by their indices.
    #[must_use]
    pub fn load_of(&self, keys: &Range<usize>) -> Load {
        Load::from_milli(self.before[keys.end] - self.before[keys.start])
    }

    /// The load of a slice.
    #[must_use]
    pub fn load_in(&self, slice: &Slice) -> Load {
        self.load_of(&self.keys_in(slice))
    }

    /// The indices of the keys in a slice.
    #[must_use]
    pub fn keys_in(&self, slice: &Slice) -> Range<usize> {
        let end = slice.end().map_or(self.positions.len(), |end| self.index_of(end));
        self.index_of(slice.start())..end
    }

    /// How often rates were changed.
    #[must_use]
    pub const fn change_count(&self) -> u64 {
        self.change_count
    }

    /// The indices of the `count` keys with the highest rates, highest first; of equal ones, the first in key order.
    #[must_use]
    pub fn hottest(&self, count: usize) -> Vec<usize> {
        let order = |index: &usize| (Reverse(self.rates[*index]), *index);
        let mut indices: Vec<usize> = (0..self.rates.len()).collect();
        if count < indices.len() {
            indices.select_nth_unstable_by_key(count, order);
            indices.truncate(count);
        }
        indices.sort_unstable_by_key(order);
        indices
    }

    /// The number of keys.
    #[must_use]
    pub const fn key_count(&self) -> usize {
        self.positions.len()
    }

    /// The position of the key at that index, and its rate.
    #[must_use]
    pub fn key(&self, index: usize) -> (u64, Load) {
        (self.positions[index], self.rates[index])
    }

    /// The number of keys before `start`. A start right after an 8-byte key has the same position as the key.
    fn index_of(&self, start: &SliceKey) -> usize {
        let (position, is_after) = (start.position(), *start > SliceKey::from_position(start.position()));
        self.positions
            .partition_point(|key| *key < position || (is_after && *key == position))
    }

    fn add(&mut self, mut unknown: Vec<(u64, Load)>) {
        if unknown.is_empty() {
            return;
        }
        // The sort keeps the order of equal keys, so the last one is the latest.
        unknown.sort_by_key(|(position, _)| *position);
        let known = self.positions.drain(..).zip(self.rates.drain(..));
        let mut all: Vec<(u64, Load)> = known.chain(unknown).collect();
        all.sort_by_key(|(position, _)| *position);
        all.reverse();
        all.dedup_by_key(|(position, _)| *position);
        all.reverse();
        (self.positions, self.rates) = all.into_iter().unzip();
    }

    fn sum_up(&mut self) {
        self.before.clear();
        self.before.push(0);
        let mut sum = 0_u64;
        for rate in &self.rates {
            sum = sum.saturating_add(rate.milli());
            self.before.push(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(units: u64) -> Load {
        Load::from_units(units)
    }

    #[test]
    fn a_slice_has_the_load_of_its_keys() {
        let mut traffic = Traffic::default();
        traffic.set([(30, units(3)), (10, units(1)), (20, units(2)), (10, units(7))]);
        let key = SliceKey::from_position;
        let slice = |start: SliceKey, end: Option<SliceKey>| Slice::new(start, end).unwrap();
        assert_eq!(traffic.total(), units(12));
        assert_eq!(traffic.load_in(&slice(key(10), Some(key(20)))), units(7));
        assert_eq!(traffic.load_in(&slice(key(20), key(20).successor())), units(2));
        assert_eq!(traffic.load_in(&slice(key(20).successor().unwrap(), None)), units(3));
        traffic.set([(20, Load::ZERO), (5, units(1))]);
        assert_eq!(traffic.load_in(&Slice::FULL), units(11));
        assert_eq!(traffic.hottest(2), [1, 3]);
    }
}
