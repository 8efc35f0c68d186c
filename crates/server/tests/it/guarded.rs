//! A store that somebody stands before: each append is let in or refused, when the test says so. All else goes through.

use std::sync::Arc;

use async_trait::async_trait;
use quarterdeck_core::{
    id::{DeliveryId, SignalId},
    journal::Stream,
    time::Timestamp,
};
use quarterdeck_store::{Batch, FoundSignal, Outgoing, SignalFilter, Store, StoreError, StoredEvent};

/// Decides about appends.
#[async_trait]
pub(crate) trait Guard: Send + Sync + 'static {
    /// Returns when the append may go on, or with why it may not.
    async fn admit(&self) -> Result<(), StoreError>;
    /// What is said of an append that the store took.
    fn answer(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Sees every event that is read, and may damage it.
    fn hand_out(&self, _event: &mut StoredEvent) {}
}

/// The store behind its guard.
pub(crate) struct Guarded<G> {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) guard: Arc<G>,
}

type Said<T> = Result<T, StoreError>;

impl<G: Guard> Guarded<G> {
    fn handed_out(&self, mut events: Vec<StoredEvent>) -> Vec<StoredEvent> {
        for event in &mut events {
            self.guard.hand_out(event);
        }
        events
    }
}

#[async_trait]
impl<G: Guard> Store for Guarded<G> {
    async fn append(&self, batch: Batch) -> Said<()> {
        self.guard.admit().await?;
        self.inner.append(batch).await?;
        self.guard.answer()
    }
    async fn size(&self) -> Said<u64> {
        self.inner.size().await
    }
    async fn events(&self, from: u64, limit: usize) -> Said<Vec<StoredEvent>> {
        Ok(self.handed_out(self.inner.events(from, limit).await?))
    }
    async fn stream(&self, stream: &str) -> Said<Vec<StoredEvent>> {
        Ok(self.handed_out(self.inner.stream(stream).await?))
    }
    async fn stream_before(&self, stream: &str, before: u64, limit: usize) -> Said<Vec<StoredEvent>> {
        Ok(self.handed_out(self.inner.stream_before(stream, before, limit).await?))
    }
    async fn checkpoint(&self) -> Said<Option<String>> {
        self.inner.checkpoint().await
    }
    async fn claim(&self, deliveries: &[DeliveryId]) -> Said<Vec<Outgoing>> {
        self.inner.claim(deliveries).await
    }
    async fn release(&self, delivery: DeliveryId, not_before: Timestamp) -> Said<()> {
        self.inner.release(delivery, not_before).await
    }
    async fn outbox(&self, limit: usize) -> Said<Vec<Outgoing>> {
        self.inner.outbox(limit).await
    }
    async fn timers_due(&self, now: Timestamp, limit: usize) -> Said<Vec<(Stream, Timestamp)>> {
        self.inner.timers_due(now, limit).await
    }
    async fn signals(&self, filter: &SignalFilter) -> Said<Vec<FoundSignal>> {
        self.inner.signals(filter).await
    }
    async fn signal(&self, observed: Timestamp, id: SignalId) -> Said<Option<FoundSignal>> {
        self.inner.signal(observed, id).await
    }
    async fn live_signals(&self, after: Option<(Timestamp, SignalId)>, limit: usize) -> Said<Vec<FoundSignal>> {
        self.inner.live_signals(after, limit).await
    }
    async fn cursor(&self, name: &str) -> Said<Option<String>> {
        self.inner.cursor(name).await
    }
    async fn snapshot(&self, name: &str) -> Said<Option<Vec<u8>>> {
        self.inner.snapshot(name).await
    }
    async fn evidence(&self, digest: [u8; 32]) -> Said<Option<Vec<u8>>> {
        self.inner.evidence(digest).await
    }
    async fn keep_board(&self, size: u64, bytes: Vec<u8>) -> Said<bool> {
        self.inner.keep_board(size, bytes).await
    }
    async fn kept_board(&self) -> Said<Option<Vec<u8>>> {
        self.inner.kept_board().await
    }
    async fn forget_signals(&self, before: Timestamp) -> Said<u64> {
        self.inner.forget_signals(before).await
    }
}
