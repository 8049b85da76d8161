//! The queue: what is to be worked on, now and later, each thing once.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::Hash;

use super::unix_time::UnixTime;

/// Things that are to be worked on, that wait for their time, or that are being worked on: bounded together.
#[derive(Debug)]
pub(super) struct WorkQueue<T> {
    count_max: usize,
    /// All there are.
    known: HashSet<T>,
    ready: VecDeque<T>,
    later: BTreeSet<(UnixTime, T)>,
}

impl<T: Clone + Ord + Hash> WorkQueue<T> {
    /// An empty queue that never holds more than so many.
    pub(super) fn new(count_max: usize) -> Self {
        Self {
            count_max,
            known: HashSet::new(),
            ready: VecDeque::new(),
            later: BTreeSet::new(),
        }
    }

    /// Takes a thing in, unless it is known or the queue is full.
    pub(super) fn offer(&mut self, thing: T) {
        if self.known.len() < self.count_max && self.known.insert(thing.clone()) {
            self.ready.push_back(thing);
        }
    }

    /// Hands out a thing whose time has come; it stays known until it is postponed or forgotten.
    pub(super) fn take(&mut self, now: UnixTime) -> Option<T> {
        while self.wake_at().is_some_and(|due_at| due_at <= now) {
            self.ready.extend(self.later.pop_first().map(|(_, thing)| thing));
        }
        self.ready.pop_front()
    }

    /// When the first thing is due that waits for its time.
    pub(super) fn wake_at(&self) -> Option<UnixTime> {
        self.later.first().map(|(due_at, _)| *due_at)
    }

    /// A thing that was handed out is to be handed out again, then.
    pub(super) fn postpone(&mut self, thing: T, due_at: UnixTime) {
        self.later.insert((due_at, thing));
    }

    /// There is no more to do for a thing that was handed out.
    pub(super) fn forget(&mut self, thing: &T) {
        self.known.remove(thing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> UnixTime {
        UnixTime::from_millis(millis)
    }

    #[test]
    fn a_thing_is_handed_out_to_one_at_a_time() {
        let mut queue = WorkQueue::new(10);
        queue.offer("a");
        queue.offer("a");
        assert_eq!(queue.take(at(0)), Some("a"));
        queue.offer("a");
        assert_eq!(queue.take(at(0)), None, "somebody works on it");
        queue.forget(&"a");
        queue.offer("a");
        assert_eq!(queue.take(at(0)), Some("a"));
    }

    #[test]
    fn what_is_postponed_comes_when_it_is_due_and_not_before() {
        let mut queue = WorkQueue::new(10);
        queue.offer("a");
        assert_eq!(queue.take(at(0)), Some("a"));
        queue.postpone("a", at(50));
        queue.offer("a");
        assert_eq!((queue.take(at(49)), queue.wake_at()), (None, Some(at(50))));
        assert_eq!((queue.take(at(50)), queue.wake_at()), (Some("a"), None));
    }

    #[test]
    fn a_full_queue_takes_nothing_in() {
        let mut queue = WorkQueue::new(1);
        queue.offer("a");
        queue.offer("b");
        assert_eq!(queue.take(at(0)), Some("a"));
        assert_eq!(queue.take(at(0)), None);
    }
}
