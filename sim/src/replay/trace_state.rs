//! The state of a trace at one moment: the present pods and the true load of every key.

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;

use crate::load_trace::{LoadTrace, PodId, TraceChange};

/// The pods and loads at one moment, and the changes since the previous moment.
#[derive(Debug)]
pub struct TraceState<'a> {
    trace: &'a LoadTrace,
    at_ms: u64,
    /// The changes of the trace applied so far.
    applied_count: usize,
    /// How often each pod has joined, by id.
    join_counts: Vec<u32>,
    is_live: Vec<bool>,
    live_count: usize,
    loads: Vec<Load>,
    added: Vec<PodId>,
    left: Vec<PodId>,
    has_new_loads: bool,
}

impl<'a> TraceState<'a> {
    /// The state before the first event.
    #[must_use]
    pub fn new(trace: &'a LoadTrace) -> Self {
        Self {
            trace,
            at_ms: 0,
            applied_count: 0,
            join_counts: vec![0; trace.pods().len()],
            is_live: vec![false; trace.pods().len()],
            live_count: 0,
            loads: vec![Load::ZERO; trace.keys().len()],
            added: Vec::new(),
            left: Vec::new(),
            has_new_loads: false,
        }
    }

    /// Applies the changes of the trace up to and including this moment.
    pub fn advance_to(&mut self, at_ms: u64) {
        self.at_ms = at_ms;
        self.added.clear();
        self.left.clear();
        self.has_new_loads = false;
        let trace = self.trace;
        let due = trace.changes()[self.applied_count..]
            .iter()
            .take_while(|timed| timed.at_ms <= at_ms);
        for timed in due {
            self.applied_count += 1;
            self.apply(&timed.change);
        }
    }

    fn apply(&mut self, change: &TraceChange) {
        match change {
            TraceChange::PodsAdded(pods) => {
                self.added.extend_from_slice(pods);
                for pod in pods {
                    self.join_counts[pod.as_usize()] += 1;
                    self.is_live[pod.as_usize()] = true;
                }
                self.live_count += pods.len();
            }
            TraceChange::PodsCrashed(pods) | TraceChange::PodsDrained(pods) => {
                self.left.extend_from_slice(pods);
                pods.iter().for_each(|pod| self.is_live[pod.as_usize()] = false);
                self.live_count -= pods.len();
            }
            TraceChange::LoadSet(loads) => {
                self.has_new_loads = true;
                loads.iter().for_each(|(key, load)| self.loads[key.as_usize()] = *load);
            }
        }
    }

    /// The whole trace that this state is a moment of.
    #[must_use]
    pub fn trace(&self) -> &'a LoadTrace {
        self.trace
    }

    /// The moment, in milliseconds since the trace began.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// The live pods, by id.
    pub fn live(&self) -> impl Iterator<Item = PodId> {
        let all = self.is_live.iter().zip(0..);
        all.filter(|(is_live, _)| **is_live).map(|(_, pod)| PodId(pod))
    }

    /// The number of live pods.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live_count
    }

    /// Whether the pod has joined and not left since.
    #[must_use]
    pub fn is_live(&self, pod: PodId) -> bool {
        self.is_live[pod.as_usize()]
    }

    /// The name of a pod of the trace, live or not.
    #[must_use]
    pub fn name(&self, pod: PodId) -> &'a PodName {
        &self.trace.pods()[pod.as_usize()]
    }

    /// How often the pod has joined, which distinguishes its incarnations.
    #[must_use]
    pub fn join_count(&self, pod: PodId) -> u32 {
        self.join_counts[pod.as_usize()]
    }

    /// The pods that joined since the previous moment, in the order of the trace.
    #[must_use]
    pub fn added(&self) -> &[PodId] {
        &self.added
    }

    /// The pods that left since the previous moment, in the order of the trace.
    #[must_use]
    pub fn left(&self) -> &[PodId] {
        &self.left
    }

    /// Whether pods joined or left since the previous moment.
    #[must_use]
    pub fn has_new_pods(&self) -> bool {
        !(self.added.is_empty() && self.left.is_empty())
    }

    /// Whether the trace set any load since the previous moment.
    #[must_use]
    pub fn has_new_loads(&self) -> bool {
        self.has_new_loads
    }

    /// The load of every key of the trace, in key order.
    #[must_use]
    pub fn loads(&self) -> &[Load] {
        &self.loads
    }
}
