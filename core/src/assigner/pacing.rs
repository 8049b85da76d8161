//! Pacing: whether now is the time to decide.

use std::fmt;
use std::time::Duration;

use super::target_settings::PacingSettings;
use crate::balancer::Scope;
use crate::time::Timestamp;

/// What there is to decide about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacingInputs {
    /// An operator has stopped all changes.
    pub(super) is_frozen: bool,
    /// There is no pod that could own anything.
    pub(super) has_no_owner: bool,
    /// Slices have lost their owner, new owners are ready, or replicas have lingered long enough.
    pub(super) repair: bool,
    /// Slices are to leave pods that may not own them.
    pub(super) drains: bool,
    /// Pods have joined that own nothing yet.
    pub(super) joined: bool,
    /// Every owner has lately said how loaded it is.
    pub(super) is_measured: bool,
    /// An owner has lately said that it has more load than it can carry.
    pub(super) is_overloaded: bool,
    /// Until when slices of draining pods wait for others that take their place.
    pub(super) awaits_replacement: Option<Timestamp>,
    /// Until when so many pods are missing that it may be an outage.
    pub(super) mass_failure: Option<Timestamp>,
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
    /// More pods may be about to come or go.
    Gathering,
    /// The same was decided a moment ago and led to nothing.
    Futile,
    /// Pods drain, and others are about to take their places.
    AwaitingReplacement,
    /// So many pods fell at once that it may be an outage: only what must be is repaired.
    MassFailure,
    /// The load has to be measured anew first.
    Settling,
    /// It is not yet time to balance again.
    Calm,
}

/// How long a decision that led to nothing is not made again.
const FUTILE_PAUSE: Duration = Duration::from_secs(1);

/// In an emergency, for so long at most load is no reason to decide after pods came or went.
const EMERGENCY_SETTLE: Duration = Duration::from_secs(5);

/// When was decided, and since when there has been reason to.
#[derive(Debug, Clone)]
pub(super) struct Pacing {
    balanced_at: Timestamp,
    pods_changed_at: Timestamp,
    gathering_since: Option<Timestamp>,
    futile_until: Timestamp,
    /// How often was decided in the present emergency.
    emergency_count: u32,
}

impl Pacing {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            balanced_at: now,
            pods_changed_at: now,
            gathering_since: None,
            futile_until: Timestamp::ZERO,
            emergency_count: 0,
        }
    }

    /// Pods came or went.
    pub(super) fn pods_changed(&mut self, now: Timestamp) {
        self.pods_changed_at = now;
        self.futile_until = Timestamp::ZERO;
    }

    /// A decision was made.
    pub(super) fn decided(&mut self, scope: Scope, has_changed: bool, now: Timestamp) {
        self.gathering_since = None;
        match scope {
            Scope::Balance => {
                self.balanced_at = now;
                self.emergency_count = self.emergency_count.saturating_add(1);
            }
            Scope::Repair if has_changed => {}
            Scope::Repair => self.futile_until = now + FUTILE_PAUSE,
        }
    }

    pub(super) fn verdict(&mut self, needs: PacingInputs, settings: &PacingSettings, now: Timestamp) -> Verdict {
        let keep = |reason, look_again| Verdict::Keep { reason, look_again };
        if needs.is_frozen {
            return keep(KeepReason::Frozen, Timestamp::NEVER);
        }
        if needs.has_no_owner && !needs.repair {
            return keep(KeepReason::NoOwner, Timestamp::NEVER);
        }
        let pods_come_or_go = needs.drains || needs.joined;
        if (needs.repair || pods_come_or_go) && now < self.futile_until {
            return keep(KeepReason::Futile, self.futile_until);
        }
        if needs.repair {
            return Verdict::Decide(Scope::Repair);
        }
        if pods_come_or_go {
            let gathered_at = *self.gathering_since.get_or_insert(now) + settings.gather;
            return match now < gathered_at {
                true => keep(KeepReason::Gathering, gathered_at),
                false => Verdict::Decide(Scope::Repair),
            };
        }
        if let Some(until) = needs.awaits_replacement {
            return keep(KeepReason::AwaitingReplacement, until);
        }
        if let Some(until) = needs.mass_failure {
            return keep(KeepReason::MassFailure, until);
        }
        if !needs.is_overloaded {
            self.emergency_count = 0;
        }
        let (settle, interval) = match needs.is_overloaded {
            true => (settings.settle.min(EMERGENCY_SETTLE), self.emergency_interval(settings)),
            false => (settings.settle, settings.balance_interval),
        };
        let settled_at = self.pods_changed_at + settle;
        let due_at = self.balanced_at + interval;
        if now < settled_at || !needs.is_measured {
            return keep(KeepReason::Settling, settled_at.max(now + interval));
        }
        match now < due_at {
            true => keep(KeepReason::Calm, due_at),
            false => Verdict::Decide(Scope::Balance),
        }
    }
}

impl Pacing {
    /// Doubles with each decision after the first: what could not be cured a few times is no emergency any more, but how things are.
    fn emergency_interval(&self, settings: &PacingSettings) -> Duration {
        let factor = 2_u32.saturating_pow(self.emergency_count.saturating_sub(1));
        settings
            .emergency_interval
            .saturating_mul(factor)
            .min(settings.balance_interval)
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeepReason::Frozen => "an operator has frozen the target",
            KeepReason::NoOwner => "there is no pod that may own slices",
            KeepReason::Gathering => "more pods may be about to come or go",
            KeepReason::Futile => "the same was decided a moment ago and changed nothing",
            KeepReason::AwaitingReplacement => "pods drain, and others are about to take their places",
            KeepReason::MassFailure => {
                "so many pods fell within a minute that it may be an outage, so nothing moves for balance"
            }
            KeepReason::Settling => "pods came or went, and the load has to be measured anew",
            KeepReason::Calm => "the load was looked at a moment ago",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assigner::TargetSettings;

    const CALM: PacingInputs = PacingInputs {
        is_frozen: false,
        has_no_owner: false,
        repair: false,
        drains: false,
        joined: false,
        is_measured: true,
        is_overloaded: false,
        awaits_replacement: None,
        mass_failure: None,
    };

    fn millis(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn verdict(pacing: &mut Pacing, needs: PacingInputs, now: Timestamp) -> Verdict {
        pacing.verdict(needs, &TargetSettings::default().pacing, now)
    }

    #[test]
    fn a_lost_owner_is_replaced_at_once() {
        let needs = PacingInputs { repair: true, ..CALM };
        let verdict = verdict(&mut Pacing::new(millis(0)), needs, millis(0));
        assert_eq!(verdict, Verdict::Decide(Scope::Repair));
    }

    #[test]
    fn pods_that_come_and_go_together_share_one_decision() {
        let mut pacing = Pacing::new(millis(0));
        let needs = PacingInputs { joined: true, ..CALM };
        let gathering = |look_again| Verdict::Keep {
            reason: KeepReason::Gathering,
            look_again,
        };
        assert_eq!(verdict(&mut pacing, needs, millis(100)), gathering(millis(400)));
        let needs = PacingInputs { drains: true, ..needs };
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
        let unmeasured = PacingInputs {
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
    fn an_overloaded_pod_waits_neither_for_the_interval_nor_for_the_load_to_settle() {
        let overloaded = PacingInputs {
            is_overloaded: true,
            ..CALM
        };
        let mut pacing = Pacing::new(millis(0));
        let settling = Verdict::Keep {
            reason: KeepReason::Settling,
            look_again: millis(5_999),
        };
        assert_eq!(verdict(&mut pacing, overloaded, millis(4_999)), settling);
        assert_eq!(
            verdict(&mut pacing, overloaded, millis(5_000)),
            Verdict::Decide(Scope::Balance)
        );
    }

    #[test]
    fn what_several_decisions_do_not_cure_is_decided_less_and_less_often() {
        let overloaded = PacingInputs {
            is_overloaded: true,
            ..CALM
        };
        let mut pacing = Pacing::new(millis(0));
        let mut decided_at = Vec::new();
        for second in 20..40 {
            let now = millis(second * 1_000);
            if verdict(&mut pacing, overloaded, now) == Verdict::Decide(Scope::Balance) {
                pacing.decided(Scope::Balance, true, now);
                decided_at.push(second);
            }
        }
        assert_eq!(decided_at, [20, 21, 23, 27, 32, 37]);
        assert!(matches!(
            verdict(&mut pacing, CALM, millis(37_000)),
            Verdict::Keep { .. }
        ));
        assert_eq!(
            verdict(&mut pacing, overloaded, millis(39_000)),
            Verdict::Decide(Scope::Balance),
            "a new emergency is one"
        );
    }

    #[test]
    fn in_a_mass_failure_what_is_lost_is_repaired_and_nothing_is_balanced() {
        let mut pacing = Pacing::new(millis(0));
        let failure = PacingInputs {
            mass_failure: Some(millis(70_000)),
            is_overloaded: true,
            ..CALM
        };
        let held = Verdict::Keep {
            reason: KeepReason::MassFailure,
            look_again: millis(70_000),
        };
        assert_eq!(verdict(&mut pacing, failure, millis(20_000)), held);
        let lost = PacingInputs {
            repair: true,
            ..failure
        };
        assert_eq!(
            verdict(&mut pacing, lost, millis(20_000)),
            Verdict::Decide(Scope::Repair)
        );
    }

    #[test]
    fn nothing_is_decided_while_frozen() {
        let needs = PacingInputs {
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
