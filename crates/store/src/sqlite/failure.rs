//! What the errors of SQLite mean for us.

use rusqlite::ErrorCode;

use crate::{StoreError, columns::damaged};

/// What an error means that came while `doing` something.
pub(super) fn failure(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    use rusqlite::Error as E;
    move |error| match &error {
        E::SqliteFailure(code, _) if code.code == ErrorCode::DiskFull => StoreError::Full { doing },
        // The index of the write-ahead log is grown by writing to it; only a full disk refuses that.
        E::SqliteFailure(code, _) if code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => {
            StoreError::Full { doing }
        }
        E::SqliteFailure(code, _) if matches!(code.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            damaged(doing, "database file", error.to_string())
        }
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::Utf8Error(..)
        | E::InvalidColumnType(..) => damaged(doing, "row", error.to_string()),
        _ => StoreError::Database { doing, source: Box::new(error) },
    }
}
