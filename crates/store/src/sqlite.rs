//! The store of one machine: an SQLite file.
//!
//! One thread owns the only connection that writes and commits what waits together (`sqlite/writer.rs`); a few connections read
//! beside it. It must never answer before the bytes are synced, never run two writers on one file, and never take a damaged row
//! for an absent one. Tests: `conformance.rs` and `tests/store.rs`; full disks and damaged files below.

mod failure;
mod upgrade;
mod tail;
mod kept;
mod evidence;
mod append;
mod claim;
mod open;
mod room;
mod read;
mod copy;
mod writer;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{DeliveryId, SignalId},
    journal::Stream,
    time::Timestamp,
};

pub use self::copy::SqliteCopy;
use self::{open::Limits, read::Readers, room::Room, writer::Writer};
use super::{Batch, FoundSignal, KEPT_PART_BYTES, Outgoing, SignalFilter, Store, StoreError, StoredEvent};

/// Signals forgotten in one transaction, so that no append waits long for the cleaning.
const FORGET_CHUNK: usize = 5_000;

/// Keeps everything in one SQLite file (and its `-wal`, `-shm` and `.lock` beside it).
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the writer, last to close the file, copies the write-ahead log home and removes it.
    readers: Arc<Readers>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the file at `path`, creating it if need be, and brings its schema up to date.
    ///
    /// Fails with `InUse` if another process has it, `Newer` if a newer version of this program wrote it, `Damaged` if it is not
    /// ours or not readable. Blocks for a few milliseconds, longer after a crash with much to recover.
    pub fn open(path: &Path) -> Result<Arc<Self>, StoreError> {
        Self::open_with(path, &Limits::default())
    }

    fn open_with(path: &Path, limits: &Limits) -> Result<Arc<Self>, StoreError> {
        let opened = open::open(path, limits)?;
        Ok(Arc::new(Self { readers: Readers::new(path), writer: Writer::start(opened, Room::new(path))? }))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn append(&self, batch: Batch) -> Result<(), StoreError> {
        let erases = !batch.redactions.is_empty();
        self.writer.run(tail::DOING, move |connection, tail| append::append(connection, tail, &batch)).await?;
        if erases && let Err(error) = self.writer.empty_wal("erase events").await {
            tracing::warn!(%error, "what was erased is still in the write-ahead log; the writer tries again with each commit");
        }
        Ok(())
    }
    async fn size(&self) -> Result<u64, StoreError> {
        self.readers.run("read size of log", read::size).await
    }
    async fn events(&self, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.readers.run("read events", move |connection| read::events(connection, from, limit)).await
    }
    async fn stream(&self, stream: &str) -> Result<Vec<StoredEvent>, StoreError> {
        let stream = stream.to_owned();
        self.readers.run("read stream", move |connection| read::stream(connection, &stream)).await
    }
    async fn stream_before(&self, stream: &str, before: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let stream = stream.to_owned();
        let find = move |connection: &_| read::stream_before(connection, &stream, before, limit);
        self.readers.run("read stream", find).await
    }
    async fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.readers.run("read checkpoint", read::checkpoint).await
    }
    async fn claim(&self, deliveries: &[DeliveryId]) -> Result<Vec<Outgoing>, StoreError> {
        let deliveries = deliveries.to_vec();
        self.writer.run(claim::DOING, move |connection, _| claim::claim(connection, &deliveries)).await
    }
    async fn release(&self, delivery: DeliveryId, not_before: Timestamp) -> Result<(), StoreError> {
        self.writer.run("release delivery", move |connection, _| claim::release(connection, delivery, not_before)).await
    }
    async fn outbox(&self, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.readers.run("list outbox", move |connection| claim::outbox(connection, limit)).await
    }
    async fn timers_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(Stream, Timestamp)>, StoreError> {
        self.readers.run("list timers", move |connection| read::timers_due(connection, now, limit)).await
    }
    async fn signals(&self, filter: &SignalFilter) -> Result<Vec<FoundSignal>, StoreError> {
        let filter = filter.clone();
        self.readers.run("list signals", move |connection| read::signals(connection, &filter)).await
    }
    async fn signal(&self, observed: Timestamp, id: SignalId) -> Result<Option<FoundSignal>, StoreError> {
        self.readers.run("read signal", move |connection| read::signal(connection, observed, id)).await
    }
    async fn live_signals(
        &self,
        after: Option<(Timestamp, SignalId)>,
        limit: usize,
    ) -> Result<Vec<FoundSignal>, StoreError> {
        self.readers.run("list live signals", move |connection| read::live_signals(connection, after, limit)).await
    }
    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        self.readers.run("read cursor", move |connection| read::cursor(connection, &name)).await
    }
    async fn snapshot(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let name = name.to_owned();
        self.readers.run("read snapshot", move |connection| read::snapshot(connection, &name)).await
    }
    async fn keep_board(&self, size: u64, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let slot = self.writer.run(kept::DOING, |connection, _| kept::begin(connection)).await?;
        for (part, bytes) in bytes.chunks(KEPT_PART_BYTES).enumerate() {
            let bytes = bytes.to_vec();
            let add = move |connection: &_, _: &mut _| kept::add(connection, slot, part, &bytes, size);
            if !self.writer.run(kept::DOING, add).await? {
                break;
            }
        }
        self.writer.run(kept::DOING, move |connection, _| kept::turn(connection, slot, size)).await
    }
    async fn kept_board(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let parts = self.readers.run("read what a start needs", kept::parts).await?;
        Ok((!parts.is_empty()).then(|| parts.concat()))
    }
    async fn evidence(&self, digest: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers.run("read evidence", move |connection| evidence::read(connection, &digest)).await
    }
    async fn forget_signals(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let chunk =
                move |connection: &_, tail: &mut _| append::forget_signals(connection, tail, before, FORGET_CHUNK);
            let gone = self.writer.run("forget signals", chunk).await?;
            forgotten += gone as u64;
            if gone < FORGET_CHUNK {
                return Ok(forgotten);
            }
        }
    }
}

/// The numbers and names of the migrations, which both databases share.
#[cfg(all(test, feature = "postgres"))]
pub(super) fn migrations() -> Vec<(u32, &'static str)> {
    open::MIGRATIONS.iter().map(|migration| (migration.number, migration.name)).collect()
}

#[cfg(test)]
mod tests;
