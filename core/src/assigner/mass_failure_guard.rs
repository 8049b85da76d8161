//! Caution: how much it takes to believe that pods are dead.
//!
//! To a leader whose own network has failed, all pods look dead. So when many fall together, it first asks a quorum of
//! the assigner's members whether it still leads, and believes no death before it knows. After that it is the pods'
//! network that may have failed: one that refuses connections is gone, but silent ones get more time than usual.

use std::time::Duration;

use crate::time::Timestamp;

/// How long to wait before a question that was not answered with yes is asked again.
const CONFIRM_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// So many times as long as usual a silent pod is kept: long enough for a switch to start anew or for routes to change.
const PATIENCE_FACTOR: u32 = 3;

/// Whether deaths are believed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum MassFailureGuard {
    /// As usual.
    #[default]
    Inactive,
    /// Many pods have fallen, and it is not known whether this member still leads. It is asked at that time, which is
    /// never while an answer is awaited.
    Unconfirmed { ask_at: Timestamp },
    /// Many pods have fallen, and this member leads.
    Confirmed,
}

impl MassFailureGuard {
    /// Takes in whether many pods have fallen. Answers whether that is new.
    pub(super) fn observe(&mut self, is_mass_failure: bool, now: Timestamp) -> bool {
        let is_new = is_mass_failure && *self == Self::Inactive;
        if is_new {
            *self = Self::Unconfirmed { ask_at: now };
        } else if !is_mass_failure {
            *self = Self::Inactive;
        }
        is_new
    }

    /// Whether a quorum is to be asked now.
    pub(super) fn take_question(&mut self, now: Timestamp) -> bool {
        match self {
            Self::Unconfirmed { ask_at } if *ask_at <= now => {
                *ask_at = Timestamp::NEVER;
                true
            }
            Self::Unconfirmed { .. } | Self::Inactive | Self::Confirmed => false,
        }
    }

    /// A quorum was asked. Answers whether deaths are believed from now on.
    pub(super) fn answered(&mut self, leads: bool, now: Timestamp) -> bool {
        let is_awaited = matches!(self, Self::Unconfirmed { .. });
        if is_awaited {
            *self = match leads {
                true => Self::Confirmed,
                false => Self::Unconfirmed {
                    ask_at: now + CONFIRM_AGAIN_AFTER,
                },
            };
        }
        is_awaited && leads
    }

    /// How long a pod may be silent before it is believed to be dead; `None` while no death is believed.
    pub(super) fn patience(self, dead_after: Duration) -> Option<Duration> {
        match self {
            Self::Inactive => Some(dead_after),
            Self::Unconfirmed { .. } => None,
            Self::Confirmed => Some(dead_after * PATIENCE_FACTOR),
        }
    }

    /// When [`MassFailureGuard::take_question`] is to be asked again.
    pub(super) const fn wake_at(self) -> Timestamp {
        match self {
            Self::Unconfirmed { ask_at } => ask_at,
            Self::Inactive | Self::Confirmed => Timestamp::NEVER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD_AFTER: Duration = Duration::from_secs(3);

    fn second(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn no_death_is_believed_until_a_quorum_has_said_that_this_member_leads() {
        let mut caution = MassFailureGuard::default();
        assert_eq!(caution.patience(DEAD_AFTER), Some(DEAD_AFTER));
        assert!(caution.observe(true, second(1)));
        assert!(!caution.observe(true, second(1)), "it is no news any more");
        assert!(caution.take_question(second(1)));
        assert!(!caution.take_question(second(1)), "one query at a time");
        assert_eq!(caution.patience(DEAD_AFTER), None);

        assert!(!caution.answered(false, second(3)));
        assert_eq!(caution.wake_at(), second(4));
        assert!(!caution.take_question(second(3)));
        assert!(caution.take_question(second(4)));
        assert!(caution.answered(true, second(4)));
        assert_eq!(caution.patience(DEAD_AFTER), Some(Duration::from_secs(9)));
        caution.observe(false, second(14));
        assert_eq!(caution, MassFailureGuard::Inactive);
    }

    #[test]
    fn an_answer_that_comes_when_all_is_well_again_says_nothing_about_the_next_failure() {
        let mut caution = MassFailureGuard::default();
        caution.observe(true, second(1));
        assert!(caution.take_question(second(1)));
        caution.observe(false, second(2));
        assert!(!caution.answered(true, second(2)));
        assert!(caution.observe(true, second(3)));
        assert_eq!(caution.patience(DEAD_AFTER), None);
    }
}
