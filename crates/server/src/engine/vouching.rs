//! What stored events say, if they are what the log commits to. Everybody who shows, sends or publishes what is stored asks here: whoever
//! can write to the database must not be able to put words into the record. An event is compared in three ways: its body with its
//! entry, its entry with the tree, and what stands in the place of an erased body with what the journal says is left of it. What
//! differs is told: the history is set aside, health and a page say so. Tests: `tests/it/altered.rs`.

use std::collections::BTreeSet;

use quarterdeck_core::journal::{Recorded, Stream};
use quarterdeck_ledger::tree::{HashSource as _, Node};
use quarterdeck_store::{StoreError, StoredEvent};

use super::{
    published::Published,
    replay::{entry_of, recorded_of, vouched},
    work::StartError,
};

/// What one stored event says; none: it was erased.
pub type Said = Result<Option<Recorded>, StartError>;

impl Published {
    /// What each of these events says, or what is wrong with it, which is told.
    pub async fn told(&self, events: &[StoredEvent]) -> Result<Vec<Said>, StoreError> {
        let said = self.examine(events).await?;
        for (event, said) in events.iter().zip(&said) {
            if let Err(error) = said {
                self.doubt_event(event, error);
            }
        }
        Ok(said)
    }

    /// Says of one event that it is not what was written.
    pub fn doubt_event(&self, event: &StoredEvent, error: &StartError) {
        let incident = event.stream.parse().ok().and_then(Stream::incident);
        self.doubt(incident.ok_or(event.index), Some(event.index), &error.to_string());
    }

    /// Whether the event at this place of the log is what was written, as far as that can be seen now.
    pub(crate) async fn stands(&self, place: u64) -> Result<bool, StoreError> {
        let events = self.store.events(place, 1).await?;
        Ok(events.len() == 1 && self.examine(&events).await?.iter().all(Result::is_ok))
    }

    async fn examine(&self, events: &[StoredEvent]) -> Result<Vec<Said>, StoreError> {
        let (nodes, damaged) = self.tree.leaves(&*self.store, events.iter().map(|event| event.index)).await?;
        let board = self.board();
        // Of these slices nobody can say which entry it is: the folder does not have their hashes any more.
        for (from, to) in damaged.into_iter().collect::<BTreeSet<_>>() {
            self.doubt(Err(from), None, &format!("the stored entries {from} to {} do not make their tree", to - 1));
        }
        let said = |event: &StoredEvent| {
            let Ok(leaf) = nodes.hash(Node { level: 0, index: event.index });
            // What is not published yet has no leaf: its body is compared, the rest by whoever reads it next.
            if let Some(leaf) = leaf
                && entry_of(event)?.leaf_hash() != leaf
            {
                let detail = format!("entry {} is not the one of the log", event.index);
                return Err(StartError::Unreadable { index: event.index, detail });
            }
            vouched(&board, event)?;
            recorded_of(event)
        };
        Ok(events.iter().map(said).collect())
    }
}
