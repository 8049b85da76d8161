//! The last snapshot on disk: the state, and the log position that it covers.

use std::io;

use prometheus::IntGauge;
use redb::ReadableTable;

use super::codec::{decode, encode};
use super::disk::{Disk, META, TransactionError};
use super::meters::RaftMeters;
use super::type_config::{LogId, Snapshot, SnapshotMeta};

const SNAPSHOT_META: &str = "snapshot-meta";
const SNAPSHOT_STATE: &str = "snapshot-state";

/// The snapshot of a member in its data file. Only the newest one is kept.
#[derive(Clone)]
pub(super) struct SnapshotStore {
    disk: Disk,
    /// The size of the snapshot on disk.
    bytes: IntGauge,
}

impl SnapshotStore {
    pub(super) fn new(disk: Disk, meters: &RaftMeters) -> Self {
        let bytes = meters.snapshot_bytes.clone();
        Self { disk, bytes }
    }

    /// Writes a snapshot, unless the one on disk covers as much of the log: one may be built while another is received.
    pub(super) async fn save(&self, meta: SnapshotMeta, state: Vec<u8>) -> io::Result<()> {
        let bytes = self.bytes.clone();
        self.disk
            .write(move |transaction| {
                let mut table = transaction.open_table(META)?;
                if covered(&table)? < Some(meta.last_log_id) {
                    table.insert(SNAPSHOT_META, encode(&meta)?.as_slice())?;
                    table.insert(SNAPSHOT_STATE, state.as_slice())?;
                    record_size(&bytes, &state);
                }
                Ok(())
            })
            .await
    }

    /// Reads the snapshot, if there is one.
    pub(super) async fn last(&self) -> io::Result<Option<Snapshot>> {
        let bytes = self.bytes.clone();
        self.disk
            .read(move |view| {
                let table = view.open_table(META)?;
                let (Some(meta), Some(state)) = (table.get(SNAPSHOT_META)?, table.get(SNAPSHOT_STATE)?) else {
                    return Ok(None);
                };
                record_size(&bytes, state.value());
                Ok(Some(Snapshot {
                    meta: decode(meta.value())?,
                    snapshot: state.value().to_vec(),
                }))
            })
            .await
    }
}

fn record_size(bytes: &IntGauge, state: &[u8]) {
    bytes.set(i64::try_from(state.len()).unwrap_or(i64::MAX));
}

/// The last log position that the snapshot on disk covers, if there is a snapshot.
fn covered(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Option<Option<LogId>>, TransactionError> {
    let Some(bytes) = table.get(SNAPSHOT_META)? else {
        return Ok(None);
    };
    let meta: SnapshotMeta = decode(bytes.value())?;
    Ok(Some(meta.last_log_id))
}
