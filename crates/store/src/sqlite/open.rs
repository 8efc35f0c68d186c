//! Opens the file: lock, settings, schema. It must never touch a file that is not ours. Tests: `sqlite/tests.rs`.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use super::{failure::failure, tail::Tail, upgrade};
use crate::{StoreError, columns::damaged};

const DOING: &str = "open store";

/// Forward only, never edited once released: the number is what the database remembers.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "first", sql: include_str!("../../migrations/sqlite/0001_first.sql"), carry: None },
    Migration {
        number: 2,
        name: "one_writer",
        sql: include_str!("../../migrations/sqlite/0002_one_writer.sql"),
        carry: None,
    },
    Migration {
        number: 3,
        name: "deliveries",
        sql: include_str!("../../migrations/sqlite/0003_deliveries.sql"),
        carry: Some(upgrade::deliveries),
    },
    Migration {
        number: 4,
        name: "late_indexes",
        sql: include_str!("../../migrations/sqlite/0004_late_indexes.sql"),
        carry: None,
    },
    Migration {
        number: 5,
        name: "kept_board",
        sql: include_str!("../../migrations/sqlite/0005_kept_board.sql"),
        carry: None,
    },
    Migration {
        number: 6,
        name: "signals_with_events",
        sql: include_str!("../../migrations/sqlite/0006_signals_with_events.sql"),
        carry: None,
    },
    Migration {
        number: 7,
        name: "evidence",
        sql: include_str!("../../migrations/sqlite/0007_evidence.sql"),
        carry: None,
    },
];

/// One step forward.
pub(super) struct Migration {
    /// From 1, without holes.
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    /// Carries rows over that SQL cannot, in the same transaction.
    pub(super) carry: Option<Carry>,
}

/// Makes other rows of rows of before.
type Carry = fn(&Connection) -> Result<(), StoreError>;

/// Marks a file as ours: `QDCK` in ASCII. See SQLite's `PRAGMA application_id`.
pub(super) const APPLICATION_ID: i64 = 0x5144_434B;
/// How long a statement waits for a lock. Only checkpoints and recovery ever hold one against us, for milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages (4 kB) of the write-ahead log before they are copied home: 32 MB, so that a hot page is copied once for many commits.
const WAL_PAGES: u32 = 8_000;
/// Bytes to which the write-ahead log is cut back after a burst.
const WAL_BYTES_KEPT: u32 = 64 * 1024 * 1024;
/// Page cache of a connection in KiB. The operating system caches the file besides.
const CACHE_KIB: i32 = 16 * 1024;
/// Events that the indexes and the list of signals may lack: a reader looks through so many in about a millisecond.
const TAIL_MAX: usize = 2_048;
/// Prepared statements kept by a connection: all that this store has.
const STATEMENTS_KEPT: usize = 64;

pub(super) const MAKE_MIGRATION_TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT";
const COUNT_TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
const LATEST_MIGRATION: &str = "SELECT coalesce(max(number), 0) FROM migration";
const RECORD_MIGRATION: &str = "INSERT INTO migration (number, name) VALUES (?1, ?2)";

/// How large things may grow.
#[derive(Debug)]
pub(super) struct Limits {
    /// Pages of 4 kB of the file; none: as the disk has.
    pub(super) pages_max: Option<u32>,
    /// Events that the indexes and the list of signals may lack.
    pub(super) tail_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pages_max: None, tail_max: TAIL_MAX }
    }
}

/// The connection that writes, with the lock that makes it the only one.
#[derive(Debug)]
pub(super) struct Opened {
    // Dropped in this order: the lock outlives the connection.
    pub(super) connection: Connection,
    pub(super) lock: File,
    pub(super) tail: Tail,
}

/// Opens the file for writing.
pub(super) fn open(path: &Path, limits: &Limits) -> Result<Opened, StoreError> {
    let lock = lock(path)?;
    create(path).map_err(io_fault)?;
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )
    .map_err(failure(DOING))?;
    let is_ours = check_ours(&connection, path)?;
    if !is_ours {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failure(DOING))?;
    }
    set_up(&connection, limits).map_err(failure(DOING))?;
    migrate(&mut connection, path)?;
    let tail = Tail::load(&connection, limits.tail_max)?;
    Ok(Opened { connection, lock, tail })
}

/// Opens the file for reading. The writer has created it.
pub(super) fn open_reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Takes the lock beside the file. The kernel frees it when the process ends, however it ends, so it can never be left behind.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut file =
        private().read(true).write(true).create(true).truncate(false).open(PathBuf::from(name)).map_err(io_fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(io_fault(error)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = Read::by_ref(&mut file).take(20).read_to_string(&mut holder);
            let by = match read {
                Ok(1..) => format!("process {}", holder.trim()),
                Ok(0) | Err(_) => "another process".to_owned(),
            };
            return Err(StoreError::InUse { place: path.display().to_string(), by });
        }
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(io_fault)?;
    writeln!(file, "{}", std::process::id()).map_err(io_fault)?;
    Ok(file)
}

/// Creates the file, for its owner's eyes only: it holds telephone numbers. SQLite gives its side files the same mode.
pub(super) fn create(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    private().write(true).create(true).truncate(false).open(path)?.sync_all()?;
    // Without this, a power failure could take the new file's name away with all that it holds.
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        Some(_) | None => File::open(".")?.sync_all(),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn io_fault(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { doing: DOING },
        _ => StoreError::Database { doing: DOING, source: Box::new(error) },
    }
}

/// Refuses a database of another program before anything in it is changed. True: it is marked as ours already; then opening it
/// writes nothing, which matters on a full disk.
pub(super) fn check_ours(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let tables: i64 = connection.query_row(COUNT_TABLES, [], |row| row.get(0)).map_err(failure(DOING))?;
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failure(DOING))?;
    if tables == 0 || id == APPLICATION_ID {
        return Ok(id == APPLICATION_ID);
    }
    Err(damaged(
        DOING,
        "database file",
        format!("{} belongs to another program (application id {id:#x})", path.display()),
    ))
}

fn set_up(connection: &Connection, limits: &Limits) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Plans do not depend on values, so that no statement is prepared anew because another value was bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // FULL: a commit is synced before it returns. NORMAL would lose the last commits with the power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is erased or deleted is overwritten, not only unlinked.
    connection.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    if let Some(pages) = limits.pages_max {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// The number of the last migration that the file has seen.
pub(super) fn latest_migration(connection: &Connection) -> Result<u32, StoreError> {
    connection.query_row(LATEST_MIGRATION, [], |row| row.get(0)).map_err(failure(DOING))
}

/// Brings the schema up to date, each migration in a transaction of its own.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    connection.execute_batch(MAKE_MIGRATION_TABLE).map_err(failure(DOING))?;
    let found = latest_migration(connection)?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if found > known {
        return Err(StoreError::Newer { place: path.display().to_string(), found, known });
    }
    for Migration { number, name, sql, carry } in MIGRATIONS.iter().filter(|migration| migration.number > found) {
        let failed = failure("migrate store");
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        transaction.execute_batch(sql).map_err(&failed)?;
        if let Some(carry) = carry {
            carry(&transaction)?;
        }
        transaction.execute(RECORD_MIGRATION, (number, name)).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
        tracing::info!(migration.number = number, migration.name = name, "migrated the store");
    }
    Ok(())
}
