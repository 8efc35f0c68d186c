//! The connections that read, and the statements that find. A reader sees the last commit and never waits for the writer.
//! Tests: `conformance.rs`.

use std::{
    cmp::Reverse,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use quarterdeck_core::{
    id::{Id, SignalId},
    journal::Stream,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::Semaphore;

use super::{failure::failure, open::open_reader, tail::SIZE};
use crate::{
    Content, FoundSignal, SignalFilter, SignalRow, StoreError, StoredEvent, check_unbroken,
    columns::{count_of, integer, signals_limit, status_code, status_of, stream_of},
    first_version,
};

/// Connections that read at once: more than the cores that one would give to this beside everything else.
const READERS_MAX: usize = 4;

const EVENTS: &str = "SELECT place, stream, version, at_ms, json, salt, digest
    FROM event WHERE place >= ?1 ORDER BY place LIMIT ?2";
/// An event's columns, as they are read.
macro_rules! events {
    ($rest:literal) => {
        concat!("SELECT event.place, event.stream, event.version, at_ms, json, salt, digest FROM ", $rest)
    };
}
const STREAM: &str = events!(
    "event_of JOIN event ON event.place = event_of.place WHERE event_of.stream = ?1 AND event_of.version < ?2
    ORDER BY event_of.version DESC LIMIT ?3"
);
/// What the index does not have yet.
const STREAM_TAIL: &str = events!(
    "event WHERE place >= (SELECT place FROM event_indexed WHERE sole = 1) AND stream = ?1 AND version < ?2
    ORDER BY place DESC LIMIT ?3"
);
const CHECKPOINT: &str = "SELECT note FROM checkpoint WHERE sole = 1";
const TIMERS_DUE: &str = "SELECT stream, due_ms FROM deadline WHERE due_ms <= ?1 ORDER BY due_ms, stream LIMIT ?2";
/// The signals of a list with their events; the condition follows.
macro_rules! found {
    ($where:literal) => {
        concat!(
            "SELECT signal.id, status, incident, observed_ms, signal.place,
            event.place, event.stream, event.version, event.at_ms, event.json, event.salt, event.digest FROM signal
            LEFT JOIN event ON event.place = signal.place WHERE ",
            $where
        )
    };
}
const SIGNALS: &str = found!("(observed_ms, id) < (?1, ?2) ORDER BY observed_ms DESC, id DESC LIMIT ?3");
const SIGNALS_BY_STATUS: &str =
    found!("(observed_ms, id) < (?1, ?2) AND status = ?4 ORDER BY observed_ms DESC, id DESC LIMIT ?3");
/// The signals of an incident, by its index; the status as a bit for each that is wanted.
const SIGNALS_OF_INCIDENT: &str = "SELECT signal.id, status, signal.incident, signal.observed_ms, signal.place,
        event.place, event.stream, event.version, event.at_ms, event.json, event.salt, event.digest
    FROM signal_of CROSS JOIN signal ON signal.observed_ms = signal_of.observed_ms AND signal.id = signal_of.id
    LEFT JOIN event ON event.place = signal.place
    WHERE signal_of.incident = ?4 AND (signal_of.observed_ms, signal_of.id) < (?1, ?2)
        AND signal.incident = ?4 AND ((1 << status) & ?5) <> 0
    ORDER BY signal_of.observed_ms DESC, signal_of.id DESC LIMIT ?3";
/// Signals in the rows of their events, which are not on the list yet; more conditions follow. No signal is in both.
macro_rules! waiting {
    ($rest:literal) => {
        concat!(
            "SELECT signal_id, signal_status, signal_incident, signal_observed_ms, place,
             place, stream, version, at_ms, json, salt, digest FROM event
            WHERE place >= (SELECT place FROM event_indexed WHERE sole = 1) AND signal_id IS NOT NULL AND ",
            $rest
        )
    };
}
/// The status as a bit for each that is wanted.
const SIGNALS_WAITING: &str = waiting!(
    "(signal_observed_ms, signal_id) < (?1, ?2) AND ((1 << signal_status) & ?4) <> 0
    AND (?5 IS NULL OR signal_incident = ?5) ORDER BY signal_observed_ms DESC, signal_id DESC LIMIT ?3"
);
const SIGNAL_WAITING: &str = waiting!("signal_observed_ms = ?1 AND signal_id = ?2");
const LIVE_SIGNALS_WAITING: &str = waiting!(
    "signal_status IN (0, 1) AND (signal_observed_ms, signal_id) > (?1, ?2)
    ORDER BY signal_observed_ms, signal_id LIMIT ?3"
);
const SIGNAL: &str = found!("observed_ms = ?1 AND id = ?2");
/// Two ranges of the same index, merged: asked for with `IN`, SQLite would sort every live signal for each page of the list.
const LIVE_SIGNALS: &str = concat!(
    found!("status = 0 AND (observed_ms, id) > (?1, ?2)"),
    " UNION ALL ",
    found!("status = 1 AND (observed_ms, id) > (?1, ?2) ORDER BY observed_ms, id LIMIT ?3")
);
const CURSOR: &str = "SELECT json FROM cursor WHERE name = ?1";
const SNAPSHOT: &str = "SELECT bytes FROM snapshot WHERE name = ?1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    EVENTS,
    STREAM,
    STREAM_TAIL,
    CHECKPOINT,
    TIMERS_DUE,
    SIGNALS,
    SIGNALS_BY_STATUS,
    SIGNALS_OF_INCIDENT,
    SIGNALS_WAITING,
    SIGNAL,
    SIGNAL_WAITING,
    LIVE_SIGNALS,
    LIVE_SIGNALS_WAITING,
    CURSOR,
    SNAPSHOT,
];

/// A few connections that read.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::with_capacity(READERS_MAX)),
            places: Arc::new(Semaphore::new(READERS_MAX)),
        })
    }

    /// Runs `find` on a thread where blocking does no harm.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        doing: &'static str,
        find: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Database { doing, source };
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|closed| failed(closed.into()))?;
        let readers = Arc::clone(self);
        let work = move || {
            let idle = readers.idle().pop();
            let connection = idle.map_or_else(|| open_reader(&readers.path), Ok).map_err(failure(doing))?;
            let found = find(&connection);
            readers.idle().push(connection);
            drop(place);
            found
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.into()))?
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn size(connection: &Connection) -> Result<u64, StoreError> {
    const DOING: &str = "read size of log";
    let number = connection.prepare_cached(SIZE).and_then(|mut statement| statement.query_row([], |row| row.get(0)));
    count_of(DOING, number.map_err(failure(DOING))?)
}

pub(super) fn events(connection: &Connection, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
    const DOING: &str = "read events";
    let events = list(connection, DOING, EVENTS, params![integer(from), integer(limit)], event_alone)?;
    check_unbroken(DOING, &events, from, |event| event.index)?;
    Ok(events)
}

pub(super) fn stream(connection: &Connection, stream: &str) -> Result<Vec<StoredEvent>, StoreError> {
    stream_before(connection, stream, u64::MAX, usize::MAX)
}

pub(super) fn stream_before(
    connection: &Connection,
    stream: &str,
    before: u64,
    limit: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    const DOING: &str = "read stream";
    // One view of the file for both, or an event could go from the tail into the index between them.
    let view = connection.unchecked_transaction().map_err(failure(DOING))?;
    let mut events = list(&view, DOING, STREAM_TAIL, params![stream, integer(before), integer(limit)], event_alone)?;
    let left = limit.saturating_sub(events.len());
    events.extend(list(&view, DOING, STREAM, params![stream, integer(before), integer(left)], event_alone)?);
    events.reverse();
    check_unbroken(DOING, &events, first_version(&events, limit), |event| event.version)?;
    Ok(events)
}

pub(super) fn checkpoint(connection: &Connection) -> Result<Option<String>, StoreError> {
    one(connection, "read checkpoint", CHECKPOINT, params![])
}

pub(super) fn timers_due(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<(Stream, Timestamp)>, StoreError> {
    list(connection, "list timers", TIMERS_DUE, params![now.as_ms(), integer(limit)], |doing, row| {
        let stream = row.get_ref(0).and_then(|value| Ok(value.as_str()?)).map_err(failure(doing))?;
        Ok((stream_of(doing, stream)?, Timestamp::from_ms(row.get(1).map_err(failure(doing))?)))
    })
}

pub(super) fn signals(connection: &Connection, filter: &SignalFilter) -> Result<Vec<FoundSignal>, StoreError> {
    const DOING: &str = "list signals";
    // No id: the empty blob, which is less than every id, so that only earlier instants are before it.
    let instant = filter.before.map_or(i64::MAX, Timestamp::as_ms);
    let id = filter.before_id.as_ref().map_or(&[][..], |id| id.bytes().as_slice());
    let limit = signals_limit(filter);
    let rows = integer(limit);
    let statuses = filter.status.map_or(i64::MAX, |status| 1 << status_code(status));
    let incident = filter.incident.as_ref().map(Id::bytes);
    // One view of the file for both, or a signal could go from its event's row onto the list between them.
    let view = connection.unchecked_transaction().map_err(failure(DOING))?;
    let mut found = match (filter.incident, filter.status) {
        (Some(_), _) => {
            let values = params![instant, id, rows, incident, statuses];
            list(&view, DOING, SIGNALS_OF_INCIDENT, values, signal_of)?
        }
        (None, None) => list(&view, DOING, SIGNALS, params![instant, id, rows], signal_of)?,
        (None, Some(status)) => {
            let values = params![instant, id, rows, status_code(status)];
            list(&view, DOING, SIGNALS_BY_STATUS, values, signal_of)?
        }
    };
    let values = params![instant, id, rows, statuses, incident];
    found.extend(list(&view, DOING, SIGNALS_WAITING, values, signal_of)?);
    found.sort_by_key(|found| Reverse((found.row.observed, found.row.id)));
    found.truncate(limit);
    Ok(found)
}

pub(super) fn signal(
    connection: &Connection,
    observed: Timestamp,
    id: SignalId,
) -> Result<Option<FoundSignal>, StoreError> {
    const DOING: &str = "read signal";
    let view = connection.unchecked_transaction().map_err(failure(DOING))?;
    let mut found = list(&view, DOING, SIGNAL, params![observed.as_ms(), id.bytes()], signal_of)?;
    if found.is_empty() {
        found = list(&view, DOING, SIGNAL_WAITING, params![observed.as_ms(), id.bytes()], signal_of)?;
    }
    Ok(found.pop())
}

pub(super) fn live_signals(
    connection: &Connection,
    after: Option<(Timestamp, SignalId)>,
    limit: usize,
) -> Result<Vec<FoundSignal>, StoreError> {
    const DOING: &str = "list live signals";
    let instant = after.map_or(i64::MIN, |(observed, _)| observed.as_ms());
    let id = after.as_ref().map_or(&[][..], |(_, id)| id.bytes().as_slice());
    let rows = integer(limit);
    let view = connection.unchecked_transaction().map_err(failure(DOING))?;
    let mut found = list(&view, DOING, LIVE_SIGNALS, params![instant, id, rows], signal_of)?;
    found.extend(list(&view, DOING, LIVE_SIGNALS_WAITING, params![instant, id, rows], signal_of)?);
    found.sort_by_key(|found| (found.row.observed, found.row.id));
    found.truncate(limit);
    Ok(found)
}

pub(super) fn cursor(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    one(connection, "read cursor", CURSOR, params![name])
}

pub(super) fn snapshot(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    one(connection, "read snapshot", SNAPSHOT, params![name])
}

fn one<T: rusqlite::types::FromSql>(
    connection: &Connection,
    doing: &'static str,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failure(doing))?;
    statement.query_row(parameters, |row| row.get(0)).optional().map_err(failure(doing))
}

fn list<T>(
    connection: &Connection,
    doing: &'static str,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl Fn(&'static str, &Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failure(doing))?;
    let mut rows = statement.query(parameters).map_err(failure(doing))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure(doing))? {
        found.push(read(doing, row)?);
    }
    Ok(found)
}

/// A row that is an event and nothing more.
fn event_alone(doing: &'static str, row: &Row<'_>) -> Result<StoredEvent, StoreError> {
    event_of(doing, row, 0)
}

/// The event whose columns begin at `first`.
fn event_of(doing: &'static str, row: &Row<'_>, first: usize) -> Result<StoredEvent, StoreError> {
    let json: Option<String> = row.get(first + 4).map_err(failure(doing))?;
    let salt: Option<[u8; 16]> = row.get(first + 5).map_err(failure(doing))?;
    Ok(StoredEvent {
        index: count_of(doing, row.get(first).map_err(failure(doing))?)?,
        stream: row.get(first + 1).map_err(failure(doing))?,
        version: count_of(doing, row.get(first + 2).map_err(failure(doing))?)?,
        at: Timestamp::from_ms(row.get(first + 3).map_err(failure(doing))?),
        content: Content::of_columns(json, salt),
        digest: row.get(first + 6).map_err(failure(doing))?,
    })
}

fn signal_of(doing: &'static str, row: &Row<'_>) -> Result<FoundSignal, StoreError> {
    let incident: Option<[u8; 16]> = row.get(2).map_err(failure(doing))?;
    let signal = SignalRow {
        id: Id::from_bytes(row.get(0).map_err(failure(doing))?),
        status: status_of(doing, row.get(1).map_err(failure(doing))?)?,
        incident: incident.map(Id::from_bytes),
        observed: Timestamp::from_ms(row.get(3).map_err(failure(doing))?),
        place: count_of(doing, row.get(4).map_err(failure(doing))?)?,
    };
    let there: Option<i64> = row.get(5).map_err(failure(doing))?;
    let event = there.map(|_| event_of(doing, row, 5)).transpose()?;
    Ok(FoundSignal { row: signal, event })
}
