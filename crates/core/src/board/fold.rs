//! From what was recorded to the board. The only place that changes what a board is compared by.

use std::sync::Arc;

use super::{Board, Body, JournalEvent, Recorded, Silence, Stream, damage::Subject, gap_key, place::Indexed};
use crate::{
    id::IncidentId,
    incident::{ClaimsEvent, IllegalHistory, Incident, IncidentEvent, LifeEvent, PagingEvent},
    limits::SILENCE_KEEP,
    time::Timestamp,
};

impl Board {
    /// Takes in what was recorded. The only way in. On error nothing has changed, and the caller sets the stream aside.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), IllegalHistory> {
        let Recorded { stream, version, at, body } = recorded;
        match (stream, body) {
            (Stream::Incident(id), Body::Incident(event)) => self.apply_to_incident(*id, *version, *at, event),
            (Stream::Journal, Body::Journal(event)) => self.apply_to_journal(*version, *at, event),
            _ => Err(IllegalHistory::WrongStream { stream: stream.to_string(), version: *version, kind: body.kind() }),
        }
    }

    /// The fold of everything recorded, in the order of each stream.
    pub fn fold<'a>(recorded: impl IntoIterator<Item = &'a Recorded>) -> Result<Self, IllegalHistory> {
        let mut board = Self::default();
        for recorded in recorded {
            board.apply(recorded)?;
        }
        Ok(board)
    }

    fn apply_to_incident(
        &mut self,
        id: IncidentId,
        version: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<(), IllegalHistory> {
        let before = if let Some(incident) = self.incidents.get_mut(&id) {
            incident.accepts(version, event)?;
            let before = Indexed::of(incident);
            Arc::make_mut(incident).apply(version, at, event)?;
            Some(before)
        } else {
            self.begins(id, version)?;
            self.incidents.insert(id, Arc::new(Incident::first(id, at, event)?));
            None
        };
        let after = self.incidents.get(&id).map(|incident| Indexed::of(incident));
        self.index(id, before, after);
        let Some(incident) = self.incidents.get(&id) else { return Ok(()) };
        match event {
            IncidentEvent::Life(LifeEvent::Opened { signal, .. })
            | IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal }) => {
                self.signals.insert(signal.id, id);
                self.claims.insert(signal.fingerprint, id);
                self.groups.add(signal, id);
                self.loose.remove(&signal.id);
            }
            IncidentEvent::Paging(PagingEvent::PageRequested { page, .. }) => {
                self.pages.insert(*page, id);
            }
            IncidentEvent::Life(LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. }) => {
                incident.signals().values().for_each(|attached| self.groups.remove(&attached.signal, id));
                self.tally.forget(id);
            }
            IncidentEvent::Life(LifeEvent::Reopened { .. }) => {
                incident.signals().values().for_each(|attached| self.groups.add(&attached.signal, id));
            }
            IncidentEvent::Life(
                LifeEvent::Acknowledged { .. }
                | LifeEvent::AcknowledgementExpired {}
                | LifeEvent::Mitigated { .. }
                | LifeEvent::Reviewed { .. },
            )
            | IncidentEvent::Claims(
                ClaimsEvent::SignalsAbsorbed { .. }
                | ClaimsEvent::SignalConfirmed { .. }
                | ClaimsEvent::SignalRetracted { .. }
                | ClaimsEvent::SignalEnded { .. }
                | ClaimsEvent::EndingLate { .. }
                | ClaimsEvent::SignalSilent { .. }
                | ClaimsEvent::SignalTakenUp { .. }
                | ClaimsEvent::SignalAcknowledged { .. }
                | ClaimsEvent::SignalUnanswered { .. }
                | ClaimsEvent::SeverityChanged(_)
                | ClaimsEvent::FactsStated { .. }
                | ClaimsEvent::MergedFrom { .. },
            )
            | IncidentEvent::Paging(
                PagingEvent::Escalated { .. }
                | PagingEvent::PageImpossible { .. }
                | PagingEvent::PageSettled { .. }
                | PagingEvent::HandedOver { .. }
                | PagingEvent::NobodyReached { .. },
            )
            | IncidentEvent::Roles(_)
            | IncidentEvent::Room(_)
            | IncidentEvent::Tasks(_)
            | IncidentEvent::Checks(_)
            | IncidentEvent::Evidence(_)
            | IncidentEvent::Access(_) => {}
        }
        Ok(())
    }

    fn apply_to_journal(&mut self, version: u64, at: Timestamp, event: &JournalEvent) -> Result<(), IllegalHistory> {
        if version != self.journal {
            return Err(IllegalHistory::BadJournalVersion { want: self.journal, got: version });
        }
        self.journal = version.saturating_add(1);
        match event {
            JournalEvent::Started { .. }
            | JournalEvent::Configured { .. }
            | JournalEvent::DetectorSilent { .. }
            | JournalEvent::SourceBegunAnew { .. }
            | JournalEvent::SecretsRefused { .. }
            | JournalEvent::SessionBegan { .. }
            | JournalEvent::SessionEnded { .. }
            | JournalEvent::AllClearSettled { .. }
            | JournalEvent::SilenceNoticeSettled { .. }
            | JournalEvent::SpokeInNeed { .. }
            | JournalEvent::ClockStepped { .. }
            | JournalEvent::AuditFailed { .. } => {}
            JournalEvent::Erased { stream, events, .. } => {
                let left = events.iter().map(|event| ((*stream, event.version), Arc::from(event.redaction.as_str())));
                self.erased.extend(left);
            }
            JournalEvent::StreamSetAside { incident, reason } => self.told(Subject::Incident(*incident), reason),
            JournalEvent::EventSetAside { place, reason } => self.told(Subject::Event(*place), reason),
            JournalEvent::SilenceNotice { id, .. } => self.quiet_until(|board| board.unnotice(*id)),
            JournalEvent::SilenceSet { silence, returns, notice } => {
                let forgotten =
                    self.silences.values().filter(|old| at.since(old.ends) > SILENCE_KEEP).map(|old| old.id);
                for id in forgotten.collect::<Vec<_>>() {
                    self.silences.remove(&id);
                }
                self.quiet_until(|board| {
                    let before = board.silences.insert(silence.id, Arc::new(silence.clone()));
                    before.map(|before| board.returning.remove(&(before.ends, before.id)));
                    returns.then(|| board.returning.insert((silence.ends, silence.id)));
                    board.unnotice(silence.id);
                    notice.map(|at| board.noticing.insert((at, silence.id)));
                });
            }
            JournalEvent::SilenceExpired { id, .. } => self.quiet_until(|board| {
                board.unnotice(*id);
                if let Some(silence) = board.silences.get_mut(id) {
                    let returns = board.returning.remove(&(silence.ends, *id)).is_some();
                    end(Arc::make_mut(silence), at);
                    returns.then(|| board.returning.insert((silence.ends, *id)));
                }
            }),
            JournalEvent::SilenceOver { id, .. } => self.quiet_until(|board| {
                let ends = board.silences.get(id).map(|silence| silence.ends);
                ends.map(|ends| board.returning.remove(&(ends, *id)));
            }),
            JournalEvent::GapOpened { gap } => {
                self.gaps.insert(gap_key(gap), Arc::new(gap.clone()));
            }
            JournalEvent::GapClosed { gap } => {
                self.gaps.remove(&gap_key(gap));
            }
            JournalEvent::SignalNoted { signal, silence } => self.loose.note(signal, *silence, version, at),
            JournalEvent::SignalTurned { signal, status, .. } => self.loose.set(signal, *status),
        }
        Ok(())
    }
}

/// Ends a silence now; one that has not begun will never have been in force.
fn end(silence: &mut Silence, at: Timestamp) {
    silence.ends = silence.ends.min(at);
    silence.starts = silence.starts.min(at);
}
