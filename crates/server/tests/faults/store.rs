//! The real store, on a disk that has its moods. Each call of it is over before anything else goes on, so that the virtual clock
//! cannot run ahead of a disk that is real; how long it seems to take is the weather's to say.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{DeliveryId, SignalId},
    journal::Stream,
    time::Timestamp,
};
use quarterdeck_store::{Batch, FoundSignal, Outgoing, SignalFilter, Store, StoreError, StoredEvent};

use crate::weather::{Full, Lost, Weather};

type Said<T> = Result<T, StoreError>;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for it with the whole thread.
pub(crate) fn at_once<T>(work: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut context, mut work) = (Context::from_waker(&waker), pin!(work));
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// The store with its weather.
pub(crate) struct Shaky {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) weather: Arc<Weather>,
}

impl Shaky {
    fn read<T>(&self, doing: &'static str, work: impl Future<Output = Said<T>>) -> Said<T> {
        if self.weather.disk().gone { Err(gone(doing)) } else { at_once(work) }
    }

    async fn write<T>(&self, doing: &'static str, is_empty: bool, work: impl Future<Output = Said<T>>) -> Said<T> {
        let disk = self.weather.disk();
        let half = disk.slow.unwrap_or_default() / 2;
        if half > Duration::ZERO {
            tokio::time::sleep(half).await;
        }
        let disk = self.weather.disk();
        if disk.gone {
            return Err(gone(doing));
        }
        let full = match disk.full {
            None => false,
            Some(Full::ToTheLastByte) => true,
            Some(Full::UntilReserve) => self.weather.reserve.exists(),
        };
        // Nothing needs no space.
        if full && !is_empty {
            return Err(StoreError::Full { doing });
        }
        let lost = if is_empty { None } else { self.weather.loses() };
        if lost == Some(Lost::NotMade) {
            return Err(gone(doing));
        }
        let done = at_once(work);
        if half > Duration::ZERO {
            tokio::time::sleep(half).await;
        }
        if lost == Some(Lost::Made) { Err(gone(doing)) } else { done }
    }
}

fn gone(doing: &'static str) -> StoreError {
    StoreError::Database { doing, source: "the connection broke".into() }
}

fn is_empty(batch: &Batch) -> bool {
    batch.events.is_empty() && batch.settled.is_empty() && batch.timers.is_empty() && batch.cursors.is_empty()
}

#[async_trait]
impl Store for Shaky {
    async fn append(&self, batch: Batch) -> Said<()> {
        self.write("append to log", is_empty(&batch), self.inner.append(batch)).await
    }
    async fn claim(&self, deliveries: &[DeliveryId]) -> Said<Vec<Outgoing>> {
        self.write("claim deliveries", false, self.inner.claim(deliveries)).await
    }
    async fn release(&self, delivery: DeliveryId, not_before: Timestamp) -> Said<()> {
        self.write("release delivery", false, self.inner.release(delivery, not_before)).await
    }
    async fn keep_board(&self, size: u64, bytes: Vec<u8>) -> Said<bool> {
        self.write("keep a board", false, self.inner.keep_board(size, bytes)).await
    }
    async fn forget_signals(&self, before: Timestamp) -> Said<u64> {
        self.write("forget signals", false, self.inner.forget_signals(before)).await
    }
    async fn evidence(&self, digest: [u8; 32]) -> Said<Option<Vec<u8>>> {
        self.read("read evidence", self.inner.evidence(digest))
    }
    async fn size(&self) -> Said<u64> {
        self.read("read size of log", self.inner.size())
    }
    async fn events(&self, from: u64, limit: usize) -> Said<Vec<StoredEvent>> {
        self.read("read events", self.inner.events(from, limit))
    }
    async fn stream(&self, stream: &str) -> Said<Vec<StoredEvent>> {
        self.read("read stream", self.inner.stream(stream))
    }
    async fn stream_before(&self, stream: &str, before: u64, limit: usize) -> Said<Vec<StoredEvent>> {
        self.read("read stream", self.inner.stream_before(stream, before, limit))
    }
    async fn checkpoint(&self) -> Said<Option<String>> {
        self.read("read checkpoint", self.inner.checkpoint())
    }
    async fn outbox(&self, limit: usize) -> Said<Vec<Outgoing>> {
        self.read("list outbox", self.inner.outbox(limit))
    }
    async fn timers_due(&self, now: Timestamp, limit: usize) -> Said<Vec<(Stream, Timestamp)>> {
        self.read("list timers", self.inner.timers_due(now, limit))
    }
    async fn signals(&self, filter: &SignalFilter) -> Said<Vec<FoundSignal>> {
        self.read("list signals", self.inner.signals(filter))
    }
    async fn signal(&self, observed: Timestamp, id: SignalId) -> Said<Option<FoundSignal>> {
        self.read("read signal", self.inner.signal(observed, id))
    }
    async fn live_signals(&self, after: Option<(Timestamp, SignalId)>, limit: usize) -> Said<Vec<FoundSignal>> {
        self.read("list live signals", self.inner.live_signals(after, limit))
    }
    async fn cursor(&self, name: &str) -> Said<Option<String>> {
        self.read("read cursor", self.inner.cursor(name))
    }
    async fn snapshot(&self, name: &str) -> Said<Option<Vec<u8>>> {
        self.read("read snapshot", self.inner.snapshot(name))
    }
    async fn kept_board(&self) -> Said<Option<Vec<u8>>> {
        self.read("read what a start needs", self.inner.kept_board())
    }
}
