//! The mass failure guard: the stricter conditions for declaring pods dead while many of them fail at once.
//!
//! To a leader whose own network has failed, all pods look dead. So a mass failure suspends deaths until a quorum of the
//! assigner's members has confirmed that this one leads. After that the network of the pods may still have failed: a pod
//! that refuses connections is dead, but a silent one gets three times the usual timeout.
//!
//! ```text
//! Inactive --mass failure--> Unconfirmed --leadership confirmed--> Confirmed
//!    ^                           |                                     |
//!    +------- failure over ------+------------- failure over ----------+
//! ```

use std::time::Duration;

use crate::time::Timestamp;

/// The interval between two leadership checks of which the first did not confirm that this member leads.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The factor on the timeout of silent pods: long enough for a switch to restart or for routes to change.
const TIMEOUT_FACTOR: u32 = 3;

/// Whether pods may be declared dead.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum MassFailureGuard {
    /// No mass failure: the usual timeout counts.
    #[default]
    Inactive,
    /// A mass failure, and leadership is not confirmed: no pod is declared dead. The next leadership check is due at
    /// `check_at`, which is [`Timestamp::NEVER`] while one is running.
    Unconfirmed { check_at: Timestamp },
    /// A mass failure, and this member leads: silent pods get more time.
    Confirmed,
}

impl MassFailureGuard {
    /// Records whether there is a mass failure; returns whether it has just begun.
    pub(super) fn observe(&mut self, is_mass_failure: bool, now: Timestamp) -> bool {
        let has_begun = is_mass_failure && *self == Self::Inactive;
        if has_begun {
            // ## Inactive -> Unconfirmed: many pods failed at once
            *self = Self::Unconfirmed { check_at: now };
        } else if !is_mass_failure {
            // ## any -> Inactive: the failure is over
            *self = Self::Inactive;
        }
        has_begun
    }

    /// Starts the leadership check if it is due; returns whether it was.
    pub(super) fn start_due_check(&mut self, now: Timestamp) -> bool {
        match self {
            Self::Unconfirmed { check_at } if *check_at <= now => {
                *check_at = Timestamp::NEVER;
                true
            }
            Self::Unconfirmed { .. } | Self::Inactive | Self::Confirmed => false,
        }
    }

    /// Records the outcome of a leadership check; returns whether it confirms leadership.
    pub(super) fn on_leadership_check(&mut self, leads: bool, now: Timestamp) -> bool {
        let is_awaited = matches!(self, Self::Unconfirmed { .. });
        if is_awaited {
            *self = match leads {
                // ## Unconfirmed -> Confirmed: a quorum has confirmed that this member leads
                true => Self::Confirmed,
                // ## Unconfirmed -> Unconfirmed: no quorum has confirmed it, so the check is repeated
                false => Self::Unconfirmed {
                    check_at: now + CHECK_INTERVAL,
                },
            };
        }
        is_awaited && leads
    }

    /// How long a pod may be silent before it is declared dead; `None` while no pod is declared dead.
    pub(super) fn death_timeout(self, dead_after: Duration) -> Option<Duration> {
        match self {
            Self::Inactive => Some(dead_after),
            Self::Unconfirmed { .. } => None,
            Self::Confirmed => Some(dead_after * TIMEOUT_FACTOR),
        }
    }

    /// When the next leadership check is due: see [`MassFailureGuard::start_due_check`].
    pub(super) const fn wake_at(self) -> Timestamp {
        match self {
            Self::Unconfirmed { check_at } => check_at,
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
    fn no_pod_is_declared_dead_until_a_quorum_has_confirmed_leadership() {
        let mut guard = MassFailureGuard::default();
        assert_eq!(guard.death_timeout(DEAD_AFTER), Some(DEAD_AFTER));
        assert!(guard.observe(true, second(1)));
        assert!(!guard.observe(true, second(1)), "it began before");
        assert!(guard.start_due_check(second(1)));
        assert!(!guard.start_due_check(second(1)), "one check at a time");
        assert_eq!(guard.death_timeout(DEAD_AFTER), None);

        assert!(!guard.on_leadership_check(false, second(3)));
        assert_eq!(guard.wake_at(), second(4));
        assert!(!guard.start_due_check(second(3)));
        assert!(guard.start_due_check(second(4)));
        assert!(guard.on_leadership_check(true, second(4)));
        assert_eq!(guard.death_timeout(DEAD_AFTER), Some(Duration::from_secs(9)));
        guard.observe(false, second(14));
        assert_eq!(guard, MassFailureGuard::Inactive);
    }

    #[test]
    fn a_check_that_ends_after_the_failure_does_not_confirm_the_next_one() {
        let mut guard = MassFailureGuard::default();
        guard.observe(true, second(1));
        assert!(guard.start_due_check(second(1)));
        guard.observe(false, second(2));
        assert!(!guard.on_leadership_check(true, second(2)));
        assert!(guard.observe(true, second(3)));
        assert_eq!(guard.death_timeout(DEAD_AFTER), None);
    }
}
