//! Whether what is decided can be written: commits, the published log, and the space that is kept for the last of it. The engine and
//! the publisher say how they do; health, metrics, the heartbeat and those who speak in need ask.
//!
//! Where the disk is full the reserve is given up, and the store goes on with it: pages, escalations and answers are written, and what
//! is new is taken as long as half of the space is left. Tests: below, and `tests/it/need.rs`.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::time::{Timestamp, human_span};
use quarterdeck_host::disk;
use quarterdeck_store::StoreError;

/// Bytes kept for when the disk is full: some hundred pages with all that follows from them. A small commit of SQLite's write-ahead
/// log takes about 40 kB.
pub const RESERVE_BYTES: u64 = 64 * 1024 * 1024;
/// The reserve is made where it leaves this many times itself to everybody else.
const ROOM: u64 = 4;
/// How long refusals may last before people are told.
const NEED_AFTER: Duration = Duration::from_secs(5);
/// How long a commit may take before that is a fault: monitors wait for it, and give up after ten seconds or so.
const SLOW: Duration = Duration::from_secs(3);
/// How far the published log may be behind, in time, before that is a fault: in a storm it is written every 3 s.
const BEHIND_MAX: Duration = Duration::from_secs(30);
/// How long an answer about free space is good for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How writing does. Shared.
#[derive(Debug, Default)]
pub struct Writing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When a commit last succeeded, by both clocks.
    committed: Option<(Timestamp, Duration)>,
    /// When the commit that is under way was handed over.
    under_way: Option<Duration>,
    /// How long the last one took.
    took: Duration,
    refused: Option<Refused>,
    published: u64,
    /// Since when the published log lacks something, and what was wrong last.
    behind: Option<(Timestamp, Duration, Option<String>)>,
    reserve: Option<Reserve>,
}

/// Commits are refused.
#[derive(Debug, Clone)]
struct Refused {
    since: Timestamp,
    since_elapsed: Duration,
    count: u64,
    why: String,
    /// For want of space: then an empty commit that succeeds says nothing.
    full: bool,
}

/// A file that keeps space.
#[derive(Debug)]
struct Reserve {
    path: PathBuf,
    /// It is there.
    kept: bool,
    /// Why it could not be made.
    missing: Option<String>,
    /// When it was given up, and why.
    given_up: Option<(Timestamp, String)>,
    /// Free space when looked at last.
    free: Option<(Duration, u64)>,
}

/// That people must be told although nothing can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Since when.
    pub since: Timestamp,
    /// What is wrong.
    pub why: String,
}

impl Writing {
    /// Keeps a reserve in this folder from now on.
    pub fn keep_reserve(&self, folder: &std::path::Path) {
        let path = folder.join("reserve");
        let kept = std::fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE_BYTES);
        self.lock().reserve = Some(Reserve { path, kept, missing: None, given_up: None, free: None });
        self.restore();
    }

    /// A commit is handed over.
    pub fn handed_over(&self, now: Duration) {
        self.lock().under_way = Some(now);
    }

    /// A commit succeeded.
    pub fn committed(&self, at: Timestamp, now: Duration) {
        let mut state = self.lock();
        state.took = state.under_way.take().map_or(Duration::ZERO, |begun| now.saturating_sub(begun));
        state.committed = Some((at, now));
        state.refused = None;
    }

    /// A commit of nothing succeeded: the store is there, and ours.
    pub fn answered(&self, at: Timestamp, now: Duration) {
        let mut state = self.lock();
        if state.refused.as_ref().is_none_or(|refused| !refused.full) {
            state.committed = Some((at, now));
            state.refused = None;
        }
    }

    /// A commit was refused. Where that is for want of space, the reserve is given up.
    pub fn refused(&self, error: &StoreError, at: Timestamp, now: Duration) {
        let mut state = self.lock();
        state.under_way = None;
        let why = error.to_string();
        if let (StoreError::Full { .. }, Some(reserve)) = (error, &mut state.reserve) {
            reserve.give_up(at, &why);
        }
        let refused = state.refused.get_or_insert(Refused {
            since: at,
            since_elapsed: now,
            count: 0,
            why: String::new(),
            full: false,
        });
        refused.count += 1;
        (refused.why, refused.full) = (why, matches!(error, StoreError::Full { .. }));
    }

    /// Whether anything new may be taken in: not once half of what is left is needed for what is owed already.
    pub fn takes_news(&self, now: Duration) -> bool {
        let mut state = self.lock();
        let Some(reserve) = state.reserve.as_mut().filter(|reserve| reserve.given_up.is_some()) else { return true };
        reserve.free_bytes(now).is_none_or(|free| free > RESERVE_BYTES / 2)
    }

    /// Makes the reserve, or makes it again, where there is room for it. What was given up for it is over then.
    pub fn restore(&self) {
        let mut state = self.lock();
        let Some(reserve) = state.reserve.as_mut().filter(|reserve| !reserve.kept) else { return };
        reserve.restore();
        if reserve.kept && state.refused.as_ref().is_some_and(|refused| refused.full) {
            state.refused = None;
        }
    }

    /// Whether only the space that was kept is left: it is for what is owed.
    pub fn is_full(&self) -> bool {
        self.lock().reserve.as_ref().is_some_and(|reserve| reserve.given_up.is_some())
    }

    /// The log is published up to here, of `size` events.
    pub fn published(&self, upto: u64, size: u64, at: Timestamp, now: Duration) {
        let mut state = self.lock();
        state.published = upto;
        state.behind = if upto >= size { None } else { state.behind.take().or(Some((at, now, None))) };
    }

    /// The log could not be published.
    pub fn not_published(&self, why: String, at: Timestamp, now: Duration) {
        let mut state = self.lock();
        let (since, since_elapsed, _) = state.behind.take().unwrap_or((at, now, None));
        state.behind = Some((since, since_elapsed, Some(why)));
    }

    /// Up to where the log is published.
    pub fn published_upto(&self) -> u64 {
        self.lock().published
    }

    /// When a commit last succeeded, by the clock that measures spans; none: none did since the start.
    pub fn last_commit(&self) -> Option<(Timestamp, Duration)> {
        self.lock().committed
    }

    /// Commits refused one after another.
    pub fn refusals(&self) -> u64 {
        self.lock().refused.as_ref().map_or(0, |refused| refused.count)
    }

    /// Whether people must be told now.
    pub fn need(&self, now: Duration) -> Option<Need> {
        let state = self.lock();
        let refused = state.refused.as_ref().filter(|refused| now.saturating_sub(refused.since_elapsed) >= NEED_AFTER);
        let refused = refused.map(|refused| Need { since: refused.since, why: refused.why.clone() });
        let given_up = || state.reserve.as_ref().and_then(|reserve| reserve.given_up.clone());
        refused.or_else(|| given_up().map(|(since, why)| Need { since, why }))
    }

    /// Why no request that changes anything can be taken now; none: it can.
    pub fn blocked(&self, at: Timestamp) -> Option<String> {
        let state = self.lock();
        let refused = state.refused.as_ref()?;
        let span = human_span(at.since(refused.since));
        Some(format!("nothing can be written for {span} ({} commits refused): {}", refused.count, refused.why))
    }

    /// What else is wrong, each in a sentence.
    pub fn faults(&self, size: u64, at: Timestamp, now: Duration) -> Vec<String> {
        let state = self.lock();
        let mut faults = Vec::new();
        let takes = state.under_way.map_or(Duration::ZERO, |begun| now.saturating_sub(begun)).max(state.took);
        if takes >= SLOW {
            let takes = human_span(takes);
            faults.push(format!("the store is slow: a commit takes {takes}, and monitors and pages wait for it"));
        }
        if let Some(reserve) = &state.reserve {
            if let Some((since, why)) = &reserve.given_up {
                let span = human_span(at.since(*since));
                faults.push(format!(
                    "the disk is full for {span}; what is owed is written to the space that was kept for it: {why}"
                ));
            } else if !reserve.kept {
                let (path, why) = (reserve.path.display(), reserve.missing.as_deref().unwrap_or_default());
                faults.push(format!("no space is kept for when the disk is full: `{path}` cannot be made: {why}"));
            }
        }
        if let Some((since, since_elapsed, why)) = &state.behind
            && now.saturating_sub(*since_elapsed) >= BEHIND_MAX
        {
            let (lag, span) = (size.saturating_sub(state.published), human_span(at.since(*since)));
            let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            faults.push(format!("the published log is {lag} events behind for {span}{why}"));
        }
        faults
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserve {
    fn give_up(&mut self, at: Timestamp, why: &str) {
        if !std::mem::take(&mut self.kept) {
            return;
        }
        self.given_up = Some((at, why.to_owned()));
        match std::fs::remove_file(&self.path) {
            Ok(()) => {
                tracing::error!(path = %self.path.display(), why, "the disk is full: the space kept for it is given up");
            }
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "the space kept for a full disk cannot be given up");
            }
        }
    }

    fn restore(&mut self) {
        let Some(folder) = self.path.parent() else { return };
        let made = disk::free_bytes(folder).and_then(|free| {
            if free < RESERVE_BYTES * ROOM {
                return Err(std::io::Error::other(format!("{free} bytes are free, want {}", RESERVE_BYTES * ROOM)));
            }
            disk::take(&self.path, RESERVE_BYTES)
        });
        match made {
            Ok(()) => {
                (self.kept, self.missing) = (true, None);
                if let Some((since, _)) = self.given_up.take() {
                    tracing::warn!(%since, "the disk has space again, and some is kept for the next time");
                }
            }
            Err(error) => self.missing = Some(error.to_string()),
        }
    }

    fn free_bytes(&mut self, now: Duration) -> Option<u64> {
        let good = self.free.filter(|(looked, _)| now.saturating_sub(*looked) < LOOK_EVERY);
        if good.is_none() {
            let free = self.path.parent().and_then(|folder| disk::free_bytes(folder).ok())?;
            self.free = Some((now, free));
        }
        self.free.map(|(_, free)| free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> StoreError {
        StoreError::Full { doing: "append to log" }
    }

    #[test]
    fn refusals_are_said_at_once_and_told_to_people_when_they_last() {
        let (writing, at) = (Writing::default(), Timestamp::from_secs(100));
        assert_eq!((writing.blocked(at), writing.need(Duration::ZERO)), (None, None));
        writing.refused(&full(), at, Duration::ZERO);
        writing.refused(&full(), at, Duration::from_secs(1));
        let said = writing.blocked(Timestamp::from_secs(103)).unwrap();
        assert_eq!(
            said,
            "nothing can be written for 3.0 s (2 commits refused): append to log: no space left for the store"
        );
        assert_eq!(writing.need(Duration::from_secs(4)), None);
        assert_eq!(writing.need(Duration::from_secs(5)).map(|need| need.since), Some(at));
        writing.committed(at, Duration::from_secs(6));
        assert_eq!((writing.blocked(at), writing.need(Duration::from_mins(1)), writing.refusals()), (None, None, 0));
    }

    #[test]
    fn the_reserve_is_given_up_for_want_of_space_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (writing, at, path) = (Writing::default(), Timestamp::from_secs(1), folder.path().join("reserve"));
        writing.keep_reserve(folder.path());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), RESERVE_BYTES);
        writing.refused(&StoreError::InUse { place: String::new(), by: String::new() }, at, Duration::ZERO);
        assert!(path.exists(), "it is not for want of space");
        writing.refused(&full(), at, Duration::ZERO);
        writing.committed(at, Duration::ZERO);
        assert!(!path.exists() && writing.need(Duration::ZERO).is_some());
        assert!(writing.faults(0, at, Duration::ZERO)[0].starts_with("the disk is full"));
        writing.restore();
        assert!(path.exists() && writing.need(Duration::ZERO).is_none());
        assert_eq!(writing.faults(0, at, Duration::ZERO), Vec::<String>::new());
    }

    #[test]
    fn a_commit_that_takes_long_is_a_fault_until_one_is_quick() {
        let (writing, at, s) = (Writing::default(), Timestamp::from_secs(1), Duration::from_secs);
        writing.handed_over(s(10));
        assert_eq!(writing.faults(0, at, s(12)), Vec::<String>::new());
        let said = ["the store is slow: a commit takes 4.0 s, and monitors and pages wait for it"];
        assert_eq!(writing.faults(0, at, s(14)), said);
        writing.committed(at, s(14));
        assert_eq!(writing.faults(0, at, s(60)), said, "the last one");
        writing.handed_over(s(60));
        writing.committed(at, s(61));
        assert_eq!(writing.faults(0, at, s(61)), Vec::<String>::new());
    }

    #[test]
    fn a_published_log_that_stays_behind_is_a_fault() {
        let (writing, at) = (Writing::default(), Timestamp::from_secs(1));
        writing.published(4, 10, at, Duration::ZERO);
        writing.not_published("no space".to_owned(), at, Duration::from_secs(1));
        assert_eq!(writing.faults(12, at, Duration::from_secs(29)), Vec::<String>::new());
        let faults = writing.faults(12, at.plus(Duration::from_secs(30)), Duration::from_secs(30));
        assert_eq!(faults, ["the published log is 8 events behind for 30.0 s: no space"]);
        writing.published(12, 12, at, Duration::from_secs(31));
        assert_eq!(writing.faults(12, at, Duration::from_secs(99)), Vec::<String>::new());
    }
}
