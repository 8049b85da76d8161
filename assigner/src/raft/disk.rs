//! The data file of a member: `raft.redb`, with its log, vote and last snapshot.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus::Histogram;
use redb::{
    Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};
use tokio_util::task::task_tracker::{TaskTracker, TaskTrackerToken};

use super::error::RaftError;
use super::member_id::MemberId;
use super::meters::RaftMeters;

/// The format of the tables that this build reads and writes. Any change of their content needs a new number.
pub(super) const FORMAT: u32 = 2;

/// The name of the data file in the folder of a member.
pub(super) const FILE_NAME: &str = "raft.redb";

/// Single values by name, in postcard.
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// Log entries by index, in postcard.
pub(super) const LOG: TableDefinition<u64, &[u8]> = TableDefinition::new("log");
/// The format and owner of the folder. Plain numbers, not postcard, so that every build can read them.
const LABEL: TableDefinition<&str, u64> = TableDefinition::new("label");

/// The log is small, and mostly recent entries are read; redb's default cache is a gigabyte.
const CACHE_BYTES: usize = 16 << 20;

/// The error of a transaction. Of mixed types, since callers only report it.
pub(super) type TransactionError = Box<dyn Error + Send + Sync>;

/// The open file. Clones share it; it is closed when the last one is dropped.
#[derive(Clone)]
pub(super) struct Disk {
    file: Arc<OpenFile>,
}

struct OpenFile {
    database: Database,
    /// The duration of transactions that end with an fsync.
    fsync_seconds: Histogram,
    /// Declared after the database, so that it is dropped after the file is closed.
    _open: TaskTrackerToken,
}

impl Disk {
    /// Opens or creates the file of `member` in `folder`. `users` tracks the open file, and is empty once it is closed.
    pub(super) async fn open(
        folder: &Path,
        member: MemberId,
        users: &TaskTracker,
        meters: &RaftMeters,
    ) -> Result<Self, RaftError> {
        let (folder, open) = (folder.to_owned(), users.token());
        let fsync_seconds = meters.fsync_seconds.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let database = open_labelled(&folder, member)?;
            Ok(Self {
                file: Arc::new(OpenFile {
                    database,
                    fsync_seconds,
                    _open: open,
                }),
            })
        });
        opened.await.unwrap_or_else(|panicked| {
            Err(RaftError::NotStarted {
                reason: panicked.to_string(),
            })
        })
    }

    /// Runs a transaction and returns after its fsync.
    pub(super) async fn write<T, F>(&self, change: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&WriteTransaction) -> Result<T, TransactionError> + Send + 'static,
    {
        let _timer = self.file.fsync_seconds.start_timer();
        self.commit(Durability::Immediate, change).await
    }

    /// Runs a transaction without fsync: it is visible to every reader, but a crash before the next [`Disk::write`] or
    /// [`Disk::sync`] may undo it.
    pub(super) async fn write_unsynced<F>(&self, change: F) -> io::Result<()>
    where
        F: FnOnce(&WriteTransaction) -> Result<(), TransactionError> + Send + 'static,
    {
        self.commit(Durability::None, change).await
    }

    /// Syncs all earlier transactions to disk.
    pub(super) async fn sync(&self) -> io::Result<()> {
        self.write(|_| Ok(())).await
    }

    async fn commit<T, F>(&self, durability: Durability, change: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&WriteTransaction) -> Result<T, TransactionError> + Send + 'static,
    {
        self.blocking(move |database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(durability)?;
            let outcome = change(&transaction)?;
            transaction.commit()?;
            Ok(outcome)
        })
        .await
    }

    /// Runs a read transaction: one consistent snapshot of the tables.
    pub(super) async fn read<T, F>(&self, view: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&ReadTransaction) -> Result<T, TransactionError> + Send + 'static,
    {
        self.blocking(move |database| view(&database.begin_read()?)).await
    }

    async fn blocking<T, F>(&self, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Database) -> Result<T, TransactionError> + Send + 'static,
    {
        let file = Arc::clone(&self.file);
        match tokio::task::spawn_blocking(move || work(&file.database)).await {
            Ok(outcome) => outcome.map_err(io::Error::other),
            Err(panicked) => Err(io::Error::other(panicked)),
        }
    }
}

fn open_labelled(folder: &Path, member: MemberId) -> Result<Database, RaftError> {
    std::fs::create_dir_all(folder).map_err(|source| RaftError::Folder {
        folder: folder.to_owned(),
        source,
    })?;
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create(folder.join(FILE_NAME))
        .map_err(|error| not_opened(folder.to_owned(), error))?;
    let damaged = |failure| RaftError::Damaged {
        folder: folder.to_owned(),
        source: io::Error::other(failure),
    };
    // The label is checked before any other table is touched.
    let label = label(&database, member).map_err(damaged)?;
    label.check(folder, member)?;
    create_tables(&database).map_err(damaged)?;
    Ok(database)
}

fn not_opened(folder: PathBuf, error: DatabaseError) -> RaftError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => RaftError::Locked { folder },
        DatabaseError::UpgradeRequired(version) => RaftError::Format {
            folder,
            found: format!("redb-{version}"),
            expected: FORMAT,
        },
        DatabaseError::Storage(redb::StorageError::Io(source)) if source.kind() != io::ErrorKind::InvalidData => {
            RaftError::Folder { folder, source }
        }
        other => RaftError::Damaged {
            folder,
            source: io::Error::other(other),
        },
    }
}

/// The format and the owner of a data folder.
struct Label {
    format: u64,
    member: MemberId,
}

/// The label of the folder; a new folder is labelled first.
fn label(database: &Database, member: MemberId) -> Result<Label, TransactionError> {
    let transaction = database.begin_write()?;
    let label = labelled(&mut transaction.open_table(LABEL)?, member)?;
    transaction.commit()?;
    Ok(label)
}

fn labelled(table: &mut Table<'_, &str, u64>, member: MemberId) -> Result<Label, TransactionError> {
    if table.get("format")?.is_none() {
        table.insert("format", u64::from(FORMAT))?;
        table.insert("member", member)?;
    }
    let number = |name| Ok::<_, TransactionError>(table.get(name)?.map_or(0, |number| number.value()));
    Ok(Label {
        format: number("format")?,
        member: number("member")?,
    })
}

/// Creates the tables, so that readers can rely on them.
fn create_tables(database: &Database) -> Result<(), TransactionError> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?;
    transaction.open_table(LOG)?;
    transaction.commit()?;
    Ok(())
}

impl Label {
    fn check(&self, folder: &Path, member: MemberId) -> Result<(), RaftError> {
        let folder = folder.to_owned();
        if self.format != u64::from(FORMAT) {
            return Err(RaftError::Format {
                folder,
                found: self.format.to_string(),
                expected: FORMAT,
            });
        }
        if self.member != member {
            return Err(RaftError::OtherMember {
                folder,
                found: self.member,
                expected: member,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_cluster::unread_meters;
    use super::*;

    async fn open(folder: &Path, member: MemberId) -> Result<Disk, RaftError> {
        Disk::open(folder, member, &TaskTracker::new(), &unread_meters()).await
    }

    async fn error_of(folder: &Path, member: MemberId) -> String {
        let error = open(folder, member).await.err().expect("the folder is rejected");
        assert!(error.is_bad_input());
        error.to_string().replace(&folder.display().to_string(), "F")
    }

    #[tokio::test]
    async fn a_folder_of_another_format_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let disk = open(folder.path(), 1).await.unwrap();
        disk.write(|transaction| {
            transaction.open_table(LABEL)?.insert("format", 7)?;
            Ok(())
        })
        .await
        .unwrap();
        drop(disk);
        assert_eq!(
            error_of(folder.path(), 1).await,
            "data folder F is of format 7, this build reads 2"
        );
    }

    #[tokio::test]
    async fn a_folder_of_another_member_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), 1).await.unwrap());
        assert_eq!(
            error_of(folder.path(), 2).await,
            "data folder F belongs to member 1, not to member 2"
        );
    }

    #[tokio::test]
    async fn a_folder_in_use_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let _held = open(folder.path(), 1).await.unwrap();
        assert_eq!(
            error_of(folder.path(), 1).await,
            "data folder F is in use by another process"
        );
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "not a database at all").unwrap();
        let error = open(folder.path(), 1).await.err().expect("the file is rejected");
        assert!(matches!(error, RaftError::Damaged { .. }), "{error}");
    }
}
