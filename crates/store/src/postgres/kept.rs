//! What a start reads in the place of the whole log, in parts. It must never become current half written, nor with words that were
//! erased meanwhile. Each step may be made twice. Tests: `conformance.rs`.

use tokio_postgres::types::ToSql;

use super::{
    lease::{beside_head, hold_head},
    pool::{Call, Failure, Session, failure},
};
use crate::columns::integer;

pub(super) const DOING: &str = "keep what a start needs";

const CURRENT: &str = "SELECT slot FROM kept WHERE sole";
const CLEAR: &str = "DELETE FROM kept_part WHERE slot = $1";
/// Holds the row against an erasure, and not the head of the log: appends go on.
const ADD: &str = "INSERT INTO kept_part (slot, part, bytes)
    SELECT $1::bigint, $2::bigint, $3::bytea FROM kept WHERE sole AND erased_at <= $4 FOR SHARE
    ON CONFLICT (slot, part) DO UPDATE SET bytes = excluded.bytes";
const TURN: &str = "UPDATE kept SET slot = $1 WHERE sole AND erased_at <= $2";
const PARTS: &str = "SELECT bytes FROM kept_part WHERE slot = (SELECT slot FROM kept WHERE sole) ORDER BY part";
/// With the head of the log already moved on by the erasure's own events.
pub(super) const FORGET: &str =
    "UPDATE kept SET slot = NULL, erased_at = (SELECT size FROM log_head WHERE sole) WHERE sole";
pub(super) const FORGET_PARTS: &str = "DELETE FROM kept_part";

pub(super) const STATEMENTS: &[&str] = &[CURRENT, CLEAR, ADD, TURN, PARTS, FORGET, FORGET_PARTS];

type Values<'v> = Vec<Box<dyn ToSql + Sync + Send + 'v>>;

/// Empties the slot that is not current. Returns it.
pub(super) async fn begin(session: Session, epoch: i64) -> Result<(Session, i64), Failure> {
    let failed = failure(DOING);
    let session = beside_head(session, DOING, epoch).await?;
    let rows = session.query(CURRENT, &[]).await.map_err(failed)?;
    let current: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(0)).map_err(failed)?;
    let slot = i64::from(current == Some(0));
    clear(&session, slot).await?;
    session.plain("COMMIT").await.map_err(failed)?;
    Ok((session, slot))
}

/// Adds a part, of the log's first `size` events. False: something was erased since.
pub(super) async fn add(
    session: Session,
    (slot, part): (i64, usize),
    bytes: &[u8],
    size: u64,
    epoch: i64,
) -> Result<(Session, bool), Failure> {
    let failed = failure(DOING);
    let session = beside_head(session, DOING, epoch).await?;
    let (part, size): (i64, i64) = (integer(part), integer(size));
    let values: Values<'_> = vec![Box::new(slot), Box::new(part), Box::new(bytes), Box::new(size)];
    let added = session.execute(Call { sql: ADD, values }).await.map_err(failed)? > 0;
    session.plain("COMMIT").await.map_err(failed)?;
    Ok((session, added))
}

/// Makes a slot the current one, and empties the other. False: something was erased since.
pub(super) async fn turn(session: Session, slot: i64, size: u64, epoch: i64) -> Result<(Session, bool), Failure> {
    let failed = failure(DOING);
    let session = hold_head(session, DOING, epoch).await?;
    let values: Values<'_> = vec![Box::new(slot), Box::new(integer(size))];
    let turned = session.execute(Call { sql: TURN, values }).await.map_err(failed)? > 0;
    clear(&session, if turned { 1 - slot } else { slot }).await?;
    session.plain("COMMIT").await.map_err(failed)?;
    Ok((session, turned))
}

async fn clear(session: &Session, slot: i64) -> Result<(), Failure> {
    let values: Values<'_> = vec![Box::new(slot)];
    session.execute(Call { sql: CLEAR, values }).await.map(drop).map_err(failure(DOING))
}

pub(super) async fn parts(session: Session) -> Result<(Session, Vec<Vec<u8>>), Failure> {
    let failed = failure("read what a start needs");
    let rows = session.query(PARTS, &[]).await.map_err(failed)?;
    let parts = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failed)?;
    Ok((session, parts))
}
