//! A store in memory: for simulations and tests of what stands on a store. It forgets everything at the end of the process, and
//! must answer every question exactly as the durable stores do. Tests: `conformance.rs` and the comparison in `tests/store.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{DeliveryId, IncidentId, SignalId},
    journal::Stream,
    signal::SignalStatus,
    time::Timestamp,
};

use super::{
    Batch, Content, EvidenceBytes, FoundSignal, Outgoing, SignalFilter, SignalRow, Store, StoreError, StoredEvent,
    check_follows, columns, no_such_event,
};

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    events: Vec<StoredEvent>,
    /// Places of the log, by stream.
    streams: BTreeMap<String, Vec<usize>>,
    checkpoint: Option<String>,
    outbox: Outbox,
    timers: BTreeMap<Stream, Timestamp>,
    /// In the order of the streams' names, as a database has them.
    due: BTreeSet<(Timestamp, String, Stream)>,
    /// In the order of lists.
    signals: BTreeMap<(Timestamp, SignalId), SignalRow>,
    cursors: BTreeMap<String, String>,
    snapshots: BTreeMap<String, Vec<u8>>,
    kept: Option<Vec<u8>>,
    evidence: BTreeMap<[u8; 32], Arc<[u8]>>,
    evidence_of: BTreeSet<(IncidentId, [u8; 32])>,
    /// How long the log was when something was erased last.
    erased_at: u64,
}

/// Deliveries in the order in which they came.
#[derive(Debug, Default)]
struct Outbox {
    next: u64,
    rows: BTreeMap<u64, Outgoing>,
    places: BTreeMap<DeliveryId, u64>,
}

impl MemoryStore {
    /// A store with nothing in it.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// No holder of this lock can panic half-way through a change, so a poisoned lock still guards whole state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox {
    fn insert(&mut self, row: Outgoing) {
        if self.places.contains_key(&row.delivery.id) {
            return;
        }
        let place = self.next;
        self.next += 1;
        self.places.insert(row.delivery.id, place);
        self.rows.insert(place, row);
    }

    fn settle(&mut self, id: DeliveryId) {
        if let Some(place) = self.places.remove(&id) {
            self.rows.remove(&place);
        }
    }

    fn claim(&mut self, deliveries: &[DeliveryId]) -> Vec<Outgoing> {
        let mut claimed = Vec::with_capacity(deliveries.len());
        for place in deliveries.iter().filter_map(|id| self.places.get(id)) {
            if let Some(row) = self.rows.get_mut(place).filter(|row| !row.under_way) {
                row.attempts = row.attempts.saturating_add(1);
                row.under_way = true;
                claimed.push(row.clone());
            }
        }
        claimed
    }

    fn release(&mut self, id: DeliveryId, not_before: Timestamp) {
        let Some(place) = self.places.get(&id) else { return };
        if let Some(row) = self.rows.get_mut(place) {
            row.under_way = false;
            row.not_before = not_before;
        }
    }
}

impl State {
    fn append(&mut self, batch: Batch) -> Result<(), StoreError> {
        let size = self.size();
        check_follows(&batch.events, size, |stream| {
            Ok(self.streams.get(stream).map_or(0, |places| places.len() as u64))
        })?;
        let end = size + batch.events.len() as u64;
        if let Some((absent, _)) = batch.redactions.iter().find(|(index, _)| *index >= end) {
            return Err(no_such_event("redact event", *absent));
        }
        for event in batch.events {
            self.streams.entry(event.stream.clone()).or_default().push(self.events.len());
            self.events.push(event);
        }
        if !batch.redactions.is_empty() {
            (self.kept, self.erased_at) = (None, end);
        }
        for (index, json) in batch.redactions {
            let place = usize::try_from(index).unwrap_or(usize::MAX);
            if let Some(event) = self.events.get_mut(place) {
                event.content = Content::Redacted { json };
            }
        }
        for (incident, digest) in batch.evidence_gone {
            self.evidence_of.remove(&(incident, digest));
            if !self.evidence_of.iter().any(|(_, other)| *other == digest) {
                self.evidence.remove(&digest);
            }
        }
        for EvidenceBytes { incident, digest, bytes } in batch.evidence {
            self.evidence.entry(digest).or_insert(bytes);
            self.evidence_of.insert((incident, digest));
        }
        if batch.checkpoint.is_some() {
            self.checkpoint = batch.checkpoint;
        }
        batch.outgoing.into_iter().for_each(|row| self.outbox.insert(row));
        batch.settled.into_iter().for_each(|id| self.outbox.settle(id));
        batch.timers.into_iter().for_each(|(stream, due)| self.set_timer(stream, due));
        for moved in batch.signals_moved {
            self.signals.remove(&moved);
        }
        self.signals.extend(batch.signals.into_iter().map(|row| ((row.observed, row.id), row)));
        for update in batch.signal_updates {
            if let Some(row) = self.signals.get_mut(&(update.observed, update.id)) {
                row.status = update.status;
            }
        }
        self.cursors.extend(batch.cursors);
        self.snapshots.extend(batch.snapshots);
        Ok(())
    }

    fn size(&self) -> u64 {
        self.events.len() as u64
    }

    fn set_timer(&mut self, stream: Stream, due: Option<Timestamp>) {
        let before = match due {
            Some(due) => {
                self.due.insert((due, stream.to_string(), stream));
                self.timers.insert(stream, due)
            }
            None => self.timers.remove(&stream),
        };
        if let Some(before) = before
            && due != Some(before)
        {
            self.due.remove(&(before, stream.to_string(), stream));
        }
    }

    fn found(&self, row: &SignalRow) -> FoundSignal {
        let place = usize::try_from(row.place).unwrap_or(usize::MAX);
        FoundSignal { row: *row, event: self.events.get(place).cloned() }
    }

    fn list_signals(&self, filter: &SignalFilter) -> Vec<FoundSignal> {
        let before = filter.before.map(|instant| (instant, filter.before_id));
        let wanted = |row: &&SignalRow| {
            filter.incident.is_none_or(|incident| row.incident == Some(incident))
                && filter.status.is_none_or(|status| row.status == status)
                && before.is_none_or(|before| (row.observed, Some(row.id)) < before)
        };
        let newest_first = self.signals.values().rev();
        newest_first.filter(wanted).take(columns::signals_limit(filter)).map(|row| self.found(row)).collect()
    }

    fn live_signals(&self, after: Option<(Timestamp, SignalId)>, limit: usize) -> Vec<FoundSignal> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.signals.range((start, Bound::Unbounded)).map(|(_, row)| row);
        rows.filter(|row| is_live(row.status)).take(limit).map(|row| self.found(row)).collect()
    }

    fn forget_signals(&mut self, before: Timestamp) -> u64 {
        let all = self.signals.len();
        self.signals.retain(|_, row| row.incident.is_some() || row.observed >= before);
        (all - self.signals.len()) as u64
    }
}

const fn is_live(status: SignalStatus) -> bool {
    matches!(status, SignalStatus::Provisional | SignalStatus::Confirmed)
}

#[async_trait]
impl Store for MemoryStore {
    async fn append(&self, batch: Batch) -> Result<(), StoreError> {
        self.state().append(batch)
    }
    async fn size(&self) -> Result<u64, StoreError> {
        Ok(self.state().size())
    }
    async fn events(&self, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.state().events.iter().skip(from).take(limit).cloned().collect())
    }
    async fn stream(&self, stream: &str) -> Result<Vec<StoredEvent>, StoreError> {
        let state = self.state();
        let places = state.streams.get(stream).into_iter().flatten();
        Ok(places.filter_map(|place| state.events.get(*place)).cloned().collect())
    }
    async fn stream_before(&self, stream: &str, before: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let state = self.state();
        let places = state.streams.get(stream).map(Vec::as_slice).unwrap_or_default();
        // A version is the place in the stream: there are no holes.
        let end = usize::try_from(before).unwrap_or(usize::MAX).min(places.len());
        let wanted = places.get(end.saturating_sub(limit)..end).unwrap_or_default();
        Ok(wanted.iter().filter_map(|place| state.events.get(*place)).cloned().collect())
    }
    async fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        Ok(self.state().checkpoint.clone())
    }
    async fn claim(&self, deliveries: &[DeliveryId]) -> Result<Vec<Outgoing>, StoreError> {
        Ok(self.state().outbox.claim(deliveries))
    }
    async fn release(&self, delivery: DeliveryId, not_before: Timestamp) -> Result<(), StoreError> {
        self.state().outbox.release(delivery, not_before);
        Ok(())
    }
    async fn outbox(&self, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        Ok(self.state().outbox.rows.values().take(limit).cloned().collect())
    }
    async fn timers_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(Stream, Timestamp)>, StoreError> {
        let state = self.state();
        let due = state.due.iter().take_while(|(due, ..)| *due <= now);
        Ok(due.take(limit).map(|(due, _, stream)| (*stream, *due)).collect())
    }
    async fn signals(&self, filter: &SignalFilter) -> Result<Vec<FoundSignal>, StoreError> {
        Ok(self.state().list_signals(filter))
    }
    async fn signal(&self, observed: Timestamp, id: SignalId) -> Result<Option<FoundSignal>, StoreError> {
        let state = self.state();
        Ok(state.signals.get(&(observed, id)).map(|row| state.found(row)))
    }
    async fn live_signals(
        &self,
        after: Option<(Timestamp, SignalId)>,
        limit: usize,
    ) -> Result<Vec<FoundSignal>, StoreError> {
        Ok(self.state().live_signals(after, limit))
    }
    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.state().cursors.get(name).cloned())
    }
    async fn snapshot(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().snapshots.get(name).cloned())
    }
    async fn keep_board(&self, size: u64, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let mut state = self.state();
        let keeps = state.erased_at <= size;
        if keeps {
            state.kept = Some(bytes);
        }
        Ok(keeps)
    }
    async fn kept_board(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().kept.clone())
    }
    async fn evidence(&self, digest: [u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().evidence.get(&digest).map(|bytes| bytes.to_vec()))
    }
    async fn forget_signals(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state().forget_signals(before))
    }
}
