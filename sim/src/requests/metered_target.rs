//! Emberkeep's balancer on the load that pods measure and report.

use std::collections::BTreeMap;

use emberkeep_core::load::LoadHistory;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::slicelet::Identity;
use emberkeep_core::time::Timestamp;

use super::pod_meter::PodMeter;
use super::served::Served;
use super::warm_values::WarmValues;
use crate::balancers::{Target, incarnation_of};
use crate::load_trace::{LoadTrace, PodId};
use crate::ownership::OwnershipMap;
use crate::random_stream::RandomStream;
use crate::replay::{Moment, Stopwatch, TraceState};

/// The interval of load reports of a pod.
const REPORT_INTERVAL_MS: u64 = SessionSettings::UNTIL_REGISTERED.load_report_interval.as_millis() as u64;

/// A target, and the meters of its pods. Reports and decisions take no time.
pub(super) struct MeteredTarget {
    target: Target,
    history: LoadHistory,
    meters: BTreeMap<PodId, PodMeter>,
    measured_to_ms: u64,
    seed: u64,
}

impl MeteredTarget {
    /// A target without assignment and load.
    pub(super) fn new(trace: &LoadTrace, seed: u64) -> Self {
        Self {
            target: Target::new(trace),
            history: LoadHistory::default(),
            meters: BTreeMap::new(),
            measured_to_ms: 0,
            seed,
        }
    }

    /// Pods weigh their warm values, each of that many bytes.
    pub(super) fn weigh(&mut self, warm: &BTreeMap<PodId, WarmValues>, value_bytes: u64, trace: &LoadTrace) {
        for (pod, meter) in &mut self.meters {
            let keys = warm.get(pod).into_iter().flat_map(WarmValues::keys);
            meter.weigh(keys.map(|key| trace.keys()[key.as_usize()]), value_bytes);
        }
    }

    /// Pods count the requests served since the last call, up to `now_ms`, and report at each full second.
    pub(super) fn measure(&mut self, served: &[Served], trace: &LoadTrace, now_ms: u64) {
        let mut rest = served;
        let next_report = self.measured_to_ms / REPORT_INTERVAL_MS + 1;
        for report in next_report..=now_ms / REPORT_INTERVAL_MS {
            let at_ms = report * REPORT_INTERVAL_MS;
            let (before, later) = rest.split_at(rest.partition_point(|served| served.arrival.at_ms < at_ms));
            self.count(before, trace);
            self.report(trace, Timestamp::from_millis(at_ms));
            rest = later;
        }
        self.count(rest, trace);
        self.measured_to_ms = now_ms;
    }

    /// Decides on the measured load.
    pub(super) fn decide(
        &mut self,
        world: &TraceState<'_>,
        moment: Moment,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Option<OwnershipMap> {
        let now = Timestamp::from_millis(moment.at_ms);
        self.follow_pods(world, now);
        self.target.observe(world, moment);
        self.target.set_load(self.history.map(now));
        let decided = self.target.decide(now, stopwatch);
        if decided.is_some() {
            let assignment = self.target.assignment();
            self.meters.values_mut().for_each(|meter| meter.follow(assignment, now));
        }
        decided
    }

    /// Follows pods that have left or joined; each incarnation starts with a meter of its own.
    fn follow_pods(&mut self, world: &TraceState<'_>, now: Timestamp) {
        for pod in world.left() {
            self.meters.remove(pod);
            self.history.forget(world.name(*pod), now);
        }
        for pod in world.added() {
            let identity = Identity {
                name: world.name(*pod).clone(),
                incarnation: incarnation_of(*pod, world),
            };
            let stream = (u64::from(world.join_count(*pod)) << 32) | (u64::from(pod.0) + 1);
            let random = RandomStream::new(self.seed, stream);
            self.meters.insert(*pod, PodMeter::new(identity, random, now));
        }
    }

    fn count(&mut self, served: &[Served], trace: &LoadTrace) {
        for Served { arrival, pod } in served {
            if let Some(meter) = self.meters.get_mut(pod) {
                meter.count(trace.keys()[arrival.key.as_usize()], arrival.load_milli);
            }
        }
    }

    fn report(&mut self, trace: &LoadTrace, now: Timestamp) {
        for (pod, meter) in &mut self.meters {
            let report = meter.report(now);
            self.history.record(&trace.pods()[pod.as_usize()], &report, now);
        }
    }
}
