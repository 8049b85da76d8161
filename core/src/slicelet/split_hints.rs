//! Split hints: keys that divide the load of a slice into equal parts, estimated from samples of its keys.

use crate::keyspace::{Slice, SliceKey};

/// Fewer samples than this give no hints.
const SAMPLE_COUNT_MIN: usize = 8;
/// Samples between two hints; the load of a part is then right within half of it.
const SAMPLES_PER_PART: usize = 4;
/// The most hints of one slice.
const HINT_COUNT_MAX: u128 = 63;
/// The square of the deviation beyond which a load is uneven, times the samples. By the test of Kolmogorov and Smirnov,
/// with a deviation of 2 one in 1,500 even loads is taken for uneven.
const DEVIATION_SQUARED: u128 = 4;

/// Keys that divide the load of the slice into equal parts. `samples` are keys in key order, each with the part of all load
/// that it represents (with 32 binary digits). An even load, as of hashed keys, gives no hints: its width is a better
/// estimate than samples.
pub(super) fn split_hints(slice: &Slice, samples: &[(&SliceKey, u64)]) -> Vec<SliceKey> {
    let total: u128 = samples.iter().map(|(_, part)| u128::from(*part)).sum();
    if samples.len() < SAMPLE_COUNT_MIN || total == 0 || is_even(slice, samples, total) {
        return Vec::new();
    }
    let heaviest = samples.iter().map(|(_, part)| u128::from(*part)).max().unwrap_or(total);
    // No sample weighs more than a part, so each part starts at a sample of its own.
    let part_count = (total / heaviest).min((samples.len() / SAMPLES_PER_PART) as u128);
    let part_count = part_count.min(HINT_COUNT_MAX + 1);
    let mut hints: Vec<SliceKey> = Vec::new();
    let mut before = 0;
    for (key, part) in samples {
        let next = hints.len() as u128 + 1;
        if next < part_count && before * part_count >= next * total {
            hints.push((*key).clone());
        }
        before += u128::from(*part);
    }
    hints
}

/// Whether the samples lie as evenly as random ones would.
fn is_even(slice: &Slice, samples: &[(&SliceKey, u64)], total: u128) -> bool {
    const ONE: u128 = 1 << 32;
    let squares: u128 = samples.iter().map(|(_, part)| u128::from(*part).pow(2)).sum();
    let (start, width) = (u128::from(slice.start().position()), slice.width());
    if width == 0 {
        return false;
    }
    let mut before = 0;
    let mut deviation = 0;
    for (key, part) in samples {
        let position = ((u128::from(key.position()) - start) << 32) / width;
        let after = before + u128::from(*part);
        let distance = |sum: u128| ((sum << 32) / total).abs_diff(position);
        deviation = deviation.max(distance(before)).max(distance(after));
        before = after;
    }
    // The effective number of samples of unequal weight (Kish, 1965).
    let effective_count = total * total / squares;
    deviation * deviation * effective_count <= DEVIATION_SQUARED * ONE * ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(position: u64) -> SliceKey {
        SliceKey::from_position(position)
    }

    fn hints_at(slice: &Slice, positions: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let keys: Vec<_> = positions.into_iter().map(key).collect();
        let samples: Vec<_> = keys.iter().map(|key| (key, 1_000)).collect();
        split_hints(slice, &samples).iter().map(SliceKey::position).collect()
    }

    fn slice(start: u64, end: u64) -> Slice {
        Slice::new(key(start), Some(key(end))).unwrap()
    }

    #[test]
    fn even_keys_get_no_hints() {
        let spread = (0..200_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44);
        let mut spread: Vec<_> = spread.collect();
        spread.sort_unstable();
        assert!(hints_at(&slice(0, 1 << 20), spread).is_empty());
    }

    #[test]
    fn clustered_keys_get_hints_where_they_are() {
        let corner = (0..64).map(|number| 5_000 + number);
        let hints = hints_at(&slice(0, 1 << 40), corner);
        let expected: Vec<_> = (1..16).map(|part| 5_000 + 4 * part).collect();
        assert_eq!(hints, expected);
    }

    #[test]
    fn keys_with_the_same_first_bytes_get_hints_as_well() {
        let bounds = (
            SliceKey::try_new(b"customer/").unwrap(),
            SliceKey::try_new(b"customer0").unwrap(),
        );
        let slice = Slice::new(bounds.0, Some(bounds.1)).unwrap();
        let keys: Vec<_> = (10..50)
            .map(|number| SliceKey::try_new(format!("customer/{number}").as_bytes()).unwrap())
            .collect();
        let samples: Vec<_> = keys.iter().map(|key| (key, 7)).collect();
        let hints = split_hints(&slice, &samples);
        assert_eq!(hints.len(), 9);
        assert!(hints.is_sorted() && hints.iter().all(|hint| slice.contains(hint)));
    }

    #[test]
    fn few_samples_give_no_hints() {
        assert!(hints_at(&slice(0, 1 << 40), 0..7).is_empty());
    }

    #[test]
    fn samples_count_by_the_load_they_stand_for() {
        let keys: Vec<_> = (100..120).map(key).collect();
        let part = |at: usize| if at == 0 { 5_000 } else { 1_000 };
        let samples: Vec<_> = keys.iter().enumerate().map(|(at, key)| (key, part(at))).collect();
        let hints: Vec<_> = split_hints(&slice(0, 1 << 40), &samples)
            .iter()
            .map(SliceKey::position)
            .collect();
        assert_eq!(
            hints,
            [102, 108, 114],
            "of 24 units, each part has 6: the first is the heavy key and one more"
        );
    }
}
