//! The overlay: owners of keys by hints of pods that hold a newer generation than the clerk's assignment.

use crate::assignment::Generation;
use crate::keyspace::{Slice, SliceIndex, SliceKey, SliceMap};
use crate::target::KeyMode;

/// The owner hints that are newer than the assignment. Immutable like the routing table that it supplements: each further hint
/// makes another overlay.
#[derive(Debug, Clone)]
pub struct Overlay<O>(Option<Box<HintMap<O>>>);

/// The owner of some keys as of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerHint<O> {
    /// The generation that the hinting pod holds.
    pub generation: Generation,
    /// The owner that the pod named.
    pub owner: O,
}

#[derive(Debug, Clone)]
struct HintMap<O> {
    by_slice: SliceMap<Option<OwnerHint<O>>>,
    index: SliceIndex,
}

impl<O> Overlay<O> {
    /// The most hints of an overlay. Further hints are rejected: dropping an older hint instead would route requests back to a
    /// pod that is known not to be the owner.
    pub const HINT_COUNT_MAX: usize = 1_024;

    /// An overlay without hints.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether there are no hints.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The hint for the key; `None` for a key over the length limit. Does not allocate.
    #[inline]
    #[must_use]
    pub fn hint_for(&self, application_key: &[u8], mode: KeyMode) -> Option<&OwnerHint<O>> {
        self.0.as_deref()?.hint_for(application_key, mode)
    }

    /// The owner of each hint, with repetitions.
    pub fn owners(&self) -> impl Iterator<Item = &O> {
        let hints = self.0.iter().flat_map(|hints| hints.by_slice.values().flatten());
        hints.map(|hint| &hint.owner)
    }

    /// The overlay with one more hint for the keys of the slice that have no hint of the same or a newer generation; `None` if
    /// there are no such keys, or the overlay is full.
    #[must_use]
    pub fn with(&self, slice: &Slice, hint: &OwnerHint<O>) -> Option<Self>
    where
        O: Clone,
    {
        let Some(hints) = &self.0 else {
            return Some(Self::of(overlaid(&SliceMap::full(None), slice, hint)));
        };
        let is_change = |(_, known): (Slice, &Option<OwnerHint<O>>)| is_newer(hint, known.as_ref());
        if !hints.by_slice.overlapping(slice).any(is_change) {
            return None;
        }
        let entries = overlaid(&hints.by_slice, slice, hint);
        let hint_count = entries.iter().filter(|(_, hint)| hint.is_some()).count();
        (hint_count <= Self::HINT_COUNT_MAX).then(|| Self::of(entries))
    }

    /// The overlay without hints that an assignment of this generation supersedes.
    #[must_use]
    pub fn newer_than(&self, generation: Generation) -> Self
    where
        O: Clone,
    {
        self.retained(|hint| hint.generation > generation)
    }

    /// The overlay without hints that name such an owner.
    #[must_use]
    pub fn without(&self, is_gone: impl Fn(&O) -> bool) -> Self
    where
        O: Clone,
    {
        self.retained(|hint| !is_gone(&hint.owner))
    }

    fn retained(&self, is_kept: impl Fn(&OwnerHint<O>) -> bool) -> Self
    where
        O: Clone,
    {
        let Some(hints) = &self.0 else { return Self::none() };
        let kept = |hint: &Option<OwnerHint<O>>| hint.clone().filter(|hint| is_kept(hint));
        let map = &hints.by_slice;
        Self::of(map.starts().cloned().zip(map.values().map(kept)).collect())
    }

    /// `entries` begin at the empty key, in key order.
    fn of(mut entries: Vec<(SliceKey, Option<OwnerHint<O>>)>) -> Self {
        entries.dedup_by(|(_, next), (_, before)| before.is_none() && next.is_none());
        if let [(_, None)] = &*entries {
            return Self::none();
        }
        let by_slice = SliceMap::try_from_starts(entries).expect("the entries start at the empty key and increase");
        let index = SliceIndex::of(&by_slice);
        Self(Some(Box::new(HintMap { by_slice, index })))
    }
}

impl<O> HintMap<O> {
    #[cold]
    fn hint_for(&self, application_key: &[u8], mode: KeyMode) -> Option<&OwnerHint<O>> {
        let at = self.index.slice_of_application_key(application_key, mode).ok()?;
        self.by_slice.at(at).1.as_ref()
    }
}

fn is_newer<O>(hint: &OwnerHint<O>, known: Option<&OwnerHint<O>>) -> bool {
    known.is_none_or(|known| known.generation < hint.generation)
}

/// The map with the hint instead of all older ones in the slice; adjacent keys with the new hint become one entry.
fn overlaid<O: Clone>(
    map: &SliceMap<Option<OwnerHint<O>>>,
    slice: &Slice,
    hint: &OwnerHint<O>,
) -> Vec<(SliceKey, Option<OwnerHint<O>>)> {
    let mut entries = Vec::with_capacity(map.slice_count() + 2);
    let mut is_in_run = false;
    for (known_slice, known) in map.iter() {
        let common = known_slice.intersection(slice);
        let Some(common) = common.filter(|_| is_newer(hint, known.as_ref())) else {
            entries.push((known_slice.start().clone(), known.clone()));
            is_in_run = false;
            continue;
        };
        let [before, after] = known_slice.without(&common);
        entries.extend(before.map(|before| (before.start().clone(), known.clone())));
        if !is_in_run {
            entries.push((common.start().clone(), Some(hint.clone())));
        }
        is_in_run = after.is_none();
        entries.extend(after.map(|after| (after.start().clone(), known.clone())));
    }
    entries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY_COUNT: u8 = 32;

    #[derive(Debug, Clone)]
    enum OverlayOp {
        Hint(Slice, OwnerHint<u8>),
        Assign(Generation),
        Lose(u8),
    }

    /// The hint for each key, one by one.
    type OverlayModel = Vec<Option<OwnerHint<u8>>>;

    fn generation(number: i64) -> Generation {
        Generation::from_number(number).unwrap()
    }

    fn key(number: u8) -> SliceKey {
        SliceKey::try_new(&[number]).unwrap()
    }

    fn slice(start: u8, end: Option<u8>) -> Slice {
        Slice::new(key(start), end.map(key)).unwrap()
    }

    fn hint(number: i64, owner: u8) -> OwnerHint<u8> {
        OwnerHint {
            generation: generation(number),
            owner,
        }
    }

    fn step() -> impl Strategy<Value = OverlayOp> {
        let hinted = (0..KEY_COUNT, 1..=KEY_COUNT, any::<bool>(), 1_i64..9, 0_u8..4);
        let hinted = hinted.prop_map(|(start, length, has_end, number, owner)| {
            OverlayOp::Hint(slice(start, has_end.then_some(start + length)), hint(number, owner))
        });
        prop_oneof![
            6 => hinted,
            1 => (1_i64..9).prop_map(|number| OverlayOp::Assign(generation(number))),
            1 => (0_u8..4).prop_map(OverlayOp::Lose),
        ]
    }

    fn step_model(model: &mut OverlayModel, step: &OverlayOp) {
        for (number, known) in (0..KEY_COUNT).zip(model) {
            let is_kept = match step {
                OverlayOp::Hint(slice, hint) => {
                    if slice.contains(&key(number)) && known.is_none_or(|known| known.generation < hint.generation) {
                        *known = Some(*hint);
                    }
                    continue;
                }
                OverlayOp::Assign(generation) => known.is_some_and(|known| known.generation > *generation),
                OverlayOp::Lose(owner) => known.is_some_and(|known| known.owner != *owner),
            };
            *known = known.filter(|_| is_kept);
        }
    }

    fn after(overlay: &Overlay<u8>, step: &OverlayOp) -> Overlay<u8> {
        match step {
            OverlayOp::Hint(slice, hint) => overlay.with(slice, hint).unwrap_or_else(|| overlay.clone()),
            OverlayOp::Assign(generation) => overlay.newer_than(*generation),
            OverlayOp::Lose(owner) => overlay.without(|named| named == owner),
        }
    }

    proptest! {
        #[test]
        fn each_key_has_its_newest_hint(steps in prop::collection::vec(step(), 1..40)) {
            let (mut overlay, mut model) = (Overlay::none(), vec![None; KEY_COUNT.into()]);
            for step in &steps {
                overlay = after(&overlay, step);
                step_model(&mut model, step);
                let hinted: OverlayModel = (0..KEY_COUNT)
                    .map(|number| overlay.hint_for(&[number], KeyMode::Ordered).copied())
                    .collect();
                prop_assert_eq!(&hinted, &model, "after {:?}", step);
            }
        }
    }

    #[test]
    fn an_assignment_supersedes_hints_of_its_generation() {
        let overlay = Overlay::none().with(&slice(3, Some(5)), &hint(7, 1)).unwrap();
        assert!(!overlay.newer_than(generation(6)).is_empty());
        assert!(overlay.newer_than(generation(7)).is_empty());
    }

    #[test]
    fn a_hint_that_is_not_newer_changes_nothing() {
        let overlay = Overlay::none().with(&Slice::FULL, &hint(7, 1)).unwrap();
        assert!(overlay.with(&slice(3, Some(5)), &hint(7, 1)).is_none());
        assert!(overlay.with(&slice(3, Some(5)), &hint(6, 2)).is_none());
    }

    #[test]
    fn a_full_overlay_accepts_hints_only_for_keys_that_have_one() {
        let slice = |number: u64| {
            let (start, end) = (
                SliceKey::from_position(number * 2),
                SliceKey::from_position(number * 2 + 1),
            );
            Slice::new(start, Some(end)).unwrap()
        };
        let mut overlay = Overlay::none();
        let hint_count_max = Overlay::<u8>::HINT_COUNT_MAX as u64;
        for number in 0..hint_count_max {
            overlay = overlay.with(&slice(number), &hint(7, 1)).unwrap();
        }
        assert!(overlay.with(&slice(hint_count_max), &hint(7, 1)).is_none());
        assert!(overlay.with(&slice(5), &hint(8, 2)).is_some());
    }
}
