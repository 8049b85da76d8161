//! Alarms: when a brain wants to be woken, with no more in the queue than needed.

use emberkeep_core::time::Timestamp;

/// A wake-up that its brain sets anew with each step.
#[derive(Debug)]
pub(super) struct Alarm {
    wanted: Timestamp,
    /// The earliest of its entries in the queue.
    queued: Timestamp,
}

impl Alarm {
    pub(super) const fn off() -> Self {
        Self {
            wanted: Timestamp::NEVER,
            queued: Timestamp::NEVER,
        }
    }

    /// Sets it; answers when an entry has to be put into the queue, if there is none that is early enough.
    pub(super) fn set(&mut self, at: Timestamp) -> Option<Timestamp> {
        self.wanted = at;
        let is_new = at < self.queued;
        if is_new {
            self.queued = at;
        }
        is_new.then_some(at)
    }

    /// An entry has come up: whether it is time, and if not, when the next entry has to come.
    pub(super) fn rings(&mut self, now: Timestamp) -> Result<(), Option<Timestamp>> {
        if self.queued <= now {
            self.queued = Timestamp::NEVER;
        }
        match self.wanted <= now {
            true => Ok(()),
            false => Err(self.set(self.wanted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_rings_at_the_time_set_last() {
        let at = Timestamp::from_millis;
        let mut alarm = Alarm::off();
        assert_eq!(alarm.set(at(5)), Some(at(5)));
        assert_eq!(alarm.set(at(9)), None, "the entry at 5 will look again");
        assert_eq!(alarm.rings(at(5)), Err(Some(at(9))));
        assert_eq!(alarm.set(at(7)), Some(at(7)));
        assert_eq!(alarm.rings(at(7)), Ok(()));
        assert_eq!(alarm.set(at(20)), Some(at(20)));
        assert_eq!(alarm.rings(at(9)), Err(None), "what was left in the queue does nothing");
    }
}
