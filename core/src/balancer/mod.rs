//! The balancer: what the next assignment is. Read `README.md` beside this file for the algorithm.

mod clamp;
mod decision;
mod evict;
mod ledger;
mod place;
mod plan;
mod plan_pod;
mod plan_slice;
mod settings;
mod signals;
mod split;

pub use decision::{Balance, Cause, Decision, Move, Report};
pub use ledger::Ledger;
pub use settings::{BalancerSettings, Imbalance};
pub use signals::{Pin, PodSignal, Scope, Signals};

use crate::assignment::Assignment;
use crate::time::Timestamp;
use plan::Plan;

/// Decides what the assignment should be next.
///
/// Total, deterministic, and idempotent: deciding again on its own result with the same signals changes nothing.
pub fn decide(assignment: &Assignment, signals: &Signals, settings: &BalancerSettings, now: Timestamp) -> Decision {
    let mut plan = Plan::of(assignment, signals);
    let before = plan.balance();

    evict::evict(&mut plan, &signals.left);
    split::split(&mut plan, &signals.load, settings);
    clamp::clamp(&mut plan, settings);
    place::fill(&mut plan);
    match signals.scope {
        Scope::Repair => {}
        Scope::Balance => place::relieve(&mut plan, settings),
    }

    let after = plan.balance();
    let (proposal, moves, split_count) = plan.into_parts();
    Decision {
        next: proposal.after(assignment),
        report: Report {
            decided_at: now,
            scope: signals.scope,
            moves,
            split_count,
            total: signals.load.total().now,
            before,
            after,
        },
    }
}

#[cfg(test)]
mod tests;
