//! The transaction that changes the log and what hangs on it: three round trips, however long the batch.
//! Tests: `conformance.rs`; connections cut at each point in `tests/store.rs`.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::{join_all, join3};
use quarterdeck_core::{
    id::{IncidentId, SignalId},
    time::Timestamp,
};
use tokio_postgres::types::ToSql;

use super::pool::{Call, Fault, Session, fault};
use crate::{
    Batch, OutboxPage, SignalRow, StoreError, StoredEvent, check_follows,
    columns::{count_of, damaged, integer, status_code},
    no_such_event,
};

pub(super) const DOING: &str = "append to log";

/// Takes the one row that whoever writes holds, and the places for our events.
const TAKE_PLACES: &str = "UPDATE log_head SET size = size + $1 WHERE sole RETURNING size - $1";
/// Takes the row alone.
pub(super) const TAKE_HEAD: &str = "SELECT size FROM log_head WHERE sole FOR UPDATE";
const STREAM_SIZES: &str = "SELECT asked.stream,
    (SELECT coalesce(max(event.version) + 1, 0) FROM event WHERE event.stream = asked.stream)
    FROM unnest($1::text[]) AS asked (stream)";
const DIGEST: &str = "SELECT digest FROM event WHERE place = $1";
const INSERT_EVENTS: &str = "INSERT INTO event (place, stream, version, at_ms, json, salt, digest)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[])";
const UPSERT_CHECKPOINT: &str =
    "INSERT INTO checkpoint (sole, note) VALUES (true, $1) ON CONFLICT (sole) DO UPDATE SET note = excluded.note";
const INSERT_PAGES: &str = "INSERT INTO outbox
    (page, incident, person, channel, address, not_before_ms, attempts, under_way)
    SELECT page, incident, person, channel, address, not_before_ms, attempts, under_way
    FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::boolean[])
        WITH ORDINALITY AS new (page, incident, person, channel, address, not_before_ms, attempts, under_way, nth)
    ORDER BY nth ON CONFLICT (page) DO NOTHING";
const DELETE_PAGES: &str = "DELETE FROM outbox WHERE page = ANY ($1::bytea[])";
const UPSERT_TIMERS: &str = "INSERT INTO timer (incident, due_ms) SELECT * FROM unnest($1::bytea[], $2::bigint[])
    ON CONFLICT (incident) DO UPDATE SET due_ms = excluded.due_ms";
const DELETE_TIMERS: &str = "DELETE FROM timer WHERE incident = ANY ($1::bytea[])";
const UPSERT_SIGNALS: &str = "INSERT INTO signal (id, status, incident, observed_ms, place)
    SELECT * FROM unnest($1::bytea[], $2::smallint[], $3::bytea[], $4::bigint[], $5::bigint[])
    ON CONFLICT (observed_ms, id) DO UPDATE SET status = excluded.status, incident = excluded.incident, place = excluded.place";
const UPDATE_SIGNALS: &str = "UPDATE signal SET status = new.status
    FROM unnest($1::bigint[], $2::bytea[], $3::smallint[]) AS new (observed_ms, id, status)
    WHERE signal.observed_ms = new.observed_ms AND signal.id = new.id AND signal.status <> new.status";
const MOVE_SIGNALS: &str = "DELETE FROM signal USING unnest($1::bigint[], $2::bytea[]) AS gone (observed_ms, id)
    WHERE signal.observed_ms = gone.observed_ms AND signal.id = gone.id";
const UPSERT_CURSORS: &str = "INSERT INTO cursor (name, json) SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT (name) DO UPDATE SET json = excluded.json";
const UPSERT_SNAPSHOTS: &str = "INSERT INTO snapshot (name, bytes) SELECT * FROM unnest($1::text[], $2::bytea[])
    ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes";
const ERASE_EVENT: &str = "UPDATE event SET json = NULL, salt = NULL WHERE place = $1";
const FORGET: &str = "DELETE FROM signal WHERE (observed_ms, id) IN
    (SELECT observed_ms, id FROM signal WHERE status IN (0, 1, 2, 3) AND observed_ms < $1 AND incident IS NULL LIMIT $2)";

pub(super) const STATEMENTS: &[&str] = &[
    TAKE_PLACES,
    TAKE_HEAD,
    STREAM_SIZES,
    DIGEST,
    INSERT_EVENTS,
    UPSERT_CHECKPOINT,
    INSERT_PAGES,
    DELETE_PAGES,
    UPSERT_TIMERS,
    DELETE_TIMERS,
    UPSERT_SIGNALS,
    UPDATE_SIGNALS,
    MOVE_SIGNALS,
    UPSERT_CURSORS,
    UPSERT_SNAPSHOTS,
    ERASE_EVENT,
    FORGET,
];

/// Writes a whole batch.
///
/// On a later try the earlier one may have been committed and its answer lost, or may even be committing still. `log_head` settles
/// it: we get the row only when that transaction is over, and then the log either ends where our batch begins, or has our last
/// digest in its place (digests are salted: no other writer has the same), or belongs to somebody else.
pub(super) async fn append(session: Session, batch: &Batch, nth_try: usize) -> Result<(Session, ()), Fault> {
    let failed = fault(DOING);
    match take_places(&session, batch).await? {
        Ok(()) => {}
        Err(conflict) => {
            let is_ours = nth_try > 0 && is_written(&session, batch).await?;
            session.plain("ROLLBACK").await.map_err(failed)?;
            return if is_ours { Ok((session, ())) } else { Err(Fault::Refused(Box::new(session), conflict)) };
        }
    }
    // Sent together, answered together. Every answer is looked at before COMMIT: after an error, PostgreSQL would take COMMIT for
    // ROLLBACK and not complain.
    for written in join_all(calls(batch).into_iter().map(|call| session.execute(call))).await {
        written.map_err(failed)?;
    }
    session.plain("COMMIT").await.map_err(failed)?;
    Ok((session, ()))
}

/// Begins the transaction and takes the places of the events. The inner error: they are not free.
async fn take_places(session: &Session, batch: &Batch) -> Result<Result<(), StoreError>, Fault> {
    let failed = fault(DOING);
    let count: i64 = integer(batch.events.len());
    let mut streams: Vec<&str> = batch.events.iter().map(|event| event.stream.as_str()).collect();
    streams.sort_unstable();
    streams.dedup();
    let (begun, size, heads) =
        join3(session.plain("BEGIN"), session.query(TAKE_PLACES, &[&count]), session.query(STREAM_SIZES, &[&streams]))
            .await;
    begun.map_err(failed)?;
    let size = size.map_err(failed)?;
    let row = size.first().ok_or_else(|| damaged(DOING, "log head", "its row is missing".to_owned()))?;
    let size = count_of(DOING, row.try_get(0).map_err(failed)?)?;
    let mut next_versions: HashMap<String, i64> = HashMap::new();
    for row in heads.map_err(failed)? {
        next_versions.insert(row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    }
    let next_version = |stream: &str| count_of(DOING, next_versions.get(stream).copied().unwrap_or(0));
    match check_follows(&batch.events, size, next_version) {
        Ok(()) => Ok(Ok(())),
        Err(conflict @ StoreError::Conflict { .. }) => Ok(Err(conflict)),
        Err(other) => Err(other.into()),
    }
}

/// Whether the log has our last event. To be asked while the head of the log is held.
async fn is_written(session: &Session, batch: &Batch) -> Result<bool, Fault> {
    let Some(last) = batch.events.last() else { return Ok(false) };
    let rows = session.query(DIGEST, &[&integer(last.index)]).await.map_err(fault(DOING))?;
    let Some(row) = rows.first() else { return Ok(false) };
    let digest: &[u8] = row.try_get(0).map_err(fault(DOING))?;
    Ok(digest == last.digest)
}

/// The statements of a batch, in order.
fn calls(batch: &Batch) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    if !batch.events.is_empty() {
        calls.push(insert_events(&batch.events));
    }
    if let Some(checkpoint) = &batch.checkpoint {
        calls.push(Call { sql: UPSERT_CHECKPOINT, values: vec![Box::new(checkpoint)] });
    }
    if !batch.pages.is_empty() {
        calls.push(insert_pages(&batch.pages));
    }
    if !batch.settled.is_empty() {
        let ids: Vec<&[u8]> = batch.settled.iter().map(|page| page.bytes().as_slice()).collect();
        calls.push(Call { sql: DELETE_PAGES, values: vec![Box::new(ids)] });
    }
    calls.extend(set_timers(&batch.timers));
    if !batch.signals_moved.is_empty() {
        let (observed, ids): (Vec<i64>, Vec<&[u8]>) =
            batch.signals_moved.iter().map(|(observed, id)| (observed.as_ms(), id.bytes().as_slice())).unzip();
        calls.push(Call { sql: MOVE_SIGNALS, values: vec![Box::new(observed), Box::new(ids)] });
    }
    if !batch.signals.is_empty() {
        calls.push(upsert_signals(&batch.signals));
    }
    if !batch.signal_updates.is_empty() {
        // One statement changes a row once: the last change of the batch holds.
        let last: BTreeMap<(Timestamp, &SignalId), i16> =
            batch.signal_updates.iter().map(|new| ((new.observed, &new.id), status_code(new.status))).collect();
        let observed: Vec<i64> = last.keys().map(|(observed, _)| observed.as_ms()).collect();
        let (ids, statuses): (Vec<&[u8]>, Vec<i16>) =
            last.into_iter().map(|((_, id), status)| (id.bytes().as_slice(), status)).unzip();
        calls.push(Call { sql: UPDATE_SIGNALS, values: vec![Box::new(observed), Box::new(ids), Box::new(statuses)] });
    }
    if !batch.cursors.is_empty() {
        let last: BTreeMap<&str, &str> =
            batch.cursors.iter().map(|(name, json)| (name.as_str(), json.as_str())).collect();
        let (names, texts): (Vec<&str>, Vec<&str>) = last.into_iter().unzip();
        calls.push(Call { sql: UPSERT_CURSORS, values: vec![Box::new(names), Box::new(texts)] });
    }
    if !batch.snapshots.is_empty() {
        let last: BTreeMap<&str, &[u8]> =
            batch.snapshots.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let (names, bytes): (Vec<&str>, Vec<&[u8]>) = last.into_iter().unzip();
        calls.push(Call { sql: UPSERT_SNAPSHOTS, values: vec![Box::new(names), Box::new(bytes)] });
    }
    calls
}

fn insert_events(events: &[StoredEvent]) -> Call<'_> {
    Call {
        sql: INSERT_EVENTS,
        values: vec![
            column(events, |event| integer(event.index)),
            column(events, |event| event.stream.as_str()),
            column(events, |event| integer(event.version)),
            column(events, |event| event.at.as_ms()),
            column(events, |event| event.content.as_ref().map(|(json, _)| json.as_str())),
            column(events, |event| event.content.as_ref().map(|(_, salt)| salt.as_slice())),
            column(events, |event| event.digest.as_slice()),
        ],
    }
}

fn insert_pages(pages: &[OutboxPage]) -> Call<'_> {
    Call {
        sql: INSERT_PAGES,
        values: vec![
            column(pages, |page| page.page.bytes().as_slice()),
            column(pages, |page| page.incident.bytes().as_slice()),
            column(pages, |page| page.person.as_str()),
            column(pages, |page| page.channel.as_str()),
            column(pages, |page| page.address.as_str()),
            column(pages, |page| page.not_before.as_ms()),
            column(pages, |page| i64::from(page.attempts)),
            column(pages, |page| page.under_way),
        ],
    }
}

fn upsert_signals(signals: &[SignalRow]) -> Call<'_> {
    // One statement changes a row once: the last of a batch holds.
    let last: BTreeMap<(Timestamp, &SignalId), &SignalRow> =
        signals.iter().map(|row| ((row.observed, &row.id), row)).collect();
    let rows: Vec<&SignalRow> = last.into_values().collect();
    let ids: Vec<&[u8]> = rows.iter().map(|row| row.id.bytes().as_slice()).collect();
    let statuses: Vec<i16> = rows.iter().map(|row| status_code(row.status)).collect();
    let incidents: Vec<Option<&[u8]>> =
        rows.iter().map(|row| row.incident.as_ref().map(|incident| incident.bytes().as_slice())).collect();
    let observed: Vec<i64> = rows.iter().map(|row| row.observed.as_ms()).collect();
    let places: Vec<i64> = rows.iter().map(|row| integer(row.place)).collect();
    Call {
        sql: UPSERT_SIGNALS,
        values: vec![Box::new(ids), Box::new(statuses), Box::new(incidents), Box::new(observed), Box::new(places)],
    }
}

fn set_timers(timers: &[(IncidentId, Option<Timestamp>)]) -> Vec<Call<'_>> {
    let last: BTreeMap<&IncidentId, Option<Timestamp>> =
        timers.iter().map(|(incident, due)| (incident, *due)).collect();
    let (mut set, mut due_ms, mut cleared) = (Vec::new(), Vec::new(), Vec::new());
    for (incident, due) in last {
        if let Some(due) = due {
            set.push(incident.bytes().as_slice());
            due_ms.push(due.as_ms());
        } else {
            cleared.push(incident.bytes().as_slice());
        }
    }
    let mut calls = Vec::new();
    if !set.is_empty() {
        calls.push(Call { sql: UPSERT_TIMERS, values: vec![Box::new(set), Box::new(due_ms)] });
    }
    if !cleared.is_empty() {
        calls.push(Call { sql: DELETE_TIMERS, values: vec![Box::new(cleared)] });
    }
    calls
}

/// One column of many rows, as an array.
fn column<'v, Row, Value>(rows: &'v [Row], value: impl Fn(&'v Row) -> Value) -> Box<dyn ToSql + Sync + Send + 'v>
where
    Value: ToSql + Sync + Send + 'v,
{
    Box::new(rows.iter().map(value).collect::<Vec<Value>>())
}

/// Takes an event's content away.
pub(super) async fn erase(session: Session, index: u64) -> Result<(Session, ()), Fault> {
    const DOING: &str = "erase event";
    let place: i64 = integer(index);
    let erased =
        session.execute(Call { sql: ERASE_EVENT, values: vec![Box::new(place)] }).await.map_err(fault(DOING))?;
    if erased == 0 {
        return Err(no_such_event(DOING, index).into());
    }
    // A vacuum of a long log may take its time.
    session.plain("SET statement_timeout = 0").await.map_err(fault(DOING))?;
    session.plain("VACUUM event").await.map_err(fault(DOING))?;
    session.plain("SET statement_timeout = '60s'").await.map_err(fault(DOING))?;
    Ok((session, ()))
}

/// Drops up to `limit` signals that nobody needs. Returns how many; fewer than `limit`: there are no more.
pub(super) async fn forget_signals(session: Session, before: Timestamp, limit: usize) -> Result<(Session, u64), Fault> {
    let failed = fault("forget signals");
    // Holding the head: two transactions that change many signals in different orders would wait for each other for ever.
    session.plain("BEGIN").await.map_err(failed)?;
    session.query(TAKE_HEAD, &[]).await.map_err(failed)?;
    let limit: i64 = integer(limit);
    let values: Vec<Box<dyn ToSql + Sync + Send>> = vec![Box::new(before.as_ms()), Box::new(limit)];
    let gone = session.execute(Call { sql: FORGET, values }).await.map_err(failed)?;
    session.plain("COMMIT").await.map_err(failed)?;
    Ok((session, gone))
}
