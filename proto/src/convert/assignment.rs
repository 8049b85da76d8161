//! Assignments, in full or as diffs.

use std::sync::Arc;

use emberkeep_core::assignment::{Assignment, AssignmentDiff, DiffSlice, Generation, SliceState, Update};
use emberkeep_core::keyspace::{Slice, SliceKey, SliceMap};
use emberkeep_core::pod::Pod;

use super::InvalidMessage;
use super::assigned_slice::assigned_slice;
use super::invalid_message::each;
use super::slice::{check_order, generation};
use crate::pb;

/// The largest number of slices in an assignment.
pub const SLICES_MAX: usize = 1_000_000;
/// The largest number of pods in an assignment.
pub const PODS_MAX: usize = 100_000;

impl TryFrom<pb::Assignment> for Assignment {
    type Error = InvalidMessage;

    fn try_from(wire: pb::Assignment) -> Result<Self, InvalidMessage> {
        let pods = each(wire.pods, "pods", PODS_MAX)?;
        let slices: Vec<DiffSlice> = each(wire.slices, "slices", SLICES_MAX)?;
        check_contiguous(&slices)?;
        let starts = slices
            .into_iter()
            .map(|assigned| (assigned.slice.start().clone(), assigned.state));
        let slices =
            SliceMap::try_from_starts(starts.collect()).map_err(|error| InvalidMessage::new("slices", error))?;
        Assignment::try_new(generation(wire.generation, "generation")?, pods, slices)
            .map_err(|error| InvalidMessage::new("assignment", error))
    }
}

impl From<&Assignment> for pb::Assignment {
    fn from(assignment: &Assignment) -> Self {
        let slices = assignment.slices().iter();
        Self {
            generation: assignment.generation().number(),
            pods: assignment.pods().iter().map(pb::Pod::from).collect(),
            slices: slices.map(|(slice, state)| assigned_slice(&slice, state)).collect(),
        }
    }
}

impl TryFrom<pb::AssignmentDiff> for AssignmentDiff {
    type Error = InvalidMessage;

    fn try_from(wire: pb::AssignmentDiff) -> Result<Self, InvalidMessage> {
        let diff = Self {
            base: generation(wire.base, "base")?,
            generation: generation(wire.generation, "generation")?,
            pods: each(wire.pods, "pods", PODS_MAX)?,
            slices: each(wire.slices, "slices", SLICES_MAX)?,
        };
        if diff.generation <= diff.base {
            let reason = format!(
                "it is {}, which is not later than the base {}",
                diff.generation, diff.base
            );
            return Err(InvalidMessage::new("generation", reason));
        }
        check_sorted_by_name(&diff.pods)?;
        check_order(diff.slices.iter().map(|changed| &changed.slice))?;
        for (at, changed) in diff.slices.iter().enumerate() {
            check_state(&changed.state, &diff).map_err(|invalid| invalid.within(format_args!("slices[{at}]")))?;
        }
        Ok(diff)
    }
}

impl From<&AssignmentDiff> for pb::AssignmentDiff {
    fn from(diff: &AssignmentDiff) -> Self {
        let slices = diff.slices.iter();
        Self {
            base: diff.base.number(),
            generation: diff.generation.number(),
            pods: diff.pods.iter().map(pb::Pod::from).collect(),
            slices: slices
                .map(|changed| assigned_slice(&changed.slice, &changed.state))
                .collect(),
        }
    }
}

impl TryFrom<pb::AssignmentUpdate> for Update {
    type Error = InvalidMessage;

    fn try_from(wire: pb::AssignmentUpdate) -> Result<Self, InvalidMessage> {
        use pb::assignment_update::Update as Wire;
        match wire.update {
            Some(Wire::Full(full)) => match Assignment::try_from(full) {
                Ok(full) => Ok(Update::Full(Arc::new(full))),
                Err(invalid) => Err(invalid.within("full")),
            },
            Some(Wire::Diff(diff)) => match AssignmentDiff::try_from(diff) {
                Ok(diff) => Ok(Update::Diff(diff)),
                Err(invalid) => Err(invalid.within("diff")),
            },
            None => Err(InvalidMessage::missing("update")),
        }
    }
}

impl From<&Update> for pb::AssignmentUpdate {
    fn from(update: &Update) -> Self {
        use pb::assignment_update::Update as Wire;
        let update = match update {
            Update::Full(full) => Wire::Full(full.as_ref().into()),
            Update::Diff(diff) => Wire::Diff(diff.into()),
        };
        Self { update: Some(update) }
    }
}

/// Rejects slices with a gap or an overlap, and a last slice that does not extend to the end of the key space.
fn check_contiguous(slices: &[DiffSlice]) -> Result<(), InvalidMessage> {
    let starts = slices.iter().skip(1).map(|next| Some(next.slice.start()));
    let expected = starts.chain([None]);
    let mut pairs = slices.iter().map(|assigned| &assigned.slice).zip(expected).enumerate();
    match pairs.find(|(_, (slice, end))| slice.end() != *end) {
        None => Ok(()),
        Some((at, (slice, end))) => Err(gap(at, slice, end)),
    }
}

fn gap(at: usize, slice: &Slice, end: Option<&SliceKey>) -> InvalidMessage {
    let allowed = match end {
        Some(next) => format!("it must end where the next one starts, at {next}"),
        None => "the last one must not end".to_owned(),
    };
    InvalidMessage::new(
        format!("slices[{at}]"),
        format!("slice {slice} leaves a gap or overlaps: {allowed}"),
    )
}

fn check_sorted_by_name(pods: &[Pod]) -> Result<(), InvalidMessage> {
    match pods.windows(2).find(|pair| pair[0].name >= pair[1].name) {
        None => Ok(()),
        Some(pair) => {
            let reason = format!(
                "pods must be sorted by name and named once, but {} follows {}",
                pair[1].name, pair[0].name
            );
            Err(InvalidMessage::new("pods", reason))
        }
    }
}

/// Rejects pod indexes outside the diff, and epochs and changes outside its range of generations.
fn check_state(state: &SliceState, diff: &AssignmentDiff) -> Result<(), InvalidMessage> {
    if let Some(unknown) = state
        .replicas
        .iter()
        .find(|replica| replica.pod.as_usize() >= diff.pods.len())
    {
        let reason = format!(
            "it names pod number {}, but there are {}",
            unknown.pod.0,
            diff.pods.len()
        );
        return Err(InvalidMessage::new("replicas", reason));
    }
    let since: Generation = diff.base.next();
    if state.changed_at < since || state.changed_at > diff.generation {
        let reason = format!("it is {}, allowed is {since} to {}", state.changed_at, diff.generation);
        return Err(InvalidMessage::new("changed_at", reason));
    }
    if state.epoch > state.changed_at {
        let reason = format!(
            "it is {}, which is later than the change at {}",
            state.epoch, state.changed_at
        );
        return Err(InvalidMessage::new("epoch", reason));
    }
    Ok(())
}
