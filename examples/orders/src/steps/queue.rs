//! The queue of keys to process, now or later, without duplicates.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::Hash;

use super::unix_time::UnixTime;

/// A bounded queue of items that are ready, postponed or in progress; each item is in it at most once.
#[derive(Debug)]
pub(super) struct WorkQueue<T> {
    count_max: usize,
    /// All items: ready, postponed and in progress.
    known: HashSet<T>,
    ready: VecDeque<T>,
    later: BTreeSet<(UnixTime, T)>,
}

impl<T: Clone + Ord + Hash> WorkQueue<T> {
    /// An empty queue for at most `count_max` items.
    pub(super) fn new(count_max: usize) -> Self {
        Self {
            count_max,
            known: HashSet::new(),
            ready: VecDeque::new(),
            later: BTreeSet::new(),
        }
    }

    /// Adds an item, unless it is known or the queue is full.
    pub(super) fn offer(&mut self, item: T) {
        if self.known.len() < self.count_max && self.known.insert(item.clone()) {
            self.ready.push_back(item);
        }
    }

    /// Takes an item that is due; it stays known, in progress, until it is postponed or removed.
    pub(super) fn take(&mut self, now: UnixTime) -> Option<T> {
        while self.wake_at().is_some_and(|due_at| due_at <= now) {
            self.ready.extend(self.later.pop_first().map(|(_, item)| item));
        }
        self.ready.pop_front()
    }

    /// When the first postponed item becomes due.
    pub(super) fn wake_at(&self) -> Option<UnixTime> {
        self.later.first().map(|(due_at, _)| *due_at)
    }

    /// Makes an item in progress due again at that time.
    pub(super) fn postpone(&mut self, item: T, due_at: UnixTime) {
        self.later.insert((due_at, item));
    }

    /// Removes an item in progress.
    pub(super) fn remove(&mut self, item: &T) {
        self.known.remove(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> UnixTime {
        UnixTime::from_millis(millis)
    }

    #[test]
    fn an_item_is_taken_once_until_it_is_removed() {
        let mut queue = WorkQueue::new(10);
        queue.offer("a");
        queue.offer("a");
        assert_eq!(queue.take(at(0)), Some("a"));
        queue.offer("a");
        assert_eq!(queue.take(at(0)), None, "it is in progress");
        queue.remove(&"a");
        queue.offer("a");
        assert_eq!(queue.take(at(0)), Some("a"));
    }

    #[test]
    fn a_postponed_item_is_taken_when_it_is_due_and_not_before() {
        let mut queue = WorkQueue::new(10);
        queue.offer("a");
        assert_eq!(queue.take(at(0)), Some("a"));
        queue.postpone("a", at(50));
        queue.offer("a");
        assert_eq!((queue.take(at(49)), queue.wake_at()), (None, Some(at(50))));
        assert_eq!((queue.take(at(50)), queue.wake_at()), (Some("a"), None));
    }

    #[test]
    fn a_full_queue_accepts_no_item() {
        let mut queue = WorkQueue::new(1);
        queue.offer("a");
        queue.offer("b");
        assert_eq!(queue.take(at(0)), Some("a"));
        assert_eq!(queue.take(at(0)), None);
    }
}
