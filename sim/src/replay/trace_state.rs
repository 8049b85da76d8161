//! The world of a trace at one moment: which pods are there, and the true load of every key.

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;

use crate::load_trace::{LoadTrace, PodId, TraceChange};

/// What is so at one moment, and what has changed since the moment before it.
#[derive(Debug)]
pub struct TraceState<'a> {
    trace: &'a LoadTrace,
    at_ms: u64,
    /// How many changes of the trace have happened.
    happened: usize,
    /// How often each pod has joined; by number.
    lives: Vec<u32>,
    is_live: Vec<bool>,
    live_count: usize,
    loads: Vec<Load>,
    added: Vec<PodId>,
    left: Vec<PodId>,
    has_new_loads: bool,
}

impl<'a> TraceState<'a> {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(trace: &'a LoadTrace) -> Self {
        Self {
            trace,
            at_ms: 0,
            happened: 0,
            lives: vec![0; trace.pods().len()],
            is_live: vec![false; trace.pods().len()],
            live_count: 0,
            loads: vec![Load::ZERO; trace.keys().len()],
            added: Vec::new(),
            left: Vec::new(),
            has_new_loads: false,
        }
    }

    /// Lets everything happen that the trace has up to this moment, itself included.
    pub fn advance_to(&mut self, at_ms: u64) {
        self.at_ms = at_ms;
        self.added.clear();
        self.left.clear();
        self.has_new_loads = false;
        let trace = self.trace;
        let due = trace.changes()[self.happened..]
            .iter()
            .take_while(|timed| timed.at_ms <= at_ms);
        for timed in due {
            self.happened += 1;
            self.happen(&timed.change);
        }
    }

    fn happen(&mut self, change: &TraceChange) {
        match change {
            TraceChange::PodsAdded(pods) => {
                self.added.extend_from_slice(pods);
                for pod in pods {
                    self.lives[pod.as_usize()] += 1;
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

    /// The trace it goes by.
    #[must_use]
    pub fn trace(&self) -> &'a LoadTrace {
        self.trace
    }

    /// The moment, in milliseconds since the trace began.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// The live pods in the order of their numbers.
    pub fn live(&self) -> impl Iterator<Item = PodId> {
        let all = self.is_live.iter().zip(0..);
        all.filter(|(is_live, _)| **is_live).map(|(_, pod)| PodId(pod))
    }

    /// How many pods are live.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live_count
    }

    /// Whether the pod is there.
    #[must_use]
    pub fn is_live(&self, pod: PodId) -> bool {
        self.is_live[pod.as_usize()]
    }

    /// The pod's name.
    #[must_use]
    pub fn name(&self, pod: PodId) -> &'a PodName {
        &self.trace.pods()[pod.as_usize()]
    }

    /// Which life of the pod this is: how often it has joined.
    #[must_use]
    pub fn life(&self, pod: PodId) -> u32 {
        self.lives[pod.as_usize()]
    }

    /// The pods that joined since the moment before, in the order of the trace.
    #[must_use]
    pub fn added(&self) -> &[PodId] {
        &self.added
    }

    /// The pods that went since the moment before, in the order of the trace.
    #[must_use]
    pub fn left(&self) -> &[PodId] {
        &self.left
    }

    /// Whether pods came or went since the moment before.
    #[must_use]
    pub fn has_new_pods(&self) -> bool {
        !(self.added.is_empty() && self.left.is_empty())
    }

    /// Whether the trace set any load since the moment before.
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
