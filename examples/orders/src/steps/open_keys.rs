//! Markers of keys with unfinished workflows, to find them without reading every value.
//!
//! The object `orders/5e1f/o-1` has a marker `orders-open/5e1f/o-1` while its workflow is unfinished: from before the first write of
//! the value until after the last one. The markers of a slice are found by one listing.

use std::time::Duration;

use emberkeep_store::{Expect, NameRange, ObjectName, Read, Store, StoreError};
use futures::{Stream, TryStreamExt};

use super::unix_time::UnixTime;

/// The markers of open keys, those with an unfinished workflow, in a store.
#[derive(Debug, Clone)]
pub struct OpenKeys {
    store: Store,
    /// The first segment of the names of markers.
    prefix: &'static str,
}

/// The age at which a marker without a value is an orphan of a failed first write. Far longer than any write takes and any two
/// clocks differ.
const ORPHANED_AFTER: Duration = Duration::from_secs(600);

impl OpenKeys {
    /// Markers below `prefix`, which must not be used for anything else.
    #[must_use]
    pub const fn new(store: Store, prefix: &'static str) -> Self {
        Self { store, prefix }
    }

    /// Marks the key of an object as open; call it before the first write. Returns the name of the marker.
    ///
    /// # Errors
    /// When the marker may not have been written.
    pub async fn mark(&self, object: &ObjectName) -> Result<ObjectName, StoreError> {
        let (_, key) = object.as_str().split_once('/').unwrap_or(("", object.as_str()));
        let marker = ObjectName::new(format!("{}/{key}", self.prefix))?;
        let since = UnixTime::now().millis().to_string();
        self.store.put(&marker, since.into(), Expect::Anything).await?;
        Ok(marker)
    }

    /// Removes the marker of a finished key; call it after the last write.
    ///
    /// # Errors
    /// When the marker may still exist.
    pub async fn unmark(&self, marker: &ObjectName) -> Result<(), StoreError> {
        self.store.delete(marker).await
    }

    /// Removes the marker of a key without a value if it is old enough to be an orphan.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn unmark_if_orphaned(&self, marker: &ObjectName, now: UnixTime) -> Result<(), StoreError> {
        let Read::Found(object) = self.store.get(marker, None).await? else {
            return Ok(());
        };
        let since = std::str::from_utf8(&object.bytes)
            .ok()
            .and_then(|text| text.parse().ok());
        match since.map(UnixTime::from_millis) {
            Some(since) if now.since(since) < ORPHANED_AFTER => Ok(()),
            Some(_) | None => self.unmark(marker).await,
        }
    }

    /// The range of marker names of a slice.
    #[must_use]
    pub fn slice(&self, start: &[u8], end: Option<&[u8]>) -> NameRange {
        NameRange::of_keys(self.prefix, start, end)
    }

    /// Lists the markers in these ranges.
    pub fn list(&self, ranges: Vec<NameRange>) -> impl Stream<Item = Result<ObjectName, StoreError>> + Send + use<> {
        let store = self.store.clone();
        let listings = futures::stream::iter(ranges.into_iter().map(Ok::<_, StoreError>));
        listings
            .map_ok(move |range| store.list_all(range).map_ok(|listed| listed.name))
            .try_flatten()
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_store::Folder;
    use futures::TryStreamExt;
    use tempfile::TempDir;

    use super::*;

    async fn open_keys(folder: &TempDir) -> OpenKeys {
        let store = Store::new(
            Folder::open(folder.path(), emberkeep_store::Durability::Synced)
                .await
                .unwrap(),
        );
        OpenKeys::new(store, "orders-open")
    }

    async fn listed(open: &OpenKeys) -> Vec<String> {
        let ranges = vec![open.slice(&[], Some(&[0x80])), open.slice(&[0x80], None)];
        let names: Vec<ObjectName> = open.list(ranges).try_collect().await.unwrap();
        names.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn an_open_key_is_listed_in_its_slice_until_it_is_unmarked() {
        let folder = TempDir::new().unwrap();
        let open = open_keys(&folder).await;
        for (slice_key, key) in [(0x90, b"o-1"), (0x10, b"o-2")] {
            let object = ObjectName::of_key("orders", &[slice_key], key).unwrap();
            open.mark(&object).await.unwrap();
        }
        assert_eq!(listed(&open).await, ["orders-open/10/o-2", "orders-open/90/o-1"]);
        let marker = ObjectName::new("orders-open/10/o-2").unwrap();
        open.unmark(&marker).await.unwrap();
        assert_eq!(listed(&open).await, ["orders-open/90/o-1"]);
    }

    #[tokio::test]
    async fn a_marker_without_a_value_stays_until_it_is_an_orphan() {
        let folder = TempDir::new().unwrap();
        let open = open_keys(&folder).await;
        let object = ObjectName::of_key("orders", &[1], b"o-1").unwrap();
        let marker = open.mark(&object).await.unwrap();
        let now = UnixTime::now();
        open.unmark_if_orphaned(&marker, now).await.unwrap();
        assert_eq!(listed(&open).await.len(), 1);
        open.unmark_if_orphaned(&marker, now + ORPHANED_AFTER + ORPHANED_AFTER)
            .await
            .unwrap();
        assert_eq!(listed(&open).await.len(), 0);
    }
}
