//! Room for the write-ahead log, made before it is needed.
//!
//! A commit that makes the file longer has the file system write its own journal, too, and waits for both: twice as long as one that
//! writes where zeros are already. SQLite makes the file longer with every commit until it begins at its start again. So whenever it
//! has reached the end, the writing thread adds a piece of zeros there, between two transactions; the next commit's sync takes them
//! along. What reads the log stops at the last frame that is right, and zeros are none. Must never write anywhere but at the end of
//! the file: all before it is SQLite's. Tests: below, and every test that opens a file again.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// Bytes added at once: some fifty commits of a few alerts each.
const PIECE: usize = 1024 * 1024;
/// The longest file that is made longer: SQLite goes back to its start before (`WAL_PAGES` in `open.rs`).
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The write-ahead log as a file.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    file: Option<File>,
    /// How long the file was when zeros were added last.
    known: u64,
}

impl Room {
    /// For the database at `path`.
    pub(super) fn new(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        Self { path: PathBuf::from(name), file: None, known: 0 }
    }

    /// Makes room if there is none left. Call between two transactions of the only connection that writes. A failure costs speed,
    /// nothing else: on a full disk the next commit says so itself.
    pub(super) fn make(&mut self) {
        if let Err(error) = self.try_make() {
            tracing::debug!(%error, "no room made for the write-ahead log");
        }
    }

    fn try_make(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().write(true).open(&self.path)?),
        };
        let length = file.metadata()?.len();
        let grown = length > self.known;
        self.known = length;
        if grown && length < BYTES_MAX {
            file.seek(SeekFrom::Start(length))?;
            file.write_all(&vec![0; PIECE])?;
            self.known = length + PIECE as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_added_where_the_file_ends_and_only_when_it_grew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut room = Room::new(&path);
        room.make();
        let log = folder.path().join("x.db-wal");
        assert!(!log.exists(), "it makes no file");
        std::fs::write(&log, [7; 100]).unwrap();
        room.make();
        let bytes = std::fs::read(&log).unwrap();
        assert_eq!(bytes.len(), 100 + PIECE);
        assert!(bytes.iter().take(100).all(|byte| *byte == 7) && bytes.iter().skip(100).all(|byte| *byte == 0));
        room.make();
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 100 + PIECE as u64);
        OpenOptions::new().write(true).open(&log).unwrap().set_len(10).unwrap();
        room.make();
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 10, "cut back on purpose");
        std::fs::write(&log, [7; 50]).unwrap();
        room.make();
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 50 + PIECE as u64);
    }
}
