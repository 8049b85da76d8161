//! A comparison of several balancers on one trace.

use serde::Serialize;

use super::Curves;
use crate::html_page::Bands;
use crate::load_trace::{LoadTrace, TraceChange};
use crate::score::Summary;

/// The runs of several balancers on one trace, serialized into the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    title: String,
    /// The names of all pods that ever join, by id.
    pods: Vec<String>,
    key_count: usize,
    end_ms: u64,
    decide_every_ms: u64,
    /// The capacity of a pod, in units a second.
    max_load_hint: f64,
    /// How far a pod may be above the mean, as a fraction of the larger of mean and capacity.
    tolerance: f64,
    min_replicas: u32,
    max_replicas: u32,
    pod_changes: Vec<PodChange>,
    runs: Vec<BalancerRun>,
}

/// The run of one balancer on one trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BalancerRun {
    /// The name on the command line.
    pub balancer: &'static str,
    /// One sentence on its algorithm.
    pub about: &'static str,
    /// The scores of the whole trace.
    pub summary: Summary,
    /// Loads and moves over time.
    pub curves: Curves,
    /// The sampled ownership of the key space over time.
    pub bands: Bands,
}

/// Pods that joined and left at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct PodChange {
    at_ms: u64,
    joined: usize,
    stopped: usize,
    crashed: usize,
}

impl Comparison {
    /// A comparison on `trace` without runs.
    #[must_use]
    pub fn new(title: &str, trace: &LoadTrace) -> Self {
        let config = trace.config();
        Self {
            title: title.to_owned(),
            pods: trace.pods().iter().map(ToString::to_string).collect(),
            key_count: trace.keys().len(),
            end_ms: trace.end_ms(),
            decide_every_ms: trace.decide_every_ms(),
            max_load_hint: config.max_load_hint.milli() as f64 / 1_000.0,
            tolerance: config.imbalance.thousandths() as f64 / 1_000.0,
            min_replicas: config.min_replicas,
            max_replicas: config.max_replicas,
            pod_changes: pod_changes(trace),
            runs: Vec::new(),
        }
    }

    /// Appends a run; the page shows runs in this order.
    pub fn push(&mut self, run: BalancerRun) {
        self.runs.push(run);
    }
}

/// The pod changes of a trace, one entry a moment.
fn pod_changes(trace: &LoadTrace) -> Vec<PodChange> {
    let mut moments: Vec<PodChange> = Vec::new();
    for timed in trace.changes().iter().filter(|timed| timed.change.is_of_pods()) {
        if moments.last().is_none_or(|moment| moment.at_ms != timed.at_ms) {
            let at_ms = timed.at_ms;
            moments.push(PodChange {
                at_ms,
                joined: 0,
                stopped: 0,
                crashed: 0,
            });
        }
        let Some(moment) = moments.last_mut() else { continue };
        match &timed.change {
            TraceChange::PodsAdded(pods) => moment.joined += pods.len(),
            TraceChange::PodsDrained(pods) => moment.stopped += pods.len(),
            TraceChange::PodsCrashed(pods) => moment.crashed += pods.len(),
            TraceChange::LoadSet(_) => {}
        }
    }
    moments
}
