//! Notices what a monitor claimed and no longer repeats: Prometheus says until when each alert holds, and falls silent when it dies. That
//! is no end: the claim stands, and says so. Only what we raised ourselves about a body that could not be read ends like this.
//!
//! Nothing is kept beside the signals themselves. Which signals end unless they are repeated follows from the format that they
//! came in, and after a restart each is given one resolve timeout anew: while we were down nobody could repeat anything. Tests: `tests/it/expiry.rs`.

mod newest;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::{
    board::Fate,
    limits::CLAIMS_EXPIRING_MAX,
    signal::{Fingerprint, Signal, SignalChange},
    time::Timestamp,
};
use quarterdeck_formats::{FORMATS, heard::Heard};
use tokio::sync::{RwLock, watch};

pub use self::newest::Annotations;
use self::newest::Newest;
use crate::{
    engine::{EngineError, Published, signals::read_back},
    loops::engine::EngineHandle,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_store::{Store, StoreError};

/// How long a claim holds that is not repeated and does not say: Alertmanager's default.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_mins(5);
/// How often to look what is over.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Signals read at once at the start.
const SIGNALS: usize = 1_000;
/// The signal that says that something could not be read ends unless it happens again.
const REFUSED: &str = "refused_input";

/// Whether claims under this name end unless they are repeated.
fn repeats(detector: &str) -> bool {
    detector == REFUSED || FORMATS.iter().any(|format| format.repeats() == Some(detector))
}

/// Until when a claim holds that is not repeated, and what it means if it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holds {
    until: Timestamp,
    /// It is over then, because it is our own. Else its source fell silent.
    ends: bool,
}

/// Until when the claims of monitors hold.
#[derive(Default)]
pub struct Expiries {
    until: Mutex<Until>,
    /// Taken alone while claims are ended: one that is repeated at that moment is heard before its end, or after it, and never
    /// ended by a look that came before.
    turn: RwLock<()>,
    newest: Mutex<Newest>,
}

/// Claims with the instants until which they hold.
#[derive(Default)]
struct Until {
    claims: BTreeMap<Fingerprint, Holds>,
    /// None of them ends before this; none: there was none. In a storm there are many, and looking at all of them for nothing costs.
    earliest: Option<Timestamp>,
}

impl Expiries {
    /// Gives every claim that stands and must be repeated another timeout. Call once, before [`run`].
    pub async fn take_up(&self, store: &dyn Store, published: &Published, now: Timestamp) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let rows = store.live_signals(after, SIGNALS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some((last.row.observed, last.row.id));
            for (found, back) in rows.iter().zip(read_back(published, &rows).await?) {
                match back {
                    Ok((signal, _)) if repeats(signal.detector.as_str()) => {
                        note(&mut self.lock(), &signal, now.plus(RESOLVE_TIMEOUT));
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, signal = %found.row.id, "cannot read a signal that stands"),
                }
            }
        }
    }

    /// Hands over what monitors said, and waits until it is durable. One fate for each, in order.
    pub async fn hear(&self, engine: &EngineHandle, heard: Vec<Heard>) -> Result<Vec<Fate>, EngineError> {
        let _others_may_too = self.turn.read().await;
        let mut ended = Vec::new();
        {
            let mut until = self.lock();
            for (place, one) in heard.iter().enumerate() {
                match (&one.change, one.expires) {
                    (SignalChange::Raised { signal }, Some(at)) => note(&mut until, signal, at),
                    (SignalChange::Raised { signal }, None) => drop(until.claims.remove(&signal.fingerprint)),
                    (SignalChange::Ended { fingerprint, .. }, _) => {
                        ended.extend(until.claims.remove(fingerprint).map(|holds| (place, *fingerprint, holds)));
                    }
                    (
                        SignalChange::Silent { .. } | SignalChange::Confirmed { .. } | SignalChange::Retracted { .. },
                        _,
                    ) => {}
                }
            }
        }
        self.note_newest(engine, &heard);
        let fates = engine.hear(heard.into_iter().map(|one| one.change).collect()).await?;
        let mut until = self.lock();
        for (place, claim, holds) in ended {
            // The end of an episode before it: the claim goes on, and must be repeated as before.
            if matches!(fates.get(place), Some(Fate::Late(_))) && !until.claims.contains_key(&claim) {
                until.take(claim, holds);
            }
        }
        drop(until);
        Ok(fates)
    }

    fn note_newest(&self, engine: &EngineHandle, heard: &[Heard]) {
        let board = engine.published().board();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        for one in heard {
            match &one.change {
                SignalChange::Raised { signal } if signal.annotations.is_some() => {
                    newest.hear(signal, board.signal(&signal.id).map(|known| &**known));
                }
                SignalChange::Ended { fingerprint, .. } => newest.forget(fingerprint),
                SignalChange::Raised { .. }
                | SignalChange::Silent { .. }
                | SignalChange::Confirmed { .. }
                | SignalChange::Retracted { .. } => {}
            }
        }
    }

    /// The annotations that a claim has now, where they are not those of the record.
    pub fn annotations(&self, claim: &Fingerprint) -> Option<Arc<Annotations>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(claim)
    }

    /// Until when a claim holds; none: until it is said to be over.
    pub fn until(&self, claim: &Fingerprint) -> Option<Timestamp> {
        self.lock().claims.get(claim).map(|holds| holds.until)
    }

    /// Says what is not repeated at `now`. If that cannot be made durable, it is still to be done.
    async fn end_due(&self, engine: &EngineHandle, now: Timestamp) -> Result<(), EngineError> {
        if !self.lock().may_end(now) {
            return Ok(());
        }
        let _alone = self.turn.write().await;
        let due: Vec<(Fingerprint, Holds)> = {
            let until = self.lock();
            until.claims.iter().filter(|(_, holds)| holds.until <= now).map(|(claim, holds)| (*claim, *holds)).collect()
        };
        let change = |(fingerprint, holds): &(Fingerprint, Holds)| {
            let (fingerprint, at) = (*fingerprint, holds.until);
            if holds.ends { SignalChange::Ended { fingerprint, at } } else { SignalChange::Silent { fingerprint, at } }
        };
        engine.hear(due.iter().map(change).collect()).await?;
        let mut until = self.lock();
        for (claim, _) in &due {
            until.claims.remove(claim);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Until> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Until {
    /// Whether a claim is over at `now`. Looks at all only where one may be.
    fn may_end(&mut self, now: Timestamp) -> bool {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return false;
        }
        self.earliest = self.claims.values().map(|holds| holds.until).min();
        self.earliest.is_some_and(|earliest| earliest <= now)
    }

    /// Notes a claim.
    fn take(&mut self, claim: Fingerprint, holds: Holds) {
        let earliest = self.earliest.map_or(holds.until, |earliest| earliest.min(holds.until));
        self.earliest = Some(earliest);
        self.claims.insert(claim, holds);
    }
}

/// Past the bound a claim holds until its monitor ends it, and its silence is not noticed.
fn note(until: &mut Until, signal: &Signal, at: Timestamp) {
    let claim = signal.fingerprint;
    let holds = Holds { until: at, ends: signal.detector.as_str() == REFUSED };
    if until.claims.len() < CLAIMS_EXPIRING_MAX || until.claims.contains_key(&claim) {
        until.take(claim, holds);
    } else {
        tracing::warn!(%claim, "too many claims must be repeated: this one holds until its monitor ends it");
    }
}

/// Says what is not repeated as it falls due, until `stop` says so.
pub async fn run(
    expiries: Arc<Expiries>,
    engine: EngineHandle,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        match expiries.end_due(&engine, clock.wall()).await {
            Ok(()) | Err(EngineError::Stopped) => {}
            Err(error) => tracing::error!(%error, "cannot say what monitors no longer repeat, trying again"),
        }
    }
}
