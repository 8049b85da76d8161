//! The objects of the test: one for each key, which can be told from all others.

use std::path::Path;

use bytes::Bytes;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::target::KeyMode;
use emberkeep_store::{Expect, ObjectName, Store};
use xxhash_rust::xxh64::xxh64;

use super::cluster::TARGET;

const KEY_COUNT: usize = 30;
const VALUE_SIZE: usize = 16 << 10;

pub(crate) fn keys() -> impl Iterator<Item = String> {
    (0..KEY_COUNT).map(|number| format!("key-{number}"))
}

/// Hashes of the key: bytes that no compression makes fewer.
pub(crate) fn value_of(key: &str) -> Vec<u8> {
    let hashes = (0..VALUE_SIZE / size_of::<u64>()).map(|number| xxh64(key.as_bytes(), number as u64));
    hashes.flat_map(u64::to_be_bytes).collect()
}

/// Writes all objects below the folder.
pub(crate) async fn write(folder: &Path) {
    let store = Store::folder(folder).await.unwrap();
    for key in keys() {
        let slice_key = SliceKey::of(key.as_bytes(), KeyMode::Hashed).unwrap();
        let name = ObjectName::of_key(TARGET, &slice_key.to_bytes(), key.as_bytes()).unwrap();
        let value = Bytes::from(value_of(&key));
        store.put(&name, value, Expect::Absent).await.unwrap();
    }
}
