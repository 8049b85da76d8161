//! A store that breaks one promise.

use std::time::Duration;

use bytes::Bytes;
use emberkeep_store::{ETag, Expect, ObjectName, Read, Store, StoreError};

use crate::store_decorator::StoreDecorator;

/// The promise that writes break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// A conditional write is carried out even if its condition is not met.
    IgnoresConditions,
    /// Before each write, another writer appends a zero to the object, or creates it as `1`.
    WritesFirst,
    /// A write is carried out and then reported as timed out.
    LosesReplies,
}

/// A store with a fault in all writes below a prefix.
#[derive(Debug)]
pub struct FaultyStore {
    fault: StoreFault,
    prefix: &'static str,
}

impl FaultyStore {
    /// Injects `fault` into writes of objects whose names begin with `prefix`.
    pub fn below(prefix: &'static str, fault: StoreFault) -> Self {
        Self { fault, prefix }
    }
}

#[tonic::async_trait]
impl StoreDecorator for FaultyStore {
    async fn put(&self, inner: &Store, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        if !name.as_str().starts_with(self.prefix) {
            return inner.put(name, bytes, expect).await;
        }
        match self.fault {
            StoreFault::IgnoresConditions => inner.put(name, bytes, Expect::Anything).await,
            StoreFault::WritesFirst => {
                let other = match inner.get(name, None).await? {
                    Read::Found(object) => [&object.bytes[..], b"0"].concat().into(),
                    Read::Missing | Read::NotModified => Bytes::from_static(b"1"),
                };
                inner.put(name, other, Expect::Anything).await?;
                inner.put(name, bytes, expect).await
            }
            StoreFault::LosesReplies => {
                inner.put(name, bytes, expect).await?;
                Err(StoreError::Timeout {
                    location: inner.location().to_owned(),
                    after: Duration::from_secs(1),
                })
            }
        }
    }
}
