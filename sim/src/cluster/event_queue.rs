//! The event queue, ordered by virtual time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use emberkeep_core::time::Timestamp;

/// Scheduled events by time; events of the same time in the order in which they were put in.
#[derive(Debug)]
pub(super) struct EventQueue<T> {
    entries: BinaryHeap<Reverse<ScheduledEvent<T>>>,
    put_count: u64,
}

#[derive(Debug)]
struct ScheduledEvent<T> {
    at: Timestamp,
    number: u64,
    event: T,
}

impl<T> EventQueue<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: BinaryHeap::new(),
            put_count: 0,
        }
    }

    pub(super) fn put(&mut self, at: Timestamp, event: T) {
        let number = self.put_count;
        self.put_count += 1;
        self.entries.push(Reverse(ScheduledEvent { at, number, event }));
    }

    /// Removes the first event, if it is not later than `end`.
    pub(super) fn take_until(&mut self, end: Timestamp) -> Option<(Timestamp, T)> {
        let Reverse(first) = self.entries.peek()?;
        if first.at > end {
            return None;
        }
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl<T> ScheduledEvent<T> {
    const fn order(&self) -> (Timestamp, u64) {
        (self.at, self.number)
    }
}

impl<T> PartialEq for ScheduledEvent<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<T> Eq for ScheduledEvent<T> {}

impl<T> PartialOrd for ScheduledEvent<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for ScheduledEvent<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_and_not_before_their_time() {
        let mut queue = EventQueue::new();
        let at = Timestamp::from_millis;
        for (millis, event) in [(2, "later"), (1, "first"), (1, "second")] {
            queue.put(at(millis), event);
        }
        assert_eq!(queue.take_until(at(0)), None);
        assert_eq!(queue.take_until(at(9)), Some((at(1), "first")));
        assert_eq!(queue.take_until(at(9)), Some((at(1), "second")));
        assert_eq!(queue.take_until(at(1)), None);
        assert_eq!(queue.take_until(at(2)), Some((at(2), "later")));
    }
}
