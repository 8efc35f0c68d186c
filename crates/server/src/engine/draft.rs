//! What is decided and not yet handed to the store: one transaction that grows.
//!
//! Everything that needs no other decision is done at once (the text, the salt, the digest of an event), so that the work is over
//! when the store has time for the batch.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quarterdeck_core::{
    id::{IdSource, IncidentId, PageId},
    incident::{Incident, IncidentEvent, PageOutcome, PageRecord},
    journal::{Body, Recorded},
    time::Timestamp,
};
use quarterdeck_ledger::{hash::Hash, leaf::Entry};

use super::{EngineError, signals};
use quarterdeck_store::{Batch, OutboxPage, StoredEvent};

/// Decisions on top of the durable board, in their order.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) batch: Batch,
    pub(super) recorded: Vec<Arc<Recorded>>,
    pub(super) leaves: Vec<Hash>,
    /// Incidents with new events, and when something was due for them before: their timers may have moved.
    pub(super) deadlines: BTreeMap<IncidentId, Option<Timestamp>>,
    /// An event that could not be sealed: a defect of ours. Nothing of the draft may be written.
    pub(super) broken: Option<EngineError>,
}

impl Draft {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.batch == Batch::default() && self.broken.is_none()
    }

    /// Adds an event that takes the place `index` of the log and was applied to its incident, if it has one. `seen`: when the
    /// signal that it is about was seen, as far as was known before it.
    pub(super) fn add(
        &mut self,
        recorded: Recorded,
        index: u64,
        seen: Option<Timestamp>,
        incident: Option<&Incident>,
        salts: &mut dyn IdSource,
    ) {
        match seal(&recorded, index, salts.fresh()) {
            Ok((stored, leaf)) => {
                self.batch.events.push(stored);
                self.leaves.push(leaf);
            }
            Err(error) => {
                self.broken.get_or_insert(error);
            }
        }
        signals::list(&recorded, index, seen, &mut self.batch);
        if let (Body::Incident(event), Some(incident)) = (&recorded.body, incident) {
            self.batch.pages.extend(page(incident.id(), recorded.at, event));
            self.batch.pages.extend(all_clear(incident, recorded.at, event));
        }
        self.recorded.push(Arc::new(recorded));
    }
}

fn seal(recorded: &Recorded, index: u64, salt: [u8; 16]) -> Result<(StoredEvent, Hash), EngineError> {
    let body = recorded.body.to_json().map_err(|error| EngineError::Leaf(error.to_string()))?;
    let stream = recorded.stream.to_string();
    let (version, at) = (recorded.version, recorded.at);
    let entry = Entry::seal(&stream, version, &at.to_string(), &salt, body.as_bytes())?;
    let leaf = entry.leaf_hash();
    Ok((StoredEvent { index, stream, version, at, content: Some((body, salt)), digest: *entry.digest() }, leaf))
}

fn page(incident: IncidentId, at: Timestamp, event: &IncidentEvent) -> Option<OutboxPage> {
    let IncidentEvent::PageRequested { page, person, channel, address, .. } = event else { return None };
    Some(OutboxPage {
        page: *page,
        incident,
        person: person.clone(),
        channel: channel.clone(),
        address: address.clone(),
        not_before: at,
        attempts: 0,
        under_way: false,
    })
}

/// Everybody whom a page of the incident reached is told, by the same way, that it is over. The event is the intent.
fn all_clear(incident: &Incident, at: Timestamp, event: &IncidentEvent) -> Vec<OutboxPage> {
    if !matches!(event, IncidentEvent::Resolved { .. } | IncidentEvent::MergedInto { .. }) {
        return Vec::new();
    }
    let mut told = BTreeSet::new();
    let reached = incident.pages().values().filter(|page| !matches!(page.outcome, Some(PageOutcome::Failed { .. })));
    let new = reached.filter(|page| told.insert((&page.person, &page.channel, &page.address)));
    let row = |page: &PageRecord| OutboxPage {
        page: PageId::digest(&[page.id.bytes(), b"all clear", &incident.version().to_be_bytes()]),
        incident: incident.id(),
        person: page.person.clone(),
        channel: page.channel.clone(),
        address: page.address.clone(),
        not_before: at,
        attempts: 0,
        under_way: false,
    };
    new.map(row).collect()
}
