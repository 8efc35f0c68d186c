//! The statements of the outbox. Claiming and releasing run inside a transaction that the writer opened, so no page is ever given
//! out twice. Tests: `conformance.rs`.

use quarterdeck_core::{
    id::{Id, PageId},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params};

use super::fault;
use crate::{
    OutboxPage, StoreError,
    columns::{integer, name_of},
};

pub(super) const DOING: &str = "claim pages";

const READY: &str = "SELECT page, incident, person, channel, address, not_before_ms, attempts, under_way
    FROM outbox WHERE under_way = 0 AND not_before_ms <= ?1 ORDER BY not_before_ms, seq LIMIT ?2";
const BEGIN_ATTEMPT: &str = "UPDATE outbox SET attempts = ?2, under_way = 1 WHERE page = ?1";
const RELEASE: &str = "UPDATE outbox SET under_way = 0, not_before_ms = ?2 WHERE page = ?1";
const ALL: &str = "SELECT page, incident, person, channel, address, not_before_ms, attempts, under_way
    FROM outbox ORDER BY seq LIMIT ?1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[READY, BEGIN_ATTEMPT, RELEASE, ALL];

/// Takes pages that may be tried and marks an attempt as begun.
pub(super) fn claim_pages(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<OutboxPage>, StoreError> {
    let mut pages = list(connection, DOING, READY, params![now.as_ms(), integer(limit)])?;
    let mark = |pages: &mut [OutboxPage]| {
        let mut begin = connection.prepare_cached(BEGIN_ATTEMPT)?;
        for page in pages {
            page.attempts = page.attempts.saturating_add(1);
            page.under_way = true;
            begin.execute(params![page.page.bytes(), page.attempts])?;
        }
        Ok(())
    };
    mark(&mut pages).map_err(fault(DOING))?;
    Ok(pages)
}

/// Puts a page back. One that was settled meanwhile stays settled.
pub(super) fn release_page(connection: &Connection, page: PageId, not_before: Timestamp) -> Result<(), StoreError> {
    let release = || connection.prepare_cached(RELEASE)?.execute(params![page.bytes(), not_before.as_ms()]);
    release().map(|_| ()).map_err(fault("release page"))
}

/// All pages, in the order in which they came.
pub(super) fn outbox(connection: &Connection, limit: usize) -> Result<Vec<OutboxPage>, StoreError> {
    list(connection, "list outbox", ALL, params![integer(limit)])
}

fn list(
    connection: &Connection,
    doing: &'static str,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<OutboxPage>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(fault(doing))?;
    let mut rows = statement.query(parameters).map_err(fault(doing))?;
    let mut pages = Vec::new();
    while let Some(row) = rows.next().map_err(fault(doing))? {
        pages.push(page_of(doing, row)?);
    }
    Ok(pages)
}

fn page_of(doing: &'static str, row: &Row<'_>) -> Result<OutboxPage, StoreError> {
    let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str()?)).map_err(fault(doing));
    Ok(OutboxPage {
        page: Id::from_bytes(row.get(0).map_err(fault(doing))?),
        incident: Id::from_bytes(row.get(1).map_err(fault(doing))?),
        person: name_of(doing, text(2)?)?,
        channel: name_of(doing, text(3)?)?,
        address: text(4)?.to_owned(),
        not_before: Timestamp::from_ms(row.get(5).map_err(fault(doing))?),
        attempts: row.get(6).map_err(fault(doing))?,
        under_way: row.get(7).map_err(fault(doing))?,
    })
}
