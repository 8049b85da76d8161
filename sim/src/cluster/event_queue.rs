//! The event queue: virtual time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use emberkeep_core::time::Timestamp;

/// What is to happen, in the order of time; what is to happen at the same moment, in the order in which it was put in.
#[derive(Debug)]
pub(super) struct Queue<T> {
    entries: BinaryHeap<Reverse<Entry<T>>>,
    put_count: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Timestamp,
    number: u64,
    what: T,
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: BinaryHeap::new(),
            put_count: 0,
        }
    }

    pub(super) fn put(&mut self, at: Timestamp, what: T) {
        let number = self.put_count;
        self.put_count += 1;
        self.entries.push(Reverse(Entry { at, number, what }));
    }

    /// The first thing that happens no later than `end`.
    pub(super) fn take_until(&mut self, end: Timestamp) -> Option<(Timestamp, T)> {
        let Reverse(first) = self.entries.peek()?;
        if first.at > end {
            return None;
        }
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

impl<T> Entry<T> {
    const fn order(&self) -> (Timestamp, u64) {
        (self.at, self.number)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_happen_in_order_and_not_before_their_time() {
        let mut queue = Queue::new();
        let at = Timestamp::from_millis;
        for (millis, what) in [(2, "later"), (1, "first"), (1, "second")] {
            queue.put(at(millis), what);
        }
        assert_eq!(queue.take_until(at(0)), None);
        assert_eq!(queue.take_until(at(9)), Some((at(1), "first")));
        assert_eq!(queue.take_until(at(9)), Some((at(1), "second")));
        assert_eq!(queue.take_until(at(1)), None);
        assert_eq!(queue.take_until(at(2)), Some((at(2), "later")));
    }
}
