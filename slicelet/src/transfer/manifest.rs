//! The manifest, as the receiver keeps it: what the sender has, and how much of it is here.

use std::collections::HashSet;

use emberkeep_core::keyspace::Slice;
use emberkeep_core::target::KeyMode;
use emberkeep_core::warmth::Warmth;
use emberkeep_proto::convert::{InvalidMessage, MANIFEST_COUNT_MAX, ManifestEntry, ManifestPage};

use crate::warm::{HashedKey, SizesByHeat};

/// What the sender has of a slice, hottest first.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    entries: Vec<ManifestEntry>,
    /// Whether the value of each entry is here.
    is_held: Vec<bool>,
    /// How many of the entries the stream of values has passed.
    passed: usize,
    heat: u64,
    held_heat: u64,
    held_size: u64,
}

impl Manifest {
    /// Takes a page in; `held` are the fingerprints of what is here.
    pub(super) fn add(
        &mut self,
        page: ManifestPage,
        slice: &Slice,
        key_mode: KeyMode,
        held: &HashSet<u64>,
    ) -> Result<(), InvalidMessage> {
        for entry in page.entries {
            self.check(&entry, slice, key_mode)?;
            self.heat += u64::from(entry.heat);
            let is_held = held.contains(&entry.fingerprint);
            self.entries.push(entry);
            self.is_held.push(false);
            if is_held {
                self.mark_held(self.entries.len() - 1);
            }
        }
        Ok(())
    }

    fn check(&self, entry: &ManifestEntry, slice: &Slice, key_mode: KeyMode) -> Result<(), InvalidMessage> {
        let refused = |reason: String| Err(InvalidMessage::new("manifest.entries", reason));
        if self.entries.len() >= MANIFEST_COUNT_MAX {
            return refused(format!("there are more than {MANIFEST_COUNT_MAX} on all pages"));
        }
        if self.entries.last().is_some_and(|last| !last.comes_before(entry)) {
            return refused("a page begins hotter than the one before it ended".to_owned());
        }
        let key = HashedKey::try_new(&entry.key).map_err(|error| InvalidMessage::new("manifest.entries.key", error))?;
        if !slice.contains(&key.slice_key(key_mode)) {
            return refused(format!("a key lies outside of slice {slice}"));
        }
        Ok(())
    }

    /// The entry of a value that was sent; values come in the order of the manifest.
    pub(super) fn advance_to(&mut self, key: &[u8]) -> Result<usize, InvalidMessage> {
        let ahead = self.entries[self.passed..].iter().position(|entry| entry.key == key);
        let out_of_order = || InvalidMessage::new("values", "a key is not in the manifest, or out of its order");
        let at = self.passed + ahead.ok_or_else(out_of_order)?;
        self.passed = at + 1;
        Ok(at)
    }

    /// The entry of that number.
    pub(super) fn entry(&self, at: usize) -> &ManifestEntry {
        &self.entries[at]
    }

    /// The value of that entry is here.
    pub(super) fn mark_held(&mut self, at: usize) {
        if !std::mem::replace(&mut self.is_held[at], true) {
            self.held_heat += u64::from(self.entries[at].heat);
            self.held_size = self.held_size.saturating_add(self.entries[at].size);
        }
    }

    /// How many entries, from the hottest on, are to be here: as many as would be among the hottest values that `budget`
    /// bytes have room for, beside those that are `present`.
    pub(super) fn wanted_count(&self, present: &SizesByHeat, budget: u64) -> usize {
        let missing = || {
            let numbered = self.entries.iter().enumerate();
            numbered.filter(|(at, _)| !self.is_held[*at])
        };
        let mut sizes = SizesByHeat::none();
        missing().for_each(|(_, entry)| sizes.add(entry.heat, entry.size));
        let mut room = present.room_for(&sizes, budget);
        let first_without = missing().find(|(_, entry)| match room.checked_sub(entry.size) {
            Some(left) => {
                room = left;
                false
            }
            None => true,
        });
        first_without.map_or(self.entries.len(), |(at, _)| at)
    }

    /// The numbers of those of the first `count` entries whose values are not here.
    pub(super) fn missing(&self, count: usize) -> Vec<usize> {
        (0..count).filter(|at| !self.is_held[*at]).collect()
    }

    /// How warm the slice is here.
    pub(super) fn warmth(&self, is_complete: bool) -> Warmth {
        Warmth {
            heat_share_thousandths: Warmth::share(self.held_heat, self.heat),
            size: self.held_size,
            is_complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, heat: u32) -> ManifestEntry {
        ManifestEntry {
            key: key.into(),
            heat,
            fingerprint: u64::from(heat),
            size: 10,
        }
    }

    fn page(entries: &[(&str, u32)], is_last: bool) -> ManifestPage {
        ManifestPage {
            entries: entries.iter().map(|(key, heat)| entry(key, *heat)).collect(),
            is_last,
        }
    }

    fn add(manifest: &mut Manifest, page: ManifestPage, held: &[u64]) -> Result<(), String> {
        let held = held.iter().copied().collect();
        manifest
            .add(page, &Slice::FULL, KeyMode::Hashed, &held)
            .map_err(|invalid| invalid.to_string())
    }

    fn manifest(held: &[u64]) -> Manifest {
        let mut manifest = Manifest::default();
        add(&mut manifest, page(&[("a", 6), ("b", 3)], false), held).unwrap();
        add(&mut manifest, page(&[("c", 1)], true), held).unwrap();
        manifest
    }

    #[test]
    fn warmth_is_the_share_of_heat_that_is_here() {
        let mut manifest = manifest(&[3]);
        let (share, size) = (
            manifest.warmth(false).heat_share_thousandths,
            manifest.warmth(false).size,
        );
        assert_eq!((share, size), (300, 10));
        manifest.mark_held(0);
        manifest.mark_held(0);
        assert_eq!(manifest.warmth(false).heat_share_thousandths, 900);
        assert_eq!(manifest.missing(3), [2]);
    }

    #[test]
    fn values_come_in_the_order_of_the_manifest_and_some_may_be_left_out() {
        let mut whole = manifest(&[]);
        assert_eq!(whole.advance_to(b"b").unwrap(), 1);
        assert_eq!(whole.advance_to(b"c").unwrap(), 2);
        let out_of_order = "values: a key is not in the manifest, or out of its order";
        assert_eq!(whole.advance_to(b"a").unwrap_err().to_string(), out_of_order);
    }

    #[test]
    fn pages_that_do_not_fit_together_are_refused() {
        let mut manifest = Manifest::default();
        add(&mut manifest, page(&[("a", 1)], false), &[]).unwrap();
        let refusal = add(&mut manifest, page(&[("b", 2)], true), &[]).unwrap_err();
        assert_eq!(
            refusal,
            "manifest.entries: a page begins hotter than the one before it ended"
        );
    }

    #[test]
    fn a_key_of_another_slice_is_refused() {
        let lower = Slice::FULL.split_at(&Slice::FULL.middle().unwrap()).unwrap().0;
        let is_upper = |key: &String| {
            let hashed = HashedKey::try_new(key.as_bytes()).unwrap();
            !lower.contains(&hashed.slice_key(KeyMode::Hashed))
        };
        let key = (0..).map(|number| format!("key-{number}")).find(is_upper).unwrap();
        let refused = Manifest::default().add(page(&[(&key, 1)], true), &lower, KeyMode::Hashed, &HashSet::new());
        let reason = refused.unwrap_err().to_string();
        assert!(
            reason.starts_with("manifest.entries: a key lies outside of slice"),
            "{reason}"
        );
    }

    #[test]
    fn only_the_hottest_that_memory_has_room_for_are_wanted() {
        let mut present = SizesByHeat::none();
        present.add(1, 80);
        assert_eq!(manifest(&[]).wanted_count(&present, 1_000), 3);
        assert_eq!(
            manifest(&[]).wanted_count(&present, 100),
            2,
            "the coldest would push out what is hotter"
        );
        assert_eq!(
            manifest(&[6]).wanted_count(&present, 10),
            2,
            "what is here needs no more room"
        );
        assert_eq!(manifest(&[]).wanted_count(&present, 0), 0);
    }
}
