//! Hold: pinned, poisoned and recently moved slices, which balance must not move.

use std::time::Duration;

use super::decision::MoveCause;
use super::move_history::{MoveHistory, ROUND};
use super::placement::Placement;
use super::plan::Plan;
use super::plan_slice::SliceHold;
use super::signals::Signals;
use crate::keyspace::Slice;
use crate::time::Timestamp;

/// How long a slice stays after a move for balance: the move itself disturbs the measured load.
const COOLDOWN: Duration = Duration::from_secs(90);

/// How much longer balance leaves the slice in place because it has moved; `None` if it may move.
#[must_use]
pub fn cooldown_remaining(recent_moves: &MoveHistory, slice: &Slice, now: Timestamp) -> Option<Duration> {
    let until = recent_moves.last_move_of(slice)? + COOLDOWN;
    (now < until).then(|| until.since(now))
}

/// Sets the hold of each slice; the strongest reason counts.
pub(super) fn hold(plan: &mut Plan, signals: &Signals, recent_moves: &MoveHistory, now: Timestamp) {
    for slice in 0..plan.slices().len() {
        if plan.slices()[slice].is_in_handoff() {
            plan.slice_mut(slice).hold = SliceHold::Moving;
        }
    }
    for slice in recent_moves.slices_within(COOLDOWN, now) {
        hold_slices(plan, slice, SliceHold::Cooldown);
    }
    // A slice that moved in this round does not move again, not even off an overloaded pod.
    for slice in recent_moves.slices_within(ROUND, now) {
        hold_slices(plan, slice, SliceHold::Moving);
    }
    for slice in &signals.poisoned {
        hold_slices(plan, slice, SliceHold::Poisoned);
    }
    for pin in &signals.pins {
        if let Some(pod) = plan.index_of(&pin.pod).filter(|pod| plan.may_own(*pod)) {
            hold_slices(plan, &pin.slice, SliceHold::Pinned(pod));
        }
    }
}

fn hold_slices(plan: &mut Plan, slice: &Slice, hold: SliceHold) {
    let first = plan
        .slices()
        .partition_point(|planned| planned.slice.end().is_some_and(|end| end <= slice.start()));
    for at in first..plan.slices().len() {
        if slice.end().is_some_and(|end| plan.slices()[at].slice.start() >= end) {
            break;
        }
        let planned = plan.slice_mut(at);
        planned.hold = planned.hold.max(hold);
    }
}

/// Moves pinned slices to their pods.
pub(super) fn keep_pins(placement: &mut Placement) {
    for slice in 0..placement.slices().len() {
        let planned = placement.slice(slice);
        let SliceHold::Pinned(pod) = planned.hold else { continue };
        let from = planned.owners().next();
        let is_elsewhere = planned.owners().all(|owner| owner != pod);
        if from.is_some() && is_elsewhere {
            placement.assign(slice, pod, from, MoveCause::Pinned);
        }
    }
}
