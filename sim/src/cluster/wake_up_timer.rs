//! The wake-up timer of a brain, with no more entries in the event queue than needed.

use emberkeep_core::time::Timestamp;

/// A wake-up that each step of a brain sets again. An entry in the queue cannot be removed, so an early one checks the
/// timer when its time is reached.
#[derive(Debug)]
pub(super) struct WakeUpTimer {
    due_at: Timestamp,
    /// The time of its earliest entry in the queue.
    queued: Timestamp,
}

impl WakeUpTimer {
    pub(super) const fn off() -> Self {
        Self {
            due_at: Timestamp::NEVER,
            queued: Timestamp::NEVER,
        }
    }

    /// Sets the timer. Returns the time of the entry to put into the queue, if none is early enough.
    pub(super) fn set(&mut self, at: Timestamp) -> Option<Timestamp> {
        self.due_at = at;
        let is_new = at < self.queued;
        if is_new {
            self.queued = at;
        }
        is_new.then_some(at)
    }

    /// Handles an entry at its time: `Ok` if the wake-up is due, else the time of the entry to put into the queue.
    pub(super) fn fire(&mut self, now: Timestamp) -> Result<(), Option<Timestamp>> {
        if self.queued <= now {
            self.queued = Timestamp::NEVER;
        }
        match self.due_at <= now {
            true => Ok(()),
            false => Err(self.set(self.due_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_fires_at_the_time_set_last() {
        let at = Timestamp::from_millis;
        let mut timer = WakeUpTimer::off();
        assert_eq!(timer.set(at(5)), Some(at(5)));
        assert_eq!(timer.set(at(9)), None, "the entry at 5 ms checks the timer");
        assert_eq!(timer.fire(at(5)), Err(Some(at(9))));
        assert_eq!(timer.set(at(7)), Some(at(7)));
        assert_eq!(timer.fire(at(7)), Ok(()));
        assert_eq!(timer.set(at(20)), Some(at(20)));
        assert_eq!(timer.fire(at(9)), Err(None), "an entry left in the queue does nothing");
    }
}
