//! What is decided and not yet handed to the store: one transaction that grows.
//!
//! Everything that needs no other decision is done at once (the text, the salt, the digest of an event), so that the work is over
//! when the store has time for the batch.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck_core::{
    id::IdSource,
    incident::Incident,
    journal::{Body, Recorded, Stream},
    outbox,
    policy::Roster,
    setting::Setting,
    time::Timestamp,
};
use quarterdeck_ledger::{hash::Hash, leaf::Entry};

use super::{EngineError, signals};
use quarterdeck_store::{Batch, Content, Outgoing, StoredEvent};

/// Decisions on top of the durable board, in their order.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) batch: Batch,
    pub(super) recorded: Vec<Arc<Recorded>>,
    pub(super) leaves: Vec<Hash>,
    /// Streams with new events, and when something was due for them before: their timers may have moved.
    pub(super) deadlines: BTreeMap<Stream, Option<Timestamp>>,
    /// The configuration to decide by, if it changed.
    pub(super) setting: Option<Arc<Setting>>,
    /// An event that could not be sealed: a defect of ours. Nothing of the draft may be written.
    pub(super) broken: Option<EngineError>,
}

impl Draft {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.batch == Batch::default() && self.broken.is_none()
    }

    /// Adds an event that takes the place `index` of the log and was applied to its incident, if it has one. `seen`: when the
    /// signal that it is about was seen, as far as was known before it. `roster`: the people of now.
    #[expect(
        clippy::too_many_arguments,
        reason = "what an event is stored with; only the engine calls it, in one place"
    )]
    pub(super) fn add(
        &mut self,
        recorded: Recorded,
        index: u64,
        seen: Option<Timestamp>,
        incident: Option<&Incident>,
        roster: &Roster,
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
            let leaving = outbox::deliveries(incident, event, roster).into_iter();
            self.batch.outgoing.extend(leaving.map(|delivery| Outgoing::new(delivery, index, recorded.at)));
        }
        if let Body::Journal(event) = &recorded.body {
            let leaving = outbox::notice(recorded.version, event);
            self.batch.outgoing.extend(leaving.map(|delivery| Outgoing::new(delivery, index, recorded.at)));
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
    Ok((
        StoredEvent {
            index,
            stream,
            version,
            at,
            content: Content::Whole { json: body, salt },
            digest: *entry.digest(),
        },
        leaf,
    ))
}
