//! The transaction that changes the log and what hangs on it: three round trips, however long the batch.
//! Tests: `conformance.rs`; connections cut at each point in `tests/store.rs`.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::{join_all, join3};
use quarterdeck_core::{id::SignalId, journal::Stream, outbox::Audience, time::Timestamp};
use tokio_postgres::types::ToSql;

use super::{
    evidence, kept,
    lease::{beside_head, hold_head, overtaken},
    pool::{Call, Failure, Session, failure},
};
use crate::{
    Batch, Outgoing, SignalRow, StoreError, StoredEvent, check_follows,
    columns::{count_of, integer, kind_code, status_code},
    no_such_event,
};

pub(super) const DOING: &str = "append to log";

/// Takes the one row that whoever writes holds, and the places for our events.
const TAKE_PLACES: &str = "UPDATE log_head SET size = size + $1 WHERE sole AND epoch = $2 RETURNING size - $1";
const STREAM_SIZES: &str = "SELECT asked.stream,
    (SELECT coalesce(max(event.version) + 1, 0) FROM event WHERE event.stream = asked.stream)
    FROM unnest($1::text[]) AS asked (stream)";
const DIGEST: &str = "SELECT digest FROM event WHERE place = $1";
const INSERT_EVENTS: &str = "INSERT INTO event (place, stream, version, at_ms, json, salt, digest)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[])";
const UPSERT_CHECKPOINT: &str =
    "INSERT INTO checkpoint (sole, note) VALUES (true, $1) ON CONFLICT (sole) DO UPDATE SET note = excluded.note";
const INSERT_DELIVERIES: &str = "INSERT INTO delivery
    (id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way)
    SELECT id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way
    FROM unnest($1::bytea[], $2::smallint[], $3::bigint[], $4::bytea[], $5::text[], $6::text[], $7::text[], $8::bigint[],
        $9::bigint[], $10::boolean[]) WITH ORDINALITY
        AS new (id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way, nth)
    ORDER BY nth ON CONFLICT (id) DO NOTHING";
const DELETE_DELIVERIES: &str = "DELETE FROM delivery WHERE id = ANY ($1::bytea[])";
const UPSERT_TIMERS: &str = "INSERT INTO deadline (stream, due_ms) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (stream) DO UPDATE SET due_ms = excluded.due_ms";
const DELETE_TIMERS: &str = "DELETE FROM deadline WHERE stream = ANY ($1::text[])";
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
const REDACT_EVENTS: &str = "UPDATE event SET json = left_over.json, salt = NULL
    FROM unnest($1::bigint[], $2::text[]) AS left_over (place, json) WHERE event.place = left_over.place";
const FORGET: &str = "DELETE FROM signal WHERE (observed_ms, id) IN
    (SELECT observed_ms, id FROM signal WHERE status IN (0, 1, 2, 3) AND observed_ms < $1 AND incident IS NULL LIMIT $2)";

pub(super) const STATEMENTS: &[&str] = &[
    TAKE_PLACES,
    STREAM_SIZES,
    DIGEST,
    INSERT_EVENTS,
    UPSERT_CHECKPOINT,
    INSERT_DELIVERIES,
    DELETE_DELIVERIES,
    UPSERT_TIMERS,
    DELETE_TIMERS,
    UPSERT_SIGNALS,
    UPDATE_SIGNALS,
    MOVE_SIGNALS,
    UPSERT_CURSORS,
    UPSERT_SNAPSHOTS,
    REDACT_EVENTS,
    FORGET,
];

/// Writes a whole batch.
///
/// On a later try the earlier one may have been committed and its answer lost, or may even be committing still. `log_head` settles
/// it: we get the row only when that transaction is over, and then the log either ends where our batch begins, or has our last
/// digest in its place (digests are salted: no other writer has the same), or belongs to somebody else.
pub(super) async fn append(
    session: Session,
    batch: &Batch,
    epoch: i64,
    nth_try: usize,
) -> Result<(Session, ()), Failure> {
    let failed = failure(DOING);
    if is_beside_the_log(batch) {
        let session = beside_head(session, DOING, epoch).await?;
        return write_and_commit(session, batch).await;
    }
    match take_places(&session, batch, epoch).await? {
        Ok(()) => {}
        Err(conflict) => {
            let is_ours = nth_try > 0 && is_written(&session, batch).await?;
            session.plain("ROLLBACK").await.map_err(failed)?;
            return if is_ours { Ok((session, ())) } else { Err(Failure::Refused(Box::new(session), conflict)) };
        }
    }
    write_and_commit(session, batch).await
}

/// Whether the batch has only what detectors learned and how far sources were read. Writing it twice does no harm, and whoever appends
/// need not wait for it, however much it is: it does not touch the head of the log.
const fn is_beside_the_log(batch: &Batch) -> bool {
    let Batch { events, redactions, evidence, evidence_gone, checkpoint, outgoing, settled, timers, .. } = batch;
    let Batch { signals_moved, signals, signal_updates, cursors: _, snapshots: _, .. } = batch;
    events.is_empty()
        && redactions.is_empty()
        && evidence.is_empty()
        && evidence_gone.is_empty()
        && checkpoint.is_none()
        && outgoing.is_empty()
        && settled.is_empty()
        && timers.is_empty()
        && signals_moved.is_empty()
        && signals.is_empty()
        && signal_updates.is_empty()
}

/// Writes a batch in the transaction that was begun, and ends it.
async fn write_and_commit(session: Session, batch: &Batch) -> Result<(Session, ()), Failure> {
    let failed = failure(DOING);
    // Sent together, answered together. Every answer is looked at before COMMIT: after an error, PostgreSQL would take COMMIT for
    // ROLLBACK and not complain.
    for written in join_all(calls(batch).into_iter().map(|call| session.execute(call))).await {
        written.map_err(failed)?;
    }
    session.plain("COMMIT").await.map_err(failed)?;
    Ok((session, ()))
}

/// Begins the transaction and takes the places of the events. The inner error: they are not free, or not ours to take.
async fn take_places(session: &Session, batch: &Batch, epoch: i64) -> Result<Result<(), StoreError>, Failure> {
    let failed = failure(DOING);
    let count: i64 = integer(batch.events.len());
    let mut streams: Vec<&str> = batch.events.iter().map(|event| event.stream.as_str()).collect();
    streams.sort_unstable();
    streams.dedup();
    let (begun, size, heads) = join3(
        session.plain("BEGIN"),
        session.query(TAKE_PLACES, &[&count, &epoch]),
        session.query(STREAM_SIZES, &[&streams]),
    )
    .await;
    begun.map_err(failed)?;
    let size = size.map_err(failed)?;
    let Some(row) = size.first() else { return Ok(Err(overtaken(session, DOING).await?)) };
    let size = count_of(DOING, row.try_get(0).map_err(failed)?)?;
    let mut next_versions: HashMap<String, i64> = HashMap::new();
    for row in heads.map_err(failed)? {
        next_versions.insert(row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    }
    let next_version = |stream: &str| count_of(DOING, next_versions.get(stream).copied().unwrap_or(0));
    match check_follows(&batch.events, size, next_version) {
        Ok(()) => {
            let end = size + batch.events.len() as u64;
            let absent = batch.redactions.iter().map(|(index, _)| *index).find(|index| *index >= end);
            Ok(absent.map_or(Ok(()), |index| Err(no_such_event("redact event", index))))
        }
        Err(conflict @ StoreError::Conflict { .. }) => Ok(Err(conflict)),
        Err(other) => Err(other.into()),
    }
}

/// Whether the log has our last event. To be asked while the head of the log is held.
async fn is_written(session: &Session, batch: &Batch) -> Result<bool, Failure> {
    let Some(last) = batch.events.last() else { return Ok(false) };
    let rows = session.query(DIGEST, &[&integer(last.index)]).await.map_err(failure(DOING))?;
    let Some(row) = rows.first() else { return Ok(false) };
    let digest: &[u8] = row.try_get(0).map_err(failure(DOING))?;
    Ok(digest == last.digest)
}

/// The statements of a batch, in order.
fn calls(batch: &Batch) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    if !batch.events.is_empty() {
        calls.push(insert_events(&batch.events));
    }
    if !batch.redactions.is_empty() {
        // One statement changes a row once: the last of a batch holds.
        let last: BTreeMap<u64, &str> = batch.redactions.iter().map(|(index, json)| (*index, json.as_str())).collect();
        let (places, texts): (Vec<i64>, Vec<&str>) =
            last.into_iter().map(|(index, json)| (integer(index), json)).unzip();
        calls.push(Call { sql: REDACT_EVENTS, values: vec![Box::new(places), Box::new(texts)] });
        // It has the words of before.
        calls.push(Call { sql: kept::FORGET, values: Vec::new() });
        calls.push(Call { sql: kept::FORGET_PARTS, values: Vec::new() });
    }
    if let Some(checkpoint) = &batch.checkpoint {
        calls.push(Call { sql: UPSERT_CHECKPOINT, values: vec![Box::new(checkpoint)] });
    }
    if !batch.outgoing.is_empty() {
        calls.push(insert_deliveries(&batch.outgoing));
    }
    if !batch.settled.is_empty() {
        let ids: Vec<&[u8]> = batch.settled.iter().map(|id| id.bytes().as_slice()).collect();
        calls.push(Call { sql: DELETE_DELIVERIES, values: vec![Box::new(ids)] });
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
    if !batch.evidence_gone.is_empty() {
        calls.extend(evidence::forget(&batch.evidence_gone));
    }
    calls.extend(batch.evidence.iter().flat_map(evidence::keep));
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
            column(events, |event| event.content.columns().0),
            column(events, |event| event.content.columns().1),
            column(events, |event| event.digest.as_slice()),
        ],
    }
}

/// Person, channel and address.
fn contact(row: &Outgoing) -> (&str, &str, &str) {
    let Audience::Contact { person, channel, address } = &row.delivery.to;
    (person.as_str(), channel.as_str(), address.as_str())
}

fn insert_deliveries(rows: &[Outgoing]) -> Call<'_> {
    Call {
        sql: INSERT_DELIVERIES,
        values: vec![
            column(rows, |row| row.delivery.id.bytes().as_slice()),
            column(rows, |row| kind_code(row.delivery.kind)),
            column(rows, |row| integer(row.decided)),
            column(rows, |row| row.delivery.incident.bytes().as_slice()),
            column(rows, |row| contact(row).0),
            column(rows, |row| contact(row).1),
            column(rows, |row| contact(row).2),
            column(rows, |row| row.not_before.as_ms()),
            column(rows, |row| i64::from(row.attempts)),
            column(rows, |row| row.under_way),
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

fn set_timers(timers: &[(Stream, Option<Timestamp>)]) -> Vec<Call<'_>> {
    let last: BTreeMap<&Stream, Option<Timestamp>> = timers.iter().map(|(stream, due)| (stream, *due)).collect();
    let (mut set, mut due_ms, mut cleared) = (Vec::new(), Vec::new(), Vec::new());
    for (stream, due) in last {
        if let Some(due) = due {
            set.push(stream.to_string());
            due_ms.push(due.as_ms());
        } else {
            cleared.push(stream.to_string());
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

/// Has the server give up the rows that hold what was erased.
pub(super) async fn vacuum(session: Session) -> Result<(Session, ()), Failure> {
    let failed = failure("vacuum events");
    // A vacuum of a long log may take its time.
    session.plain("SET statement_timeout = 0").await.map_err(failed)?;
    session.plain("VACUUM event").await.map_err(failed)?;
    session.plain("VACUUM kept_part").await.map_err(failed)?;
    session.plain("SET statement_timeout = '60s'").await.map_err(failed)?;
    Ok((session, ()))
}

/// Drops up to `limit` signals that nobody needs. Returns how many; fewer than `limit`: there are no more.
pub(super) async fn forget_signals(
    session: Session,
    before: Timestamp,
    limit: usize,
    epoch: i64,
) -> Result<(Session, u64), Failure> {
    const DOING: &str = "forget signals";
    let failed = failure(DOING);
    // Holding the head: two transactions that change many signals in different orders would wait for each other for ever.
    let session = hold_head(session, DOING, epoch).await?;
    let limit: i64 = integer(limit);
    let values: Vec<Box<dyn ToSql + Sync + Send>> = vec![Box::new(before.as_ms()), Box::new(limit)];
    let gone = session.execute(Call { sql: FORGET, values }).await.map_err(failed)?;
    session.plain("COMMIT").await.map_err(failed)?;
    Ok((session, gone))
}
