//! What happened in an incident, read back from the stored log: all of it for a review, a part of it for a screen.
//!
//! Only what is published is read, for the store is a moment ahead of it. The store proves that the events of a stream follow each
//! other without a hole; that they are in the order of the log is checked here. Erased events are left out. It must never read
//! more than it was asked for: an answer about a long incident costs what an answer about a short one costs.
//! Tests: `tests/it/history.rs`.

use std::collections::BTreeSet;

use quarterdeck_core::{
    id::IncidentId,
    incident::{Actor, Incident, IncidentEvent},
    journal::{Body, Stream},
    review::{self, Entry, Names, Review, Unreviewable},
    setting::Setting,
    time::Timestamp,
};

use quarterdeck_store::{Store, StoreError, StoredEvent};

use crate::engine::{LogHead, Published, StartError, read};

/// Rows of a timeline in one part unless told otherwise: more than a screen, and read in a few milliseconds.
pub const ROWS: usize = 100;
/// Rows of a timeline in one part at most: about 300 kB of JSON.
pub const ROWS_MAX: usize = 1_000;

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is no such incident.
    #[error("no incident {id}")]
    NoSuch {
        /// What was asked for.
        id: IncidentId,
    },
    /// The store did not answer.
    #[error("read the history of incident {id}")]
    Store {
        /// The incident whose history was asked for.
        id: IncidentId,
        /// What it said.
        #[source]
        source: StoreError,
    },
    /// A stored event is not what we write.
    #[error("read the history of incident {id}")]
    Unreadable {
        /// The incident whose history was asked for.
        id: IncidentId,
        /// What is wrong with it.
        #[source]
        source: StartError,
    },
    /// The events are all there, and in another order than the log has them.
    #[error("incident {id}: the event at log index {index} comes after the one at {before}")]
    OutOfOrder {
        /// The incident whose history was asked for.
        id: IncidentId,
        /// The event's place in the log.
        index: u64,
        /// The place of the one before it in the stream.
        before: u64,
    },
}

/// Part of a history, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The events.
    pub events: Vec<Entry>,
    /// Where the part before this one ends, to ask for it; none: this one begins with the first event.
    pub earlier: Option<u64>,
}

/// Every published event of an incident that was not erased.
pub async fn whole(store: &dyn Store, published: &Published, id: IncidentId) -> Result<Vec<Entry>, HistoryError> {
    let stored = store.stream(&Stream::Incident(id).to_string()).await;
    let stored = stored.map_err(|source| HistoryError::Store { id, source })?;
    let events = entries(published, id, stored).await?;
    if events.is_empty() { Err(HistoryError::NoSuch { id }) } else { Ok(events) }
}

/// The last `limit` events before `before`, which an earlier part gave; without it, the last of all.
pub async fn part(
    store: &dyn Store,
    published: &Published,
    id: IncidentId,
    before: Option<u64>,
    limit: usize,
) -> Result<Part, HistoryError> {
    let before = before.unwrap_or(u64::MAX);
    let stored = store.stream_before(&Stream::Incident(id).to_string(), before, limit.clamp(1, ROWS_MAX)).await;
    let stored = stored.map_err(|source| HistoryError::Store { id, source })?;
    let size = read(&published.head).size;
    // Every incident has a first event, so nothing before a later one means that there is none.
    if before > 0 && !stored.iter().any(|event| event.index < size) {
        return Err(HistoryError::NoSuch { id });
    }
    let earlier = stored.first().map(|first| first.version).filter(|version| *version > 0);
    Ok(Part { events: entries(published, id, stored).await?, earlier })
}

/// Events this far apart or nearer are read together: what is between costs less than asking again.
const APART_MAX: u64 = 32;

/// The published events of these versions, in the order of the log. One that was erased as a whole is left out.
pub async fn of_versions(
    store: &dyn Store,
    published: &Published,
    id: IncidentId,
    versions: &BTreeSet<u64>,
) -> Result<Vec<Entry>, HistoryError> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for version in versions {
        match runs.last_mut() {
            Some((first, last)) if version - *last <= APART_MAX && version - *first < ROWS_MAX as u64 => {
                *last = *version;
            }
            _ => runs.push((*version, *version)),
        }
    }
    let mut found = Vec::with_capacity(versions.len());
    for (first, last) in runs {
        let count = usize::try_from(last - first + 1).unwrap_or(ROWS_MAX);
        let stored = store.stream_before(&Stream::Incident(id).to_string(), last + 1, count).await;
        let stored = stored.map_err(|source| HistoryError::Store { id, source })?;
        let wanted = stored.into_iter().filter(|event| versions.contains(&event.version)).collect();
        found.extend(entries(published, id, wanted).await?);
    }
    Ok(found)
}

/// The published events among these that were not erased. What is not what the log commits to is never shown, and people are told.
async fn entries(published: &Published, id: IncidentId, stored: Vec<StoredEvent>) -> Result<Vec<Entry>, HistoryError> {
    let size = read(&published.head).size;
    let stored: Vec<StoredEvent> = stored.into_iter().filter(|event| event.index < size).collect();
    if let Some((before, event)) = stored.iter().zip(stored.iter().skip(1)).find(|(one, next)| one.index >= next.index)
    {
        let error = HistoryError::OutOfOrder { id, index: event.index, before: before.index };
        published.doubt(Ok(id), None, &error.to_string());
        return Err(error);
    }
    let told = published.told(&stored).await.map_err(|source| HistoryError::Store { id, source })?;
    let mut entries = Vec::with_capacity(stored.len());
    for (event, said) in stored.iter().zip(told) {
        let recorded = said.map_err(|source| HistoryError::Unreadable { id, source })?;
        if let Some(Body::Incident(happened)) = recorded.map(|recorded| recorded.body) {
            entries.push((event.index, event.version, event.at, happened));
        }
    }
    Ok(entries)
}

/// A row of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When it was decided.
    pub at: Timestamp,
    /// What kind of event, without the version of its form: `opened`.
    pub kind: &'static str,
    /// The version of its form: 1 for `opened.v1`.
    pub version: u32,
    /// What happened, for a person.
    pub text: String,
    /// Its place in the log.
    pub log_index: u64,
}

/// Takes the words of what was withdrawn out of these events, as people are shown them.
pub fn unsay(incident: &Incident, events: &mut [Entry]) {
    for (_, version, _, event) in events {
        if let IncidentEvent::Room(said) = event
            && let Some(message) = said.words_of(incident.id(), *version)
            && incident.room().message(message).is_some_and(|known| known.withdrawn.is_some())
        {
            *event = said.unsaid().into();
        }
    }
}

/// The rows of these events, with the names of the configuration.
pub fn rows(setting: &Setting, events: &[Entry]) -> Vec<Row> {
    let row = |names: &Names<'_>, (log_index, _, at, event): &(u64, u64, Timestamp, IncidentEvent)| {
        let (kind, version) = kind_and_version(event.kind());
        Row { at: *at, kind, version, text: review::line(event, names), log_index: *log_index }
    };
    with_names(setting, |names| events.iter().map(|event| row(&names, event)).collect())
}

/// `opened.v1` is version 1 of `opened`.
fn kind_and_version(kind: &'static str) -> (&'static str, u32) {
    let parts = kind.rsplit_once(".v").and_then(|(name, version)| Some((name, version.parse().ok()?)));
    parts.unwrap_or((kind, 1))
}

/// A review with the names of the configuration.
pub fn review(
    setting: &Setting,
    id: IncidentId,
    events: &[Entry],
    origin: &str,
    head: &LogHead,
) -> Result<Review, Unreviewable> {
    with_names(setting, |names| {
        let (log_origin, log_size, log_root) = (origin, head.size, head.root.as_str());
        Review::draft(events, &review::Context { incident: id, names, log_origin, log_size, log_root })
    })
}

/// A line of the timeline.
pub fn line(setting: &Setting, event: &IncidentEvent) -> String {
    with_names(setting, |names| review::line(event, &names))
}

/// How people call somebody.
pub fn who(setting: &Setting, actor: &Actor) -> String {
    match actor {
        Actor::Person(person) => {
            setting.roster.people.get(person).map_or_else(|| person.to_string(), |known| known.name.clone())
        }
        Actor::Token(_) | Actor::System => actor.to_string(),
    }
}

/// How the configuration calls services and people.
fn with_names<T>(setting: &Setting, write: impl FnOnce(Names<'_>) -> T) -> T {
    write(Names {
        service_title: &|service| setting.catalogue.services.get(service).map(|service| service.title.clone()),
        person_name: &|person| setting.roster.people.get(person).map(|person| person.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_without_its_version() {
        assert_eq!(kind_and_version("opened.v1"), ("opened", 1));
        assert_eq!(kind_and_version("page_settled.v12"), ("page_settled", 12));
        assert_eq!(kind_and_version("odd.vx"), ("odd.vx", 1));
    }
}
