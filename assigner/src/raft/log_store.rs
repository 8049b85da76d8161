//! Writes the log, the vote and the log positions.

use std::io;

use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend};
use redb::WriteTransaction;

use super::codec::encode;
use super::disk::{Disk, LOG, META, TransactionError};
use super::flusher::Flusher;
use super::log_reader::{COMMITTED, LogReader, PURGED, VOTE};
use super::type_config::{LogId, RaftEntry, TypeConfig, Vote};

/// The log of one member. openraft calls it from one task, and counts an entry only after its flush callback.
pub(super) struct LogStore {
    disk: Disk,
    reader: LogReader,
    flusher: Flusher,
    /// The committed position to write with the next entries; `None` if the one on disk is current.
    committed: Option<LogId>,
}

impl LogStore {
    /// The log on `disk`, with its flush task.
    pub(super) fn spawn(disk: Disk) -> Self {
        Self {
            reader: LogReader::new(disk.clone()),
            flusher: Flusher::spawn(disk.clone()),
            disk,
            committed: None,
        }
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        self.reader.log_state().await
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.reader.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let bytes = encode(vote)?;
        self.disk.write(move |transaction| set(transaction, VOTE, &bytes)).await
    }

    /// Deferred to the next append: a crash before that loses only the position, which the leader sends again, never an
    /// entry.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        match self.committed {
            Some(committed) => Ok(Some(committed)),
            None => self.reader.committed().await,
        }
    }

    /// Returns when the entries are readable, so that they are replicated while the fsync of this member is running.
    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let rows = entries.into_iter().map(row).collect::<io::Result<Vec<_>>>()?;
        let committed = self.committed.take().map(|committed| encode(&committed)).transpose()?;
        let insert = move |transaction: &WriteTransaction| {
            let mut log = transaction.open_table(LOG)?;
            for (index, bytes) in &rows {
                log.insert(index, bytes.as_slice())?;
            }
            committed.map_or(Ok(()), |bytes| set(transaction, COMMITTED, &bytes))
        };
        self.disk.write_unsynced(insert).await?;
        self.flusher.notify_flushed(flushed).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let first = last.map_or(0, |last| last.index + 1);
        let truncate = move |transaction: &WriteTransaction| {
            transaction.open_table(LOG)?.retain_in(first.., |_, _| false)?;
            Ok(())
        };
        self.disk.write(truncate).await
    }

    async fn purge(&mut self, last: LogId) -> io::Result<()> {
        let bytes = encode(&last)?;
        let purge = move |transaction: &WriteTransaction| {
            transaction.open_table(LOG)?.retain_in(..=last.index, |_, _| false)?;
            set(transaction, PURGED, &bytes)
        };
        self.disk.write(purge).await
    }
}

fn row(entry: RaftEntry) -> io::Result<(u64, Vec<u8>)> {
    Ok((entry.log_id.index, encode(&entry)?))
}

fn set(transaction: &WriteTransaction, name: &'static str, bytes: &[u8]) -> Result<(), TransactionError> {
    transaction.open_table(META)?.insert(name, bytes)?;
    Ok(())
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
    use super::super::test_cluster::{change, unread_meters};
    use super::super::type_config::ProposedChange;
    use super::*;

    async fn open(folder: &Path) -> Disk {
        Disk::open(folder, 1, &TaskTracker::new(), &unread_meters())
            .await
            .unwrap()
    }

    struct EmptyFolders;

    impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for EmptyFolders {
        async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<TypeConfig>> {
            let folder = tempfile::tempdir().unwrap();
            let disk = open(folder.path()).await;
            let (readers, _) = watch::channel(Arc::default());
            let state = StateMachine::new(SnapshotStore::new(disk.clone(), &unread_meters()), readers);
            Ok((folder, LogStore::spawn(disk), state))
        }
    }

    #[tokio::test]
    async fn the_store_passes_the_suite_of_openraft() {
        Suite::test_all(EmptyFolders).await.unwrap();
    }

    #[tokio::test]
    async fn a_batch_ends_at_its_size_but_is_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogStore::spawn(open(folder.path()).await);
        log.blocking_append((0..3).map(numbered)).await.unwrap();
        let mut reader = log.get_log_reader().await;
        assert_eq!(reader.entries(0..3, 1).await.unwrap(), [numbered(0)]);
        assert_eq!(
            reader.entries(1..3, usize::MAX).await.unwrap(),
            [numbered(1), numbered(2)]
        );
        assert_eq!(reader.limited_get_log_entries(0, 3).await.unwrap().len(), 3);
    }

    const CHILD: &str = "raft::log_store::tests::a_child_that_appends_until_it_is_killed";
    const CHILD_FOLDER: &str = "EMBERKEEP_TEST_RAFT_FOLDER";
    const ROUND_COUNT: u64 = 10;

    /// Kills a writing process on the same folder ten times, each time after a different number of acknowledgements.
    #[test]
    fn acknowledged_entries_survive_kill_9_during_writes() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut next = 0;
        for round in 0..ROUND_COUNT {
            let acknowledged = killed_after(20 + (round * 7919) % 61, folder.path());
            let entries =
                runtime.block_on(async { LogReader::new(open(folder.path()).await).entries(.., usize::MAX).await });
            let indexes: Vec<u64> = entries.unwrap().iter().map(|entry| entry.log_id.index).collect();
            assert_eq!(
                indexes,
                (0..indexes.len() as u64).collect::<Vec<_>>(),
                "round {round} left a gap in the log"
            );
            assert!(acknowledged >= next, "round {round} did not continue the log");
            assert!(
                indexes.last() >= Some(&acknowledged),
                "round {round} lost acknowledged entries"
            );
            next = indexes.len() as u64;
        }
    }

    /// Starts a child on `folder`, kills it after `count` acknowledgements, and returns the index of the last one.
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

    /// Ends with a write error once its parent has closed the pipe.
    #[tokio::test]
    #[ignore = "the child process of another test"]
    async fn a_child_that_appends_until_it_is_killed() {
        let Some(folder) = std::env::var_os(CHILD_FOLDER) else {
            return;
        };
        let mut log = LogStore::spawn(open(Path::new(&folder)).await);
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

    fn numbered(index: u64) -> RaftEntry {
        RaftEntry {
            log_id: LogId::new(LeaderId { term: 1, node_id: 1 }, index),
            payload: EntryPayload::Normal(ProposedChange(change(index))),
        }
    }
}
