//! Makes appended entries last: one fsync for all that wait for it, while more are appended.

use std::io;

use openraft::storage::IOFlushed;
use tokio::sync::mpsc;

use super::disk::Disk;
use super::type_config::TypeConfig;

/// How many appends may wait for one fsync; the next one waits until there is room.
const WAITING_MAX: usize = 1_024;

/// A task that ends when its log store is dropped.
pub(super) struct Flusher {
    waiting: mpsc::Sender<IOFlushed<TypeConfig>>,
}

impl Flusher {
    pub(super) fn spawn(disk: Disk) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING_MAX);
        tokio::spawn(flush_forever(disk, queue));
        Self { waiting }
    }

    /// Calls back, in the order of the calls, once all that is written by now is on disk.
    pub(super) async fn call_back(&self, flushed: IOFlushed<TypeConfig>) -> io::Result<()> {
        let queued = self.waiting.send(flushed).await;
        queued.map_err(|_| io::Error::other("the flusher has ended"))
    }
}

async fn flush_forever(disk: Disk, mut queue: mpsc::Receiver<IOFlushed<TypeConfig>>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        let outcome = disk.sync().await;
        for flushed in waiting.drain(..) {
            flushed.io_completed(copied(&outcome));
        }
    }
}

fn copied(outcome: &io::Result<()>) -> io::Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}
