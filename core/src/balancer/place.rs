//! Place: slices move from pods that carry much to pods that carry little, one at a time, while that helps.

use std::collections::BTreeSet;

use super::BalancerSettings;
use super::decision::Cause;
use super::plan::Plan;
use crate::assignment::PodIndex;

/// Fills the pods that joined up to the mean.
pub(super) fn fill(plan: &mut Plan) {
    let joined: BTreeSet<PodIndex> = plan.owners().filter(|pod| plan.pod(*pod).has_joined).collect();
    if joined.is_empty() {
        return;
    }
    let mut search = Search::over(plan);
    let mut unfilled = joined.clone();
    while let Some(to) = unfilled
        .iter()
        .copied()
        .min_by_key(|pod| (plan.relative_cost(*pod), *pod))
    {
        let is_full = plan.relative_cost(to) >= plan.mean_cost();
        let hottest = plan.owners().max_by_key(|pod| (plan.relative_cost(*pod), *pod));
        let best = hottest.and_then(|from| Some((from, search.best_move(plan, from, to)?)));
        match best {
            Some((from, slice)) if !is_full => {
                search.carry_out(plan, slice, from, to, Cause::Joined);
                unfilled.clone_from(&joined);
            }
            Some(_) | None => {
                unfilled.remove(&to);
            }
        }
    }
}

/// Brings every pod within half the tolerance of the mean, if one lies outside the whole: started outside the band,
/// stopped well inside, so that noise does not start it again at once.
pub(super) fn relieve(plan: &mut Plan, settings: &BalancerSettings) {
    let mean = plan.mean_cost();
    let hint = u128::from(settings.max_load_hint.milli());
    let tolerance = hint.max(mean) * u128::from(settings.imbalance.thousandths()) / 1_000;
    let deviation = |plan: &Plan, pod: PodIndex| plan.relative_cost(pod).abs_diff(mean);
    if plan.owners().all(|pod| deviation(plan, pod) <= tolerance) {
        return;
    }
    let mut search = Search::over(plan);
    let mut donors: BTreeSet<PodIndex> = plan.owners().collect();
    while plan.owners().any(|pod| deviation(plan, pod) > tolerance / 2) {
        let hottest = donors
            .iter()
            .copied()
            .max_by_key(|pod| (plan.relative_cost(*pod), *pod));
        let coldest = plan.owners().min_by_key(|pod| (plan.relative_cost(*pod), *pod));
        let (Some(from), Some(to)) = (hottest, coldest) else {
            break;
        };
        match search.best_move(plan, from, to) {
            Some(slice) => {
                search.carry_out(plan, slice, from, to, Cause::Imbalance);
                donors = plan.owners().collect();
            }
            None => {
                donors.remove(&from);
            }
        }
    }
}

/// The search for single moves that help, with the slices of each pod at hand.
struct Search {
    /// The slices that each pod owns and may give up.
    holdings: Vec<BTreeSet<usize>>,
}

impl Search {
    fn over(plan: &Plan) -> Self {
        let mut holdings = vec![BTreeSet::new(); plan.pod_count()];
        let at_rest = plan
            .slices()
            .iter()
            .enumerate()
            .filter(|(_, slice)| !slice.is_changing_hands());
        for (at, slice) in at_rest {
            slice.replicas.serving().for_each(|pod| {
                holdings[pod.as_usize()].insert(at);
            });
        }
        Self { holdings }
    }

    /// The slice whose move makes the more loaded of the two pods least loaded; `None` if no move makes it less
    /// loaded than it is.
    fn best_move(&self, plan: &Plan, from: PodIndex, to: PodIndex) -> Option<usize> {
        let (donor, recipient) = (plan.pod(from), plan.pod(to));
        let candidates = self.holdings[from.as_usize()].iter().copied();
        let is_free = |slice: &usize| plan.slices()[*slice].replicas.phase_of(to).is_none();
        let outcome = |slice: usize| {
            let share = plan.slices()[slice].cost_per_owner();
            let (gives, gets) = (donor.cost.saturating_sub(share), recipient.cost + share);
            (donor.relative(gives).max(recipient.relative(gets)), slice)
        };
        let (hottest, slice) = candidates.filter(is_free).map(outcome).min()?;
        (hottest < plan.relative_cost(from)).then_some(slice)
    }

    fn carry_out(&mut self, plan: &mut Plan, slice: usize, from: PodIndex, to: PodIndex, cause: Cause) {
        plan.assign(slice, to, Some(from), cause);
        // What moved once in a decision rests for the remainder of it.
        self.holdings[from.as_usize()].remove(&slice);
    }
}
