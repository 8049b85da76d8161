//! One slice with its replicas.

use emberkeep_core::assignment::{DiffSlice, PodIndex, Replica, ReplicaSet, SliceState};
use emberkeep_core::keyspace::Slice;

use super::InvalidMessage;
use super::invalid_message::required;
use super::modes::phase_of;
use super::slice::generation;
use crate::pb;

impl TryFrom<pb::AssignedSlice> for DiffSlice {
    type Error = InvalidMessage;

    /// Does not check the pod indexes of the replicas: their bound is known only to the surrounding message.
    fn try_from(wire: pb::AssignedSlice) -> Result<Self, InvalidMessage> {
        Ok(Self {
            slice: required(wire.slice, "slice")?,
            state: SliceState {
                replicas: replica_set(&wire.replicas)?,
                epoch: generation(wire.epoch, "epoch")?,
                changed_at: generation(wire.changed_at, "changed_at")?,
            },
        })
    }
}

/// The wire form of a slice and its state.
pub(super) fn assigned_slice(slice: &Slice, state: &SliceState) -> pb::AssignedSlice {
    pb::AssignedSlice {
        slice: Some(slice.into()),
        replicas: state.replicas.iter().map(pb::Replica::from).collect(),
        epoch: state.epoch.number(),
        changed_at: state.changed_at.number(),
    }
}

impl TryFrom<pb::Replica> for Replica {
    type Error = InvalidMessage;

    fn try_from(wire: pb::Replica) -> Result<Self, InvalidMessage> {
        Ok(Self {
            pod: PodIndex(wire.pod),
            phase: phase_of(wire.phase)?,
        })
    }
}

impl From<Replica> for pb::Replica {
    fn from(replica: Replica) -> Self {
        Self {
            pod: replica.pod.0,
            phase: pb::Phase::from(replica.phase).into(),
        }
    }
}

/// Replicas must be sorted by pod index, which also rules out duplicates.
fn replica_set(wire: &[pb::Replica]) -> Result<ReplicaSet, InvalidMessage> {
    if let Some(pair) = wire.windows(2).find(|pair| pair[0].pod >= pair[1].pod) {
        let reason = format!(
            "replicas must be ordered by pod and name each once, but pod number {} follows {}",
            pair[1].pod, pair[0].pod
        );
        return Err(InvalidMessage::new("replicas", reason));
    }
    let converted = wire.iter().copied().map(Replica::try_from);
    converted
        .collect::<Result<_, _>>()
        .map_err(|invalid| invalid.within("replicas"))
}
