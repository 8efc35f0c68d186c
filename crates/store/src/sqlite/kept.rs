//! What a start reads in the place of the whole log, in parts. It must never become current half written, nor with words that were
//! erased meanwhile. Tests: `conformance.rs`; killed half-way in `tests/store.rs`.

use rusqlite::{Connection, OptionalExtension, params};

use super::failure::failure;
use crate::{StoreError, columns::integer};

pub(super) const DOING: &str = "keep what a start needs";

const CURRENT: &str = "SELECT slot FROM kept WHERE sole = 1";
const CLEAR: &str = "DELETE FROM kept_part WHERE slot = ?1";
const ADD: &str =
    "INSERT INTO kept_part (slot, part, bytes) SELECT ?1, ?2, ?3 FROM kept WHERE sole = 1 AND erased_at <= ?4";
const TURN: &str = "UPDATE kept SET slot = ?1 WHERE sole = 1 AND erased_at <= ?2";
const PARTS: &str = "SELECT bytes FROM kept_part WHERE slot = (SELECT slot FROM kept WHERE sole = 1) ORDER BY part";
const FORGET: &str =
    "UPDATE kept SET slot = NULL, erased_at = (SELECT coalesce(max(place) + 1, 0) FROM event) WHERE sole = 1";
const FORGET_PARTS: &str = "DELETE FROM kept_part";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[CURRENT, CLEAR, ADD, TURN, PARTS, FORGET];

/// Empties the slot that is not current. Returns it.
pub(super) fn begin(connection: &Connection) -> Result<i64, StoreError> {
    let current: Option<i64> =
        connection.query_row(CURRENT, [], |row| row.get(0)).optional().map_err(failure(DOING))?.flatten();
    let slot = i64::from(current == Some(0));
    connection.execute(CLEAR, [slot]).map_err(failure(DOING))?;
    Ok(slot)
}

/// Adds a part, of the log's first `size` events. False: something was erased since.
pub(super) fn add(
    connection: &Connection,
    slot: i64,
    part: usize,
    bytes: &[u8],
    size: u64,
) -> Result<bool, StoreError> {
    let values = params![slot, integer(part), bytes, integer(size)];
    Ok(connection.execute(ADD, values).map_err(failure(DOING))? > 0)
}

/// Makes a slot the current one, and empties the other. False: something was erased since.
pub(super) fn turn(connection: &Connection, slot: i64, size: u64) -> Result<bool, StoreError> {
    let turned = connection.execute(TURN, params![slot, integer(size)]).map_err(failure(DOING))? > 0;
    connection.execute(CLEAR, [if turned { 1 - slot } else { slot }]).map_err(failure(DOING))?;
    Ok(turned)
}

/// Forgets all of it, as part of an erasure.
pub(super) fn forget(connection: &Connection) -> Result<(), StoreError> {
    let forget = || {
        connection.execute(FORGET, [])?;
        connection.execute(FORGET_PARTS, [])
    };
    forget().map(drop).map_err(failure(DOING))
}

pub(super) fn parts(connection: &Connection) -> Result<Vec<Vec<u8>>, StoreError> {
    const DOING: &str = "read what a start needs";
    let mut statement = connection.prepare(PARTS).map_err(failure(DOING))?;
    let parts = statement.query_map([], |row| row.get(0)).map_err(failure(DOING))?;
    parts.collect::<Result<_, _>>().map_err(failure(DOING))
}
