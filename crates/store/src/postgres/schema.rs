//! Brings the schema up to date. Whoever does that holds the lease already; the lock here is for programs of before it was.
//! Tests: `tests/store.rs`.

use super::{
    lease::PLACE,
    pool::{Failure, Pool, Session, failure},
    upgrade,
};
use crate::StoreError;

const DOING: &str = "migrate store";

/// Forward only, never edited once released: the number is what the database remembers.
pub(super) const MIGRATIONS: &[(i32, &str, &str)] = &[
    (1, "first", include_str!("../../migrations/postgres/0001_first.sql")),
    (2, "one_writer", include_str!("../../migrations/postgres/0002_one_writer.sql")),
    (3, "deliveries", include_str!("../../migrations/postgres/0003_deliveries.sql")),
    (4, "late_indexes", include_str!("../../migrations/postgres/0004_late_indexes.sql")),
    (5, "kept_board", include_str!("../../migrations/postgres/0005_kept_board.sql")),
    (6, "signals_with_events", include_str!("../../migrations/postgres/0006_signals_with_events.sql")),
    (7, "evidence", include_str!("../../migrations/postgres/0007_evidence.sql")),
];

/// Held to the end of the transaction. The number is only a name: `QDCK` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1363428171)";
const MAKE_MIGRATION_TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (
    number integer PRIMARY KEY, name text NOT NULL, applied timestamptz NOT NULL DEFAULT now())";
const LATEST_MIGRATION: &str = "SELECT coalesce(max(number), 0) FROM migration";
const RECORD_MIGRATION: &str = "INSERT INTO migration (number, name) VALUES ($1, $2)";

pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    while pool.run(DOING, |session, _| migrate_once(session)).await? {}
    Ok(())
}

/// Makes the next migration, in a transaction of its own. Returns whether there was one.
async fn migrate_once(session: Session) -> Result<(Session, bool), Failure> {
    let failed = failure(DOING);
    session.plain("BEGIN").await.map_err(failed)?;
    session.query(LOCK, &[]).await.map_err(failed)?;
    session.plain(MAKE_MIGRATION_TABLE).await.map_err(failed)?;
    let rows = session.query(LATEST_MIGRATION, &[]).await.map_err(failed)?;
    let found: i32 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
    let known = MIGRATIONS.last().map_or(0, |(number, ..)| *number);
    if found > known {
        let rows = session.query(PLACE, &[]).await.map_err(failed)?;
        let place = rows.first().map_or(Ok(String::new()), |row| row.try_get(0)).map_err(failed)?;
        return Err(StoreError::Newer { place, found: found.unsigned_abs(), known: known.unsigned_abs() }.into());
    }
    let next = MIGRATIONS.iter().find(|(number, ..)| *number > found);
    if let Some((number, name, sql)) = next {
        session.plain(sql).await.map_err(failed)?;
        if *number == 3 {
            upgrade::deliveries(&session).await?;
        }
        session.query(RECORD_MIGRATION, &[number, name]).await.map_err(failed)?;
        tracing::info!(migration.number = number, migration.name = name, "migrated the store");
    }
    session.plain("COMMIT").await.map_err(failed)?;
    Ok((session, next.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_those_of_the_other_database_too() {
        let ours: Vec<_> = MIGRATIONS.iter().map(|(number, name, _)| (number.unsigned_abs(), *name)).collect();
        let other = crate::sqlite::migrations();
        assert_eq!(ours, other);
    }
}
