//! The receiver's manifest: the values offered by the sender, and which of them are present here.

use std::collections::HashSet;

use emberkeep_core::keyspace::Slice;
use emberkeep_core::target::KeyMode;
use emberkeep_core::warmth::Warmth;
use emberkeep_proto::convert::{InvalidMessage, MANIFEST_COUNT_MAX, ManifestEntry, ManifestPage};

use crate::warm::{HashedKey, SizesByHeat};

/// The values of a slice offered by the sender, hottest first.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    entries: Vec<ManifestEntry>,
    /// Whether the value of each entry is present here.
    is_held: Vec<bool>,
    /// Number of entries before the next value of the stream.
    passed: usize,
    /// Sum over all entries.
    heat: u64,
    /// Sums over the entries present here.
    held_heat: u64,
    held_size: u64,
}

impl Manifest {
    /// Appends a page; `held` are the fingerprints of the values present here.
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
            return refused(format!("more than {MANIFEST_COUNT_MAX} entries on all pages"));
        }
        if self.entries.last().is_some_and(|last| !last.comes_before(entry)) {
            return refused("a page begins hotter than the previous one ended".to_owned());
        }
        let key = HashedKey::try_new(&entry.key).map_err(|error| InvalidMessage::new("manifest.entries.key", error))?;
        if !slice.contains(&key.slice_key(key_mode)) {
            return refused(format!("a key is outside slice {slice}"));
        }
        Ok(())
    }

    /// The number of a received value's entry. Values arrive in the order of the manifest, possibly with gaps.
    pub(super) fn advance_to(&mut self, key: &[u8]) -> Result<usize, InvalidMessage> {
        let ahead = self.entries[self.passed..].iter().position(|entry| entry.key == key);
        let out_of_order = || InvalidMessage::new("values", "a key is not in the manifest, or out of order");
        let at = self.passed + ahead.ok_or_else(out_of_order)?;
        self.passed = at + 1;
        Ok(at)
    }

    /// The entry of number `at`.
    pub(super) fn entry(&self, at: usize) -> &ManifestEntry {
        &self.entries[at]
    }

    /// Records that the value of entry `at` is present.
    pub(super) fn mark_held(&mut self, at: usize) {
        if !std::mem::replace(&mut self.is_held[at], true) {
            self.held_heat += u64::from(self.entries[at].heat);
            self.held_size = self.held_size.saturating_add(self.entries[at].size);
        }
    }

    /// The number of entries, from the hottest on, to be present after the pull: as many as fit when `budget` bytes are filled
    /// with the hottest values of the manifest and of those already `present`.
    pub(super) fn wanted_count(&self, present: &SizesByHeat, budget: u64) -> usize {
        let missing = || {
            let numbered = self.entries.iter().enumerate();
            numbered.filter(|(at, _)| !self.is_held[*at])
        };
        let mut sizes = SizesByHeat::default();
        missing().for_each(|(_, entry)| sizes.add(entry.heat, entry.size));
        let mut room = present.room_for(&sizes, budget);
        let first_too_large = missing().find(|(_, entry)| match room.checked_sub(entry.size) {
            Some(left) => {
                room = left;
                false
            }
            None => true,
        });
        first_too_large.map_or(self.entries.len(), |(at, _)| at)
    }

    /// The numbers of the first `count` entries whose values are not present.
    pub(super) fn missing(&self, count: usize) -> Vec<usize> {
        (0..count).filter(|at| !self.is_held[*at]).collect()
    }

    /// The warmth of the slice here.
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
    fn warmth_is_the_share_of_heat_present() {
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
    fn values_arrive_in_the_order_of_the_manifest_with_gaps() {
        let mut whole = manifest(&[]);
        assert_eq!(whole.advance_to(b"b").unwrap(), 1);
        assert_eq!(whole.advance_to(b"c").unwrap(), 2);
        let out_of_order = "values: a key is not in the manifest, or out of order";
        assert_eq!(whole.advance_to(b"a").unwrap_err().to_string(), out_of_order);
    }

    #[test]
    fn pages_out_of_order_are_rejected() {
        let mut manifest = Manifest::default();
        add(&mut manifest, page(&[("a", 1)], false), &[]).unwrap();
        let refusal = add(&mut manifest, page(&[("b", 2)], true), &[]).unwrap_err();
        assert_eq!(
            refusal,
            "manifest.entries: a page begins hotter than the previous one ended"
        );
    }

    #[test]
    fn a_key_of_another_slice_is_rejected() {
        let lower = Slice::FULL.split_at(&Slice::FULL.middle().unwrap()).unwrap().0;
        let is_upper = |key: &String| {
            let hashed = HashedKey::try_new(key.as_bytes()).unwrap();
            !lower.contains(&hashed.slice_key(KeyMode::Hashed))
        };
        let key = (0..).map(|number| format!("key-{number}")).find(is_upper).unwrap();
        let refused = Manifest::default().add(page(&[(&key, 1)], true), &lower, KeyMode::Hashed, &HashSet::new());
        let reason = refused.unwrap_err().to_string();
        assert!(
            reason.starts_with("manifest.entries: a key is outside slice"),
            "{reason}"
        );
    }

    #[test]
    fn only_the_hottest_values_that_fit_in_memory_are_wanted() {
        let mut present = SizesByHeat::default();
        present.add(1, 80);
        assert_eq!(manifest(&[]).wanted_count(&present, 1_000), 3);
        assert_eq!(
            manifest(&[]).wanted_count(&present, 100),
            2,
            "the coldest would evict hotter ones"
        );
        assert_eq!(
            manifest(&[6]).wanted_count(&present, 10),
            2,
            "present values need no more room"
        );
        assert_eq!(manifest(&[]).wanted_count(&present, 0), 0);
    }
}
