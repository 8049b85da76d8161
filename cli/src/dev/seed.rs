//! Writing objects before the first request.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::target::KeyMode;
use emberkeep_store::{Expect, NameRange, ObjectName, Store, StoreError};
use futures::{StreamExt, TryStreamExt, stream};

use super::demo::{TARGET, value_of};
use super::storage::failure_of;
use crate::exit::Failure;

const WRITE_COUNT_MAX: usize = 64;

/// Writes the demo's objects of those keys that have none yet; `written` is told of each one.
pub(super) async fn seed(store: &Store, keys: &[Arc<str>], written: impl Fn(usize, usize)) -> Result<(), Failure> {
    write_missing(store, TARGET, keys, value_of, written).await
}

/// Writes the objects of those keys of a target that have none yet; `written` is told of each one.
pub(crate) async fn write_missing(
    store: &Store,
    target: &str,
    keys: &[Arc<str>],
    value_of: impl Fn(&str) -> Bytes,
    written: impl Fn(usize, usize),
) -> Result<(), Failure> {
    let present = present(store, target).await.map_err(failure_of)?;
    let mut missing = Vec::new();
    for key in keys {
        let name = name_of(target, key)?;
        if !present.contains(&name) {
            missing.push((name, Arc::clone(key)));
        }
    }
    let count = missing.len();
    let puts = missing
        .into_iter()
        .map(async |(name, key)| put(store, &name, value_of(&key)).await);
    stream::iter(puts)
        .buffer_unordered(WRITE_COUNT_MAX)
        .try_fold(0, |done, ()| {
            written(done + 1, count);
            async move { Ok(done + 1) }
        })
        .await
        .map(drop)
        .map_err(failure_of)
}

async fn present(store: &Store, target: &str) -> Result<BTreeSet<ObjectName>, StoreError> {
    let listed = store.list_all(NameRange::prefix(format!("{target}/")));
    listed.map_ok(|object| object.name).try_collect().await
}

async fn put(store: &Store, name: &ObjectName, value: Bytes) -> Result<(), StoreError> {
    match store.put(name, value, Expect::Absent).await {
        // A repeated try of a write that had arrived: what is there is what was to be written.
        Ok(_) | Err(StoreError::PreconditionFailed { .. } | StoreError::Undecided { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn name_of(target: &str, key: &str) -> Result<ObjectName, Failure> {
    let slice_key = SliceKey::of(key.as_bytes(), KeyMode::Hashed).map_err(Failure::bad_input)?;
    ObjectName::of_key(target, &slice_key.to_bytes(), key.as_bytes()).map_err(|error| failure_of(error.into()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn only_what_is_missing_is_written() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::folder(place.path()).await.unwrap();
        let written = Cell::new(0);
        let keys: Vec<Arc<str>> = ["a", "b/c", "ä"].map(Into::into).into();
        for (keys, expected) in [(&keys[..2], 2), (&keys[..], 1), (&keys[..], 0)] {
            written.set(0);
            seed(&store, keys, |done, _| written.set(done)).await.unwrap();
            assert_eq!(written.get(), expected);
        }
    }
}
