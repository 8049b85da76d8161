//! Writing the objects of a target before the first request.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use emberkeep_core::keyspace::SliceKey;
use emberkeep_core::target::KeyMode;
use emberkeep_store::{Expect, NameRange, ObjectName, Store, StoreError};
use futures::{StreamExt, TryStreamExt, stream};

use crate::LabError;

const WRITE_COUNT_MAX: usize = 64;

/// Writes the objects of a target that are missing; `written` receives the numbers of written and of missing objects
/// after each.
///
/// # Errors
/// If the store cannot be listed or written, or a key is invalid.
pub async fn write_missing(
    store: &Store,
    target: &str,
    keys: &[Arc<str>],
    value_of: impl Fn(&str) -> Bytes,
    written: impl Fn(usize, usize),
) -> Result<(), LabError> {
    let present = present(store, target).await?;
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
        .await?;
    Ok(())
}

async fn present(store: &Store, target: &str) -> Result<BTreeSet<ObjectName>, StoreError> {
    let listed = store.list_all(NameRange::prefix(format!("{target}/")));
    listed.map_ok(|object| object.name).try_collect().await
}

async fn put(store: &Store, name: &ObjectName, value: Bytes) -> Result<(), StoreError> {
    match store.put(name, value, Expect::Absent).await {
        // A retry of a write that had succeeded: the object is there already.
        Ok(_) | Err(StoreError::PreconditionFailed { .. } | StoreError::Undecided { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn name_of(target: &str, key: &str) -> Result<ObjectName, LabError> {
    let slice_key = SliceKey::of(key.as_bytes(), KeyMode::Hashed).map_err(LabError::bad_input)?;
    ObjectName::of_key(target, &slice_key.to_bytes(), key.as_bytes())
        .map_err(|error| LabError::from(StoreError::from(error)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn only_missing_objects_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).await.unwrap();
        let written = Cell::new(0);
        let keys: Vec<Arc<str>> = ["a", "b/c", "ä"].map(Into::into).into();
        for (keys, expected) in [(&keys[..2], 2), (&keys[..], 1), (&keys[..], 0)] {
            written.set(0);
            write_missing(
                &store,
                "demo",
                keys,
                |key| Bytes::from(key.to_owned()),
                |done, _| written.set(done),
            )
            .await
            .unwrap();
            assert_eq!(written.get(), expected);
        }
    }
}
