//! The expected object of a demo key: derived from the key alone, so that every answer can be checked.

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh64::xxh64;

/// The name of the demo's target.
pub const TARGET: &str = "demo";

/// The size of every object. The longest key takes half of it.
const VALUE_SIZE: usize = 1 << 10;

/// The object of a key, 1 KiB: the key's length, the key, and pseudorandom bytes seeded with the key's hash.
pub fn value_of(key: &str) -> Bytes {
    let mut value = BytesMut::with_capacity(VALUE_SIZE + size_of::<u64>());
    value.put_u32(u32::try_from(key.len()).expect("keys have at most 512 bytes"));
    value.put_slice(key.as_bytes());
    let mut noise = xxh64(key.as_bytes(), 0);
    while value.len() < VALUE_SIZE {
        noise = next_noise(noise);
        value.put_u64(noise);
    }
    value.truncate(VALUE_SIZE);
    value.freeze()
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014), output fed back as state.
const fn next_noise(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_the_same_size_and_its_key_inside() {
        for key in ["a", "profile/4711", &"k".repeat(512)] {
            let value = value_of(key);
            assert_eq!(value.len(), VALUE_SIZE);
            assert_eq!(&value[4..4 + key.len()], key.as_bytes());
        }
    }

    #[test]
    fn each_key_has_a_value_of_its_own() {
        assert_eq!(value_of("a"), value_of("a"));
        assert_ne!(value_of("a"), value_of("b"));
        assert_ne!(value_of("ab")[8..], value_of("a")[8..]);
    }
}
