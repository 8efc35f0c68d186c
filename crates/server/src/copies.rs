//! Where in the log somebody's words stand besides the history that is erased: a merged incident hands its signals over, a claim comes
//! again in another incident, a signal without an incident is in the journal, and so is what became of an all-clear.
//!
//! Nothing lists these places, so the whole log is looked through. That is slow on a long log and seldom needed; an index of people's
//! words would be one more place to erase. Tests: `tests/it/erase.rs`.

use quarterdeck_core::{
    erasure::About,
    journal::{Recorded, Stream},
};
use quarterdeck_store::{Store, StoreError};

use crate::engine::recorded_of;

/// Events read at once.
const EVENTS: usize = 5_000;

/// An event with its place in the log.
pub type Placed = (u64, Recorded);

/// Every event of the first `size` that holds words about it, without those of the history `but`. What cannot be read is passed over:
/// it is set aside already, and people were told.
pub async fn find(store: &dyn Store, size: u64, about: &About, but: Option<Stream>) -> Result<Vec<Placed>, StoreError> {
    let names = about.names();
    let (mut found, mut from) = (Vec::new(), 0);
    while from < size && !names.is_empty() {
        let events = store.events(from, EVENTS).await?;
        let Some(last) = events.last() else { break };
        from = last.index + 1;
        for event in events.iter().filter(|event| event.index < size) {
            let text = event.content.json().unwrap_or_default();
            // Identifiers are whole texts in JSON, so they stand between quotation marks.
            if text.split('"').any(|part| names.contains(part))
                && let Ok(Some(recorded)) = recorded_of(event)
                && Some(recorded.stream) != but
                && about.is_in(&recorded.body)
            {
                found.push((event.index, recorded));
            }
        }
    }
    Ok(found)
}
