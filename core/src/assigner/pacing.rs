//! Pacing: whether now is the time to decide.

use std::fmt;
use std::time::Duration;

use super::target_settings::PacingSettings;
use crate::balancer::Scope;
use crate::time::Timestamp;

/// What there is to decide about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// An operator has stopped all changes.
    pub(super) is_frozen: bool,
    /// There is no pod that could own anything.
    pub(super) has_no_owner: bool,
    /// Slices have lost their owner or are to lose it, or replicas have lingered long enough.
    pub(super) repair: bool,
    /// Pods have joined that own nothing yet.
    pub(super) joined: bool,
    /// Every owner has lately said how loaded it is.
    pub(super) is_measured: bool,
}

/// Whether to decide, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Decide(Scope),
    Keep { reason: KeepReason, look_again: Timestamp },
}

/// Why nothing is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepReason {
    /// An operator has stopped all changes.
    Frozen,
    /// There is nobody to own anything.
    NoOwner,
    /// More pods may be about to join.
    Gathering,
    /// The same was decided a moment ago and led to nothing.
    Futile,
    /// The load has to be measured anew first.
    Settling,
    /// It is not yet time to balance again.
    Calm,
}

/// How long a decision that led to nothing is not made again.
const FUTILE_PAUSE: Duration = Duration::from_secs(1);

/// When was decided, and since when there has been reason to.
#[derive(Debug, Clone)]
pub(super) struct Pacing {
    balanced_at: Timestamp,
    pods_changed_at: Timestamp,
    joined_since: Option<Timestamp>,
    futile_until: Timestamp,
}

impl Pacing {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            balanced_at: now,
            pods_changed_at: now,
            joined_since: None,
            futile_until: Timestamp::ZERO,
        }
    }

    /// Pods came or went.
    pub(super) fn pods_changed(&mut self, now: Timestamp) {
        self.pods_changed_at = now;
        self.futile_until = Timestamp::ZERO;
    }

    /// A decision was made.
    pub(super) fn decided(&mut self, scope: Scope, has_changed: bool, now: Timestamp) {
        self.joined_since = None;
        match scope {
            Scope::Balance => self.balanced_at = now,
            Scope::Repair if has_changed => {}
            Scope::Repair => self.futile_until = now + FUTILE_PAUSE,
        }
    }

    pub(super) fn verdict(&mut self, needs: Needs, settings: &PacingSettings, now: Timestamp) -> Verdict {
        let keep = |reason, look_again| Verdict::Keep { reason, look_again };
        if needs.is_frozen {
            return keep(KeepReason::Frozen, Timestamp::NEVER);
        }
        if needs.has_no_owner && !needs.repair {
            return keep(KeepReason::NoOwner, Timestamp::NEVER);
        }
        if (needs.repair || needs.joined) && now < self.futile_until {
            return keep(KeepReason::Futile, self.futile_until);
        }
        if needs.repair {
            return Verdict::Decide(Scope::Repair);
        }
        if needs.joined {
            let gathered_at = *self.joined_since.get_or_insert(now) + settings.gather;
            return match now < gathered_at {
                true => keep(KeepReason::Gathering, gathered_at),
                false => Verdict::Decide(Scope::Repair),
            };
        }
        let settled_at = self.pods_changed_at + settings.settle;
        let due_at = self.balanced_at + settings.balance_interval;
        if now < settled_at || !needs.is_measured {
            return keep(KeepReason::Settling, settled_at.max(now + settings.balance_interval));
        }
        match now < due_at {
            true => keep(KeepReason::Calm, due_at),
            false => Verdict::Decide(Scope::Balance),
        }
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeepReason::Frozen => "an operator has frozen the target",
            KeepReason::NoOwner => "there is no pod that may own slices",
            KeepReason::Gathering => "more pods may be about to join",
            KeepReason::Futile => "the same was decided a moment ago and changed nothing",
            KeepReason::Settling => "pods came or went, and the load has to be measured anew",
            KeepReason::Calm => "the load was looked at a moment ago",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assigner::TargetSettings;

    const CALM: Needs = Needs {
        is_frozen: false,
        has_no_owner: false,
        repair: false,
        joined: false,
        is_measured: true,
    };

    fn millis(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn verdict(pacing: &mut Pacing, needs: Needs, now: Timestamp) -> Verdict {
        pacing.verdict(needs, &TargetSettings::default().pacing, now)
    }

    #[test]
    fn a_lost_owner_is_replaced_at_once() {
        let needs = Needs { repair: true, ..CALM };
        let verdict = verdict(&mut Pacing::new(millis(0)), needs, millis(0));
        assert_eq!(verdict, Verdict::Decide(Scope::Repair));
    }

    #[test]
    fn pods_that_join_together_share_one_decision() {
        let mut pacing = Pacing::new(millis(0));
        let needs = Needs { joined: true, ..CALM };
        let gathering = |look_again| Verdict::Keep {
            reason: KeepReason::Gathering,
            look_again,
        };
        assert_eq!(verdict(&mut pacing, needs, millis(100)), gathering(millis(400)));
        assert_eq!(verdict(&mut pacing, needs, millis(399)), gathering(millis(400)));
        assert_eq!(verdict(&mut pacing, needs, millis(400)), Verdict::Decide(Scope::Repair));
    }

    #[test]
    fn load_is_no_reason_until_it_has_been_measured_anew() {
        let mut pacing = Pacing::new(millis(0));
        assert!(matches!(
            verdict(&mut pacing, CALM, millis(14_999)),
            Verdict::Keep {
                reason: KeepReason::Settling,
                ..
            }
        ));
        let unmeasured = Needs {
            is_measured: false,
            ..CALM
        };
        assert!(matches!(
            verdict(&mut pacing, unmeasured, millis(15_000)),
            Verdict::Keep { .. }
        ));
        assert_eq!(
            verdict(&mut pacing, CALM, millis(15_000)),
            Verdict::Decide(Scope::Balance)
        );
        pacing.decided(Scope::Balance, true, millis(15_000));
        assert!(matches!(
            verdict(&mut pacing, CALM, millis(15_001)),
            Verdict::Keep {
                reason: KeepReason::Calm,
                ..
            }
        ));
    }

    #[test]
    fn nothing_is_decided_while_frozen() {
        let needs = Needs {
            is_frozen: true,
            repair: true,
            ..CALM
        };
        let verdict = verdict(&mut Pacing::new(millis(0)), needs, millis(0));
        assert!(matches!(
            verdict,
            Verdict::Keep {
                reason: KeepReason::Frozen,
                ..
            }
        ));
    }
}
