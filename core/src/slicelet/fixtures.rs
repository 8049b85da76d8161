//! Ownerships and loads for the unit tests of metering.

use std::sync::Arc;

use super::{Identity, Ownership};
use crate::assignment::{Phase, PodIndex, Proposal, ReplicaSet};
use crate::keyspace::{SliceKey, SliceMap};
use crate::load::LoadReport;
use crate::pod::fixtures::pod;

/// The replicas of a slice that the pod of [`ownership_after`] serves alone.
pub(crate) fn served() -> ReplicaSet {
    let mut replicas = ReplicaSet::none();
    replicas.set(PodIndex(0), Phase::Serving);
    replicas
}

/// The ownership after `before` of a pod, when the slices have these starts and replicas.
pub(crate) fn ownership_after(before: &Ownership, slices: Vec<(SliceKey, ReplicaSet)>) -> Arc<Ownership> {
    let pod = pod(1);
    let identity = Identity {
        name: pod.name.clone(),
        incarnation: pod.incarnation,
    };
    let proposal = Proposal {
        pods: vec![pod],
        slices: SliceMap::try_from_starts(slices).unwrap(),
    };
    let assignment = proposal.after(before.assignment()).unwrap();
    Arc::new(before.followed_by(Arc::new(assignment), &identity))
}

/// The fast load of each slice of a report, in whole units a second.
pub(crate) fn whole_loads(report: &LoadReport) -> Vec<u64> {
    let loads = report.slices.iter().map(|share| (share.fast.milli() + 500) / 1_000);
    loads.collect()
}
