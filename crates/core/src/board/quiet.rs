//! The end of a silence: what it held and still stands is told, as if it had come then. Many monitors say a thing once. Tests:
//! `scenarios/paging/silence_over.md`.

use std::{collections::BTreeSet, sync::Arc};

use super::{Board, JournalEvent, Recorded, Setting, Stream};
use crate::{
    id::{IdSource, SilenceId},
    signal::Signal,
    silence::service_label,
    time::Timestamp,
};

impl Board {
    /// Ends the silences whose time is over. Each signal is heard on top of what the one before it changed.
    pub(super) fn end_silences(&self, setting: &Setting, now: Timestamp, ids: &mut dyn IdSource) -> Vec<Recorded> {
        let mut ahead = self.clone();
        let mut recorded = Vec::new();
        let over: Vec<SilenceId> = self.returning.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in over {
            let held = ahead.held_by(id, now);
            let told = u64::try_from(held.len()).unwrap_or(u64::MAX);
            let ended = vec![ahead.journal(JournalEvent::SilenceOver { id, told }, now)];
            if !ahead.take_ahead(ended, &mut recorded) {
                return recorded;
            }
            for signal in held {
                let (heard, _) = ahead.raised(&signal, setting, now, ids);
                if !ahead.take_ahead(heard, &mut recorded) {
                    return recorded;
                }
            }
        }
        recorded
    }

    /// The signals that a silence held, that still stand and that no other silence means, the oldest first.
    fn held_by(&self, id: SilenceId, now: Timestamp) -> Vec<Arc<Signal>> {
        let Some(silence) = self.silence(id) else { return Vec::new() };
        let quiet = self.loose.latest().filter(|loose| loose.silence.is_some() && loose.status.is_live());
        let meant = quiet.filter(|loose| silence.matches(&loose.signal));
        let free =
            meant.filter(|loose| !self.silences(now).any(|other| other.id != id && other.matches(&loose.signal)));
        let mut held: Vec<Arc<Signal>> = free.map(|loose| Arc::clone(&loose.signal)).collect();
        held.reverse();
        held
    }

    /// The services of which standing claims speak, as their labels have them.
    pub(super) fn services_spoken_of(&self) -> Vec<String> {
        let loose = self.loose.latest().filter(|loose| loose.status.is_live()).map(|loose| &loose.signal);
        let attached = self.incidents().flat_map(|incident| incident.signals().values());
        let attached = attached.filter(|attached| attached.is_live()).map(|attached| &attached.signal);
        let spoken: BTreeSet<String> = loose.chain(attached).map(|signal| service_label(signal).into_owned()).collect();
        spoken.into_iter().filter(|name| !name.is_empty()).collect()
    }

    /// Takes in what was decided, for what is decided next. False where it does not fold: that is for the caller's own check to say.
    fn take_ahead(&mut self, decided: Vec<Recorded>, recorded: &mut Vec<Recorded>) -> bool {
        decided.into_iter().all(|one| {
            let folds = self.apply(&one).is_ok();
            recorded.push(one);
            folds
        })
    }

    /// Keeps the deadline of the journal by the silences that are to end.
    pub(super) fn quiet_until(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.deadline(Stream::Journal);
        change(self);
        let after = self.deadline(Stream::Journal);
        if before != after {
            before.map(|at| self.deadlines.remove(&(at, Stream::Journal)));
            after.map(|at| self.deadlines.insert((at, Stream::Journal)));
        }
    }
}
