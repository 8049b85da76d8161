//! Syncs appended entries to disk: one fsync for all waiting appends, while further entries are appended.

use std::io;

use openraft::storage::IOFlushed;
use tokio::sync::mpsc;

use super::disk::Disk;
use super::type_config::TypeConfig;

/// The most appends that wait for an fsync; the next append waits until there is room.
const WAITING_MAX: usize = 1_024;

/// The handle of the flush task, which ends when the handle is dropped.
pub(super) struct Flusher {
    waiting: mpsc::Sender<IOFlushed<TypeConfig>>,
}

impl Flusher {
    pub(super) fn spawn(disk: Disk) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING_MAX);
        tokio::spawn(flush_forever(disk, queue));
        Self { waiting }
    }

    /// Queues a callback for after the next fsync, which covers everything written so far. Callbacks keep their order.
    pub(super) async fn notify_flushed(&self, flushed: IOFlushed<TypeConfig>) -> io::Result<()> {
        let queued = self.waiting.send(flushed).await;
        queued.map_err(|_| io::Error::other("the flush task has ended"))
    }
}

async fn flush_forever(disk: Disk, mut queue: mpsc::Receiver<IOFlushed<TypeConfig>>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        let outcome = disk.sync().await;
        for flushed in waiting.drain(..) {
            flushed.io_completed(cloned(&outcome));
        }
    }
}

fn cloned(outcome: &io::Result<()>) -> io::Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}
