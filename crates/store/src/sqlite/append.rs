//! The statements that change the log and what hangs on it. Each runs inside a transaction that the writer opened.
//! It must never half-do: an error rolls everything back. Tests: `conformance.rs`.

use quarterdeck_core::{id::Id, outbox::Audience, time::Timestamp};
use rusqlite::{Connection, params};

use super::{
    evidence,
    failure::failure,
    kept,
    tail::{DOING, SIZE, Tail},
};
use crate::{
    Batch, Outgoing, SignalRow, StoreError, StoredEvent, check_follows,
    columns::{count_of, integer, kind_code, status_code},
    no_such_event,
};

const INSERT_EVENT: &str = "INSERT INTO event
    (place, stream, version, at_ms, json, salt, digest, signal_id, signal_observed_ms, signal_status, signal_incident)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const UPSERT_CHECKPOINT: &str =
    "INSERT INTO checkpoint (sole, note) VALUES (1, ?1) ON CONFLICT (sole) DO UPDATE SET note = excluded.note";
const INSERT_DELIVERY: &str = "INSERT INTO delivery
    (id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING";
const DELETE_DELIVERY: &str = "DELETE FROM delivery WHERE id = ?1";
const UPSERT_TIMER: &str =
    "INSERT INTO deadline (stream, due_ms) VALUES (?1, ?2) ON CONFLICT (stream) DO UPDATE SET due_ms = excluded.due_ms";
const DELETE_TIMER: &str = "DELETE FROM deadline WHERE stream = ?1";
const UPSERT_SIGNAL: &str = "INSERT INTO signal (id, status, incident, observed_ms, place) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (observed_ms, id) DO UPDATE SET status = excluded.status, incident = excluded.incident, place = excluded.place";
const INDEX_SIGNAL: &str = "INSERT OR IGNORE INTO signal_of (incident, observed_ms, id) VALUES (?1, ?2, ?3)";
const UPDATE_SIGNAL: &str = "UPDATE signal SET status = ?3 WHERE observed_ms = ?1 AND id = ?2 AND status <> ?3";
const MOVE_SIGNAL: &str = "DELETE FROM signal WHERE observed_ms = ?1 AND id = ?2";
const UPSERT_CURSOR: &str =
    "INSERT INTO cursor (name, json) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET json = excluded.json";
const UPSERT_SNAPSHOT: &str =
    "INSERT INTO snapshot (name, bytes) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes";
const REDACT_EVENT: &str = "UPDATE event SET json = ?2, salt = NULL WHERE place = ?1";
/// Those that are over, by status; then those that are old. The indexes give both in the order of time.
const FORGET: &str = "DELETE FROM signal WHERE (observed_ms, id) IN
    (SELECT observed_ms, id FROM signal WHERE status IN (0, 1, 2, 3) AND observed_ms < ?1 AND incident IS NULL LIMIT ?2)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    INSERT_EVENT,
    UPSERT_CHECKPOINT,
    INSERT_DELIVERY,
    DELETE_DELIVERY,
    UPSERT_TIMER,
    DELETE_TIMER,
    UPSERT_SIGNAL,
    INDEX_SIGNAL,
    UPDATE_SIGNAL,
    MOVE_SIGNAL,
    UPSERT_CURSOR,
    UPSERT_SNAPSHOT,
    REDACT_EVENT,
    FORGET,
];

/// Writes a whole batch.
pub(super) fn append(connection: &Connection, tail: &mut Tail, batch: &Batch) -> Result<(), StoreError> {
    if !batch.events.is_empty() {
        let size = connection.prepare_cached(SIZE).and_then(|mut asked| asked.query_row([], |row| row.get(0)));
        let size = count_of(DOING, size.map_err(failure(DOING))?)?;
        check_follows(&batch.events, size, |stream| tail.size_of(connection, stream))?;
    }
    let with_events = come_with_events(connection, tail, batch).map_err(failure(DOING))?;
    let rest = write_log(connection, tail, batch, with_events).map_err(failure(DOING))?;
    if !batch.redactions.is_empty() {
        redact(connection, &batch.redactions)?;
        kept::forget(connection)?;
    }
    evidence::forget(connection, &batch.evidence_gone)?;
    evidence::keep(connection, &batch.evidence)?;
    write_duties(connection, batch).map_err(failure(DOING))?;
    write_signals(connection, tail, batch, &rest).map_err(failure(DOING))
}

/// Whether the signals of this batch may wait in the rows of their events: all are new, and nothing changes one that waits there. If
/// not, those that wait are put on the list first, so that no signal is ever in both places.
fn come_with_events(connection: &Connection, tail: &mut Tail, batch: &Batch) -> Result<bool, rusqlite::Error> {
    let mut new = batch.signals_moved.is_empty() && batch.signal_updates.is_empty();
    let here = |row: &&SignalRow| batch.events.first().is_some_and(|first| first.index <= row.place);
    for row in &batch.signals {
        new = new && !tail.knows(connection, row)?;
    }
    if new {
        new = batch.signals.iter().filter(here).all(|row| tail.add_signal(row));
    }
    if !new {
        tail.index(connection)?;
    }
    Ok(new)
}

/// Writes the events, with the signals that came by them if these may wait there. Returns the other signals.
fn write_log<'a>(
    connection: &Connection,
    tail: &mut Tail,
    batch: &'a Batch,
    with_events: bool,
) -> Result<Vec<&'a SignalRow>, rusqlite::Error> {
    let mut insert = connection.prepare_cached(INSERT_EVENT)?;
    let mut rest = Vec::new();
    let mut signals = batch.signals.iter().peekable();
    for event in &batch.events {
        let StoredEvent { index, stream, version, at, content, digest } = event;
        rest.extend(std::iter::from_fn(|| signals.next_if(|row| !with_events || row.place < *index)));
        let signal = signals.next_if(|row| row.place == *index);
        let (json, salt) = content.columns();
        let (place, version) = (integer(*index), integer(*version));
        insert.execute(params![
            place,
            stream,
            version,
            at.as_ms(),
            json,
            salt,
            digest.as_slice(),
            signal.map(|row| row.id.bytes()),
            signal.map(|row| row.observed.as_ms()),
            signal.map(|row| status_code(row.status)),
            signal.and_then(|row| row.incident.as_ref().map(Id::bytes)),
        ])?;
        tail.add(stream, event.version);
    }
    rest.extend(signals);
    if let Some(checkpoint) = &batch.checkpoint {
        connection.prepare_cached(UPSERT_CHECKPOINT)?.execute([checkpoint])?;
    }
    Ok(rest)
}

fn write_duties(connection: &Connection, batch: &Batch) -> Result<(), rusqlite::Error> {
    let mut insert = connection.prepare_cached(INSERT_DELIVERY)?;
    for row in &batch.outgoing {
        let Outgoing { delivery, decided, not_before, attempts, under_way } = row;
        let Audience::Contact { person, channel, address } = &delivery.to;
        insert.execute(params![
            delivery.id.bytes(),
            kind_code(delivery.kind),
            integer(*decided),
            delivery.incident.bytes(),
            person.as_str(),
            channel.as_str(),
            address,
            not_before.as_ms(),
            attempts,
            under_way,
        ])?;
    }
    let mut delete = connection.prepare_cached(DELETE_DELIVERY)?;
    for id in &batch.settled {
        delete.execute([id.bytes()])?;
    }
    for (stream, due) in &batch.timers {
        let stream = stream.to_string();
        match due {
            Some(due) => connection.prepare_cached(UPSERT_TIMER)?.execute(params![stream, due.as_ms()])?,
            None => connection.prepare_cached(DELETE_TIMER)?.execute([stream])?,
        };
    }
    Ok(())
}

/// Changes the list of signals. `rest`: those that are not in the rows of their events.
fn write_signals(
    connection: &Connection,
    tail: &mut Tail,
    batch: &Batch,
    rest: &[&SignalRow],
) -> Result<(), rusqlite::Error> {
    let mut moving = connection.prepare_cached(MOVE_SIGNAL)?;
    for (observed, id) in &batch.signals_moved {
        moving.execute(params![observed.as_ms(), id.bytes()])?;
    }
    let mut insert = connection.prepare_cached(UPSERT_SIGNAL)?;
    let mut index = connection.prepare_cached(INDEX_SIGNAL)?;
    for row in rest {
        let SignalRow { id, status, incident, observed, place } = row;
        let (incident, place) = (incident.as_ref().map(Id::bytes), integer(*place));
        insert.execute(params![id.bytes(), status_code(*status), incident, observed.as_ms(), place])?;
        if let Some(incident) = incident {
            index.execute(params![incident, observed.as_ms(), id.bytes()])?;
        }
        tail.listed(*observed);
    }
    let mut update = connection.prepare_cached(UPDATE_SIGNAL)?;
    for change in &batch.signal_updates {
        update.execute(params![change.observed.as_ms(), change.id.bytes(), status_code(change.status)])?;
    }
    for (name, json) in &batch.cursors {
        connection.prepare_cached(UPSERT_CURSOR)?.execute([name, json])?;
    }
    for (name, bytes) in &batch.snapshots {
        connection.prepare_cached(UPSERT_SNAPSHOT)?.execute(params![name, bytes])?;
    }
    Ok(())
}

/// Puts what is left of events in the place of what they said.
fn redact(connection: &Connection, redactions: &[(u64, String)]) -> Result<(), StoreError> {
    const DOING: &str = "redact event";
    for (index, json) in redactions {
        let redact = || connection.prepare_cached(REDACT_EVENT)?.execute(params![integer(*index), json]);
        if redact().map_err(failure(DOING))? == 0 {
            return Err(no_such_event(DOING, *index));
        }
    }
    Ok(())
}

/// Drops up to `limit` signals that nobody needs. Returns how many; fewer than `limit`: there are no more.
pub(super) fn forget_signals(
    connection: &Connection,
    tail: &mut Tail,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let mut forget = || {
        if tail.has_signals_before(before) {
            tail.index(connection)?;
        }
        connection.prepare_cached(FORGET)?.execute(params![before.as_ms(), integer(limit)])
    };
    forget().map_err(failure("forget signals"))
}
