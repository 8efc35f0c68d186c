//! What a migration cannot say in SQL: rows of before that become others. Each step runs in its migration's transaction and is as
//! frozen as that. Tests: `tests/store.rs`, on a database of the first version.

use quarterdeck_core::id::{DeliveryId, IncidentId};
use tokio_postgres::Row;

use super::pool::{Failure, Session, failure};
use crate::{
    columns::{bytes_of, count_of, kind_code},
    upgrade::decided_by,
};

const DOING: &str = "migrate store";

const HISTORY: &str = "SELECT place, json FROM event WHERE stream = $1 ORDER BY version";
const OLD_ENTRIES: &str = "SELECT seq, page, incident FROM outbox ORDER BY seq";
const CARRY_ENTRY: &str = "INSERT INTO delivery
    (id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way)
    SELECT page, $2, $3, incident, person, channel, address, not_before_ms, attempts, under_way FROM outbox WHERE seq = $1";
const OLD_TIMERS: &str = "SELECT incident, due_ms FROM timer";
const CARRY_TIMER: &str = "INSERT INTO deadline (stream, due_ms) VALUES ($1, $2)";
const DROP_OLD: &str = "DROP TABLE outbox; DROP TABLE timer";

/// Migration 3: says of each entry of the outbox what it is, and keys timers by stream.
pub(super) async fn deliveries(session: &Session) -> Result<(), Failure> {
    let failed = failure(DOING);
    for row in session.query(OLD_ENTRIES, &[]).await.map_err(failed)? {
        let seq: i64 = row.try_get(0).map_err(failed)?;
        let stream = IncidentId::from_bytes(sixteen(&row, 2)?).to_string();
        let mut history = Vec::new();
        for event in session.query(HISTORY, &[&stream]).await.map_err(failed)? {
            let place = count_of(DOING, event.try_get(0).map_err(failed)?)?;
            history.push((place, event.try_get(1).map_err(failed)?));
        }
        let (kind, decided) = decided_by(DeliveryId::from_bytes(sixteen(&row, 1)?), &history);
        let decided = i64::try_from(decided).unwrap_or(i64::MAX);
        session.query(CARRY_ENTRY, &[&seq, &kind_code(kind), &decided]).await.map_err(failed)?;
    }
    for row in session.query(OLD_TIMERS, &[]).await.map_err(failed)? {
        let stream = IncidentId::from_bytes(sixteen(&row, 0)?).to_string();
        let due_ms: i64 = row.try_get(1).map_err(failed)?;
        session.query(CARRY_TIMER, &[&stream, &due_ms]).await.map_err(failed)?;
    }
    session.plain(DROP_OLD).await.map_err(failed)
}

fn sixteen(row: &Row, column: usize) -> Result<[u8; 16], Failure> {
    Ok(bytes_of(DOING, row.try_get(column).map_err(failure(DOING))?)?)
}
