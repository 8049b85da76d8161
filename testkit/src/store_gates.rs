//! A store whose reads and writes wait at gates, which the test opens and closes.

use bytes::Bytes;
use emberkeep_store::{ETag, Expect, ObjectName, Read, Store, StoreError};
use tokio::sync::watch;

use crate::deadline::soon;
use crate::store_decorator::StoreDecorator;

/// Operations wait here while it is closed. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct StoreGate {
    is_open: watch::Sender<bool>,
    /// The number of operations that have arrived, including waiting ones.
    arrival_count: watch::Sender<usize>,
}

impl StoreGate {
    /// A gate that is open.
    pub fn opened() -> Self {
        Self::new(true)
    }

    /// A gate that is closed.
    pub fn closed() -> Self {
        Self::new(false)
    }

    fn new(is_open: bool) -> Self {
        Self {
            is_open: watch::Sender::new(is_open),
            arrival_count: watch::Sender::new(0),
        }
    }

    /// Opens the gate: operations that wait or arrive pass.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Closes the gate: operations that arrive from now on wait.
    pub fn close(&self) {
        self.is_open.send_replace(false);
    }

    /// Waits until `count` operations have arrived.
    pub async fn arrivals(&self, count: usize) {
        let mut arrival_count = self.arrival_count.subscribe();
        let arrived = soon(arrival_count.wait_for(|arrived| *arrived >= count)).await;
        arrived.expect("the gate keeps the count");
    }

    async fn pass(&self) {
        self.arrival_count.send_modify(|count| *count += 1);
        let mut is_open = self.is_open.subscribe();
        let opened = is_open.wait_for(|is_open| *is_open).await;
        opened.expect("the gate exists");
    }
}

/// Reads wait at one gate and writes at another; listings and deletes pass.
#[derive(Debug)]
pub struct StoreGates {
    /// Reads wait here before they reach the store.
    pub reads: StoreGate,
    /// Writes wait here before they reach the store.
    pub writes: StoreGate,
}

#[tonic::async_trait]
impl StoreDecorator for StoreGates {
    async fn get(&self, inner: &Store, name: &ObjectName, unless: Option<&ETag>) -> Result<Read, StoreError> {
        self.reads.pass().await;
        inner.get(name, unless).await
    }

    async fn put(&self, inner: &Store, name: &ObjectName, bytes: Bytes, expect: Expect) -> Result<ETag, StoreError> {
        self.writes.pass().await;
        inner.put(name, bytes, expect).await
    }
}
