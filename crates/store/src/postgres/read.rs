//! The statements that find. Tests: `conformance.rs`.

use quarterdeck_core::{
    id::{Id, SignalId},
    journal::Stream,
    time::Timestamp,
};
use tokio_postgres::{
    Row,
    types::{FromSqlOwned, ToSql},
};

use super::pool::{Failure, Session, failure};
use crate::{
    Content, FoundSignal, SignalFilter, SignalRow, StoredEvent, check_unbroken,
    columns::{bytes_of, count_of, integer, signals_limit, status_code, status_of, stream_of},
    first_version,
};

const SIZE: &str = "SELECT size FROM log_head WHERE sole";
const EVENTS: &str = "SELECT place, stream, version, at_ms, json, salt, digest
    FROM event WHERE place >= $1 ORDER BY place LIMIT $2";
const STREAM: &str = "SELECT place, stream, version, at_ms, json, salt, digest
    FROM event WHERE stream = $1 ORDER BY version";
const STREAM_BEFORE: &str = "SELECT place, stream, version, at_ms, json, salt, digest
    FROM event WHERE stream = $1 AND version < $2 ORDER BY version DESC LIMIT $3";
const CHECKPOINT: &str = "SELECT note FROM checkpoint WHERE sole";
const TIMERS_DUE: &str = "SELECT stream, due_ms FROM deadline WHERE due_ms <= $1 ORDER BY due_ms, stream LIMIT $2";
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
const SIGNALS: &str = found!("(observed_ms, id) < ($1, $2) ORDER BY observed_ms DESC, id DESC LIMIT $3");
const SIGNALS_BY_STATUS: &str =
    found!("(observed_ms, id) < ($1, $2) AND status = $4 ORDER BY observed_ms DESC, id DESC LIMIT $3");
const SIGNALS_OF_INCIDENT: &str =
    found!("(observed_ms, id) < ($1, $2) AND incident = $4 ORDER BY observed_ms DESC, id DESC LIMIT $3");
const SIGNALS_OF_INCIDENT_BY_STATUS: &str = found!(
    "(observed_ms, id) < ($1, $2) AND incident = $4 AND status = $5 ORDER BY observed_ms DESC, id DESC LIMIT $3"
);
const SIGNAL: &str = found!("observed_ms = $1 AND id = $2");
/// Two ranges of the same index, merged.
const LIVE_SIGNALS: &str = concat!(
    "(",
    found!("status = 0 AND (observed_ms, id) > ($1, $2) ORDER BY observed_ms, id LIMIT $3"),
    ") UNION ALL (",
    found!("status = 1 AND (observed_ms, id) > ($1, $2) ORDER BY observed_ms, id LIMIT $3"),
    ") ORDER BY observed_ms, id LIMIT $3"
);
const CURSOR: &str = "SELECT json FROM cursor WHERE name = $1";
const SNAPSHOT: &str = "SELECT bytes FROM snapshot WHERE name = $1";

pub(super) const STATEMENTS: &[&str] = &[
    SIZE,
    EVENTS,
    STREAM,
    STREAM_BEFORE,
    CHECKPOINT,
    TIMERS_DUE,
    SIGNALS,
    SIGNALS_BY_STATUS,
    SIGNALS_OF_INCIDENT,
    SIGNALS_OF_INCIDENT_BY_STATUS,
    SIGNAL,
    LIVE_SIGNALS,
    CURSOR,
    SNAPSHOT,
];

type Found<T> = Result<(Session, T), Failure>;

pub(super) async fn size(session: Session) -> Found<u64> {
    const DOING: &str = "read size of log";
    let size: Option<i64> = one(&session, DOING, SIZE, &[]).await?;
    Ok((session, count_of(DOING, size.unwrap_or(-1))?))
}

pub(super) async fn events(session: Session, from: u64, limit: usize) -> Found<Vec<StoredEvent>> {
    const DOING: &str = "read events";
    let (first, limit): (i64, i64) = (integer(from), integer(limit));
    let events = list(&session, DOING, EVENTS, &[&first, &limit], event_alone).await?;
    check_unbroken(DOING, &events, from, |event| event.index)?;
    Ok((session, events))
}

pub(super) async fn stream(session: Session, stream: &str) -> Found<Vec<StoredEvent>> {
    const DOING: &str = "read stream";
    let events = list(&session, DOING, STREAM, &[&stream], event_alone).await?;
    check_unbroken(DOING, &events, 0, |event| event.version)?;
    Ok((session, events))
}

pub(super) async fn stream_before(
    session: Session,
    stream: &str,
    before: u64,
    limit: usize,
) -> Found<Vec<StoredEvent>> {
    const DOING: &str = "read stream";
    let (end, most): (i64, i64) = (integer(before), integer(limit));
    let mut events = list(&session, DOING, STREAM_BEFORE, &[&stream, &end, &most], event_alone).await?;
    events.reverse();
    check_unbroken(DOING, &events, first_version(&events, limit), |event| event.version)?;
    Ok((session, events))
}

pub(super) async fn checkpoint(session: Session) -> Found<Option<String>> {
    let note = one(&session, "read checkpoint", CHECKPOINT, &[]).await?;
    Ok((session, note))
}

pub(super) async fn timers_due(session: Session, now: Timestamp, limit: usize) -> Found<Vec<(Stream, Timestamp)>> {
    let (now_ms, limit): (i64, i64) = (now.as_ms(), integer(limit));
    let read = |doing, row: &Row| {
        let stream = stream_of(doing, row.try_get(0).map_err(failure(doing))?)?;
        Ok((stream, Timestamp::from_ms(row.try_get(1).map_err(failure(doing))?)))
    };
    let timers = list(&session, "list timers", TIMERS_DUE, &[&now_ms, &limit], read).await?;
    Ok((session, timers))
}

pub(super) async fn signals(session: Session, filter: &SignalFilter) -> Found<Vec<FoundSignal>> {
    // No id: the empty one, which is less than every id, so that only earlier instants are before it.
    let instant = filter.before.map_or(i64::MAX, Timestamp::as_ms);
    let id = filter.before_id.as_ref().map_or(&[][..], |id| id.bytes().as_slice());
    let limit: i64 = integer(signals_limit(filter));
    let incident = filter.incident.as_ref().map(|incident| incident.bytes().as_slice());
    let status = filter.status.map(status_code);
    let (sql, last): (_, &[&(dyn ToSql + Sync)]) = match (&incident, &status) {
        (None, None) => (SIGNALS, &[]),
        (None, Some(status)) => (SIGNALS_BY_STATUS, &[status]),
        (Some(incident), None) => (SIGNALS_OF_INCIDENT, &[incident]),
        (Some(incident), Some(status)) => (SIGNALS_OF_INCIDENT_BY_STATUS, &[incident, status]),
    };
    let first: [&(dyn ToSql + Sync); 3] = [&instant, &id, &limit];
    let values: Vec<_> = first.iter().chain(last).copied().collect();
    let rows = list(&session, "list signals", sql, &values, signal_of).await?;
    Ok((session, rows))
}

pub(super) async fn signal(session: Session, observed: Timestamp, id: SignalId) -> Found<Option<FoundSignal>> {
    let values: [&(dyn ToSql + Sync); 2] = [&observed.as_ms(), &id.bytes().as_slice()];
    let row = list(&session, "read signal", SIGNAL, &values, signal_of).await?.pop();
    Ok((session, row))
}

pub(super) async fn live_signals(
    session: Session,
    after: Option<(Timestamp, SignalId)>,
    limit: usize,
) -> Found<Vec<FoundSignal>> {
    let instant = after.map_or(i64::MIN, |(observed, _)| observed.as_ms());
    let id = after.as_ref().map_or(&[][..], |(_, id)| id.bytes().as_slice());
    let limit: i64 = integer(limit);
    let rows = list(&session, "list live signals", LIVE_SIGNALS, &[&instant, &id, &limit], signal_of).await?;
    Ok((session, rows))
}

pub(super) async fn cursor(session: Session, name: &str) -> Found<Option<String>> {
    let json = one(&session, "read cursor", CURSOR, &[&name]).await?;
    Ok((session, json))
}

pub(super) async fn snapshot(session: Session, name: &str) -> Found<Option<Vec<u8>>> {
    let bytes = one(&session, "read snapshot", SNAPSHOT, &[&name]).await?;
    Ok((session, bytes))
}

async fn one<T: FromSqlOwned>(
    session: &Session,
    doing: &'static str,
    sql: &'static str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Option<T>, Failure> {
    let rows = session.query(sql, values).await.map_err(failure(doing))?;
    rows.first().map(|row| row.try_get(0)).transpose().map_err(failure(doing))
}

async fn list<T>(
    session: &Session,
    doing: &'static str,
    sql: &'static str,
    values: &[&(dyn ToSql + Sync)],
    read: impl Fn(&'static str, &Row) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let rows = session.query(sql, values).await.map_err(failure(doing))?;
    rows.iter().map(|row| read(doing, row)).collect()
}

/// A row that is an event and nothing more.
fn event_alone(doing: &'static str, row: &Row) -> Result<StoredEvent, Failure> {
    event_of(doing, row, 0)
}

/// The event whose columns begin at `first`.
fn event_of(doing: &'static str, row: &Row, first: usize) -> Result<StoredEvent, Failure> {
    let failed = failure(doing);
    let json: Option<String> = row.try_get(first + 4).map_err(failed)?;
    let salt: Option<&[u8]> = row.try_get(first + 5).map_err(failed)?;
    let salt = salt.map(|salt| bytes_of(doing, salt)).transpose()?;
    Ok(StoredEvent {
        index: count_of(doing, row.try_get(first).map_err(failed)?)?,
        stream: row.try_get(first + 1).map_err(failed)?,
        version: count_of(doing, row.try_get(first + 2).map_err(failed)?)?,
        at: Timestamp::from_ms(row.try_get(first + 3).map_err(failed)?),
        content: Content::of_columns(json, salt),
        digest: bytes_of(doing, row.try_get(first + 6).map_err(failed)?)?,
    })
}

fn signal_of(doing: &'static str, row: &Row) -> Result<FoundSignal, Failure> {
    let failed = failure(doing);
    let incident: Option<&[u8]> = row.try_get(2).map_err(failed)?;
    let status: i16 = row.try_get(1).map_err(failed)?;
    let signal = SignalRow {
        id: Id::from_bytes(bytes_of(doing, row.try_get(0).map_err(failed)?)?),
        status: status_of(doing, i64::from(status))?,
        incident: incident.map(|bytes| bytes_of(doing, bytes)).transpose()?.map(Id::from_bytes),
        observed: Timestamp::from_ms(row.try_get(3).map_err(failed)?),
        place: count_of(doing, row.try_get(4).map_err(failed)?)?,
    };
    let there: Option<i64> = row.try_get(5).map_err(failed)?;
    let event = there.map(|_| event_of(doing, row, 5)).transpose()?;
    Ok(FoundSignal { row: signal, event })
}
