//! The value inside a stored object, parsed without Emberkeep's own code.

use bytes::{Buf, Bytes};
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::target::KeyMode;
use emberkeep_lab::demo::TARGET;
use emberkeep_store::{ObjectName, Read, Store};
use serde::de::DeserializeOwned;

/// The magic of an object with stored answers; their length, a checksum and the answers follow.
const MAGIC: &[u8] = b"\x89EMBER\x1a\x01";

/// The stored value of a key; `None` if there is no object.
pub(crate) async fn stored<T: DeserializeOwned>(store: &Store, key: &str) -> Option<T> {
    let slice_key = SliceKey::of(key.as_bytes(), KeyMode::Hashed).unwrap();
    let name = ObjectName::of_key(TARGET, &slice_key.to_bytes(), key.as_bytes()).unwrap();
    match store.get(&name, None).await.unwrap() {
        Read::Found(object) => Some(serde_json::from_slice(&value_of(object.bytes)).unwrap()),
        Read::Missing => None,
        Read::NotModified => panic!("no version was named"),
    }
}

fn value_of(mut object: Bytes) -> Bytes {
    if object.starts_with(MAGIC) {
        object.advance(MAGIC.len());
        let length = object.get_u32_le() as usize;
        object.advance(size_of::<u64>() + length);
    }
    object
}
