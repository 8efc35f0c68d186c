//! The tail of the log: the events that the index by stream does not have yet, and the signals that came with them, which are in
//! their rows until they are put on the list of signals and into its index by incident.
//!
//! A storm of signals belongs to many incidents. An index by stream that is kept with every commit touches a page of the file for
//! nearly each event, and writes it twice; a list of signals with its two indexes touches three more for each commit. So what is new
//! goes into them some thousand at a time, sorted, in the transaction of the next commit: each page is touched once for many.
//! Readers look into the tables and through the tail. No signal is in both: what changes one, or has one a second time, has the tail
//! put into the tables first. Here, in the writing thread, is how long each stream of the tail is and which signals are in it;
//! whatever is rolled back in the database is undone here, too. It must never say a length that is not durable or about to be.
//! Tests: `conformance.rs`, and below.

use std::collections::{HashMap, HashSet};

use quarterdeck_core::{id::SignalId, time::Timestamp};
use rusqlite::{Connection, params};

use super::failure::failure;
use crate::{
    SignalRow, StoreError,
    columns::{count_of, integer},
};

pub(super) const DOING: &str = "append to log";

pub(super) const SIZE: &str = "SELECT coalesce(max(place) + 1, 0) FROM event";
const INDEXED: &str = "SELECT place FROM event_indexed WHERE sole = 1";
const TAIL: &str = "SELECT stream, version, signal_observed_ms, signal_id FROM event WHERE place >= ?1 ORDER BY place";
const LAST_LISTED: &str = "SELECT max(observed_ms) FROM signal";
const IS_LISTED: &str = "SELECT 1 FROM signal WHERE observed_ms = ?1 AND id = ?2";
const STREAM_SIZE: &str = "SELECT coalesce(max(version) + 1, 0) FROM event_of WHERE stream = ?1";
const INDEX_EVENTS: &str = "INSERT INTO event_of (stream, version, place)
    SELECT stream, version, place FROM event WHERE place >= ?1 ORDER BY stream, version";
const LIST_SIGNALS: &str = "INSERT OR REPLACE INTO signal (observed_ms, id, status, incident, place)
    SELECT signal_observed_ms, signal_id, signal_status, signal_incident, place FROM event
    WHERE place >= ?1 AND signal_id IS NOT NULL ORDER BY signal_observed_ms, signal_id";
const INDEX_SIGNALS: &str = "INSERT OR IGNORE INTO signal_of (incident, observed_ms, id)
    SELECT signal_incident, signal_observed_ms, signal_id FROM event
    WHERE place >= ?1 AND signal_incident IS NOT NULL ORDER BY signal_incident, signal_observed_ms, signal_id";
const SET_INDEXED: &str = "UPDATE event_indexed SET place = ?1 WHERE sole = 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INDEXED, TAIL, LAST_LISTED, IS_LISTED, STREAM_SIZE, SIZE, SET_INDEXED];

/// How a signal is known: when it was seen, and its id.
type Key = (Timestamp, SignalId);

/// What the indexes and the list of signals lack.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The first event that the index by stream does not have.
    first: u64,
    /// How long the streams are that have events in the tail.
    sizes: HashMap<String, u64>,
    /// Signals in the rows of its events.
    signals: HashSet<Key>,
    /// No signal on the list was seen after this instant.
    last_listed: Option<Timestamp>,
    /// Events in it.
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
    Signal(Key),
}

/// A moment of a transaction to go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    changes: usize,
    indexed: Option<(u64, usize)>,
}

impl Tail {
    /// The tail as the file has it.
    pub(super) fn load(connection: &Connection, max: usize) -> Result<Self, StoreError> {
        const DOING: &str = "open store";
        let failed = failure(DOING);
        let first = connection.query_row(INDEXED, [], |row| row.get(0)).map_err(&failed)?;
        let last_listed = connection.query_row(LAST_LISTED, [], |row| row.get(0)).map_err(&failed)?;
        let last_listed = Option::map(last_listed, Timestamp::from_ms);
        let mut tail = Self { first: count_of(DOING, first)?, last_listed, max, ..Self::default() };
        let mut statement = connection.prepare(TAIL).map_err(&failed)?;
        let mut rows = statement.query([integer(tail.first)]).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            let version = count_of(DOING, row.get(1).map_err(&failed)?)?;
            tail.sizes.insert(row.get(0).map_err(&failed)?, version + 1);
            tail.len += 1;
            let signal = (row.get(2).map_err(&failed)?, row.get(3).map_err(&failed)?);
            if let (Some(observed), Some(id)) = signal {
                tail.signals.insert((Timestamp::from_ms(observed), SignalId::from_bytes(id)));
            }
        }
        Ok(tail)
    }

    /// How long a stream is.
    pub(super) fn size_of(&self, connection: &Connection, stream: &str) -> Result<u64, StoreError> {
        if let Some(size) = self.sizes.get(stream) {
            return Ok(*size);
        }
        let size =
            connection.prepare_cached(STREAM_SIZE).and_then(|mut asked| asked.query_row([stream], |row| row.get(0)));
        count_of(DOING, size.map_err(failure(DOING))?)
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

    /// Whether a signal is on the list already, or in the tail.
    pub(super) fn knows(&self, connection: &Connection, row: &SignalRow) -> Result<bool, rusqlite::Error> {
        if self.signals.contains(&(row.observed, row.id)) {
            return Ok(true);
        }
        // In a storm nearly every signal is seen after all that are on the list.
        let may_be_listed = self.last_listed.is_some_and(|last| row.observed <= last);
        let values = params![row.observed.as_ms(), row.id.bytes()];
        Ok(may_be_listed && connection.prepare_cached(IS_LISTED)?.exists(values)?)
    }

    /// Takes in that a signal came with an event. False: it is in the tail already.
    pub(super) fn add_signal(&mut self, row: &SignalRow) -> bool {
        let key = (row.observed, row.id);
        let new = self.signals.insert(key);
        if new {
            self.undo.push(Change::Signal(key));
        }
        new
    }

    /// Whether signals that were seen before `instant` are in the tail.
    pub(super) fn has_signals_before(&self, instant: Timestamp) -> bool {
        self.signals.iter().any(|(observed, _)| *observed < instant)
    }

    /// Takes in that a signal that was seen then is put on the list.
    pub(super) fn listed(&mut self, observed: Timestamp) {
        self.last_listed = self.last_listed.max(Some(observed));
    }

    /// This moment of the open transaction.
    pub(super) const fn mark(&self) -> Mark {
        Mark { changes: self.undo.len(), indexed: self.indexed }
    }

    /// Goes back to a moment of the open transaction.
    pub(super) fn back_to(&mut self, mark: Mark) {
        while self.undo.len() > mark.changes {
            match self.undo.pop() {
                Some(Change::Stream(stream, before)) => {
                    self.len -= 1;
                    match before {
                        Some(size) => drop(self.sizes.insert(stream, size)),
                        None => drop(self.sizes.remove(&stream)),
                    }
                }
                Some(Change::Signal(key)) => drop(self.signals.remove(&key)),
                None => {}
            }
        }
        self.indexed = mark.indexed;
    }

    /// The transaction did not hold.
    pub(super) fn undone(&mut self) {
        self.back_to(Mark { changes: 0, indexed: None });
    }

    /// The transaction is durable.
    pub(super) fn kept(&mut self) {
        if let Some((first, before)) = self.indexed.take() {
            // What came into the transaction after the indexing is the tail now.
            let late = self.undo.split_off(before);
            let (mut sizes, mut signals, mut len) = (HashMap::new(), HashSet::new(), 0);
            for change in late {
                match change {
                    Change::Stream(stream, _) => {
                        len += 1;
                        if let Some(size) = self.sizes.remove(&stream) {
                            sizes.insert(stream, size);
                        }
                    }
                    Change::Signal(key) => drop(signals.insert(key)),
                }
            }
            (self.first, self.sizes, self.signals, self.len) = (first, sizes, signals, len);
        }
        self.undo.clear();
    }

    /// Whether it is time to index it.
    pub(super) const fn is_long(&self) -> bool {
        self.len >= self.max
    }

    /// Puts what is in the tail into the indexes and on the list, inside the open transaction.
    pub(super) fn index(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let first = integer(self.indexed.map_or(self.first, |(first, _)| first));
        connection.prepare_cached(INDEX_EVENTS)?.execute([first])?;
        connection.prepare_cached(LIST_SIGNALS)?.execute([first])?;
        connection.prepare_cached(INDEX_SIGNALS)?.execute([first])?;
        let size: i64 = connection.prepare_cached(SIZE)?.query_row([], |row| row.get(0))?;
        connection.prepare_cached(SET_INDEXED)?.execute(params![size])?;
        self.last_listed = self.last_listed.max(self.signals.iter().map(|(observed, _)| *observed).max());
        self.indexed = Some((size.unsigned_abs(), self.undo.len()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::signal::SignalStatus;

    use super::*;

    fn signal(n: u8) -> SignalRow {
        let (id, observed) = (SignalId::from_bytes([n; 16]), Timestamp::from_ms(n.into()));
        SignalRow { id, status: SignalStatus::Confirmed, incident: None, observed, place: 0 }
    }

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
        assert!(tail.add_signal(&signal(1)));
        assert!(!tail.add_signal(&signal(1)));
        tail.indexed = Some((4, 4));
        tail.back_to(mark);
        assert_eq!((sizes(&tail), tail.len, tail.indexed), (vec![("a", 2)], 2, None));
        assert!(tail.add_signal(&signal(1)), "it is not there any more");
        tail.undone();
        assert_eq!((sizes(&tail), tail.len, tail.signals.len()), (vec![("a", 1)], 1, 0));
    }

    #[test]
    fn after_the_indexing_only_what_came_later_is_the_tail() {
        let mut tail = Tail::default();
        tail.add("a", 0);
        tail.add("b", 0);
        tail.add_signal(&signal(1));
        tail.kept();
        tail.indexed = Some((2, 0));
        tail.add("b", 1);
        tail.add("c", 0);
        tail.add_signal(&signal(2));
        tail.kept();
        assert_eq!((tail.first, sizes(&tail), tail.len), (2, vec![("b", 2), ("c", 1)], 2));
        assert_eq!(tail.signals.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [signal(2).id]);
        tail.indexed = Some((4, 0));
        tail.add("a", 1);
        tail.undone();
        assert_eq!((tail.first, sizes(&tail), tail.len), (2, vec![("b", 2), ("c", 1)], 2));
    }
}
