//! The statements of the outbox. A claim whose answer was lost finds its deliveries again by its token, or they would stay under way,
//! tried by nobody, until the next start. Tests: `conformance.rs`; lost answers in `tests/store.rs`.

use std::collections::BTreeMap;

use quarterdeck_core::{
    id::{DeliveryId, Id},
    outbox::{Audience, Delivery},
    time::Timestamp,
};
use tokio_postgres::Row;

use super::{
    lease::hold_head,
    pool::{Call, Failure, Session, failure},
};
use crate::{
    Outgoing, StoreError,
    columns::{bytes_of, count_of, damaged, integer, kind_of, name_of},
};

pub(super) const DOING: &str = "claim deliveries";

const CLAIM: &str = "UPDATE delivery SET attempts = least(attempts + 1, 4294967295), under_way = true, claim = $2
    WHERE id = ANY($1) AND NOT under_way
    RETURNING id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way, seq";
const CLAIMED: &str =
    "SELECT id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way, seq
    FROM delivery WHERE claim = $1 AND under_way";
const RELEASE: &str = "UPDATE delivery SET under_way = false, not_before_ms = $2, claim = NULL WHERE id = $1";
const ALL: &str =
    "SELECT id, kind, decided, incident, person, channel, address, not_before_ms, attempts, under_way, seq
    FROM delivery ORDER BY seq LIMIT $1";

pub(super) const STATEMENTS: &[&str] = &[CLAIM, CLAIMED, RELEASE, ALL];

/// Names one call.
pub(super) type Token = [u8; 16];

/// A token that no other call has.
pub(super) fn fresh_token() -> Result<Token, StoreError> {
    let mut token = [0; 16];
    let filled = getrandom::fill(&mut token);
    filled.map_err(|error| StoreError::Database { doing: DOING, source: error.to_string().into() })?;
    Ok(token)
}

/// Marks an attempt at each of these as begun.
pub(super) async fn claim(
    session: Session,
    deliveries: &[DeliveryId],
    epoch: i64,
    token: Token,
    nth_try: usize,
) -> Result<(Session, Vec<Outgoing>), Failure> {
    let failed = failure(DOING);
    let ids: Vec<&[u8]> = deliveries.iter().map(|id| id.bytes().as_slice()).collect();
    // Waits for the end of an earlier try of ours whose answer was lost.
    let session = hold_head(session, DOING, epoch).await?;
    let token = token.as_slice();
    let mut rows = if nth_try == 0 { Vec::new() } else { session.query(CLAIMED, &[&token]).await.map_err(failed)? };
    if rows.is_empty() {
        rows = session.query(CLAIM, &[&ids, &token]).await.map_err(failed)?;
    }
    session.plain("COMMIT").await.map_err(failed)?;
    let found = rows.iter().map(|row| outgoing_of(DOING, row)).collect::<Result<Vec<_>, _>>()?;
    let mut found: BTreeMap<DeliveryId, Outgoing> = found.into_iter().map(|(_, row)| (row.delivery.id, row)).collect();
    Ok((session, deliveries.iter().filter_map(|id| found.remove(id)).collect()))
}

/// Puts a delivery back. One that was settled meanwhile stays settled.
pub(super) async fn release(
    session: Session,
    id: DeliveryId,
    not_before: Timestamp,
    epoch: i64,
) -> Result<(Session, ()), Failure> {
    const DOING: &str = "release delivery";
    let session = hold_head(session, DOING, epoch).await?;
    let values: Vec<Box<dyn tokio_postgres::types::ToSql + Sync + Send>> =
        vec![Box::new(id.bytes().to_vec()), Box::new(not_before.as_ms())];
    session.execute(Call { sql: RELEASE, values }).await.map_err(failure(DOING))?;
    session.plain("COMMIT").await.map_err(failure(DOING))?;
    Ok((session, ()))
}

/// All deliveries, in the order in which they came.
pub(super) async fn outbox(session: Session, limit: usize) -> Result<(Session, Vec<Outgoing>), Failure> {
    const DOING: &str = "list outbox";
    let limit: i64 = integer(limit);
    let rows = session.query(ALL, &[&limit]).await.map_err(failure(DOING))?;
    let found = rows.iter().map(|row| outgoing_of(DOING, row).map(|(_, row)| row)).collect::<Result<Vec<_>, _>>()?;
    Ok((session, found))
}

/// A delivery and its place in the order in which they came.
fn outgoing_of(doing: &'static str, row: &Row) -> Result<(i64, Outgoing), Failure> {
    let failed = failure(doing);
    let id = |column: usize| Ok::<_, Failure>(bytes_of(doing, row.try_get(column).map_err(failed)?)?);
    let kind: i16 = row.try_get(1).map_err(failed)?;
    let attempts: i64 = row.try_get(8).map_err(failed)?;
    let attempts = u32::try_from(attempts)
        .map_err(|_| damaged(doing, "count", format!("{attempts} attempts are not possible")))?;
    let outgoing = Outgoing {
        delivery: Delivery {
            id: Id::from_bytes(id(0)?),
            kind: kind_of(doing, i64::from(kind))?,
            incident: Id::from_bytes(id(3)?),
            to: Audience::Contact {
                person: name_of(doing, row.try_get(4).map_err(failed)?)?,
                channel: name_of(doing, row.try_get(5).map_err(failed)?)?,
                address: row.try_get(6).map_err(failed)?,
            },
        },
        decided: count_of(doing, row.try_get(2).map_err(failed)?)?,
        not_before: Timestamp::from_ms(row.try_get(7).map_err(failed)?),
        attempts,
        under_way: row.try_get(9).map_err(failed)?,
    };
    Ok((row.try_get(10).map_err(failed)?, outgoing))
}
