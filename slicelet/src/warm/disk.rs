//! The disk tier: objects as read from the store, in a bounded folder that survives restarts.
//!
//! Blocks, their index, checksums and eviction are those of [foyer](https://docs.rs/foyer). It may return any version that
//! was ever put, so freshness is tracked here, by the fingerprints of the versions that this process has found to be the
//! newest; any other version has to be checked with the store.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use emberkeep_core::time::Timestamp;
use emberkeep_store::{ETag, ObjectName};
use foyer::{
    BlockEngineConfig, Code, DeviceBuilder, Error as FoyerError, FsDeviceBuilder, HybridCache, HybridCacheBuilder,
    HybridCachePolicy, Load, RecoverMode,
};
use quick_cache::sync::Cache;
use thiserror::Error;
use xxhash_rust::xxh64::xxh64;

use super::freshness::{OwnershipFence, VersionCheck};
use crate::byte_size::ByteSize;

/// Settings of the disk tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiskSettings {
    pub(crate) folder: PathBuf,
    /// Bound of all blocks on disk.
    pub(crate) size: ByteSize,
}

/// The folder cannot be used as a disk cache.
#[derive(Debug, Error)]
#[error("disk cache {}: {reason}", folder.display())]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message names the fields")]
pub struct DiskError {
    pub folder: PathBuf,
    pub reason: String,
}

/// Objects cached on disk.
pub(crate) struct DiskTier {
    objects: HybridCache<Vec<u8>, DiskObject>,
    /// Prefix of all keys: separates the objects of different stores in one folder.
    scope: [u8; 8],
    /// The newest known version of each object, by the hash of its name.
    newest: Cache<u64, NewestVersion>,
    /// Held while this process uses the folder.
    _lock: File,
}

/// An object with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiskObject {
    pub(super) etag: ETag,
    pub(super) bytes: Bytes,
}

#[derive(Debug, Clone, Copy)]
struct NewestVersion {
    fingerprint: u64,
    checked: VersionCheck,
}

/// Blocks are written and evicted whole, and each is a file kept open: larger blocks need fewer files, smaller ones evict
/// less at once.
const BLOCK_SIZE_MIN: u64 = 16 << 20;
const BLOCK_SIZE_MAX: u64 = 256 << 20;
/// The smallest number of blocks: enough to read from while one is written and one is cleared.
const BLOCK_COUNT: u64 = 16;
/// Bound of the objects waiting to be written, in bytes. Objects beyond it are dropped; an object larger than it is never
/// cached.
const WRITE_QUEUE_SIZE: usize = 16 << 20;
/// The smallest allocation on disk, which bounds the number of objects.
const PAGE_SIZE: u64 = 4 << 10;
/// Bound of the versions known to be the newest. An evicted one is checked with the store again.
const NEWEST_COUNT_MAX: u64 = 250_000;
/// The longest that pending writes may delay the shutdown.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

impl DiskSettings {
    /// The smallest usable size: [`BLOCK_COUNT`] blocks of [`BLOCK_SIZE_MIN`].
    pub(crate) const SIZE_MIN: ByteSize = ByteSize::bytes(BLOCK_COUNT * BLOCK_SIZE_MIN);

    fn block_size(&self) -> u64 {
        let wanted = (self.size.as_bytes() / 256).next_multiple_of(BLOCK_SIZE_MIN);
        wanted.clamp(BLOCK_SIZE_MIN, BLOCK_SIZE_MAX)
    }
}

impl DiskTier {
    /// Opens the folder with the objects left by an earlier process. `location` identifies the store.
    pub(crate) async fn open(settings: &DiskSettings, location: &str) -> Result<Self, DiskError> {
        let failed = |reason: String| DiskError {
            folder: settings.folder.clone(),
            reason,
        };
        let lock = lock(&settings.folder).map_err(failed)?;
        let objects = open_objects(settings)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let newest_count = (settings.size.as_bytes() / PAGE_SIZE).min(NEWEST_COUNT_MAX);
        Ok(Self {
            objects,
            scope: xxh64(location.as_bytes(), 0).to_be_bytes(),
            newest: Cache::new(usize::try_from(newest_count).expect("it is bounded")),
            _lock: lock,
        })
    }

    /// A cached version of an object, not necessarily the newest.
    pub(super) async fn get(&self, name: &ObjectName) -> Option<DiskObject> {
        match self.objects.storage().load(&self.key(name)).await {
            Ok(Load::Entry { value, .. }) => Some(value),
            Ok(Load::Piece { piece, .. }) => Some(piece.value().clone()),
            Ok(Load::Miss | Load::Throttled) => None,
            Err(error) => {
                tracing::debug!(object = %name, %error, "disk cache read failed");
                None
            }
        }
    }

    /// The last check of a version, if it makes the version fresh under `fence`; else it has to be checked with the store.
    pub(super) fn known_check(
        &self,
        name: &ObjectName,
        etag: &ETag,
        fence: OwnershipFence,
        now: Timestamp,
    ) -> Option<VersionCheck> {
        let newest = self.newest.get(&hash_of(name));
        let newest = newest.filter(|newest| newest.fingerprint == fingerprint(name, etag));
        match newest {
            Some(NewestVersion { checked, .. }) => fence.accepts(checked, || now).then_some(checked),
            None => fence.accepts_unchecked().then(|| fence.check_at(now)),
        }
    }

    /// Caches the newest version of an object, if the write queue has room.
    pub(super) fn put(&self, name: &ObjectName, etag: &ETag, bytes: Bytes, checked: VersionCheck) {
        self.record_newest(name, etag, checked);
        let on_disk = DiskObject {
            etag: etag.clone(),
            bytes,
        };
        self.objects.storage_writer(self.key(name)).force().insert(on_disk);
    }

    /// Records that a version is the newest.
    pub(super) fn record_newest(&self, name: &ObjectName, etag: &ETag, checked: VersionCheck) {
        let newest = NewestVersion {
            fingerprint: fingerprint(name, etag),
            checked,
        };
        self.newest.insert(hash_of(name), newest);
    }

    /// Forgets which version of an object is the newest.
    pub(super) fn invalidate(&self, name: &ObjectName) {
        self.newest.remove(&hash_of(name));
    }

    /// Removes an object that is missing in the store.
    pub(super) fn remove(&self, name: &ObjectName) {
        self.invalidate(name);
        self.objects.storage().delete(&self.key(name));
    }

    /// Completes the pending writes, within [`CLOSE_TIMEOUT`].
    pub(crate) async fn close(&self) {
        match tokio::time::timeout(CLOSE_TIMEOUT, self.objects.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "closing the disk cache failed"),
            Err(_) => tracing::warn!("closing the disk cache timed out, its pending writes are lost"),
        }
    }

    fn key(&self, name: &ObjectName) -> Vec<u8> {
        [&self.scope[..], name.as_str().as_bytes()].concat()
    }
}

async fn open_objects(settings: &DiskSettings) -> Result<HybridCache<Vec<u8>, DiskObject>, FoyerError> {
    let block_size = settings.block_size();
    // A different block size is a different cache: a change of the tier's size may start with an empty one.
    let folder = settings.folder.join(format!("blocks-v1-{}m", block_size >> 20));
    let device = FsDeviceBuilder::new(folder)
        .with_capacity(usize_of(settings.size.as_bytes()))
        .build()?;
    HybridCacheBuilder::new()
        .with_policy(HybridCachePolicy::WriteOnInsertion)
        .memory(1) // the smallest: the warm store caches values in memory
        .with_shards(1)
        .storage()
        .with_engine_config(
            BlockEngineConfig::new(device)
                .with_block_size(usize_of(block_size))
                .with_buffer_pool_size(WRITE_QUEUE_SIZE)
                .with_submit_queue_size_threshold(WRITE_QUEUE_SIZE),
        )
        .with_recover_mode(RecoverMode::Quiet)
        .build()
        .await
}

fn usize_of(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Creates the folder if it is missing, and locks it for this process.
fn lock(folder: &Path) -> Result<File, String> {
    let path = folder.join("lock");
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let options = File::options().create(true).append(true).open(path);
    let file = options.map_err(|error| error.to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err("it is in use by another process: give each pod its own folder".to_owned())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error.to_string()),
    }
}

fn hash_of(name: &ObjectName) -> u64 {
    xxh64(name.as_str().as_bytes(), 0)
}

/// A hash of name and version: names whose [`hash_of`] collide still differ here.
fn fingerprint(name: &ObjectName, etag: &ETag) -> u64 {
    xxh64(etag.as_str().as_bytes(), xxh64(name.as_str().as_bytes(), 1))
}

impl Code for DiskObject {
    fn encode(&self, writer: &mut impl Write) -> Result<(), FoyerError> {
        self.etag.as_str().to_owned().encode(writer)?;
        self.bytes.encode(writer)
    }

    /// Called only on bytes with a valid checksum.
    fn decode(reader: &mut impl Read) -> Result<Self, FoyerError> {
        Ok(Self {
            etag: ETag::new(String::decode(reader)?),
            bytes: Bytes::decode(reader)?,
        })
    }

    fn estimated_size(&self) -> usize {
        2 * size_of::<u64>() + self.etag.as_str().len() + self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assignment::{Generation, Phase};
    use emberkeep_core::slicelet::Share;
    use tempfile::TempDir;

    use super::super::freshness::Freshness;
    use super::*;

    fn settings(folder: &TempDir) -> DiskSettings {
        DiskSettings {
            folder: folder.path().to_owned(),
            size: DiskSettings::SIZE_MIN,
        }
    }

    fn name(text: &str) -> ObjectName {
        ObjectName::new(text).unwrap()
    }

    fn etag(text: &str) -> ETag {
        ETag::new(text)
    }

    fn generation(number: i64) -> Generation {
        Generation::from_number(number).unwrap()
    }

    fn fence(freshness: Freshness) -> OwnershipFence {
        let share = Share {
            phase: Phase::Serving,
            serving_count: 1,
            epoch: generation(1),
            held_since: generation(1),
        };
        freshness.fence(&share, generation(1), Timestamp::ZERO)
    }

    const LATER: Timestamp = Timestamp::from_millis(60_000);

    fn check() -> VersionCheck {
        fence(Freshness::OwnerWrites).check_at(LATER)
    }

    #[tokio::test]
    async fn an_object_survives_a_restart_but_has_to_be_checked() {
        let folder = TempDir::new().unwrap();
        let (a, v1) = (name("t/a"), etag("\"1\""));
        let disk = DiskTier::open(&settings(&folder), "s3://state").await.unwrap();
        disk.put(&a, &v1, Bytes::from_static(b"one"), check());
        let knows = |disk: &DiskTier, freshness| disk.known_check(&a, &v1, fence(freshness), LATER);
        assert_eq!(knows(&disk, Freshness::OwnerWrites), Some(check()));
        disk.close().await;
        drop(disk);

        let disk = DiskTier::open(&settings(&folder), "s3://state").await.unwrap();
        let found = disk.get(&a).await.unwrap();
        assert_eq!((found.etag, &*found.bytes), (v1.clone(), &b"one"[..]));
        assert_eq!(knows(&disk, Freshness::OwnerWrites), None);
        assert!(knows(&disk, Freshness::Immutable).is_some());
    }

    #[tokio::test]
    async fn an_old_version_is_never_fresh() {
        let folder = TempDir::new().unwrap();
        let disk = DiskTier::open(&settings(&folder), "s3://state").await.unwrap();
        let (a, fence) = (name("t/a"), fence(Freshness::OwnerWrites));
        disk.put(&a, &etag("\"1\""), Bytes::from_static(b"one"), check());
        disk.record_newest(&a, &etag("\"2\""), check());
        assert_eq!(disk.known_check(&a, &etag("\"1\""), fence, LATER), None);
        assert!(disk.known_check(&a, &etag("\"2\""), fence, LATER).is_some());
        disk.invalidate(&a);
        assert_eq!(disk.known_check(&a, &etag("\"2\""), fence, LATER), None);
    }

    #[tokio::test]
    async fn stores_that_share_a_folder_do_not_mix_objects() {
        let folder = TempDir::new().unwrap();
        let a = name("t/a");
        let disk = DiskTier::open(&settings(&folder), "s3://state").await.unwrap();
        disk.put(&a, &etag("\"1\""), Bytes::from_static(b"one"), check());
        disk.close().await;
        drop(disk);
        let other = DiskTier::open(&settings(&folder), "s3://other").await.unwrap();
        assert_eq!(other.get(&a).await, None);
    }

    #[tokio::test]
    async fn a_folder_in_use_is_refused_and_named() {
        let folder = TempDir::new().unwrap();
        let _first = DiskTier::open(&settings(&folder), "s3://state").await.unwrap();
        let error = DiskTier::open(&settings(&folder), "s3://state").await.err().unwrap();
        let path = folder.path().display();
        assert_eq!(
            error.to_string(),
            format!("disk cache {path}: it is in use by another process: give each pod its own folder")
        );
    }

    #[tokio::test]
    async fn a_damaged_block_loses_objects_and_never_returns_a_wrong_one() {
        let folder = TempDir::new().unwrap();
        let disk = DiskTier::open(&settings(&folder), "s3://state").await.unwrap();
        let names: Vec<_> = (0..64).map(|number| name(&format!("t/{number}"))).collect();
        let bytes = |number: usize| Bytes::from(vec![number as u8; 20_000]);
        for (number, name) in names.iter().enumerate() {
            disk.put(name, &etag("\"1\""), bytes(number), check());
        }
        disk.close().await;
        drop(disk);
        damage_every_third_page(&folder.path().join("blocks-v1-16m"));

        let disk = DiskTier::open(&settings(&folder), "s3://state").await.unwrap();
        let mut found_count = 0;
        for (number, name) in names.iter().enumerate() {
            if let Some(found) = disk.get(name).await {
                assert_eq!(found.bytes, bytes(number));
                found_count += 1;
            }
        }
        assert!(found_count < names.len(), "some object was damaged");
    }

    fn damage_every_third_page(folder: &Path) {
        use std::os::unix::fs::FileExt;
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = File::options().write(true).open(entry.unwrap().path()).unwrap();
            for page in (7..400).step_by(3) {
                file.write_all_at(&[0xab; 100], page * PAGE_SIZE + 50).unwrap();
            }
        }
    }
}
