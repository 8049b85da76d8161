//! A store with a bad habit.

use std::time::Duration;

use bytes::Bytes;
use emberkeep_slicelet::{Store, StoreError};
use emberkeep_store::{ETag, Expect, NameRange, ObjectName, ObjectStore, Page, Read};

#[derive(Debug)]
pub(crate) struct OddStore {
    store: Store,
    habit: Habit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// It writes whatever it is told to, whatever is there.
    IgnoresConditions,
    /// Someone else writes each key's object just before.
    IsBeaten,
    /// It writes, but does not say so in time.
    FallsSilent,
}

impl OddStore {
    pub(crate) fn open(store: &Store, habit: Habit) -> Store {
        Store::new(Self {
            store: store.clone(),
            habit,
        })
    }
}

#[tonic::async_trait]
impl ObjectStore for OddStore {
    async fn get(&self, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        self.store.get(name, unless).await
    }

    async fn put(&self, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        match self.habit {
            Habit::IgnoresConditions => self.store.put(name, bytes, Expect::Anything).await,
            Habit::IsBeaten if name.as_str().starts_with("numbers/") => {
                let other = match self.store.get(name, None).await? {
                    Read::Found(object) => [&object.bytes[..], b"0"].concat().into(),
                    Read::Missing | Read::NotModified => Bytes::from_static(b"1"),
                };
                self.store.put(name, other, Expect::Anything).await?;
                self.store.put(name, bytes, expect).await
            }
            Habit::FallsSilent if name.as_str().starts_with("numbers/") => {
                self.store.put(name, bytes, expect).await?;
                Err(StoreError::Timeout {
                    place: self.place().to_owned(),
                    after: Duration::from_secs(1),
                })
            }
            Habit::IsBeaten | Habit::FallsSilent => self.store.put(name, bytes, expect).await,
        }
    }

    async fn list(&self, range: &NameRange, count_max: usize) -> Result<Page, StoreError> {
        self.store.list(range, count_max).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.store.delete(name).await
    }

    fn place(&self) -> &str {
        self.store.place()
    }
}
