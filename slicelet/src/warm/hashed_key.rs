//! Keys of the warm store: an application key or a path, with its hash, computed once.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use emberkeep_core::keyspace::{KeyTooLong, SliceKey};
use emberkeep_core::target::KeyMode;
use quick_cache::Equivalent;
use smallvec::SmallVec;

/// The key of a request, borrowed, with its hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HashedKey<'a> {
    bytes: &'a [u8],
    /// The XXH64 of an application key.
    hash: u64,
    kind: KeyKind,
}

/// The key of an entry: an owned [`HashedKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WarmKey {
    /// Keys of up to 40 bytes are stored inline: comparing them touches no other memory.
    bytes: SmallVec<[u8; 40]>,
    hash: u64,
    kind: KeyKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Application,
    Path,
}

impl<'a> HashedKey<'a> {
    /// Fails if the key exceeds the length limit of application keys.
    #[inline]
    pub(crate) fn try_new(bytes: &'a [u8]) -> Result<Self, KeyTooLong> {
        let hash = SliceKey::of(bytes, KeyMode::Hashed)?.position();
        Ok(Self {
            bytes,
            hash,
            kind: KeyKind::Application,
        })
    }

    /// The key of an object by path, which belongs to no slice.
    pub(super) fn of_path(path: &'a str) -> Self {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        Self {
            bytes: path.as_bytes(),
            hash: hasher.finish(),
            kind: KeyKind::Path,
        }
    }

    /// The slice key. In hashed mode it is the hash, so nothing is computed.
    #[inline]
    pub(crate) fn slice_key(&self, mode: KeyMode) -> SliceKey {
        match mode {
            KeyMode::Hashed => SliceKey::from_position(self.hash),
            KeyMode::Ordered => SliceKey::of(self.bytes, mode).expect("the length was checked by try_new"),
        }
    }

    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The hash of the key's bytes.
    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn to_warm(self) -> WarmKey {
        WarmKey {
            bytes: SmallVec::from_slice(self.bytes),
            hash: self.hash,
            kind: self.kind,
        }
    }
}

impl WarmKey {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn as_hashed(&self) -> HashedKey<'_> {
        HashedKey {
            bytes: &self.bytes,
            hash: self.hash,
            kind: self.kind,
        }
    }

    /// Heap memory used by the key, in bytes.
    pub(super) fn heap_size(&self) -> usize {
        if self.bytes.spilled() { self.bytes.capacity() } else { 0 }
    }
}

impl Hash for HashedKey<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Hash for WarmKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<WarmKey> for HashedKey<'_> {
    #[inline]
    fn equivalent(&self, key: &WarmKey) -> bool {
        self.hash == key.hash && self.kind == key.kind && *self.bytes == *key.bytes
    }
}

/// Hashes keys to their stored hash.
pub(super) type HashedOnce = BuildHasherDefault<PassThrough>;

/// Returns the one number written to it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PassThrough(u64);

impl Hasher for PassThrough {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys write one `u64`. Any other input is folded in, so that equal inputs still hash alike.
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
