//! The overlay: who owns which keys by the word of pods that go by a newer generation than the assignment.

use crate::assignment::Generation;
use crate::keyspace::{Slice, SliceIndex, SliceKey, SliceMap};
use crate::target::KeyMode;

/// What pods said that the assignment does not say yet. Immutable like the routing table that it lies over: what is
/// heard makes another one.
#[derive(Debug, Clone)]
pub struct Overlay<O>(Option<Box<HintMap<O>>>);

/// Who owns some keys since a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerHint<O> {
    /// The generation that the pod went by that said so.
    pub generation: Generation,
    /// Whom it named.
    pub owner: O,
}

#[derive(Debug, Clone)]
struct HintMap<O> {
    by_slice: SliceMap<Option<OwnerHint<O>>>,
    index: SliceIndex,
}

impl<O> Overlay<O> {
    /// The most words that are kept. What is heard beyond them is not: forgetting a word instead would lead requests
    /// back to an owner that is known not to be one.
    pub const HINT_COUNT_MAX: usize = 1_024;

    /// Nothing was heard.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether nothing was heard.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What was heard of the key; nothing, if it is too long to be one. Allocates nothing.
    #[inline]
    #[must_use]
    pub fn hint_for(&self, application_key: &[u8], mode: KeyMode) -> Option<&OwnerHint<O>> {
        self.0.as_deref()?.hint_for(application_key, mode)
    }

    /// Whom the words name; one that owns several slices comes several times.
    pub fn owners(&self) -> impl Iterator<Item = &O> {
        let hints = self.0.iter().flat_map(|hints| hints.by_slice.values().flatten());
        hints.map(|hint| &hint.owner)
    }

    /// With one more word, which counts for those keys of the slice of which nothing as new was heard; `None` if there
    /// are none, or the overlay is full.
    #[must_use]
    pub fn with(&self, slice: &Slice, hint: &OwnerHint<O>) -> Option<Self>
    where
        O: Clone,
    {
        let Some(hints) = &self.0 else {
            return Some(Self::of(overlaid(&SliceMap::full(None), slice, hint)));
        };
        let is_news = |(_, known): (Slice, &Option<OwnerHint<O>>)| is_newer(hint, known.as_ref());
        if !hints.by_slice.overlapping(slice).any(is_news) {
            return None;
        }
        let entries = overlaid(&hints.by_slice, slice, hint);
        let hint_count = entries.iter().filter(|(_, hint)| hint.is_some()).count();
        (hint_count <= Self::HINT_COUNT_MAX).then(|| Self::of(entries))
    }

    /// Without the words that an assignment of this generation has overtaken.
    #[must_use]
    pub fn newer_than(&self, generation: Generation) -> Self
    where
        O: Clone,
    {
        self.retained(|hint| hint.generation > generation)
    }

    /// Without the words that name such an owner.
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
        let by_slice = SliceMap::try_from_starts(entries).expect("cut out of a map that covers every key");
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

/// The map with the word in place of all that is older in the slice. Each key that it takes in one run is one entry.
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
        Hear(Slice, OwnerHint<u8>),
        Assign(Generation),
        Lose(u8),
    }

    /// What is known of each key, with no thought of slices.
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
        let heard = (0..KEY_COUNT, 1..=KEY_COUNT, any::<bool>(), 1_i64..9, 0_u8..4);
        let heard = heard.prop_map(|(start, length, has_end, number, owner)| {
            OverlayOp::Hear(slice(start, has_end.then_some(start + length)), hint(number, owner))
        });
        prop_oneof![
            6 => heard,
            1 => (1_i64..9).prop_map(|number| OverlayOp::Assign(generation(number))),
            1 => (0_u8..4).prop_map(OverlayOp::Lose),
        ]
    }

    fn step_model(model: &mut OverlayModel, step: &OverlayOp) {
        for (number, known) in (0..KEY_COUNT).zip(model) {
            let is_kept = match step {
                OverlayOp::Hear(slice, hint) => {
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
            OverlayOp::Hear(slice, hint) => overlay.with(slice, hint).unwrap_or_else(|| overlay.clone()),
            OverlayOp::Assign(generation) => overlay.newer_than(*generation),
            OverlayOp::Lose(owner) => overlay.without(|named| named == owner),
        }
    }

    proptest! {
        #[test]
        fn each_key_goes_by_the_newest_word_that_was_heard_of_it(steps in prop::collection::vec(step(), 1..40)) {
            let (mut overlay, mut model) = (Overlay::none(), vec![None; KEY_COUNT.into()]);
            for step in &steps {
                overlay = after(&overlay, step);
                step_model(&mut model, step);
                let heard: OverlayModel = (0..KEY_COUNT)
                    .map(|number| overlay.hint_for(&[number], KeyMode::Ordered).copied())
                    .collect();
                prop_assert_eq!(&heard, &model, "after {:?}", step);
            }
        }
    }

    #[test]
    fn nothing_is_left_once_an_assignment_says_it_all() {
        let overlay = Overlay::none().with(&slice(3, Some(5)), &hint(7, 1)).unwrap();
        assert!(!overlay.newer_than(generation(6)).is_empty());
        assert!(overlay.newer_than(generation(7)).is_empty());
    }

    #[test]
    fn what_is_known_already_changes_nothing() {
        let overlay = Overlay::none().with(&Slice::FULL, &hint(7, 1)).unwrap();
        assert!(overlay.with(&slice(3, Some(5)), &hint(7, 1)).is_none());
        assert!(overlay.with(&slice(3, Some(5)), &hint(6, 2)).is_none());
    }

    #[test]
    fn a_full_overlay_takes_newer_words_only_on_what_it_knows_of() {
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
