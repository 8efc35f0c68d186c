//! The statements of the outbox. Claiming and releasing run inside a transaction that the writer opened, so nothing is ever given
//! out twice. Tests: `conformance.rs`.

use quarterdeck_core::{
    id::{DeliveryId, Id},
    outbox::{Audience, Delivery},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params};

use super::failure::failure;
use crate::{
    Outgoing, StoreError,
    columns::{count_of, integer, kind_of, name_of},
};

pub(super) const DOING: &str = "claim deliveries";

const WAITING: &str = "SELECT id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way
    FROM delivery WHERE id = ?1 AND under_way = 0";
const BEGIN_ATTEMPT: &str = "UPDATE delivery SET attempts = ?2, under_way = 1 WHERE id = ?1";
const RELEASE: &str = "UPDATE delivery SET under_way = 0, not_before_ms = ?2 WHERE id = ?1";
const ALL: &str = "SELECT id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way
    FROM delivery ORDER BY seq LIMIT ?1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[WAITING, BEGIN_ATTEMPT, RELEASE, ALL];

/// Marks an attempt at each of these as begun. One that is named twice is under way the second time.
pub(super) fn claim(connection: &Connection, deliveries: &[DeliveryId]) -> Result<Vec<Outgoing>, StoreError> {
    let mut claimed = Vec::with_capacity(deliveries.len());
    for id in deliveries {
        for mut row in list(connection, DOING, WAITING, params![id.bytes()])? {
            row.attempts = row.attempts.saturating_add(1);
            row.under_way = true;
            let begin = || connection.prepare_cached(BEGIN_ATTEMPT)?.execute(params![id.bytes(), row.attempts]);
            begin().map_err(failure(DOING))?;
            claimed.push(row);
        }
    }
    Ok(claimed)
}

/// Puts a delivery back. One that was settled meanwhile stays settled.
pub(super) fn release(connection: &Connection, id: DeliveryId, not_before: Timestamp) -> Result<(), StoreError> {
    let release = || connection.prepare_cached(RELEASE)?.execute(params![id.bytes(), not_before.as_ms()]);
    release().map(|_| ()).map_err(failure("release delivery"))
}

/// All deliveries, in the order in which they came.
pub(super) fn outbox(connection: &Connection, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
    list(connection, "list outbox", ALL, params![integer(limit)])
}

fn list(
    connection: &Connection,
    doing: &'static str,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Outgoing>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failure(doing))?;
    let mut rows = statement.query(parameters).map_err(failure(doing))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure(doing))? {
        found.push(outgoing_of(doing, row)?);
    }
    Ok(found)
}

fn outgoing_of(doing: &'static str, row: &Row<'_>) -> Result<Outgoing, StoreError> {
    let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str()?)).map_err(failure(doing));
    Ok(Outgoing {
        delivery: Delivery {
            id: Id::from_bytes(row.get(0).map_err(failure(doing))?),
            kind: kind_of(doing, row.get(1).map_err(failure(doing))?)?,
            incident: Id::from_bytes(row.get(3).map_err(failure(doing))?),
            to: Audience::Contact {
                person: name_of(doing, text(4)?)?,
                channel: name_of(doing, text(5)?)?,
                address: text(6)?.to_owned(),
            },
        },
        decided: count_of(doing, row.get(2).map_err(failure(doing))?)?,
        not_before: Timestamp::from_ms(row.get(7).map_err(failure(doing))?),
        attempts: row.get(8).map_err(failure(doing))?,
        under_way: row.get(9).map_err(failure(doing))?,
    })
}
