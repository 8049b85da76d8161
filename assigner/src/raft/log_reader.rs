//! Reads the log, the vote and the log positions.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;

use openraft::storage::RaftLogReader;
use openraft::{LogState, OptionalSend};
use redb::{AccessGuard, ReadableTable};
use serde::de::DeserializeOwned;

use super::codec::decode;
use super::disk::{Disk, LOG, META, TransactionError};
use super::type_config::{LogId, RaftEntry, TypeConfig, Vote};

/// Keys of the table [`META`].
pub(super) const VOTE: &str = "vote";
pub(super) const COMMITTED: &str = "committed";
pub(super) const PURGED: &str = "purged";

/// The target size of a batch of entries to another member, in bytes. The last entry may exceed it.
pub(super) const BATCH_BYTES: usize = 4 << 20;

/// A reader of one member's log; openraft has one for each of its tasks.
#[derive(Clone)]
pub(super) struct LogReader {
    disk: Disk,
}

impl LogReader {
    pub(super) fn new(disk: Disk) -> Self {
        Self { disk }
    }

    /// The last and the last purged position of the log.
    pub(super) async fn log_state(&self) -> io::Result<LogState<TypeConfig>> {
        self.disk
            .read(|view| {
                let purged: Option<LogId> = single(&view.open_table(META)?, PURGED)?;
                let last = view.open_table(LOG)?.last()?.map(entry).transpose()?;
                Ok(LogState {
                    last_log_id: last.map(|entry| entry.log_id).or(purged),
                    last_purged_log_id: purged,
                })
            })
            .await
    }

    /// The position of the last committed entry that was saved before the start.
    pub(super) async fn committed(&self) -> io::Result<Option<LogId>> {
        self.disk.read(|view| single(&view.open_table(META)?, COMMITTED)).await
    }

    /// Entries of `range` in order until their size reaches `budget` bytes; at least one, if the range has one.
    pub(super) async fn entries(&self, range: impl RangeBounds<u64>, budget: usize) -> io::Result<Vec<RaftEntry>> {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        self.disk
            .read(move |view| {
                let (mut entries, mut size) = (Vec::new(), 0);
                for row in view.open_table(LOG)?.range(range)? {
                    let (index, bytes) = row?;
                    size += bytes.value().len();
                    entries.push(entry((index, bytes))?);
                    if size >= budget {
                        break;
                    }
                }
                Ok(entries)
            })
            .await
    }
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<RaftEntry>> {
        self.entries(range, usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<RaftEntry>> {
        self.entries(start..end, BATCH_BYTES).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.disk.read(|view| single(&view.open_table(META)?, VOTE)).await
    }
}

/// The value of that key, if it was ever set.
fn single<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &'static str,
) -> Result<Option<T>, TransactionError> {
    let bytes = table.get(name)?;
    Ok(bytes.map(|bytes| decode(bytes.value())).transpose()?)
}

fn entry((_, bytes): (AccessGuard<'_, u64>, AccessGuard<'_, &'static [u8]>)) -> io::Result<RaftEntry> {
    decode(bytes.value())
}
