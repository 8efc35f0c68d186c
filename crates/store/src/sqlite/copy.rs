//! A copy of the file as it was at one moment, while the program that owns it writes on. It must never change the file that it copies,
//! nor be half there: it is checked before anybody relies on it. Tests: `crates/cli/tests/it/backup.rs`.

use std::path::Path;

use rusqlite::Connection;

use super::{
    failure::failure,
    open::{MIGRATIONS, check_ours, create, latest_migration, open_reader},
    read,
};
use crate::{StoreError, StoredEvent, columns::damaged};

const DOING: &str = "copy store";
/// All of one moment, without what was erased or deleted, whose space SQLite keeps.
const COPY: &str = "VACUUM INTO ?1";
const CHECK: &str = "PRAGMA quick_check(1)";

/// A whole copy, open for reading.
#[derive(Debug)]
pub struct SqliteCopy(Connection);

impl SqliteCopy {
    /// Copies the store at `from` into the new file `to`, for its owner's eyes only. Blocks for as long as the disk takes. It needs
    /// nothing of the program that writes to `from` and does not hold it up.
    pub fn make(from: &Path, to: &Path) -> Result<Self, StoreError> {
        let source = open_reader(from).map_err(failure(DOING))?;
        check_ours(&source, from)?;
        let (found, known) = (latest_migration(&source)?, MIGRATIONS.last().map_or(0, |last| last.number));
        if found > known {
            return Err(StoreError::Newer { place: from.display().to_string(), found, known });
        }
        if found < known {
            let detail =
                format!("{} has schema {found}; this program knows {known} and starts on it first", from.display());
            return Err(damaged(DOING, "schema", detail));
        }
        let failed = |error: std::io::Error| StoreError::Database { doing: DOING, source: Box::new(error) };
        create(to).map_err(failed)?;
        source.execute(COPY, [to.to_string_lossy()]).map_err(failure(DOING))?;
        // SQLite does not wait for the disk here.
        std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(failed)?;
        let copy = open_reader(to).map_err(failure(DOING))?;
        let said: String = copy.query_row(CHECK, [], |row| row.get(0)).map_err(failure(DOING))?;
        if said == "ok" { Ok(Self(copy)) } else { Err(damaged(DOING, "database file", said)) }
    }

    /// How many events the log has.
    pub fn size(&self) -> Result<u64, StoreError> {
        read::size(&self.0)
    }

    /// Events from a place of the log on.
    pub fn events(&self, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        read::events(&self.0, from, limit)
    }

    /// The latest checkpoint.
    pub fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        read::checkpoint(&self.0)
    }
}
