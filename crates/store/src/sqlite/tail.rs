//! The tail of the log: the events that the index by stream does not have yet, and the signals that the index by incident does not.
//!
//! A storm of signals belongs to many incidents. An index by stream that is kept with every commit touches a page of the file for
//! nearly each event, and writes it twice. So both indexes are tables of their own, and what is new goes into them some thousand
//! at a time, sorted, in the transaction of the next commit: each page is touched once for many. Readers look into the index and
//! through the tail. Here, in the writing thread, is how long each stream of the tail is; whatever is rolled back in the database
//! is undone here, too. It must never say a length that is not durable or about to be. Tests: `conformance.rs`, and below.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::fault;
use crate::{
    StoreError,
    columns::{count_of, integer},
};

pub(super) const DOING: &str = "append to log";

pub(super) const SIZE: &str = "SELECT coalesce(max(place) + 1, 0) FROM event";
const INDEXED: &str = "SELECT place FROM event_indexed WHERE sole = 1";
const TAIL_STREAMS: &str = "SELECT stream, version FROM event WHERE place >= ?1 ORDER BY place";
const LATE_SIGNALS: &str = "SELECT count(*) FROM signal_late";
const STREAM_SIZE: &str = "SELECT coalesce(max(version) + 1, 0) FROM event_of WHERE stream = ?1";
const INDEX_EVENTS: &str = "INSERT INTO event_of (stream, version, place)
    SELECT stream, version, place FROM event WHERE place >= ?1 ORDER BY stream, version";
const INDEX_SIGNALS: &str = "INSERT OR IGNORE INTO signal_of (incident, observed_ms, id)
    SELECT incident, observed_ms, id FROM signal_late ORDER BY incident, observed_ms, id";
const FORGET_LATE: &str = "DELETE FROM signal_late";
const SET_INDEXED: &str = "UPDATE event_indexed SET place = ?1 WHERE sole = 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INDEXED, TAIL_STREAMS, STREAM_SIZE, SIZE, SET_INDEXED];

/// What the indexes lack.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The first event that the index by stream does not have.
    first: u64,
    /// How long the streams are that have events in the tail.
    sizes: HashMap<String, u64>,
    /// Events and late signals in it.
    len: usize,
    /// How many there may be before it is time to index them.
    max: usize,
    /// What the open transaction changed here, oldest first.
    undo: Vec<Change>,
    /// Where the tail will begin, if the open transaction indexed what was there, and how many changes came before.
    indexed: Option<(u64, usize)>,
}

/// A change that may be undone.
#[derive(Debug)]
enum Change {
    /// A stream became longer; it had this length, if it was in the tail.
    Stream(String, Option<u64>),
    /// A signal came.
    Signal,
}

/// A moment of a transaction to go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(usize);

impl Tail {
    /// The tail as the file has it.
    pub(super) fn load(connection: &Connection, max: usize) -> Result<Self, StoreError> {
        const DOING: &str = "open store";
        let failed = fault(DOING);
        let first = connection.query_row(INDEXED, [], |row| row.get(0)).map_err(&failed)?;
        let mut tail = Self { first: count_of(DOING, first)?, max, ..Self::default() };
        let mut statement = connection.prepare(TAIL_STREAMS).map_err(&failed)?;
        let mut rows = statement.query([integer(tail.first)]).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            let version = count_of(DOING, row.get(1).map_err(&failed)?)?;
            tail.sizes.insert(row.get(0).map_err(&failed)?, version + 1);
            tail.len += 1;
        }
        let late: i64 = connection.query_row(LATE_SIGNALS, [], |row| row.get(0)).map_err(&failed)?;
        tail.len += usize::try_from(late).unwrap_or(usize::MAX);
        Ok(tail)
    }

    /// How long a stream is.
    pub(super) fn size_of(&self, connection: &Connection, stream: &str) -> Result<u64, StoreError> {
        if let Some(size) = self.sizes.get(stream) {
            return Ok(*size);
        }
        let size =
            connection.prepare_cached(STREAM_SIZE).and_then(|mut asked| asked.query_row([stream], |row| row.get(0)));
        count_of(DOING, size.map_err(fault(DOING))?)
    }

    /// Takes in that a stream got the event of this version.
    pub(super) fn add(&mut self, stream: &str, version: u64) {
        let before = match self.sizes.get_mut(stream) {
            Some(size) => Some(std::mem::replace(size, version + 1)),
            None => self.sizes.insert(stream.to_owned(), version + 1),
        };
        self.undo.push(Change::Stream(stream.to_owned(), before));
        self.len += 1;
    }

    /// Takes in that a signal of an incident came.
    pub(super) fn add_signal(&mut self) {
        self.undo.push(Change::Signal);
        self.len += 1;
    }

    /// This moment of the open transaction.
    pub(super) const fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    /// Goes back to a moment of the open transaction.
    pub(super) fn back_to(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            self.len -= 1;
            match self.undo.pop() {
                Some(Change::Stream(stream, Some(size))) => drop(self.sizes.insert(stream, size)),
                Some(Change::Stream(stream, None)) => drop(self.sizes.remove(&stream)),
                Some(Change::Signal) | None => {}
            }
        }
    }

    /// The transaction did not hold.
    pub(super) fn undone(&mut self) {
        self.back_to(Mark(0));
        self.indexed = None;
    }

    /// The transaction is durable.
    pub(super) fn kept(&mut self) {
        if let Some((first, before)) = self.indexed.take() {
            // What came into the transaction after the indexing is the tail now.
            let late = self.undo.split_off(before);
            let mut sizes = HashMap::new();
            for change in &late {
                if let Change::Stream(stream, _) = change
                    && let Some(size) = self.sizes.remove(stream)
                {
                    sizes.insert(stream.clone(), size);
                }
            }
            (self.first, self.sizes, self.len) = (first, sizes, late.len());
        }
        self.undo.clear();
    }

    /// Whether it is time to index it.
    pub(super) const fn is_long(&self) -> bool {
        self.len >= self.max
    }

    /// Puts what is in the tail into the indexes, inside the open transaction.
    pub(super) fn index(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        connection.prepare_cached(INDEX_EVENTS)?.execute([integer(self.first)])?;
        connection.prepare_cached(INDEX_SIGNALS)?.execute([])?;
        connection.prepare_cached(FORGET_LATE)?.execute([])?;
        let size: i64 = connection.prepare_cached(SIZE)?.query_row([], |row| row.get(0))?;
        connection.prepare_cached(SET_INDEXED)?.execute(params![size])?;
        self.indexed = Some((size.unsigned_abs(), self.undo.len()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(tail: &Tail) -> Vec<(&str, u64)> {
        let mut sizes: Vec<_> = tail.sizes.iter().map(|(stream, size)| (stream.as_str(), *size)).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn what_is_rolled_back_was_never_there() {
        let mut tail = Tail::default();
        tail.add("a", 0);
        tail.kept();
        tail.add("a", 1);
        let mark = tail.mark();
        tail.add("a", 2);
        tail.add("b", 0);
        tail.add_signal();
        tail.back_to(mark);
        assert_eq!((sizes(&tail), tail.len), (vec![("a", 2)], 2));
        tail.undone();
        assert_eq!((sizes(&tail), tail.len), (vec![("a", 1)], 1));
    }

    #[test]
    fn after_the_indexing_only_what_came_later_is_the_tail() {
        let mut tail = Tail::default();
        tail.add("a", 0);
        tail.add("b", 0);
        tail.kept();
        tail.indexed = Some((2, 0));
        tail.add("b", 1);
        tail.add("c", 0);
        tail.add_signal();
        tail.kept();
        assert_eq!((tail.first, sizes(&tail), tail.len), (2, vec![("b", 2), ("c", 1)], 3));
        tail.indexed = Some((4, 0));
        tail.add("a", 1);
        tail.undone();
        assert_eq!((tail.first, sizes(&tail), tail.len), (2, vec![("b", 2), ("c", 1)], 3));
    }
}
