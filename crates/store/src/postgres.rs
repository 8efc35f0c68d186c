//! The store for when one machine is not enough: a PostgreSQL database (13 or newer).
//!
//! Whoever writes holds one row, `log_head`, so that places are given out in the order of commits. A connection that is lost is
//! replaced and the work done again; an append whose answer was lost finds out, holding that row, whether it was made. Of several
//! programs one has the lease (`postgres/lease.rs`). It must never append twice, never report as refused what was written, and
//! never write beside another program. Tests: `conformance.rs` and `tests/store.rs`.

mod tls;
mod pool;
mod upgrade;
mod lease;
mod schema;
mod kept;
mod evidence;
mod append;
mod claim;
mod read;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{DeliveryId, SignalId},
    journal::Stream,
    time::Timestamp,
};

use self::{lease::Lease, pool::Pool};
use super::{Batch, FoundSignal, KEPT_PART_BYTES, Outgoing, SignalFilter, Store, StoreError, StoredEvent};

/// Signals forgotten in one transaction, so that no append waits long for the cleaning.
const FORGET_CHUNK: usize = 5_000;

/// What each session prepares.
const STATEMENTS: [&[&str]; 6] = [
    append::STATEMENTS,
    claim::STATEMENTS,
    evidence::STATEMENTS,
    kept::STATEMENTS,
    lease::STATEMENTS,
    read::STATEMENTS,
];

/// Keeps everything in one schema of a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Arc<Pool>,
    lease: Lease,
}

impl PostgresStore {
    /// Connects to `url` (`postgres://user:password@host/database?sslmode=verify-full`, or the `key=value` form) and brings the
    /// schema up to date. With `sslmode=verify-full` or `require` the server's certificate must be signed, for the host's name, by
    /// an authority of the PEM file `authorities`, or of this system if none is given; with `verify-ca`, for any name. With `prefer`,
    /// or where nothing is said, the connection is encrypted if the server offers it, and the server is not verified.
    ///
    /// A server that does not answer yet is waited for, about ten seconds. `InUse` if another program writes to this schema: it
    /// is waited for two seconds, since it may be the one before us that is just ending.
    pub async fn connect(url: &str, authorities: Option<&Path>) -> Result<Arc<Self>, StoreError> {
        let pool = Arc::new(Pool::new(url, authorities)?);
        let held = lease::lock(&pool).await?;
        schema::migrate(&pool).await?;
        pool.prepare(STATEMENTS.concat());
        let lease = lease::begin(&pool, held).await?;
        Ok(Arc::new(Self { pool, lease }))
    }
}

/// Whether an address can be understood, with what it says about encryption, and the authorities read. Asks no server.
pub fn check(url: &str, authorities: Option<&Path>) -> Result<(), StoreError> {
    Pool::new(url, authorities).map(drop)
}

#[async_trait]
impl Store for PostgresStore {
    /// As the trait says. What is erased is vacuumed away; what the server's write-ahead log, its archive, replicas and backups
    /// still hold is for their own retention to end. A delivery in a batch without events may come again if the answer was lost and it was settled before
    /// the second try; with events this cannot happen.
    async fn append(&self, batch: Batch) -> Result<(), StoreError> {
        let (batch, epoch) = (&batch, self.lease.epoch);
        self.pool.run(append::DOING, |session, nth_try| append::append(session, batch, epoch, nth_try)).await?;
        if !batch.redactions.is_empty()
            && let Err(error) = self.pool.run("vacuum events", |session, _| append::vacuum(session)).await
        {
            tracing::warn!(%error, "what was erased stays in the table until the server vacuums it by itself");
        }
        Ok(())
    }
    async fn size(&self) -> Result<u64, StoreError> {
        self.pool.run("read size of log", |session, _| read::size(session)).await
    }
    async fn events(&self, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.pool.run("read events", |session, _| read::events(session, from, limit)).await
    }
    async fn stream(&self, stream: &str) -> Result<Vec<StoredEvent>, StoreError> {
        self.pool.run("read stream", |session, _| read::stream(session, stream)).await
    }
    async fn stream_before(&self, stream: &str, before: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.pool.run("read stream", |session, _| read::stream_before(session, stream, before, limit)).await
    }
    async fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.pool.run("read checkpoint", |session, _| read::checkpoint(session)).await
    }
    async fn claim(&self, deliveries: &[DeliveryId]) -> Result<Vec<Outgoing>, StoreError> {
        let (token, epoch) = (claim::fresh_token()?, self.lease.epoch);
        let claim = |session, nth_try| claim::claim(session, deliveries, epoch, token, nth_try);
        self.pool.run(claim::DOING, claim).await
    }
    async fn release(&self, delivery: DeliveryId, not_before: Timestamp) -> Result<(), StoreError> {
        let release = |session, _| claim::release(session, delivery, not_before, self.lease.epoch);
        self.pool.run("release delivery", release).await
    }
    async fn outbox(&self, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.pool.run("list outbox", |session, _| claim::outbox(session, limit)).await
    }
    async fn timers_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(Stream, Timestamp)>, StoreError> {
        self.pool.run("list timers", |session, _| read::timers_due(session, now, limit)).await
    }
    async fn signals(&self, filter: &SignalFilter) -> Result<Vec<FoundSignal>, StoreError> {
        self.pool.run("list signals", |session, _| read::signals(session, filter)).await
    }
    async fn signal(&self, observed: Timestamp, id: SignalId) -> Result<Option<FoundSignal>, StoreError> {
        self.pool.run("read signal", |session, _| read::signal(session, observed, id)).await
    }
    async fn live_signals(
        &self,
        after: Option<(Timestamp, SignalId)>,
        limit: usize,
    ) -> Result<Vec<FoundSignal>, StoreError> {
        self.pool.run("list live signals", |session, _| read::live_signals(session, after, limit)).await
    }
    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.pool.run("read cursor", |session, _| read::cursor(session, name)).await
    }
    async fn snapshot(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.pool.run("read snapshot", |session, _| read::snapshot(session, name)).await
    }
    async fn keep_board(&self, size: u64, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let epoch = self.lease.epoch;
        let slot = self.pool.run(kept::DOING, |session, _| kept::begin(session, epoch)).await?;
        for (part, bytes) in bytes.chunks(KEPT_PART_BYTES).enumerate() {
            let add = |session, _| kept::add(session, (slot, part), bytes, size, epoch);
            if !self.pool.run(kept::DOING, add).await? {
                break;
            }
        }
        self.pool.run(kept::DOING, |session, _| kept::turn(session, slot, size, epoch)).await
    }
    async fn kept_board(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let parts = self.pool.run("read what a start needs", |session, _| kept::parts(session)).await?;
        Ok((!parts.is_empty()).then(|| parts.concat()))
    }
    async fn evidence(&self, digest: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.pool.run("read evidence", |session, _| evidence::read(session, &digest)).await
    }
    async fn forget_signals(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let chunk = |session, _| append::forget_signals(session, before, FORGET_CHUNK, self.lease.epoch);
            let gone = self.pool.run("forget signals", chunk).await?;
            forgotten += gone;
            if gone < FORGET_CHUNK as u64 {
                return Ok(forgotten);
            }
        }
    }
}
