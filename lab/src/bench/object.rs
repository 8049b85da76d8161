//! The expected object of a key: incompressible noise behind a checksum seeded with the key.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use xxhash_rust::xxh64::xxh64;

const CHECKSUM_SIZE: usize = size_of::<u64>();

/// The keys of `count` objects of one size. A key names its size: objects of another size have other keys.
pub(super) fn keys_of(size: u64, count: u32) -> Vec<Arc<str>> {
    (0..count).map(|number| format!("{size}/{number}").into()).collect()
}

/// The object of the key.
pub(super) fn value_of(key: &str, size: u64) -> Bytes {
    let size = usize::try_from(size).expect("an object fits into memory");
    let seed = xxh64(key.as_bytes(), 0);
    let mut noise = vec![0; size.saturating_sub(CHECKSUM_SIZE)];
    SmallRng::seed_from_u64(seed).fill_bytes(&mut noise);
    let mut value = BytesMut::with_capacity(size);
    value.put_u64(xxh64(&noise, seed));
    value.put_slice(&noise);
    value.freeze()
}

/// Whether this is the object of the key.
pub(super) fn is_value_of(key: &str, size: u64, value: &[u8]) -> bool {
    let has_size = u64::try_from(value.len()).is_ok_and(|length| length == size);
    let seed = xxh64(key.as_bytes(), 0);
    has_size
        && value
            .split_first_chunk()
            .is_some_and(|(checksum, noise)| u64::from_be_bytes(*checksum) == xxh64(noise, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_belongs_to_one_key_and_one_size() {
        let value = value_of("1024/7", 1_024);
        assert!(is_value_of("1024/7", 1_024, &value));
        assert!(!is_value_of("1024/8", 1_024, &value));
        assert!(!is_value_of("1024/7", 1_025, &value));
        assert!(!is_value_of(
            "1024/7",
            1_024,
            &[&value[..1_023], &[!value[1_023]]].concat()
        ));
    }
}
