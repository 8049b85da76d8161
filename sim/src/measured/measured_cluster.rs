//! The measured replay: a simulated cluster driven by a load trace.

use std::collections::BTreeMap;
use std::time::Duration;

use emberkeep_core::assigner::TargetSettings;
use emberkeep_core::assignment::Assignment;
use emberkeep_core::pod::{PodName, Weight};
use emberkeep_core::time::Timestamp;

use super::figures::millis;
use super::{LoadStep, MeasuredFigures};
use crate::cluster::{ClusterEvent, Fault, NewPod, SimCluster, SimClusterSettings, TimedEvent};
use crate::load_trace::{LoadTrace, PodId, TraceChange};
use crate::observer::Observer;
use crate::ownership::OwnershipMap;
use crate::replay::{Balancer, Moment, Stopwatch, TraceState};

/// How long the cluster runs before the trace begins.
pub const HEAD_START: Duration = Duration::from_secs(5);

/// Figures count after this time; before it the cluster settles.
const SETTLING: Duration = Duration::from_secs(60);

/// With more pods than this, they receive whole assignments, which they share in memory, instead of diffs.
const DIFFS_TO_PODS_MAX: usize = 100;

/// Receives each assignment when clients begin to use it, with the time in milliseconds since the trace began.
pub type LogSink<'a> = dyn FnMut(u64, &OwnershipMap) + 'a;

/// A simulated cluster as a [`Balancer`]: its decision is the assignment that clients use at that moment.
pub struct MeasuredCluster<'a> {
    trace: &'a LoadTrace,
    /// The changes of the trace applied so far.
    applied_count: usize,
    cluster: SimCluster,
    observer: Observer,
    pod_ids: BTreeMap<PodName, PodId>,
    log: &'a mut LogSink<'a>,
}

impl<'a> MeasuredCluster<'a> {
    /// A cluster that has run up to the beginning of the trace.
    #[must_use]
    pub fn new(trace: &'a LoadTrace, seed: u64, log: &'a mut LogSink<'a>) -> Self {
        let mut measured = Self {
            trace,
            applied_count: 0,
            cluster: SimCluster::new(settings(trace, seed)),
            observer: Observer::new(moment(millis(SETTLING))),
            pod_ids: trace.pods().iter().cloned().zip((0..).map(PodId)).collect(),
            log,
        };
        measured.apply_until(0);
        measured.run_until(moment(0));
        measured
    }

    /// Runs to the end of the trace and returns the figures between the ticks.
    #[must_use]
    pub fn figures(mut self) -> MeasuredFigures {
        self.apply_until(self.trace.end_ms());
        self.run_until(moment(self.trace.end_ms()));
        let (lasted, unanswered_units) = self.observer.outage(&self.cluster);
        let share = |millionths: u64| millionths as f64 / 1_000_000.0;
        let steps = self.observer.recoveries().all().iter().map(|recovery| LoadStep {
            at_ms: trace_ms(recovery.at),
            cured_after_ms: recovery.took.map(millis),
        });
        MeasuredFigures {
            uncovered_ms: millis(lasted),
            unanswered_units,
            owners_left: share(self.observer.movements().forced),
            owners_stayed: share(self.observer.movements().voluntary),
            over_band_ms: millis(self.observer.over_band()),
            load_steps: steps.collect(),
            hot_key_cured_after_ms: self.observer.recoveries().slowest().map(millis),
        }
    }

    /// Applies the changes of the trace up to this moment, each at its time.
    fn apply_until(&mut self, at_ms: u64) {
        let trace = self.trace;
        while let Some(timed) = trace
            .changes()
            .get(self.applied_count)
            .filter(|timed| timed.at_ms <= at_ms)
        {
            self.applied_count += 1;
            // Changes at 0 ms apply to the head start as well.
            if timed.at_ms > 0 {
                self.run_until(moment(timed.at_ms));
            }
            self.apply(&timed.change);
        }
    }

    fn apply(&mut self, change: &TraceChange) {
        match change {
            TraceChange::PodsAdded(pods) => pods.iter().for_each(|pod| self.join(*pod)),
            TraceChange::PodsCrashed(pods) => self.inject(pods, Fault::Kill),
            TraceChange::PodsDrained(pods) => self.inject(pods, Fault::Quit),
            TraceChange::LoadSet(loads) => {
                let keys = self.trace.keys();
                let rates = loads.iter().map(|(key, load)| (keys[key.as_usize()], *load));
                self.cluster.set_loads(rates);
                self.observer.on_load_changed(&self.cluster);
            }
        }
    }

    fn join(&mut self, pod: PodId) {
        let name = &self.trace.pods()[pod.as_usize()];
        let new = NewPod {
            name: name.clone(),
            zone: "".into(),
            weight: Weight::ONE,
        };
        if !self.cluster.add_pod(new) {
            self.cluster.inject(name, Fault::Start);
        }
    }

    fn inject(&mut self, pods: &[PodId], fault: Fault) {
        for pod in pods {
            self.cluster.inject(&self.trace.pods()[pod.as_usize()], fault);
        }
        self.observer.on_cluster_changed(&self.cluster);
    }

    fn run_until(&mut self, end: Timestamp) {
        let (pod_ids, log) = (&self.pod_ids, &mut self.log);
        self.observer.run(&mut self.cluster, end, &mut |_, event: &TimedEvent| {
            if let ClusterEvent::Routed { after, .. } = &event.what {
                log(trace_ms(event.at), &ownership(after, pod_ids));
            }
        });
    }
}

impl Balancer for MeasuredCluster<'_> {
    /// Runs the cluster up to that moment. Decisions are not timed, because the brains decide between ticks.
    fn decide(&mut self, _: &TraceState<'_>, at: Moment, _: &mut Stopwatch<'_>) -> Option<OwnershipMap> {
        self.apply_until(at.at_ms);
        self.run_until(moment(at.at_ms));
        Some(ownership(self.cluster.routing().assignment(), &self.pod_ids))
    }
}

fn settings(trace: &LoadTrace, seed: u64) -> SimClusterSettings {
    let mut target = TargetSettings {
        balancer: trace.config().balancer_settings(),
        ..TargetSettings::default()
    };
    target.pacing.balance_interval = trace.config().decide_every;
    SimClusterSettings {
        seed,
        target,
        sends_diffs: trace.pods().len() <= DIFFS_TO_PODS_MAX,
        ..SimClusterSettings::default()
    }
}

/// The virtual time of the cluster at a moment of the trace.
fn moment(trace_ms: u64) -> Timestamp {
    Timestamp::from_millis(trace_ms) + HEAD_START
}

/// The time in the trace, rounded up to whole milliseconds; 0 for the head start.
fn trace_ms(at: Timestamp) -> u64 {
    let micros = at.since(Timestamp::ZERO + HEAD_START).as_micros();
    u64::try_from(micros.div_ceil(1_000)).unwrap_or(u64::MAX)
}

fn ownership(assignment: &Assignment, pod_ids: &BTreeMap<PodName, PodId>) -> OwnershipMap {
    let pods: Vec<PodId> = assignment.pods().iter().map(|pod| pod_ids[&pod.name]).collect();
    let slices = assignment.slices();
    let owners = slices.values().map(|state| {
        let serving = state.replicas.serving();
        serving.map(|pod| pods[pod.as_usize()]).collect()
    });
    OwnershipMap::from_starts(slices.starts().cloned().zip(owners))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;

    const TRACE: &str = concat!(
        r#"{"at_ms":0,"event":"config","max_load_hint":100,"imbalance":"DEFAULT","min_replicas":1,"max_replicas":1,"decide_every_ms":5000}"#,
        "\n",
        r#"{"at_ms":0,"event":"pods_added","pods":["a","b","c"]}"#,
        "\n",
        r#"{"at_ms":0,"event":"load_set","loads":[["1000000000000000",40],["5000000000000000",40],["9000000000000000",40],["d000000000000000",40]]}"#,
        "\n",
        r#"{"at_ms":70000,"event":"pods_crashed","pods":["b"]}"#,
        "\n",
        r#"{"at_ms":80000,"event":"pods_drained","pods":["c"]}"#,
        "\n",
        r#"{"at_ms":80000,"event":"pods_added","pods":["b","d"]}"#,
        "\n",
        r#"{"at_ms":90000,"event":"end"}"#,
        "\n"
    );

    #[test]
    fn keys_of_pods_that_leave_are_uncovered_for_milliseconds_and_new_owners_are_logged() {
        let trace = LoadTrace::read(TRACE.as_bytes()).unwrap();
        let mut logged = Vec::new();
        let mut log = |at_ms: u64, _: &OwnershipMap| logged.push(at_ms);
        let mut measured = MeasuredCluster::new(&trace, 1, &mut log);
        let mut watch = |_: &crate::replay::ReplayTick<'_>| Ok::<(), ()>(());
        let summary = replay(&trace, &mut measured, &mut || Duration::ZERO, &mut watch).unwrap();
        let figures = measured.figures();
        assert_eq!((summary.ticks, summary.uncovered), (18, 2), "detection takes time");
        assert!((1..200).contains(&figures.uncovered_ms), "{figures:?}");
        assert_eq!(logged.first(), Some(&0));
        let after = |at_ms: u64| logged.iter().any(|logged| (at_ms + 1..at_ms + 100).contains(logged));
        assert!(after(70_000) && after(80_000), "{logged:?}");
    }
}
