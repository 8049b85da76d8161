//! Log, vote and committed pointer on disk.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;

use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::{LogState, OptionalSend};
use redb::{AccessGuard, ReadableTable};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{decode, encode};
use super::disk::{Disk, LOG, META};
use super::type_config::{Entry, LogId, TypeConfig, Vote};

const VOTE: &str = "vote";
const COMMITTED: &str = "committed";
const PURGED: &str = "purged";

/// About how many bytes of entries one message to another member carries.
pub(super) const BATCH_BYTES: usize = 4 << 20;

/// The log of one member, and its own reader: clones see the same file.
#[derive(Clone)]
pub(super) struct LogStore {
    disk: Disk,
}

impl LogStore {
    pub(super) fn new(disk: Disk) -> Self {
        Self { disk }
    }

    async fn meta<T: DeserializeOwned + Send + 'static>(&self, name: &'static str) -> io::Result<Option<T>> {
        self.disk
            .read(move |view| {
                let table = view.open_table(META)?;
                let Some(bytes) = table.get(name)? else {
                    return Ok(None);
                };
                Ok(Some(decode(bytes.value())?))
            })
            .await
    }

    /// Entries of `range` in order, until their bytes reach `budget`; at least one, if there is one.
    async fn entries(&self, range: impl RangeBounds<u64>, budget: usize) -> io::Result<Vec<Entry>> {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        self.disk
            .read(move |view| {
                let (mut entries, mut taken) = (Vec::new(), 0);
                for row in view.open_table(LOG)?.range(range)? {
                    let (_, bytes) = row?;
                    entries.push(decode(bytes.value())?);
                    taken += bytes.value().len();
                    if taken >= budget {
                        break;
                    }
                }
                Ok(entries)
            })
            .await
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        self.entries(range, usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.entries(start..end, BATCH_BYTES).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.meta(VOTE).await
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        self.disk
            .read(|view| {
                let meta = view.open_table(META)?;
                let purged: Option<LogId> = meta.get(PURGED)?.map(|bytes| decode(bytes.value())).transpose()?;
                let last: Option<Entry> = view.open_table(LOG)?.last()?.map(entry).transpose()?;
                Ok(LogState {
                    last_log_id: last.map(|entry| entry.log_id).or(purged),
                    last_purged_log_id: purged,
                })
            })
            .await
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let row = meta_row(VOTE, vote)?;
        self.disk.write(row).await
    }

    /// Lasts from the next entry or vote on: losing it to a crash costs a look at the leader, never an entry.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let row = meta_row(COMMITTED, &committed)?;
        self.disk.write_later(row).await
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.meta(COMMITTED).await?.flatten())
    }

    /// Returns, and calls back, when the entries are on disk. Changes that arrive meanwhile make the next batch.
    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let rows = entries
            .into_iter()
            .map(|entry| Ok((entry.log_id.index, encode(&entry)?)))
            .collect::<io::Result<Vec<_>>>()?;
        self.disk
            .write(move |transaction| {
                let mut log = transaction.open_table(LOG)?;
                for (index, bytes) in &rows {
                    log.insert(index, bytes.as_slice())?;
                }
                Ok(())
            })
            .await?;
        flushed.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let first = last.map_or(0, |last| last.index + 1);
        self.disk
            .write(move |transaction| {
                transaction.open_table(LOG)?.retain_in(first.., |_, _| false)?;
                Ok(())
            })
            .await
    }

    async fn purge(&mut self, last: LogId) -> io::Result<()> {
        let purged = meta_row(PURGED, &last)?;
        self.disk
            .write(move |transaction| {
                transaction.open_table(LOG)?.retain_in(..=last.index, |_, _| false)?;
                purged(transaction)
            })
            .await
    }
}

/// The transaction that sets one named value.
fn meta_row<T: Serialize>(
    name: &'static str,
    value: &T,
) -> io::Result<impl FnOnce(&redb::WriteTransaction) -> Result<(), super::disk::Failure> + Send + use<T>> {
    let bytes = encode(value)?;
    Ok(move |transaction: &redb::WriteTransaction| {
        transaction.open_table(META)?.insert(name, bytes.as_slice())?;
        Ok(())
    })
}

fn entry((_, bytes): (AccessGuard<'_, u64>, AccessGuard<'_, &'static [u8]>)) -> io::Result<Entry> {
    decode(bytes.value())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;

    use openraft::impls::leader_id_adv::LeaderId;
    use openraft::storage::RaftLogStorageExt;
    use openraft::testing::log::{StoreBuilder, Suite};
    use openraft::{EntryPayload, RaftLogReader, StorageError};
    use tempfile::TempDir;
    use tokio::sync::watch;
    use tokio_util::task::TaskTracker;

    use super::super::snapshot_store::SnapshotStore;
    use super::super::state_machine::StateMachine;
    use super::super::testbed::change;
    use super::super::type_config::Proposal;
    use super::*;

    async fn open(folder: &Path) -> Disk {
        Disk::open(folder, 1, &TaskTracker::new()).await.unwrap()
    }

    struct EmptyFolders;

    impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for EmptyFolders {
        async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<TypeConfig>> {
            let folder = tempfile::tempdir().unwrap();
            let disk = open(folder.path()).await;
            let (readers, _) = watch::channel(Arc::default());
            let state = StateMachine::new(SnapshotStore::new(disk.clone()), readers);
            Ok((folder, LogStore::new(disk), state))
        }
    }

    #[tokio::test]
    async fn the_store_keeps_all_that_openraft_demands() {
        Suite::test_all(EmptyFolders).await.unwrap();
    }

    #[tokio::test]
    async fn a_batch_for_another_member_ends_when_it_is_full_but_is_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogStore::new(open(folder.path()).await);
        log.blocking_append((0..3).map(numbered)).await.unwrap();
        assert_eq!(log.entries(0..3, 1).await.unwrap(), [numbered(0)]);
        assert_eq!(log.entries(1..3, usize::MAX).await.unwrap(), [numbered(1), numbered(2)]);
        assert_eq!(log.limited_get_log_entries(0, 3).await.unwrap().len(), 3);
    }

    const CHILD: &str = "raft::log_store::tests::a_child_that_appends_until_it_is_killed";
    const CHILD_FOLDER: &str = "EMBERKEEP_TEST_RAFT_FOLDER";
    const ROUND_COUNT: u64 = 10;

    /// Kills a writing process ten times, each time after another number of acknowledgements, on the same folder.
    #[test]
    fn what_was_acknowledged_survives_kill_9_in_the_middle_of_writes() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut next = 0;
        for round in 0..ROUND_COUNT {
            let acknowledged = killed_after(20 + (round * 7919) % 61, folder.path());
            let entries =
                runtime.block_on(async { LogStore::new(open(folder.path()).await).entries(.., usize::MAX).await });
            let indexes: Vec<u64> = entries.unwrap().iter().map(|entry| entry.log_id.index).collect();
            assert_eq!(
                indexes,
                (0..indexes.len() as u64).collect::<Vec<_>>(),
                "a hole in round {round}"
            );
            assert!(acknowledged >= next, "round {round} went on from the log it found");
            assert!(
                indexes.last() >= Some(&acknowledged),
                "round {round} lost acknowledged entries"
            );
            next = indexes.len() as u64;
        }
    }

    /// Starts a child on `folder`, kills it after `count` acknowledgements, and answers the last one it gave.
    fn killed_after(count: u64, folder: &Path) -> u64 {
        let mut child = spawn_child(folder);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let indexes = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("on disk: ")?.parse().ok());
        let mut last = None;
        for (seen, index) in (1..).zip(indexes) {
            last = Some(index);
            if seen == count {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        last.expect("the child acknowledges entries")
    }

    fn spawn_child(folder: &Path) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args([CHILD, "--exact", "--ignored"])
            .env(CHILD_FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Ends by itself when nobody reads what it says any more.
    #[tokio::test]
    #[ignore = "the child process of another test"]
    async fn a_child_that_appends_until_it_is_killed() {
        let Some(folder) = std::env::var_os(CHILD_FOLDER) else {
            return;
        };
        let mut log = LogStore::new(open(Path::new(&folder)).await);
        let mut next = log
            .get_log_state()
            .await
            .unwrap()
            .last_log_id
            .map_or(0, |last| last.index + 1);
        loop {
            let batch_end = next + 1 + next % 5;
            log.blocking_append((next..batch_end).map(numbered)).await.unwrap();
            writeln!(io::stdout(), "on disk: {}", batch_end - 1).unwrap();
            next = batch_end;
        }
    }

    fn numbered(index: u64) -> Entry {
        Entry {
            log_id: LogId::new(LeaderId { term: 1, node_id: 1 }, index),
            payload: EntryPayload::Normal(Proposal(change(index))),
        }
    }
}
