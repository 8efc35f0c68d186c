//! What a migration cannot say in SQL: rows of before that become others. Each step runs in its migration's transaction and is as
//! frozen as that. Tests: `sqlite/tests.rs`, on a database of the first version.

use quarterdeck_core::id::{DeliveryId, IncidentId};
use rusqlite::{Connection, params};

use super::failure::failure;
use crate::{StoreError, columns::kind_code, upgrade::decided_by};

const DOING: &str = "migrate store";

const HISTORY: &str = "SELECT place, json FROM event WHERE stream = ?1 ORDER BY version";
const OLD_ENTRIES: &str = "SELECT seq, page, incident FROM outbox ORDER BY seq";
const CARRY_ENTRY: &str = "INSERT INTO delivery
    (id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way)
    SELECT page, ?2, ?3, incident, person, channel, address, not_before_ms, attempts, under_way FROM outbox WHERE seq = ?1";
const OLD_TIMERS: &str = "SELECT incident, due_ms FROM timer";
const CARRY_TIMER: &str = "INSERT INTO deadline (stream, due_ms) VALUES (?1, ?2)";
const DROP_OLD: &str = "DROP TABLE outbox; DROP TABLE timer;";

/// Migration 3: says of each entry of the outbox what it is, and keys timers by stream.
pub(super) fn deliveries(connection: &Connection) -> Result<(), StoreError> {
    let entries = rows(connection, OLD_ENTRIES, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let entries: Vec<(i64, [u8; 16], [u8; 16])> = entries.map_err(failure(DOING))?;
    for (seq, id, incident) in entries {
        let stream = IncidentId::from_bytes(incident).to_string();
        let history = history(connection, &stream).map_err(failure(DOING))?;
        let (kind, decided) = decided_by(DeliveryId::from_bytes(id), &history);
        let decided = i64::try_from(decided).unwrap_or(i64::MAX);
        connection.execute(CARRY_ENTRY, params![seq, kind_code(kind), decided]).map_err(failure(DOING))?;
    }
    let timers = rows(connection, OLD_TIMERS, |row| Ok((row.get(0)?, row.get(1)?)));
    let timers: Vec<([u8; 16], i64)> = timers.map_err(failure(DOING))?;
    for (incident, due_ms) in timers {
        let stream = IncidentId::from_bytes(incident).to_string();
        connection.execute(CARRY_TIMER, params![stream, due_ms]).map_err(failure(DOING))?;
    }
    connection.execute_batch(DROP_OLD).map_err(failure(DOING))
}

fn history(connection: &Connection, stream: &str) -> Result<Vec<(u64, Option<String>)>, rusqlite::Error> {
    let mut statement = connection.prepare(HISTORY)?;
    let read = |row: &rusqlite::Row<'_>| {
        let place: i64 = row.get(0)?;
        Ok((place.unsigned_abs(), row.get(1)?))
    };
    statement.query_map([stream], read)?.collect()
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, rusqlite::Error> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}
