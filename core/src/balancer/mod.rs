//! The balancer: decides on the next assignment. `README.md` beside this file describes the algorithm.

mod allowance;
mod band;
mod decision;
mod evict;
mod fill;
mod fit;
mod handoff;
mod hold;
mod merge;
mod move_history;
mod placement;
mod plan;
mod plan_pod;
mod plan_slice;
mod pricing;
mod relieve;
mod replicate;
mod scope;
mod search;
mod settings;
mod signals;
mod split;
mod succeed;

pub use band::LoadBand;
pub use decision::{Balance, Decision, DecisionReport, Move, MoveCause, MoveTotal, SearchStats};
pub use hold::cooldown_remaining;
pub use move_history::MoveHistory;
pub use scope::Scope;
pub use settings::{BalancerSettings, Imbalance};
pub use signals::{Pin, PodSignal, Signals, WarmReplicas};

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::assignment::{Assignment, Proposal};
use crate::time::Timestamp;
use allowance::Allowance;
use band::Band;
use handoff::HandoffProgress;
use placement::Placement;
use plan::Plan;
use pricing::Pricing;
use search::Search;

/// The most passes of one decision; nearly always the second one changes nothing.
const PASSES_MAX: usize = 8;

/// Decides on the next assignment.
///
/// Total, deterministic, and idempotent: deciding again on its own result, with its moves in `recent_moves`, changes
/// nothing. For that, passes are repeated until one changes nothing.
pub fn decide(assignment: &Assignment, signals: &Signals, settings: &BalancerSettings, now: Timestamp) -> Decision {
    let mut recent_moves = Cow::Borrowed(&signals.recent_moves);
    let mut decision = pass(assignment, signals, &recent_moves, settings, now);
    let mut last_report = decision.report.clone();
    for _ in 1..PASSES_MAX {
        let Some(next) = &decision.next else { break };
        recent_moves.to_mut().record(&last_report);
        let again = pass(next, signals, &recent_moves, settings, now);
        let Some(better) = again.next else { break };
        decision.next = Proposal::of(&better).after(assignment);
        decision.report.extend(&again.report);
        last_report = again.report;
    }
    decision
}

/// The load that pods should carry; decisions for balance move load out of pods above it, and into pods below it.
#[must_use]
pub fn load_band(assignment: &Assignment, signals: &Signals, settings: &BalancerSettings) -> LoadBand {
    let pricing = Pricing::of(&signals.load, signals.pods.len());
    let plan = Plan::of(assignment, signals, &pricing);
    LoadBand::of(&Band::of(&plan, &pricing, settings))
}

/// The used part of the allowance for voluntary moves in ten minutes, in thousandths.
#[must_use]
pub fn move_budget_used(recent_moves: &MoveHistory, now: Timestamp) -> u64 {
    Allowance::used_thousandths(recent_moves, now)
}

/// One pass over the assignment, phase by phase.
fn pass(
    assignment: &Assignment,
    signals: &Signals,
    recent_moves: &MoveHistory,
    settings: &BalancerSettings,
    now: Timestamp,
) -> Decision {
    let pricing = Pricing::of(&signals.load, signals.pods.len());
    let mut plan = Plan::of(assignment, signals, &pricing);
    let band = Band::of(&plan, &pricing, settings);
    let mut allowance = Allowance::of(recent_moves, signals.load.total().now, now);
    let may_balance = signals.scope == Scope::Balance && band.is_worth_balancing();
    let before = plan.balance();

    succeed::succeed(&mut plan);
    evict::evict(&mut plan);
    split::split_at_bounds(&mut plan, signals, &pricing);
    hold::hold(&mut plan, signals, recent_moves, now);
    let split_count = split::split(&mut plan, &band, signals, &pricing, settings);
    let mut placement = Placement::of(&mut plan);
    hold::keep_pins(&mut placement);
    replicate::replicate(&mut placement, &band, settings);
    fit::fit(&mut placement);
    Search::for_joined(&mut placement, &band, settings).fill_joined();
    let (mut search, mut merge_count) = (SearchStats::default(), 0);
    if may_balance {
        search = Search::for_balance(&mut placement, &band, &mut allowance, settings).balance();
        merge_count = merge::merge(&mut plan, &band, settings, &pricing, &mut allowance);
    }

    let after = plan.balance();
    let next = plan.into_next(&HandoffProgress::of(signals));
    Decision {
        next: next.proposal.and_then(|proposal| proposal.after(assignment)),
        report: DecisionReport {
            decided_at: now,
            scope: signals.scope,
            moves: next.moves,
            omitted: BTreeMap::new(),
            switch_count: next.switch_count,
            total: signals.load.total().now,
            split_count,
            merge_count,
            search,
            before,
            after,
        },
    }
}

#[cfg(test)]
mod tests;
