//! Pacing: whether now is the time to decide.

use std::fmt;
use std::time::Duration;

use super::target_settings::PacingSettings;
use crate::balancer::Scope;
use crate::time::Timestamp;

/// The reasons for a decision now, and against one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacingInputs {
    /// An operator has frozen the target.
    pub(super) is_frozen: bool,
    /// No pod may own slices.
    pub(super) has_no_owner: bool,
    /// Slices have lost their owner, new owners are warm, or leaving replicas have lingered long enough.
    pub(super) needs_repair: bool,
    /// Slices must move off pods that may not own them.
    pub(super) has_misplaced_slices: bool,
    /// Pods have joined and own nothing yet.
    pub(super) has_joined_pods: bool,
    /// Every pod that may own slices has reported its load within the last 10 s.
    pub(super) is_measured: bool,
    /// The last report of a pod that may own slices exceeds its capacity.
    pub(super) is_overloaded: bool,
    /// Until when slices of draining pods wait for a replacement.
    pub(super) replacement_expected_until: Option<Timestamp>,
    /// Until when a mass failure pauses moves for balance.
    pub(super) mass_failure_until: Option<Timestamp>,
}

/// Whether to decide now; if not, why, and when to check again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Decide(Scope),
    Keep { reason: KeepReason, check_at: Timestamp },
}

/// The reason to keep the assignment without a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepReason {
    /// An operator has frozen the target.
    Frozen,
    /// No pod may own slices.
    NoOwner,
    /// Pods joined or drain, and more may follow within `gather`.
    Gathering,
    /// The last decision of this kind changed nothing and was made less than a second ago.
    Futile,
    /// Pods drain, and replacements are expected.
    AwaitingReplacement,
    /// So many pods failed at once that it may be an outage: slices without an owner get one, nothing else moves.
    MassFailure,
    /// Pods joined or left less than `settle` ago, or have not reported their load yet.
    Settling,
    /// The balance interval is not over.
    Calm,
}

/// The shortest time between two repairs of which the first changed nothing.
const FUTILE_PAUSE: Duration = Duration::from_secs(1);

/// While a pod is overloaded, `settle` is at most this long.
const EMERGENCY_SETTLE: Duration = Duration::from_secs(5);

/// The times of the last decisions, and since when there have been reasons for the next one.
#[derive(Debug, Clone)]
pub(super) struct Pacing {
    balanced_at: Timestamp,
    pods_changed_at: Timestamp,
    gathering_since: Option<Timestamp>,
    futile_until: Timestamp,
    /// The decisions for balance since a pod became overloaded.
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

    /// Records that pods joined or left.
    pub(super) fn on_pods_changed(&mut self, now: Timestamp) {
        self.pods_changed_at = now;
        self.futile_until = Timestamp::ZERO;
    }

    /// Records a decision; `has_changed` is whether it changed the assignment.
    pub(super) fn on_decision(&mut self, scope: Scope, has_changed: bool, now: Timestamp) {
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

    /// Whether to decide now, by the first rule that applies.
    pub(super) fn verdict(&mut self, inputs: PacingInputs, settings: &PacingSettings, now: Timestamp) -> Verdict {
        let keep = |reason, check_at| Verdict::Keep { reason, check_at };
        if inputs.is_frozen {
            return keep(KeepReason::Frozen, Timestamp::NEVER);
        }
        if inputs.has_no_owner && !inputs.needs_repair {
            return keep(KeepReason::NoOwner, Timestamp::NEVER);
        }
        let pods_changed = inputs.has_misplaced_slices || inputs.has_joined_pods;
        if (inputs.needs_repair || pods_changed) && now < self.futile_until {
            return keep(KeepReason::Futile, self.futile_until);
        }
        if inputs.needs_repair {
            return Verdict::Decide(Scope::Repair);
        }
        // ## gathering -> repair: `gather` is over since the first pod joined or drained
        if pods_changed {
            let gathered_at = *self.gathering_since.get_or_insert(now) + settings.gather;
            return match now < gathered_at {
                true => keep(KeepReason::Gathering, gathered_at),
                false => Verdict::Decide(Scope::Repair),
            };
        }
        if let Some(until) = inputs.replacement_expected_until {
            return keep(KeepReason::AwaitingReplacement, until);
        }
        if let Some(until) = inputs.mass_failure_until {
            return keep(KeepReason::MassFailure, until);
        }
        if !inputs.is_overloaded {
            // ## emergency -> ordinary: no pod is overloaded any more
            self.emergency_count = 0;
        }
        let (settle, interval) = match inputs.is_overloaded {
            true => (settings.settle.min(EMERGENCY_SETTLE), self.emergency_interval(settings)),
            false => (settings.settle, settings.balance_interval),
        };
        let settled_at = self.pods_changed_at + settle;
        let due_at = self.balanced_at + interval;
        if now < settled_at || !inputs.is_measured {
            return keep(KeepReason::Settling, settled_at.max(now + interval));
        }
        // ## calm -> balance: the interval is over
        match now < due_at {
            true => keep(KeepReason::Calm, due_at),
            false => Verdict::Decide(Scope::Balance),
        }
    }
}

impl Pacing {
    /// Doubles with each decision after the first: an overload that several decisions did not end is no emergency any more.
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
            KeepReason::NoOwner => "no pod may own slices",
            KeepReason::Gathering => "pods joined or drain, and more may follow",
            KeepReason::Futile => "the last decision was made a moment ago and changed nothing",
            KeepReason::AwaitingReplacement => "pods drain, and their replacements are expected",
            KeepReason::MassFailure => {
                "so many pods failed within a minute that it may be an outage, so nothing moves for balance"
            }
            KeepReason::Settling => "pods joined or left, and the load has to be measured again",
            KeepReason::Calm => "the load was balanced a moment ago",
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
        needs_repair: false,
        has_misplaced_slices: false,
        has_joined_pods: false,
        is_measured: true,
        is_overloaded: false,
        replacement_expected_until: None,
        mass_failure_until: None,
    };

    fn millis(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn verdict(pacing: &mut Pacing, inputs: PacingInputs, now: Timestamp) -> Verdict {
        pacing.verdict(inputs, &TargetSettings::default().pacing, now)
    }

    #[test]
    fn a_lost_owner_is_replaced_at_once() {
        let inputs = PacingInputs {
            needs_repair: true,
            ..CALM
        };
        let verdict = verdict(&mut Pacing::new(millis(0)), inputs, millis(0));
        assert_eq!(verdict, Verdict::Decide(Scope::Repair));
    }

    #[test]
    fn pods_that_join_and_drain_together_share_one_decision() {
        let mut pacing = Pacing::new(millis(0));
        let inputs = PacingInputs {
            has_joined_pods: true,
            ..CALM
        };
        let gathering = |check_at| Verdict::Keep {
            reason: KeepReason::Gathering,
            check_at,
        };
        assert_eq!(verdict(&mut pacing, inputs, millis(100)), gathering(millis(400)));
        let inputs = PacingInputs {
            has_misplaced_slices: true,
            ..inputs
        };
        assert_eq!(verdict(&mut pacing, inputs, millis(399)), gathering(millis(400)));
        assert_eq!(
            verdict(&mut pacing, inputs, millis(400)),
            Verdict::Decide(Scope::Repair)
        );
    }

    #[test]
    fn load_causes_no_decision_until_it_has_settled() {
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
        pacing.on_decision(Scope::Balance, true, millis(15_000));
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
            check_at: millis(5_999),
        };
        assert_eq!(verdict(&mut pacing, overloaded, millis(4_999)), settling);
        assert_eq!(
            verdict(&mut pacing, overloaded, millis(5_000)),
            Verdict::Decide(Scope::Balance)
        );
    }

    #[test]
    fn an_overload_that_decisions_do_not_end_is_decided_on_less_and_less_often() {
        let overloaded = PacingInputs {
            is_overloaded: true,
            ..CALM
        };
        let mut pacing = Pacing::new(millis(0));
        let mut decided_at = Vec::new();
        for second in 20..40 {
            let now = millis(second * 1_000);
            if verdict(&mut pacing, overloaded, now) == Verdict::Decide(Scope::Balance) {
                pacing.on_decision(Scope::Balance, true, now);
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
            "a new overload is an emergency again"
        );
    }

    #[test]
    fn in_a_mass_failure_lost_slices_are_repaired_and_nothing_is_balanced() {
        let mut pacing = Pacing::new(millis(0));
        let failure = PacingInputs {
            mass_failure_until: Some(millis(70_000)),
            is_overloaded: true,
            ..CALM
        };
        let held = Verdict::Keep {
            reason: KeepReason::MassFailure,
            check_at: millis(70_000),
        };
        assert_eq!(verdict(&mut pacing, failure, millis(20_000)), held);
        let lost = PacingInputs {
            needs_repair: true,
            ..failure
        };
        assert_eq!(
            verdict(&mut pacing, lost, millis(20_000)),
            Verdict::Decide(Scope::Repair)
        );
    }

    #[test]
    fn nothing_is_decided_while_frozen() {
        let inputs = PacingInputs {
            is_frozen: true,
            needs_repair: true,
            ..CALM
        };
        let verdict = verdict(&mut Pacing::new(millis(0)), inputs, millis(0));
        assert!(matches!(
            verdict,
            Verdict::Keep {
                reason: KeepReason::Frozen,
                ..
            }
        ));
    }
}
