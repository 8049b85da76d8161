//! A rumour: pods speak of a generation that the clerk has not been told of.

use std::time::Duration;

use emberkeep_core::assignment::Generation;
use emberkeep_core::time::Timestamp;

/// Tells a source that is a moment late from one that is cut off.
#[derive(Debug, Default)]
pub(crate) struct Rumour {
    /// The generation that was spoken of first, and when.
    heard: Option<(Generation, Timestamp)>,
}

/// How much later than a pod the clerk may learn of a generation before it doubts its source.
const LATE_MAX: Duration = Duration::from_secs(1);

impl Rumour {
    /// Whether what is `spoken` of should long have been `held`. Once that is said, the next source gets its time too.
    pub(crate) fn is_overdue(&mut self, spoken: Generation, held: Generation, now: Timestamp) -> bool {
        if spoken <= held {
            return false;
        }
        match self.heard.filter(|(heard, _)| *heard > held) {
            Some((_, since)) if now.since(since) < LATE_MAX => false,
            known => {
                self.heard = Some((spoken, now));
                known.is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_doubted_only_after_it_had_its_time() {
        let generation = |number| Generation::from_number(number).unwrap();
        let at = Timestamp::from_millis;
        let mut rumour = Rumour::default();
        assert!(!rumour.is_overdue(generation(7), generation(7), at(0)), "nothing new");
        assert!(!rumour.is_overdue(generation(8), generation(7), at(0)));
        assert!(!rumour.is_overdue(generation(9), generation(7), at(999)));
        assert!(rumour.is_overdue(generation(9), generation(7), at(1_000)));
        assert!(
            !rumour.is_overdue(generation(9), generation(7), at(1_001)),
            "the next source gets its time"
        );
        assert!(
            !rumour.is_overdue(generation(10), generation(9), at(5_000)),
            "the source has caught up"
        );
    }
}
