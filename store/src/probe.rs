//! Checks of a store at startup: reachable, accessible, and conditional writes honoured.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{ETag, Expect, NameRange, ObjectName, ObjectStore, StoreError};

/// Bounds each step of a check: startup waits for it, and the retries against a silent server would take a minute or more.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// One cheap request (a listing of one name) that fails if the store is missing or denies access.
pub(crate) async fn check(store: &dyn ObjectStore) -> Result<(), StoreError> {
    within_time(store, store.list(&NameRange::all(), 1)).await.map(drop)
}

/// Tests conditional writes on a temporary object, which is deleted whatever the outcome.
pub(crate) async fn require_conditional_writes(store: &dyn ObjectStore) -> Result<(), StoreError> {
    let name = ObjectName::new(format!("probe/{}", Uuid::new_v4())).expect("a UUID holds plain characters only");
    let verdict = within_time(store, try_conditions(store, &name)).await;
    let removed = within_time(store, store.delete(&name)).await;
    verdict.and(removed)
}

async fn within_time<T>(
    store: &dyn ObjectStore,
    step: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(CHECK_TIMEOUT, step).await.unwrap_or_else(|_| {
        Err(StoreError::Timeout {
            location: store.location().to_owned(),
            after: CHECK_TIMEOUT,
        })
    })
}

async fn try_conditions(store: &dyn ObjectStore, name: &ObjectName) -> Result<(), StoreError> {
    store.put(name, Bytes::from_static(b"first"), Expect::Absent).await?;
    let wrong = ETag::new("\"00000000000000000000000000000000\"");
    must_fail(store, name, Expect::Absent, "it created an object twice").await?;
    must_fail(store, name, Expect::Matches(wrong), "it overwrote another version").await
}

async fn must_fail(store: &dyn ObjectStore, name: &ObjectName, expect: Expect, fault: &str) -> Result<(), StoreError> {
    match store.put(name, Bytes::from_static(b"second"), expect).await {
        // No other writer knows the object, so an unknown outcome after a lost reply is a rejection as well.
        Err(StoreError::PreconditionFailed { .. } | StoreError::Undecided { .. }) => Ok(()),
        Ok(_) => Err(StoreError::NoConditionalWrites {
            location: store.location().to_owned(),
            reason: fault.to_owned(),
        }),
        Err(other) => Err(other),
    }
}
